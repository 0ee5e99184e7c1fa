"""What a create or an update may hold, by the kinds' own types and marks; and what of it may be logged.

Law: a secret goes into `Accepted.secrets` and nowhere else, no message holds a value of a request,
and a logged body is made of what is known not to be secret.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from reconciler.emulator.call import Refusal
from reconciler.emulator.defaults import filled
from reconciler.emulator.rows import Row, at, copied
from reconciler.emulator.switches import Switches
from reconciler.errors import inert
from reconciler.fields import Field, ForbiddenIf, RequiredIf, SecretRef, Together
from reconciler.resource import Resource, fields, variant_of

_SENT: Final = SecretRef("sent")
Tree = dict[str, Any]  # of names: a leaf is a Field, or None for `id`


@dataclass(frozen=True, slots=True)
class Accepted:
    """A body that was found good: a nested document with `id`, and each write-only field that is set.

    `secrets` maps paths to values; None where only that there is one is known.
    """

    model: type[Resource]
    document: dict[str, Any]
    secrets: dict[str, str | None]


def accept(
    kind: type[Resource], body: Mapping[str, Any], switches: Switches, old: Row | None = None
) -> Accepted:
    """The resource that a request declares. `old` is what an update replaces.

    Unknown keys and those that the server owns are ignored. Raises Refusal (400) naming every wrong field.
    """
    model = variant_of(kind, body)
    document = _known(tree(model), body)
    if old is not None and switches.left_out == "keep":
        _carry_over(model, document, old)
    secrets, problems = _take_secrets(model, document, switches, old)
    trial = copied(document)
    for path in secrets:
        put(trial, tuple(path.split(".")), _SENT)
    problems |= _type_problems(model, trial) | problems  # what was found first is said
    if not problems:
        document = _spelled(model, document)
        problems = _mark_problems(model, document)
    if problems:
        raise Refusal(400, *(f"{path}: {why}" for path, why in problems.items()))
    for path, value in filled(model).items():
        parts = tuple(path.split("."))
        if at(document, parts) is None:
            put(document, parts, value)
    carried = _carried_secrets(model, body, old) if switches.left_out == "keep" else {}
    return Accepted(model, document, carried | secrets)


def is_mask(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\*{3,}", value) is not None


def kept(secrets: Mapping[str, str | None], *, keep: bool) -> dict[str, str | None]:
    """What is stored of secrets: without `keep`, only that there is one; but a mask is none, and stays."""
    return {path: value if keep or is_mask(value) else None for path, value in secrets.items()}


@functools.cache
def tree(model: type[Resource]) -> Tree:
    """The names that a body of a kind or variant may hold, nested."""
    root: Tree = {"id": None}
    for f in fields(model).values():
        put(root, f.parts, f)
    return root


def put(document: dict[str, Any], parts: tuple[str, ...], value: object) -> None:
    """Sets a value in a nested document; does nothing where a parent is not a mapping."""
    for part in parts[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[parts[-1]] = value


def _known(names: Tree, body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a body that the kind knows; a mapping that is none stays, for its type is wrong."""
    return {
        name: _known(inner, body[name])
        if isinstance(inner, dict) and isinstance(body[name], dict)
        else body[name]
        for name, inner in names.items()
        if name in body
    }


def mentions(body: object, parts: tuple[str, ...]) -> bool:
    """Whether a document has a value at a path, even if it is null."""
    above = at(body, parts[:-1])
    return isinstance(above, dict) and parts[-1] in above


def _carry_over(model: type[Resource], document: dict[str, Any], old: Row) -> None:
    for f in fields(model).values():
        if not (f.required or f.secret or mentions(document, f.parts)):
            put(document, f.parts, at(old.document, f.parts))


def _carried_secrets(model: type[Resource], body: object, old: Row | None) -> dict[str, str | None]:
    return {
        f.path: old.secrets[f.path]
        for f in fields(model).values()
        if old is not None and f.path in old.secrets and not (f.required or mentions(body, f.parts))
    }


def _take_secrets(
    model: type[Resource], document: dict[str, Any], switches: Switches, old: Row | None
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Takes write-only values out of a document. Gives them, and what is wrong with them, by path."""
    secrets: dict[str, str | None] = {}
    problems: dict[str, str] = {}
    for f in fields(model).values():
        if not f.secret or not mentions(document, f.parts):
            continue
        value = at(document, f.parts[:-1]).pop(f.parts[-1])
        if is_mask(value) and switches.mask_in_put == "keep" and old is not None and f.path in old.secrets:
            secrets[f.path] = old.secrets[f.path]
        elif isinstance(value, str) and value:
            secrets[f.path] = value
        elif value is not None:
            problems[f.path] = "is empty" if value == "" else "must be a string"
    return secrets, problems


def _type_problems(model: type[Resource], trial: Mapping[str, Any]) -> dict[str, str]:
    try:
        model.model_validate(trial)
    except ValidationError as error:
        # Location and text only: pydantic's own rendering holds the input.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return {
            ".".join(map(str, e["loc"])): "is required" if e["type"] == "missing" else e["msg"] for e in found
        }
    return {}


def _spelled(model: type[Resource], document: Mapping[str, Any]) -> dict[str, Any]:
    """The document in the API's one spelling, without nulls."""
    spelled: dict[str, Any] = {"id": document["id"]}
    for f in fields(model).values():
        value = at(document, f.parts)
        if value is not None:
            read = f.read(value)
            put(spelled, f.parts, value if read is None else read)
    return spelled


def _mark_problems(model: type[Resource], document: Mapping[str, Any]) -> dict[str, str]:
    """The conditions between fields, which the marks hold and the types do not."""
    problems: dict[str, str] = {}
    for f in fields(model).values():
        here = at(document, f.parts[:-1])
        if not isinstance(here, dict):
            continue
        is_set = f.parts[-1] in here
        for mark in f.marks:
            match mark:
                case RequiredIf(when) if not is_set and when.holds(here):
                    problems[f.path] = f"is required where {when}"
                case ForbiddenIf(when) if is_set and when.holds(here):
                    problems[f.path] = f"must be left out where {when}"
                case Together(sibling) if is_set and sibling not in here:
                    problems[f.path] = f"needs `{sibling}`"
    return problems


# ------------------------------------------------------------------------------ the log


def redacted(kind: type[Resource], body: Mapping[str, Any]) -> dict[str, Any]:
    """A body as it may be logged: a secret is `(secret)`, but a mask or nothing in its place is told."""
    return _redacted(tree(variant_of(kind, body)), kind, body)


def _redacted(names: Tree, kind: type[Resource], body: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in body.items():
        known = names.get(name)
        if isinstance(known, dict) and isinstance(value, Mapping):
            shown[name] = _redacted(known, kind, value)
        elif isinstance(known, Field) and known.secret:
            shown[name] = _label(value)
        elif name in names:
            plain = value is None or isinstance(value, str | int | float)
            shown[name] = value if plain and not isinstance(known, dict) else "(of the wrong type)"
        else:
            shown[inert(name, 80)] = "(the server's)" if name in kind.computed else "(unknown)"
    return shown


def _label(value: object) -> object:
    if value is None or value == "":
        return value
    return "(mask)" if is_mask(value) else "(secret)"
