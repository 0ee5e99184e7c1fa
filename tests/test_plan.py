"""Every sentence of the contract's section on planning (faults D, F168 to F186, F226)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
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
    carried_out,
    declare,
    desired_state,
    edited,
    live_state,
    planned,
    refused,
    risks,
    steps,
    target,
    the_change,
)
from worlds import Document, sides

import reconciler
from reconciler.diff import HELD, FieldChange
from reconciler.plan.build import Selection, build_plan
from reconciler.plan.change import RISKS, Action, Change, Plan, PlanWarning, Unhealthy, in_order_of_danger
from reconciler.plan.order import Queue, graph, in_order
from reconciler.resource import Address, Live, LiveState, Source, references

WORLD = (SNOWFLAKE, ORDERS, HOURLY)
EVENTS: dict[str, object] = {"pipeline_type": "events", "field_transformation_id": "ft"}


def address(text: str) -> Address:
    kind, _, name = text.partition("/")
    return Address(kind, name)


def expected(*changes: Change, **parts: Any) -> Plan:
    """A whole plan for the target of these tests."""
    return Plan("test", "4711", "api.example.com", changes, wsync_version=reconciler.__version__, **parts)


# -------------------------------------------------------------------------------- actions


def test_what_is_as_declared_is_a_no_op() -> None:
    assert planned(WORLD, WORLD) == expected(no_op=3)


def test_what_is_declared_and_not_live_is_created_with_all_that_is_declared() -> None:
    assert planned([DATABRICKS], []) == expected(
        Change(
            address("connection/databricks"),
            Action.CREATE,
            (
                FieldChange("name", None, "Databricks"),
                FieldChange("state", None, "active"),
                FieldChange("service_provider", None, "Databricks"),
                FieldChange("config.provider", None, "org"),
                FieldChange("config.schema", None, "s"),
            ),
            {},
            Source("databricks.yaml", 1),
        )
    )


def test_an_update_holds_the_declared_fields_that_differ_the_secrets_it_sends_and_who_was_last() -> None:
    live = edited(
        SNOWFLAKE,
        {"config.warehouse": "OTHER", "config.aws_external_id": "X=1"},
        last_modified_on="2026-11-01T01:00:00.123+01:00",
        last_modified_by="ana@example.com",
    )
    assert planned([SNOWFLAKE], [live]) == expected(
        Change(
            address("connection/snowflake"),
            Action.UPDATE,
            (FieldChange("config.warehouse", "OTHER", "WH"),),
            {"config.password": "SNOWFLAKE_PASSWORD"},
            Source("snowflake.yaml", 1),
            modified_by="ana@example.com",
            modified_on="2026-11-01T00:00:00Z",
        )
    )


def test_a_change_of_an_immutable_field_is_a_replace_of_everything() -> None:
    manifest = edited(DATABRICKS, {"id": "redshift"}, lifecycle={"ignore": ["state"]})
    assert planned([manifest], [REDSHIFT]) == expected(
        Change(
            address("connection/redshift"),
            Action.REPLACE,
            (
                FieldChange("name", "Redshift", "Databricks"),
                FieldChange("state", "active", "active"),
                FieldChange("service_provider", "Redshift", "Databricks"),
                FieldChange("config.provider", None, "org"),
                FieldChange("config.schema", None, "s"),
                FieldChange("config.database", "dev", None),
                FieldChange("config.user", "etl", None),
                FieldChange("config.aws_iam_role_arn", "arn:1", None),
                FieldChange("config.host", "h1", None),
                FieldChange("config.port", "5439", None),
            ),
            {},
            Source("redshift.yaml", 1),
            reasons=("service_provider cannot change in place",),
            risks=("replace",),
        )
    )


def test_what_is_live_owned_and_undeclared_is_deleted() -> None:
    assert planned([SNOWFLAKE], [SNOWFLAKE, ORDERS], owns=("model/*",)) == expected(
        Change(
            address("model/orders"),
            Action.DELETE,
            (
                FieldChange("name", "Orders", None),
                FieldChange("state", "active", None),
                FieldChange("type", "sql", None),
                FieldChange("config.sql_query", "SELECT a FROM x.y.z", None),
            ),
            {},
            risks=("delete",),
        ),
        no_op=1,
    )


def test_f168_what_is_live_undeclared_and_outside_owns_is_unmanaged() -> None:
    plan = planned([SNOWFLAKE], [HOURLY, ORDERS, SNOWFLAKE], owns=())
    assert plan == expected(no_op=1, unmanaged=(address("model/orders"), address("pipeline/hourly")))


def test_f178_what_is_live_already_is_taken_over_by_an_ordinary_update() -> None:
    live = edited(HOURLY, {"schedule.end": "2030-01-01T00:00:00Z"}, name="By hand")
    change = the_change(planned(WORLD, [SNOWFLAKE, ORDERS, live]))
    assert (change.action, change.fields) == (Action.UPDATE, (FieldChange("name", "By hand", "Hourly"),))


def test_the_replaced_fields_that_cannot_change_are_named_and_no_others() -> None:
    manifest = edited(HOURLY, EVENTS, name="New")
    assert the_change(planned([SNOWFLAKE, ORDERS, manifest], WORLD)).reasons == (
        "pipeline_type cannot change in place",
    )


def test_an_ignored_immutable_field_replaces_nothing() -> None:
    manifest = edited(HOURLY, EVENTS, lifecycle={"ignore": ["pipeline_type", "field_transformation_id"]})
    assert planned([SNOWFLAKE, ORDERS, manifest], WORLD) == expected(no_op=3)


def test_what_is_ignored_is_sent_on_create_and_kept_on_update() -> None:
    manifest = edited(HOURLY, name="New", lifecycle={"ignore": ["state", "schedule"]})
    made = the_change(planned([SNOWFLAKE, ORDERS, manifest], [SNOWFLAKE, ORDERS]))
    assert FieldChange("state", None, "active") in made.fields
    assert FieldChange("schedule.delay", None, "15m") in made.fields
    live = edited(HOURLY, {"state": "paused", "schedule.delay": "1h"})
    moved = the_change(planned([SNOWFLAKE, ORDERS, manifest], [SNOWFLAKE, ORDERS, live]))
    assert moved.fields == (FieldChange("name", "Hourly", "New"),)


def test_an_explicit_null_unsets_a_secret_too() -> None:
    live = HOURLY | {"partner_feed_key": "x"}
    change = the_change(
        planned([SNOWFLAKE, ORDERS, edited(HOURLY, partner_feed_key="null")], [*WORLD[:2], live])
    )
    assert (change.action, change.fields, change.secrets, change.refused) == (
        Action.UPDATE,
        (FieldChange("partner_feed_key", HELD, None),),
        {},
        None,
    )


# ---------------------------------------------------------------------------------- order

MOVED = edited(HOURLY, connection_id="bigquery", data_model_id="refunds")
REFUNDS = edited(ORDERS, id="refunds", name="Refunds")


def test_creates_and_updates_come_by_kind_then_deletes_the_other_way_round() -> None:
    live = [
        SNOWFLAKE,
        ORDERS,
        HOURLY,
        edited(REDSHIFT, id="a"),
        edited(ORDERS, id="a"),
        edited(HOURLY, id="a", connection_id="a", data_model_id="a"),
        edited(HOURLY, id="b", connection_id="a", data_model_id="a"),
    ]
    desired = [
        MOVED,
        edited(HOURLY, id="z"),
        REFUNDS,
        edited(ORDERS, name="New"),
        BIGQUERY,
        edited(SNOWFLAKE, name="New"),
    ]
    assert steps(planned(desired, live)) == [
        "create connection/bigquery",
        "update connection/snowflake",
        "update model/orders",
        "create model/refunds",
        "update pipeline/hourly",
        "create pipeline/z",
        "delete pipeline/a",
        "delete pipeline/b",
        "delete model/a",
        "delete connection/a",
    ]


def test_f183_a_pipeline_is_re_pointed_before_what_it_pointed_to_goes() -> None:
    plan = planned([BIGQUERY, REFUNDS, MOVED], WORLD)
    assert steps(plan) == [
        "create connection/bigquery",
        "create model/refunds",
        "update pipeline/hourly",
        "delete model/orders",
        "delete connection/snowflake",
    ]
    assert refused(plan) == {}
    needs = _needs(plan, [BIGQUERY, REFUNDS, MOVED], WORLD)
    assert needs[address("connection/snowflake")] == {address("pipeline/hourly")}
    assert needs[address("pipeline/hourly")] == {address("connection/bigquery"), address("model/refunds")}


def test_a_replace_stands_at_its_kinds_place_among_the_creates() -> None:
    desired = [edited(DATABRICKS, id="snowflake"), ORDERS, REFUNDS]
    assert steps(planned(desired, [SNOWFLAKE, ORDERS])) == [
        "replace connection/snowflake",
        "create model/refunds",
    ]


def test_a_replace_waits_for_a_re_point() -> None:
    desired = [edited(DATABRICKS, id="snowflake"), BIGQUERY, ORDERS, edited(HOURLY, connection_id="bigquery")]
    plan = planned(desired, WORLD)
    assert steps(plan) == [
        "create connection/bigquery",
        "update pipeline/hourly",
        "replace connection/snowflake",
    ]
    assert refused(plan) == {}


def test_a_replace_waits_for_a_delete() -> None:
    desired = [edited(DATABRICKS, id="snowflake"), ORDERS, edited(HOURLY, id="new")]
    plan = planned(desired, WORLD)
    assert steps(plan) == [
        "delete pipeline/hourly",
        "replace connection/snowflake",
        "create pipeline/new",
    ]
    assert refused(plan) == {}


def _needs(plan: Plan, desired: Any, live: Any) -> dict[Address, set[Address]]:
    return graph({c.address: c for c in plan.changes}, desired_state(desired), live_state(live))


SWAP = (
    edited(SNOWFLAKE, id="a"),
    edited(SNOWFLAKE, id="b"),
    ORDERS,
    edited(HOURLY, id="one", connection_id="a"),
    edited(HOURLY, id="two", connection_id="b"),
)
SWAPPED = (
    edited(DATABRICKS, id="a"),
    edited(DATABRICKS, id="b"),
    ORDERS,
    edited(HOURLY, id="one", connection_id="b"),
    edited(HOURLY, id="two", connection_id="a"),
)


def test_changes_that_wait_for_each_other_are_shown_and_refused() -> None:
    """Each connection must be free before it is replaced, and the pipeline on it waits for the other one."""
    plan = planned([*SWAPPED, REFUNDS], SWAP)
    assert steps(plan) == [
        "create model/refunds",
        "replace connection/a",
        "replace connection/b",
        "update pipeline/one",
        "update pipeline/two",
    ]
    assert refused(plan) == {
        "connection/a": "waits for pipeline/one, which waits for it in turn: re-point one of them to something else first",
        "connection/b": "waits for pipeline/two, which waits for it in turn: re-point one of them to something else first",
    }


# ---------------------------------------------------------------------------------- risks


def update(base: Document, edits: dict[str, object], beside: tuple[Document, ...] = ()) -> Plan:
    """The plan that changes one resource from `base` by some edits; all it needs is there."""
    others = [d for d in (*WORLD, *beside) if (d["kind"], d["id"]) != (base["kind"], base["id"])]
    return planned([edited(base, edits), *others], [base, *others])


PRODUCTION = edited(HOURLY, environment="production")
PAUSED = edited(HOURLY, state="paused")
ONCE = edited(HOURLY, {"schedule.type": "once", "schedule.frequency": None, "schedule.start": None})
FULL = edited(HOURLY, {"sync_mode.type": "full"})

Edits = dict[str, object]


def each(base: Document, *paths: str) -> list[tuple[Document, Edits, set[str]]]:
    """A harmless edit of each field."""
    return [(base, {path: "x"}, set()) for path in paths]


RISKY: list[tuple[Document, Edits, set[str]]] = [
    (SNOWFLAKE, {"config.account_identifier": "gd2"}, {"credential-retargeted"}),
    (SNOWFLAKE, {"config.region": "eu"}, {"credential-retargeted"}),  # part of the account's host
    (SNOWFLAKE, {"config.user": "root"}, {"credential-retargeted"}),
    (BIGQUERY, {"config.project_id": "p2"}, {"credential-retargeted"}),
    (BIGQUERY, {"config.service_account_id": "s@p2"}, {"credential-retargeted"}),
    (REDSHIFT, {"config.host": "h2"}, {"credential-retargeted"}),
    (REDSHIFT, {"config.port": "5440"}, {"credential-retargeted"}),
    (REDSHIFT, {"config.user": "root"}, {"credential-retargeted"}),
    (REDSHIFT, {"config.user": "root", "config.host": "h2", "name": "x"}, {"credential-retargeted"}),
    *each(SNOWFLAKE, "name", "config.warehouse", "config.database", "config.role", "config.storage_integration"),
    *each(SNOWFLAKE, "config.aws_external_id", "config.aws_iam_user_arn"),
    *each(BIGQUERY, "name", "config.region", "config.dataset_id"),
    *each(REDSHIFT, "name", "config.database", "config.aws_iam_role_arn"),
    (SNOWFLAKE, {"state": "new"}, set()),
    (SNOWFLAKE, {"state": "inactive"}, set()),
    (edited(SNOWFLAKE, state="inactive"), {"state": "active"}, set()),
    (DATABRICKS, {"config.provider": "x", "config.schema": "x"}, set()),  # no secret goes there
    (ORDERS, {"config.sql_query": "SELECT b FROM x.y.z", "name": "x", "state": "inactive"}, set()),
    (HOURLY, {"environment": "production"}, {"production", "re-routes"}),
    (PRODUCTION, {"environment": "development"}, {"re-routes"}),
    (edited(PAUSED, environment="production"), {"state": "active"}, {"production"}),
    (edited(PAUSED, environment="production"), {"state": "new"}, set()),
    (PRODUCTION, {"state": "paused"}, set()),
    (PRODUCTION, {"name": "x"}, set()),
    (PAUSED, {"state": "active"}, set()),
    (HOURLY, {"sync_mode.type": "full"}, {"full-sync", "re-ingestion"}),
    (FULL, {"sync_mode.type": "incremental"}, {"re-ingestion"}),
    (FULL, {"name": "x"}, set()),
    (HOURLY, {"sync_mode.iterator_field": "x"}, {"re-ingestion"}),
    (HOURLY, {"sync_mode.iterator_data_type": "date"}, {"re-ingestion"}),
    (HOURLY, {"sync_mode.from": "2023-01-01T00:00:00Z"}, {"re-ingestion"}),
    (edited(HOURLY, {"sync_mode.from": "2023-01-01T00:00:00Z"}), {"sync_mode.from": "null"}, {"re-ingestion"}),
    (HOURLY, {"schedule.start": "2024-01-01T00:00:00Z"}, {"re-ingestion"}),
    (HOURLY, {"sync_mode.until": "2024-01-01T00:00:00Z"}, set()),
    (HOURLY, {"schedule.end": "2024-01-01T00:00:00Z", "schedule.delay": "1h", "schedule.frequency": "daily"}, set()),
    (HOURLY, {"schedule.type": "once", "schedule.frequency": None, "schedule.start": None}, {"runs-at-once"}),
    (ONCE, {"name": "x"}, {"runs-at-once"}),
    (ONCE, {"schedule.type": "on_demand"}, set()),
    (HOURLY, {"connection_id": "bigquery"}, {"re-routes"}),
    (HOURLY, {"partner_feed_id": 7}, {"re-routes"}),
    (HOURLY, {"data_model_id": "refunds"}, set()),
    (HOURLY, {"name": "x", "data_plan_id": "dp", "data_plan_version": 1}, set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "edits", "found"), RISKY, ids=lambda v: ",".join(v) if isinstance(v, dict) else None
)
def test_f088_f090_f186_an_update_runs_these_risks_and_no_others(
    base: Document, edits: dict[str, object], found: set[str]
) -> None:
    plan = update(base, edits, (BIGQUERY, REFUNDS))
    change = the_change(plan)
    assert change.action is Action.UPDATE
    assert change.risks == in_order_of_danger(found)
    assert plan.refusals == ()


CREATED: list[tuple[Document, set[str]]] = [
    (SNOWFLAKE, set()),
    (BIGQUERY, set()),
    (ORDERS, set()),
    (HOURLY, set()),
    (PRODUCTION, {"production"}),
    (edited(PRODUCTION, state="paused"), {"production"}),
    (edited(PRODUCTION, state="new"), {"production"}),
    (FULL, {"full-sync"}),
    (ONCE, {"runs-at-once"}),
    (edited(ONCE, {"sync_mode.type": "full", "environment": "production"}), {"production", "full-sync", "runs-at-once"}),
    (edited(HOURLY, {"sync_mode.from": "2020-01-01T00:00:00Z", "partner_feed_id": 7}), set()),
]  # fmt: skip


@pytest.mark.parametrize(("document", "found"), CREATED)
def test_f090_a_create_runs_these_risks_and_no_others(document: Document, found: set[str]) -> None:
    others = [d for d in WORLD if (d["kind"], d["id"]) != (document["kind"], document["id"])]
    assert the_change(planned([document, *others], others)).risks == in_order_of_danger(found)


def test_a_risk_is_told_by_what_the_update_leaves_behind_not_by_what_is_declared() -> None:
    """State is not ours here: what is active by hand is not activated by another change."""
    manifest = edited(HOURLY, environment="production", name="x", lifecycle={"ignore": ["state"]})
    live = edited(PRODUCTION, state="paused")
    assert risks(planned([SNOWFLAKE, ORDERS, manifest], [SNOWFLAKE, ORDERS, live])) == {}
    once = edited(ONCE, name="x", lifecycle={"ignore": ["schedule"]})
    assert risks(planned([SNOWFLAKE, ORDERS, once], WORLD)) == {}
    again = edited(HOURLY, {"schedule.type": "once"}, name="x", lifecycle={"ignore": ["schedule.type"]})
    assert risks(planned([SNOWFLAKE, ORDERS, again], [SNOWFLAKE, ORDERS, ONCE])) == {
        "pipeline/hourly": ("runs-at-once", "re-ingestion")
    }


def test_a_replace_runs_the_risks_of_what_is_made_anew_and_of_what_changes() -> None:
    base = edited(HOURLY, {"sync_mode.from": "2023-01-01T00:00:00Z"})
    desired = edited(PRODUCTION, {**EVENTS, "sync_mode.type": "full", "connection_id": "bigquery"})
    plan = planned([SNOWFLAKE, BIGQUERY, ORDERS, desired], [SNOWFLAKE, BIGQUERY, ORDERS, base])
    assert the_change(plan).risks == ("replace", "production", "full-sync", "re-ingestion", "re-routes")
    plain = edited(HOURLY, {**EVENTS, "schedule.delay": "900s"})
    assert the_change(planned([*WORLD[:2], plain], WORLD)).risks == ("replace",)


def test_a_replace_to_another_provider_sends_the_secret_elsewhere() -> None:
    desired = edited(REDSHIFT, {"id": "snowflake", "config.password": "{{ secret('SNOWFLAKE_PASSWORD') }}"})
    assert the_change(planned([desired], [SNOWFLAKE])).risks == ("replace", "credential-retargeted")
    assert the_change(planned([edited(DATABRICKS, id="snowflake")], [SNOWFLAKE])).risks == ("replace",)


OTHER = edited(SNOWFLAKE, id="other")
ELSEWHERE = edited(OTHER, {"config.account_identifier": "evil"})
SAME_SECRET = edited(REDSHIFT, {"config.password": "{{ secret('SNOWFLAKE_PASSWORD') }}"})


@pytest.mark.parametrize(
    ("document", "live", "found"),
    [
        (ELSEWHERE, (), True),
        (edited(ELSEWHERE, {"config.password": "{{ secret('env:SNOWFLAKE_PASSWORD') }}"}), (), True),
        (edited(OTHER, {"config.region": "eu"}), (), True),
        (SAME_SECRET, (), True),
        (edited(SAME_SECRET, id="other"), (edited(DATABRICKS, id="other"),), True),  # a replace
        (OTHER, (), False),
        (edited(OTHER, {"config.warehouse": "x", "config.user": "other"}), (), False),
        (edited(ELSEWHERE, {"config.password": "{{ secret('OTHER') }}"}), (), False),
        (edited(DATABRICKS, id="other"), (), False),
        (ELSEWHERE, (edited(ELSEWHERE, name="x"),), False),  # an update, and its host stays
    ],
)
def test_f088_a_create_that_takes_a_secret_which_goes_to_another_host(
    document: Document, live: tuple[Document, ...], found: bool
) -> None:
    change = the_change(planned([SNOWFLAKE, document], [SNOWFLAKE, *live]))
    assert ("credential-retargeted" in change.risks) is found


def test_f088_what_is_left_out_of_the_run_sends_its_secret_all_the_same() -> None:
    plan = planned([SNOWFLAKE, ELSEWHERE], [], select=("connection/other",))
    assert risks(plan) == {"connection/other": ("credential-retargeted",)}


def test_f088_a_pipeline_that_takes_a_connections_secret_for_its_feed() -> None:
    thief = edited(HOURLY, partner_feed_key="{{ secret('SNOWFLAKE_PASSWORD') }}")
    assert risks(planned([SNOWFLAKE, ORDERS, thief], [SNOWFLAKE, ORDERS])) == {
        "pipeline/hourly": ("credential-retargeted",)
    }
    plain = edited(HOURLY, partner_feed_key="{{ secret('FEED') }}")
    assert risks(planned([SNOWFLAKE, ORDERS, plain], [SNOWFLAKE, ORDERS])) == {}


@pytest.mark.parametrize(
    ("base", "status"), [(SNOWFLAKE, "faulted"), (HOURLY, "faulted"), (ORDERS, "invalid")]
)
def test_an_update_of_what_is_faulted_clears_the_fault(base: Document, status: str) -> None:
    others = [d for d in WORLD if d["kind"] != base["kind"]]
    plan = planned([edited(base, name="x"), *others], [base | {"status": status}, *others])
    assert the_change(plan).risks == ("clears-fault",)
    assert risks(planned([edited(base, name="x"), *others], [base | {"status": "idle"}, *others])) == {}
    assert risks(planned(WORLD, [base | {"status": status}, *others])) == {}


# ------------------------------------------------------------------------ re-ingestion, shared


def test_f186_a_create_and_a_delete_that_look_like_a_rename() -> None:
    renamed = edited(HOURLY, id="every-hour", name="Every hour")
    plan = planned([SNOWFLAKE, ORDERS, renamed], WORLD)
    created, deleted = plan.changes
    assert created.risks == ("re-ingestion",)
    assert created.reasons == (
        "looks like a rename of pipeline/hourly: the two run side by side, this one from the beginning",
    )
    assert (deleted.risks, deleted.reasons) == (("delete",), ())


@pytest.mark.parametrize("edits", [{"connection_id": "bigquery"}, {"data_model_id": "refunds"}])
def test_what_refers_to_other_things_is_no_rename(edits: dict[str, object]) -> None:
    beside = (SNOWFLAKE, BIGQUERY, ORDERS, REFUNDS)
    plan = planned([*beside, edited(HOURLY, {"id": "new", **edits})], [*beside, HOURLY])
    assert steps(plan) == ["create pipeline/new", "delete pipeline/hourly"]
    assert risks(plan) == {"pipeline/hourly": ("delete",)}


def test_neither_a_model_nor_a_pipeline_whose_likeness_stays_is_a_rename() -> None:
    plan = planned([SNOWFLAKE, edited(ORDERS, id="new")], [SNOWFLAKE, ORDERS])
    assert risks(plan) == {"model/orders": ("delete",)}
    plan = planned([*WORLD, edited(HOURLY, id="new")], WORLD)
    assert risks(plan) == {}
    plan = planned([SNOWFLAKE, ORDERS, edited(HOURLY, id="new")], WORLD, owns=())
    assert risks(plan) == {}


def test_of_several_that_it_could_be_a_rename_of_the_first_is_named() -> None:
    live = [SNOWFLAKE, ORDERS, edited(HOURLY, id="b"), edited(HOURLY, id="a")]
    new = planned([SNOWFLAKE, ORDERS, HOURLY], live).changes[0]
    assert new.reasons[0].startswith("looks like a rename of pipeline/a:")


CHANGED = edited(ORDERS, {"config.sql_query": "SELECT b FROM x.y.z"})
SECOND = edited(HOURLY, id="second")


@pytest.mark.parametrize(
    ("desired", "live", "select", "users"),
    [
        ([HOURLY, SECOND], [HOURLY, SECOND], (), ["hourly", "second"]),  # both declared
        ([HOURLY], [HOURLY, SECOND], (), ["hourly", "second"]),  # one unmanaged
        ([], [HOURLY, SECOND], (), ["hourly", "second"]),  # both unmanaged
        ([HOURLY, SECOND], [HOURLY], (), ["hourly", "second"]),  # one yet to be created
        ([HOURLY, SECOND], [HOURLY], ("model/*",), ["hourly"]),  # which this run does not create
        ([HOURLY], [HOURLY], (), ["hourly"]),
        ([HOURLY, SECOND], [HOURLY, edited(SECOND, data_model_id="refunds")], (), ["hourly", "second"]),
        ([HOURLY, SECOND], [HOURLY, edited(SECOND, data_model_id="refunds")], ("model/*",), ["hourly"]),
        ([HOURLY, edited(SECOND, data_model_id="refunds")], [HOURLY, SECOND], (), ["hourly"]),  # re-pointed
        ([HOURLY, edited(SECOND, data_model_id="refunds")], [HOURLY, SECOND], ("model/*",), ["hourly", "second"]),
        ([], [], (), []),
    ],
)  # fmt: skip
def test_a_model_that_several_pipelines_use_is_shared(
    desired: list[Document], live: list[Document], select: tuple[str, ...], users: list[str]
) -> None:
    plan = planned(
        [SNOWFLAKE, REFUNDS, CHANGED, *desired], [SNOWFLAKE, REFUNDS, ORDERS, *live], select=select, owns=()
    )
    change = next(c for c in plan.changes if c.address == address("model/orders"))
    assert change.risks == (("shared-model",) if len(users) > 1 else ())
    named = ", ".join(f"pipeline/{user}" for user in users)
    assert change.reasons == ((f"used by {named}",) if users else ())


def test_a_pipeline_that_goes_in_the_same_plan_shares_nothing() -> None:
    plan = planned([SNOWFLAKE, CHANGED, HOURLY], [*WORLD, SECOND])
    assert plan.changes[0].reasons == ("used by pipeline/hourly",)
    assert risks(plan) == {"pipeline/second": ("delete",)}


def test_a_connection_is_not_shared_and_a_new_model_neither() -> None:
    plan = planned([edited(SNOWFLAKE, name="x"), ORDERS, HOURLY, SECOND], [*WORLD, SECOND])
    assert (risks(plan), the_change(plan).reasons) == ({}, ())
    plan = planned([SNOWFLAKE, ORDERS, HOURLY, SECOND], [SNOWFLAKE])
    assert risks(plan) == {}


def test_risks_come_most_dangerous_first_and_unknown_ones_last() -> None:
    assert in_order_of_danger(["zebra", *reversed(RISKS), "apple", "delete"]) == (*RISKS, "apple", "zebra")


# ------------------------------------------------------------------------------- refusals


def test_a_held_secret_that_the_manifest_does_not_declare_is_refused_with_the_line_to_add() -> None:
    live = HOURLY | {"partner_feed_key": "x"}
    plan = planned([SNOWFLAKE, ORDERS, edited(HOURLY, name="x")], [SNOWFLAKE, ORDERS, live])
    assert refused(plan) == {
        "pipeline/hourly": "it holds partner_feed_key, which this would clear and nobody can read back: "
        "add `partner_feed_key: \"{{ secret('NAME') }}\"` to its manifest (or null, to let it go)"
    }
    assert planned(WORLD, [SNOWFLAKE, ORDERS, live]) == expected(no_op=3)
    declared = edited(HOURLY, name="x", partner_feed_key="{{ secret('FEED') }}")
    assert refused(planned([SNOWFLAKE, ORDERS, declared], [SNOWFLAKE, ORDERS, live])) == {}


EXTERNAL = ("connection/legacy-*",)
ON_LEGACY = edited(HOURLY, connection_id="legacy-1")


def test_an_external_that_is_not_live_refuses_what_needs_it() -> None:
    why = "needs connection/legacy-1 (connection_id), which is not live: create it first, or declare it"
    plan = planned([ORDERS, ON_LEGACY], [ORDERS], external=EXTERNAL)
    assert refused(plan) == {"pipeline/hourly": why}
    plan = planned([ORDERS, edited(ON_LEGACY, name="x")], [ORDERS, ON_LEGACY], external=EXTERNAL)
    assert refused(plan) == {"pipeline/hourly": why}
    assert planned([ORDERS, ON_LEGACY], [ORDERS, ON_LEGACY], external=EXTERNAL).refusals == ()


def test_an_external_that_is_live_is_referred_to_and_never_deleted() -> None:
    legacy = edited(SNOWFLAKE, id="legacy-1")
    plan = planned([ORDERS, ON_LEGACY], [ORDERS, legacy], external=EXTERNAL)
    assert steps(plan) == ["create pipeline/hourly"]
    assert (plan.refusals, plan.unmanaged) == ((), (address("connection/legacy-1"),))


def test_what_needs_something_left_out_and_not_live_is_refused() -> None:
    plan = planned(WORLD, [SNOWFLAKE], select=("pipeline/*",))
    assert refused(plan) == {
        "pipeline/hourly": "needs model/orders (data_model_id), which is left out of this run and not live: select it, too"
    }
    assert refused(planned(WORLD, [SNOWFLAKE], exclude=("model/orders",))) == refused(plan)
    assert refused(planned(WORLD, [SNOWFLAKE, ORDERS], select=("pipeline/*",))) == {}


def test_what_needs_something_that_this_plan_deletes_is_refused() -> None:
    """The field is left to others, and they point it at something that nobody declares."""
    manifest = edited(HOURLY, name="x", lifecycle={"ignore": ["connection_id"]})
    live = edited(HOURLY, connection_id="redshift")
    plan = planned([SNOWFLAKE, ORDERS, manifest], [SNOWFLAKE, REDSHIFT, ORDERS, live])
    assert refused(plan) == {
        "pipeline/hourly": "needs connection/redshift (connection_id), which this plan deletes: "
        "declare it, or refer to another",
        "connection/redshift": "pipeline/hourly still refers to it: re-point or delete that first",
    }


REPLACED = edited(HOURLY, EVENTS)


@pytest.mark.parametrize(
    ("lifecycle", "protect", "why"),
    [
        ({}, ("pipeline/*",), "protected: `protect` of the target forbids to replace it"),
        ({"protect": True}, (), "protected: its `lifecycle.protect` forbids to replace it"),
        ({"protect": True}, ("*",), "protected: `protect` of the target forbids to replace it"),
    ],
)
def test_f184_what_is_protected_is_never_replaced(
    lifecycle: Document, protect: tuple[str, ...], why: str
) -> None:
    plan = planned([*WORLD[:2], REPLACED | {"lifecycle": lifecycle}], WORLD, protect=protect)
    assert refused(plan) == {"pipeline/hourly": why}
    updated = planned([*WORLD[:2], edited(HOURLY, name="x", lifecycle=lifecycle)], WORLD, protect=protect)
    assert refused(updated) == {}


def test_f184_what_is_protected_is_never_deleted_and_a_warning_says_so() -> None:
    plan = planned([SNOWFLAKE], WORLD, protect=("model/*",), owns=("*/orders",))
    assert plan == expected(
        no_op=1,
        unmanaged=(address("model/orders"), address("pipeline/hourly")),
        warnings=(
            PlanWarning(
                "WS301",
                "live, owned and declared nowhere, but protected: it stays; to delete it, take it out of `protect` first",
                address("model/orders"),
            ),
        ),
    )


def test_f181_a_delete_of_what_an_unmanaged_resource_refers_to_is_refused() -> None:
    plan = planned([edited(SNOWFLAKE, id="other")], WORLD, owns=("connection/*", "model/*"))
    why = "pipeline/hourly still refers to it: re-point or delete that first"
    assert refused(plan) == {"model/orders": why, "connection/snowflake": why}


@pytest.mark.parametrize("select", [("connection/*",), ("connection/*", "model/*")])
def test_f181_a_delete_of_what_an_unselected_resource_refers_to_is_refused(select: tuple[str, ...]) -> None:
    desired = [BIGQUERY, ORDERS, edited(HOURLY, connection_id="bigquery")]
    plan = planned(desired, WORLD, select=select)
    assert refused(plan) == {
        "connection/snowflake": "pipeline/hourly still refers to it: re-point or delete that first"
    }
    assert refused(planned(desired, WORLD)) == {}


def test_what_is_only_updated_may_be_referred_to_whatever_goes_beside_it() -> None:
    desired = [edited(SNOWFLAKE, name="x"), edited(ORDERS, name="x"), HOURLY]
    plan = planned(desired, [*WORLD, REFUNDS, SECOND], max_deletes=1)
    why = "2 deletes and replaces, and max_deletes is 1: raise it in wsync.yaml, or once with --max-deletes 2"
    assert refused(plan) == {"model/refunds": why, "pipeline/second": why}
    assert refused(planned(desired, [*WORLD, REFUNDS, SECOND])) == {}


def test_a_replace_of_what_is_referred_to_is_refused_even_if_that_is_replaced_too() -> None:
    desired = [edited(DATABRICKS, id="snowflake"), ORDERS, HOURLY]
    why = {"connection/snowflake": "pipeline/hourly still refers to it: re-point or delete that first"}
    assert refused(planned(desired, WORLD)) == why
    assert refused(planned([*desired[:2], REPLACED], WORLD)) == why


def test_of_several_that_still_refer_the_first_is_named_whatever_their_order() -> None:
    users = [edited(HOURLY, id=name) for name in "cab"]
    plan = planned([DATABRICKS], [SNOWFLAKE, ORDERS, *users], owns=("connection/*",))
    assert refused(plan) == {
        "connection/snowflake": "pipeline/a still refers to it: re-point or delete that first"
    }


def test_more_deletes_and_replaces_than_allowed_are_refused_each() -> None:
    desired, live = [SNOWFLAKE, ORDERS, REPLACED], [*WORLD, REFUNDS]
    assert refused(planned(desired, live, max_deletes=2)) == {}
    why = "2 deletes and replaces, and max_deletes is 1: raise it in wsync.yaml, or once with --max-deletes 2"
    of_the_target = build_plan(desired_state(desired), live_state(live), target(max_deletes=1))
    for plan in (planned(desired, live, max_deletes=1), of_the_target):
        assert refused(plan) == {"pipeline/hourly": why, "model/refunds": why}
    one = planned(WORLD, live, max_deletes=0)
    assert refused(one) == {
        "model/refunds": "1 delete or replace, and max_deletes is 0: raise it in wsync.yaml, or once with --max-deletes 1"
    }
    assert refused(planned([edited(SNOWFLAKE, name="x")], [SNOWFLAKE], max_deletes=0)) == {}


def test_an_id_that_differs_only_by_case_from_a_live_one_is_refused() -> None:
    live = [edited(SNOWFLAKE, id="SNOWFLAKE"), edited(SNOWFLAKE, id="SnowFlake")]
    for order in (live, live[::-1]):
        plan = planned([SNOWFLAKE], order, owns=())
        assert refused(plan) == {
            "connection/snowflake": "differs only by case from connection/SnowFlake, which is live: use that id"
        }
    assert refused(planned([SNOWFLAKE], [edited(ORDERS, id="SNOWFLAKE")], owns=())) == {}
    assert [*refused(planned([SNOWFLAKE], live[:1]))] == ["connection/snowflake"]  # and not what is deleted


def test_several_reasons_are_all_told() -> None:
    plan = planned(
        [*WORLD[:2], REPLACED], [SNOWFLAKE, HOURLY], protect=("*",), max_deletes=0, exclude=("model/*",)
    )
    assert the_change(plan).refused == (
        "needs model/orders (data_model_id), which is left out of this run and not live: select it, too; "
        "protected: `protect` of the target forbids to replace it; "
        "1 delete or replace, and max_deletes is 0: raise it in wsync.yaml, or once with --max-deletes 1"
    )
    assert plan.refusals == (f"pipeline/hourly: {the_change(plan).refused}",)


EMPTY_WHY = (
    "no manifest declares anything for target test, and owned resources are live: "
    "wsync does not delete all that there is (declare one resource at least, or empty `owns`)"
)


def test_f169_an_empty_desired_state_is_refused_while_owned_resources_are_live() -> None:
    plan = planned([], WORLD, max_deletes=999)
    assert (plan.refused, plan.refusals) == (EMPTY_WHY, (EMPTY_WHY,))
    assert steps(plan) == ["delete pipeline/hourly", "delete model/orders", "delete connection/snowflake"]
    assert {change.refused for change in plan.changes} == {EMPTY_WHY}
    assert planned([], WORLD, owns=("model/*",), protect=("*",)).refused == EMPTY_WHY
    assert planned([], WORLD, owns=()).refused is None
    assert planned([], []).refused is None
    assert planned([DATABRICKS], WORLD).refused is None


@pytest.mark.parametrize("selection", [{"select": ("pipeline/x",)}, {"exclude": ("*",)}])
def test_f169_the_empty_desired_state_is_judged_before_the_selection(selection: dict[str, Any]) -> None:
    assert planned([], WORLD, **selection).refused == EMPTY_WHY
    assert planned([DATABRICKS], WORLD, **selection).refused is None


# ---------------------------------------------------------------------- resending secrets


def test_an_otherwise_equal_resource_is_updated_for_its_secret_when_asked_to() -> None:
    assert planned(WORLD, WORLD, resend=("connection/*",)) == expected(
        Change(
            address("connection/snowflake"),
            Action.UPDATE,
            (),
            {"config.password": "SNOWFLAKE_PASSWORD"},
            Source("snowflake.yaml", 1),
            reasons=("resend",),
        ),
        no_op=2,
    )


def test_resending_changes_nothing_about_what_changes_anyway() -> None:
    desired = [edited(SNOWFLAKE, name="x"), BIGQUERY]
    assert planned(desired, [SNOWFLAKE], resend=("*",)) == planned(desired, [SNOWFLAKE])


def test_a_resend_to_what_is_faulted_clears_the_fault_and_warns_no_more() -> None:
    faulted = SNOWFLAKE | {"status": "faulted", "errors": [{"message": "could not log in"}]}
    plan = planned([SNOWFLAKE], [faulted])
    sick = (Unhealthy(address("connection/snowflake"), "faulted", ("could not log in",)),)
    assert plan == expected(
        no_op=1,
        unhealthy=sick,
        warnings=(
            PlanWarning(
                "WS303",
                "faulted though all is as declared: its last secret may never have arrived; "
                "send it again with --resend-secrets connection/snowflake",
                address("connection/snowflake"),
            ),
        ),
    )
    again = planned([SNOWFLAKE], [faulted], resend=("connection/snowflake",))
    assert (the_change(again).risks, again.warnings, again.unhealthy) == (("clears-fault",), (), sick)
    assert planned([DATABRICKS], [DATABRICKS | {"status": "faulted"}]).warnings == ()
    no_key = edited(HOURLY, partner_feed_key="null")
    assert planned([*WORLD[:2], no_key], [*WORLD[:2], HOURLY | {"status": "faulted"}]).warnings == ()


def test_a_resend_that_sends_nothing_says_so() -> None:
    def warned(**parts: Any) -> list[tuple[str, str]]:
        plan = planned(WORLD, [*WORLD, REDSHIFT], owns=(), **parts)
        assert plan.changes == ()
        return [(w.code, w.message) for w in plan.warnings]

    nothing = "--resend-secrets {} sends nothing: nothing that is declared there has a secret"
    assert warned(resend=("model/*",)) == [("WS305", nothing.format("model/*"))]
    assert warned(resend=("connection/redshift",)) == [("WS305", nothing.format("connection/redshift"))]
    assert warned(resend=("connection/*",), exclude=("connection/snowflake",)) == [
        ("WS305", nothing.format("connection/*"))
    ]
    typo = "`connection/snowflak` matches no address, neither declared nor live"
    assert warned(resend=("connection/snowflak",)) == [("WS304", typo)]


# ------------------------------------------------------------------------------- warnings


def test_a_selection_that_matches_nothing_is_warned_of() -> None:
    plan = planned(WORLD, WORLD, select=("pipeline/*", "pipelin/*"), exclude=("x\x1b",))
    assert [(w.code, w.message) for w in plan.warnings] == [
        ("WS304", "`pipelin/*` matches no address, neither declared nor live"),
        ("WS304", "`x\\x1b` matches no address, neither declared nor live"),
    ]


def test_unknown_fields_that_a_write_may_clear_are_warned_of() -> None:
    live = HOURLY | {"owner": "ana", "schedule": {**HOURLY["schedule"], "jitter": 5}}
    plan = planned([*WORLD[:2], edited(HOURLY, name="x")], [*WORLD[:2], live])
    message = "holds fields that wsync does not know (owner, schedule.jitter): the update may clear them"
    assert plan.warnings == (PlanWarning("WS302", message, address("pipeline/hourly")),)
    [warning] = planned([*WORLD[:2], REPLACED], [*WORLD[:2], live]).warnings
    assert warning.message.endswith("the replace loses them")
    assert planned(WORLD, [*WORLD[:2], live]).warnings == ()
    assert planned([SNOWFLAKE], [SNOWFLAKE, live]).warnings == ()


def test_warnings_of_the_manifests_stand_first_and_the_plans_own_by_kind() -> None:
    own = PlanWarning("WS120", "pipelines.yaml:1:1: something", None)
    live = [d | {"owner": "x"} for d in WORLD]
    plan = planned([edited(d, name="x") for d in WORLD[::-1]], live, warnings=[own])
    assert plan.warnings[0] == own
    assert [str(w.address) for w in plan.warnings[1:]] == [
        "connection/snowflake",
        "model/orders",
        "pipeline/hourly",
    ]


# --------------------------------------------------------------------------------- health


def test_health_is_by_status_alone_and_only_of_what_is_ours() -> None:
    live = [
        SNOWFLAKE | {"status": "faulted"},
        edited(REDSHIFT, id="legacy-1", status="faulted"),
        edited(REDSHIFT, id="foreign", status="faulted"),
        ORDERS | {"status": "invalid", "errors": [{"message": "no such column"}, "and more"]},
        edited(ORDERS, id="mine", status="invalid"),
        HOURLY | {"status": "idle", "errors": [{"message": "of long ago"}]},
        edited(HOURLY, id="second", status="faulted"),
    ]
    plan = planned(
        [*WORLD, SECOND],
        live,
        owns=("model/mine",),
        external=("connection/legacy-*",),
        exclude=("pipeline/second",),
    )
    assert plan.unhealthy == (
        Unhealthy(address("connection/legacy-1"), "faulted", ()),
        Unhealthy(address("connection/snowflake"), "faulted", ()),
        Unhealthy(address("model/mine"), "invalid", ()),
        Unhealthy(address("model/orders"), "invalid", ("no such column", "and more")),
    )


@pytest.mark.parametrize(("kind", "status"), [("connection", "invalid"), ("model", "faulted"), ("pipeline", "paused"), ("pipeline", "running"), ("pipeline", None)])  # fmt: skip
def test_no_other_status_is_unhealthy(kind: str, status: str | None) -> None:
    live = [d | {"status": status} if d["kind"] == kind else d for d in WORLD]
    assert planned(WORLD, live) == expected(no_op=3)


# ------------------------------------------------------------------------------- selection


def test_a_partial_plan_looks_only_at_what_is_selected() -> None:
    desired = [edited(SNOWFLAKE, name="x"), edited(ORDERS, name="x"), edited(HOURLY, name="x")]
    live = [*WORLD, REDSHIFT, REFUNDS, SECOND]
    plan = planned(desired, live, select=("model/*", "pipeline/*"), exclude=("*/refunds", "pipeline/h*"))
    assert steps(plan) == ["update model/orders", "delete pipeline/second"]
    assert (plan.partial, plan.select, plan.exclude) == (True, ("model/*", "pipeline/*"), ("*/refunds", "pipeline/h*"))  # fmt: skip
    assert (plan.no_op, plan.unmanaged) == (0, ())
    rest = planned(WORLD, live, select=("connection/*",), owns=())
    assert (rest.changes, rest.no_op, rest.unmanaged) == ((), 1, (address("connection/redshift"),))


def test_without_a_selection_a_plan_is_whole_and_globs_are_told_sorted_and_once() -> None:
    assert planned(WORLD, WORLD).partial is False
    assert planned(WORLD, WORLD, exclude=("model/z*",)).partial is True
    plan = planned(WORLD, WORLD, select=("p*", "m*", "p*"))
    assert plan.select == ("m*", "p*")


# -------------------------------------------------------------------------------- evidence


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("2026-11-01T00:00:00", "2026-11-01T00:00:00Z"),
        ("2026-11-01T00:00:00.999Z", "2026-11-01T00:00:00Z"),
        ("2026-11-01T01:00:00+01:00", "2026-11-01T00:00:00Z"),
        ("yesterday\x1b", "yesterday\\x1b"),
        (None, None),
        (7, None),
        ("", None),
    ],
)
def test_who_and_when_are_told_in_one_spelling(on: object, told: str | None) -> None:
    live = HOURLY | {"last_modified_on": on, "last_modified_by": None, "name": "x"}
    assert the_change(planned(WORLD, [*WORLD[:2], live])).modified_on == told
    gone = the_change(planned(WORLD[:2], [*WORLD[:2], live]))
    assert (gone.action, gone.modified_on) == (Action.DELETE, told)


def test_a_create_has_no_evidence() -> None:
    change = the_change(planned([ORDERS], []))
    assert (change.modified_by, change.modified_on) == (None, None)


# ---------------------------------------------------------------------------------- digests

CHANGE = the_change(planned([edited(SNOWFLAKE, name="x")], [SNOWFLAKE]))


@pytest.mark.parametrize(
    "other",
    [
        replace(CHANGE, address=address("connection/other")),
        replace(CHANGE, address=address("model/snowflake")),
        replace(CHANGE, action=Action.REPLACE),
        replace(CHANGE, fields=()),
        replace(CHANGE, fields=(*CHANGE.fields, FieldChange("state", "new", "active"))),
        replace(CHANGE, fields=(FieldChange("nam", "Snowflake", "x"),)),
        replace(CHANGE, fields=(FieldChange("name", "Snowflake ", "x"),)),
        replace(CHANGE, fields=(FieldChange("name", None, "x"),)),
        replace(CHANGE, fields=(FieldChange("name", "Snowflake", None),)),
        replace(CHANGE, fields=(FieldChange("name", "Snowflake", ["x"]),)),
        replace(CHANGE, secrets={}),
        replace(CHANGE, secrets={"config.password": "OTHER"}),
        replace(CHANGE, secrets={"password": "SNOWFLAKE_PASSWORD"}),
        replace(CHANGE, secrets={**CHANGE.secrets, "config.key": "X"}),
    ],
)
def test_a_changes_digest_covers_address_action_fields_and_secrets(other: Change) -> None:
    assert other.digest != CHANGE.digest


@pytest.mark.parametrize("values", [(1, True), (1, 1.0), (1, "1"), ("null", None), ("", None), ([], None), ([], {}), ("é", "e\u0301"), (0.1, 0.10000000000000002)])  # fmt: skip
def test_a_digest_tells_values_apart_by_type_and_to_the_last_character(values: tuple[object, object]) -> None:
    one, other = (replace(CHANGE, fields=(FieldChange("name", "a", v),)).digest for v in values)
    assert one != other


@pytest.mark.parametrize(
    "other",
    [
        replace(CHANGE, source=Source("elsewhere.yaml", 99, ("x.sql",))),
        replace(CHANGE, source=None),
        replace(CHANGE, reasons=("resend",)),
        replace(CHANGE, risks=("production",)),
        replace(CHANGE, refused="no"),
        replace(CHANGE, modified_by="eve", modified_on="2026-01-01T00:00:00Z"),
    ],
)
def test_a_changes_digest_covers_nothing_else(other: Change) -> None:
    assert other != CHANGE
    assert other.digest == CHANGE.digest


def test_a_digest_does_not_depend_on_the_order_of_fields_and_secrets() -> None:
    fields = (FieldChange("b", 1, 2), FieldChange("a", 3, 4))
    one = replace(CHANGE, fields=fields, secrets={"x": "1", "y": "2"})
    assert one.digest == replace(one, fields=fields[::-1], secrets={"y": "2", "x": "1"}).digest


WHOLE = planned([edited(SNOWFLAKE, name="x"), edited(ORDERS, name="x")], [SNOWFLAKE, ORDERS], select=("*",))


@pytest.mark.parametrize(
    "parts",
    [
        {"target": "prod"},
        {"workspace_id": "4712"},
        {"host": "api.example.com:443"},
        {"select": ()},
        {"select": ("*", "*")},
        {"exclude": ("*",)},
        {"select": (), "exclude": ("*",)},
        {"changes": ()},
        {"changes": WHOLE.changes[:1]},
        {"changes": WHOLE.changes[::-1]},
        {"changes": (replace(WHOLE.changes[0], action=Action.DELETE), WHOLE.changes[1])},
    ],
)
def test_a_plans_digest_covers_target_workspace_host_selection_and_changes(parts: dict[str, Any]) -> None:
    assert replace(WHOLE, **parts).digest != WHOLE.digest


@pytest.mark.parametrize(
    "parts",
    [
        {"wsync_version": "99"},
        {"no_op": 7},
        {"unmanaged": (address("model/x"),)},
        {"unhealthy": (Unhealthy(address("model/x"), "invalid", ()),)},
        {"warnings": (PlanWarning("WS1", "x"),)},
        {"refused": "no"},
        {"changes": tuple(replace(c, reasons=("x",), risks=("x",), refused="x") for c in WHOLE.changes)},
    ],
)
def test_a_plans_digest_covers_nothing_else(parts: dict[str, Any]) -> None:
    assert replace(WHOLE, **parts).digest == WHOLE.digest


def test_a_plans_digest_does_not_depend_on_the_order_of_the_globs() -> None:
    plan = replace(WHOLE, select=("a", "b"), exclude=("c", "d"))
    assert plan.digest == replace(WHOLE, select=("b", "a"), exclude=("d", "c")).digest


def test_values_of_left_out_fields_are_no_part_of_an_approval() -> None:
    def digest(**live: object) -> str:
        return planned([edited(SNOWFLAKE, name="x")], [edited(SNOWFLAKE, live)]).digest

    assert digest() == digest(**{"config.aws_external_id": "X=1"}) == digest(owner="x", status="faulted")
    assert digest() != digest(name="y")


def test_f069_no_digest_is_made_of_a_secret() -> None:
    """Only the reference goes in: the same digest whatever the value is, or was."""
    assert CHANGE.digest == the_change(planned([edited(SNOWFLAKE, name="x")], [edited(SNOWFLAKE, {"config.password": "other"})])).digest  # fmt: skip


# ------------------------------------------------------------------------------- properties

World = tuple[list[Document], list[Document]]
worlds = st.tuples(sides(), sides())
ownership = st.sampled_from((("*",), (), ("pipeline/*",), ("model/*", "connection/a")))


@given(worlds, ownership)
def test_law_1_a_plan_that_is_carried_out_leaves_nothing_to_do(world: World, owns: tuple[str, ...]) -> None:
    desired, live = desired_state(world[0]), live_state(world[1])
    plan = build_plan(desired, live, target(owns=owns))
    if not plan.refusals:
        after = carried_out(plan, desired, live)
        again = build_plan(desired, after, target(owns=owns))
        assert again.changes == ()
        assert again.no_op == len(desired.resources)


@given(worlds, ownership, st.integers(0, 2**16).map(Random))
def test_law_2_any_order_of_manifests_and_answers_gives_the_same_plan(
    world: World, owns: tuple[str, ...], random: Random
) -> None:
    """Nor do the keys within them matter."""
    answers = [document | {"owner": "x", "team": "y"} for document in world[1]]
    plan = planned(world[0], answers, owns=owns, resend=("*",))
    for _ in range(3):
        again = planned(_shuffled(world[0], random), _shuffled(answers, random), owns=owns, resend=("*",))
        assert again == plan
        assert again.digest == plan.digest


def _shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        random.shuffle(items)
        return {key: _shuffled(inner, random) for key, inner in items}
    if isinstance(value, list):
        return [_shuffled(inner, random) for inner in random.sample(value, len(value))]
    return value


def _refers(resource: Live) -> set[Address]:
    return {to for _, to in resource.refs()}


def _check(there: dict[Address, Live]) -> None:
    for resource in there.values():
        assert _refers(resource) <= there.keys(), resource.address


@given(worlds, st.integers(1, 4), st.integers(0, 2**16).map(Random))
def test_law_3_at_no_moment_of_any_execution_does_anything_refer_to_nothing(
    world: World, parallelism: int, random: Random
) -> None:
    """Whatever ends first, and whether a replace is in the middle of it or not."""
    desired, live = desired_state(world[0]), live_state(world[1])
    plan = build_plan(desired, live, target())
    if plan.refusals:
        return
    changes = {c.address: c for c in plan.changes}
    queue, running, there = (
        Queue(changes, graph(changes, desired, live)),
        list[Change](),
        dict(live.resources),
    )
    order: list[Change] = []
    while queue or running:
        while queue and len(running) < parallelism:
            change = queue.pop()
            order.append(change)
            running.append(change)
            if change.action.destroys:  # gone at the earliest from now on
                del there[change.address]
                _check(there)
        change = running.pop(random.randrange(len(running)))
        if change.action is not Action.DELETE:
            one = carried_out(replace(plan, changes=(replace(change, action=Action.UPDATE),)), desired, live)
            there[change.address] = one.resources[change.address]
            _check(there)
        queue.done(change.address)
    assert len(order) == len(plan.changes)
    if parallelism == 1:
        assert tuple(order) == plan.changes


@given(worlds, ownership)
def test_law_5_nothing_is_planned_for_what_is_neither_declared_nor_owned(
    world: World, owns: tuple[str, ...]
) -> None:
    plan = planned(*world, owns=owns, protect=("model/b",))
    declared = {f"{d['kind']}/{d['id']}" for d in world[0]}
    for change in plan.changes:
        if change.action is Action.DELETE:
            assert str(change.address) not in declared
            assert change.address.matches(owns)
            assert str(change.address) != "model/b"
        else:
            assert str(change.address) in declared
    assert {*map(str, plan.unmanaged)} == {f"{d['kind']}/{d['id']}" for d in world[1]} - declared - {
        str(c.address) for c in plan.changes
    }


@given(worlds)
def test_f184_nothing_that_is_protected_is_ever_deleted_or_replaced_unrefused(world: World) -> None:
    plan = planned(*world, protect=("*/a", "*/b"))
    for change in plan.changes:
        if change.address.id in "ab":
            assert change.action is not Action.DELETE
            assert change.action is not Action.REPLACE or change.refused


@given(worlds)
def test_the_create_that_remains_of_a_replace_is_the_one_that_is_planned_after_its_delete(
    world: World,
) -> None:
    """So that an approved replace covers it, an apply that was cut in its middle is finished by the same command."""
    desired, live = desired_state(world[0]), live_state(world[1])
    for change in build_plan(desired, live, target()).changes:
        remains = change.remaining_create()
        if change.action is Action.REPLACE:
            gone = {a: r for a, r in live.resources.items() if a != change.address}
            again = build_plan(desired, LiveState(gone), target())
            [create] = [c for c in again.changes if c.address == change.address]
            assert create.action is Action.CREATE
            assert (create.digest, create.fields) == (remains.digest, _in_order_of(create, remains))
            assert remains.digest != change.digest


def _in_order_of(create: Change, remains: Change) -> tuple[FieldChange, ...]:
    order = [f.path for f in create.fields]
    return tuple(sorted(remains.fields, key=lambda f: order.index(f.path)))


@given(worlds, st.sampled_from(("pipeline/*", "*/a", "model/*")), st.sampled_from((None, "*/b")))
def test_a_partial_plan_is_a_part_of_the_whole_one(world: World, select: str, exclude: str | None) -> None:
    whole = {c.address: c.digest for c in planned(*world).changes}
    part = planned(*world, select=(select,), exclude=(exclude,) if exclude else ())
    taken = Selection((select,), (exclude,) if exclude else ())
    assert {c.address: c.digest for c in part.changes} == {a: d for a, d in whole.items() if taken.takes(a)}


@given(worlds)
def test_risks_are_what_the_contract_says(world: World) -> None:
    """Told again from the documents, without any mark on any field."""
    for declared in world[0]:
        address = Address(declared["kind"], declared["id"])
        desired, live = desired_state(world[0]), live_state(world[1])
        change = next((c for c in build_plan(desired, live, target()).changes if c.address == address), None)
        if change is not None:
            before = live.resources.get(address)
            ours = desired.resources[address]
            after = dict(ours.values)
            if change.action is Action.UPDATE and before:
                after = {**before.values, **after}
            assert {*change.risks} - {"shared-model"} == {
                *_told(change, dict(before.values) if before else {}, after, len(ours.secrets))
            } | ({"re-ingestion"} if any("rename" in r for r in change.reasons) else set())


WHERE = {
    "Snowflake": ("account_identifier", "region", "user"),
    "BigQuery": ("project_id", "service_account_id"),
    "Redshift": ("host", "port", "user"),
    "Databricks": (),
}


def _told(change: Change, before: dict[str, Any], after: dict[str, Any], secrets: int) -> Iterator[str]:
    moved = {p for p in {*before, *after} if before and before.get(p) != after.get(p)}
    if change.action is Action.REPLACE:
        yield "replace"
    if change.address.kind == "connection":
        where = {f"config.{name}" for name in WHERE[after["service_provider"]]}
        if secrets and moved & where:
            yield "credential-retargeted"
    if change.address.kind == "pipeline":
        yield from _told_of_a_pipeline(moved, after, anew=change.action is not Action.UPDATE)


def _told_of_a_pipeline(moved: set[str], after: dict[str, Any], *, anew: bool) -> Iterator[str]:
    activated = after["state"] == "active" and "state" in moved
    if after["environment"] == "production" and (anew or "environment" in moved or activated):
        yield "production"
    if after["sync_mode.type"] == "full" and (anew or "sync_mode.type" in moved):
        yield "full-sync"
    if after["schedule.type"] == "once":
        yield "runs-at-once"
    what = ("sync_mode.type", "sync_mode.iterator_field", "sync_mode.iterator_data_type", "sync_mode.from", "schedule.start")  # fmt: skip
    if moved.intersection(what):
        yield "re-ingestion"
    if moved & {"environment", "partner_feed_id", "connection_id"}:
        yield "re-routes"


def test_no_plan_holds_a_secret() -> None:
    plan = planned(
        [edited(SNOWFLAKE, name="x"), REPLACED], [SNOWFLAKE, HOURLY | {"partner_feed_key": "hunter2"}]
    )
    assert "hunter2" not in repr(plan)
    assert "live-secret" not in repr(plan)


def test_glyphs_stand_beside_the_words() -> None:
    assert {a.value: a.glyph for a in Action} == {"create": "+", "update": "~", "replace": "±", "delete": "-"}


def test_a_summary_counts_by_the_contracts_words() -> None:
    plan = planned([BIGQUERY, ORDERS, edited(HOURLY, name="x"), SNOWFLAKE], [*WORLD, SECOND, REFUNDS], owns=("model/*",))  # fmt: skip
    assert plan.summary == {"create": 1, "update": 1, "replace": 0, "delete": 1, "no-op": 2, "unmanaged": 1}
    assert list(plan.summary) == ["create", "update", "replace", "delete", "no-op", "unmanaged"]


def test_a_listing_is_a_whole_one_even_if_nothing_can_start() -> None:
    plan = planned(SWAPPED, SWAP)
    changes = {c.address: c for c in plan.changes}
    needs = _needs(plan, SWAPPED, SWAP)
    assert list(in_order(changes, needs)) == list(plan.changes)
    assert not Queue(changes, needs)


def test_references_are_read_from_declared_and_live_alike() -> None:
    declared, live = declare(HOURLY), answered(HOURLY)
    assert list(declared.refs()) == list(live.refs()) == list(references(live.model, live.values))
