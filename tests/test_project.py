"""A project is found, its `wsync.yaml` read strictly, and a target chosen that no pull request can point elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import InvalidProject, Problem, ProjectError
from reconciler.project import (
    Project,
    Target,
    check_workspace,
    find_project,
    load_project,
    pick_target,
    with_overrides,
)

CANARY = "c4n4ry-Hunter2%"

EXAMPLE = """\
default_target: local
vars: {schema: mp, version: 1.10, flag: no}
targets:
  local:
    emulator: true
    vars: {database: ANALYTICS_DEV}
  prod:
    workspace_id: "4711"
    api: us1
    owns: ["pipeline/mp-*", "*"]
    protect: ["connection/*"]
    max_deletes: 3
    external: ["*/legacy-?", "model/[ab]*"]
    vars: {database: ANALYTICS, schema: own}
"""


def project(folder: Path, text: str | bytes = EXAMPLE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wsync.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(InvalidProject) as caught:
        load_project(project(folder, text))
    return caught.value.problems


def only(folder: Path, target_lines: str) -> Problem:
    """The one problem of a target that has these lines, indented, beside what it needs."""
    found = problems(folder, f"targets:\n  prod:\n{target_lines}")
    assert len(found) == 1, found
    return found[0]


def target(**changes: object) -> Target:
    known: dict[str, object] = {
        "name": "prod", "workspace_id": "4711", "api": "https://api.mparticle.com",
        "auth": "https://sso.auth.mparticle.com/oauth/token", "host": "api.mparticle.com",
    }  # fmt: skip
    return Target(**(known | changes))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ finding


def test_a_project_is_found_in_the_folder_that_is_named(tmp_path: Path) -> None:
    assert find_project(project(tmp_path / "here")) == tmp_path / "here"


def test_a_folder_that_is_named_is_the_only_one_looked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path)
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match=r"no wsync\.yaml in .*inner") as caught:
        find_project(Path("inner"))
    assert caught.value.hint is not None
    assert "wsync demo" in caught.value.hint


def test_without_a_name_the_current_folder_and_those_above_it_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    project(tmp_path)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert find_project(None) == tmp_path
    project(tmp_path / "a")
    assert find_project(None) == tmp_path / "a"


def test_the_folder_manifests_is_searched_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path / "manifests")
    monkeypatch.chdir(tmp_path)
    assert find_project(None) == tmp_path / "manifests"
    project(tmp_path)
    assert find_project(None) == tmp_path


def test_where_no_project_is_the_error_says_where_it_looked_and_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError) as caught:
        find_project(None)
    assert str(tmp_path) in caught.value.message
    assert "./manifests" in caught.value.message
    assert caught.value.hint is not None
    assert "wsync demo" in caught.value.hint


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: folder.write_text(""), "takes a folder"),
        (lambda folder: project(folder / "manifests"), "did you mean -C"),
        (lambda folder: (folder.mkdir(), (folder / "wsync.yml").write_text("")), "wsync.yml"),
    ],
)
def test_a_near_miss_is_named(tmp_path: Path, make: object, hint: str) -> None:
    make(tmp_path / "x")  # type: ignore[operator]
    with pytest.raises(ProjectError) as caught:
        find_project(tmp_path / "x")
    assert caught.value.hint is not None
    assert hint in caught.value.hint


# ------------------------------------------------------------------------------ reading


def test_a_project_says_what_its_file_says(tmp_path: Path) -> None:
    assert load_project(project(tmp_path)) == Project(
        root=tmp_path,
        file="wsync.yaml",
        default_target="local",
        targets={
            "local": Target(
                name="local", workspace_id="local", api="", auth="", host="emulator", emulator=True,
                vars={"schema": "mp", "version": "1.10", "flag": "no", "database": "ANALYTICS_DEV"},
            ),
            "prod": target(
                owns=("pipeline/mp-*", "*"), protect=("connection/*",), max_deletes=3,
                external=("*/legacy-?", "model/[ab]*"),
                vars={"schema": "own", "version": "1.10", "flag": "no", "database": "ANALYTICS"},
            ),
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "base", "host"),
    [
        ("us1", "https://api.mparticle.com", "api.mparticle.com"),
        ("us2", "https://api.us2.mparticle.com", "api.us2.mparticle.com"),
        ("eu1", "https://api.eu1.mparticle.com", "api.eu1.mparticle.com"),
        ("au1", "https://api.au1.mparticle.com", "api.au1.mparticle.com"),
        ("https://Api.Example.com/", "https://Api.Example.com", "api.example.com"),
        ("https://api.example.com:8443/a/b/", "https://api.example.com:8443/a/b", "api.example.com:8443"),
        ("https://api.example.com:443", "https://api.example.com:443", "api.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://localhost:80", "http://localhost:80", "localhost"),
        ("http://[::1]:9/x", "http://[::1]:9/x", "[::1]:9"),
    ],
)
def test_an_api_is_a_pod_or_a_base_url(tmp_path: Path, written: str, base: str, host: str) -> None:
    text = f"targets:\n  t:\n    workspace_id: 4711\n    api: {written}\n    auth: {base}/token\n"
    found = load_project(project(tmp_path, text)).targets["t"]
    assert (found.api, found.host, found.auth) == (base, host, f"{base}/token")


@pytest.mark.parametrize("key", ["api", "auth"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://api.mparticle.com", "not encrypted"),
        ("http://127.0.0.1.example.com", "not encrypted"),
        (f"https://user:{CANARY}@api.mparticle.com", "credentials in a URL"),
        (f"https://{CANARY}@api.mparticle.com", "credentials in a URL"),
        (f"https://api.mparticle.com/?key={CANARY}", "query or fragment"),
        (f"https://api.mparticle.com/#{CANARY}", "query or fragment"),
        ("https://api.mparticle.com/#", "query or fragment"),
        ("ftp://api.mparticle.com", "not a URL"),
        ("https://", "not a URL"),
        ("https://api.mparticle.com:0x50", "not a URL"),
        ("https://api.mparticle.com:99999", "not a URL"),
        ("https://api.mparticle.com:0", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://аpi.mparticle.com", "characters that do not belong"),
        ("https://api.mparticle.com\\@evil.example", "characters that do not belong"),
    ],
)
def test_f080_a_url_that_could_carry_credentials_elsewhere_is_refused_unseen(
    tmp_path: Path, key: str, url: str, message: str
) -> None:
    other = "    auth: https://a.example/t\n" if key == "api" else "    api: us1\n"
    found = only(tmp_path, f"    workspace_id: 1\n{other}    {key}: '{url}'\n")
    assert (found.code, found.place) == ("WS013", f"wsync.yaml:5:{len(key) + 7}")
    assert message in found.message
    assert CANARY not in repr(found)
    assert found.excerpt == f"    {key}: …"


@pytest.mark.parametrize(
    ("lines", "code", "place", "message", "hint"),
    [
        ("    workspace_id: 1\n    api: us3\n", "WS013", "4:10", "`api`: not an API", "did you mean `us"),
        ("    workspace_id: 1\n    api: prod\n", "WS013", "4:10", "`api`: not an API", "us1, us2, eu1, au1"),
        ("    api: us1\n", "WS012", "2:3", "`workspace_id` is missing", "emulator: true"),
        ("    workspace_id: 1\n", "WS012", "2:3", "`api` is missing", "us1, us2, eu1, au1"),
        ("    workspace_id: 47 11\n    api: us1\n", "WS013", "3:19", "no workspace id", "letters, digits"),
        ("    workspace_id:\n    api: us1\n", "WS013", "3:5", "`workspace_id` is empty", "delete the line"),
        ("    workspace_id: [1]\n    api: us1\n", "WS013", "3:19", "is one text", "one line"),
        ("    emulator: yes\n", "WS013", "3:15", "neither true nor false", "write true or false"),
        ("    emulator: true\n    api: us1\n", "WS013", "4:5", "`api` beside `emulator: true`", "delete one"),
        ("    emulator: true\n    auth: https://a.example\n", "WS013", "4:5", "`auth` beside", "delete one"),
        ("    emulator: true\n    max_deletes: -1\n", "WS013", "4:18", "not a count", "from 0 on"),
        ("    emulator: true\n    max_deletes: 1.5\n", "WS013", "4:18", "not a count", "from 0 on"),
        ("    emulator: true\n    max_delete: 1\n", "WS011", "4:5", "unknown key `max_delete` in a target", "did you mean `max_deletes`?"),
        ("    emulator: true\n    owns: pipeline/*\n", "WS013", "4:11", "`owns` is a list", "write [] for none"),
        ("    emulator: true\n    owns: [pipelines/*]\n", "WS013", "4:12", "`owns` holds no glob", "did you mean `pipeline/…`?"),
        ("    emulator: true\n    protect: [orders]\n", "WS013", "4:15", "`protect` holds no glob", "write kind/id"),
        ("    emulator: true\n    external: [model/]\n", "WS013", "4:16", "`external` holds no glob", "write kind/id"),
        ("    emulator: true\n    external: [[a]]\n", "WS013", "4:16", "`external` is one text", "one line"),
        ("    emulator: true\n    vars: {a-b: 1}\n", "WS013", "4:12", "no name for a variable", "letters, digits"),
        ("    emulator: true\n    vars: {a: }\n", "WS013", "4:12", "`a` is empty", '""'),
        ("    emulator: true\n    vars: {a: [1]}\n", "WS013", "4:15", "`a` is one text", "one line"),
        ("    emulator: true\n    vars: [a]\n", "WS013", "4:11", "`vars` is a mapping", "below it"),
        ("    emulator: true\n    vars: {a: '{{ var.b }}'}\n", "WS013", "4:15", "a template", "the value itself"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_target_is_told_with_its_place_and_what_to_write(
    tmp_path: Path, lines: str, code: str, place: str, message: str, hint: str
) -> None:
    found = only(tmp_path, lines)
    assert (found.code, found.place) == (code, f"wsync.yaml:{place}")
    assert message in found.message
    assert found.hint is not None
    assert hint in found.hint


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "wsync.yaml:1:1", "`targets` is missing"),
        ("vars: {a: b}\n", "wsync.yaml:1:1", "`targets` is missing"),
        ("targets: {}\n", "wsync.yaml:1:10", "no target is named"),
        ("targets:\n", "wsync.yaml:1:1", "`targets` is a mapping"),
        ("targets: [prod]\n", "wsync.yaml:1:10", "`targets` is a mapping"),
        ("targets: {prod: us1}\n", "wsync.yaml:1:17", "a target is a mapping"),
        ("targets: {'a b': {emulator: true}}\n", "wsync.yaml:1:11", "no name for a target"),
        ("- targets\n", "wsync.yaml:1:1", "wsync.yaml is a mapping"),
        ("targets: {a: {emulator: true}}\ndefault_target: b\n", "wsync.yaml:2:17", "names no target"),
        ("targets: {a: {emulator: true}}\nvar: {}\n", "wsync.yaml:2:1", "unknown key `var` in wsync.yaml"),
        ("targets: {a: {emulator: true}}\n---\ntargets: {}\n", "wsync.yaml:3:1", "several documents"),
        ("targets: {a: {emulator: true}, a: {}}\n", "wsync.yaml:1:32", "duplicate key `a`"),
        ("targets: {a: {emulator: true}\n", "wsync.yaml:1:10", "not closed"),
        (b"targets: {a: {emulator: \xff}}\n", "wsync.yaml:1:25", "not UTF-8"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    tmp_path: Path, text: str | bytes, place: str, message: str
) -> None:
    errors = [p for p in problems(tmp_path, text) if p.severity == "error"]
    assert len(errors) == 1, errors
    assert errors[0].place == place
    assert message in errors[0].message


def test_all_mistakes_are_told_at_once_in_order_of_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path, "defaut_target: a\ntargets:\n  a: {emulator: maybe, owns: x}\n  b: {api: us9}\n"
    )
    assert [(p.line, p.code) for p in found] == [
        (1, "WS011"),
        (3, "WS013"),
        (3, "WS013"),
        (4, "WS012"),
        (4, "WS013"),
    ]


def test_the_value_of_an_unknown_key_and_what_stands_beside_it_is_not_shown(tmp_path: Path) -> None:
    text = (
        f"targets:\n  a: {{emulator: maybe, passwrd: '{CANARY}'}}\n  b: {{'{CANARY}': x, emulator: true}}\n"
    )
    found = problems(tmp_path, text)
    assert len(found) == 3
    assert CANARY not in repr(found)


def test_f084_a_file_that_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "wsync.yaml")
    with pytest.raises(ProjectError, match="not a regular file"):
        load_project(find_project(tmp_path))


def test_f082_a_project_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wsync.yaml").symlink_to("/proc/self/environ")
    with pytest.raises(ProjectError, match="symbolic link"):
        load_project(find_project(tmp_path))


def test_f028_a_project_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no such file"):
        load_project(tmp_path)


def test_f079_other_files_that_set_hosts_or_proxies_are_not_looked_at(tmp_path: Path) -> None:
    project(tmp_path)
    for name in (".env", "wsync.toml", "setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_text(
            "[tool.wsync]\napi = 'https://evil.example'\nWSYNC_ALLOW_HOSTS=evil.example\n"
        )
    assert load_project(tmp_path).targets["prod"] == load_project(project(tmp_path / "clean")).targets["prod"]


# ----------------------------------------------------------------------------- choosing


def chosen(folder: Path, text: str, name: str | None) -> str:
    return pick_target(load_project(project(folder, text)), name).name


TWO = "targets: {dev: {emulator: true}, prod: {emulator: true}}\n"


def test_the_target_named_wins_over_the_default(tmp_path: Path) -> None:
    assert chosen(tmp_path, f"default_target: dev\n{TWO}", "prod") == "prod"
    assert chosen(tmp_path, f"default_target: dev\n{TWO}", None) == "dev"


def test_the_only_target_needs_no_name(tmp_path: Path) -> None:
    assert chosen(tmp_path, "targets: {dev: {emulator: true}}\n", None) == "dev"


def test_no_name_among_several_targets_is_an_error_that_lists_them(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        chosen(tmp_path, TWO, None)
    assert caught.value.hint == "say which with -t NAME; targets in wsync.yaml: dev, prod"


def test_an_unknown_target_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no target `prd`") as caught:
        chosen(tmp_path, TWO, "prd")
    assert caught.value.hint == "did you mean `prod`? targets in wsync.yaml: dev, prod"


# ---------------------------------------------------------------------------- overrides


def test_a_flag_wins_over_the_environment_which_wins_over_the_file() -> None:
    declared = target(vars={"a": "file", "b": "file", "Cc": "file"})
    environ = {"WSYNC_VAR_a": "env", "WSYNC_VAR_b": "env", "WSYNC_VAR_cc": "other case"}
    found, warnings = with_overrides(declared, {"b": "flag"}, environ)
    assert found.vars == {"a": "env", "b": "flag", "Cc": "file"}
    assert warnings == (
        "WSYNC_VAR_cc is set, but no variable of that name is declared in wsync.yaml; did you mean WSYNC_VAR_Cc?",
    )
    assert declared.vars["a"] == "file"


def test_an_undeclared_variable_in_a_flag_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ProjectError, match="--var databse: no variable of that name") as caught:
        with_overrides(target(vars={"database": "x"}), {"databse": "y"}, {})
    assert caught.value.hint == "did you mean `database`? declared under `vars` in wsync.yaml: database"


@pytest.mark.parametrize("value", ["a\x1b[2Jb", "a\udcffb", "a\u202eb", "a\x00"])
def test_an_override_with_what_cannot_be_seen_is_refused_by_name(value: str) -> None:
    with pytest.raises(ProjectError, match="WSYNC_VAR_a holds a character"):
        with_overrides(target(vars={"a": ""}), {}, {"WSYNC_VAR_a": value})
    with pytest.raises(ProjectError, match="--var a holds a character"):
        with_overrides(target(vars={"a": ""}), {"a": value}, {})


# ---------------------------------------------------------------------------- workspace


def test_f080_the_environment_can_hold_a_project_to_one_workspace() -> None:
    check_workspace(target(), {})
    check_workspace(target(), {"WSYNC_WORKSPACE_ID": "4711"})
    with pytest.raises(ProjectError, match="set and empty"):  # as by a variable that CI does not know
        check_workspace(target(), {"WSYNC_WORKSPACE_ID": ""})
    with pytest.raises(ProjectError, match=r"workspace 4711.*allows only workspace 42"):
        check_workspace(target(), {"WSYNC_WORKSPACE_ID": "42"})


def test_an_emulator_without_a_workspace_of_its_own_is_free_of_that() -> None:
    environ = {"WSYNC_WORKSPACE_ID": "42"}
    check_workspace(target(emulator=True, workspace_id="local"), environ)
    with pytest.raises(ProjectError):
        check_workspace(target(emulator=True, workspace_id="7"), environ)
