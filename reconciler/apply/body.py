"""The body of a write: what is declared, what must be kept, and real secrets. Sent as it is, kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.resource import Declared, Live, Resource, fields, nested
from reconciler.secrets import Secrets


def to_create(declared: Declared, secrets: Secrets) -> dict[str, Any]:
    """All declared values; an explicit null has nothing to unset yet and is left out."""
    document = _document(declared, declared.values, secrets)
    return _without_nulls(document)


def to_update(declared: Declared, read: Live, secrets: Secrets) -> dict[str, Any]:
    """All declared values, over the writable ones of `read` that are left out or ignored.

    PUT replaces the whole resource (inferred), so what is not sent might be cleared; and an explicit
    null is sent as null, so that it unsets the field also where left out means kept.
    """
    return _document(declared, values_of_update(declared, read), secrets)


def values_of_update(declared: Declared, read: Live) -> dict[str, object]:
    """The values an update leaves behind, by path."""
    known = fields(declared.model)
    kept = {
        path: value
        for path, value in read.values.items()
        if path in known and (path not in declared.values or declared.ignores(path))
    }
    sent = {path: value for path, value in declared.values.items() if not declared.ignores(path)}
    return kept | sent


def _document(declared: Declared, values: Mapping[str, object], secrets: Secrets) -> dict[str, Any]:
    revealed = {path: None if ref is None else secrets.reveal(ref) for path, ref in declared.secrets.items()}
    flat = {**values, **revealed}
    in_order = {path: flat[path] for path in fields(declared.model) if path in flat}
    return {"id": declared.address.id, **nested(in_order)}


def _without_nulls(document: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in document.items()
        if value is not None
    }


def holds(read: Live, values: Mapping[str, object], model: type[Resource]) -> bool:
    """Whether a live resource holds these values; what it holds beside them does not matter.

    As in a plan, an immutable field that an answer leaves out differs from nothing.
    """
    known = fields(model)
    return all(
        known[path].same(value, read.values.get(path)) or (known[path].immutable and path not in read.values)
        for path, value in values.items()
    )


def moved(before: Live, now: Live) -> list[str]:
    """The writable paths at which a resource is no longer what it was; null and missing are the same."""
    known = fields(now.model)
    if before.model is not now.model:
        return sorted(before.values.keys() | now.values.keys())
    return [p for p in known if not known[p].same(before.values.get(p), now.values.get(p))]
