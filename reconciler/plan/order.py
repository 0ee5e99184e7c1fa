"""What must wait for what, and in which order changes are listed and carried out.

                 connection ── model          creates, updates and replaces: what is referred to first
                         ╲    ╱
                        pipeline              deletes, after all of them: what refers goes first

A change waits for the changes of what it will refer to. A delete (or the delete in a replace) waits
for every live resource that still refers to its address to be re-pointed or to go. Ready changes are
taken in the order of kinds, then of ids, so that the listing is one possible execution, and with one
request at a time the only one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter

from reconciler.plan.change import Action, Change
from reconciler.resource import Address, DesiredState, Live, LiveState, rank, references


def values_after(change_address: Address, desired: DesiredState, live: LiveState) -> Mapping[str, object]:
    """The values a resource will hold: as declared, with what is left out or ignored as it is live."""
    declared = desired.resources.get(change_address)
    was = live.resources.get(change_address)
    if declared is None:
        return was.values if was else {}
    if was is None:
        return declared.values
    kept = {p: v for p, v in was.values.items() if p not in declared.values or declared.ignores(p)}
    sent = {p: v for p, v in declared.values.items() if not declared.ignores(p)}
    return kept | sent


def refers_after(change: Change | None, was: Live, desired: DesiredState, live: LiveState) -> set[Address]:
    """What a live resource refers to once its change, if it has one, is carried out."""
    if change is None:
        return {target for _, target in was.refs()}
    if change.action is Action.DELETE:
        return set()
    return _refs_after(change, desired, live)


def _refs_after(change: Change, desired: DesiredState, live: LiveState) -> set[Address]:
    declared = desired.resources[change.address]
    values = (
        declared.values if change.action is Action.REPLACE else values_after(change.address, desired, live)
    )
    return {target for _, target in references(declared.model, values)}


def referrers(live: LiveState) -> dict[Address, list[Live]]:
    """Who refers to an address now, for every address that is referred to."""
    found: dict[Address, list[Live]] = {}
    for resource in live.resources.values():
        for _, target in resource.refs():
            found.setdefault(target, []).append(resource)
    return found


def graph(
    changes: Mapping[Address, Change], desired: DesiredState, live: LiveState
) -> dict[Address, set[Address]]:
    """For each change, the changes it waits for."""
    needs: dict[Address, set[Address]] = {address: set() for address in changes}
    going = {a for a, change in changes.items() if change.action.destroys}
    for address, change in changes.items():
        if change.action is not Action.DELETE:
            needs[address] |= {t for t in _refs_after(change, desired, live) if t in changes and t != address}
    for target, those in (referrers(live) if going else {}).items():
        if target not in going:
            continue
        for referrer in those:
            its = changes.get(referrer.address)
            if its is not None and target not in refers_after(its, referrer, desired, live):
                needs[target].add(referrer.address)
    return needs


def precedence(change: Change) -> tuple[int, int, str]:
    """Among ready changes, which is taken first."""
    if change.action is Action.DELETE:
        return (1, -rank(change.address.kind), change.address.id)
    return (0, rank(change.address.kind), change.address.id)


class Queue:
    """The changes that may start now, in order of precedence, as others end.

    Raises `graphlib.CycleError` when changes wait for each other.
    """

    def __init__(self, changes: Mapping[Address, Change], needs: Mapping[Address, set[Address]]) -> None:
        self._changes = changes
        self._sorter = TopologicalSorter(needs)
        self._sorter.prepare()
        self._heap: list[tuple[tuple[int, int, str], Address]] = []
        self._take_ready()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def pop(self) -> Change:
        """The next change to start. Raises IndexError when none is ready."""
        return self._changes[heapq.heappop(self._heap)[1]]

    def done(self, address: Address) -> None:
        """What waited for this change alone is ready now. A change that failed is never done."""
        self._sorter.done(address)
        self._take_ready()

    def _take_ready(self) -> None:
        for address in self._sorter.get_ready():
            heapq.heappush(self._heap, (precedence(self._changes[address]), address))


def in_order(changes: Mapping[Address, Change], needs: Mapping[Address, set[Address]]) -> Iterator[Change]:
    """The changes in the order in which one request at a time would carry them out."""
    queue = Queue(changes, needs)
    while queue:
        change = queue.pop()
        yield change
        queue.done(change.address)
