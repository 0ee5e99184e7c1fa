"""A small estate for the tests of apply: its manifests, and a site that declares them, plans, applies and looks.

    site.declare(connection("wh"), model("orders"), pipeline("hourly"))
    done = site.apply()

`site.server` is the fault server that the project points at; assert on its log and on what it stores.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fault_server import Entry, FaultServer
from projects import write_manifests, write_project
from worlds import Document

if TYPE_CHECKING:
    from conftest import Done, Wsync

SECRETS = {"WH_PASSWORD": "päss-word-canary-7f", "FEED_KEY": "feed-key-canary-1"}
API = "/[cdi]*"  # every path but that of tokens
PATHS = {"connection": "/connections", "model": "/data-models", "pipeline": "/inputs/data-pipelines"}


def connection(name: str = "wh", /, *, secret: str = "WH_PASSWORD", **changes: object) -> Document:
    """A Snowflake connection; `changes` by path with `__` for the dot, None leaves out."""
    return changed(
        {
            "kind": "connection",
            "id": name,
            "name": "Warehouse",
            "state": "active",
            "service_provider": "Snowflake",
            "config": {
                "account_identifier": "gd1",
                "region": "us-east-1",
                "warehouse": "WH_A",
                "database": "DB",
                "user": "etl",
                "role": "r",
                "password": f"{{{{ secret('{secret}') }}}}",
                "storage_integration": "si",
            },
        },
        **changes,
    )


def model(name: str = "orders", /, **changes: object) -> Document:
    document = {
        "kind": "model",
        "id": name,
        "name": "Orders",
        "state": "active",
        "type": "sql",
        "config": {"sql_query": "SELECT a, updated_at FROM x.y.z"},
    }
    return changed(document, **changes)


def pipeline(
    name: str = "hourly", /, on: str = "wh", runs: str = "orders", *, feed: bool = False, **changes: object
) -> Document:
    document: Document = {
        "kind": "pipeline",
        "id": name,
        "name": "Orders, hourly",
        "pipeline_type": "user_attributes",
        "connection_id": on,
        "data_model_id": runs,
        "state": "active",
        "environment": "development",
        "sync_mode": {
            "type": "incremental",
            "iterator_field": "updated_at",
            "iterator_data_type": "timestamp",
        },
        "schedule": {"type": "interval", "frequency": "hourly", "start": "2023-02-01T00:00:00Z"},
    }
    if feed:
        document |= {"partner_feed_id": 7, "partner_feed_key": "{{ secret('FEED_KEY') }}"}
    return changed(document, **changes)


def changed(document: Document, **changes: object) -> Document:
    """A copy with values at paths (`config__warehouse="B"`); None leaves the field out."""
    document = copy.deepcopy(document)
    for path, value in changes.items():
        *above, leaf = path.split("__")
        place = document
        for part in above:
            place = place.setdefault(part, {})
        if value is None:
            place.pop(leaf, None)
        else:
            place[leaf] = value
    return document


def body(document: Mapping[str, Any], secrets: Mapping[str, str] = SECRETS) -> Document:
    """A manifest as the API should have been sent it."""
    found = {k: copy.deepcopy(v) for k, v in document.items() if k not in ("kind", "lifecycle", "targets")}
    for place in (found, found.get("config", {})):
        for key, value in place.items():
            if isinstance(value, str) and value.startswith("{{ secret('"):
                place[key] = secrets[value.split("'")[1]]
    return found


def address(document: Mapping[str, Any]) -> str:
    return f"{document['kind']}/{document['id']}"


def path(document: Mapping[str, Any]) -> str:
    """The path of one resource below the workspace."""
    return f"{PATHS[document['kind']]}/{document['id']}"


@dataclass
class Site:
    """A project, the workspace it is for, and the program."""

    server: FaultServer
    folder: Path
    wsync: Wsync
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS), repr=False)

    def declare(self, *manifests: Document, **target: Any) -> None:
        """What is declared, in a new project with these settings of its target."""
        write_project(self.folder, self.server, manifests, **target)

    def redeclare(self, *manifests: Document) -> None:
        """What is declared from now on; the target stays as it is."""
        write_manifests(self.folder, manifests)

    def live(self, *documents: Document) -> None:
        """What is in the workspace, as if it had been applied earlier with today's secrets."""
        for document in documents:
            self.server.workspace.seed(document["kind"], body(document))

    def stored(self, document: Document) -> Document | None:
        """What the workspace holds of a resource, without what the server stamps on it."""
        return self.server.workspace.snapshot()[PATHS[document["kind"]]].get(document["id"])

    def holds(self, *documents: Document) -> bool:
        """Whether these, secrets included, are all that the workspace holds."""
        held = {(p, i): d for p, found in self.server.workspace.snapshot().items() for i, d in found.items()}
        return held == {(PATHS[d["kind"]], d["id"]): body(d, self.secrets) for d in documents}

    def plan(self, *arguments: object) -> Done:
        return self.wsync("plan", "-C", self.folder, *arguments, env=self.server.environ)

    def save(self, name: str = "plan.json", *arguments: object) -> Path:
        """A saved plan, beside the project."""
        file = self.folder.with_name(name)
        assert self.plan("--out", file, *arguments).code == 0
        return file

    def apply(self, *arguments: object, approve: bool = True, **options: Any) -> Done:
        given = ("--auto-approve", *arguments) if approve else arguments
        return self._run(*given, **options)

    def _run(self, *arguments: object, form: str = "json", parallelism: int = 1) -> Done:
        return self.wsync(
            "apply",
            "-C", self.folder, "-f", form, "--parallelism", parallelism, *arguments,
            env={**self.server.environ, **self.secrets},
        )  # fmt: skip

    def writes(self) -> list[str]:
        """`METHOD path` of every write, in order."""
        return [str(e) for e in self.server.writes()]

    def repeats_without_reading(self) -> list[str]:
        """Writes of one resource without a GET of it since its last write (which must never be)."""
        return repeats_without_reading(self.server.log)


def repeats_without_reading(log: list[Entry]) -> list[str]:
    """Writes repeated although they may have been executed, with no GET of that resource in between."""
    found: list[str] = []
    open_writes: dict[str, Entry] = {}
    for entry in log:
        if entry.path not in PATHS.values() and entry.method == "GET":
            open_writes.pop(entry.path, None)
        if entry.is_write:
            name = f"{entry.path}/{entry.body['id']}" if entry.method == "POST" else entry.path
            before = open_writes.get(name)
            if before is not None and before.method == entry.method and before.status not in (401, 425, 429):
                found.append(f"{entry.method} {name}")
            open_writes[name] = entry
    return found


def outcomes(done: Done) -> dict[str, str]:
    """Outcome by address, from the JSON report of an apply."""
    return {c["address"]: c["outcome"] for c in done.document["changes"]}


def errors(done: Done) -> dict[str, str]:
    return {c["address"]: c["error"] for c in done.document["changes"] if c["error"]}
