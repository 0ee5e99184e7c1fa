"""`build_plan`: desired and live in, one plan out. Pure, and deterministic to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import reconciler
from reconciler.diff import changed, created, deleted, replaced
from reconciler.errors import WsyncError, inert
from reconciler.fields import Wrong, read_timestamp
from reconciler.plan import guards
from reconciler.plan.change import Action, Change, Plan, PlanWarning, Unhealthy, in_order_of_danger
from reconciler.plan.order import graph, in_order
from reconciler.plan.risks import rename_risks, risks_of, secret_destinations, users_of
from reconciler.project import Target
from reconciler.resource import Address, Declared, DesiredState, Live, LiveState, fields, rank


@dataclass(frozen=True, slots=True)
class Selection:
    """The addresses a run looks at: those that a `select` glob matches (all, without any), less `exclude`."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, address: Address) -> bool:
        return (not self.select or address.matches(self.select)) and not address.matches(self.exclude)


EVERYTHING = Selection()


def build_plan(
    desired: DesiredState,
    live: LiveState,
    target: Target,
    *,
    selection: Selection = EVERYTHING,
    resend: tuple[str, ...] = (),
    max_deletes: int | None = None,
    warnings: Iterable[PlanWarning] = (),
) -> Plan:
    """What would change live into desired.

    `resend`: address globs whose otherwise equal resources are updated for their secrets' sake.
    `max_deletes`: instead of the target's. `warnings`: of the manifests, to stand beside the plan's own.
    """
    found = _found(desired, live, target, selection, resend)
    listed = _listed(found, graph(found, desired, live))
    described = list(_described(listed, desired, live))
    limit = target.max_deletes if max_deletes is None else max_deletes
    return Plan(
        target=target.name,
        workspace_id=target.workspace_id,
        host=target.host,
        changes=tuple(guards.judged(described, desired, live, target, limit)),
        no_op=sum(a not in found for a in desired.resources if selection.takes(a)),
        select=tuple(sorted(set(selection.select))),
        exclude=tuple(sorted(set(selection.exclude))),
        unmanaged=_in_kind_order(_unmanaged(found, desired, live, selection)),
        unhealthy=tuple(_unhealthy(desired, live, target, selection)),
        warnings=(*warnings, *_warnings(found, desired, live, target, selection, resend)),
        refused=guards.empty_desired(desired, live, target),
        wsync_version=reconciler.__version__,
    )


# ------------------------------------------------------------------------- which changes


def _found(
    desired: DesiredState, live: LiveState, target: Target, selection: Selection, resend: tuple[str, ...]
) -> dict[Address, Change]:
    changes: dict[Address, Change] = {}
    for address, declared in desired.resources.items():
        if selection.takes(address):
            change = _change(declared, live.resources.get(address), resend)
            if change is not None:
                changes[address] = change
    for address, was in live.resources.items():
        if (
            address not in desired.resources
            and selection.takes(address)
            and guards.is_deletable(address, target)
        ):
            changes[address] = _evidenced(Change(address, Action.DELETE, deleted(was), {}), was)
    return changes


def _change(declared: Declared, was: Live | None, resend: tuple[str, ...]) -> Change | None:
    """The change of one declared resource, or None when there is nothing to do."""
    secrets = {path: ref.reference for path, ref in declared.secrets.items() if ref is not None}
    if was is None:
        return Change(declared.address, Action.CREATE, created(declared), secrets, declared.source)
    moved = changed(declared, was)
    known = fields(declared.model)
    if any(known[f.path].immutable for f in moved):
        change = Change(declared.address, Action.REPLACE, replaced(declared, was), secrets, declared.source)
    elif moved:
        change = Change(declared.address, Action.UPDATE, moved, secrets, declared.source)
    elif secrets and declared.address.matches(resend):
        change = Change(declared.address, Action.UPDATE, (), secrets, declared.source, reasons=("resend",))
    else:
        return None
    return _evidenced(change, was)


def _evidenced(change: Change, was: Live) -> Change:
    """With the service's word on who changed the resource last, and when."""
    when = was.modified_on
    with suppress(Wrong):  # an odd one is shown as the service wrote it
        when = read_timestamp(when) if when else None
    return replace(change, modified_by=was.modified_by, modified_on=when)


