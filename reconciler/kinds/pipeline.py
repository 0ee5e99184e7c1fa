"""Data pipelines: a model run on a connection, on a schedule. Reference: "Create a data pipeline"."""

from typing import Annotated, ClassVar, Literal

from reconciler.fields import (
    WHOLE_NUMBER,
    Delay,
    ForbiddenIf,
    Immutable,
    Instead,
    Integer,
    KnownValues,
    Part,
    Ref,
    RequiredIf,
    Respelled,
    Risk,
    Secret,
    Spelled,
    Text,
    Timestamp,
    Together,
    UselessIf,
    When,
    spell_feed,
)
from reconciler.resource import Resource

_REINGESTS = Risk("re-ingestion")
_REROUTES = Risk("re-routes")
_INTERVAL = When("type", ("interval",))
_NO_INTERVAL = UselessIf(When("type", ("once", "on_demand")))


class SyncMode(Part):
    """Which rows a run loads."""

    # The text once says `full_sync`, everything else `full`: read both, send `full`.
    type: Annotated[
        Literal["incremental", "full"],
        Spelled(lambda text: text, lenient=Respelled({"full_sync": "full"})),
        _REINGESTS,
        Risk("full-sync", becomes="full"),
        Instead({"full_sync": "full"}, "the reference calls it both"),
        "`incremental` loads what changed since the last run; `full` loads everything each time and may repeat data.",
    ]
    iterator_field: Annotated[
        Text | None,
        RequiredIf(When("type", ("incremental",))),
        _REINGESTS,
        "Column that tells which rows are new.",
    ] = None
    iterator_data_type: Annotated[
        Text | None,
        RequiredIf(When("type", ("incremental",))),
        KnownValues(
            # The reference names `timestamp` and `datetime_tz`; the rest is from mParticle's v1 pages.
            ("timestamp", "timestamp_tz", "timestamp_ltz", "timestamp_ntz", "timestamp_unixtime_s",
             "timestamp_unixtime_ms", "timestamp_unixtime_us", "datetime", "datetime_tz", "datetime_ltz",
             "datetime_ntz", "date")
        ),
        _REINGESTS,
        "Data type of that column, such as `timestamp`, `datetime_tz` or `date`.",
    ] = None  # fmt: skip
    from_: Annotated[Timestamp | None, _REINGESTS, "First record to load."] = None
    until: Annotated[Timestamp | None, "Last record to load."] = None


class Schedule(Part):
    """When the pipeline runs."""

    # The table says `on-demand`, text and JSON say `on_demand`: accept both, send `on_demand`.
    type: Annotated[
        Literal["interval", "once", "on_demand"],
        Spelled(Respelled({"on-demand": "on_demand"})),
        Risk("runs-at-once", written="once"),
        "`interval` repeats, `once` runs as soon as it is created, `on_demand` waits for a trigger.",
    ]
    frequency: Annotated[
        Literal["hourly", "daily", "weekly", "monthly"] | None,
        RequiredIf(_INTERVAL),
        _NO_INTERVAL,
        "How often an `interval` runs.",
    ] = None
    # "Required" in the table, missing in four of six examples: optional.
    delay: Annotated[
        Delay | None,
        "How long after the interval a run starts, for data that arrives late: a number and one of `s m h d w y`, such as `15m`.",
    ] = None
    start: Annotated[
        Timestamp | None,
        RequiredIf(_INTERVAL),
        _NO_INTERVAL,
        _REINGESTS,
        "First interval. If `sync_mode.from` equals it, the first run comes one interval later.",
    ] = None
    end: Annotated[Timestamp | None, "Last interval."] = None


class Pipeline(Resource):
    """A data pipeline: runs a data model on a connection's warehouse, on a schedule."""

    kind: ClassVar = "pipeline"
    path: ClassVar = "/inputs/data-pipelines"
    unhealthy: ClassVar = frozenset({"faulted"})
    busy: ClassVar = frozenset({"running"})

    pipeline_type: Annotated[Literal["user_attributes", "events"], Immutable(), "What the rows become."]
    connection_id: Annotated[Text, Ref("connection"), _REROUTES, "Connection whose warehouse is read."]
    field_transformation_id: Annotated[
        Text | None,
        RequiredIf(When("pipeline_type", ("events",))),
        # The reference forbids it and its examples show it all the same.
        ForbiddenIf(When("pipeline_type", ("user_attributes",)), "field transformations are for events only"),
        "Field transformation that maps columns to event fields.",
    ] = None
    data_model_id: Annotated[Text, Ref("model", shared="shared-model"), "Model whose rows are moved."]
    partner_feed_id: Annotated[
        int | None,
        Spelled(spell_feed),
        WHOLE_NUMBER,
        _REROUTES,
        "Feed that the data is routed to; 0 means none.",
    ] = None
    partner_feed_key: Annotated[Secret | None, "Key of that feed."] = None
    state: Annotated[
        Literal["new", "active", "paused"],
        Instead({"inactive": "paused"}, "connections and models are inactive, pipelines are paused"),
        Risk("production", becomes="active", beside=("environment", "production")),
        "Whether the pipeline runs; `paused` stops it.",
    ]
    sync_mode: SyncMode
    schedule: Schedule
    environment: Annotated[
        Literal["development", "production"],
        _REROUTES,
        Risk("production", becomes="production"),
        "mParticle environment that receives the data.",
    ]
    # The table says string, the examples show a number. A plan without a version answers 404.
    data_plan_id: Annotated[Text | None, Together("data_plan_version"), "Data plan to validate against."] = (
        None
    )
    data_plan_version: Annotated[Integer | None, Together("data_plan_id"), "Version of the data plan."] = None
