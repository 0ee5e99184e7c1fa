"""The emulator as its tests see it: over a real socket, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.emulator import serve
from reconciler.emulator.server import Server


@dataclass(frozen=True)
class Reply:
    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """The messages of an error in the API's shape."""
        assert self.document["statusCode"] == self.status
        return "; ".join(error["message"] for error in self.document["errors"])


@dataclass(frozen=True)
class Emulated:
    """A served emulator and a way to call its API in one workspace."""

    server: Server
    workspace: str = "4711"

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float = 10,
    ) -> Reply:
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        ) as connection:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            raw = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, json.loads(raw) if raw else None, found)

    def call(
        self, method: str, path: str, body: object = None, *, token: str | None = None, timeout: float = 10
    ) -> Reply:
        """Calls `path` below the workspace."""
        return self.send(
            method,
            f"/platform/v2/workspaces/{self.workspace}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token or self.server.token}"},
            timeout,
        )

    def get(self, path: str) -> Any:
        reply = self.call("GET", path)
        assert reply.status == 200, reply
        return reply.document

    def post(self, path: str, body: object) -> Any:
        reply = self.call("POST", path, body)
        assert reply.status == 200, reply
        return reply.document

    def put(self, path: str, body: object) -> Reply:
        reply = self.call("PUT", path, body)
        assert reply.status in (200, 204), reply
        return reply

    def seed(self) -> None:
        """One connection, model and pipeline: `redshift`, `orders`, `hourly`."""
        self.post("/connections", connection())
        self.post("/data-models", model())
        self.post("/inputs/data-pipelines", pipeline())

    def switch(self, **switches: object) -> None:
        self.server.admin("PATCH", "/switches", switches)

    def stored(self, address: str) -> Any:
        return self.server.admin("GET", f"/workspaces/{self.workspace}/{address}")

    def by_hand(self, address: str, patch: object) -> None:
        self.server.admin("PATCH", f"/workspaces/{self.workspace}/{address}", patch)

    def writes(self) -> list[tuple[str, str, int | None]]:
        """What the log says was written: method, last part of the path, status."""
        log = self.server.admin("GET", "/requests?writes=1")
        return [(entry["method"], entry["path"].rpartition("/")[2], entry["status"]) for entry in log]


@contextmanager
def emulated(path: Path | None = None, **options: Any) -> Iterator[Emulated]:
    with serve(path, **options) as server:
        yield Emulated(server)


def connection(name: str = "redshift", **config: object) -> dict[str, Any]:
    return {
        "id": name,
        "name": "Warehouse",
        "state": "active",
        "service_provider": "Redshift",
        "config": {
            "database": "dev",
            "host": "cluster.example.com",
            "user": "mp",
            "password": "open sesame",
            "aws_iam_role_arn": "arn:aws:iam::1:role/mp",
            **config,
        },
    }


def model(name: str = "orders", sql: str = "SELECT id, updated_at FROM db.mp.orders") -> dict[str, Any]:
    return {"id": name, "name": "Orders", "state": "active", "type": "sql", "config": {"sql_query": sql}}


def pipeline(id_: str = "hourly", **changes: object) -> dict[str, Any]:
    return {
        "id": id_,
        "name": "Hourly orders",
        "pipeline_type": "user_attributes",
        "connection_id": "redshift",
        "data_model_id": "orders",
        "state": "active",
        "sync_mode": {
            "type": "incremental",
            "iterator_field": "updated_at",
            "iterator_data_type": "timestamp",
        },
        "schedule": {"type": "interval", "frequency": "hourly", "start": "2023-02-01T00:00:00Z"},
        "environment": "development",
        **changes,
    }
