"""Every option of every command: as a flag, as a variable, wrong, mistyped, and in the help."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from conftest import Wsync
from estate import Site, connection, model, pipeline

COMMANDS = ("validate", "plan", "apply", "drift", "show", "graph", "schema", "emulator", "demo", "version")
SHARED = ("validate", "plan", "apply", "drift", "graph", "version")  # those that need no argument


# ------------------------------------------------------------------------------------- help


def test_wsync_alone_and_its_help_list_every_command_in_80_columns(
    wsync: Wsync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in ((), ("--help",), ("-h",)):
        done = wsync(*arguments)
        assert "Exit codes: 0 done" in done.out
        assert (done.code, done.err) == (0, "")
        assert max(map(len, done.out.splitlines())) <= 80
        assert all(f"\n  {command} " in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_of_itself_in_its_help(
    command: str, wsync: Wsync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = wsync(command, "--help")
    assert (done.code, done.err) == (0, "")
    examples = done.out.partition("Examples:")[2]
    assert f"wsync {command}" in examples
    assert max(map(len, done.out.splitlines())) <= 80
    assert wsync(command, "-h").out == done.out


def test_every_example_in_the_help_is_a_command_line_that_is_understood(
    wsync: Wsync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them end where the project is missing, not where they are parsed."""
    monkeypatch.chdir(tmp_path)  # some write files
    for command in set(COMMANDS) - {"emulator", "demo"}:
        for line in wsync(command, "-h").out.partition("Examples:")[2].strip().splitlines():
            usage = re.split(r"   | \| | > |[#…]", line.strip())[0]
            assert usage.startswith(f"wsync {command}")
            if "--write" not in usage:
                done = wsync(*shlex.split(usage)[1:], env={"WSYNC_PROJECT": "/nowhere"})
                assert done.code in (0, 1, 4), line  # 4: a digest that the help cuts short


@pytest.mark.parametrize("arguments", [("--version",), ("version",), ("version", "-q"), ("version", "-v")])
def test_the_version_is_one_line(arguments: tuple[str, ...], wsync: Wsync, wsync_process: Wsync) -> None:
    import reconciler

    assert wsync_process(*arguments).out == wsync(*arguments).out == f"wsync {reconciler.__version__}\n"


def test_the_version_as_json(wsync: Wsync) -> None:
    import reconciler

    assert wsync("version", "-f", "json").document == {"version": reconciler.__version__}


# ----------------------------------------------------------------------------- every option


@pytest.fixture
def busy_site(site: Site) -> Site:
    """A project with two targets and a variable; nothing of it is live."""
    site.declare(connection(), {**model(), "name": "{{ var.title }}"}, pipeline(), vars={"title": "Orders"})
    settings = json.loads((site.folder / "wsync.yaml").read_text())
    settings["targets"]["other"] = {**settings["targets"]["test"], "workspace_id": "9999"}
    settings["default_target"] = "test"
    (site.folder / "wsync.yaml").write_text(json.dumps(settings))
    return site


OPTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # option: (value, variable's value, what the plan's document then shows)
    "-t": ("other", "WSYNC_TARGET", {"target": "other"}),
    "--var": ("title=Other", "WSYNC_VAR", {"title": "Other"}),
    "-s": ("model/*", "WSYNC_SELECT", {"select": ["model/*"], "partial": True}),
    "-x": ("pipeline/*", "WSYNC_EXCLUDE", {"exclude": ["pipeline/*"], "partial": True}),
    "--timeout": ("7.5", "WSYNC_TIMEOUT", {}),
    "--parallelism": ("1", "WSYNC_PARALLELISM", {}),
    "--resend-secrets": ("connection/*", "WSYNC_RESEND_SECRETS", {}),
    "--color": ("always", "WSYNC_COLOR", {}),
}
LONG = {"-t": "--target", "-s": "--select", "-x": "--exclude"}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_plan_works_short_and_long_and_as_a_variable(option: str, busy_site: Site) -> None:
    value, variable, shown = OPTIONS[option]
    site, env = busy_site, busy_site.server.environ
    long = LONG.get(option, option)
    runs = [
        site.wsync("plan", "-C", site.folder, "-f", "json", option, value, env=env),
        site.wsync("plan", "-C", site.folder, "-f", "json", f"{long}={value}", env=env),
        site.wsync("plan", env={**env, variable: value, "WSYNC_PROJECT": str(site.folder), "WSYNC_FORMAT": "json"}),
    ]  # fmt: skip
    if option == "-t":  # no such workspace on this server
        assert [r.code for r in runs] == [1, 1, 1]
        assert {r.path.split("/")[4] for r in site.server.requests("GET")} == {"9999"}
        return
    assert [(r.code, r.err) for r in runs] == [(0, "")] * 3
    assert runs[0].out == runs[1].out == runs[2].out
    document = runs[0].document
    titles = {c["fields"][0]["after"] for c in document["changes"] if c["kind"] == "model"}
    assert {**document, "title": next(iter(titles), None)}.items() >= shown.items()


