"""What a terminal is shown: nothing foreign alive, nothing mistaken, nothing of importance cut."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import render_samples as samples
from hypothesis import given
from hypothesis import strategies as st
from render_hostile import assert_inert, hostile, hostile_plan, hostile_problem

from reconciler.apply.outcome import Outcome, Report, State
from reconciler.diff import FieldChange
from reconciler.errors import Exit, WsyncError
from reconciler.plan.change import Action, Change
from reconciler.plan.document import from_bytes
from reconciler.render import document, text
from reconciler.resource import Address


@given(st.lists(hostile, min_size=8, max_size=8), st.booleans())
def test_f092_f227_hostile_names_and_texts_reach_no_terminal_alive(texts: list[str], drift: bool) -> None:
    plan = hostile_plan(texts)
    assert_inert(text.plan(plan, drift=drift))
    assert_inert(text.plan(plan, verbose=1, width=140))
    assert_inert(text.plan(replace(plan, changes=())))
    outcomes = [Outcome(change, State.FAILED, texts[0]) for change in plan.changes]
    report = Report(
        plan,
        "partial",
        Exit.PARTIAL,
        outcomes,
        left=plan.changes,
        closing_error=texts[1],
        unhealthy=plan.unhealthy,
    )
    assert_inert(text.report(report))
    assert_inert(text.report(replace(report, result="applied"), again=texts[2]))
    assert_inert("\n".join(map(text.outcome_line, outcomes)))
    assert_inert(text.moved(samples.of(plan, *plan.changes[1:]), plan))
    assert_inert(text.moved(samples.of(plan, *(replace(c, fields=()) for c in plan.changes)), plan))
    assert_inert(text.error(WsyncError(texts[3], hint=texts[4], code=texts[5])))
    assert_inert(text.problems([hostile_problem(texts)], files=1))


@pytest.mark.parametrize(
    "line",
    [
        "::error::x",
        "  ::add-mask::x",
        "\u00a0::stop-commands::t",
        "\ufe0f::warning file=a::b",
        ":\ufe0f:error::x",
        "text ##[error]x",
        "#\ufe0f#[add-path]/",
        "##vso[task.setvariable]x",
    ],
)
def test_f092_a_line_of_sql_is_no_workflow_command(line: str) -> None:
    change = replace(
        samples.SQL, fields=(FieldChange("config.sql_query", "SELECT 1\nx", f"SELECT 1\n{line}\nx"),)
    )
    created = replace(
        samples.CREATE_MODEL, fields=(FieldChange("config.sql_query", None, f"{line}\n{line}"),)
    )
    plan = samples.of(samples.EMPTY, change, created)
    assert_inert(text.plan(plan))
    assert_inert(text.plan(plan, color=True).replace("\x1b", ""))


def test_a_cast_in_sql_stays_as_it_is() -> None:
    change = replace(
        samples.SQL, fields=(FieldChange("config.sql_query", "SELECT 1\nx", "SELECT 1\n  ::int\nx"),)
    )
    assert "+   ::int" in text.plan(samples.of(samples.EMPTY, change))


def test_f068_a_secret_is_shown_as_secret_and_its_reference_whatever_a_plan_holds() -> None:
    for before, after in (("hunter2", "hunter3"), (None, "hunter2"), ("hunter2", None), ("x", "x")):
        for address in (Address("connection", "a"), Address("pipeline", "a"), Address("widget", "a")):
            paths = ("config.password", "partner_feed_key", "api_token")
            fields = tuple(FieldChange(path, before, after) for path in paths)
            for action in Action:
                plan = samples.of(
                    samples.EMPTY, Change(address, action, fields, dict.fromkeys(paths, "vault:a/b#c"))
                )
                for shown in (
                    text.plan(plan),
                    text.plan(plan, verbose=1),
                    text.moved(samples.of(plan, Change(address, action, (), {})), plan),
                ):
                    assert "hunter" not in shown
                    assert "(secret" in shown
                assert "secret('vault:a/b#c')" in text.plan(plan)


def test_null_and_text_numbers_and_text_truth_and_text_are_told_apart() -> None:
    said = text.plan(samples.ODD)
    assert '"null" → null' in said
    assert '"5439" → 5439' in said
    assert 'true → "true"' in said
    assert '"" → " "' in said


@given(st.text(min_size=1), st.text(min_size=1), st.integers(min_value=60, max_value=200))
def test_two_values_that_differ_never_look_alike(one: str, other: str, width: int) -> None:
    change = replace(samples.UPDATE, fields=(FieldChange("name", one * 40, other * 40),), risks=())
    shown = text.plan(samples.of(samples.EMPTY, change), width=width)
    if one * 40 == other * 40:
        return
    if "\n" in (one * 40).rstrip() or "\n" in (other * 40).rstrip():
        assert re.search(r"^      [-+@]", shown, re.MULTILINE)
        return
    before, after = re.split(r"\s*→ ", shown.split("    name  ")[1].split("\n\n")[0])
    assert before != after


def test_a_saved_plan_looks_as_the_one_that_was_saved() -> None:
    for plan in (*samples.PLANS.values(), samples.ODD, samples.DRIFT):
        saved = document.json_document(document.plan(plan)).encode()
        assert text.plan(from_bytes(saved, "plan.json"), verbose=1) == text.plan(plan, verbose=1)


def test_colour_says_nothing_that_words_do_not() -> None:
    for plan in (*samples.PLANS.values(), samples.ODD):
        plain = re.sub(r"\x1b\[[\d;]*m", "", text.plan(plan, color=True))
        assert plain == text.plan(plan)
    for report in samples.REPORTS.values():
        assert re.sub(r"\x1b\[[\d;]*m", "", text.report(report, color=True)) == text.report(report)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_only_what_must_be_copied_whole_is_wider_than_the_terminal(width: int) -> None:
    for name, plan in samples.PLANS.items():
        wide = [line for line in text.plan(plan, width=width).splitlines() if len(line) > width]
        assert not [line for line in wide if "sha256:" not in line and "all as declared" not in line], name


def test_the_command_names_target_selection_and_what_is_sent_again() -> None:
    plan = samples.PLANS["partial"]
    command = (
        "wsync apply -t prod -C infra -s 'connection/*' -s 'model/*' -x model/x "
        f"--resend-secrets connection/snowflake-prod --expect {plan.digest}"
    )
    assert command in text.plan(plan, flags=["-C", "infra"])


def test_f088_f090_what_is_dangerous_comes_before_every_change() -> None:
    said = text.plan(samples.PLANS["dangerous"])
    for risk in ("credential-retargeted", "re-ingestion", "shared-model"):
        assert said.index(risk) < said.index("~ update")
    refused = text.plan(samples.PLANS["refused"])
    assert refused.index("! Refused") < refused.index("! Look twice")
    assert "wsync apply" not in refused


def test_the_same_danger_of_many_is_said_once_and_names_all() -> None:
    changes = [replace(samples.DELETE, address=Address("model", f"old-{n}")) for n in range(40)]
    said = text.plan(samples.of(samples.EMPTY, *changes), quiet=True)
    danger = said.split("\n\n")[1]
    assert danger.count("deleted for good") == 1
    assert all(f"model/old-{n}" in danger for n in range(40))


def test_long_texts_are_folded_and_whole_when_asked_for() -> None:
    query = "\n".join(f"line {n}" for n in range(500))
    created = replace(samples.CREATE_MODEL, fields=(FieldChange("config.sql_query", None, query),))
    rewritten = replace(
        samples.SQL, fields=(FieldChange("config.sql_query", query, query.replace("line", "row")),)
    )
    plan = samples.of(samples.EMPTY, created, rewritten)
    short, whole = text.plan(plan), text.plan(plan, verbose=1)
    assert "… 497 more lines (-v shows them)" in short
    assert "line 300" not in short
    assert whole.count("line 300") == 2
    assert "row 499" in whole


def test_every_change_that_is_approved_is_not_named_as_moved() -> None:
    plan = samples.PLANS["replace"]
    remaining = samples.of(plan, samples.REPLACE.remaining_create())
    assert samples.HOURLY.id not in text.moved(plan, remaining)
    assert "selection" in text.moved(samples.PLANS["partial"], plan)
    assert "workspace: 4711, not 4712" in text.moved(plan, replace(plan, workspace_id="4712"))
    assert text.moved([], plan).count("not in what was approved") == 1


def test_a_replace_whose_create_failed_says_so_and_what_finishes_it() -> None:
    said = " ".join(text.report(samples.REPORTS["gone"]).split())
    assert "pipeline/orders-hourly is gone" in said
    assert "The same command finishes it." in said


def test_a_closing_plan_that_is_not_empty_names_the_fields() -> None:
    assert "config.sql_query" in text.report(samples.REPORTS["not_as_sent"])


def test_an_outcome_is_one_line() -> None:
    outcome = Outcome(samples.UPDATE, State.FAILED, "first\nsecond")
    assert text.outcome_line(outcome).count("\n") == 0
