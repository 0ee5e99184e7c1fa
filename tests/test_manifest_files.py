"""The files of a project: all of them are read or it is an error, and nothing outside it or hidden in it ever is."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from manifest_samples import MODEL, SNOWFLAKE, loaded, problems, with_line, write

from reconciler.errors import Problem
from reconciler.manifest import validate
from reconciler.project import load_project
from reconciler.project.files import Unusable, names_beside, read
from reconciler.resource import Address

CANARY = "c4n4ry-Hunter2%"


def including(path: str) -> str:
    return with_line(MODEL, "SELECT id, updated_at FROM db.mp.tickets", f"'{{{{ file(\"{path}\") }}}}'")


def told(folder: Path) -> list[Problem]:
    found = load_project(folder)
    return validate(found, [found.targets["dev"]])[0]


def only(folder: Path) -> Problem:
    """The one error there is, but for links to folders, which are errors wherever they stand."""
    found = [p for p in told(folder) if p.severity == "error" and (p.code != "WS132" or p.line)]
    assert len(found) == 1, found
    return found[0]


# -------------------------------------------------------------------------- which are read


def test_every_yaml_file_below_the_project_is_read_but_hidden_ones(tmp_path: Path) -> None:
    def model(name: str) -> str:
        return with_line(MODEL, "id: tickets", f"id: {name}")

    write(
        tmp_path,
        a=model("a"),
        b__c__d=model("d"),
        **{".hidden": "nonsense", ".git__x": "nonsense", ".wsync__x": "nonsense", "b__.x": "nonsense"},
    )
    (tmp_path / "b" / "e.yml").write_text(model("e"))
    (tmp_path / "b" / "notes.txt").write_text("nonsense")
    (tmp_path / "b" / "x.yaml.bak").write_text("nonsense")
    found = loaded(tmp_path)
    assert [a.id for a in found.desired.resources] == ["a", "d", "e"]
    assert found.files == 3


def test_f028_a_folder_that_is_not_there_is_an_error_and_never_an_empty_state(tmp_path: Path) -> None:
    write(tmp_path, MODEL)
    found = load_project(tmp_path)
    shutil.rmtree(tmp_path)
    assert [(p.severity, p.code) for p in validate(found, [found.targets["dev"]])[0]] == [("error", "WS130")]


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder in which this process is not root, whom no permission stops."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["secret.yaml", "b"])
def test_f028_what_may_not_be_read_is_an_error(unprivileged: Path, name: str) -> None:
    write(unprivileged, MODEL, secret=MODEL, b__c=MODEL)
    (unprivileged / name).chmod(0)
    found = [p for p in problems(unprivileged) if p.code != "WS142"]
    assert [(p.code, p.place.rstrip("/"), p.message) for p in found] == [
        ("WS130", name, "not readable: permission denied")
    ]


def test_f029_one_broken_file_among_many_declares_nothing(tmp_path: Path) -> None:
    files = {f"m{n}": with_line(MODEL, "id: tickets", f"id: m-{n}") for n in range(20)}
    write(tmp_path, **files)
    assert len(loaded(tmp_path).desired.resources) == 20
    (tmp_path / "m7.yaml").write_text("kind: [")
    assert [p.file for p in problems(tmp_path)] == ["m7.yaml"]


def test_f027_a_file_that_changes_while_it_is_read_is_an_error_or_one_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    versions = [c * n for c, n in ((b"a", 900_000), (b"b", 300_000))]
    path.write_bytes(versions[0])
    stop = threading.Event()
    codes = set()

    def rewrite() -> None:
        while not stop.is_set():
            for version in versions:
                path.write_bytes(version)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                raw, _ = read(tmp_path, "x.yaml")
            except Unusable as unusable:
                codes.add(unusable.code)
            else:
                # A file is cut to nothing before it is written again, and may be caught in between.
                assert len(set(raw)) <= 1
    finally:
        stop.set()
        writer.join()
    assert codes <= {"WS130"}


@pytest.mark.parametrize(("size", "ok"), [(1024 * 1024, True), (1024 * 1024 + 1, False)])
def test_a_manifest_file_may_have_one_mebibyte(tmp_path: Path, size: int, ok: bool) -> None:
    write(tmp_path, MODEL + "#" * (size - len(MODEL) - 1) + "\n")
    assert (tmp_path / "all.yaml").stat().st_size == size
    assert [p.code for p in told(tmp_path)] == ([] if ok else ["WS135"])


def test_all_manifests_together_may_have_16_mebibytes_unless_they_are_thousands(tmp_path: Path) -> None:
    padded = MODEL + "#" * (1024 * 1024 - len(MODEL) - 1) + "\n"
    for n in range(17):
        (write(tmp_path) / f"m{n}.yaml").write_text(
            padded.replace("tickets\nname", f"tickets-{n}\nname", 1)[: 1024 * 1024]
        )
    assert [(p.code, p.file) for p in told(tmp_path)] == [("WS135", "wsync.yaml")]
    (tmp_path / "m16.yaml").unlink()
    assert told(tmp_path) == []


# --------------------------------------------------------------------------- odd manifests


def test_f084_a_pipe_or_socket_in_place_of_a_manifest_is_an_error_at_once(tmp_path: Path) -> None:
    write(tmp_path, MODEL)
    os.mkfifo(tmp_path / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket is short
        try:
            listener.bind("socket.yaml")
        finally:
            os.chdir(here)
        found = told(tmp_path)
    assert [(p.code, p.file, p.message) for p in found] == [
        ("WS131", "pipe.yaml", "not a regular file"),
        ("WS131", "socket.yaml", "not a regular file"),
    ]


def test_f084_a_hard_link_is_a_warning(tmp_path: Path) -> None:
    (write(tmp_path / "p")).joinpath("m.yaml").write_text(including("q.sql"))
    (tmp_path / "elsewhere.sql").write_text("SELECT 1")
    os.link(tmp_path / "elsewhere.sql", tmp_path / "p" / "q.sql")
    os.link(tmp_path / "p" / "m.yaml", tmp_path / "m.yaml")
    found = loaded(tmp_path / "p").warnings
    assert [(p.severity, p.code, p.file) for p in found] == [
        ("warning", "WS133", "m.yaml"),
        ("warning", "WS133", "q.sql"),
    ]


def test_a_link_in_place_of_a_manifest_or_of_a_folder_is_an_error(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, with_line(MODEL, "name: Open tickets", f"name: {CANARY}"))
    folder = write(tmp_path / "p", MODEL)
    (folder / "link.yaml").symlink_to(outside / "all.yaml")
    (folder / "gone.yaml").symlink_to(outside / "nothing.yaml")
    (folder / "folder").symlink_to(outside)
    (folder / "text.txt").symlink_to(outside / "all.yaml")
    found = told(folder)
    assert [(p.severity, p.code, p.file) for p in found] == [
        ("error", "WS132", "folder"),
        ("error", "WS132", "gone.yaml"),
        ("error", "WS132", "link.yaml"),
    ]
    assert CANARY not in repr(found)


def test_f085_a_git_lfs_pointer_is_not_taken_for_the_file(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    write(tmp_path, including("q.sql"), lfs=pointer)
    (tmp_path / "q.sql").write_text(pointer)
    assert [(p.code, p.file, p.hint) for p in told(tmp_path)] == [
        ("WS134", "all.yaml", "run `git lfs pull`"),
        ("WS134", "lfs.yaml", "run `git lfs pull`"),
    ]


def test_a_file_name_that_cannot_be_shown_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, MODEL)
    for name in (b"a\x1b[2J.yaml", "b\u202e.yaml".encode(), b"c\xff.yaml"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(SNOWFLAKE)
    found = told(tmp_path)
    assert [p.code for p in found] == ["WS138"] * 3
    for problem in found:
        assert problem.file.isprintable()


# --------------------------------------------------------------------------- including files


@pytest.fixture
def around(tmp_path: Path) -> Path:
    """A project with things in and around it that a pull request might reach for."""
    folder = write(tmp_path / "p", m__all=MODEL)
    (tmp_path / "outside.sql").write_text(CANARY)
    (folder / ".env").write_text(CANARY)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(CANARY)
    (folder / "sql").mkdir()
    (folder / "sql" / "q.sql").write_text("SELECT 1")
    (folder / "m" / "environ.sql").symlink_to("/proc/self/environ")
    (folder / "m" / "outside.sql").symlink_to(tmp_path / "outside.sql")
    (folder / "m" / "up").symlink_to(tmp_path)
    (folder / "m" / "inside").symlink_to(folder / "sql")
    (folder / "m" / "hidden.sql").symlink_to(folder / ".env")
    (folder / "m" / "zero.sql").symlink_to("/dev/zero")
    os.mkfifo(folder / "m" / "pipe.sql")
    return folder


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/etc/passwd", "WS136", "an absolute path"),
        ("C:/x.sql", "WS136", "an absolute path"),
        ("../../outside.sql", "WS136", "a path that leaves the project"),
        ("../sql/../../outside.sql", "WS136", "a path that leaves the project"),
        ("..", "WS136", "no path of a file"),
        ("../../p/sql/q.sql", "WS136", "a path that leaves the project"),
        ("../.env", "WS136", "a hidden path"),
        ("../.git/config", "WS136", "a hidden path"),
        ("../wsync.yaml", "WS136", "the project's own file"),
        ("../WSYNC.yaml", "WS136", "the project's own file"),
        ("", "WS136", "no path of a file"),
        (".", "WS131", "not a regular file"),
        ("../sql/", "WS136", "no path of a file"),
        ("..\\\\sql\\\\q.sql", "WS136", "no path of a file"),
        ("../sql", "WS131", "not a regular file"),
        ("environ.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("outside.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("up/outside.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("up/p/sql/q.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("inside/q.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("hidden.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("zero.sql", "WS132", "a symbolic link, or behind one: links are not followed"),
        ("pipe.sql", "WS131", "not a regular file"),
        ("all.yaml/x", "WS130", "there is no such file"),
        ("x" * 300, "WS130", "not readable: File name too long"),
    ],
)
def test_f082_f084_what_may_not_be_included_is_refused_unread(
    around: Path, path: str, code: str, message: str
) -> None:
    (around / "m" / "all.yaml").write_text(including(path))
    found = only(around)
    assert (found.code, found.place) == (code, "m/all.yaml:7:14")
    assert found.message.endswith(f"`: {message}")
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("../sql/p.sql", "did you mean `../sql/q.sql`?"),
        (
            "sql/q.sql",
            "paths are relative to the manifest's own folder, and sql/q.sql to the project's",
        ),
        ("../sql/something.sql", "check its name"),
        ("../outside.sql", "check its name"),
        ("nowhere/q.sql", "check its name"),
    ],
)
def test_a_file_that_is_missing_is_told_with_what_may_be_meant(around: Path, path: str, hint: str) -> None:
    (around / "m" / "all.yaml").write_text(including(path))
    found = only(around)
    assert (found.code, found.hint) == ("WS130", hint)


def test_f083_a_link_that_is_swapped_in_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "q.sql").write_text(CANARY)
    folder = tmp_path / "p"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "q.sql").write_text("SELECT 1")
    (folder / "link").symlink_to(tmp_path / "outside")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (folder / "sql").symlink_to(tmp_path / "outside")
            (folder / "sql").unlink()
            (folder / "real").rename(folder / "sql")
            (folder / "sql").rename(folder / "real")

    attacker = threading.Thread(target=swap)
    attacker.start()
    seen = set()
    try:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                seen.add(read(folder, "sql/q.sql")[0])
            except Unusable as unusable:
                seen.add(unusable.code.encode())
    finally:
        stop.set()
        attacker.join()
    assert seen <= {b"SELECT 1", b"WS130", b"WS132"}
    assert CANARY.encode() not in seen


@pytest.mark.parametrize(
    ("raw", "code", "line", "message"),
    [
        (b"SELECT\n{{ var.nope }}", "WS152", 2, "undefined variable `nope`"),
        (b"SELECT {{ secret('X') }}", "WS153", 1, "a secret in an included file"),
        (b"SELECT {{ file('q.sql') }}", "WS156", 1, "`file()` inside an included file"),
        (b"SELECT\n\xff", "WS103", 2, "not UTF-8 text: these bytes are no character in UTF-8"),
        ("SELECT '\u202e'".encode(), "WS103", 1, "a character that cannot be seen: U+202E RIGHT-TO-LEFT OVERRIDE"),
        (b"SELECT\x00", "WS103", 1, "not UTF-8 text: control character U+0000"),
    ],
)  # fmt: skip
def test_what_is_wrong_inside_an_included_file_is_told_at_its_place_there_once(
    tmp_path: Path, raw: bytes, code: str, line: int, message: str
) -> None:
    folder = write(
        tmp_path, including("sql/q.sql"), with_line(including("sql/q.sql"), "id: tickets", "id: more")
    )
    (folder / "sql").mkdir()
    (folder / "sql" / "q.sql").write_bytes(raw)
    found = only(folder)
    assert (found.code, found.file, found.line, found.message) == (code, "sql/q.sql", line, message)


def test_an_included_file_may_have_one_mebibyte(tmp_path: Path) -> None:
    folder = write(tmp_path, including("q.sql"))
    (folder / "q.sql").write_text("-" * (1024 * 1024))
    assert Address("model", "tickets") in loaded(folder).desired.resources
    (folder / "q.sql").write_text("-" * (1024 * 1024 + 1))
    assert only(folder).code == "WS135"


def test_what_an_included_file_holds_is_not_shown_where_it_is_no_reference(tmp_path: Path) -> None:
    folder = write(tmp_path, with_line(SNOWFLAKE, "secret('SNOWFLAKE_PASSWORD')", "file('pw.txt')"))
    (folder / "pw.txt").write_text(CANARY)
    found = only(folder)
    assert (found.code, found.line) == ("WS116", 13)
    assert CANARY not in repr(found)


def test_where_folders_cannot_be_opened_one_in_the_other_links_are_refused_all_the_same(
    around: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set())
    assert read(around, "sql/q.sql")[0] == b"SELECT 1"
    for name in ("m/outside.sql", "m/up/outside.sql", "m/inside/q.sql"):
        with pytest.raises(Unusable, match="symbolic link"):
            read(around, name)


def test_no_name_that_is_not_normal_is_opened(around: Path) -> None:
    with pytest.raises(Unusable, match="no such file"):
        read(around, "../outside.sql")
    assert names_beside(around, "../outside.sql") == []


def test_a_project_inside_of_another_is_an_error_and_never_just_left_out(tmp_path: Path) -> None:
    """What is left out would be undeclared, and so perhaps deleted."""
    write(tmp_path, MODEL)
    write(tmp_path / "team", MODEL)
    assert ("WS139", "team/wsync.yaml") in [(p.code, p.file) for p in told(tmp_path)]
