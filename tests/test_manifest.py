"""Manifests become the state they ask for: values in the API's spelling, references to secrets, one target at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_samples import (
    ALL,
    EVENTS,
    MODEL,
    PIPELINE,
    REDSHIFT,
    SNOWFLAKE,
    WSYNC,
    loaded,
    problems,
    project,
    with_line,
    write,
)

from reconciler.fields import SecretRef
from reconciler.manifest import load, validate
from reconciler.project import load_project
from reconciler.resource import Address, Declared, DesiredState, Source, kinds, variants

if TYPE_CHECKING:
    import pytest


def declared(folder: Path, kind: str, name: str) -> Declared:
    return loaded(folder).desired.resources[Address(kind, name)]


# --------------------------------------------------------------------------------- values


def test_a_connection_declares_its_fields_flat_with_secrets_apart(tmp_path: Path) -> None:
    assert declared(write(tmp_path, SNOWFLAKE), "connection", "snowflake") == Declared(
        address=Address("connection", "snowflake"),
        model=variants(kinds()["connection"])["Snowflake"],
        values={
            "name": "Snowflake",
            "state": "active",
            "service_provider": "Snowflake",
            "config.account_identifier": "gd12345",
            "config.region": "us-central1.gcp",
            "config.warehouse": "compute_wh",
            "config.database": "ANALYTICS_DEV",
            "config.user": "mparticle_user",
            "config.role": "mparticle_role",
            "config.storage_integration": "mp_us1_123_123_s3",
        },
        secrets={"config.password": SecretRef("SNOWFLAKE_PASSWORD")},
        source=Source("all.yaml", 1),
    )


def test_values_are_in_the_apis_spelling_and_an_explicit_null_is_kept(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        SNOWFLAKE,
        REDSHIFT,
        MODEL,
        EVENTS.replace("data_plan_id: tickets\n", "data_plan_id: null\n").replace('"2"', "~"),
    )
    found = declared(folder, "pipeline", "tickets-events")
    assert found.values == {
        "name": "Open tickets as events",
        "pipeline_type": "events",
        "connection_id": "redshift",
        "field_transformation_id": "tickets-to-events",
        "data_model_id": "tickets",
        "partner_feed_id": None,
        "state": "paused",
        "sync_mode.type": "full",
        "schedule.type": "on_demand",
        "environment": "development",
        "data_plan_id": None,
        "data_plan_version": None,
    }
    assert found.secrets == {"partner_feed_key": SecretRef("FEED_KEY")}
    assert declared(folder, "connection", "redshift").values["config.port"] == "5439"


def test_timestamps_are_utc_and_aliases_have_the_apis_names(tmp_path: Path) -> None:
    values = declared(write(tmp_path, SNOWFLAKE, MODEL, PIPELINE), "pipeline", "tickets-hourly").values
    assert values["sync_mode.from"] == "2023-01-01T00:00:00Z"
    assert values["schedule.start"] == "2023-02-01T00:00:00Z"
    assert not any(name[-1] == "_" for name in values)


def test_a_number_or_date_in_a_text_field_stays_as_it_was_written(tmp_path: Path) -> None:
    text = with_line(with_line(SNOWFLAKE, "gd12345", "0123456"), "compute_wh", "1.10")
    values = declared(
        write(tmp_path, with_line(text, "us-central1.gcp", "no")), "connection", "snowflake"
    ).values
    assert values["config.account_identifier"] == "0123456"
    assert values["config.warehouse"] == "1.10"
    assert values["config.region"] == "no"


def test_an_optional_field_that_is_left_out_is_not_declared_and_null_unsets_a_write_only_one(
    tmp_path: Path,
) -> None:
    nulled = with_line(EVENTS, "\"{{ secret('FEED_KEY') }}\"", "null")
    found = declared(write(tmp_path, REDSHIFT, MODEL, nulled), "pipeline", "tickets-events")
    assert "sync_mode.until" not in found.values
    assert found.secrets == {"partner_feed_key": None}


def test_our_own_keys_are_read_and_are_no_fields(tmp_path: Path) -> None:
    found = declared(write(tmp_path, REDSHIFT, MODEL, EVENTS), "pipeline", "tickets-events")
    assert found.protect
    assert found.ignore == {"state", "schedule"}
    assert found.ignores("schedule.start")
    assert not found.ignores("environment")
    assert not {"kind", "lifecycle", "targets", "id"} & set(found.values)


def test_the_order_of_keys_in_a_manifest_does_not_matter(tmp_path: Path) -> None:
    one = declared(write(tmp_path / "a", MODEL), "model", "tickets")
    head, config = MODEL.split("config:")
    other = declared(
        write(tmp_path / "b", "config:" + config + "\n".join(reversed(head.splitlines())) + "\n"),
        "model",
        "tickets",
    )
    assert list(one.values.items()) == list(other.values.items())


def test_f031_no_secret_is_needed_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_PASSWORD", raising=False)
    assert declared(write(tmp_path, SNOWFLAKE), "connection", "snowflake").secrets


# ------------------------------------------------------------------------------- including


def test_an_included_file_is_rendered_with_variables_and_named_as_a_source(tmp_path: Path) -> None:
    sql = with_line(MODEL, "SELECT id, updated_at FROM db.mp.tickets", "\"{{ file('../sql/tickets.sql') }}\"")
    write(tmp_path, models__tickets=sql)
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "tickets.sql").write_bytes(
        b"\xef\xbb\xbfSELECT 'a''b'\r\nFROM {{ var.schema }}.t\r\n"
    )
    found = declared(tmp_path, "model", "tickets")
    assert found.values["config.sql_query"] == "SELECT 'a''b'\nFROM mp.t\n"
    assert found.source == Source("models/tickets.yaml", 1, ("sql/tickets.sql",))


def test_files_beside_different_manifests_may_have_the_same_name(tmp_path: Path) -> None:
    sql = with_line(MODEL, "SELECT id, updated_at FROM db.mp.tickets", "\"{{ file('q.sql') }}\"")
    write(tmp_path, a__m=sql, b__m=with_line(sql, "id: tickets", "id: others"))
    (tmp_path / "a" / "q.sql").write_text("SELECT 1")
    (tmp_path / "b" / "q.sql").write_text("SELECT 2")
    found = loaded(tmp_path).desired.resources
    assert [d.values["config.sql_query"] for d in found.values()] == ["SELECT 2", "SELECT 1"]
    assert [d.source.includes for d in found.values()] == [("b/q.sql",), ("a/q.sql",)]


# --------------------------------------------------------------------------------- targets


def test_each_target_has_its_own_variables(tmp_path: Path) -> None:
    write(tmp_path, SNOWFLAKE)
    databases = [
        loaded(tmp_path, t).desired.resources[Address("connection", "snowflake")].values["config.database"]
        for t in ("dev", "prod")
    ]
    assert databases == ["ANALYTICS_DEV", "ANALYTICS"]


def test_a_manifest_for_other_targets_is_counted_but_not_declared(tmp_path: Path) -> None:
    write(tmp_path, SNOWFLAKE + "targets: [prod]\n", MODEL)
    assert set(loaded(tmp_path, "dev").desired.resources) == {Address("model", "tickets")}
    assert loaded(tmp_path, "dev").desired.documents == 2
    assert len(loaded(tmp_path, "prod").desired.resources) == 2


def test_all_manifests_may_be_for_other_targets(tmp_path: Path) -> None:
    write(tmp_path, SNOWFLAKE + "targets: [prod]\n")
    assert loaded(tmp_path, "dev").desired == DesiredState({}, 1)


def test_one_address_may_be_declared_once_per_target(tmp_path: Path) -> None:
    write(tmp_path, MODEL + "targets: [dev]\n", MODEL.replace("SELECT id", "SELECT 1") + "targets: [prod]\n")
    names = [
        loaded(tmp_path, t).desired.resources[Address("model", "tickets")].source.line
        for t in ("dev", "prod")
    ]
    assert names == [1, 10]


def test_an_id_may_be_made_of_variables(tmp_path: Path) -> None:
    write(tmp_path, with_line(MODEL, "id: tickets", 'id: "{{ var.schema }}-tickets"'))
    assert set(loaded(tmp_path).desired.resources) == {Address("model", "mp-tickets")}


def test_what_is_external_may_be_referred_to(tmp_path: Path) -> None:
    write(tmp_path, MODEL, with_line(PIPELINE, "connection_id: snowflake", "connection_id: legacy-one"))
    assert Address("pipeline", "tickets-hourly") in loaded(tmp_path, "prod").desired.resources
    assert [p.code for p in problems(tmp_path, "dev")] == ["WS144"]


# ------------------------------------------------------------------------------ validating


def test_validate_covers_every_target_and_needs_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, *ALL)
    found = load_project(tmp_path)
    assert validate(found, list(found.targets.values())) == ([], 1)


def test_a_problem_that_some_targets_do_not_have_says_which_do(tmp_path: Path) -> None:
    write(
        tmp_path,
        MODEL,
        with_line(PIPELINE, "connection_id: snowflake", "connection_id: legacy-one"),
        with_line(REDSHIFT, "state: inactive", "state: paused"),
    )
    found = load_project(tmp_path)
    told, _ = validate(found, list(found.targets.values()))
    assert [p.message for p in told] == [
        "`connection_id` refers to connection/legacy-one, which is declared nowhere (target dev)",
        "`state` of a Redshift connection is `new`, `active` or `inactive`",
    ]


# ------------------------------------------------------------------------------------ laws


@settings(max_examples=25)
@given(st.permutations(ALL), st.lists(st.sampled_from(["a", "b/c", "b/a", "z"]), min_size=7, max_size=7))
def test_law_2_the_same_documents_in_other_files_declare_the_same(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str], files: list[str]
) -> None:
    parts: dict[str, list[str]] = {}
    for document, name in zip(documents, files, strict=True):
        parts.setdefault(name.replace("/", "__"), []).append(document)
    texts = {name: "---\n".join(group) for name, group in parts.items()}
    shuffled = loaded(write(tmp_path_factory.mktemp("p"), **texts)).desired
    plain = loaded(write(tmp_path_factory.mktemp("p"), *ALL)).desired
    assert [(a, d.values, d.secrets, d.protect, d.ignore) for a, d in shuffled.resources.items()] == [
        (a, d.values, d.secrets, d.protect, d.ignore) for a, d in plain.resources.items()
    ]
    assert shuffled.documents == plain.documents


def test_every_kind_and_variant_is_among_the_samples(tmp_path: Path) -> None:
    models = {d.model for d in loaded(write(tmp_path, *ALL)).desired.resources.values()}
    every = {v for kind in kinds().values() for v in (variants(kind).values() or [kind])}
    assert models == every


def test_loading_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    import gc

    assert gc.isenabled()
    loaded(write(tmp_path, *ALL))
    assert gc.isenabled()
    gc.disable()
    try:
        load(*project(tmp_path))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_example_in_the_contract_declares_what_it_says(tmp_path: Path) -> None:
    write(tmp_path, wsync=WSYNC, all=CONTRACT)
    (tmp_path / "open_tickets.sql").write_text("SELECT 1")
    found = loaded(tmp_path)
    assert [str(a) for a in found.desired.resources] == [
        "connection/snowflake-prod",
        "model/open-tickets",
        "pipeline/open-tickets-hourly",
    ]
    assert found.warnings == ()
    assert found.files == 1


CONTRACT = """\
kind: connection
id: snowflake-prod
name: Snowflake (production)
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
---
kind: model
id: open-tickets
name: Open tickets per user
state: active
type: sql
config:
  sql_query: "{{ file('open_tickets.sql') }}"
---
kind: pipeline
id: open-tickets-hourly
name: Open tickets, hourly
pipeline_type: user_attributes
connection_id: snowflake-prod
data_model_id: open-tickets
state: active
environment: production
sync_mode: {type: incremental, iterator_field: updated_at, iterator_data_type: timestamp}
schedule: {type: interval, frequency: hourly, delay: 15m, start: "2023-02-01T00:00:00Z"}
lifecycle: {ignore: [state]}
"""
