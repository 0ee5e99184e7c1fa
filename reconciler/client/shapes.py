"""The shapes an answer may have, checked before anything is concluded from it.

Law: a list that may not be whole, an object that is not the one asked for, or an answer of another shape is an
error, never an absence.
"""

from __future__ import annotations

from typing import Any

from reconciler.client.wording import clean
from reconciler.errors import ApiError, inert
from reconciler.resource import Live, Resource, read_live
from reconciler.transport import Answer


class ProtocolError(ApiError):
    """An answer that does not mean what the API's answers mean. Nothing is concluded from it."""

    default_code = "WS420"


_HINT = "the service may have changed, or something answers in its place: nothing was concluded from this"


def wrong(answer: Answer, what: str) -> ProtocolError:
    return ProtocolError(f"{answer.host} answered {answer.status} with {what}", hint=_HINT)


def read_list(kind: type[Resource], answer: Answer) -> list[Live]:
    """All resources of a kind. Raises `ProtocolError`, `MalformedAnswer`."""
    if answer.status == 204:
        raise wrong(answer, f"nothing instead of the list of {kind.path}")
    document = answer.json(clean)
    if isinstance(document, dict):
        # A first page taken for the whole would make the rest look deleted.
        raise wrong(answer, f"an object instead of the list of {kind.path}: has paging appeared?")
    if not isinstance(document, list):
        raise wrong(answer, f"{_name(document)} instead of the list of {kind.path}")
    resources: list[Live] = []
    seen: set[str] = set()
    for n, item in enumerate(document, 1):
        identifier = item.get("id") if isinstance(item, dict) else None
        if not isinstance(identifier, str) or not identifier:
            what = "without an id" if isinstance(item, dict) else f"that is {_name(item)}"
            raise wrong(answer, f"an item {what} in the list of {kind.path} (number {n})")
        if identifier in seen:
            raise wrong(answer, f"the id {inert(identifier, 100)} twice in the list of {kind.path}")
        seen.add(identifier)
        resources.append(read_live(kind, item, clean))
    return resources


def read_one(kind: type[Resource], identifier: str, answer: Answer) -> Live:
    """The resource asked for. Raises `ProtocolError`, `MalformedAnswer`."""
    document = read_object(answer, f"{kind.kind} {identifier}")
    check_id(answer, document, identifier)
    return read_live(kind, document, clean)


def read_object(answer: Answer, what: str) -> dict[str, Any]:
    if answer.status == 204:
        raise wrong(answer, f"nothing instead of the {inert(what, 100)}")
    document = answer.json(clean)
    if not isinstance(document, dict):
        raise wrong(answer, f"{_name(document)} instead of the {inert(what, 100)}")
    return document


def check_id(answer: Answer, document: dict[str, Any], identifier: str, key: str = "id") -> None:
    found = document.get(key)
    if found != identifier:
        shown = inert(found, 100) if isinstance(found, str) and found else "none"
        raise wrong(answer, f"another {key} than asked for: {shown} instead of {inert(identifier, 100)}")


def _name(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
