"""What pipelines do beyond being stored: they run, on a clock, and report on it.

Nothing ticks in the background. Each call first lets happen what was due by its clock (`settle`), so that
the same requests at the same times give the same runs. What was chosen where the reference is silent:
a paused pipeline is `stopped`; of a long jump of the clock only the last hundred intervals become runs;
a run fails when its connection or model is unhealthy or gone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.emulator import rows
from reconciler.emulator.call import Call, Refusal
from reconciler.emulator.defaults import INACTIVE_PLAN, NO_SUCH_PLAN, first_status
from reconciler.emulator.resources import Special
from reconciler.emulator.rows import Row
from reconciler.emulator.timetable import moment_at, timetable_of
from reconciler.errors import inert
from reconciler.kinds.pipeline import Pipeline
from reconciler.resource import kinds

KIND: Final = Pipeline.kind
_RUNNING: Final = min(Pipeline.busy)
_FAULTED: Final = min(Pipeline.unhealthy)
_STOPPED: Final = "stopped"
_CATCH_UP: Final = 100  # intervals
_RECORDS: Final = 100  # rows of a successful run, as in the reference


@dataclass(slots=True)
class _Due:
    """What a pipeline is waiting for: the number of its next interval, the run under way."""

    tick: int | None = None
    run: int | None = None
    ends_on: float = math.inf


# --------------------------------------------------------------------- what the engine calls


def check(body: Mapping[str, Any]) -> None:
    """Data plans, which are no resources here. Reference: codes 400 and 404."""
    plan = body.get("data_plan_id")
    if plan == INACTIVE_PLAN:
        raise Refusal(400, "data_plan_id: the data plan is not active")
    if plan == NO_SUCH_PLAN:
        raise Refusal(404, "data_plan_id: the data plan was not found")
    if plan is not None and body.get("data_plan_version") is None:
        raise Refusal(404, "data_plan_version: the data plan was not found without a version")


def settle(call: Call) -> None:
    """Lets start and end whatever runs were due by `call.now`."""
    found = call.db.execute(
        "SELECT pipeline FROM due WHERE workspace = ? AND next_on <= ?", (call.workspace, call.now)
    ).fetchall()
    for (key,) in found:
        row = rows.find(call.db, call.workspace, KIND, key)
        if row is not None:
            _advance(call, row)


def stored(call: Call, row: Row, old: Row | None) -> None:
    """A create or an update: it clears a fault; the next run is at the next interval, `once` runs at once."""
    rescheduled(call, row, new=old is None)
    due = _due(call, row)
    has_run = call.db.execute(
        "SELECT 1 FROM run WHERE workspace = ? AND pipeline = ?", (row.workspace, row.key)
    ).fetchone()
    if row.document["schedule"]["type"] == "once" and row.document["state"] == "active" and not has_run:
        _start(call, row, due, "scheduled", call.now, call.now)
        _save_due(call, row, due)
    else:
        rows.set_status(call.db, row, _RUNNING if due.run else _rest(row))


def rescheduled(call: Call, row: Row, *, new: bool = False) -> None:
    """Reads the schedule anew. An interval that falls on this very moment counts for a new pipeline only."""
    due, timetable = _due(call, row), timetable_of(row.document)
    moment = call.now if new else math.nextafter(call.now, math.inf)
    due.tick = None if timetable is None else timetable.next_from(moment)
    _save_due(call, row, due)


def deleted(call: Call, row: Row) -> None:
    for table in ("due", "run"):
        call.db.execute(
            f"DELETE FROM {table} WHERE workspace = ? AND pipeline = ?",  # noqa: S608 - names of our own
            (row.workspace, row.key),
        )


def start_by_hand(call: Call, row: Row) -> int | None:
    """Starts a run now and gives its number; None while one is under way."""
    due = _due(call, row)
    if due.run is not None or row.status == _RUNNING:
        return None
    _start(call, row, due, "manual", call.now, call.now)
    _save_due(call, row, due)
    return due.run


SPECIAL: Final = Special(check=check, settle=settle, stored=stored, rescheduled=rescheduled, deleted=deleted)


# --------------------------------------------------------------------- how time passes


def _advance(call: Call, row: Row) -> None:
    """The events of one pipeline up to now, in order."""
    due, timetable = _due(call, row), timetable_of(row.document)
    if due.tick is not None and timetable is not None:
        due.tick = max(due.tick, timetable.latest(call.now) - _CATCH_UP + 1)
    while True:
        tick = None if due.tick is None or timetable is None else timetable.tick(due.tick)
        starts_on = math.inf if tick is None or timetable is None else tick + timetable.delay
        if min(due.ends_on, starts_on) > call.now:
            break
        if due.ends_on <= starts_on:
            row = _finish(call, row, due)
            continue
        assert tick is not None
        assert timetable is not None
        assert due.tick is not None
        if row.status not in (
            _RUNNING,
            _FAULTED,
        ):  # reference: "In a faulted state, no data will synchronize"
            row = _start(call, row, due, "scheduled", tick, starts_on)
        due.tick = timetable.within_end(due.tick + 1)
    _save_due(call, row, due)


def _start(call: Call, row: Row, due: _Due, kind_of_run: str, logical: float, moment: float) -> Row:
    started = moment + call.switches.run_queued
    due.ends_on = started + call.switches.run_running
    start, end = _range(call, row, logical)
    columns = (row.workspace, row.key, kind_of_run, logical, started, due.ends_on, start, end, None, "[]", 0)
    due.run = call.db.execute(
        "INSERT INTO run (workspace, pipeline, type, logical_date, started_on, ended_on, range_start, "
        "range_end, result, errors, records) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        columns,
    ).lastrowid
    return rows.set_status(call.db, row, _RUNNING)


def _finish(call: Call, row: Row, due: _Due) -> Row:
    errors = tuple(_obstacles(call, row))
    if not errors and call.switches.run_result == "failed":
        errors = ("The run failed, as the emulator was told to let runs fail.",)
    call.db.execute(
        "UPDATE run SET result = ?, errors = ?, records = ? WHERE id = ?",
        ("failed" if errors else "success", json.dumps(errors), 0 if errors else _RECORDS, due.run),
    )
    due.run, due.ends_on = None, math.inf
    return rows.set_status(call.db, row, _FAULTED if errors else _rest(row), errors)


def _obstacles(call: Call, row: Row) -> list[str]:
    """Why a run of this pipeline cannot succeed: what it refers to is gone or unhealthy."""
    found = []
    for _, to in rows.references(Pipeline, row.document):
        target = rows.find(call.db, row.workspace, to.kind, to.id)
        if target is None:
            found.append(f"There is no {to.kind} {inert(to.id, 80)}.")
        elif target.status in kinds()[to.kind].unhealthy:
            found.append(f"The {to.kind} {inert(to.id, 80)} is {target.status}.")
    return found


def _range(call: Call, row: Row, end: float) -> tuple[float | None, float]:
    """What a run loads. Incremental: since the last success, else `from`, else `start`, else the day of creation."""
    sync_mode = row.document.get("sync_mode")
    start, until = moment_at(sync_mode, "from"), moment_at(sync_mode, "until")
    if rows.at(sync_mode, ("type",)) == "incremental":
        (last,) = call.db.execute(
            "SELECT max(range_end) FROM run WHERE workspace = ? AND pipeline = ? AND result = 'success'",
            (row.workspace, row.key),
        ).fetchone()
        started = moment_at(row.document.get("schedule"), "start")
        day = None if row.created_on is None else row.created_on // 86400 * 86400
        start = next((s for s in (last, start, started, day) if s is not None), None)
    return start, end if until is None else min(end, until)


def _rest(row: Row) -> str:
    return _STOPPED if row.document.get("state") == "paused" else first_status(Pipeline)


def _due(call: Call, row: Row) -> _Due:
    found = call.db.execute(
        "SELECT due.tick, due.run, run.ended_on FROM due LEFT JOIN run ON run.id = due.run "
        "WHERE due.workspace = ? AND due.pipeline = ?",
        (row.workspace, row.key),
    ).fetchone()
    if found is None:
        return _Due()
    tick, run, ends_on = found
    return _Due(tick, run, math.inf if ends_on is None else ends_on)


def _save_due(call: Call, row: Row, due: _Due) -> None:
    timetable = timetable_of(row.document)
    starts_on = math.inf
    if due.tick is not None and timetable is not None:
        starts_on = timetable.tick(due.tick) + timetable.delay
    next_on = min(due.ends_on, starts_on)
    if next_on == math.inf:
        call.db.execute("DELETE FROM due WHERE workspace = ? AND pipeline = ?", (row.workspace, row.key))
    else:
        call.db.execute(
            "INSERT OR REPLACE INTO due VALUES (?,?,?,?,?)",
            (row.workspace, row.key, due.tick, due.run, next_on),
        )
