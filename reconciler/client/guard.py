"""What no request body may hold, checked inside the client, whichever code asks for the write.

Law: a mask, an unrendered template, a missing or empty secret, a reference in place of a value, a field of the
server's own or an unknown key stops the write before a byte is sent. No message holds a value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.errors import WsyncError, inert
from reconciler.fields import Field, SecretRef
from reconciler.resource import Resource, fields, variant_of, variants
from reconciler.secrets import register, value_trouble

_TEMPLATE: Final = re.compile(r"\{\{|\{%.*?%\}", re.DOTALL)
_HALF_A_PAIR: Final = re.compile("[\\ud800-\\udfff]")


class UnsendableBodyError(WsyncError):
    """A request body that must not leave: nothing was sent."""

    default_code = "WS430"


def check_body(kind: type[Resource], body: Mapping[str, object], identifier: str | None = None) -> None:
    """Raises `UnsendableBodyError`, naming every path at fault, unless `body` may be sent as a resource of `kind`.

    `identifier` is the id that an update is for.
    """
    model = variant_of(kind, body)
    faults = list(_faults(kind, model, body))
    found = body.get("id")
    if not isinstance(found, str) or not found:
        faults.append("id: missing")
    elif identifier is not None and found != identifier:
        faults.append("id: not the one that the update is for")
    if faults:
        shown = inert(found, 100) if isinstance(found, str) else "without an id"
        raise UnsendableBodyError(
            f"nothing was sent: the body for {kind.kind} {shown} is refused ({'; '.join(faults)})",
            hint="a secret must be its real value, everything else a rendered one",
        )


def _faults(kind: type[Resource], model: type[Resource], body: Mapping[str, object]) -> Iterator[str]:
    if model is kind and variants(kind):
        # Without knowing the variant there is no telling which fields are secrets.
        yield f"{kind.tag}: unknown"
        return
    known = fields(model)
    values = dict(_leaves(body, set(known), _above(known)))
    for path, value in values.items():
        f = known.get(path)
        if f is not None and f.secret:
            continue
        if path in kind.computed:
            yield f"{path}: the service's own"
        elif f is None and path != "id":
            yield f"{inert(path, 100)}: unknown"
        elif fault := _value_fault(value):
            yield f"{path}: {fault}"
    for f in known.values():
        if f.secret and (fault := _secret_fault(f, values)):
            yield f"{f.path}: {fault}"


def _above(known: Mapping[str, Field]) -> dict[str, bool]:
    """The paths of all mappings that hold fields, and whether each may be null: whether none of its fields is required."""
    found: dict[str, bool] = {}
    for f in known.values():
        for n in range(1, len(f.parts)):
            path = ".".join(f.parts[:n])
            found[path] = found.get(path, True) and not f.required
    return found


def _leaves(
    mapping: Mapping[str, object], known: set[str], above: Mapping[str, bool], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    for key, value in mapping.items():
        path = f"{prefix}{key}"
        section = path in above and path not in known
        if section and isinstance(value, Mapping):
            yield from _leaves(value, known, above, f"{path}.")
        elif section and value is None and above[path]:
            continue  # all in it is unset
        else:
            yield path, value


def _secret_fault(f: Field, values: Mapping[str, object]) -> str | None:
    value = values.get(f.path)
    if value is None:
        # An optional one may be left out, or unset by an explicit null.
        return "a secret is missing" if f.required else None
    if isinstance(value, SecretRef):
        return "a reference instead of the secret"
    if not isinstance(value, str):
        return "a secret is text"
    if trouble := value_trouble(value):
        return f"the secret {trouble}"
    register(value)  # so that an echo of it is cut out of whatever the server says
    return None


def _value_fault(value: object) -> str | None:
    match value:
        case SecretRef():
            return "a secret where none may be"
        case str() if _TEMPLATE.search(value):
            return "a template that was not rendered"
        case str() if _HALF_A_PAIR.search(value):
            return "not UTF-8 text"
        case Mapping():
            return next((f for k, v in value.items() if (f := _value_fault(k) or _value_fault(v))), None)
        case list() | tuple():
            return next((f for v in value if (f := _value_fault(v))), None)
        case float() if not math.isfinite(value):
            return "not a number"
        case None | bool() | int() | float() | str():
            return None
        case _:
            return "not plain data"
