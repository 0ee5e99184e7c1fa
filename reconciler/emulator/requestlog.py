"""The log of requests, for whoever wants to know what a client really sent. Bodies come here already redacted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from reconciler.errors import inert

_KEPT: Final = 100_000
_WRITES: Final = ("POST", "PUT", "PATCH", "DELETE")


def record(
    db: sqlite3.Connection,
    method: str,
    path: str,
    *,
    query: str = "",
    status: int | None = None,
    actor: str | None = None,
    body: object = None,
    fault: str | None = None,
) -> None:
    """Adds one request. `status` is None where the connection was cut instead of answered."""
    shown = None if body is None else to_json(body).decode()
    seq = db.execute(
        "INSERT INTO request (at, method, path, query, status, actor, body, fault) VALUES (?,?,?,?,?,?,?,?)",
        (time.time(), method, inert(path, 500), inert(query, 500), status, actor, shown, fault),
    ).lastrowid
    if seq is not None and seq % 1000 == 0:
        db.execute("DELETE FROM request WHERE seq <= ?", (seq - _KEPT,))


def search(db: sqlite3.Connection, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Requests in order. Filters: `method`, `path` (a GLOB), `after` (a `seq`), `writes=1`."""
    where, values = ["1"], []
    if method := query.get("method"):
        where.append("method = ?")
        values.append(method.upper())
    if path := query.get("path"):
        where.append("path GLOB ?")
        values.append(path)
    if after := query.get("after"):
        where.append("seq > CAST(? AS INTEGER)")
        values.append(after)
    if query.get("writes") == "1":
        where.append(f"method IN ({','.join('?' * len(_WRITES))}) AND path LIKE '/platform/%'")
        values += _WRITES
    found = db.execute(
        "SELECT seq, at, method, path, query, status, actor, body, fault FROM request "  # noqa: S608 - our own text
        f"WHERE {' AND '.join(where)} ORDER BY seq",
        values,
    )
    names = [column[0] for column in found.description]
    entries = [dict(zip(names, values, strict=True)) for values in found]
    for entry in entries:
        entry["body"] = None if entry["body"] is None else from_json(entry["body"])
    return entries
