"""Whole renderings, compared with files that are reviewed as text: `REFRESH_GOLDEN=1 pytest tests/test_render_golden.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import render_samples as samples

from reconciler.errors import InvalidProject, Refused
from reconciler.plan.change import Action, Plan
from reconciler.render import markdown, text

GOLDEN = Path(__file__).parent / "golden"
REFRESH = bool(os.environ.get("REFRESH_GOLDEN"))


def _renderings() -> dict[str, Callable[[], str]]:
    found: dict[str, Callable[[], str]] = {}
    for name, plan in samples.PLANS.items():
        found[f"plan_{name}.txt"] = partial(text.plan, plan)
        found[f"plan_{name}.md"] = partial(markdown.plan, plan, commit="abc1234")
    for name, report in samples.REPORTS.items():
        found[f"report_{name}.txt"] = partial(text.report, report)
        found[f"report_{name}.md"] = partial(markdown.report, report)
    dangerous, creates = samples.PLANS["dangerous"], samples.PLANS["creates"]
    causes = {samples.SNOWFLAKE: "change", samples.ORDERS: "drift", samples.HOURLY: "both"}
    found |= {
        "plan_dangerous_140.txt": lambda: text.plan(dangerous, width=140),
        "plan_dangerous_quiet.txt": lambda: text.plan(dangerous, quiet=True),
        "plan_dangerous_colour.txt": lambda: text.plan(dangerous, color=True).replace("\x1b", "␛"),
        "plan_dangerous_causes.md": lambda: markdown.plan(dangerous, causes=causes),
        "plan_dangerous_short.md": lambda: markdown.plan(dangerous, limit=2600),
        "plan_creates_verbose.txt": lambda: text.plan(creates, verbose=1),
        "plan_creates_140.txt": lambda: text.plan(creates, width=140),
        "plan_odd.txt": lambda: text.plan(samples.ODD),
        "plan_hostile.txt": lambda: text.plan(samples.HOSTILE),
        "plan_hostile.md": lambda: markdown.plan(samples.HOSTILE, commit="abc1234"),
        "plan_odd.md": lambda: markdown.plan(samples.ODD),
        "drift.txt": lambda: text.plan(samples.DRIFT, drift=True),
        "drift.md": lambda: markdown.plan(samples.DRIFT, drift=True),
        "outcomes.txt": lambda: "\n".join(map(text.outcome_line, samples.REPORTS["partial"].outcomes)) + "\n",
        "report_partial_again.txt": lambda: text.report(
            samples.REPORTS["partial"], again="wsync apply -t prod plan.json"
        ),
        "problems.txt": lambda: text.problems(samples.PROBLEMS, files=14),
        "problems.md": lambda: markdown.problems(samples.PROBLEMS, files=14),
        "error.txt": lambda: text.error(_REFUSED),
        "error.md": lambda: markdown.error(
            _REFUSED, target="prod", again="Re-run the failed job to try again."
        ),
        "error_of_project.txt": lambda: text.error(InvalidProject(samples.PROBLEMS, files=3)),
        "moved.txt": lambda: text.moved(dangerous, _moved(dangerous)),
    }
    return found


_REFUSED = Refused("the plan is not the one that --expect approves", hint="review it", code="WS512")


def _moved(plan: Plan) -> Plan:
    """What a plan may look like a day later."""
    snowflake, orders, hourly, _ = plan.changes
    query = orders.fields[0]
    return samples.of(
        plan,
        snowflake,
        replace(
            orders,
            fields=(replace(query, before=str(query.before).replace("> 0", "> 10")),),
            modified_by="bo",
        ),
        replace(hourly, fields=(replace(hourly.fields[0], after="2026-02-01T00:00:00Z"), *hourly.fields[2:])),
        samples.DELETE,
        replace(samples.CREATE_PIPELINE, action=Action.UPDATE),
    )


RENDERINGS = _renderings()


@pytest.mark.parametrize("name", RENDERINGS)
def test_a_rendering_is_what_was_reviewed(name: str) -> None:
    rendered, file = RENDERINGS[name](), GOLDEN / name
    if REFRESH:
        file.parent.mkdir(exist_ok=True)
        file.write_text(rendered, encoding="utf-8")
    assert rendered == file.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == set(RENDERINGS)
