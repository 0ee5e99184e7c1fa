"""The example project teaches what there is to know, and nothing in it is wrong or in doubt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from editor import errors, typed
from vectors import named, vector

from reconciler import schema
from reconciler.manifest import load, validate
from reconciler.project import load_project
from reconciler.resource import Declared, fields, kinds, nested, variants

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "manifests"
FILES = sorted(p for p in FOLDER.rglob("*.yaml") if p.name != "wsync.yaml")
PROJECT = load_project(FOLDER)
TEXTS = {
    str(p.relative_to(FOLDER)): p.read_text() for p in FOLDER.rglob("*") if p.suffix in (".yaml", ".sql")
}
DESIRED = {name: load(PROJECT, target).desired.resources for name, target in PROJECT.targets.items()}
PROD = list(DESIRED["prod"].values())


def values_of(path: str) -> set[object]:
    return {declared.values[path] for declared in PROD if path in declared.values}


def test_it_is_valid_for_every_target_without_a_warning() -> None:
    assert validate(PROJECT, list(PROJECT.targets.values())) == ([], len(FILES))


def test_its_default_target_is_the_emulator_and_another_is_guarded() -> None:
    local, prod = PROJECT.targets[PROJECT.default_target or ""], PROJECT.targets["prod"]
    assert local.emulator
    assert not prod.emulator
    assert (prod.workspace_id, prod.max_deletes) == ("4711", 0)
    assert prod.protect
    assert prod.owns
    assert prod.external


def test_it_can_be_read_in_a_minute() -> None:
    assert {name: len(resources) for name, resources in DESIRED.items()} == {"local": 14, "prod": 15}
    assert all(len(text.splitlines()) <= 80 for text in TEXTS.values())


@pytest.mark.parametrize("name", sorted(name for name in TEXTS if name.endswith(".yaml")))
def test_an_editor_finds_the_schema_of_a_file_and_nothing_wrong_with_it(name: str) -> None:
    made = schema.SCHEMAS["wsync" if name == "wsync.yaml" else "manifest"]()
    first, _, text = TEXTS[name].partition("\n")
    start, sign, path = first.partition("$schema=")
    assert (start, sign) == ("# yaml-language-server: ", "$schema=")
    where = (FOLDER / name).parent / path
    assert where.resolve().parent == ROOT / "schemas"
    assert json.loads(where.read_text()) == made
    assert [errors(made, document) for document in typed(text)] == [[]] * len(typed(text))


def test_every_kind_variant_and_way_to_run_is_shown() -> None:
    for kind in kinds().values():
        shown = {declared.model for declared in PROD if declared.address.kind == kind.kind}
        assert shown == set(variants(kind).values() or [kind])
    pipeline = fields(kinds()["pipeline"])
    for path in ("pipeline_type", "sync_mode.type", "schedule.type", "schedule.frequency"):
        assert values_of(path) == set(pipeline[path].choices)


def test_every_field_is_shown_but_for_two_that_the_service_fills() -> None:
    shown = {(d.model, path) for d in PROD for path in (*d.values, *d.secrets)}
    every = {(d.model, path) for d in PROD for path in fields(d.model)}
    assert {path for _, path in every - shown} == {"config.aws_external_id", "config.aws_iam_user_arn"}


@pytest.mark.parametrize("name", named("fragment", "schedule"))
def test_every_schedule_of_the_reference_is_shown(name: str) -> None:
    wanted: Any = json.loads(json.dumps(vector(name)).replace("T:12", "T12"))  # its typo, put right
    parts = [nested(d.values) for d in PROD if d.address.kind == "pipeline"]
    assert wanted in [{key: part[key] for key in wanted} for part in parts]


def test_the_connections_are_those_of_the_reference() -> None:
    theirs = {v["service_provider"]: v["config"] for v in map(vector, named("request", "connections-create"))}
    for declared in (d for d in PROD if d.address.kind == "connection"):
        config = nested(declared.values)["config"]
        provider = str(declared.values["service_provider"])
        differing = {k for k, v in theirs[provider].items() if config.get(k) != v}
        ours = (
            {"database"} if provider == "Snowflake" else {"dataset_id"} if provider == "BigQuery" else set()
        )
        assert differing - {path.partition(".")[2] for path in declared.secrets} == ours


@pytest.mark.parametrize(
    "what",
    [
        "lifecycle:",
        "protect: true",
        "ignore: [",
        "targets: [",
        "{{ var.",
        "{{ file('",
        "{{ secret('",
        " if var.",
    ],
)
def test_whatever_is_wsyncs_own_is_shown(what: str) -> None:
    assert any(what in text for text in TEXTS.values())


def pipelines_with_sql() -> Iterator[tuple[Declared, str]]:
    for resources in DESIRED.values():
        for declared in resources.values():
            for f, target in declared.refs():
                if f.ref is not None and f.ref.kind == "model":
                    yield declared, str(resources[target].values["config.sql_query"])


def test_every_query_is_one_that_the_service_can_wrap() -> None:
    """Fully qualified, no `;` at the end, no `WITH`, and with the iterator among the selected columns."""
    for pipeline, sql in pipelines_with_sql():
        selected, _, rest = sql.partition("\nFROM ")
        assert selected.startswith("SELECT\n")
        assert selected.splitlines()[-1].endswith(f" AS {pipeline.values['sync_mode.iterator_field']}")
        assert rest.split()[0].count(".") == 2
        assert not sql.rstrip().endswith(";")


def test_the_choice_in_a_query_is_made_by_target() -> None:
    queries = {
        target: next(str(d.values["config.sql_query"]) for a, d in resources.items() if a.id == "web-visits")
        for target, resources in DESIRED.items()
    }
    assert queries["local"].splitlines()[:-1] == queries["prod"].splitlines()
    assert queries["local"].splitlines()[-1] == "  AND ENDS_WITH(v.customer_id, '00')"


def test_every_sql_file_is_used() -> None:
    included = {
        name for resources in DESIRED.values() for d in resources.values() for name in d.source.includes
    }
    assert included == {name for name in TEXTS if name.endswith(".sql")}


def test_at_most_five_pipelines_are_active_as_far_as_the_service_allows_without_asking() -> None:
    for resources in DESIRED.values():
        states = [d.values["state"] for d in resources.values() if d.address.kind == "pipeline"]
        assert states.count("active") <= 5
