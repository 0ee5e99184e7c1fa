"""Every class of mistake in a manifest: told once, at its exact place, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifest_samples import (
    ALL,
    BIGQUERY,
    DATABRICKS,
    EVENTS,
    MODEL,
    PIPELINE,
    REDSHIFT,
    SNOWFLAKE,
    loaded,
    problems,
    with_line,
    write,
)

from reconciler.errors import Problem
from reconciler.manifest import validate
from reconciler.project import load_project

Expected = tuple[str, str, str, str]  # code, line:column, message, hint

REST = {SNOWFLAKE: [], MODEL: [], PIPELINE: [SNOWFLAKE, MODEL], EVENTS: [REDSHIFT, MODEL]}


def told(folder: Path, *documents: str) -> list[Problem]:
    found = load_project(write(folder, *documents))
    return validate(found, [found.targets["dev"]])[0]


def check(folder: Path, document: str, old: str, new: str, expected: Expected, *others: str) -> Problem:
    """Replace a piece of a valid document; one problem must come of it, and this one."""
    found = told(folder, with_line(document, old, new), *others)
    assert len(found) == 1, [(p.place, p.message) for p in found]
    code, place, message, hint = expected
    assert (found[0].code, found[0].place, found[0].message) == (code, f"all.yaml:{place}", message)
    assert hint in (found[0].hint or "")
    return found[0]


# --------------------------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  warehouse: ", "  warehose: ", ("WS111", "9:3", "unknown field `warehose` in config of a Snowflake connection", "did you mean `warehouse`? fields of a Snowflake connection: account_identifier, region, warehouse, ")),
        ("  warehouse: ", "  source_account_id: x\n  warehouse: ", ("WS111", "9:3", "unknown field `source_account_id` in config of a Snowflake connection", "did you mean `account_identifier`?")),
        ("  warehouse: ", "  host: x\n  warehouse: ", ("WS111", "9:3", "unknown field `host` in config of a Snowflake connection", "fields of a Snowflake connection")),
        ("state: ", "status: healthy\nstate: ", ("WS111", "4:1", "`status` is the service's own: it is never declared", "delete it")),
        ("state: ", "database: x\nstate: ", ("WS111", "4:1", "unknown field `database` in a Snowflake connection", "did you mean `config.database`?")),
        ("state: ", "lifecylce: {}\nstate: ", ("WS111", "4:1", "unknown field `lifecylce` in a Snowflake connection", "did you mean `lifecycle`?")),
        ("  warehouse: compute_wh\n", "", ("WS110", "6:1", "`config.warehouse` is missing: every Snowflake connection has it", "Compute warehouse")),
        ("name: Snowflake\n", "", ("WS110", "1:1", "`name` is missing: every Snowflake connection has it", "name that people see")),
        ("id: snowflake\n", "", ("WS110", "1:1", "`id` is missing: every Snowflake connection has it", "you choose it")),
        ("state: active", "state: actve", ("WS112", "4:8", "`state` of a Snowflake connection is `new`, `active` or `inactive`", "did you mean `active`?")),
        ("state: active", "state: paused", ("WS112", "4:8", "`state` of a Snowflake connection is `new`, `active` or `inactive`", "pipelines are paused, connections are inactive")),
        ("state: active", "state: Active", ("WS112", "4:8", "`state` of a Snowflake connection is `new`, `active` or `inactive`", "did you mean `active`?")),
        ("service_provider: Snowflake", "service_provider: snowflake", ("WS112", "5:19", "`service_provider` of a Snowflake connection is `Snowflake`, `BigQuery`, `Redshift` or `Databricks`", "did you mean `Snowflake`?")),
        ("service_provider: Snowflake", "service_provider: Snowflak", ("WS112", "5:19", "`service_provider` of a connection is `Snowflake`, `BigQuery`, `Redshift` or `Databricks`", "did you mean `Snowflake`?")),
        ("service_provider: Snowflake\n", "", ("WS110", "1:1", "`service_provider` is missing: every connection has it", "Snowflake, BigQuery, Redshift, Databricks")),
        ("id: snowflake", "id: my snowflake", ("WS114", "2:5", "`id`: only letters, digits, `_` and `-` may stand here", "Unique in the workspace")),
        ("id: snowflake", f"id: {'x' * 257}", ("WS114", "2:5", "`id`: longer than 256 characters", "shorten it")),
        ("id: snowflake", "id:", ("WS115", "2:1", "`id` is empty", "you choose it")),
        ("name: Snowflake", "name: ''", ("WS115", "3:7", "`name` is empty", "name that people see")),
        ("name: Snowflake", "name: [a, b]", ("WS113", "3:7", "`name` is a list, where text belongs", "on one line")),
        ("compute_wh", "{a: b}", ("WS113", "9:14", "`config.warehouse` is a mapping, where text belongs", "Compute warehouse")),
        ("user: mparticle_user", "user: \"{{ secret('USER') }}\"", ("WS117", "12:9", "a secret in `config.user`, which is not write-only", "write-only here: `config.password`")),
        ("user: mparticle_user", 'user: "{{ var.usr }}"', ("WS152", "12:9", "undefined variable `usr`", "declare it in wsync.yaml")),
        ("password: \"{{ secret('SNOWFLAKE_PASSWORD') }}\"", "password: hunter2", ("WS116", "13:13", "`config.password`: a secret in plain text: only a reference may stand here", "secret('NAME')")),
        ("password: \"{{ secret('SNOWFLAKE_PASSWORD') }}\"", "password: '{{ var.database }}'", ("WS116", "13:13", "`config.password`: a secret in plain text: only a reference may stand here", "secret('NAME')")),
        ("secret('SNOWFLAKE_PASSWORD')", "secret('vault:db/pw#key')", ("WS121", "13:13", "`config.password`: `vault:` is a provider of secrets that does not come with wsync", "needs it installed")),
    ],
)  # fmt: skip
def test_a_mistake_in_a_connection(tmp_path: Path, old: str, new: str, expected: Expected) -> None:
    check(tmp_path, SNOWFLAKE, old, new, expected)


@pytest.mark.parametrize("nothing", ["", " ~", " null", ' ""'])
def test_f024_an_empty_secret_is_told_as_such(tmp_path: Path, nothing: str) -> None:
    found = told(tmp_path, with_line(SNOWFLAKE, " \"{{ secret('SNOWFLAKE_PASSWORD') }}\"", nothing))
    assert [(p.code, p.line, p.message) for p in found] == [
        ("WS116", 13, "`config.password`: the secret is empty")
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("config:\n", "conf:\n", ("WS111", "6:1", "unknown field `conf` in a model", "did you mean `config`?")),
        ("config:\n  sql_query: SELECT id, updated_at FROM db.mp.tickets\n", "", ("WS110", "1:1", "`config` is missing: every model has it", "it holds sql_query")),
        ("\n  sql_query: SELECT id, updated_at FROM db.mp.tickets", "", ("WS115", "6:1", "`config` is empty", "below it, indented: sql_query")),
        ("\n  sql_query: SELECT id, updated_at FROM db.mp.tickets", " SELECT 1", ("WS113", "6:9", "`config` is a mapping of fields", "below it, indented: sql_query")),
        ("config:\n  sql_query:", "sql_query:", ("WS111", "6:1", "unknown field `sql_query` in a model", "did you mean `config.sql_query`?")),
        ("SELECT id, updated_at FROM db.mp.tickets", '" \\n "', ("WS115", "7:14", "`config.sql_query` is empty", "best kept in a file")),
        ("type: sql", "type: SQL", ("WS112", "5:7", "`type` of a model is `sql`", "did you mean `sql`?")),
        ("state: active", "state: paused", ("WS112", "4:8", "`state` of a model is `new`, `active` or `inactive`", "models are inactive")),
    ],
)  # fmt: skip
def test_a_mistake_in_a_model(tmp_path: Path, old: str, new: str, expected: Expected) -> None:
    found = [
        p for p in told(tmp_path, with_line(MODEL, old, new)) if p.code != "WS110" or expected[0] == "WS110"
    ]
    code, place, message, hint = expected
    assert [(p.code, p.place, p.message) for p in found] == [(code, f"all.yaml:{place}", message)]
    assert hint in (found[0].hint or "")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("state: active", "state: inactive", ("WS112", "7:8", "`state` of a pipeline is `new`, `active` or `paused`", "did you mean `paused`? connections and models are inactive, pipelines are paused")),
        ("  type: incremental", "  type: full_sync", ("WS112", "10:9", "`sync_mode.type` of a pipeline is `incremental` or `full`", "did you mean `full`?")),
        ("iterator_data_type: timestamp", "iterator_data_type: timestmp", ("WS120", "12:23", "`sync_mode.iterator_data_type` is none of the values that are known to be understood", "did you mean `timestamp`?")),
        ("iterator_data_type: timestamp", "iterator_data_type: julian", ("WS120", "12:3", "`sync_mode.iterator_data_type` is none of the values that are known to be understood", "known are timestamp,")),
        ("  iterator_field: updated_at\n", "", ("WS118", "9:1", "`sync_mode.iterator_field` is missing: `sync_mode.type: incremental` needs it", "Column that tells")),
        ("  iterator_field: updated_at\n", "  iterator_field: null\n", ("WS118", "11:3", "`sync_mode.iterator_field` is missing: `sync_mode.type: incremental` needs it", "Column that tells")),
        ("2023-02-01T00:00:00Z", "2023-03-01T:12:00:00Z", ("WS114", "18:10", "`schedule.start`: not a timestamp: write YYYY-MM-DDTHH:MM:SSZ, such as 2023-02-01T00:00:00Z", "a colon too many after the `T`")),
        ("2023-02-01T00:00:00Z", "2023-02-30T00:00:00Z", ("WS114", "18:10", "`schedule.start`: no such date or time", "YYYY-MM-DD")),
        ("2023-02-01T00:00:00Z", "2023-02-01T00:00:00", ("WS114", "18:10", "`schedule.start`: a timestamp without a time zone", "add `Z`")),
        ("2023-02-01T00:00:00Z", "2023-02-01", ("WS114", "18:10", "`schedule.start`: not a timestamp: write YYYY-MM-DDTHH:MM:SSZ, such as 2023-02-01T00:00:00Z", "add the time of day")),
        ("15m", "15 min", ("WS114", "17:10", "`schedule.delay`: not a duration", "such as 15m")),
        ("15m", "1:30", ("WS114", "17:10", "`schedule.delay`: not a duration", "such as 15m")),
        ("frequency: hourly", "frequency: hourlyy", ("WS112", "16:14", "`schedule.frequency` of a pipeline is `hourly`, `daily`, `weekly` or `monthly`", "did you mean `hourly`?")),
        ("connection_id: snowflake", "connection_id: snowflke", ("WS144", "5:16", "`connection_id` refers to connection/snowflke, which is declared nowhere", "did you mean `snowflake`?")),
        ("data_model_id: tickets", "data_model_id: snowflake", ("WS144", "6:16", "`data_model_id` refers to model/snowflake, which is declared nowhere", "declare it, or list it under the target's `external` in wsync.yaml")),
        ("connection_id: snowflake", "connection_id: snow flake!", ("WS114", "5:16", "`connection_id` is no id of a connection", "letters, digits")),
        ("state: active", "field_transformation_id: x\nstate: active", ("WS118", "7:1", "`field_transformation_id` does not go with `pipeline_type: user_attributes`", "for events only")),
        ("state: active", "data_plan_id: x\nstate: active", ("WS118", "7:1", "`data_plan_id` without `data_plan_version`: it takes both or neither", "add `data_plan_version`")),
        ("state: active", "partner_feed_id: x1\nstate: active", ("WS114", "7:18", "`partner_feed_id`: not a whole number", "digits only")),
        ("state: active", "partner_feed_id: [1]\nstate: active", ("WS113", "7:18", "`partner_feed_id` is a list, where text belongs", "on one line")),
        ("pipeline_type: user_attributes", "pipeline_type: events", ("WS118", "1:1", "`field_transformation_id` is missing: `pipeline_type: events` needs it", "maps columns")),
    ],
)  # fmt: skip
def test_a_mistake_in_a_pipeline(tmp_path: Path, old: str, new: str, expected: Expected) -> None:
    check(tmp_path, PIPELINE, old, new, expected, SNOWFLAKE, MODEL)


def test_what_an_interval_needs_is_asked_for_and_what_a_single_run_cannot_use_is_a_warning(
    tmp_path: Path,
) -> None:
    rest = (SNOWFLAKE, MODEL)
    bare = PIPELINE.replace("  frequency: hourly\n", "").replace("  start: 2023-02-01T00:00:00Z\n", "")
    assert [p.message for p in told(tmp_path / "a", bare, *rest)] == [
        "`schedule.frequency` is missing: `schedule.type: interval` needs it",
        "`schedule.start` is missing: `schedule.type: interval` needs it",
    ]
    once = with_line(PIPELINE, "type: interval", "type: once")
    found = loaded(write(tmp_path / "b", once, *rest)).warnings
    assert [(p.severity, p.code, p.line, p.message) for p in found] == [
        ("warning", "WS119", 16, "`schedule.frequency` has no effect beside `schedule.type: once`"),
        ("warning", "WS119", 18, "`schedule.start` has no effect beside `schedule.type: once`"),
    ]


def test_conditions_are_judged_beside_other_mistakes_and_other_spellings(tmp_path: Path) -> None:
    broken = with_line(PIPELINE, "type: interval", "type: on-demand").replace("name: Open", "nam: Open")
    found = told(tmp_path, with_line(broken, "  iterator_field: updated_at\n", ""), SNOWFLAKE, MODEL)
    assert [p.code for p in found] == ["WS111", "WS118", "WS119", "WS119"]


def test_a_misspelt_field_is_not_told_as_missing_too(tmp_path: Path) -> None:
    assert len(told(tmp_path, with_line(SNOWFLAKE, "warehouse:", "wharehouse:"))) == 1


@pytest.mark.parametrize("key", ["1", "[a]", "? [a]\n", "~", "true"])
def test_f023_a_key_that_is_not_text_is_an_error(tmp_path: Path, key: str) -> None:
    assert [(p.code, p.line) for p in told(tmp_path, f"{MODEL}{key}: x\n")] == [("WS108", 8)]


@pytest.mark.parametrize("key", ["base_url", "api", "host", "workspace_id", "target"])
def test_f080_a_manifest_cannot_say_where_it_goes(tmp_path: Path, key: str) -> None:
    assert [(p.code, p.line) for p in told(tmp_path, f"{MODEL}{key}: https://evil.example\n")] == [
        ("WS111", 8)
    ]


def test_an_unknown_variant_is_one_error_and_what_all_have_in_common_is_checked(tmp_path: Path) -> None:
    text = SNOWFLAKE.replace("provider: Snowflake", "provider: Oracle").replace("active", "actve")
    found = told(tmp_path, text + "nonsense: x\n")
    assert [(p.code, p.line) for p in found] == [("WS112", 4), ("WS112", 5), ("WS111", 15)]


def test_the_fields_of_the_right_variant_are_asked_for(tmp_path: Path) -> None:
    text = with_line(DATABRICKS, "service_provider: Databricks", "service_provider: BigQuery")
    assert {p.message for p in told(tmp_path, text)} >= {
        "unknown field `schema` in config of a BigQuery connection",
        "`config.project_id` is missing: every BigQuery connection has it",
    }


def test_a_kinds_name_gets_the_right_article(tmp_path: Path) -> None:
    assert "of a pipeline" in told(tmp_path, with_line(EVENTS, "paused", "pausd"), REDSHIFT, MODEL)[0].message


# ------------------------------------------------------------------------------- documents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- kind: model\n- kind: model\n", ("WS125", "1:1", "a list where one resource belongs", "begin the next with `---`")),
        ("model\n", ("WS125", "1:1", "no mapping: a manifest is made of `key: value`", "begin with `kind:`")),
        ("id: x\n", ("WS126", "1:1", "`kind` is missing: every manifest says what it declares", "kinds: connection, model, pipeline")),
        ("Kind: model\n", ("WS126", "1:1", "`kind` is missing: every manifest says what it declares", "kinds: ")),
        ("kid: model\n", ("WS126", "1:1", "`kind` is missing: every manifest says what it declares", "did you mean `kind` by the key `kid`?")),
        ("kind: modle\n", ("WS126", "1:7", "unknown kind `modle`", "did you mean `model`?")),
        ("kind: dashboard\n", ("WS126", "1:7", "unknown kind", "kinds: connection, model, pipeline")),
        ("kind:\n", ("WS126", "1:1", "`kind` is empty", "kinds: connection, model, pipeline")),
        ("kind: [model]\n", ("WS126", "1:7", "unknown kind", "kinds: ")),
        ("kind: '{{ var.schema }}'\n", ("WS129", "1:7", "a template in `kind`: it must be readable without a target", "the value itself")),
    ],
)  # fmt: skip
def test_a_document_that_declares_nothing_is_an_error(tmp_path: Path, text: str, expected: Expected) -> None:
    found = told(tmp_path, text)
    code, place, message, hint = expected
    assert [(p.code, p.place, p.message) for p in found] == [(code, f"all.yaml:{place}", message)]
    assert hint in (found[0].hint or "")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("lifecycle: true", ("WS127", "8:12", "`lifecycle` is a mapping", "protect: true")),
        ("lifecycle:", ("WS127", "8:1", "`lifecycle` is a mapping", "protect: true")),
        ("lifecycle: {protct: true}", ("WS127", "8:13", "unknown key `protct` in `lifecycle`", "did you mean `protect`?")),
        ("lifecycle: {protect: yes}", ("WS127", "8:22", "`lifecycle.protect` is neither true nor false", "write true or false")),
        ("lifecycle: {protect: '{{ var.p }}'}", ("WS129", "8:22", "a template in `lifecycle`: it must be readable without a target", "the value itself")),
        ("lifecycle: {ignore: state}", ("WS127", "8:21", "`lifecycle.ignore` is a list of fields", "ignore: [field.path]")),
        ("lifecycle: {ignore: [[state]]}", ("WS127", "8:21", "`lifecycle.ignore` is a list of fields", "ignore: [field.path]")),
        ("lifecycle: {ignore: [name, stat]}", ("WS127", "8:28", "a model has no field `stat` to ignore", "did you mean `state`?")),
        ("lifecycle: {ignore: [conf]}", ("WS127", "8:22", "a model has no field `conf` to ignore", "did you mean `config`?")),
        ("lifecycle: {ignore: [config.host]}", ("WS127", "8:22", "a model has no field `config.host` to ignore", "did you mean `config`?")),
        ("lifecycle: {ignore: [zzz]}", ("WS127", "8:22", "a model has no field to ignore", "fields: name, state, type, config.sql_query")),
        ("lifecycle: {ignore: [id]}", ("WS127", "8:22", "`id` tells what is declared and cannot be ignored", "take it out")),
        ("lifecycle: {ignore: ['{{ var.f }}']}", ("WS129", "8:22", "a template in `lifecycle`: it must be readable without a target", "the value itself")),
        ("targets: dev", ("WS128", "8:10", "`targets` is a list of targets", "write `targets: [dev]`")),
        ("targets: []", ("WS128", "8:10", "`targets` is an empty list", "leave it out for all: dev, prod")),
        ("targets: [dev, porod]", ("WS128", "8:16", "wsync.yaml has no such target", "did you mean `prod`? In wsync.yaml: dev, prod")),
        ("targets: ['{{ var.t }}']", ("WS129", "8:11", "a template in `targets`: it must be readable without a target", "the value itself")),
    ],
)  # fmt: skip
def test_a_mistake_in_our_own_keys(tmp_path: Path, own: str, expected: Expected) -> None:
    found = told(tmp_path, MODEL + own + "\n")
    code, place, message, hint = expected
    assert [(p.code, p.place, p.message) for p in found] == [(code, f"all.yaml:{place}", message)]
    assert hint in (found[0].hint or "")
    assert found[0].address == "model/tickets"


@pytest.mark.parametrize("path", ["config.password", "service_provider"])
def test_what_is_write_only_or_tells_the_variant_cannot_be_ignored(tmp_path: Path, path: str) -> None:
    found = told(tmp_path, f"{SNOWFLAKE}lifecycle: {{ignore: [{path}]}}\n")
    assert [(p.code, p.place) for p in found] == [("WS127", "all.yaml:15:22")]
    assert told(tmp_path, f"{SNOWFLAKE}lifecycle: {{ignore: [config, config.warehouse, state]}}\n") == []


def test_the_targets_of_a_manifest_for_no_target_are_checked_all_the_same(tmp_path: Path) -> None:
    text = with_line(MODEL, "state: active", "state: actve") + "targets: [nowhere]\n"
    assert [p.code for p in told(tmp_path, text)] == ["WS112", "WS128"]


# ---------------------------------------------------------------------- across manifests


def test_f002_one_address_declared_twice_is_an_error_that_names_both_places(tmp_path: Path) -> None:
    found = problems(write(tmp_path, a=MODEL, b__c=SNOWFLAKE + "---\n" + MODEL))
    assert [(p.code, p.place, p.message, p.address) for p in found] == [
        ("WS142", "b/c.yaml:17:5", "model/tickets is declared twice: first at a.yaml:1", "model/tickets")
    ]


def test_one_id_may_name_resources_of_different_kinds(tmp_path: Path) -> None:
    assert told(tmp_path, MODEL, with_line(SNOWFLAKE, "id: snowflake", "id: tickets")) == []


def test_f003_ids_that_differ_only_in_case_are_an_error(tmp_path: Path) -> None:
    found = told(tmp_path, MODEL, with_line(MODEL, "id: tickets", "id: Tickets"))
    assert [(p.code, p.place, p.message) for p in found] == [
        (
            "WS143",
            "all.yaml:10:5",
            "model/Tickets differs from model/tickets, at all.yaml:1, in upper and lower case only",
        )
    ]


@pytest.mark.parametrize("name", ["café", "cafe\u0301"])
def test_f003_an_id_that_could_have_two_unicode_forms_is_an_error(tmp_path: Path, name: str) -> None:
    assert [p.code for p in told(tmp_path, with_line(MODEL, "id: tickets", f"id: {name}"))] == ["WS114"]


def test_f030_a_resource_with_mistakes_can_still_be_referred_to(tmp_path: Path) -> None:
    broken = with_line(SNOWFLAKE, "state: active", "state: actve")
    assert [p.code for p in told(tmp_path, broken, with_line(MODEL, "name:", "nme:"), PIPELINE)] == [
        "WS112",
        "WS111",
    ]


def test_f030_a_reference_to_what_only_other_targets_have_says_so(tmp_path: Path) -> None:
    found = told(tmp_path, SNOWFLAKE + "targets: [prod]\n", MODEL, PIPELINE)
    assert [(p.code, p.place, p.message) for p in found] == [
        (
            "WS145",
            "all.yaml:29:16",
            "`connection_id` refers to connection/snowflake, which is declared for other targets only (prod)",
        )
    ]


def test_a_reference_into_a_document_that_was_not_understood_is_not_dangling(tmp_path: Path) -> None:
    for name, text in {
        "kind": with_line(SNOWFLAKE, "kind: connection", "kind: conection"),
        "syntax": SNOWFLAKE + "x: [\n",
        "quoted": with_line(SNOWFLAKE, "id: snowflake", '"id": "snowflake"') + "x: [\n",
    }.items():
        folder = write(tmp_path / name, MODEL, PIPELINE, connections=text)
        assert [p.file for p in problems(folder)] == ["connections.yaml"], name


def test_other_references_are_told_beside_a_file_that_was_not_understood(tmp_path: Path) -> None:
    found = problems(write(tmp_path, MODEL, PIPELINE, connections="id: snowflake-2\nx: [\n"))
    assert [p.code for p in found] == ["WS144", "WS101"]


def test_many_dangling_references_are_told_quickly(tmp_path: Path) -> None:
    connections = [with_line(SNOWFLAKE, "id: snowflake", f"id: snowflake-{n}") for n in range(300)]
    pipelines = [
        with_line(PIPELINE, "id: tickets-hourly", f"id: p-{n}").replace("snowflake", f"snowflak-{n}")
        for n in range(300)
    ]
    found = told(tmp_path, MODEL, *connections, *pipelines)
    assert len(found) == 300
    assert "did you mean `snowflake-" in (found[0].hint or "")


def test_f046_one_secret_sent_to_two_places_is_a_warning(tmp_path: Path) -> None:
    other = with_line(SNOWFLAKE, "id: snowflake", "id: second")
    assert told(tmp_path / "same", SNOWFLAKE, other) == []
    moved = with_line(with_line(other, "gd12345", "gd99999"), "'SNOWFLAKE", "'env:SNOWFLAKE")
    assert [(p.severity, p.code, p.place, p.message) for p in told(tmp_path / "moved", SNOWFLAKE, moved)] == [
        (
            "warning",
            "WS122",
            "all.yaml:28:13",
            "the secret SNOWFLAKE_PASSWORD is sent to different places: connection/snowflake and connection/second use it",
        )
    ]


def test_f046_a_secret_sent_to_many_places_is_one_warning_that_counts_them(tmp_path: Path) -> None:
    connections = [
        with_line(with_line(SNOWFLAKE, "id: snowflake", f"id: c-{n:03}"), "gd12345", f"gd{n}")
        for n in range(300)
    ]
    (warning,) = told(tmp_path, *connections)
    assert warning.message == (
        "the secret SNOWFLAKE_PASSWORD is sent to different places: "
        "300 connections, connection/c-000 and connection/c-001 among them, use it"
    )


# ------------------------------------------------------------------------------ all at once


def test_everything_wrong_is_told_in_one_run(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        a=with_line(SNOWFLAKE, "  warehouse: ", "  warehose: "),
        b=with_line(MODEL, "active", "actve")
        + "---\n"
        + with_line(PIPELINE, "connection_id: snowflake", "connection_id: nope"),
        c="kind: model\nkind: model\n",
        d="x: [\n",
        e=with_line(REDSHIFT, "05439", "99999"),
        f=with_line(BIGQUERY, "secret('BIGQUERY_KEY')", "var.nope"),
    )
    found = problems(folder)
    assert [(p.file, p.code) for p in found if p.severity == "error"] == [
        ("a.yaml", "WS111"),
        ("b.yaml", "WS112"),
        ("b.yaml", "WS144"),
        ("c.yaml", "WS110"),
        ("c.yaml", "WS110"),
        ("c.yaml", "WS110"),
        ("c.yaml", "WS110"),
        ("c.yaml", "WS110"),
        ("c.yaml", "WS102"),
        ("d.yaml", "WS101"),
        ("e.yaml", "WS114"),
        ("f.yaml", "WS152"),
    ]


def test_a_template_that_fails_leads_to_no_second_complaint(tmp_path: Path) -> None:
    for document, old, new in (
        (SNOWFLAKE, "secret('SNOWFLAKE_PASSWORD')", "var.nope"),
        (SNOWFLAKE, "id: snowflake", "id: '{{ var.nope }}'"),
        (SNOWFLAKE, "service_provider: Snowflake", "service_provider: '{{ var.nope }}'"),
        (PIPELINE, "connection_id: snowflake", "connection_id: '{{ var.nope }}'"),
        (PIPELINE, "iterator_field: updated_at", "iterator_field: '{{ var.nope }}'"),
        (PIPELINE, "iterator_data_type: timestamp", "iterator_data_type: '{{ var.nope }}'"),
        (PIPELINE, "  type: interval", "  type: '{{ var.nope }}'"),
    ):
        others = [d for d in (SNOWFLAKE, MODEL, PIPELINE) if d is not document]
        found = told(tmp_path, with_line(document, old, new), *others)
        assert [p.code for p in found] == ["WS152"], (new, found)


def test_a_problem_shows_the_offending_line_where_nothing_in_it_can_be_secret(tmp_path: Path) -> None:
    found = told(tmp_path, with_line(PIPELINE, "state: active", "state: inactive"), SNOWFLAKE, MODEL)[0]
    assert (found.excerpt, found.column, found.length) == ("state: inactive", 8, 8)


def test_no_manifest_at_all_is_an_error(tmp_path: Path) -> None:
    for folder in (write(tmp_path / "none"), write(tmp_path / "empty", a="# nothing\n", b="")):
        found = [p for p in problems(folder) if p.severity == "error"]
        assert [(p.code, p.file) for p in found] == [("WS137", "wsync.yaml")]


def test_f020_an_empty_file_is_a_warning_and_counted(tmp_path: Path) -> None:
    found = loaded(write(tmp_path, MODEL, empty="# nothing\n"))
    assert [(p.severity, p.file) for p in found.warnings] == [("warning", "empty.yaml")]
    assert found.files == 2


def test_the_samples_have_no_problems(tmp_path: Path) -> None:
    assert told(tmp_path, *ALL) == []
