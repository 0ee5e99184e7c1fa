"""Valid manifests of every kind, and projects made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InvalidProject, Problem
from reconciler.manifest import Loaded, load
from reconciler.project import Project, Target, load_project, pick_target

WSYNC = """\
default_target: dev
vars: {schema: mp}
targets:
  dev: {emulator: true, vars: {database: ANALYTICS_DEV}}
  prod: {workspace_id: 4711, api: us1, external: ["connection/legacy-*"], vars: {database: ANALYTICS}}
"""

SNOWFLAKE = """\
kind: connection
id: snowflake
name: Snowflake
state: active
service_provider: Snowflake
config:
  account_identifier: gd12345
  region: us-central1.gcp
  warehouse: compute_wh
  database: "{{ var.database }}"
  role: mparticle_role
  user: mparticle_user
  password: "{{ secret('SNOWFLAKE_PASSWORD') }}"
  storage_integration: mp_us1_123_123_s3
"""

BIGQUERY = """\
kind: connection
id: bigquery
name: BigQuery
state: active
service_provider: BigQuery
config:
  region: us-east1
  project_id: my-project
  dataset_id: my_dataset
  service_account_id: account@my-project.iam
  service_account_key: "{{ secret('BIGQUERY_KEY') }}"
"""

REDSHIFT = """\
kind: connection
id: redshift
name: Redshift
state: inactive
service_provider: Redshift
config:
  database: dev
  user: awsuser
  password: "{{ secret('REDSHIFT_PASSWORD') }}"
  aws_iam_role_arn: arn:aws:iam::123456:role/mparticle
  host: cluster.us-east-1.redshift.amazonaws.com
  port: 05439
"""

DATABRICKS = """\
kind: connection
id: databricks
name: Databricks
state: new
service_provider: Databricks
config:
  provider: mparticle
  schema: dbo
"""

MODEL = """\
kind: model
id: tickets
name: Open tickets
state: active
type: sql
config:
  sql_query: SELECT id, updated_at FROM db.mp.tickets
"""

PIPELINE = """\
kind: pipeline
id: tickets-hourly
name: Open tickets, hourly
pipeline_type: user_attributes
connection_id: snowflake
data_model_id: tickets
state: active
environment: production
sync_mode:
  type: incremental
  iterator_field: updated_at
  iterator_data_type: timestamp
  from: "2023-01-01T02:00:00+02:00"
schedule:
  type: interval
  frequency: hourly
  delay: 15m
  start: 2023-02-01T00:00:00Z
"""

EVENTS = """\
kind: pipeline
id: tickets-events
name: Open tickets as events
pipeline_type: events
connection_id: redshift
data_model_id: tickets
field_transformation_id: tickets-to-events
partner_feed_id: 0
partner_feed_key: "{{ secret('FEED_KEY') }}"
state: paused
sync_mode: {type: full}
schedule: {type: on-demand}
environment: development
data_plan_id: tickets
data_plan_version: "2"
lifecycle: {protect: true, ignore: [state, schedule]}
"""

ALL = (SNOWFLAKE, BIGQUERY, REDSHIFT, DATABRICKS, MODEL, PIPELINE, EVENTS)


def write(folder: Path, *documents: str, wsync: str = WSYNC, **files: str) -> Path:
    """A project: these documents in `all.yaml`, and files by name (`__` for `/`, and the suffix `.yaml`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wsync.yaml").write_text(wsync)
    if documents:
        (folder / "all.yaml").write_text("---\n".join(documents))
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def project(folder: Path, target: str | None = None) -> tuple[Project, Target]:
    found = load_project(folder)
    return found, pick_target(found, target)


def loaded(folder: Path, target: str | None = None) -> Loaded:
    return load(*project(folder, target))


def problems(folder: Path, target: str | None = None) -> tuple[Problem, ...]:
    """What is wrong with a project that cannot be loaded."""
    with pytest.raises(InvalidProject) as caught:
        loaded(folder, target)
    return caught.value.problems


def with_line(document: str, old: str, new: str) -> str:
    """A document with one piece of text replaced, which must be in it."""
    assert document.count(old) == 1, (old, document)
    return document.replace(old, new)