def _listed(found: Mapping[Address, Change], needs: Mapping[Address, set[Address]]) -> list[Change]:
    listed = list(in_order(found, needs))
    if len(listed) != len(found):
        stuck = sorted(str(a) for a in found.keys() - {c.address for c in listed})
        raise WsyncError(
            f"these changes wait for each other: {', '.join(stuck)}", hint="apply them in two steps"
        )
    return listed


# ------------------------------------------------------------------------- risks, reasons


def _described(listed: list[Change], desired: DesiredState, live: LiveState) -> Iterator[Change]:
    """The changes with their risks and reasons."""
    senders = secret_destinations(desired)
    renames = rename_risks(listed, desired, live)
    users = users_of(listed, desired, live)
    for change in listed:
        risks = risks_of(change, desired, live, senders)
        reasons = list(change.reasons)
        if change.action is Action.REPLACE:
            fixed = fields(desired.resources[change.address].model)
            paths = [
                f.path
                for f in change.fields
                if f.path in fixed and fixed[f.path].immutable and f.before != f.after
            ]
            reasons.append(f"{', '.join(paths)} cannot change in place")
        if gone := renames.get(change.address):
            risks.add("re-ingestion")
            reasons.append(
                f"looks like a rename of {gone}: the two run side by side, this one from the beginning"
            )
        if used := users.get(change.address):
            risk, who = used
            reasons.append(f"used by {', '.join(map(str, who))}")
            if len(who) > 1:
                risks.add(risk)
        yield replace(change, risks=in_order_of_danger(risks), reasons=tuple(reasons))


# ------------------------------------------------------------------- beside the changes


def _unmanaged(
    found: Mapping[Address, Change], desired: DesiredState, live: LiveState, selection: Selection
) -> Iterator[Address]:
    return (a for a in live.resources if a not in desired.resources and a not in found and selection.takes(a))


def _unhealthy(
    desired: DesiredState, live: LiveState, target: Target, selection: Selection
) -> Iterator[Unhealthy]:
    """Of what is ours: declared, owned, or relied on as external."""
    for address in _in_kind_order(a for a, was in live.resources.items() if was.is_unhealthy):
        ours = address in desired.resources or address.matches((*target.owns, *target.external))
        if ours and selection.takes(address):
            was = live.resources[address]
            yield Unhealthy(address, was.status or "", was.errors)


def _warnings(
    found: Mapping[Address, Change],
    desired: DesiredState,
    live: LiveState,
    target: Target,
    selection: Selection,
    resend: tuple[str, ...],
) -> Iterator[PlanWarning]:
    for address in _in_kind_order(a for a in {**desired.resources, **live.resources} if selection.takes(a)):
        declared, was, change = (
            desired.resources.get(address),
            live.resources.get(address),
            found.get(address),
        )
        if declared is None and address.matches(target.protect) and address.matches(target.owns):
            message = "live, owned and declared nowhere, but protected: it stays"
            yield PlanWarning("WS301", f"{message}; to delete it, take it out of `protect` first", address)
        if was and was.unknown and change and change.action is Action.UPDATE:
            names = ", ".join(was.unknown)
            yield PlanWarning(
                "WS302",
                f"holds fields that wsync does not know ({names}): the update may clear them",
                address,
            )
        if was and was.is_unhealthy and declared and declared.secrets and change is None:
            message = f"{was.status} though all is as declared: its last secret may never have arrived"
            yield PlanWarning("WS303", f"{message}; send it again with --resend-secrets {address}", address)
    for glob in (*selection.select, *resend):
        if not any(a.matches((glob,)) for a in (*desired.resources, *live.resources)):
            yield PlanWarning("WS304", f"`{inert(glob)}` matches no address, neither declared nor live")
    for glob in resend:
        for address, declared in desired.resources.items():
            if address.matches((glob,)) and "*" not in glob and not declared.secrets:
                yield PlanWarning("WS305", "has no secret that could be sent again", address)


def _in_kind_order(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(addresses, key=lambda a: (rank(a.kind), a.id)))
