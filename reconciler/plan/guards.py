"""What may not be done, whatever the manifests say, and what to change to allow it.

Guards mark changes as refused; they never remove one, so that a reader sees what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.plan.change import Action, Change
from reconciler.plan.order import referrers, refers_after, values_after
from reconciler.project import Target
from reconciler.resource import Address, DesiredState, Live, LiveState, fields, references


def is_deletable(address: Address, target: Target) -> bool:
    """Whether an undeclared live resource is deleted: owned, and neither protected nor external."""
    return address.matches(target.owns) and not address.matches((*target.protect, *target.external))


def empty_desired(desired: DesiredState, live: LiveState, target: Target) -> str | None:
    """Why nothing may be applied when no manifest is left for the target while owned resources are live."""
    if desired.resources or not any(is_deletable(a, target) for a in live.resources):
        return None
    return (
        f"no manifest declares anything for target {target.name}, and owned resources are live: "
        "wsync does not delete all that there is (declare one resource at least, or empty `owns`)"
    )


def judged(
    changes: Iterable[Change], desired: DesiredState, live: LiveState, target: Target, max_deletes: int
) -> Iterator[Change]:
    """The changes, each with why it would be refused, where it would."""
    changes = list(changes)
    by_address = {change.address: change for change in changes}
    destroying = sum(change.action.destroys for change in changes)
    using = referrers(live)
    folded = {(a.kind, a.id.casefold()): a for a in live.resources}
    for change in changes:
        reasons = [
            _missing_reference(change, by_address, desired, live),
            _lost_secret(change, desired, live),
            _other_case(change, folded),
            _protected(change, desired, target),
            _still_used(change, by_address, using, desired, live),
        ]
        if change.action.destroys and destroying > max_deletes:
            reasons.append(
                f"{destroying} {'delete or replace' if destroying == 1 else 'deletes and replaces'}, and max_deletes is "
                f"{max_deletes}: raise it in wsync.yaml, or once with --max-deletes {destroying}"
            )
        yield replace(change, refused="; ".join(r for r in reasons if r) or None)


def _missing_reference(
    change: Change, changes: Mapping[Address, Change], desired: DesiredState, live: LiveState
) -> str | None:
    """A reference to something that will not be there: the loader has checked that it is declared or external."""
    if change.action is Action.DELETE:
        return None
    declared = desired.resources[change.address]
    values = (
        declared.values if change.action is Action.REPLACE else values_after(change.address, desired, live)
    )
    for field, wanted in references(declared.model, values):
        action = changes[wanted].action if wanted in changes else None
        if action is not Action.DELETE and (action or wanted in live.resources):
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
    path = lost[0]
    *above, leaf = path.split(".")
    where = f" under `{'.'.join(above)}`" if above else ""
    line = f"{leaf}: \"{{{{ secret('NAME') }}}}\""
    return f"it holds {path}, which an update would clear and nobody can read back: add `{line}`{where} to its manifest"


def _other_case(change: Change, folded: Mapping[tuple[str, str], Address]) -> str | None:
    """Ids are unique ignoring case (inferred), so such a create cannot succeed."""
    if change.action is not Action.CREATE:
        return None
    other = folded.get((change.address.kind, change.address.id.casefold()))
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
    if not change.action.destroys:
        return None
    for user in sorted(using.get(change.address, ()), key=lambda u: u.address):
        its = changes.get(user.address)
        if change.address in refers_after(its, user, desired, live):
            return f"{user.address} still refers to it: re-point or delete that first"
    return None
