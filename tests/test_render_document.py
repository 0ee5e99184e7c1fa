"""The JSON documents of the contract."""

from __future__ import annotations

import json

import render_samples as samples
from hypothesis import given
from hypothesis import strategies as st
from render_hostile import hostile, hostile_plan

from reconciler.errors import InvalidProject, Refused, hidden
from reconciler.plan.document import from_bytes
from reconciler.render import document


def test_a_plan_has_the_keys_of_the_contract() -> None:
    found = json.loads(document.json_document(document.plan(samples.PLANS["dangerous"])))
    assert set(found) >= {
        "format_version", "wsync_version", "digest", "target", "workspace_id", "host", "partial", "summary", "changes",
        "unmanaged", "unhealthy", "warnings",
    }  # fmt: skip
    assert set(found["changes"][0]) >= {
        "address", "kind", "id", "action", "digest", "source", "fields", "secrets", "reasons", "risks", "refused",
        "last_modified",
    }  # fmt: skip


def test_a_report_is_the_plan_with_what_became_of_it() -> None:
    report = samples.REPORTS["partial"]
    found = document.report(report)
    assert found["result"] == "partial"
    assert found["exit"] == 3
    assert [c["outcome"] for c in found["changes"]] == ["done", "done", "failed", "skipped"]
    assert found["changes"][2]["error"] == "400 Pipeline orders-hourly is already in progress."
    assert found["digest"] == report.plan.digest
    assert document.report(samples.REPORTS["refused"])["changes"][0]["outcome"] == "not-started"


def test_what_is_left_is_told_only_when_it_was_read() -> None:
    assert document.report(samples.REPORTS["partial"])["closing"]["changes"] is None
    assert document.report(samples.REPORTS["applied"])["closing"]["changes"] == []
    [orders, _] = document.report(samples.REPORTS["not_as_sent"])["closing"]["changes"]
    assert [f["path"] for f in orders["fields"]] == ["config.sql_query"]
    assert document.report(samples.REPORTS["not_closed"])["closing"]["error"] == "503 Service Unavailable"
    assert document.report(samples.REPORTS["unhealthy"])["closing"]["busy"] == ["pipeline/orders-hourly"]


def test_problems_and_errors_have_the_keys_of_the_contract() -> None:
    found = document.problems(samples.PROBLEMS)
    assert found["valid"] is False
    assert set(found["problems"][0]) >= {
        "code",
        "severity",
        "message",
        "file",
        "line",
        "column",
        "address",
    }
    assert document.problems(samples.PROBLEMS[2:])["valid"] is True
    assert document.error(Refused("no", hint="do", code="WS1")) == {
        "error": {"code": "WS1", "message": "no", "hint": "do"},
        "exit": 4,
    }
    whole = document.error(InvalidProject(samples.PROBLEMS), exit_code=1)
    assert (whole["valid"], whole["exit"], len(whole["problems"])) == (False, 1, 3)


@given(st.lists(hostile, min_size=8, max_size=8), st.booleans())
def test_f227_json_hides_nothing_and_loses_nothing(texts: list[str], compact: bool) -> None:
    content = document.plan(hostile_plan(texts))
    written = document.json_document(content, compact=compact)
    assert json.loads(written) == content
    assert not {c for c in written if c != "\n" and hidden(c)}
    assert "##[" not in written
    written.encode()
    assert compact is False or written.count("\n") == 1


@given(st.lists(hostile, min_size=8, max_size=8))
def test_a_plan_that_was_written_is_read_back_whole(texts: list[str]) -> None:
    plan = hostile_plan([text.replace("/", "-") for text in texts])
    assert from_bytes(document.json_document(document.plan(plan)).encode(), "plan.json") == plan
