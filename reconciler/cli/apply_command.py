"""`wsync apply`: plan afresh, see that it is what was approved, write, and see that it worked."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import (
    CONNECTION,
    OUTPUT,
    PROJECT,
    RESEND,
    SELECTION,
    Common,
    common,
    option,
    options,
    seconds_option,
)
from reconciler.cli.session import (
    Planned,
    Run,
    last_words,
    load_run,
    plan_run,
    read_plan_file,
    render_plan,
    render_report,
    writing,
)
from reconciler.cli.signals import end_in_order
from reconciler.errors import Exit, Refused, WsyncError

if TYPE_CHECKING:
    from reconciler.apply.outcome import Outcome, Report, Result
    from reconciler.client import WriteClient
    from reconciler.plan.change import Plan
    from reconciler.secrets import Secrets


@click.command(
    "apply",
    short_help="Make live what the manifests declare.",
    epilog="""\b
Examples:
  wsync apply -t prod                           asks, on a terminal
  wsync apply -t prod plan.json                 exactly what a saved plan shows, or what is left of it
  wsync apply -t prod --expect sha256:3f9c…     exactly the plan of this digest
  wsync apply -t prod --auto-approve --wait 300
  wsync apply -t prod --max-deletes 2 plan.json""",
)
@click.argument("planfiles", nargs=-1, type=click.Path(path_type=Path), metavar="[PLANFILE]...")
@options(
    PROJECT,
    SELECTION,
    (
        option("--expect", metavar="DIGEST", help="Apply only if the fresh plan has this digest."),
        option(
            "--auto-approve",
            is_flag=True,
            help="Apply without asking; overrides neither PLANFILE nor --expect.",
        ),
        option(
            "--max-deletes",
            type=click.IntRange(min=0),
            metavar="N",
            help="Deletes and replaces allowed, instead of the target's.",
        ),
    ),
    RESEND,
    (seconds_option("--wait", help="Then wait until what is declared is healthy and idle."),),
    CONNECTION,
    OUTPUT,
)
def command(
    planfiles: tuple[Path, ...],
    expect: str | None,
    auto_approve: bool,
    max_deletes: int | None,
    wait: float | None,
    **given: Any,
) -> int:
    """Plan afresh, demand that the plan is what was approved, and carry it out in the order of references.

    Approval is a saved plan (or several), a digest, --auto-approve, or a `yes` on a terminal. Afterwards it
    plans once more, which must come out empty. A run that was cut is finished by the same command.
    """
    if expect is None and os.environ.get("WSYNC_EXPECT") == "":
        expect = ""  # set and empty, as by a job output that was dropped: it demands a digest all the same
    shared = common(given)
    try:
        shared.output.reserve()
        run, approved = _prepared(shared, planfiles, expect)
        with writing(run) as client:
            planned = plan_run(run, client, max_deletes=max_deletes)
            return _Apply(run, client, planned, approved, expect, auto_approve, wait).run()
    except WsyncError as error:
        error.known = {"result": "refused" if error.exit_code is Exit.REFUSED else "failed", **error.known}
        raise


def _prepared(shared: Common, planfiles: Sequence[Path], expect: str | None) -> tuple[Run, list[Plan]]:
    """All that needs no request: what approves the plan, and what it is made from."""
    from reconciler.apply.approval import check_digest, check_plan

    if expect is not None:
        check_digest(expect)
    approved = [read_plan_file(path) for path in planfiles]
    run = load_run(shared)
    target = run.target
    for path, plan in zip(planfiles, approved, strict=True):
        check_plan(plan, str(path), target=target.name, workspace_id=target.workspace_id, host=target.host)
    return run, approved


@dataclass
class _Apply:
    """One apply, from its fresh plan on."""

    context: Run
    client: WriteClient
    planned: Planned
    approved: Sequence[Plan]
    expect: str | None
    auto_approve: bool
    wait: float | None
    asked: bool = False

    def run(self) -> int:
        from reconciler.apply.outcome import Report
        from reconciler.render import document

        plan = self.planned.plan
        if not plan.changes and not plan.refused:
            return self._finish(Report(plan, "unchanged", Exit.OK))
        try:
            self._demand_approval()
            secrets = self._secrets()
        except WsyncError as error:
            result: Result = "refused" if error.exit_code is Exit.REFUSED else "failed"
            self._show_plan()
            error.known = document.report(Report(plan, result, error.exit_code))
            raise
        self._show_plan()
        return self._finish(self._write(secrets))

    def _show_plan(self) -> None:
        """What is about to happen (or is refused), for whoever reads the log."""
        output = self.context.output
        if output.format == "text" and not self.asked:
            output.note(
                render_plan(
                    self.planned.plan, replace(output, color="always" if output.notes_colored else "never")
                )
            )

    def _finish(self, report: Report) -> int:
        """Print the report. What was written counts more than whether the report could be."""
        output = self.context.output
        try:
            output.result(render_report(report, output))
        except (OSError, WsyncError) as error:
            output.error(f"The report could not be written: {error}")
            return report.exit or (Exit.PARTIAL if output.begun else Exit.ERROR)
        return report.exit

    # ----------------------------------------------------------------------------- before

    def _demand_approval(self) -> None:
        """Raises `Refused` unless every change is allowed and approved."""
        from reconciler.apply.approval import refusal, uncovered

        plan = self.planned.plan
        if error := refusal(plan):
            raise error
        if self.expect is not None and self.expect != plan.digest:
            raise Refused(
                "the plan is not the one that --expect approves: it was made from other manifests or another live state",
                hint=f"review it; its digest is {plan.digest}",
                code="WS512",
            )
        if self.approved:
            if others := uncovered(plan, self.approved):
                raise self._stale(others)
        elif self.expect is None and not self.auto_approve:
            self._ask()

    def _stale(self, others: Sequence[Any]) -> Refused:
        from reconciler.render.moved import moved

        self.context.output.error(moved(self.approved, self.planned.plan))
        what = f"{others[0].action.value} {others[0].address}"
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        return Refused(
            f"no approved plan holds this change: {what}{more}",
            hint="something changed since the plan was approved: plan and review again",
            code="WS513",
        )

    def _ask(self) -> None:
        output = self.context.output
        if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
            raise Refused(
                "nothing approves this plan, and there is no terminal to ask on",
                hint=f"give a plan file, or --expect {self.planned.plan.digest}, or --auto-approve",
                code="WS514",
            )
        self.asked = True
        output.error(render_plan(self.planned.plan, replace(output, format="text")))
        sys.stderr.write(f"\nApply this to {self.context.target.name}? Only `yes` does: ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if answer.strip() != "yes":
            raise Refused("declined: nothing was written", code="WS515")

    def _secrets(self) -> Secrets:
        """Every secret that will be sent, before anything is."""
        from reconciler.fields import SecretRef
        from reconciler.secrets import resolve

        wanted = {SecretRef(ref) for change in self.planned.plan.changes for ref in change.secrets.values()}
        return resolve(wanted, os.environ)

    # ------------------------------------------------------------------------------ writing

    def _write(self, secrets: Secrets) -> Report:
        from reconciler.apply.run import carry_out
        from reconciler.apply.write import Writer
        from reconciler.render.ending import outcome_line

        output, plan = self.context.output, self.planned.plan
        stop = end_in_order(
            lambda: last_words("what was in flight may be written or not, the next apply finds out")
        )
        output.begun = True
        started = time.monotonic()
        writer = Writer(self.client, self.planned.desired, self.planned.live, secrets)
        ended: dict[Any, Outcome] = {}
        for outcome in carry_out(plan, writer, parallelism=self.context.common.parallelism, stop=stop):
            ended[outcome.change.address] = outcome
            output.note(outcome_line(outcome, color=output.notes_colored))
        outcomes = [ended[change.address] for change in plan.changes]
        output.begun = any(outcome.wrote for outcome in outcomes)
        report = self._judge(outcomes, stop)
        return replace(report, seconds=time.monotonic() - started)

    def _judge(self, outcomes: Sequence[Outcome], stop: threading.Event) -> Report:
        """What the outcomes amount to; where all is done, whether the service agrees."""
        from reconciler.apply.outcome import Report, State

        plan = self.planned.plan
        states = {outcome.state for outcome in outcomes}
        if stop.is_set() and State.NOT_STARTED in states:
            return Report(plan, "interrupted", Exit.INTERRUPTED, outcomes)
        if states != {State.DONE}:
            wrote = self.context.output.begun
            return Report(
                plan, "partial" if wrote else "failed", Exit.PARTIAL if wrote else Exit.ERROR, outcomes
            )
        return self._close(Report(plan, "applied", Exit.OK, outcomes), stop)

    def _close(self, report: Report, stop: threading.Event) -> Report:
        from reconciler.apply.closing import close, wait_until_healthy

        self.context.output.progress("Planning once more …")
        closing = close(lambda: plan_run(self.context, self.client, resend=False).plan)
        report = replace(report, left=closing.left, closing_error=closing.error)
        if closing.left is None or closing.left:
            return replace(report, exit=Exit.UNHEALTHY)
        if self.wait is not None:
            self.context.output.progress("Waiting until all is well …")
            selection = self.context.selection
            declared = [a for a in self.planned.desired.resources if selection.takes(a)]
            health = wait_until_healthy(self.client.fetch, declared, self.wait, stop.wait)
            report = replace(report, unhealthy=health.unhealthy, busy=health.busy, closing_error=health.error)
            if not health.good:
                return replace(report, exit=Exit.INTERRUPTED if stop.is_set() else Exit.UNHEALTHY)
        return report
