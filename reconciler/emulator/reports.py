"""The pipelines' own endpoints: trigger, report, runs and one run. Shapes are the reference's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

from reconciler.emulator import rows, runs
from reconciler.emulator.answers import read_time, spell_time
from reconciler.emulator.call import BASE, Answer, Call, Endpoint, Refusal
from reconciler.emulator.rows import Row
from reconciler.errors import inert
from reconciler.fields import Wrong
from reconciler.kinds.pipeline import Pipeline
from reconciler.resource import kinds

_COLUMNS: Final = (
    "id, type, logical_date, started_on, ended_on, range_start, range_end, result, errors, records"
)
_PAGE_SIZE: Final = 50
_MOST: Final = 1000


def endpoints() -> Iterator[Endpoint]:
    path = BASE + Pipeline.path
    yield Endpoint(
        "POST",
        path + "/trigger",
        trigger,
        "Run a pipeline now",
        shown=_shown,
    )
    yield Endpoint("GET", path + "/{id}/report", report, "Get the status of a pipeline")
    yield Endpoint("GET", path + "/{id}/runs", list_runs, "List the runs of a pipeline")
    yield Endpoint("GET", path + "/{id}/runs/{run}", get_run, "Get one run of a pipeline")


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    name = body.get("pipeline_id")
    return {"pipeline_id": inert(name, 256) if isinstance(name, str) else None}


def trigger(call: Call) -> Answer:
    """Starts a run of an idle, stopped or faulted pipeline; 400 while one is under way."""
    name = call.body.get("pipeline_id")
    if not isinstance(name, str) or not name:
        raise Refusal(400, "pipeline_id: is required")
    runs.settle(call)
    row = _pipeline(call, name)
    run = runs.start_by_hand(call, row)
    if run is None:
        raise Refusal(400, f"Pipeline {row.id} is already in progress.")
    return Answer(200, {"pipeline_run_id": run, "status": "attempt_requested"})


def report(call: Call) -> Answer:
    runs.settle(call)
    row = _pipeline(call, call.params["id"])
    if row.created_on is not None and call.now < row.created_on + call.switches.report_after_create:
        raise Refusal(404, f"There is no report of pipeline {inert(row.id, 80)} yet.")
    answer: dict[str, Any] = {"pipeline_id": row.id, "status": row.status, "errors": _messages(row.errors)}
    for path, to in rows.references(Pipeline, row.document):
        target = rows.find(call.db, row.workspace, to.kind, to.id)
        name = path.removesuffix("_id")  # `connection_id` gives `connection_status`, `data_model_id` …
        gone = (f"There is no {to.kind} {inert(to.id, 80)}.",)
        answer[f"{name}_status"] = target.status if target else min(kinds()[to.kind].unhealthy)
        answer[f"{name}_errors"] = _messages(target.errors if target else gone)
    found = _runs(call, row, "ORDER BY logical_date DESC, id DESC LIMIT 1")
    succeeded = _runs(call, row, "AND result = 'success' ORDER BY id DESC LIMIT 1")
    answer["latest_successful_pipeline_run_id"] = succeeded[0]["id"] if succeeded else None
    answer["latest_pipeline_run"] = found[0] if found else None
    return Answer(200, answer)


def list_runs(call: Call) -> Answer:
    """One page, oldest run first, as in the reference's example."""
    runs.settle(call)
    row = _pipeline(call, call.params["id"])
    page, size = _count(call, "currentPage", 1), _count(call, "pageSize", _PAGE_SIZE)
    between = (_moment(call, "startDate", -math.inf), _moment(call, "endDate", math.inf))
    where = "AND logical_date >= ? AND logical_date <= ?"
    (total,) = call.db.execute(
        f"SELECT count(*) FROM run WHERE workspace = ? AND pipeline = ? {where}",  # noqa: S608 - our own text
        (row.workspace, row.key, *between),
    ).fetchone()
    pages = -(-total // size)
    items = _runs(
        call, row, f"{where} ORDER BY logical_date, id LIMIT ? OFFSET ?", *between, size, (page - 1) * size
    )
    return Answer(
        200,
        {
            "items": items,
            "current_page": page,
            "page_size": size,
            "total_pages": pages,
            "total_items": total,
            "has_previous_page": page > 1,
            "has_next_page": page < pages,
        },
    )


def get_run(call: Call) -> Answer:
    runs.settle(call)
    row, wanted = _pipeline(call, call.params["id"]), call.params["run"]
    found = (
        _runs(call, row, "AND id = ?", int(wanted))
        if wanted.isascii() and wanted.isdigit() and len(wanted) < 19
        else []
    )
    if not found:
        raise Refusal(404, f"Pipeline {inert(row.id, 80)} has no run {inert(wanted, 40)}.")
    return Answer(200, found[0])


def _pipeline(call: Call, name: str) -> Row:
    row = rows.find(call.db, call.workspace, runs.KIND, name)
    if row is None or row.id != name:
        raise Refusal(404, f"Pipeline {inert(name, 80)} was not found.")
    return row


def _runs(call: Call, row: Row, rest: str, *values: object) -> list[dict[str, Any]]:
    found = call.db.execute(
        f"SELECT {_COLUMNS} FROM run WHERE workspace = ? AND pipeline = ? {rest}",  # noqa: S608 - our own text
        (row.workspace, row.key, *values),
    )
    return [_document(call, row, columns) for columns in found]


def _document(call: Call, row: Row, columns: tuple[Any, ...]) -> dict[str, Any]:
    number, kind_of_run, logical, started, ended, start, end, result, errors, records = columns
    status = result or ("queued" if call.now < started else "running")

    def when(moment: float | None) -> str | None:
        return spell_time(moment, call.switches)

    return {
        "id": number,
        "pipeline_id": row.id,
        "type": kind_of_run,
        "status": status,
        "errors": _messages(from_json(errors)),
        "logical_date": when(logical),
        "started_on": None if status == "queued" else when(started),
        "ended_on": when(ended) if result else None,
        "range_start": when(start),
        "range_end": when(end),
        "successful_records": records,
        "failed_records": 0,
    }


def _messages(errors: Any) -> list[dict[str, str]]:
    return [{"message": message} for message in errors]


def _count(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= 10**8):
        raise Refusal(400, f"{name}: must be a whole number from 1")
    return min(int(text[:9]), _MOST) if name == "pageSize" else int(text[:9])


def _moment(call: Call, name: str, default: float) -> float:
    text = call.query.get(name)
    if not text:
        return default
    try:
        return read_time(text)
    except Wrong as wrong:
        raise Refusal(400, f"{name}: {wrong.message}") from None
