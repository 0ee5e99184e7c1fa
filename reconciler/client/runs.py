"""Pipeline runs and reports, as the API tells of them. Read only, tolerant: what is missing is None.

Source: reference, "Get the status of a pipeline" and "Get all runs"; ids and counts may be strings or numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.client.wording import clean


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline. Timestamps are as the service writes them, counts are rows."""

    id: str
    pipeline_id: str | None
    type: str | None
    status: str | None
    errors: tuple[str, ...]
    logical_date: str | None
    started_on: str | None
    ended_on: str | None
    range_start: str | None
    range_end: str | None
    successful_records: int | None
    failed_records: int | None


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """The state of a pipeline and of what it stands on."""

    pipeline_id: str
    status: str | None
    errors: tuple[str, ...]
    connection_status: str | None
    connection_errors: tuple[str, ...]
    data_model_status: str | None
    data_model_errors: tuple[str, ...]
    latest_successful_run_id: str | None
    latest_run: Run | None


def read_run(document: Mapping[str, object]) -> Run | None:
    """A run; None without an id."""
    identifier = identifier_of(document.get("id"))
    if identifier is None:
        return None
    return Run(
        id=identifier,
        pipeline_id=_text(document.get("pipeline_id")),
        type=_text(document.get("type")),
        status=_text(document.get("status")),
        errors=tuple(_messages(document.get("errors"))),
        logical_date=_text(document.get("logical_date")),
        started_on=_text(document.get("started_on")),
        ended_on=_text(document.get("ended_on")),
        range_start=_text(document.get("range_start")),
        range_end=_text(document.get("range_end")),
        successful_records=_count(document.get("successful_records")),
        failed_records=_count(document.get("failed_records")),
    )


def read_report(pipeline_id: str, document: Mapping[str, object]) -> PipelineReport:
    latest = document.get("latest_pipeline_run")
    return PipelineReport(
        pipeline_id=pipeline_id,
        status=_text(document.get("status")),
        errors=tuple(_messages(document.get("errors"))),
        connection_status=_text(document.get("connection_status")),
        connection_errors=tuple(_messages(document.get("connection_errors"))),
        data_model_status=_text(document.get("data_model_status")),
        data_model_errors=tuple(_messages(document.get("data_model_errors"))),
        latest_successful_run_id=identifier_of(document.get("latest_successful_pipeline_run_id")),
        latest_run=read_run(latest) if isinstance(latest, Mapping) else None,
    )


def identifier_of(value: object) -> str | None:
    """A run's id as text: the API has it as a number here and as a text there."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value)


def _text(value: object) -> str | None:
    return clean(value) if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _messages(errors: object) -> Iterator[str]:
    for error in errors if isinstance(errors, list) else ():
        message = error.get("message") if isinstance(error, Mapping) else error
        if isinstance(message, str) and message:
            yield clean(message)
