"""Plans and reports that the tests of the renderers look at: small, whole and as they really come."""

from __future__ import annotations

from dataclasses import replace

from reconciler.apply.outcome import Outcome, Report, State
from reconciler.diff import FieldChange
from reconciler.errors import Exit, Problem
from reconciler.plan.change import Action, Change, Plan, PlanWarning, Unhealthy
from reconciler.resource import Address, Source

EMPTY = Plan("prod", "4711", "api.mparticle.com", (), no_op=25)

SNOWFLAKE = Address("connection", "snowflake-prod")
ORDERS = Address("model", "orders")
HOURLY = Address("pipeline", "orders-hourly")

_OLD_SQL = """\
SELECT
  o.id AS other_id_2,
  o.created_at,
  customer_id AS customer_id,
  total
  updated_at
FROM analytics.mp.orders AS o
JOIN analytics.mp.customers AS c
  ON c.id = o.customer_id
WHERE o.state <> 'draft'
  AND o.total > 0
"""
_NEW_SQL = _OLD_SQL.replace("  total\n", "  total_amount AS total,\n")


def of(plan: Plan, *changes: Change) -> Plan:
    return replace(plan, changes=changes)


UPDATE = Change(
    Address("model", "customers"),
    Action.UPDATE,
    (FieldChange("name", "Customers", "Customers, with e-mail"),),
    {},
    Source("models.yaml", 12),
)

RETARGETED = Change(
    SNOWFLAKE,
    Action.UPDATE,
    (FieldChange("config.account_identifier", "gd12345", "gd99999"),),
    {"config.password": "SNOWFLAKE_PASSWORD"},
    Source("connections.yaml", 1),
    risks=("credential-retargeted",),
)

SQL = Change(
    ORDERS,
    Action.UPDATE,
    (FieldChange("config.sql_query", _OLD_SQL, _NEW_SQL),),
    {},
    Source("models/orders.yaml", 1, ("models/orders.sql",)),
    reasons=("used by pipeline/orders-hourly, pipeline/orders-backfill",),
    risks=("shared-model",),
)

