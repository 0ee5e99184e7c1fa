"""A plan as a document: nothing is lost on the way, and nothing in it can be edited (F154)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Wsync
from hypothesis import given
from hypothesis import strategies as st
from planning import HOURLY, ORDERS, SNOWFLAKE, edited, planned
from worlds import Document, sides

from reconciler.errors import Exit, PlanFileError, Refused
from reconciler.plan.change import Plan, PlanWarning
from reconciler.plan.document import from_bytes, to_document

WORLD = [SNOWFLAKE, ORDERS, HOURLY]
LIVE: list[Document] = [
    edited(SNOWFLAKE, {"config.warehouse": "OTHER"}, last_modified_by="ana", last_modified_on="2026-11-01T00:00:00Z"),
    edited(ORDERS, {"config.sql_query": "SELECT b\nFROM x.y.z"}),
    edited(HOURLY, {"state": "paused", "schedule.delay": None, "status": "faulted", "errors": [{"message": "no"}]}),
    edited(ORDERS, id="old"),
    edited(ORDERS, id="foreign"),
]  # fmt: skip
PLAN = planned(
    [*WORLD, edited(HOURLY, id="new")],
    LIVE,
    owns=("model/old",),
    select=("*",),
    exclude=("model/z*",),
    max_deletes=0,
    warnings=[PlanWarning("WS120", "x.yaml:1:1: careful")],
)


def written(plan: Plan) -> bytes:
    return json.dumps(to_document(plan), indent=2).encode()


def test_the_plan_of_these_tests_has_something_in_every_place() -> None:
    document = to_document(PLAN)
    empty = [key for key, value in document.items() if not value]
    assert empty == ["refused"]
    changes = document["changes"]
    assert {key for key in changes[0] if not any(change[key] for change in changes)} == set()


@given(sides(), sides(), st.sampled_from(((), ("*",), ("pipeline/*", "*/a"))))
def test_a_round_trip_loses_nothing(
    desired: list[Document], live: list[Document], globs: tuple[str, ...]
) -> None:
    plan = planned(
        desired, live, select=globs, exclude=globs[1:], resend=("*",), owns=("*/a",), max_deletes=1
    )
    read = from_bytes(written(plan), "plan.json")
    assert read == plan
    assert read.digest == plan.digest
    assert [c.digest for c in read.changes] == [c.digest for c in plan.changes]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(values, values)
def test_a_round_trip_loses_nothing_of_any_value(before: Any, after: Any) -> None:
    change = PLAN.changes[0]
    fields = (replace(change.fields[0], before=before, after=after),)
    plan = replace(PLAN, changes=(replace(change, fields=fields),))
    assert from_bytes(written(plan), "plan.json") == plan


def test_a_plan_that_was_refused_and_one_without_anything_are_read_back() -> None:
    for plan in (planned([], LIVE), planned([], [])):
        assert from_bytes(written(plan), "plan.json") == plan


# ------------------------------------------------------------------------- edits are refused


def _leaves(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    items = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if items is None:
        yield path
    for key, inner in items or ():
        yield from _leaves(inner, *path, key)


COVERED = ("target", "workspace_id", "host", "select", "exclude", "partial", "summary", "digest")
COVERED_OF_A_CHANGE = ("address", "kind", "id", "action", "digest", "fields", "secrets")
PLACES = [
    path
    for path in _leaves(to_document(PLAN))
    if path[0] in COVERED or (path[0] == "changes" and path[2] in COVERED_OF_A_CHANGE)
    if path not in (("summary", "no-op"), ("summary", "unmanaged"))
]


def _place(document: Any, path: tuple[str | int, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def _otherwise(value: object) -> Iterator[object]:
    """Other values, the likes of which Python may take for the same among them."""
    yield from (None, True, False, 0, 1, 1.0, "1", [], {}, "x")
    if isinstance(value, str):
        yield from (value + " ", value[:-1], value.upper(), value.swapcase(), [value])
    if isinstance(value, int):
        yield from (value + 1, float(value), str(value))


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_f154_an_edit_of_anything_that_is_approved_is_refused(path: tuple[str | int, ...]) -> None:
    honest = to_document(PLAN)
    for other in _otherwise(_place(honest, path)[path[-1]]):
        document = copy.deepcopy(honest)
        place = _place(document, path)
        if type(place[path[-1]]) is type(other) and place[path[-1]] == other:
            continue
        place[path[-1]] = other
        with pytest.raises(PlanFileError) as error:
            from_bytes(json.dumps(document).encode(), "plan.json")
        assert error.value.exit_code is Exit.ERROR
        assert error.value.hint == "make it again: wsync plan --out FILE"


@pytest.mark.parametrize(
    "path", [p for p in PLACES if p[0] != "summary"], ids=lambda path: ".".join(map(str, path))
)
def test_f154_nothing_that_is_approved_can_be_taken_out(path: tuple[str | int, ...]) -> None:
    document = to_document(PLAN)
    del _place(document, path)[path[-1]]
    with pytest.raises(PlanFileError):
        from_bytes(json.dumps(document).encode(), "plan.json")


EDITS: list[Callable[[Document], object]] = [
    lambda d: d["changes"].pop(),
    lambda d: d["changes"].reverse(),
    lambda d: d["changes"].append(d["changes"][0]),
    lambda d: d["changes"][0]["fields"].pop(),
    lambda d: d["changes"][0]["fields"].append({"path": "state", "before": "new", "after": "active"}),
    lambda d: d["changes"][0]["fields"].append(d["changes"][0]["fields"][0]),
    lambda d: d["changes"][0]["secrets"].update({"config.key": "X"}),
    lambda d: d["changes"][0].update(address="model/x", kind="model", id="x"),
    lambda d: d["changes"][0].update(kind="connection/x", id="y", address="connection/x/y"),
    lambda d: d["select"].append("*"),
    lambda d: d.update(select="*"),
    lambda d: d.update(changes={}),
    lambda d: d.update(changes=None),
    lambda d: d["summary"].update({"no-op": "5"}),
    lambda d: d["summary"].update({"no-op": -1.5}),
    lambda d: d["summary"].update({"unmanaged": 7}),
    lambda d: d["unmanaged"].append("no address"),
    lambda d: d["changes"][0]["source"].update(line=True),
    lambda d: d["changes"][0]["reasons"].append(7),
    lambda d: d["changes"][0].update(last_modified="yesterday"),
    lambda d: d.update(warnings=[{"code": "X"}]),
    lambda d: d.update(wsync_version=1),
]


@pytest.mark.parametrize("edit", EDITS)
def test_f154_what_does_not_fit_together_is_refused(edit: Callable[[Document], object]) -> None:
    document = to_document(PLAN)
    edit(document)
    with pytest.raises(PlanFileError):
        from_bytes(json.dumps(document).encode(), "plan.json")


@given(st.data())
def test_f154_no_change_of_any_byte_passes_for_the_same_approval_of_something_else(
    data: st.DataObject,
) -> None:
    raw = bytearray(written(PLAN))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from((b"", b"0", b'"', b"x", b",", b"\\", b"\xff"))
        )
    try:
        read = from_bytes(bytes(raw), "plan.json")
    except (PlanFileError, Refused):
        return
    assert read.digest == PLAN.digest
    assert [(c.address, c.action, c.fields, c.secrets) for c in read.changes] == [
        (c.address, c.action, c.fields, c.secrets) for c in PLAN.changes
    ]


# ------------------------------------------------------------------- what is tolerated


def test_keys_of_a_newer_version_are_passed_over() -> None:
    document = to_document(PLAN) | {"wsync_version": "99.0", "result": "applied", "more": {"x": [1]}}
    for change in document["changes"]:
        change |= {"outcome": "done", "error": None, "cause": "drift"}
        for field in change["fields"]:
            field["cause"] = "drift"
    document["summary"]["moved"] = 3
    assert from_bytes(json.dumps(document).encode(), "plan.json") == replace(PLAN, wsync_version="99.0")


def test_what_an_older_version_had_nothing_to_tell_of_may_be_missing() -> None:
    plan = planned(WORLD, [SNOWFLAKE, ORDERS])
    document = to_document(plan)
    for key in ("select", "exclude", "refused"):
        del document[key]
    for change in document["changes"]:
        del change["source"]["includes"]
    assert from_bytes(json.dumps(document).encode(), "plan.json") == plan


def test_what_is_not_approved_may_be_told_otherwise() -> None:
    """It is only told: `apply` makes the plan again and judges for itself."""
    document = to_document(PLAN)
    document["changes"][0] |= {
        "reasons": [],
        "risks": [],
        "refused": None,
        "source": None,
        "last_modified": None,
    }
    document |= {"warnings": [], "unhealthy": []}
    assert from_bytes(json.dumps(document).encode(), "plan.json").digest == PLAN.digest


def test_the_layout_of_the_json_does_not_matter() -> None:
    document = to_document(PLAN)
    backwards = {key: document[key] for key in reversed(document)}
    for text in (
        json.dumps(document),
        json.dumps(backwards, indent=7),
        json.dumps(document, ensure_ascii=False),
    ):
        assert from_bytes(text.encode(), "plan.json") == PLAN


# ------------------------------------------------------------------------------ no plan at all

NO_PLAN = {
    "empty": b"",
    "blank": b" \n",
    "no JSON": b"apply everything",
    "truncated": written(PLAN)[:-40],
    "half": written(PLAN)[: len(written(PLAN)) // 2],
    "an array": b"[]",
    "a number": b"7",
    "null": b"null",
    "another object": b"{}",
    "not UTF-8": written(PLAN).replace(b"ana", b"\xff\xfe"),
    "UTF-16": written(PLAN).decode().encode("utf-16"),
    "deep": b"[" * 100_000,
    "deep inside": b'{"format_version": "1.0", "changes": ' + b"[" * 100_000,
    "a deep value": written(PLAN).replace(b'"OTHER"', b"[" * 900 + b"]" * 900),
    "a long number": written(PLAN).replace(b'"OTHER"', b"1" * 10_000),
    "no version": b'{"changes": []}',
    "a version of another type": b'{"format_version": 1.0}',
    "too little": b'{"format_version": "1.0"}',
    "too large": bytes(256 * 2**20 + 1),
}  # fmt: skip


@pytest.mark.parametrize("raw", NO_PLAN.values(), ids=NO_PLAN)
def test_f154_what_is_no_plan_is_an_error_that_says_so(raw: bytes) -> None:
    with pytest.raises(PlanFileError) as error:
        from_bytes(raw, "some/plan.json")
    assert error.value.exit_code is Exit.ERROR
    assert error.value.message.startswith("some/plan.json: ")
    assert error.value.hint
    assert error.value.__cause__ is None


@pytest.mark.parametrize("version", ["2.0", "1.1", "0.9", "", "1.0 "])
def test_f154_another_format_version_is_refused(version: str) -> None:
    with pytest.raises(Refused) as error:
        from_bytes(json.dumps(to_document(PLAN) | {"format_version": version}).encode(), "plan.json")
    assert error.value.exit_code is Exit.REFUSED


# ------------------------------------------------------------------------------- wsync show


def test_show_renders_a_saved_plan_in_every_format(wsync: Wsync, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(written(PLAN))
    document = wsync("show", file, "-f", "json")
    assert (document.code, document.document) == (0, to_document(PLAN))
    for form in ("text", "markdown"):
        done = wsync("show", file, "-f", form)
        assert done.code == 0
        for expected in ("connection/snowflake", "model/old", PLAN.digest[7:19], "config.warehouse"):
            assert expected in done.out


def test_f154_show_of_an_edited_plan_is_1_and_of_another_format_4(wsync: Wsync, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(written(PLAN).replace(b"OTHER", b"OTHEr"))
    assert (wsync("show", file).code, wsync("show", file, "-f", "json").document["exit"]) == (1, 1)
    file.write_bytes(written(PLAN).replace(b'"1.0"', b'"7.0"'))
    assert wsync("show", file).code == 4
    assert wsync("show", tmp_path / "none.json").code == 1
    assert wsync("show", tmp_path).code == 1
