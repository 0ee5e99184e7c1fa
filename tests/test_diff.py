"""What counts as a difference, field by field (faults K, F067, F068)."""

from __future__ import annotations

import copy
from typing import Annotated, Any

import pytest
from deepdiff import DeepDiff
from hypothesis import given
from hypothesis import strategies as st
from planning import (
    BIGQUERY,
    DATABRICKS,
    HOURLY,
    ORDERS,
    REDSHIFT,
    SNOWFLAKE,
    answered,
    declare,
    desired_state,
    edited,
    live_state,
    written,
)
from pydantic import BaseModel
from worlds import Document, sides

from reconciler.diff import HELD, FieldChange, changed, created, deleted, replaced
from reconciler.fields import Canonical, Field, fields_of
from reconciler.resource import Live, fields, kinds, read_live


def difference(manifest: Document, live: Document) -> tuple[FieldChange, ...]:
    return changed(declare(manifest), answered(live))


# ------------------------------------------------------------------ written differently, equal


SAME: list[tuple[Document, str, object, object]] = [
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T00:00:00.000Z"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T00:00:00.9999999Z"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T00:00:00"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T02:00:00+02:00"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-01-31T19:00:00-05:00"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01t00:00:00z"),
    (HOURLY, "schedule.start", "2023-02-01T02:00:00+02:00", "2023-02-01T00:00:00Z"),
    (HOURLY, "sync_mode.from", "2023-02-01T00:00:00.000Z", "2023-02-01T00:00:00"),
    (HOURLY, "schedule.type", "on-demand", "on_demand"),
    (HOURLY, "schedule.type", "on_demand", "on-demand"),
    (HOURLY, "schedule.type", "on_demand", "On-Demand"),
    (HOURLY, "sync_mode.type", "full", "full_sync"),
    (HOURLY, "schedule.delay", "60m", "1h"),
    (HOURLY, "schedule.delay", "1d", "24h"),
    (HOURLY, "schedule.delay", "2w", "14d"),
    (HOURLY, "state", "active", "Active"),
    (HOURLY, "environment", "production", "PRODUCTION"),
    (HOURLY, "partner_feed_id", 0, None),
    (HOURLY, "partner_feed_id", "0", 0),
    (HOURLY, "partner_feed_id", "null", 0),
    (HOURLY, "partner_feed_id", "7", 7),
    (HOURLY, "partner_feed_id", 7, "7"),
    (HOURLY | {"data_plan_id": "dp"}, "data_plan_version", "2", 2),
    (HOURLY | {"data_plan_id": "dp"}, "data_plan_version", 2, "2"),
    (REDSHIFT, "config.port", "5439", 5439),
    (REDSHIFT, "config.port", 5439, "5439"),
    (REDSHIFT, "config.port", "05439", 5439),
    (SNOWFLAKE, "service_provider", "Snowflake", "SNOWFLAKE"),
    (ORDERS, "config.sql_query", "SELECT a\nFROM x", "SELECT a\nFROM x\n\n  \t"),
    (ORDERS, "config.sql_query", "SELECT a\nFROM x\n", "SELECT a\r\nFROM x"),
    (ORDERS, "config.sql_query", "SELECT a\nFROM x", "SELECT a\rFROM x"),
    (ORDERS, "type", "sql", "SQL"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "declared", "live"), SAME)
def test_f217_f219_equal_though_written_differently_is_equal(
    base: Document, path: str, declared: object, live: object
) -> None:
    manifest = edited(base, {path: declared})
    assert changed(declare(manifest), _read(edited(base, {path: None}), path, live)) == ()


def _read(document: Document, path: str, value: object) -> Live:
    """An answer with exactly this value at a path."""
    body = {k: copy.deepcopy(v) for k, v in document.items() if k != "kind"}
    *above, leaf = path.split(".")
    place: Any = body
    for part in above:
        place = place[part]
    place[leaf] = value
    return read_live(kinds()[document["kind"]], body)


