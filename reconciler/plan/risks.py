"""Which classes of danger a change belongs to, from the marks on the fields alone."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

from reconciler.fields import Field
from reconciler.plan.change import Action, Change
from reconciler.plan.order import refs_after, values_after
from reconciler.resource import Address, Declared, DesiredState, Live, LiveState, Resource, fields

RETARGETED = "credential-retargeted"
REINGESTS = "re-ingestion"


def risks_of(
    change: Change, desired: DesiredState, live: LiveState, senders: Mapping[str, set[Destination]]
) -> set[str]:
    """The risks of one change by itself; see `renames` and `users_of` for those it shares with others.

    `senders` is what `secret_destinations` tells of all that is declared.
    """
    if change.action is Action.DELETE:
        return {"delete"}
    declared = desired.resources[change.address]
    found = set(_field_risks(change, declared, desired, live))
    if change.action is Action.REPLACE:
        found.add("replace")
    if change.action is not Action.UPDATE and _goes_elsewhere(declared, senders):
        found.add(RETARGETED)
    if change.action is Action.UPDATE and live.resources[change.address].is_unhealthy:
        found.add("clears-fault")
    return found if change.secrets else found - {RETARGETED}


def _field_risks(change: Change, declared: Declared, desired: DesiredState, live: LiveState) -> Iterator[str]:
    moved = moves(change, declared)
    after = values_after(change, desired, live)
    created = change.action is not Action.UPDATE
    for path, field in fields(declared.model).items():
        for risk in field.risks:
            if risk.applies(after.get(path), moved=path in moved, created=created, values=after):
                yield risk.name
        if field.destination and path in moved:
            yield RETARGETED


def moves(change: Change, declared: Declared) -> set[str]:
    """The paths at which what is live changes; a replace also lists what stays the same, or is written another way."""
    if change.action is Action.CREATE:
        return set()
    known = fields(declared.model)
    return {f.path for f in change.fields if f.path not in known or not known[f.path].same(f.before, f.after)}


# ---------------------------------------------------------------- where secrets are sent

Destination = tuple[str, tuple[object, ...]]


def secret_destinations(changes: Iterable[Change], desired: DesiredState) -> dict[str, set[Destination]]:
    """Everywhere that the secrets of creates and replaces are sent, by where a secret is kept."""
    ours = {
        ref.source
        for change in changes
        if change.action in (Action.CREATE, Action.REPLACE)
        for ref in desired.resources[change.address].secrets.values()
        if ref is not None
    }
    found: dict[str, set[Destination]] = {source: set() for source in ours}
    for declared in desired.resources.values() if ours else ():
        if declared.secrets and _destination_paths(declared.model):
            for ref in declared.secrets.values():
                if ref is not None and ref.source in ours:
                    found[ref.source].add(_destination(declared))
    return found


def _goes_elsewhere(declared: Declared, senders: Mapping[str, set[Destination]]) -> bool:
    """Whether another resource sends one of the secrets to another place."""
    here = _destination(declared)
    return any(
        place != here for ref in declared.secrets.values() if ref is not None for place in senders[ref.source]
    )


def _destination(declared: Declared) -> Destination:
    """What tells one receiver of a secret from another: the variant and its destination fields."""
    paths = _destination_paths(declared.model)
    return declared.model.__name__, tuple(declared.values.get(path) for path in paths)


@functools.cache
def _destination_paths(model: type[Resource]) -> tuple[str, ...]:
    return tuple(path for path, field in fields(model).items() if field.destination)


# ------------------------------------------------------------------- risks beyond a change


def renames(changes: Iterable[Change], desired: DesiredState, live: LiveState) -> dict[Address, Address]:
    """Creates that look like a rename of something deleted: the same kind, referring to the same things.

    Maps the created address to the deleted one. Only kinds that read again from the beginning count:
    those with a field of risk `re-ingestion`.
    """
    made: list[tuple[Likeness, Address]] = []
    gone: dict[Likeness, Address] = {}
    for change in changes:
        address = change.address
        if change.action is Action.CREATE:
            made.append((_likeness(desired.resources[address]), address))
        elif change.action is Action.DELETE:
            alike = _likeness(live.resources[address])
            gone[alike] = min(address, gone.get(alike, address))
    return {address: gone[alike] for alike, address in made if alike[1] and alike in gone}


Likeness = tuple[str, frozenset[tuple[str, Address]]]


def _likeness(resource: Declared | Live) -> Likeness:
    """What two names of one thing have in common. Without references, nothing is told."""
    reingests = any(risk.name == REINGESTS for f in fields(resource.model).values() for risk in f.risks)
    refs = ((field.path, target) for field, target in resource.refs())
    return resource.address.kind, frozenset(refs if reingests else ())


def users_of(
    changes: Mapping[Address, Change], desired: DesiredState, live: LiveState
) -> dict[Address, dict[Address, str]]:
    """For each updated resource, who will refer to it through a field that shares it, and the name of that risk."""
    updated = {address for address, change in changes.items() if change.action is Action.UPDATE}
    users: dict[Address, dict[Address, str]] = {}
    for address, refs in _sharing(changes, desired, live) if updated else ():
        for field, target in refs:
            if target in updated and field.ref and field.ref.shared:
                users.setdefault(target, {})[address] = field.ref.shared
    return users


def _sharing(
    changes: Mapping[Address, Change], desired: DesiredState, live: LiveState
) -> Iterator[tuple[Address, Iterator[tuple[Field, Address]]]]:
    """Everything of a kind that shares what it refers to, ours or not, and what it will refer to."""
    for address, was in live.resources.items():
        if address not in changes and _shares(was.model):
            yield address, was.refs()
    for address, change in changes.items():
        yield address, refs_after(change, desired, live)


@functools.cache
def _shares(model: type[Resource]) -> bool:
    return any(field.ref and field.ref.shared for field in fields(model).values())
