"""One resource, desired and live, to the fields that differ. Pure; the only import of deepdiff.

Only declared fields are compared: what a manifest leaves out is not ours. Values are compared in the
field's canonical form and by type, so that `1`, `"1"` and `true` are three things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.fields import Field
from reconciler.resource import Declared, Live, fields

HELD: Final = "(secret)"
"""Stands for a write-only value that is live, where its presence (never itself) is part of a change."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field by dotted path, whole values in the API's spelling; None is absent, null or unset."""

    path: str
    before: object
    after: object


def created(declared: Declared) -> tuple[FieldChange, ...]:
    """Every declared value, as a create sends it: what is ignored later is declared at first."""
    return tuple(
        FieldChange(path, None, value) for path, value in declared.values.items() if value is not None
    )


def deleted(live: Live) -> tuple[FieldChange, ...]:
    """Every live writable value, as it goes."""
    return tuple(FieldChange(path, value, None) for path, value in live.values.items())


def replaced(declared: Declared, live: Live) -> tuple[FieldChange, ...]:
    """Every value that goes or comes, equal ones too: a replace deletes and creates the whole."""
    paths = [*declared.values, *(path for path in live.values if path not in declared.values)]
    pairs = ((path, live.values.get(path), declared.values.get(path)) for path in paths)
    return tuple(
        FieldChange(path, before, after) for path, before, after in pairs if (before, after) != (None, None)
    )


def changed(declared: Declared, live: Live) -> tuple[FieldChange, ...]:
    """The declared values that the service does not hold, in the order of the kind's fields."""
    known = fields(declared.model)
    before = {path: live.values.get(path) for path in _compared(declared, live, known)}
    unequal = {p: v for p, v in before.items() if not known[p].same(v, declared.values[p])}
    if unequal:
        unequal = {path: unequal[path] for path in _differing(unequal, declared.values, known)}
    changes = {path: FieldChange(path, was, declared.values[path]) for path, was in unequal.items()}
    changes |= {path: FieldChange(path, HELD, None) for path in _unset_secrets(declared, live)}
    return tuple(changes[path] for path in known if path in changes)


def _compared(declared: Declared, live: Live, known: Mapping[str, Field]) -> Iterator[str]:
    for path in declared.values:
        if declared.ignores(path):
            continue
        # An answer that leaves an immutable field out is no reason to delete anything.
        if known[path].immutable and path not in live.values:
            continue
        yield path


def _differing(
    before: Mapping[str, object], after: Mapping[str, object], known: Mapping[str, Field]
) -> list[str]:
    """The paths at which two flat documents differ, as deepdiff sees their canonical forms."""
    from deepdiff import DeepDiff  # 0.2 s to import, and mostly nothing differs

    difference = DeepDiff(
        {path: known[path].key(value) for path, value in before.items()},
        {path: known[path].key(after[path]) for path in before},
    )
    found = difference.affected_root_keys
    return [path for path in before if path in found]


def _unset_secrets(declared: Declared, live: Live) -> Iterator[str]:
    """Write-only fields that are explicitly null and still hold something."""
    return (
        p for p, ref in declared.secrets.items() if ref is None and p in live.held and not declared.ignores(p)
    )
