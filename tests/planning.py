"""Plans without files and without a network: manifests and live documents as plain mappings, one plan out."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from fake_workspace import at, put_at
from worlds import Document, as_body

from reconciler.fields import SecretRef
from reconciler.plan.build import Selection, build_plan
from reconciler.plan.change import Action, Change, Plan, PlanWarning
from reconciler.project import Target
from reconciler.resource import (
    Address,
    Declared,
    DesiredState,
    Live,
    LiveState,
    Source,
    fields,
    kinds,
    nested,
    read_live,
    variant_of,
)

SNOWFLAKE: Document = {
    "kind": "connection",
    "id": "snowflake",
    "name": "Snowflake",
    "state": "active",
    "service_provider": "Snowflake",
    "config": {
        "account_identifier": "gd1",
        "region": "us-east-1",
        "warehouse": "WH",
        "database": "DB",
        "role": "reader",
        "user": "etl",
        "password": "{{ secret('SNOWFLAKE_PASSWORD') }}",
        "storage_integration": "si",
    },
}
BIGQUERY: Document = {
    "kind": "connection",
    "id": "bigquery",
    "name": "BigQuery",
    "state": "active",
    "service_provider": "BigQuery",
    "config": {
        "region": "us-east1",
        "project_id": "p1",
        "dataset_id": "d",
        "service_account_id": "s@p1",
        "service_account_key": "{{ secret('BIGQUERY_KEY') }}",
    },
}
REDSHIFT: Document = {
    "kind": "connection",
    "id": "redshift",
    "name": "Redshift",
    "state": "active",
    "service_provider": "Redshift",
    "config": {
        "database": "dev",
        "user": "etl",
        "password": "{{ secret('REDSHIFT_PASSWORD') }}",
        "aws_iam_role_arn": "arn:1",
        "host": "h1",
        "port": "5439",
    },
}
DATABRICKS: Document = {
    "kind": "connection",
    "id": "databricks",
    "name": "Databricks",
    "state": "active",
    "service_provider": "Databricks",
    "config": {"provider": "org", "schema": "s"},
}
ORDERS: Document = {
    "kind": "model",
    "id": "orders",
    "name": "Orders",
    "state": "active",
    "type": "sql",
    "config": {"sql_query": "SELECT a FROM x.y.z"},
}
HOURLY: Document = {
    "kind": "pipeline",
    "id": "hourly",
    "name": "Hourly",
    "pipeline_type": "user_attributes",
    "connection_id": "snowflake",
    "data_model_id": "orders",
    "state": "active",
    "environment": "development",
    "sync_mode": {"type": "incremental", "iterator_field": "ts", "iterator_data_type": "timestamp"},
    "schedule": {
        "type": "interval",
        "frequency": "hourly",
        "delay": "15m",
        "start": "2023-02-01T00:00:00Z",
    },
}


def edited(
    document: Mapping[str, Any], edits: Mapping[str, object] | None = None, **keys: object
) -> Document:
    """A copy with other values at dotted paths, or as keys; None leaves a field out, `null` is an explicit null."""
    copied = copy.deepcopy(dict(document))
    for path, value in {**(edits or {}), **keys}.items():
        put_at(copied, path, value)
    for path, value in {**(edits or {}), **keys}.items():
        if value == "null":
            *above, leaf = path.split(".")
            (at(copied, ".".join(above)) if above else copied)[leaf] = None  # type: ignore[index]
    return copied


def declare(document: Mapping[str, Any]) -> Declared:
    """A manifest as the loader gives it."""
    kind = kinds()[document["kind"]]
    body = _with_references({k: v for k, v in document.items() if k not in ("kind", "lifecycle", "targets")})
    model = variant_of(kind, body)
    spelled = model.model_validate(body).model_dump(by_alias=True, exclude_unset=True)
    values: dict[str, object] = {}
    secrets: dict[str, SecretRef | None] = {}
    for path, field in fields(model).items():
        above = at(spelled, ".".join(field.parts[:-1])) if field.parts[1:] else spelled
        if isinstance(above, dict) and field.parts[-1] in above:
            value = above[field.parts[-1]]
            (secrets if field.secret else values)[path] = value
    lifecycle = document.get("lifecycle", {})
    address = Address(kind.kind, document["id"])
    source = Source(f"{address.id}.yaml", 1)
    ignore = frozenset(lifecycle.get("ignore", ()))
    return Declared(address, model, values, secrets, source, lifecycle.get("protect", False), ignore)


def _with_references(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_references(inner) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith("{{ secret('"):
        return SecretRef(value.removeprefix("{{ secret('").removesuffix("') }}"))
    return value


def answered(document: Mapping[str, Any]) -> Live:
    """A live document, given as a manifest that was applied, or as an answer with `status` and such beside."""
    return read_live(kinds()[document["kind"]], as_body(document))


def desired_state(documents: Iterable[Mapping[str, Any]]) -> DesiredState:
    declared = [declare(document) for document in documents]
    return DesiredState({d.address: d for d in declared}, len(declared))


def live_state(documents: Iterable[Mapping[str, Any]]) -> LiveState:
    live = [answered(document) for document in documents]
    return LiveState({resource.address: resource for resource in live})


def target(**settings: Any) -> Target:
    given = {"owns": ("*",), "max_deletes": 99, **settings}
    return Target("test", "4711", "https://api.example.com", "", "api.example.com", **given)


def planned(
    desired: Iterable[Mapping[str, Any]],
    live: Iterable[Mapping[str, Any]],
    *,
    select: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    resend: tuple[str, ...] = (),
    max_deletes: int | None = None,
    warnings: Iterable[PlanWarning] = (),
    **settings: Any,
) -> Plan:
    """The plan for a target that owns everything and may delete 99, unless said otherwise."""
    return build_plan(
        desired_state(desired),
        live_state(live),
        target(**settings),
        selection=Selection(select, exclude),
        resend=resend,
        max_deletes=max_deletes,
        warnings=warnings,
    )


def the_change(plan: Plan) -> Change:
    [change] = plan.changes
    return change


def steps(plan: Plan) -> list[str]:
    """`action address` of each change, in order."""
    return [f"{change.action.value} {change.address}" for change in plan.changes]


def refused(plan: Plan) -> dict[str, str]:
    """Why which changes would be refused."""
    return {str(change.address): change.refused for change in plan.changes if change.refused}


def risks(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The risks of the changes that have any."""
    return {str(change.address): change.risks for change in plan.changes if change.risks}


def carried_out(plan: Plan, desired: DesiredState, live: LiveState) -> LiveState:
    """The workspace after a plan, if every write does what it should."""
    after = dict(live.resources)
    for change in plan.changes:
        if change.action in (Action.DELETE, Action.REPLACE):
            del after[change.address]
        if change.action is not Action.DELETE:
            after[change.address] = written(desired.resources[change.address], after.get(change.address))
    return LiveState(after)


def written(declared: Declared, was: Live | None) -> Live:
    """What a create, or an update of `was`, leaves behind: told by the contract, not by the planner."""
    sent = dict(declared.values)
    for path, value in was.values.items() if was else ():
        if path not in sent or any(path == i or path.startswith(f"{i}.") for i in declared.ignore):
            sent[path] = value
    document = {"id": declared.address.id, **nested({p: v for p, v in sent.items() if v is not None})}
    for path, reference in declared.secrets.items():
        put_at(document, path, reference and "live-secret")
    return read_live(kinds()[declared.address.kind], document)