REINGESTS = Change(
    HOURLY,
    Action.UPDATE,
    (
        FieldChange("sync_mode.from", "2026-11-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        FieldChange("schedule.delay", None, "15m"),
        FieldChange("data_plan_version", 2, None),
    ),
    {},
    Source("pipelines.yaml", 14),
    risks=("re-ingestion",),
    modified_by="ana@example.com",
    modified_on="2026-11-20T14:02:33Z",
)

_PIPELINE = {
    "name": "Refunds, daily",
    "pipeline_type": "user_attributes",
    "connection_id": "snowflake-prod",
    "data_model_id": "refunds",
    "state": "active",
    "sync_mode.type": "incremental",
    "sync_mode.iterator_field": "updated_at",
    "sync_mode.iterator_data_type": "timestamp",
    "schedule.type": "interval",
    "schedule.frequency": "daily",
    "schedule.start": "2026-12-01T00:00:00Z",
    "environment": "development",
}
CREATE_PIPELINE = Change(
    Address("pipeline", "refunds-daily"),
    Action.CREATE,
    tuple(FieldChange(path, None, value) for path, value in _PIPELINE.items()),
    {},
    Source("pipelines.yaml", 31),
)
_CONNECTION = {
    "name": "Redshift (Europe)",
    "state": "active",
    "service_provider": "Redshift",
    "config.database": "analytics",
    "config.user": "mparticle",
    "config.aws_iam_role_arn": "arn:aws:iam::123456789012:role/mparticle-warehouse-sync-redshift-europe",
    "config.host": "redshift-eu.abc123.eu-central-1.redshift.amazonaws.com",
    "config.port": "5439",
}
CREATE_CONNECTION = Change(
    Address("connection", "redshift-eu"),
    Action.CREATE,
    tuple(FieldChange(path, None, value) for path, value in _CONNECTION.items()),
    {"config.password": "vault:secret/warehouse#redshift"},
    Source("connections.yaml", 20),
)
CREATE_MODEL = Change(
    Address("model", "refunds"),
    Action.CREATE,
    (
        FieldChange("name", None, "Refunds"),
        FieldChange("state", None, "active"),
        FieldChange("type", None, "sql"),
        FieldChange("config.sql_query", None, _NEW_SQL),
    ),
    {},
    Source("models/refunds.yaml", 1, ("models/refunds.sql",)),
)

REPLACE = Change(
    HOURLY,
    Action.REPLACE,
    tuple(
        FieldChange(path, {**_PIPELINE, "environment": "production", "pipeline_type": "events"}[path], value)
        for path, value in {**_PIPELINE, "environment": "production"}.items()
    ),
    {},
    Source("pipelines.yaml", 14),
    reasons=("pipeline_type cannot change in place",),
    risks=("replace", "production"),
    modified_by="ci@example.com",
    modified_on="2026-11-01T09:30:00Z",
)
DELETE = Change(
    Address("model", "legacy-orders"),
    Action.DELETE,
    (
        FieldChange("name", "Orders (old)", None),
        FieldChange("state", "inactive", None),
        FieldChange("type", "sql", None),
        FieldChange("config.sql_query", _OLD_SQL, None),
    ),
    {},
    risks=("delete",),
    modified_by="bo@example.com",
    modified_on="2025-02-03T04:05:06Z",
)
_DELETES = (
    "2 deletes and replaces, and max_deletes is 0: raise it in wsync.yaml, or once with --max-deletes 2"
)
RESEND = Change(
    SNOWFLAKE,
    Action.UPDATE,
    (),
    {"config.password": "SNOWFLAKE_PASSWORD"},
    Source("connections.yaml", 1),
    reasons=("resend",),
)
DRIFTED = Change(
    Address("connection", "redshift-eu"),
    Action.UPDATE,
    (FieldChange("config.host", "old.example.com", "redshift-eu.example.com"),),
    {"config.password": "REDSHIFT_PASSWORD"},
    Source("connections.yaml", 20),
    risks=("credential-retargeted",),
    modified_by="ana@example.com",
    modified_on="2026-11-20T14:02:33Z",
)

BESIDE = replace(
    EMPTY,
    unmanaged=(Address("connection", "sandbox"), Address("pipeline", "legacy"), Address("pipeline", "try me")),
    unhealthy=(
        Unhealthy(Address("connection", "redshift-eu"), "faulted", ("could not log in: password authentication failed for user",)),
        Unhealthy(ORDERS, "invalid", ()),
    ),
    warnings=(
        PlanWarning("WS303", "faulted though all is as declared: its last secret may never have arrived; send it again with --resend-secrets connection/redshift-eu", Address("connection", "redshift-eu")),
        PlanWarning("WS304", "`pipeline/typo-*` matches no address, neither declared nor live"),
    ),
)  # fmt: skip

# What no kind of ours declares (a plan of another version, say), and values that are easily mistaken.
ODD = of(
    EMPTY,
    Change(
        Address("widget", "no kind\x1b[31m"),
        Action.UPDATE,
        (
            FieldChange("none", "null", None),
            FieldChange("number", "5439", 5439),
            FieldChange("truth", True, "true"),
            FieldChange("empty", "", " "),
            FieldChange("list", ["a", 1], []),
            FieldChange("long", "a" * 300, "a" * 299 + "b"),
            FieldChange("middle", "a" * 150 + "b" + "a" * 150, "a" * 150 + "c" + "a" * 150),
            FieldChange("command", "::error::hi", "##[error]hi"),
            FieldChange("lines", "one", "one\n::error::two\n\u202ethree\n"),
            FieldChange("blanks", "a\n\tb  \nc\n", "a\n  b\nc\n"),
            FieldChange("api_key", "hunter2", "hunter3"),
        ),
        {"token": "WIDGET_TOKEN"},
        risks=("odd-risk",),
        modified_on="yesterday",
    ),
    Change(
        Address("connection", "eu"),
        Action.UPDATE,
        (
            FieldChange("config.password", "(secret)", None),
            FieldChange(
                "config.aws_iam_user_arn",
                "arn:aws:iam::123456789012:user/a-very-long-name-that-nobody-reads-1",
                "arn:aws:iam::123456789012:user/a-very-long-name-that-nobody-reads-2",
            ),
        ),
        {},
    ),
)

EVIL = "x\n```\n[x](https://evil.example) <img src=x> @org/team #12 `|` <!--"
HOSTILE = of(
    replace(EMPTY, unhealthy=(Unhealthy(Address("model", EVIL), "faulted", (EVIL,)),)),
    Change(
        Address("model", EVIL),
        Action.UPDATE,
        (
            FieldChange("name", "Orders", EVIL),
            FieldChange("config.sql_query", "SELECT 1", f"SELECT 1\n````\n{EVIL}\n::error::x"),
        ),
        {},
        Source("models.yaml", 1),
        reasons=(f"used by pipeline/{EVIL}",),
        risks=("shared-model",),
        refused=f"needs connection/{EVIL}, which is not live",
        modified_by=EVIL,
    ),
)

PLANS: dict[str, Plan] = {
    "nothing": EMPTY,
    "nothing_but_trouble": BESIDE,
    "update": replace(of(EMPTY, UPDATE), no_op=24),
    "dangerous": replace(of(BESIDE, RETARGETED, SQL, REINGESTS, CREATE_PIPELINE), no_op=21),
    "creates": replace(of(EMPTY, CREATE_CONNECTION, CREATE_MODEL, CREATE_PIPELINE), no_op=0),
    "sql": replace(of(EMPTY, SQL), no_op=24),
    "replace": replace(of(EMPTY, REPLACE), no_op=24),
    "delete": replace(of(EMPTY, DELETE), no_op=24),
    "refused": replace(of(EMPTY, replace(REPLACE, refused=_DELETES), UPDATE, replace(DELETE, refused=_DELETES)), no_op=22),
    "partial": replace(of(EMPTY, UPDATE, RESEND), no_op=1, select=("connection/*", "model/*"), exclude=("model/x",)),
    "empty_desired": replace(EMPTY, no_op=0, refused="no manifest declares anything for target prod, and owned resources are live: wsync does not delete all that there is (declare one resource at least, or empty `owns`)"),
}  # fmt: skip
DRIFT = replace(of(BESIDE, DRIFTED, replace(SQL, modified_by="ana@example.com"), DELETE), no_op=22)

_SEVERAL = PLANS["dangerous"]
_FAILED = Outcome(REINGESTS, State.FAILED, "400 Pipeline orders-hourly is already in progress.", seconds=0.3)
_SKIPPED = Outcome(CREATE_PIPELINE, State.SKIPPED, "needs pipeline/orders-hourly")
_DONE = (
    Outcome(RETARGETED, State.DONE, wrote=True, seconds=1.9),
    Outcome(SQL, State.DONE, wrote=True, seconds=0.2),
)
_STOPPED = tuple(
    replace(_SKIPPED, change=c, state=State.NOT_STARTED, error=None) for c in (REINGESTS, CREATE_PIPELINE)
)
REPORTS: dict[str, Report] = {
    "applied": Report(_SEVERAL, "applied", Exit.OK, [*_DONE, replace(_FAILED, state=State.DONE, error=None), replace(_SKIPPED, state=State.DONE, error=None)], left=(), seconds=4.21),
    "unchanged": Report(EMPTY, "unchanged", Exit.OK, left=(), seconds=0.4),
    "partial": Report(_SEVERAL, "partial", Exit.PARTIAL, [*_DONE, _FAILED, _SKIPPED], seconds=2.0),
    "failed": Report(PLANS["update"], "failed", Exit.ERROR, [Outcome(UPDATE, State.FAILED, "conflict: it was changed after the plan was made")], seconds=2.0),
    "unknown": Report(PLANS["update"], "partial", Exit.PARTIAL, [Outcome(UPDATE, State.UNKNOWN, "no answer within 30 s", wrote=True)], seconds=2.0),
    "stored": Report(_SEVERAL, "partial", Exit.PARTIAL, [replace(_FAILED, change=RETARGETED, error="505 the API could not connect to the warehouse; it was stored all the same", wrote=True, stored=True), *(replace(_SKIPPED, change=c, error="needs connection/snowflake-prod") for c in (SQL, REINGESTS, CREATE_PIPELINE))]),
    "interrupted": Report(_SEVERAL, "interrupted", Exit.INTERRUPTED, [*_DONE, *_STOPPED], seconds=2.0),
    "gone": Report(PLANS["replace"], "partial", Exit.PARTIAL, [Outcome(REPLACE, State.FAILED, "400 The data model is invalid.", wrote=True, gone=True)]),
    "refused": Report(PLANS["refused"], "refused", Exit.REFUSED),
    "not_as_sent": Report(PLANS["sql"], "applied", Exit.UNHEALTHY, [_DONE[1]], left=[SQL, replace(REINGESTS, risks=())], seconds=18.0),
    "not_closed": Report(PLANS["sql"], "applied", Exit.UNHEALTHY, [_DONE[1]], closing_error="503 Service Unavailable", seconds=18.0),
    "unhealthy": Report(PLANS["sql"], "applied", Exit.UNHEALTHY, [_DONE[1]], left=(), unhealthy=BESIDE.unhealthy, busy=(HOURLY,), seconds=61.0),
}  # fmt: skip

PROBLEMS = (
    Problem("WS104", "error", "unknown field `warehose` in config of a Snowflake connection", "connections.yaml", 9, 3, "connection/snowflake-prod", "did you mean `warehouse`?", "  warehose: compute_wh\n", 8),
    Problem("WS110", "error", "a secret in plain text: only a reference may stand here", "connections.yaml", 14, 13, "connection/snowflake-prod", "write \"{{ secret('NAME') }}\", and give NAME in the environment of `wsync apply`", "  password: …", 1),
    Problem("WS120", "warning", "empty file: it declares nothing", "old.yaml"),
)  # fmt: skip
