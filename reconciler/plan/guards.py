"""What may not be done, whatever the manifests say, and what to change to allow it.

Guards mark changes as refused; they never remove one, so that a reader sees what was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.fields import Field
from reconciler.plan.change import Action, Change
from reconciler.plan.order import referrers, refs_after, still_refers
from reconciler.project import Target
from reconciler.resource import Address, DesiredState, Live, LiveState, fields


def is_deletable(address: Address, target: Target) -> bool:
    """Whether an undeclared live resource is deleted: owned, and neither protected nor external."""
    return address.matches(target.owns) and not address.matches((*target.protect, *target.external))


def empty_desired(desired: DesiredState, live: LiveState, target: Target) -> str | None:
    """Why nothing may be applied when no manifest is left for the target while owned resources are live."""
    if desired.resources or not any(address.matches(target.owns) for address in live.resources):
        return None
    return (
        f"no manifest declares anything for target {target.name}, and owned resources are live: "
        "wsync does not delete all that there is (declare one resource at least, or empty `owns`)"
    )


def judged(
    changes: Sequence[Change],
    needs: Mapping[Address, set[Address]],
    desired: DesiredState,
    live: LiveState,
    target: Target,
    max_deletes: int,
) -> Iterator[Change]:
    """The changes, in the order they came in, each with why it would be refused, where it would."""
    by_address = {change.address: change for change in changes}
    destroying = sum(change.action.destroys for change in changes)
    using = referrers(live) if destroying else {}
    emptied = empty_desired(desired, live, target)
    taken = _taken(changes, live)
    seen: set[Address] = set()
    for change in changes:
        reasons = [
            _missing_reference(change, by_address, desired, live),
            _lost_secret(change, desired, live),
            _other_case(change, taken),
            _protected(change, desired, target),
            _still_used(change, by_address, using, desired, live),
            _waits(needs[change.address] - seen),
        ]
        if emptied and change.action is Action.DELETE:
            reasons.append(emptied)
        if change.action.destroys and destroying > max_deletes:
            reasons.append(_too_many(destroying, max_deletes))
        seen.add(change.address)
        yield replace(change, refused="; ".join(r for r in reasons if r) or None)


def _too_many(destroying: int, max_deletes: int) -> str:
    what = "delete or replace" if destroying == 1 else "deletes and replaces"
    return (
        f"{destroying} {what}, and max_deletes is {max_deletes}: "
        f"raise it in wsync.yaml, or once with --max-deletes {destroying}"
    )


def _missing_reference(
    change: Change, changes: Mapping[Address, Change], desired: DesiredState, live: LiveState
) -> str | None:
    """A reference to something that will not be there: the loader has checked that it is declared or external."""
    for field, wanted in refs_after(change, desired, live):
        its = changes.get(wanted)
        if its is not None and its.action is Action.DELETE:
            return f"needs {wanted} ({field.path}), which this plan deletes: declare it, or refer to another"
        if its is not None or wanted in live.resources:
            continue
        if wanted in desired.resources:
            return (
                f"needs {wanted} ({field.path}), which is left out of this run and not live: select it, too"
            )
        return f"needs {wanted} ({field.path}), which is not live: create it first, or declare it"
    return None


def _lost_secret(change: Change, desired: DesiredState, live: LiveState) -> str | None:
    """A full replace without the value of a write-only field would clear it, and no answer tells that value."""
    was = live.resources.get(change.address)
    declared = desired.resources.get(change.address)
    if was is None or declared is None:
        return None
    known = fields(declared.model)
    lost = sorted(path for path in was.held if path in known and path not in declared.secrets)
    if not lost:
        return None
    lines = " and ".join(_line_to_add(known[path]) for path in lost)
    return (
        f"it holds {', '.join(lost)}, which this would clear and nobody can read back: "
        f"add {lines} to its manifest (or null, to let it go)"
    )


def _line_to_add(field: Field) -> str:
    *above, leaf = field.parts
    where = f" under `{'.'.join(above)}`" if above else ""
    return f"`{leaf}: \"{{{{ secret('NAME') }}}}\"`{where}"


def _taken(changes: Iterable[Change], live: LiveState) -> dict[tuple[str, str], Address]:
    """The live resources whose ids are those of creates, ignoring case."""
    wanted = {_folded(c.address) for c in changes if c.action is Action.CREATE}
    return {_folded(a): a for a in sorted(live.resources) if _folded(a) in wanted} if wanted else {}


def _folded(address: Address) -> tuple[str, str]:
    return address.kind, address.id.casefold()


def _other_case(change: Change, taken: Mapping[tuple[str, str], Address]) -> str | None:
    """Ids are unique ignoring case (inferred), so such a create cannot succeed."""
    other = taken.get(_folded(change.address)) if change.action is Action.CREATE else None
    return f"differs only by case from {other}, which is live: use that id" if other else None


def _protected(change: Change, desired: DesiredState, target: Target) -> str | None:
    if change.action is not Action.REPLACE:
        return None
    if change.address.matches(target.protect):
        return "protected: `protect` of the target forbids to replace it"
    if desired.resources[change.address].protect:
        return "protected: its `lifecycle.protect` forbids to replace it"
    return None


def _still_used(
    change: Change,
    changes: Mapping[Address, Change],
    using: Mapping[Address, list[Live]],
    desired: DesiredState,
    live: LiveState,
) -> str | None:
    """Who refers to what goes, and goes on doing so: one at least, by name."""
    if not change.action.destroys:
        return None
    for user in sorted(using.get(change.address, ()), key=lambda u: u.address):
        if still_refers(user, change.address, changes, desired, live):
            return f"{user.address} still refers to it: re-point or delete that first"
    return None


def _waits(still: Collection[Address]) -> str | None:
    """What a change needs comes before it in the listing, unless they wait for each other."""
    if not still:
        return None
    named = ", ".join(map(str, sorted(still)))
    return f"waits for {named}, which waits for it in turn: re-point one of them to something else first"
