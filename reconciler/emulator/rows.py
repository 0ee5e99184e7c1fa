"""Resources as rows: read, written, deleted, and hidden for a while where reads are to lag behind writes.

Law: `document` never holds a write-only value; `secrets` does only where the emulator was told to keep them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json, to_json

from reconciler.resource import Address, Resource, fields, variant_of


@dataclass(frozen=True, slots=True)
class Row:
    """One stored resource.

    `document` is nested, as in the API, with `id`, without what the server owns. `secrets` maps the path
    of each write-only field that is set to its value, or to None where it is not kept. Times are seconds.
    """

    workspace: str
    kind: str
    id: str
    document: Mapping[str, Any]
    secrets: Mapping[str, str | None]
    status: str | None
    errors: tuple[str, ...]
    created_on: float | None
    created_by: str | None
    modified_on: float | None = None
    modified_by: str | None = None

    @property
    def key(self) -> str:
        """Ids are unique ignoring case (inferred)."""
        return self.id.casefold()

    @property
    def address(self) -> Address:
        return Address(self.kind, self.id)


_COLUMNS = (
    "workspace, kind, id, document, secrets, status, errors, created_on, created_by, modified_on, modified_by"
)


def _row(columns: tuple[Any, ...]) -> Row:
    workspace, kind, name, document, secrets, status, errors, *rest = columns
    return Row(
        workspace,
        kind,
        name,
        from_json(document),
        from_json(secrets),
        status,
        tuple(from_json(errors)),
        *rest,
    )


def _columns(row: Row) -> tuple[Any, ...]:
    return (
        row.workspace, row.kind, row.id, _text(row.document), _text(row.secrets), row.status, _text(row.errors),
        row.created_on, row.created_by, row.modified_on, row.modified_by,
    )  # fmt: skip


def _text(document: object) -> str:
    return to_json(document).decode()


def find(db: sqlite3.Connection, workspace: str, kind: str, name: str) -> Row | None:
    """The resource whose id equals `name` ignoring case, as it is."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM resource WHERE workspace = ? AND kind = ? AND key = ?",  # noqa: S608 - our own names
        (workspace, kind, name.casefold()),
    ).fetchone()
    return None if found is None else _row(found)


def find_all(db: sqlite3.Connection, workspace: str, kind: str) -> list[Row]:
    """Every resource of a kind, as it is, in order of creation."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM resource WHERE workspace = ? AND kind = ? ORDER BY place",  # noqa: S608 - as above
        (workspace, kind),
    )
    return [_row(columns) for columns in found]


def save(db: sqlite3.Connection, row: Row, model: type[Resource], *, lag: float = 0.0) -> None:
    """Stores a resource over the one of the same id, if any. GETs do not see it for `lag` seconds."""
    _hide(db, row.workspace, row.kind, row.key, lag)
    columns = _columns(row)
    db.execute(
        f"INSERT INTO resource ({_COLUMNS}, key) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) "  # noqa: S608 - as above
        "ON CONFLICT (workspace, kind, key) DO UPDATE SET id = excluded.id, document = excluded.document, "
        "secrets = excluded.secrets, status = excluded.status, errors = excluded.errors, "
        "created_on = excluded.created_on, created_by = excluded.created_by, "
        "modified_on = excluded.modified_on, modified_by = excluded.modified_by",
        (*columns, row.key),
    )
    _forget_references(db, row)
    db.executemany(
        "INSERT INTO reference VALUES (?,?,?,?,?,?)",
        [
            (row.workspace, row.kind, row.key, path, to.kind, to.id)
            for path, to in references(variant_of(model, row.document), row.document)
        ],
    )


def set_status(db: sqlite3.Connection, row: Row, status: str, errors: tuple[str, ...] = ()) -> Row:
    """The server's own verdict on a resource: nobody's modification."""
    db.execute(
        "UPDATE resource SET status = ?, errors = ? WHERE workspace = ? AND kind = ? AND key = ?",
        (status, _text(errors), row.workspace, row.kind, row.key),
    )
    return replace(row, status=status, errors=errors)


def delete(db: sqlite3.Connection, row: Row, *, lag: float = 0.0) -> None:
    _hide(db, row.workspace, row.kind, row.key, lag)
    db.execute(
        "DELETE FROM resource WHERE workspace = ? AND kind = ? AND key = ?",
        (row.workspace, row.kind, row.key),
    )
    _forget_references(db, row)


def _forget_references(db: sqlite3.Connection, row: Row) -> None:
    db.execute(
        "DELETE FROM reference WHERE workspace = ? AND kind = ? AND key = ?",
        (row.workspace, row.kind, row.key),
    )


def references(model: type[Resource], document: Mapping[str, Any]) -> Iterator[tuple[str, Address]]:
    """Path and target of each reference in a document."""
    for f in fields(model).values():
        if f.ref is not None:
            target = at(document, f.parts)
            if isinstance(target, str) and target:
                yield f.path, Address(f.ref.kind, target)


def referrers(db: sqlite3.Connection, row: Row) -> list[Address]:
    """Who refers to a resource, by kind and id."""
    found = db.execute(
        "SELECT DISTINCT r.kind, r.id FROM reference AS f JOIN resource AS r USING (workspace, kind, key) "
        "WHERE f.workspace = ? AND f.to_kind = ? AND f.to_id = ? ORDER BY r.kind, r.id",
        (row.workspace, row.kind, row.id),
    )
    return [Address(kind, name) for kind, name in found]


def at(document: object, parts: tuple[str, ...]) -> Any:
    """The value at a path of a nested document; None where there is none."""
    for part in parts:
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document whose mappings can be changed without changing the original's."""
    return {k: copied(v) if isinstance(v, dict) else v for k, v in document.items()}


# ------------------------------------------------------------------------- reads that lag


def _hide(db: sqlite3.Connection, workspace: str, kind: str, key: str, lag: float) -> None:
    """Keeps what GETs shall answer until `lag` seconds (of real time: clients wait in it) have passed."""
    if not lag:
        db.execute("DELETE FROM hidden WHERE workspace = ? AND kind = ? AND key = ?", (workspace, kind, key))
        return
    old = find(db, workspace, kind, key)
    db.execute(
        "INSERT INTO hidden (workspace, kind, key, until, row) VALUES (?,?,?,?,?)",
        (workspace, kind, key, time.time() + lag, None if old is None else _text(_columns(old))),
    )


def _seen(db: sqlite3.Connection, workspace: str, kind: str) -> dict[str, Row | None]:
    """By key, what GETs still answer in place of what is stored."""
    if db.execute("SELECT 1 FROM hidden LIMIT 1").fetchone() is None:
        return {}
    db.execute("DELETE FROM hidden WHERE until <= ?", (time.time(),))
    found = db.execute(
        "SELECT key, row FROM hidden WHERE workspace = ? AND kind = ? ORDER BY seq DESC", (workspace, kind)
    )
    return {key: None if row is None else _row(tuple(from_json(row))) for key, row in found}


def seen(db: sqlite3.Connection, workspace: str, kind: str, name: str) -> Row | None:
    """As `find`, but as a GET sees it."""
    old = _seen(db, workspace, kind)
    return old[name.casefold()] if name.casefold() in old else find(db, workspace, kind, name)


def seen_all(db: sqlite3.Connection, workspace: str, kind: str) -> list[Row]:
    """As `find_all`, but as a GET sees it."""
    old = _seen(db, workspace, kind)
    rows = find_all(db, workspace, kind)
    if not old:
        return rows
    now = {row.key: row for row in rows} | old
    return [row for row in now.values() if row is not None]
