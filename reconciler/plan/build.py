"""`build_plan`: desired and live in, one plan out. Pure, and deterministic to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import reconciler
from reconciler.diff import changed, created, deleted, replaced
from reconciler.errors import inert
from reconciler.fields import Wrong, read_timestamp
from reconciler.plan import guards
from reconciler.plan.change import Action, Change, Plan, PlanWarning, Unhealthy, in_order_of_danger
from reconciler.plan.order import graph, in_order
from reconciler.plan.risks import REINGESTS, renames, risks_of, secret_destinations, users_of
from reconciler.project import Target
from reconciler.resource import Address, Declared, DesiredState, Live, LiveState, fields, rank


@dataclass(frozen=True, slots=True)
class Selection:
    """The addresses a run looks at: those that a `select` glob matches (all, without any), less `exclude`."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, address: Address) -> bool:
        if self.select and not address.matches(self.select):
            return False
        return not (self.exclude and address.matches(self.exclude))


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
    looked_at = [declared for a, declared in desired.resources.items() if selection.takes(a)]
    undeclared = [a for a in live.resources if a not in desired.resources and selection.takes(a)]
    found = {c.address: c for c in _changes(looked_at, undeclared, live, target, resend)}
    needs = graph(found, desired, live)
    described = list(_described(found, in_order(found, needs), desired, live))
    limit = target.max_deletes if max_deletes is None else max_deletes
    return Plan(
        target=target.name,
        workspace_id=target.workspace_id,
        host=target.host,
        changes=tuple(guards.judged(described, needs, desired, live, target, limit)),
        no_op=sum(declared.address not in found for declared in looked_at),
        select=tuple(sorted(set(selection.select))),
        exclude=tuple(sorted(set(selection.exclude))),
        unmanaged=_in_kind_order(a for a in undeclared if a not in found),
        unhealthy=tuple(_unhealthy(desired, live, target, selection)),
        warnings=(
            *warnings,
            *sorted(_warnings(found, looked_at, undeclared, live, target), key=_place),
            *_useless_globs(looked_at, desired, live, selection, resend),
        ),
        refused=guards.empty_desired(desired, live, target),
        wsync_version=reconciler.__version__,
    )


# ------------------------------------------------------------------------- which changes


def _changes(
    looked_at: Iterable[Declared],
    undeclared: Iterable[Address],
    live: LiveState,
    target: Target,
    resend: tuple[str, ...],
) -> Iterator[Change]:
    for declared in looked_at:
        was = live.resources.get(declared.address)
        change = _create(declared) if was is None else _change(declared, was, resend)
        if change is not None:
            yield change
    for address in undeclared:
        if guards.is_deletable(address, target):
            was = live.resources[address]
            yield _evidenced(Change(address, Action.DELETE, deleted(was), {}), was)


def _create(declared: Declared) -> Change:
    return Change(declared.address, Action.CREATE, created(declared), _sent(declared), declared.source)


def _change(declared: Declared, was: Live, resend: tuple[str, ...]) -> Change | None:
    """The change of a declared resource that is live, or None when there is nothing to do."""
    address, source, moved = declared.address, declared.source, changed(declared, was)
    if moved and any(fields(declared.model)[f.path].immutable for f in moved):
        change = Change(address, Action.REPLACE, replaced(declared, was), _sent(declared), source)
    elif moved:
        change = Change(address, Action.UPDATE, moved, _sent(declared), source)
    elif resend and _sent(declared) and address.matches(resend):
        change = Change(address, Action.UPDATE, (), _sent(declared), source, reasons=("resend",))
    else:
        return None
    return _evidenced(change, was)


def _sent(declared: Declared) -> dict[str, str]:
    """The references to the secrets that a write of the resource sends, by path."""
    return {path: ref.reference for path, ref in declared.secrets.items() if ref is not None}