DIFFERENT: list[tuple[Document, str, object, object]] = [
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T00:00:01Z"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T00:00:00+02:00"),
    (HOURLY, "schedule.start", "2023-02-01T00:00:00Z", "2023-02-01T:00:00:00Z"),
    (HOURLY, "schedule.delay", "60m", "61m"),
    (HOURLY, "schedule.delay", "1h", "an hour"),
    (HOURLY, "schedule.delay", "1h", 3600),
    (HOURLY, "schedule.delay", "15m", "15M"),
    (HOURLY, "partner_feed_id", "null", 7),
    (HOURLY, "partner_feed_id", 7, 0),
    (HOURLY, "partner_feed_id", 1, True),
    (HOURLY, "partner_feed_id", 1, 1.0),
    (HOURLY, "partner_feed_id", 1, "one"),
    (HOURLY, "partner_feed_id", 1, [1]),
    (HOURLY, "name", "1", 1),
    (HOURLY, "name", "true", True),
    (HOURLY, "name", "Hourly", "hourly"),
    (HOURLY, "state", "active", "halted"),
    (REDSHIFT, "config.port", "5439", "5440"),
    (REDSHIFT, "config.port", "5439", True),
    (REDSHIFT, "config.port", "1", True),
    (SNOWFLAKE, "config.warehouse", "WH", {"name": "WH"}),
    (ORDERS, "config.sql_query", "SELECT 'a  b'", "SELECT 'a b'"),
    (ORDERS, "config.sql_query", "SELECT 'a '", "SELECT 'a'"),
    (ORDERS, "config.sql_query", "SELECT 'A'", "SELECT 'a'"),
    (ORDERS, "config.sql_query", "SELECT 'a\n'", "SELECT 'a\n\n'"),
    (ORDERS, "config.sql_query", " SELECT a", "SELECT a"),
    (ORDERS, "config.sql_query", "SELECT a,\n b", "SELECT a,\n  b"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "declared", "live"), DIFFERENT)
def test_f220_f221_what_differs_in_value_or_type_is_a_difference(
    base: Document, path: str, declared: object, live: object
) -> None:
    manifest = edited(base, {path: declared})
    read = _read(edited(base, {path: None}), path, live)
    [change] = changed(declare(manifest), read)
    assert (change.path, change.before) == (path, read.values.get(path))
    assert change.after == (None if declared == "null" else declared)


def test_what_is_sent_is_what_the_manifest_says_in_the_canonical_spelling() -> None:
    manifest = edited(
        HOURLY,
        {
            "schedule.type": "on-demand",
            "schedule.frequency": None,
            "schedule.start": None,
            "schedule.delay": "60m",
            "sync_mode.from": "2023-02-01T02:00:00+02:00",
            "data_plan_id": "dp",
            "data_plan_version": "2",
        },
    )
    after = {f.path: f.after for f in created(declare(manifest))}
    assert after["schedule.type"] == "on_demand"
    assert after["schedule.delay"] == "60m"
    assert after["sync_mode.from"] == "2023-02-01T00:00:00Z"
    assert after["data_plan_version"] == 2
    assert next(f.after for f in created(declare(edited(REDSHIFT, {"config.port": 5439}))) if f.path == "config.port") == "5439"  # fmt: skip


# ----------------------------------------------------------------------- what is compared


def test_a_field_left_out_is_not_compared() -> None:
    live = edited(HOURLY, {"schedule.end": "2030-01-01T00:00:00Z", "data_plan_id": "dp"}, data_plan_version=3)
    assert difference(edited(HOURLY, {"schedule.delay": None}), live) == ()


def test_an_explicit_null_unsets_what_is_live_and_is_nothing_where_nothing_is() -> None:
    manifest = edited(HOURLY, {"schedule.delay": "null", "schedule.end": "null"})
    assert difference(manifest, HOURLY) == (FieldChange("schedule.delay", "15m", None),)
    assert difference(manifest, edited(HOURLY, {"schedule.delay": None})) == ()


@pytest.mark.parametrize("ignore", [["schedule"], ["schedule.delay", "schedule.start", "schedule.frequency"]])
def test_ignored_leaves_and_parents_are_not_compared(ignore: list[str]) -> None:
    live = edited(
        HOURLY,
        {"schedule.delay": "1h", "schedule.start": "2024-01-01T00:00:00Z", "schedule.frequency": "daily"},
    )
    manifest = edited(HOURLY, name="New", lifecycle={"ignore": ignore})
    assert difference(manifest, live) == (FieldChange("name", "Hourly", "New"),)


def test_ignoring_a_field_ignores_no_other_that_begins_with_its_name() -> None:
    manifest = edited(HOURLY, name="New", lifecycle={"ignore": ["sched", "schedule.del", "nam"]})
    assert [f.path for f in difference(manifest, edited(HOURLY, {"schedule.delay": "1h"}))] == [
        "name",
        "schedule.delay",
    ]


