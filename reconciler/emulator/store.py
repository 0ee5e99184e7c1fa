"""The emulator's state: one SQLite file, and how it is opened.

Every request is one transaction, so a process that is killed leaves the state before or after a
request, never between; several processes may serve one file.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.errors import WsyncError

SCHEMA_VERSION: Final = 1
_APPLICATION_ID: Final = 0x7773796E  # "wsyn": tells our files from other people's
_PATIENCE: Final = 10.0  # seconds to wait for another process's transaction

_SCHEMA: Final = """
CREATE TABLE resource (
    place INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    id TEXT NOT NULL, document TEXT NOT NULL, secrets TEXT NOT NULL, status TEXT, errors TEXT NOT NULL,
    created_on REAL, created_by TEXT, modified_on REAL, modified_by TEXT,
    UNIQUE (workspace, kind, key));
CREATE TABLE reference (
    workspace TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL,
    to_kind TEXT NOT NULL, to_id TEXT NOT NULL, PRIMARY KEY (workspace, kind, key, path)) WITHOUT ROWID;
CREATE INDEX referred ON reference (workspace, to_kind, to_id);
CREATE TABLE hidden (
    seq INTEGER PRIMARY KEY, workspace TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    until REAL NOT NULL, row TEXT);
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL, pipeline TEXT NOT NULL, type TEXT NOT NULL,
    logical_date REAL NOT NULL, started_on REAL NOT NULL, ended_on REAL NOT NULL, range_start REAL,
    range_end REAL NOT NULL, result TEXT, errors TEXT NOT NULL, records INTEGER NOT NULL);
CREATE INDEX run_of ON run (workspace, pipeline);
CREATE TABLE due (
    workspace TEXT NOT NULL, pipeline TEXT NOT NULL, tick INTEGER, run INTEGER, next_on REAL NOT NULL,
    PRIMARY KEY (workspace, pipeline)) WITHOUT ROWID;
CREATE INDEX due_on ON due (workspace, next_on);
CREATE TABLE request (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, status INTEGER, actor TEXT, body TEXT, fault TEXT);
CREATE TABLE token (digest TEXT PRIMARY KEY, actor TEXT NOT NULL, expires_on REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_TABLES: Final = ("resource", "reference", "hidden", "run", "due", "request", "token", "setting")


def open_state(path: Path | None) -> sqlite3.Connection:
    """The state in `path`, made when it is not there (mode 0600); None keeps it in memory.

    Raises WsyncError when the file holds something else or the state of another version.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise WsyncError(
            f"the emulator's state cannot be kept in {path}: {why}",
            hint="name another file, or move this one away",
            code="WS602",
        ) from None
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    _use_wal(db)
    # After a crash of the machine the last transactions may be missing, but the file is whole.
    db.execute("PRAGMA synchronous = NORMAL")
    with transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (version, application, tables) == (0, 0, 0):
            for statement in _SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            return
    if application != _APPLICATION_ID:
        raise WsyncError(
            f"{path} is not a state of the emulator but some other database",
            hint="name another file; this one was left as it is",
            code="WS602",
        )
    if version != SCHEMA_VERSION:
        raise WsyncError(
            f"{path} is the state of another version of the emulator (schema {version}; this one has {SCHEMA_VERSION})",
            hint=f"to start afresh, delete it: rm {path} {path}-wal {path}-shm; or use the wsync that made it",
            code="WS602",
        )


def _use_wal(db: sqlite3.Connection) -> None:
    """Readers and a writer side by side. SQLite does not wait by itself when another process does this just now."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; waits for the other processes' turn."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def clear(db: sqlite3.Connection) -> None:
    """An empty state; run numbers and the log's numbers go on."""
    for table in _TABLES:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own


# ----------------------------------------------------------------------------- the clock


def read_clock(db: sqlite3.Connection) -> tuple[float, bool]:
    """The emulator's time in seconds since 1970, and whether it stands still."""
    row = db.execute("SELECT value FROM setting WHERE name = 'clock'").fetchone()
    if row is None:
        return time.time(), False
    clock = json.loads(row[0])
    return (clock["at"], True) if "at" in clock else (time.time() + clock["ahead"], False)


def set_clock(db: sqlite3.Connection, *, at: float | None = None, ahead: float = 0.0) -> None:
    """`at`: stand still there; else run, so many seconds ahead of the real time. Outlives a restart."""
    value = json.dumps({"ahead": ahead} if at is None else {"at": at})
    db.execute("INSERT OR REPLACE INTO setting VALUES ('clock', ?)", (value,))
