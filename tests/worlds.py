"""Generated worlds for the laws: manifests as people write them, and live states as the service answers them.

A world is plain data: a list of manifest mappings and a list of live documents by kind. Ids are drawn
from a small pool so that declared and live resources meet; references are always to something that
the same side has, unless a test says otherwise.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

IDS = ("a", "b", "c", "d", "e")
names = st.sampled_from(("Orders", "Refunds", "Users, hourly", "no", "12:30", "0123"))
times = st.sampled_from(("2023-01-01T00:00:00Z", "2023-02-01T12:00:00Z", "2024-01-01T00:00:00Z"))
states = st.sampled_from(("new", "active", "inactive"))


@st.composite
def connections(draw: st.DrawFn, name: str) -> Document:
    """A connection without its kind, secrets as references."""
    base: Document = {"id": name, "name": draw(names), "state": draw(states)}
    secret = f"{{{{ secret('PASSWORD_{name.upper()}') }}}}"
    match draw(st.sampled_from(("Snowflake", "BigQuery", "Redshift", "Databricks"))):
        case "Snowflake":
            config: Document = {
                "account_identifier": draw(st.sampled_from(("gd1", "gd2"))),
                "region": "us-east-1",
                "warehouse": draw(st.sampled_from(("WH_A", "WH_B"))),
                "database": "DB",
                "user": draw(st.sampled_from(("etl", "loader"))),
                "role": "r",
                "password": secret,
                "storage_integration": "si",
            }
            if draw(st.booleans()):
                config["aws_external_id"] = draw(st.sampled_from(("X=1", "X=2")))
            return base | {"service_provider": "Snowflake", "config": config}
        case "BigQuery":
            config = {
                "region": "us-east1",
                "project_id": draw(st.sampled_from(("p1", "p2"))),
                "dataset_id": "d",
                "service_account_id": "s@p",
                "service_account_key": secret,
            }
            return base | {"service_provider": "BigQuery", "config": config}
        case "Redshift":
            config = {
                "database": "dev",
                "user": "u",
                "password": secret,
                "aws_iam_role_arn": "arn:1",
                "host": draw(st.sampled_from(("h1", "h2"))),
            }
            if draw(st.booleans()):
                config["port"] = draw(st.sampled_from(("5439", "5440")))
            return base | {"service_provider": "Redshift", "config": config}
        case _:
            config = {"provider": "org", "schema": draw(st.sampled_from(("s1", "s2")))}
            return base | {"service_provider": "Databricks", "config": config}


@st.composite
def models(draw: st.DrawFn, name: str) -> Document:
    """A model without its kind."""
    sql = draw(
        st.sampled_from(("SELECT a FROM x.y.z", "SELECT a,\n  b\nFROM x.y.z", "SELECT 'no' FROM x.y.z "))
    )
    return {
        "id": name,
        "name": draw(names),
        "state": draw(states),
        "type": "sql",
        "config": {"sql_query": sql},
    }


@st.composite
def pipelines(draw: st.DrawFn, name: str, connection: str, model: str) -> Document:
    """A pipeline without its kind, on that connection and model."""
    events = draw(st.booleans())
    document: Document = {
        "id": name,
        "name": draw(names),
        "pipeline_type": "events" if events else "user_attributes",
        "connection_id": connection,
        "data_model_id": model,
        "state": draw(st.sampled_from(("active", "paused"))),
        "environment": draw(st.sampled_from(("development", "production"))),
        "sync_mode": draw(sync_modes()),
        "schedule": draw(schedules()),
    }
    if events:
        document["field_transformation_id"] = draw(st.sampled_from(("ft1", "ft2")))
    if draw(st.booleans()):
        document |= {"data_plan_id": "dp", "data_plan_version": draw(st.sampled_from(("1", "2")))}
    if draw(st.booleans()):
        document |= {
            "partner_feed_id": draw(st.sampled_from(("0", "7"))),
            "partner_feed_key": "{{ secret('FEED') }}",
        }
    return document


@st.composite
def sync_modes(draw: st.DrawFn) -> Document:
    """A `sync_mode`."""
    mode: Document = {"type": draw(st.sampled_from(("incremental", "full")))}
    if mode["type"] == "incremental" or draw(st.booleans()):
        mode |= {
            "iterator_field": draw(st.sampled_from(("updated_at", "ts"))),
            "iterator_data_type": "timestamp",
        }
    if draw(st.booleans()):
        mode["from"] = draw(times)
    return mode


@st.composite
def schedules(draw: st.DrawFn) -> Document:
    """A `schedule`."""
    kind = draw(st.sampled_from(("interval", "once", "on_demand")))
    schedule: Document = {"type": kind}
    if kind == "interval":
        schedule |= {"frequency": draw(st.sampled_from(("hourly", "daily"))), "start": draw(times)}
        if draw(st.booleans()):
            schedule["delay"] = draw(st.sampled_from(("15m", "60m", "1h")))
    return schedule


@st.composite
def sides(draw: st.DrawFn) -> list[Document]:
    """One consistent set of resources, each with its `kind`."""
    some = st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=3)
    documents: list[Document] = []
    conns, mods = draw(some), draw(some)
    documents += [{"kind": "connection"} | draw(connections(i)) for i in conns]
    documents += [{"kind": "model"} | draw(models(i)) for i in mods]
    for i in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=4)):
        pipeline = draw(pipelines(i, draw(st.sampled_from(conns)), draw(st.sampled_from(mods))))
        documents.append({"kind": "pipeline"} | pipeline)
    return documents


def as_body(document: Mapping[str, Any]) -> Document:
    """A manifest as the API would have been sent it: no keys of ours, real secrets, numbers as numbers."""
    body = {k: copy.deepcopy(v) for k, v in document.items() if k not in ("kind", "lifecycle", "targets")}
    for key in ("password", "service_account_key"):
        if key in body.get("config", {}):
            body["config"][key] = "live-secret"
    if "partner_feed_key" in body:
        body["partner_feed_key"] = "live-secret"
    for key in ("data_plan_version", "partner_feed_id"):
        if key in body:
            body[key] = int(body[key])
    return body