def test_differences_come_in_the_order_of_the_kinds_fields_whatever_the_manifests() -> None:
    manifest = edited(HOURLY, {"schedule.delay": "1h", "name": "New", "sync_mode.iterator_field": "other"})
    backwards = dict(reversed(manifest.items()))
    expected = ["name", "sync_mode.iterator_field", "schedule.delay"]
    assert [f.path for f in difference(manifest, HOURLY)] == expected
    assert difference(backwards, HOURLY) == difference(manifest, HOURLY)


@pytest.mark.parametrize(
    ("base", "path"), [(SNOWFLAKE, "service_provider"), (ORDERS, "type"), (HOURLY, "pipeline_type")]
)
def test_an_immutable_field_that_the_answer_leaves_out_is_no_difference(base: Document, path: str) -> None:
    live = answered(base)
    without = Live(live.address, live.model, {k: v for k, v in live.values.items() if k != path}, live.held)
    assert changed(declare(base), without) == ()


def test_an_immutable_field_that_differs_is_a_difference_unless_ignored() -> None:
    events = edited(HOURLY, pipeline_type="events", field_transformation_id="ft")
    assert [f.path for f in difference(events, HOURLY)] == ["pipeline_type", "field_transformation_id"]
    ignoring = events | {"lifecycle": {"ignore": ["pipeline_type"]}}
    assert [f.path for f in difference(ignoring, HOURLY)] == ["field_transformation_id"]


def test_the_servers_own_fields_and_unknown_ones_are_never_compared() -> None:
    live = HOURLY | {"status": "faulted", "errors": [{"message": "x"}], "created_by": "a", "owner": "b"}
    assert difference(HOURLY, live) == ()


def test_a_field_that_the_reference_forbids_there_is_not_read() -> None:
    """`field_transformation_id` stands in answers for user attributes all the same."""
    assert difference(HOURLY, HOURLY | {"field_transformation_id": "ft"}) == ()
    assert answered(HOURLY | {"field_transformation_id": "ft"}).values.get("field_transformation_id") is None


def test_an_alias_in_an_answer_is_read_as_the_field() -> None:
    live = edited(SNOWFLAKE, {"config.account_identifier": None, "config.source_account_id": "gd1"})
    assert difference(SNOWFLAKE, live) == ()


def test_an_unknown_variant_differs_in_its_tag() -> None:
    live = SNOWFLAKE | {"service_provider": "Oracle"}
    assert FieldChange("service_provider", "Oracle", "Snowflake") in difference(SNOWFLAKE, live)


# -------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("base", [SNOWFLAKE, BIGQUERY, REDSHIFT])
@pytest.mark.parametrize("shown", ["************", "hunter2", "", None, 7, ["x"], {"a": "b"}])
def test_f067_f222_a_secret_is_never_compared_and_never_held(base: Document, shown: object) -> None:
    path = next(p for p, f in fields(declare(base).model).items() if f.secret)
    read = _read(base, path, shown)
    assert changed(declare(base), read) == ()
    assert path not in read.values
    assert (path in read.held) is (shown not in (None, ""))


def test_f068_another_reference_alone_is_no_difference() -> None:
    assert difference(edited(SNOWFLAKE, {"config.password": "{{ secret('OTHER') }}"}), SNOWFLAKE) == ()


def test_a_null_secret_unsets_one_that_is_held() -> None:
    manifest = edited(HOURLY, partner_feed_key="null")
    assert difference(manifest, HOURLY) == ()
    held = HOURLY | {"partner_feed_key": "x"}
    assert difference(manifest, held) == (FieldChange("partner_feed_key", HELD, None),)
    assert difference(manifest | {"lifecycle": {"ignore": ["partner_feed_key"]}}, held) == ()


def test_f067_no_difference_holds_a_secret_even_where_its_parent_changes() -> None:
    other = REDSHIFT | {"id": "snowflake"}
    for change in (*difference(SNOWFLAKE, other), *replaced(declare(SNOWFLAKE), answered(other))):
        assert change.path != "config.password"
        assert "live-secret" not in repr(change)


# --------------------------------------------------------------- creates, deletes, replaces