def _evidenced(change: Change, was: Live) -> Change:
    """With the service's word on who changed the resource last, and when."""
    when = was.modified_on
    with suppress(Wrong):  # an odd one is shown as the service wrote it
        when = read_timestamp(when) if when else None
    return replace(change, modified_by=was.modified_by, modified_on=when)


# ------------------------------------------------------------------------- risks, reasons


def _described(
    found: Mapping[Address, Change], listed: Iterable[Change], desired: DesiredState, live: LiveState
) -> Iterator[Change]:
    """The changes as they are listed, with their risks and reasons."""
    senders = secret_destinations(found.values(), desired)
    renamed = renames(found.values(), desired, live)
    users = users_of(found, desired, live)
    for change in listed:
        risks = risks_of(change, desired, live, senders)
        reasons = list(change.reasons)
        if change.action is Action.REPLACE:
            reasons.append(f"{', '.join(_fixed(change, desired, live))} cannot change in place")
        if gone := renamed.get(change.address):
            risks.add(REINGESTS)
            reasons.append(
                f"looks like a rename of {gone}: the two run side by side, this one from the beginning"
            )
        if who := users.get(change.address):
            reasons.append(f"used by {', '.join(map(str, sorted(who)))}")
            risks.update(who.values() if len(who) > 1 else ())
        yield replace(change, risks=in_order_of_danger(risks), reasons=tuple(reasons))


def _fixed(change: Change, desired: DesiredState, live: LiveState) -> list[str]:
    """The fields for which there is a replace instead of an update."""
    declared = desired.resources[change.address]
    differing = changed(declared, live.resources[change.address])
    return [f.path for f in differing if fields(declared.model)[f.path].immutable]


# ------------------------------------------------------------------- beside the changes


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
    looked_at: Iterable[Declared],
    undeclared: Iterable[Address],
    live: LiveState,
    target: Target,
) -> Iterator[PlanWarning]:
    for address in undeclared:
        if address not in found and address.matches(target.owns) and address.matches(target.protect):
            message = "live, owned and declared nowhere, but protected: it stays"
            yield PlanWarning("WS301", f"{message}; to delete it, take it out of `protect` first", address)
    for address, change in found.items():
        was = live.resources.get(address)
        if was and was.unknown and change.action in _REWRITES:
            names = ", ".join(sorted(was.unknown))
            message = f"holds fields that wsync does not know ({names}): {_REWRITES[change.action]} them"
            yield PlanWarning("WS302", message, address)
    for declared in looked_at:
        if declared.secrets and declared.address not in found and _sent(declared):
            was = live.resources[declared.address]
            if was.is_unhealthy:
                message = f"{was.status} though all is as declared: its last secret may never have arrived"
                again = f"send it again with --resend-secrets {was.address}"
                yield PlanWarning("WS303", f"{message}; {again}", was.address)


_REWRITES = {Action.UPDATE: "the update may clear", Action.REPLACE: "the replace loses"}


def _useless_globs(
    looked_at: Iterable[Declared],
    desired: DesiredState,
    live: LiveState,
    selection: Selection,
    resend: Iterable[str],
) -> Iterator[PlanWarning]:
    """Globs of the command line that do nothing: a word mistyped, perhaps."""
    for glob in sorted({*selection.select, *selection.exclude, *resend}):
        if not any(a.matches((glob,)) for a in (*desired.resources, *live.resources)):
            yield PlanWarning("WS304", f"`{inert(glob)}` matches no address, neither declared nor live")
        elif glob in resend and not any(d.address.matches((glob,)) and _sent(d) for d in looked_at):
            message = (
                f"--resend-secrets {inert(glob)} sends nothing: nothing that is declared there has a secret"
            )
            yield PlanWarning("WS305", message)


def _place(warning: PlanWarning) -> tuple[int, str, str]:
    assert warning.address is not None
    return (rank(warning.address.kind), warning.address.id, warning.code)


def _in_kind_order(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(addresses, key=lambda a: (rank(a.kind), a.id)))