def test_options_may_be_repeated_and_variables_list_several(busy_site: Site) -> None:
    site, env = busy_site, busy_site.server.environ
    twice = site.plan("-f", "json", "-s", "model/*", "-s", "connection/*").document
    listed = site.wsync(
        "plan", "-C", site.folder, "-f", "json", env={**env, "WSYNC_SELECT": "model/* connection/*"}
    ).document
    assert twice == listed
    assert [c["kind"] for c in twice["changes"]] == ["connection", "model"]


def test_a_flag_wins_over_its_variable(busy_site: Site) -> None:
    env = {**busy_site.server.environ, "WSYNC_FORMAT": "markdown", "WSYNC_SELECT": "model/*"}
    done = busy_site.wsync("plan", "-C", busy_site.folder, "-f", "json", "-s", "connection/*", env=env)
    assert done.document["select"] == ["connection/*"]


@pytest.mark.parametrize("flag", ["--auto-approve", "WSYNC_AUTO_APPROVE"])
def test_a_flag_without_value_works_as_a_variable(flag: str, busy_site: Site) -> None:
    env = {**busy_site.server.environ, **busy_site.secrets}
    given: tuple[str, ...] = (flag,)
    if flag.startswith("WSYNC"):
        env, given = env | {flag: "1"}, ()
    assert busy_site.wsync("apply", "-C", busy_site.folder, *given, env=env).code == 0


def test_no_option_of_any_command_is_without_its_variable() -> None:
    import click

    from reconciler.cli.app import group

    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option) and "--help" not in parameter.opts:
                long = next(o for o in parameter.opts if o.startswith("--"))
                assert parameter.envvar == "WSYNC_" + long[2:].replace("-", "_").upper(), (name, long)


@pytest.mark.parametrize("command", SHARED)
def test_every_command_takes_the_shared_options(command: str, busy_site: Site) -> None:
    done = busy_site.wsync(
        command, "-C", busy_site.folder, "-t", "test", "--var", "title=A", "-s", "*/*", "-x", "model/none",
        "-f", "json", "--color", "never", "-q", "-v", "--parallelism", "2", "--timeout", "10",
        env=busy_site.server.environ,
    )  # fmt: skip
    assert done.code in ((2, 4) if command in ("apply", "drift") else (0,)), done
    assert isinstance(done.document, dict)


# -------------------------------------------------------------------------------- wrong ones

