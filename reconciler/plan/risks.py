"""Which classes of danger a change belongs to, from the marks on the fields alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from reconciler.plan.change import Action, Change
from reconciler.plan.order import values_after
from reconciler.resource import Address, Declared, DesiredState, Live, LiveState, fields

RETARGETED = "credential-retargeted"


def risks_of(
    change: Change, desired: DesiredState, live: LiveState, senders: Mapping[str, set[Destination]]
) -> set[str]:
    """The risks of one change by itself; see `rename_risks` and `users_of` for those it shares with others."""
    if change.action is Action.DELETE:
        return {"delete"}
    declared = desired.resources[change.address]
    was = live.resources.get(change.address)
    found = set(_field_risks(change, declared, desired, live))
    if change.action is Action.REPLACE:
        found.add("replace")
    if change.action is not Action.UPDATE and _goes_elsewhere(declared, senders):
        found.add(RETARGETED)
    if change.action is Action.UPDATE and was is not None and was.is_unhealthy:
        found.add("clears-fault")
    return found


def _field_risks(change: Change, declared: Declared, desired: DesiredState, live: LiveState) -> Iterator[str]:
    there = change.action is not Action.CREATE
    created = change.action is not Action.UPDATE
    after = declared.values if created else values_after(change.address, desired, live)
    moved = {f.path for f in change.fields if f.before != f.after and there}
    for path, field in fields(declared.model).items():
        for risk in field.risks:
            if risk.name == RETARGETED and not change.secrets:
                continue
            if risk.applies(after.get(path), moved=path in moved, created=created, values=after):
                yield risk.name
        if field.destination and change.secrets and path in moved:
            yield RETARGETED


# ---------------------------------------------------------------- where secrets are sent

Destination = tuple[str, tuple[object, ...]]


def destination(declared: Declared) -> Destination:
    """What tells one receiver of a secret from another: the variant and its destination fields."""
    return declared.model.__name__, tuple(
        declared.values.get(path) for path, field in fields(declared.model).items() if field.destination
    )


def secret_destinations(desired: DesiredState) -> dict[str, set[Destination]]:
    """For each secret reference, everywhere it is sent."""
    found: dict[str, set[Destination]] = {}
    for declared in desired.resources.values():
        for ref in declared.secrets.values():
            if ref is not None and any(f.destination for f in fields(declared.model).values()):
                found.setdefault(ref.reference, set()).add(destination(declared))
    return found


def _goes_elsewhere(declared: Declared, senders: Mapping[str, set[Destination]]) -> bool:
    here = destination(declared)
    return any(
        ref is not None and senders.get(ref.reference, {here}) - {here} for ref in declared.secrets.values()
    )


# ------------------------------------------------------------------- risks beyond a change


def rename_risks(changes: Iterable[Change], desired: DesiredState, live: LiveState) -> dict[Address, Address]:
    """Creates that look like a rename of something deleted: the same kind, referring to the same things.

    Maps the created address to the deleted one. Only kinds that read again from the beginning count:
    those with a field of risk `re-ingestion`.
    """

    def key(change: Change) -> tuple[str, tuple[str, ...]]:
        values = values_after(change.address, desired, live)
        model = (desired.resources.get(change.address) or live.resources[change.address]).model
        refs = tuple(str(values.get(p)) for p, f in fields(model).items() if f.ref)
        return change.address.kind, refs

    kept = [c for c in changes if c.action in (Action.CREATE, Action.DELETE) and _ingests(c, desired, live)]
    found: dict[Address, Address] = {}
    for _, group in groupby(sorted(kept, key=key), key=key):
        pairs = list(group)
        gone = sorted(c.address for c in pairs if c.action is Action.DELETE)
        if gone:
            found |= {c.address: gone[0] for c in pairs if c.action is Action.CREATE}
    return found


def _ingests(change: Change, desired: DesiredState, live: LiveState) -> bool:
    resource: Declared | Live = desired.resources.get(change.address) or live.resources[change.address]
    return any(r.name == "re-ingestion" for f in fields(resource.model).values() for r in f.risks)


def users_of(
    changes: Iterable[Change], desired: DesiredState, live: LiveState
) -> dict[Address, tuple[str, tuple[Address, ...]]]:
    """Who refers to each updated resource through a field that shares it, and the name of that risk."""
    updated = {c.address for c in changes if c.action is Action.UPDATE}
    if not updated:
        return {}
    users: dict[Address, dict[Address, str]] = {}
    everyone: dict[Address, Declared | Live] = {**live.resources, **desired.resources}
    for address, resource in everyone.items():
        for field, target in resource.refs():
            if target in updated and field.ref and field.ref.shared:
                users.setdefault(target, {})[address] = field.ref.shared
    return {target: (next(iter(who.values())), tuple(sorted(who))) for target, who in users.items()}
