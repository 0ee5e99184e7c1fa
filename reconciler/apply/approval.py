"""Whether a fresh plan is what was approved. Fails closed: what cannot be compared is not approved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.errors import Refused
from reconciler.plan.change import Action, Change, Plan

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def check_digest(expected: str) -> None:
    """Raises `Refused` unless `expected` has the form of a plan's digest, whatever the plan is."""
    if not _DIGEST.fullmatch(expected):
        what = "it is empty" if not expected.strip() else "it is no digest"
        raise Refused(
            f"--expect demands the digest of an approved plan, and {what}: nothing is approved",
            hint="give the whole `sha256:…` that `wsync plan` printed; an unset variable gives an empty one",
            code="WS510",
        )


def check_plan(approved: Plan, name: str, *, target: str, workspace_id: str, host: str) -> None:
    """Raises `Refused` when a plan file is for another target, workspace or host than this run's."""
    for what, was, here in (
        ("target", approved.target, target),
        ("workspace", approved.workspace_id, workspace_id),
        ("host", approved.host, host),
    ):
        if was != here:
            raise Refused(
                f"{name} is a plan for {what} {was}, and this run is for {here}",
                hint=f"plan again for this {what}, or choose the target with -t",
                code="WS511",
            )


def uncovered(fresh: Plan, approved: Iterable[Plan]) -> tuple[Change, ...]:
    """The changes of the fresh plan that none of the approved plans holds.

    An approved replace also covers the create that remains of it when its delete is already done.
    """
    covered: set[tuple[str, str]] = set()
    for plan in approved:
        for change in plan.changes:
            covered.add((str(change.address), change.digest))
            if change.action is Action.REPLACE:
                covered.add((str(change.address), change.remaining_create().digest))
    return tuple(c for c in fresh.changes if (str(c.address), c.digest) not in covered)


def refusal(plan: Plan) -> Refused | None:
    """The error for a plan that may not be applied, whoever approves it."""
    reasons: Sequence[str] = plan.refusals
    if not reasons:
        return None
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return Refused(
        f"refused: {reasons[0]}{more}", hint="change what it names; nothing was written", code="WS520"
    )