WRONG = [
    (["plan", "--format", "xml"], "'xml' is not one of 'text', 'json', 'markdown'"),
    (["plan", "--color", "sometimes"], "'sometimes' is not one of 'auto', 'always', 'never'"),
    (["plan", "--parallelism", "0"], "0 is not in the range 1<=x<=64"),
    (["plan", "--parallelism", "many"], "'many' is not a valid whole number"),
    (["plan", "--timeout", "0"], "0.0 is not in the range 0<x<=86400"),
    (["plan", "--timeout", "soon"], "'soon' is not a valid number of seconds"),
    (["plan", "--timeout", "nan"], "'nan' is not a valid number of seconds"),
    (["plan", "--timeout", "-1"], "-1.0 is not in the range"),
    (["plan", "--timeout"], "option '--timeout' requires an argument"),
    (["plan", "--var", "title"], "write it as NAME=VALUE"),
    (["plan", "--var", "=x"], "write it as NAME=VALUE"),
    (["plan", "-t", ""], "it is empty"),
    (["plan", "-C", ""], "it is empty"),
    (["plan", "-s", ""], "it is empty"),
    (["plan", "-x", ""], "it is empty"),
    (["plan", "-o", ""], "it is empty"),
    (["plan", "--out", ""], "it is empty"),
    (["plan", "more"], "got unexpected extra argument (more)"),
    (["plan", "--resend-secrets", ""], "it is empty"),
    (["plan", "--auto-approve"], "there is no option `--auto-approve`"),
    (["apply", "--max-deletes", "-1"], "-1 is not in the range x>=0"),
    (["apply", "--max-deletes", "few"], "'few' is not a valid whole number"),
    (["apply", "--wait", "-5"], "-5.0 is not in the range"),
    (["apply", "--auto-approve=yes"], "does not take a value"),
    (["show"], "missing argument 'PLANFILE'"),
    (["schema", "nothing"], "'nothing' is not one of 'manifest', 'wsync'"),
    (["emulator", "--port", "http"], "'http' is not a valid whole number"),
    (["emulator", "--duplicate-post", "403"], "'403' is not one of"),
    (["graph", "-f", "png"], "'png' is not one of"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_a_wrong_command_line_is_64_and_one_clear_line_before_anything_is_done(
    arguments: list[str], said: str, wsync: Wsync
) -> None:
    done = wsync(*arguments)
    assert (done.code, done.out) == (64, "")
    assert said in " ".join(done.err.split())
    assert done.err.startswith("error[WS001]: ")
    assert f"wsync {arguments[0]} --help" in done.err
    if "-f" not in arguments:
        as_json = wsync(*arguments[:1], "-f", "json", *arguments[1:])
        assert as_json.code == 64
        if "--format" not in arguments:  # the last one counts, and is no format
            assert as_json.document["exit"] == 64
            assert as_json.document["error"]["code"] == "WS001"


MISTYPED = [
    (["plna"], "did you mean `wsync plan`?"),
    (["Validate"], "did you mean `wsync validate`?"),
    (["plan", "--formt", "json"], "did you mean `--format`"),
    (["plan", "--detailed-exit-code"], "did you mean `--detailed-exitcode`"),
    (["apply", "--auto-aprove"], "did you mean `--auto-approve`"),
    (["apply", "--expected", "x"], "did you mean `--expect`"),
    (["-C", "x", "plan"], "options stand after the command"),
    (["--format", "json", "plan"], "options stand after the command"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTYPED, ids=[" ".join(a) for a, _ in MISTYPED])
def test_what_is_mistyped_is_64_with_a_suggestion(arguments: list[str], said: str, wsync: Wsync) -> None:
    done = wsync(*arguments)
    assert done.code == 64
    assert said in done.err
    if "--format" in arguments:
        assert said in done.document["error"]["hint"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("FORMAT", "xml"), ("TIMEOUT", "soon"), ("PARALLELISM", "0"), ("COLOR", "red"), ("QUIET", "perhaps")],
)
def test_a_wrong_value_in_a_variable_names_the_variable(variable: str, value: str, wsync: Wsync) -> None:
    done = wsync("plan", env={f"WSYNC_{variable}": value})
    assert done.code == 64
    assert f"WSYNC_{variable}" in done.err


def test_an_empty_variable_is_one_that_is_not_set(site: Site) -> None:
    site.declare(connection())
    empty = {f"WSYNC_{n}": "" for n in ("TARGET", "SELECT", "EXCLUDE", "FORMAT", "OUTPUT", "OUT", "TIMEOUT")}
    done = site.wsync("plan", "-C", site.folder, env={**site.server.environ, **empty})
    assert done.code == 0
    assert "Partial" not in done.out


def test_f155_a_target_that_is_given_and_empty_is_not_the_default_target(site: Site) -> None:
    site.declare(connection())
    done = site.apply("-t", "")
    assert done.code == 64
    assert site.server.log == []


@pytest.mark.parametrize(
    "json_option", ["-f json", "--format json", "--format=json", "-fjson", "-qf json", "-vqfjson"]
)
def test_json_is_recognised_however_it_is_asked_for(json_option: str, wsync: Wsync) -> None:
    assert wsync("plan", *json_option.split(), "--nonsense").document["exit"] == 64


# ------------------------------------------------------------------------- where a project is


def test_a_project_is_found_from_below_from_above_and_by_name(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.folder = tmp_path / "manifests"
    site.declare(connection())
    below = site.folder / "deep" / "down"
    below.mkdir(parents=True)
    for here in (site.folder, below, tmp_path):
        monkeypatch.chdir(here)
        assert site.wsync("validate", "-f", "json").document["valid"] is True
    monkeypatch.chdir("/")
    assert site.wsync("validate").code == 1
    assert site.wsync("validate", "-C", site.folder).code == 0
    assert site.wsync("validate", env={"WSYNC_PROJECT": str(site.folder)}).code == 0


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "drift", "graph"])
def test_without_a_project_every_command_says_where_it_looked_and_what_to_do(
    command: str, wsync: Wsync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = wsync(command, "-f", "json")
    assert done.code == 1
    assert "no wsync.yaml in" in done.document["error"]["message"]
    assert "-C DIR" in done.document["error"]["hint"]
    assert "wsync init" not in done.err
