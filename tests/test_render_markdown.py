"""What a pull request is shown: inert whatever it holds, danger first, never longer than allowed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import render_samples as samples

from reconciler.apply.outcome import Outcome, Report, State
from reconciler.diff import FieldChange
from reconciler.errors import Exit, WsyncError
from reconciler.plan.change import Action, Change, Plan
from reconciler.render import gfm, markdown
from reconciler.resource import Address


def test_prose_reads_as_prose() -> None:
    said = gfm.prose(
        "needs model/x (data_model_id), which is not live: create it first; use --max-deletes 2, or `owns`."
    )
    assert said == (
        "needs `model/x` (`data_model_id`), which is not live: create it first; use `--max-deletes 2`, or `owns`."
    )
    assert (
        gfm.prose("by ana@example.com, 2026-11-20 14:02 UTC") == "by `ana@example.com`, 2026-11-20 14:02 UTC"
    )
    assert gfm.prose("sends secret('X') there") == "sends `secret('X')` there"


# ----------------------------------------------------------------------------- the ladder


def many(count: int, change: Change) -> Plan:
    changes = [
        replace(change, address=Address(change.address.kind, f"{change.address.id}-{n}"))
        for n in range(count)
    ]
    return samples.of(samples.EMPTY, *changes)


@pytest.mark.parametrize("change", [samples.SQL, samples.CREATE_PIPELINE, samples.DELETE, samples.UPDATE])
@pytest.mark.parametrize("count", [1, 30, 3000])
def test_f233_a_comment_is_never_longer_than_allowed(count: int, change: Change) -> None:
    plan = many(count, change)
    for limit in (200, 1000, 5000, 65_536):
        assert len(markdown.plan(plan, limit=limit)) <= limit


def test_f233_what_does_not_fit_is_said_and_what_is_dangerous_stays() -> None:
    harmless = many(2000, samples.CREATE_PIPELINE)
    dangerous = many(30, samples.DELETE)
    plan = samples.of(harmless, *harmless.changes, *dangerous.changes)
    said = markdown.plan(plan, limit=20_000)
    assert all(f"`{change.address}`" in said for change in dangerous.changes)
    assert said.index("**delete**") < said.index("| + create") if "| + create" in said else True
    [note] = re.findall(r"\*\*Left out here for length:\*\* ([\d,]+) changes", said)
    shown = said.count("+\u00a0create")
    assert shown + int(note.replace(",", "")) == 2000


def test_a_limit_that_suffices_changes_nothing() -> None:
    for plan in samples.PLANS.values():
        whole = markdown.plan(plan)
        assert markdown.plan(plan, limit=len(whole) + 10) == whole


def test_danger_of_many_is_marked_in_the_table_where_not_named_above() -> None:
    plan = many(40, samples.DELETE)
    said = markdown.plan(plan)
    assert "and 37 more, marked below" in said
    assert said.count("· **delete**") == 40
    assert "· **delete**" not in markdown.plan(many(3, samples.DELETE))


def test_a_report_and_problems_keep_to_a_limit() -> None:
    plan = many(500, samples.UPDATE)
    outcomes = [Outcome(change, State.DONE) for change in plan.changes]
    report = Report(plan, "applied", Exit.OK, outcomes, left=())
    assert len(markdown.report(report, limit=3000)) <= 3000
    assert len(markdown.problems(samples.PROBLEMS * 200, files=3, limit=3000)) <= 3000


# ------------------------------------------------------------------------------- content


def test_no_changes_is_one_line() -> None:
    assert markdown.plan(samples.EMPTY).count("\n") == 1


def test_a_refusal_and_the_line_that_allows_it_stand_above_everything() -> None:
    said = markdown.plan(samples.PLANS["refused"])
    assert said.index("**Refused.**") < said.index("`--max-deletes 2`") < said.index("| address")
    assert "wsync apply" not in said


def test_f068_secrets_are_names_only() -> None:
    fields = (FieldChange("config.password", "hunter2", "hunter3"), FieldChange("name", "a", "b"))
    for action in Action:
        change = Change(Address("connection", "a"), action, fields, {"config.password": "NAME"})
        said = markdown.plan(samples.of(samples.EMPTY, change))
        assert "hunter" not in said
        assert "config.password" in said


def test_a_failed_run_never_shows_changes() -> None:
    said = markdown.error(WsyncError("the API did not answer"), target="prod", again="Re-run the failed job.")
    assert "nothing is known about the changes" in said
    assert "|" not in said


def test_the_title_of_the_drift_issue() -> None:
    assert markdown.drift_title(samples.DRIFT) == "wsync drift: prod (3)"


def test_drift_says_who_and_when_before_what_and_offers_three_ways_out() -> None:
    said = markdown.plan(samples.DRIFT, drift=True)
    assert said.index("`ana@example.com`, 2026-11-20 14:02 UTC") < said.index("`config.host`")
    for way in ("**Revert**", "**Keep**", "**Ignore**", "lifecycle: {ignore: [config.host]}"):
        assert way in said
