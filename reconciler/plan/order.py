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
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from reconciler.fields import Field
from reconciler.plan.change import Action, Change
from reconciler.resource import Address, DesiredState, Live, LiveState, rank, references


def values_after(change: Change, desired: DesiredState, live: LiveState) -> Mapping[str, object]:
    """The values that a write leaves behind: as declared; an update keeps what is left out or ignored as it is."""
    declared = desired.resources[change.address]
    if change.action is not Action.UPDATE:
        return declared.values
    held = live.resources[change.address].values
    kept = {p: v for p, v in held.items() if p not in declared.values or declared.ignores(p)}
    sent = {p: v for p, v in declared.values.items() if not declared.ignores(p)}
    return kept | sent


def refs_after(change: Change, desired: DesiredState, live: LiveState) -> Iterator[tuple[Field, Address]]:
    """What the resource refers to once the change is carried out, with the fields that do; nothing once it is gone."""
    if change.action is not Action.DELETE:
        model = desired.resources[change.address].model
        yield from references(model, values_after(change, desired, live))


def still_refers(
    user: Live, target: Address, changes: Mapping[Address, Change], desired: DesiredState, live: LiveState
) -> bool:
    """Whether a live resource that refers to `target` does so even after its change, if it has one."""
    change = changes.get(user.address)
    return change is None or any(to == target for _, to in refs_after(change, desired, live))


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
    for address, change in changes.items():
        after = {to for _, to in refs_after(change, desired, live)}
        needs[address] |= after & changes.keys()
        was = live.resources.get(address)
        before = {to for _, to in was.refs()} if was else set()
        for left in (before - after) & changes.keys():
            if changes[left].action.destroys:
                needs[left].add(address)
    return needs


def precedence(change: Change) -> tuple[int, int, str]:
    """Among ready changes, which is taken first."""
    if change.action is Action.DELETE:
        return (1, -rank(change.address.kind), change.address.id)
    return (0, rank(change.address.kind), change.address.id)


class Queue:
    """The changes that may start now, in order of precedence, as others end.

    Changes that wait for each other, and what waits for those, never get ready.
    """

    def __init__(self, changes: Mapping[Address, Change], needs: Mapping[Address, set[Address]]) -> None:
        self._changes = changes
        self._sorter = TopologicalSorter(needs)
        with suppress(CycleError):
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
    """The changes in the order in which one request at a time would carry them out.

    Those that wait for each other come last: such a plan is refused, but shown whole.
    """
    queue = Queue(changes, needs)
    left = dict(changes)
    while queue:
        change = queue.pop()
        yield left.pop(change.address)
        queue.done(change.address)
    yield from sorted(left.values(), key=precedence)
