"""Every JSON example of the API reference: requests can be declared, answers can be read, mistakes in them are survived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_server import FaultServer, answers
from jsonschema import Draft202012Validator
from manifest_samples import PIPELINE
from vectors import FOLDER, PLACES, named, vector

from reconciler.client import PipelineReport, Run, Verdict, reader, writer
from reconciler.errors import InvalidProject
from reconciler.fields import Field
from reconciler.manifest import Loaded, load
from reconciler.project import load_project, pick_target
from reconciler.resource import Declared, Live, Resource, fields, kinds, nested, read_live
from reconciler.schema import manifest_schema
from reconciler.strictyaml import read_documents

KINDS = {"connections": "connection", "data-models": "model", "pipelines": "pipeline"}
RESOURCES = tuple(KINDS)
REQUESTS = [name for start in RESOURCES for name in named("request", start)]
ANSWERS = [name for start in RESOURCES for name in named("answer", start)]
SCHEDULES = named("fragment", "schedule")
TYPO = "2023-03-01T:12:00:00Z"


def kind_of(name: str) -> type[Resource]:
    return kinds()[next(kind for start, kind in KINDS.items() if name.startswith(start))]


def write_only(model: type[Resource]) -> Iterator[Field]:
    return (f for f in fields(model).values() if f.secret)


def held(document: dict[str, Any], f: Field) -> Any:
    for part in f.parts:
        document = document.get(part, {})
    return document or None


def declared_as(name: str) -> dict[str, Any]:
    """A request as a manifest: what the server owns left out, secrets as references."""
    document = {key: value for key, value in vector(name).items() if key not in kind_of(name).computed}
    for model in (kind_of(name), *kind_of(name).__subclasses__()):
        for f in write_only(model):
            if held(document, f):
                section = document if len(f.parts) == 1 else document[f.parts[0]]
                section[f.parts[-1]] = "{{ secret('EXAMPLE') }}"
    return {"kind": kind_of(name).kind, **document}


def loaded(folder: Path, *manifests: dict[str, Any]) -> Loaded:
    """What a project declares that refers to live resources only. JSON is YAML."""
    (folder / "wsync.yaml").write_text('targets: {local: {emulator: true, external: ["*"]}}')
    for n, manifest in enumerate(manifests):
        (folder / f"{n}.yaml").write_text(json.dumps(manifest))
    project = load_project(folder)
    return load(project, pick_target(project, None))


def one(result: Loaded) -> Declared:
    (declared,) = result.desired.resources.values()
    return declared


def test_there_is_a_file_for_every_example_and_a_place_for_every_file() -> None:
    assert {path.stem.rpartition(".")[0] for path in FOLDER.iterdir()} == set(PLACES)
    assert len(list(FOLDER.iterdir())) == 36


# ------------------------------------------------------------------------------ requests


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_of_the_reference_can_be_declared_and_holds_the_same(name: str, tmp_path: Path) -> None:
    result = loaded(tmp_path, declared_as(name))
    declared = one(result)
    assert not result.warnings
    wanted = {key: value for key, value in vector(name).items() if key not in kind_of(name).computed}
    if wanted.get("partner_feed_id") == 0:
        wanted["partner_feed_id"] = None  # 0 is no feed
    secrets = {path: held(wanted, fields(declared.model)[path]) for path in declared.secrets}
    assert {"id": declared.address.id, **nested({**declared.values, **secrets})} == wanted


@pytest.mark.parametrize("name", REQUESTS)
def test_an_editor_takes_a_request_of_the_reference_as_well(name: str) -> None:
    Draft202012Validator(manifest_schema()).validate(declared_as(name))


def test_every_secret_of_a_request_is_a_field_that_takes_only_references() -> None:
    found = {name: sorted(f.path for f in write_only(kind_of_request(name))) for name in REQUESTS}
    assert found == {
        "connections-create-snowflake.request": ["config.password"],
        "connections-create-bigquery.request": ["config.service_account_key"],
        "connections-create-redshift.request": ["config.password"],
        "connections-create-databricks.request": [],
        "connections-update.request": ["config.password"],
        "data-models-create.request": [],
        "data-models-update.request": [],
        "pipelines-create.request": ["partner_feed_key"],
        "pipelines-update.request": ["partner_feed_key"],
    }


def kind_of_request(name: str) -> type[Resource]:
    return read_live(kind_of(name), vector(name)).model


def test_f038_the_service_account_key_of_the_example_is_itself_no_json() -> None:
    key = vector("connections-create-bigquery.request")["config"]["service_account_key"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(key)


def test_the_sql_of_the_example_is_invalid_and_can_be_declared_all_the_same(tmp_path: Path) -> None:
    """It names an alias that it does not define, and counts without GROUP BY: the service is to judge that."""
    declared = one(loaded(tmp_path, declared_as("data-models-create.request")))
    assert "FROM mp.demo_service.tickets WHERE t.status" in str(declared.values["config.sql_query"])


# ------------------------------------------------------------------------------ schedules


def scheduled(name: str, *, corrected: bool = False) -> dict[str, Any]:
    """A pipeline with the schedule of an example."""
    text = json.dumps(vector(name))
    fragment = json.loads(text.replace(TYPO, "2023-03-01T12:00:00Z") if corrected else text)
    documents, _ = read_documents(PIPELINE.encode(), "")
    pipeline: Any = documents[0].data
    return {**pipeline, **fragment}


@pytest.mark.parametrize("name", [name for name in SCHEDULES if "daily" not in name])
def test_a_schedule_of_the_reference_can_be_declared_as_it_is(name: str, tmp_path: Path) -> None:
    result = loaded(tmp_path, scheduled(name))
    assert not result.warnings
    values = one(result).values
    for section, wanted in vector(name).items():
        assert {
            path.split(".")[1]: v for path, v in values.items() if path.startswith(f"{section}.")
        } == wanted


def test_f008_the_daily_schedule_has_a_colon_too_many_twice_and_is_told_so(tmp_path: Path) -> None:
    (name,) = (name for name in SCHEDULES if "daily" in name)
    with pytest.raises(InvalidProject) as caught:
        loaded(tmp_path, scheduled(name))
    told = {(p.message.partition(":")[0], p.hint) for p in caught.value.problems}
    hint = "there is a colon too many after the `T`"
    assert told == {("`sync_mode.until`", hint), ("`schedule.end`", hint)}


def test_the_daily_schedule_without_that_typo_can_be_declared(tmp_path: Path) -> None:
    (name,) = (name for name in SCHEDULES if "daily" in name)
    result = loaded(tmp_path, scheduled(name, corrected=True))
    assert not result.warnings
    assert one(result).values["schedule.end"] == "2023-03-01T12:00:00Z"


@pytest.mark.parametrize("name", SCHEDULES)
def test_an_answer_with_any_schedule_can_be_read_the_typo_left_as_it_is(name: str) -> None:
    live = read_live(kinds()["pipeline"], {**vector("pipelines-get.answer"), **vector(name)})
    for section, wanted in vector(name).items():
        assert {key: live.values[f"{section}.{key}"] for key in wanted} == wanted


# ------------------------------------------------------------------------------ answers


def read(name: str) -> list[Live]:
    """The resources of an answer.

    Not through the client: the ids of an example's list are all `string`, which the client refuses in a list.
    """
    document = vector(name)
    items = document if isinstance(document, list) else [document]
    return [read_live(kind_of(name), item) for item in items]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_the_reference_is_read_whole(name: str) -> None:
    document = vector(name)
    for item, live in zip(document if isinstance(document, list) else [document], read(name), strict=True):
        assert live.unknown == ()
        assert live.address == (kind_of(name).kind, item["id"])
        assert live.status == item.get("status")
        assert live.errors == tuple(error["message"] for error in item.get("errors", []))
        assert (live.modified_by, live.modified_on) == (item["last_modified_by"], item["last_modified_on"])


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_leaves_a_secret_or_its_mask_behind(name: str) -> None:
    document = vector(name)
    for item, live in zip(document if isinstance(document, list) else [document], read(name), strict=True):
        secrets = {f.path: held(item, f) for f in write_only(live.model)}
        assert live.held == {path for path, value in secrets.items() if value is not None}
        assert not secrets.keys() & live.values.keys()
        assert "***" not in repr(live)
        assert "feed-key" not in repr(live)


@pytest.mark.parametrize("name", ANSWERS)
def test_what_else_an_answer_holds_is_read_as_it_stands(name: str) -> None:
    document = vector(name)
    for item, live in zip(document if isinstance(document, list) else [document], read(name), strict=True):
        own = {key: value for key, value in item.items() if key not in live.model.computed and key != "id"}
        flat = {
            path: value
            for key, section in own.items()
            for path, value in (
                [(f"{key}.{k}", v) for k, v in section.items()]
                if isinstance(section, dict)
                else [(key, section)]
            )
        }
        assert flat.keys() - live.values.keys() <= NOT_READ
        differing = {path: value for path, value in live.values.items() if flat.get(path) != value}
        old = flat.get("config.source_account_id")
        assert differing == ({"config.account_identifier": old} if old else {})


# Of the examples' fields: write-only; v1's name; no feed; what only events have, in examples of user_attributes.
NOT_READ = {
    "config.password",
    "config.service_account_key",
    "partner_feed_key",
    "config.source_account_id",
    "partner_feed_id",
    "field_transformation_id",
}


def test_an_answer_with_the_old_name_of_the_account_is_read_by_the_new_one() -> None:
    (live,) = read("connections-update.answer")
    assert live.values["config.account_identifier"] == "gd1234"
    assert "config.source_account_id" not in live.values


@pytest.mark.parametrize("name", ["pipelines-list.answer", "pipelines-get.answer"])
def test_user_attributes_with_a_field_transformation_are_read_without_it(name: str) -> None:
    for live in read(name):
        assert live.values["pipeline_type"] == "user_attributes"
        assert "field_transformation_id" not in live.values
        assert "partner_feed_id" not in live.values


def test_events_keep_their_field_transformation() -> None:
    (live,) = read("pipelines-create.answer")
    assert live.values["field_transformation_id"] == "field-transformation-id"


def test_the_databricks_answer_has_no_status_and_that_is_not_unhealthy() -> None:
    (live,) = read("connections-create-databricks.answer")
    assert live.status is None
    assert not live.is_unhealthy


def test_the_answers_to_writes_hold_other_values_than_were_sent_so_none_is_taken_for_the_truth() -> None:
    """An id, a name, whole settings differ: F127 and the closing plan are there for that."""
    differing = {}
    for request in REQUESTS:
        place = request.removesuffix(".request")
        sent, (answered,) = vector(request), read(f"{place}.answer")
        wanted = read_live(kind_of(request), sent)
        paths = [p for p, v in wanted.values.items() if answered.values.get(p) != v]
        differing[place] = [*(["id"] if wanted.address != answered.address else []), *paths]
    assert differing == {
        "connections-create-snowflake": ["id"],
        "connections-create-bigquery": [],
        "connections-create-redshift": [],
        "connections-create-databricks": ["config.provider"],
        "connections-update": [
            "id", "config.account_identifier", "config.database", "config.user", "config.role"
        ],
        "data-models-create": ["id", "name", "config.sql_query"],
        "data-models-update": ["id", "name", "config.sql_query"],
        "pipelines-create": [],
        "pipelines-update": [],
    }  # fmt: skip


# ---------------------------------------------------------- runs, reports, triggers, errors


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def a_run(n: int, pipeline: str = "example-pipeline", *, hour: str = "18", records: int = 100) -> Run:
    at = f"2023-10-25T{hour}:11:57.321Z"
    return Run(str(n), pipeline, "scheduled", "success", ("string",), at, at, at, at, at, records, 0)


def test_the_runs_are_all_read_though_the_example_counts_one_for_two(server: FaultServer) -> None:
    server.on("GET", "*/runs", answers(vector("runs-list.answer")), times=None)
    with reader(server.url, server.auth_url, server.workspace_id, server.environ) as client:
        assert list(client.runs("example-pipeline")) == [a_run(251), a_run(252, hour="19")]
    assert vector("runs-list.answer")["total_items"] == 1


def test_a_run_is_read(server: FaultServer) -> None:
    server.on("GET", "*/runs/251", answers(vector("runs-get.answer")), times=None)
    with reader(server.url, server.auth_url, server.workspace_id, server.environ) as client:
        assert client.run("example-pipeline", "251") == a_run(251)


def test_a_report_is_read(server: FaultServer) -> None:
    server.on("GET", "*/report", answers(vector("report.answer")), times=None)
    with reader(server.url, server.auth_url, server.workspace_id, server.environ) as client:
        report = client.report("string")
    assert report == PipelineReport(
        pipeline_id="string",
        status="idle",
        errors=("string",),
        connection_status="healthy",
        connection_errors=("string",),
        data_model_status="valid",
        data_model_errors=("string",),
        latest_successful_run_id="0",
        latest_run=a_run(0, "string", records=0),
    )


def test_a_trigger_is_sent_and_answered_as_in_the_example(server: FaultServer) -> None:
    server.on("POST", "*/trigger", answers(vector("trigger.answer")), times=None)
    with writer(server.url, server.auth_url, server.workspace_id, server.environ) as client:
        triggered = client.trigger("string")
    assert [entry.body for entry in server.requests("POST", "*/trigger")] == [vector("trigger.request")]
    assert (triggered.verdict, triggered.run_id) == (Verdict.DONE, "13325")


def test_a_refused_trigger_says_what_the_server_says(server: FaultServer) -> None:
    server.on("POST", "*/trigger", answers(vector("trigger.error"), 400), times=None)
    with writer(server.url, server.auth_url, server.workspace_id, server.environ) as client:
        triggered = client.trigger("example-pipeline")
    assert triggered.message == "400 Pipeline example-pipeline is already in progress."
    assert triggered.run_id is None
