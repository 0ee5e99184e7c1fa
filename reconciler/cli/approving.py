"""Whether the plan that was just made is the one that somebody approved. Fails closed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.cli.output import Output, is_terminal
from reconciler.errors import Refused

if TYPE_CHECKING:
    from reconciler.plan.change import Change, Plan


@dataclass(frozen=True)
class Approval:
    """What approves a plan: saved plans, a digest, `--auto-approve`; without any of them, a `yes` on a terminal."""

    plans: Sequence[Plan] = ()
    digest: str | None = None
    auto: bool = False

    @property
    def given(self) -> bool:
        """Whether anything approves without asking."""
        return bool(self.plans) or self.digest is not None or self.auto

    @property
    def asks(self) -> bool:
        """Whether somebody is asked."""
        return not self.given and is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def demand(self, plan: Plan, output: Output) -> None:
        """Raises `Refused` unless every change of `plan` is allowed and approved."""
        from reconciler.apply.approval import refusal, uncovered

        if error := refusal(plan):
            raise error
        if self.digest is not None and self.digest != plan.digest:
            raise Refused(
                "the plan is not the one that --expect approves: it was made from other manifests, another selection or another live state",
                hint=f"review it; its digest is {plan.digest}",
                code="WS512",
            )
        if self.plans and (others := uncovered(plan, self.plans)):
            raise self._stale(others, plan, output)
        if not self.given:
            self._ask(plan, output)

    def _stale(self, others: Sequence[Change], plan: Plan, output: Output) -> Refused:
        from reconciler.render.moved import moved

        output.error(moved(self.plans, plan))
        what = f"{others[0].action.value} {others[0].address}"
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        alike = any((p.select, p.exclude) == (plan.select, plan.exclude) for p in self.plans)
        return Refused(
            f"no approved plan holds this change: {what}{more}",
            hint="something changed since the plan was approved: plan and review again"
            if alike
            else "give the -s and -x that the approved plan was made with, or plan and review again",
            code="WS513",
        )

    def _ask(self, plan: Plan, output: Output) -> None:
        if not self.asks:
            raise Refused(
                "nothing approves this plan, and there is no terminal to ask on",
                hint=f"give a plan file, or `--expect {plan.digest}`, or `--auto-approve`",
                code="WS514",
            )
        if output.ask(f"\nApply this to {plan.target}? Only `yes` does: ") != "yes":
            raise Refused("declined: nothing was written", code="WS515")
