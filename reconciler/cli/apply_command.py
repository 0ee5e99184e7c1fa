"""`wsync apply`: plan afresh, see that it is what was approved, write, and see that it worked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.approving import Approval
from reconciler.cli.options import (
    CONNECTION,
    FLAG,
    OUTPUT,
    PATH,
    PROJECT,
    RESEND,
    SELECTION,
    Common,
    common,
    count_range,
    option,
    options,
    seconds_option,
)
from reconciler.cli.output import Color, Output
from reconciler.cli.session import (
    Planned,
    Run,
    load_run,
    plan_run,
    read_plan_file,
    render_plan,
    render_report,
    writing,
)
from reconciler.cli.signals import end_in_order, end_reading_at_once, last_words
from reconciler.errors import Exit, OutputError, WsyncError

if TYPE_CHECKING:
    from reconciler.apply.outcome import Outcome, Report, Result
    from reconciler.client import WriteClient
    from reconciler.plan.change import Change, Plan
    from reconciler.secrets import Secrets


@click.command(
    "apply",
    epilog="""\b
Examples:
  wsync apply -t prod                          asks, on a terminal
  wsync apply -t prod plan.json                what a saved plan shows
  wsync apply -t prod --expect sha256:3f9c…    the plan of this digest
  wsync apply -t prod --auto-approve --wait 300
  wsync apply -t prod --max-deletes 2 plan.json""",
)
@click.argument("planfiles", nargs=-1, type=PATH, metavar="[PLANFILE]...")
@options(
    PROJECT,
    SELECTION,
    (
        option("--expect", metavar="DIGEST", help="Apply only if the fresh plan has this digest."),
        option(
            "--auto-approve",
            is_flag=True,
            type=FLAG,
            help="Apply without asking; overrides neither PLANFILE nor --expect.",
        ),
        option(
            "--max-deletes",
            type=count_range(0),
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
    end_reading_at_once(result="interrupted")
    try:
        shared.output.reserve()
        run, plans = _prepared(shared, planfiles, expect)
        with writing(run) as client:
            planned = plan_run(run, client, max_deletes=max_deletes)
            return _Apply(run, client, planned, Approval(plans, expect, auto_approve), wait).run()
    except Exception as error:  # noqa: BLE001 - what a bug leaves behind is told in the same way
        from reconciler.cli.unexpected import unexpected

        failure = error if isinstance(error, WsyncError) else unexpected(error)
        failure.known = {"result": _result(failure, shared.output), **failure.known}
        raise failure from None


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


def _result(failure: WsyncError, output: Output) -> Result:
    if output.begun:
        return "partial"
    return "refused" if failure.exit_code is Exit.REFUSED else "failed"


@dataclass
class _Apply:
    """One apply, from its fresh plan on."""

    context: Run
    client: WriteClient
    planned: Planned
    approval: Approval
    wait: float | None

    def run(self) -> int:
        from reconciler.apply.outcome import Report
        from reconciler.render import document

        plan, output = self.planned.plan, self.context.output
        if not plan.changes and not plan.refused:
            if plan.warnings:  # such as a glob that matches nothing
                self._show_plan()
            unchanged = Report(plan, "unchanged", Exit.OK)
            return self._finish(unchanged if self.wait is None else self._wait(unchanged, threading.Event()))
        self._show_plan()
        try:
            self.approval.demand(plan, output)
            secrets = self._secrets()
        except WsyncError as error:
            error.known = document.report(Report(plan, _result(error, output), error.exit_code))
            raise
        return self._finish(self._write(secrets))

    def _show_plan(self) -> None:
        """What is about to happen (or is refused): for who is asked, else for whoever reads the log."""
        output = self.context.output
        if output.format != "text" and not self.approval.asks:
            return
        color: Color = "always" if output.notes_colored else "never"
        shown = render_plan(self.planned.plan, replace(output, format="text", color=color), suggest=False)
        (output.error if self.approval.asks else output.note)(shown)

    def _finish(self, report: Report) -> int:
        """Print the report. What was written counts more than whether the report could be."""
        output = self.context.output
        try:
            output.result(render_report(report, output))
        except BrokenPipeError:  # whoever read it has read enough
            return report.exit
        except OutputError as error:
            output.error(f"The report could not be written: {error.message}")
            return report.exit or (Exit.PARTIAL if output.begun else Exit.ERROR)
        return report.exit

    def _secrets(self) -> Secrets:
        """Every secret that will be sent, before anything is."""
        from reconciler.fields import SecretRef
        from reconciler.resource import fields
        from reconciler.secrets import resolve, warnings_for

        sent = [
            (fields(self.planned.desired.resources[change.address].model)[path], SecretRef(reference))
            for change in self.planned.plan.changes
            for path, reference in change.secrets.items()
        ]
        secrets = resolve([ref for _, ref in sent], os.environ)
        doubts = [doubt for f, ref in sent for doubt in warnings_for(ref, secrets.reveal(ref), f)]
        for doubt in dict.fromkeys(doubts):
            self.context.output.error(f"Warning: {doubt}")
        return secrets

    # ------------------------------------------------------------------------------ writing

    def _write(self, secrets: Secrets) -> Report:
        from reconciler.apply.run import carry_out
        from reconciler.apply.write import Writer
        from reconciler.render.ending import outcome_line

        output, plan = self.context.output, self.planned.plan
        stop = end_in_order(
            lambda: last_words(
                "what was in flight may be written or not, the next apply finds out", result="interrupted"
            )
        )
        output.begun = True
        started = time.monotonic()
        writer = Writer(self.client, self.planned.desired, self.planned.live, secrets)
        ended: dict[Any, Outcome] = {}
        output.progress(f"Applying: 0 of {len(plan.changes):,} done …")
        for outcome in carry_out(plan, writer, parallelism=self.context.common.parallelism, stop=stop):
            ended[outcome.change.address] = outcome
            output.note(outcome_line(outcome, color=output.notes_colored))
            output.progress(f"Applying: {len(ended):,} of {len(plan.changes):,} done …")
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
        from reconciler.apply.closing import close

        again = "Planning once more, to see that it worked …"
        closing = close(lambda: plan_run(self.context, self.client, resend=False, doing=again).plan)
        left = None if closing.left is None else tuple(_scrubbed(change) for change in closing.left)
        report = replace(report, left=left, closing_error=closing.error)
        if closing.left is None or closing.left:
            return replace(report, exit=Exit.UNHEALTHY)
        return report if self.wait is None else self._wait(report, stop)

    def _wait(self, report: Report, stop: threading.Event) -> Report:
        """Until what is declared is well and idle: also where nothing had to be written, for the last run may have been cut."""
        from reconciler.apply.closing import wait_until_healthy

        assert self.wait is not None
        self.context.output.progress("Waiting until all is well …")
        selection = self.context.selection
        declared = [a for a in self.planned.desired.resources if selection.takes(a)]
        health = wait_until_healthy(self.client.fetch, declared, self.wait, stop.wait)
        report = replace(report, unhealthy=health.unhealthy, busy=health.busy, closing_error=health.error)
        if health.good:
            return report
        return replace(report, exit=Exit.INTERRUPTED if stop.is_set() else Exit.UNHEALTHY)


def _scrubbed(change: Change) -> Change:
    """A change of the closing plan, safe to show should the service have copied a secret into another field."""
    from reconciler.diff import FieldChange
    from reconciler.secrets import scrub

    fields = (
        FieldChange(f.path, scrub(f.before) if isinstance(f.before, str) else f.before, f.after)
        for f in change.fields
    )
    return replace(change, fields=tuple(fields))
