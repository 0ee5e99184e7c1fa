"""One resource, desired and live, to the fields that differ. Pure; the only import of deepdiff.

Only declared fields are compared: what a manifest leaves out is not ours. Values are compared in the
field's canonical form and by type, so that `1`, `"1"` and `true` are three things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    held = live.values
    # Nearly always all is as declared, and tens of thousands of resources wait: texts are compared at once, by type.
    suspects = [
        path
        for path, value in declared.values.items()
        if (was := held.get(path)) is not value and (type(was) is not str or was != value)
    ]
    known = fields(declared.model)
    unequal = [path for path in suspects if _differs(known[path], declared, held)]
    if unequal:
        unequal = _differing(unequal, held, declared.values, known)
    changes = {path: FieldChange(path, held.get(path), declared.values[path]) for path in unequal}
    if None in declared.secrets.values():
        changes |= {path: FieldChange(path, HELD, None) for path in _unset_secrets(declared, live)}
    return tuple(changes[path] for path in known if path in changes) if changes else ()


def _differs(field: Field, declared: Declared, held: Mapping[str, object]) -> bool:
    path = field.path
    if field.immutable and path not in held:
        return False  # an answer that leaves an immutable field out is no reason to delete anything
    return not declared.ignores(path) and not field.same(held.get(path), declared.values[path])


def _differing(
    paths: Sequence[str],
    before: Mapping[str, object],
    after: Mapping[str, object],
    known: Mapping[str, Field],
) -> list[str]:
    """The paths at which two flat documents differ, as deepdiff sees their canonical forms."""
    from deepdiff import DeepDiff  # 0.2 s to import, and mostly nothing differs

    difference = DeepDiff(
        {path: known[path].key(before.get(path)) for path in paths},
        {path: known[path].key(after[path]) for path in paths},
        ignore_private_variables=False,  # or it would not look at keys that begin with two underscores
    )
    found = difference.affected_root_keys
    return [path for path in paths if path in found]


def _unset_secrets(declared: Declared, live: Live) -> Iterator[str]:
    """Write-only fields that are explicitly null and still hold something."""
    return (
        p for p, ref in declared.secrets.items() if ref is None and p in live.held and not declared.ignores(p)
    )
