"""Every JSON example of the API reference, in `vectors/`, one file each and as it stands there, mistakes included.

Files are named after their place: `PLACE.ROLE.json`. A request is what is sent, an answer what comes back, an error an
answer that refuses, and a fragment the part of a pipeline that an example is about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("vectors")

# In the order of the reference.
PLACES: Final = {
    "connections-list": "GET /connections",
    "connections-get": "GET /connections/{connectionId}",
    "connections-create-snowflake": "POST /connections",
    "connections-create-bigquery": "POST /connections",
    "connections-create-redshift": "POST /connections",
    "connections-create-databricks": "POST /connections",
    "connections-update": "PUT /connections/{connectionId}",
    "data-models-list": "GET /data-models",
    "data-models-get": "GET /data-models/{modelId}",
    "data-models-create": "POST /data-models",
    "data-models-update": "PUT /data-models/{modelId}",
    "schedule-1-hourly": "schedules",
    "schedule-2-hourly-delayed": "schedules",
    "schedule-3-daily-for-a-month": "schedules",
    "schedule-4-monthly": "schedules",
    "schedule-5-on-demand": "schedules",
    "schedule-6-once": "schedules",
    "pipelines-list": "GET /inputs/data-pipelines",
    "pipelines-get": "GET /inputs/data-pipelines/{pipelineId}",
    "pipelines-create": "POST /inputs/data-pipelines",
    "pipelines-update": "PUT /inputs/data-pipelines/{pipelineId}",
    "trigger": "POST /inputs/data-pipelines/trigger",
    "report": "GET /inputs/data-pipelines/{pipelineId}/report",
    "runs-list": "GET /inputs/data-pipelines/{pipelineId}/runs",
    "runs-get": "GET /inputs/data-pipelines/{pipelineId}/runs/{pipelineRunId}",
}


def vector(name: str) -> Any:
    """The example in `vectors/NAME.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def documents(endpoint: str, role: str) -> list[dict[str, Any]]:
    """The examples of one endpoint (or of `schedules`), in the order of the reference."""
    names = [f"{place}.{role}" for place, where in PLACES.items() if where == endpoint]
    return [vector(name) for name in names if (FOLDER / f"{name}.json").exists()]


def named(role: str, start: str = "") -> list[str]:
    """The names of all examples of a role whose place begins so."""
    return sorted(path.stem for path in FOLDER.glob(f"{start}*.{role}.json"))
