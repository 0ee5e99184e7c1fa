"""A generated project of any size, and the live state that it differs from in one resource of a hundred."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Document = dict[str, Any]

LINES = 10  # of SQL in a model, unless the caller says otherwise: 8 KB of manifests for ten resources


def resources(count: int, *, lines: int = LINES) -> Iterator[tuple[str, Document]]:
    """`count` resources with their kinds: connections, models and pipelines as 1 : 4.5 : 4.5."""
    connections = max(1, count // 10)
    models = max(1, (count - connections) // 2)
    for n in range(connections):
        config = {
            "account_identifier": f"gd{n:05}",
            "region": "us-central1.gcp",
            "warehouse": "compute_wh",
            "database": "ANALYTICS",
            "role": "mparticle_role",
            "user": "mparticle_user",
            "password": f"{{{{ secret('PASSWORD_{n}') }}}}",
            "storage_integration": "mp_us1_123_123_s3",
        }
        yield (
            "connection",
            {
                "id": f"warehouse-{n}",
                "name": f"Warehouse {n}",
                "state": "active",
                "service_provider": "Snowflake",
                "config": config,
            },
        )
    for n in range(models):
        columns = ",\n".join(f"  orders.column_number_{k} AS attribute_number_{k}" for k in range(lines))
        sql = f"SELECT\n{columns},\n  orders.updated_at\nFROM analytics.shop_{n}.orders\nWHERE orders.is_test = FALSE"
        yield (
            "model",
            {
                "id": f"orders-{n}",
                "name": f"Orders {n}",
                "state": "active",
                "type": "sql",
                "config": {"sql_query": sql},
            },
        )
    for n in range(count - connections - models):
        yield (
            "pipeline",
            {
                "id": f"orders-hourly-{n}",
                "name": f"Orders {n}, hourly",
                "pipeline_type": "user_attributes",
                "connection_id": f"warehouse-{n % connections}",
                "data_model_id": f"orders-{n % models}",
                "state": "active",
                "environment": "production",
                "sync_mode": {
                    "type": "incremental",
                    "iterator_field": "updated_at",
                    "iterator_data_type": "timestamp",
                },
                "schedule": {
                    "type": "interval",
                    "frequency": "hourly",
                    "delay": "15m",
                    "start": "2023-02-01T00:00:00Z",
                },
            },
        )


def write_project(folder: Path, base_url: str, count: int, *, lines: int = LINES) -> None:
    """Manifests as a person would write them: ten resources in a file, SQL as blocks."""
    folder.mkdir(parents=True)
    target = {"workspace_id": "1", "api": base_url, "auth": f"{base_url}/oauth/token"}
    (folder / "wsync.yaml").write_text(json.dumps({"targets": {"bench": target}}))
    documents = [_yaml({"kind": kind, **document}) for kind, document in resources(count, lines=lines)]
    for n in range(0, len(documents), 10):
        (folder / f"resources-{n // 10:05}.yaml").write_text("---\n".join(documents[n : n + 10]))


def _yaml(mapping: Document, indent: str = "") -> str:
    lines = []
    for key, value in mapping.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:\n{_yaml(value, indent + '  ')}")
        elif "\n" in value:
            body = "".join(f"{indent}  {line}\n" for line in value.splitlines())
            lines.append(f"{indent}{key}: |-\n{body}")
        else:
            lines.append(f"{indent}{key}: {json.dumps(value)}\n")
    return "".join(lines)


def live(count: int, *, drifted: bool = True, lines: int = LINES) -> dict[str, list[Document]]:
    """What the service would answer to the three lists; with drift, one in a hundred has another name."""
    collections: dict[str, list[Document]] = {"connection": [], "model": [], "pipeline": []}
    for n, (kind, document) in enumerate(resources(count, lines=lines)):
        name = f"{document['name']} (changed)" if drifted and n % 100 == 99 else document["name"]
        answer = {
            **document,
            "name": name,
            "status": "healthy" if kind == "connection" else "idle",
            "errors": [],
        }
        if kind == "connection":
            answer["config"] = {**document["config"], "password": "************"}
        answer |= {"created_on": "2023-02-03T23:53:08Z", "created_by": "a@example.com"}
        answer |= {"last_modified_on": "2023-02-03T23:53:08Z", "last_modified_by": "a@example.com"}
        collections[kind].append(answer)
    return collections