def test_a_create_lists_every_declared_value_and_nothing_that_is_null() -> None:
    manifest = edited(DATABRICKS, lifecycle={"ignore": ["name", "config"]})
    assert created(declare(manifest)) == (
        FieldChange("name", None, "Databricks"),
        FieldChange("state", None, "active"),
        FieldChange("service_provider", None, "Databricks"),
        FieldChange("config.provider", None, "org"),
        FieldChange("config.schema", None, "s"),
    )
    assert "schedule.end" not in {f.path for f in created(declare(edited(HOURLY, {"schedule.end": "null"})))}


def test_a_delete_lists_every_live_writable_value() -> None:
    assert deleted(answered(ORDERS | {"status": "valid", "created_by": "a", "owner": "b"})) == (
        FieldChange("name", "Orders", None),
        FieldChange("state", "active", None),
        FieldChange("type", "sql", None),
        FieldChange("config.sql_query", "SELECT a FROM x.y.z", None),
    )


def test_a_replace_lists_what_goes_and_what_comes_equal_values_too() -> None:
    manifest = edited(DATABRICKS, {"config.schema": "t"})
    live = REDSHIFT | {"id": "databricks"}
    assert replaced(declare(manifest), answered(live)) == (
        FieldChange("name", "Redshift", "Databricks"),
        FieldChange("state", "active", "active"),
        FieldChange("service_provider", "Redshift", "Databricks"),
        FieldChange("config.provider", None, "org"),
        FieldChange("config.schema", None, "t"),
        FieldChange("config.database", "dev", None),
        FieldChange("config.user", "etl", None),
        FieldChange("config.aws_iam_role_arn", "arn:1", None),
        FieldChange("config.host", "h1", None),
        FieldChange("config.port", "5439", None),
    )


def test_a_replace_lists_no_field_that_is_null_on_both_sides() -> None:
    manifest = edited(HOURLY, {"schedule.end": "null"}, pipeline_type="events", field_transformation_id="ft")
    assert "schedule.end" not in {f.path for f in replaced(declare(manifest), answered(HOURLY))}


# ------------------------------------------------------------------------------ properties


@given(desired=sides(), live=sides())
def test_a_write_leaves_no_difference(desired: list[Document], live: list[Document]) -> None:
    there = live_state(live).resources
    for declared in desired_state(desired).resources.values():
        was = there.get(declared.address)
        if was is None or was.model is declared.model:
            assert changed(declared, written(declared, was)) == ()
        assert changed(declared, written(declared, None)) == ()


@given(desired=sides(), live=sides())
def test_only_declared_values_that_differ_are_told(desired: list[Document], live: list[Document]) -> None:
    there = live_state(live).resources
    for declared in desired_state(desired).resources.values():
        was = there.get(declared.address)
        for change in changed(declared, was) if was else ():
            assert was is not None
            assert change.before == was.values.get(change.path)
            assert change.after == declared.values[change.path]
            assert not fields(declared.model)[change.path].same(change.before, change.after)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from(("1", "", "__a", "a\nb", "1h", "60m", 0, 1, 0.0, 1.0, -0.0, True, False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("__a"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


class Odd(BaseModel):
    plain: str
    folded: Annotated[str, Canonical(lambda v: v.casefold() if isinstance(v, str) else v)]
    as_set: Annotated[list[str], Canonical(lambda v: sorted(map(repr, v)) if isinstance(v, list) else v)]


FIELDS = tuple(fields_of(Odd))


@given(st.sampled_from(FIELDS), json, json)
def test_f221_deepdiff_and_the_field_agree_on_any_two_values(field: Field, one: Any, other: Any) -> None:
    for a, b in ((one, other), (one, copy.deepcopy(one)), (one, [one]), ({"k": one}, {"k": other})):
        verdict = DeepDiff({"p": field.key(a)}, {"p": field.key(b)}, ignore_private_variables=False)
        assert field.same(a, b) is (not verdict)
        assert field.same(b, a) is field.same(a, b)


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"k": [v]}, lambda v: ({"k": v},)])
def test_f221_one_true_and_a_text_are_three_things_at_every_depth(wrap: Any) -> None:
    values = [1, True, 1.0, "1", None, [1], {"1": 1}]
    for n, one in enumerate(values):
        for m, other in enumerate(values):
            assert FIELDS[0].same(wrap(one), wrap(other)) is (n == m)


def test_a_difference_that_only_private_keys_show_is_one() -> None:
    [change] = changed(declare(SNOWFLAKE), _read(SNOWFLAKE, "config.warehouse", {"__a": 1}))
    assert change == FieldChange("config.warehouse", {"__a": 1}, "WH")
