"""Where words go when the way there is odd: files, full and closed streams, pipes, encodings, colours, terminals."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import WSYNC, Done, clean_environment
from estate import SECRETS, Site, connection, model, pipeline
from fault_server import FaultServer, slow
from projects import write_project
from terminal import Session, on_terminal

ESC = "\x1b["
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


@pytest.fixture
def project(fault_server: FaultServer, tmp_path: Path) -> Path:
    return write_project(
        tmp_path / "project", fault_server, [connection(), {**model(), "name": "Größe → 注文 🎉"}, pipeline()]
    )


def shell(line: str, project: Path, server: FaultServer, **env: str) -> Done:
    """A line of bash in the project's folder; `wsync` is the installed one."""
    done = subprocess.run(
        ["bash", "-c", f'wsync() {{ {shlex.quote(str(WSYNC))} "$@"; }}; {line}'],
        cwd=project,
        env=clean_environment(project.parent, {**server.environ, **SECRETS, **env}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


# ------------------------------------------------------------------------------ -o and --out


@pytest.mark.parametrize("option", ["-o", "--out"])
def test_f066_a_file_is_written_whole_for_its_owner_only(site: Site, option: str) -> None:
    site.declare(connection())
    file = site.folder.parent / "result.json"
    file.write_text("old")
    file.chmod(0o644)
    done = site.plan("-f", "json", option, file)
    assert done.code == 0
    assert (done.out == "") == (option == "-o")
    assert json.loads(file.read_text(encoding="utf-8"))["format_version"] == "1.0"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(p.name for p in file.parent.iterdir()) == ["project", "result.json"]


@needs_dev_full
@pytest.mark.parametrize("option", ["-o", "--out"])
@pytest.mark.parametrize("where", ["/dev/full", "nowhere/result", "project", "/proc/version"])
def test_f194_what_cannot_be_written_is_an_error_before_any_request(
    site: Site, option: str, where: str
) -> None:
    site.declare(connection())
    file = site.folder.parent / where
    done = site.plan("-f", "json", option, file)
    assert done.code == 1
    assert done.document["error"]["code"] == "WS020"
    assert f"cannot write {file}: " in done.document["error"]["message"]
    assert site.server.log == []


@needs_dev_full
def test_f194_apply_finds_out_before_it_writes(site: Site) -> None:
    site.declare(connection())
    done = site.apply("-o", "/dev/full")
    assert (done.code, done.document["result"]) == (1, "failed")
    assert site.server.log == []


def test_a_link_to_a_file_stays_a_link(site: Site) -> None:
    site.declare(connection())
    real, link = site.folder.parent / "real.txt", site.folder.parent / "link.txt"
    link.symlink_to(real)
    assert site.plan("-o", link).code == 0
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8").startswith("test · workspace")


def test_a_device_is_written_to_and_not_replaced(project: Path, fault_server: FaultServer) -> None:
    done = shell("wsync validate -o /dev/null", project, fault_server)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert Path("/dev/null").is_char_device()
    done = shell(
        "{ echo one; wsync validate -o /dev/stdout; echo three; } > file; cat file", project, fault_server
    )
    assert done.out.splitlines() == ["one", "3 files valid. Nothing was sent.", "three"]
    assert Path("/dev/stdout").is_symlink()


def test_a_named_pipe_is_waited_for_and_filled(project: Path, fault_server: FaultServer) -> None:
    done = shell("mkfifo pipe; cat pipe & wsync plan -q -o pipe; wait", project, fault_server)
    assert "Plan: 3 create" in done.out


# ------------------------------------------------------------------------ full, closed, broken


@needs_dev_full
def test_a_full_stdout_is_an_error(project: Path, fault_server: FaultServer) -> None:
    for command in ("plan", "validate -f json", "--version", "--help"):
        done = shell(f"wsync {command} > /dev/full", project, fault_server)
        assert (done.code, done.out) == (1, ""), command
        assert "Traceback" not in done.err
        assert "No space left on device" in done.err, command


@needs_dev_full
def test_what_was_applied_is_not_called_unwritten_though_its_report_is_lost(
    project: Path, fault_server: FaultServer
) -> None:
    done = shell("wsync apply --auto-approve > /dev/full", project, fault_server)
    assert done.code == 3
    assert "The report could not be written" in done.err
    assert len(fault_server.writes()) == 3


def test_closed_streams_neither_stop_a_run_nor_reach_the_server(
    project: Path, fault_server: FaultServer
) -> None:
    assert shell("wsync plan --detailed-exitcode 2>&- <&-", project, fault_server).code == 2
    assert shell("wsync apply --auto-approve -v <&- >&- 2>&-", project, fault_server).code == 0
    assert fault_server.workspace.violations == []
    assert len(fault_server.writes()) == 3


def test_a_pipe_that_closes_early_is_met_in_silence(project: Path, fault_server: FaultServer) -> None:
    done = shell("set -o pipefail; wsync plan -f json | true", project, fault_server)
    assert (done.out, done.err) == ("", "")


def test_apply_goes_on_when_nobody_listens_any_more(project: Path, fault_server: FaultServer) -> None:
    done = shell(
        "set -o pipefail; wsync apply --auto-approve --parallelism 1 2>&1 | head -1", project, fault_server
    )
    assert done.code == 0
    assert len(fault_server.writes()) == 3


# ------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "ascii"],
)
def test_any_encoding_of_the_terminal_gets_readable_text_and_whole_json(
    env: dict[str, str], project: Path, fault_server: FaultServer
) -> None:
    command = [str(WSYNC), "plan", "-C", str(project)]
    environ = clean_environment(project.parent, {**fault_server.environ, **env})
    text = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=True)
    assert b"Plan: 3 create" in text.stdout
    done = subprocess.run([*command, "-f", "json"], env=environ, capture_output=True, timeout=60, check=True)
    document = json.loads(done.stdout)
    names = [f["after"] for c in document["changes"] for f in c["fields"] if f["path"] == "name"]
    assert "Größe → 注文 🎉" in names
    assert (text.stderr, done.stderr) == (b"", b"")


def test_a_path_that_is_not_utf_8_is_named_all_the_same(project: Path, fault_server: FaultServer) -> None:
    done = shell(r"wsync plan -f json -C $'/nowhere/\xff\e[31m'", project, fault_server)
    assert done.code == 1
    assert r"\udcff" in done.document["error"]["message"]
    assert "\x1b" not in done.out + done.err


# --------------------------------------------------------------------------------- colours


@pytest.mark.parametrize(
    ("arguments", "env", "coloured"),
    [
        ("", {}, False),
        ("--color always", {}, True),
        ("--color always", {"NO_COLOR": "1"}, True),
        ("--color never", {"CLICOLOR_FORCE": "1"}, False),
        ("", {"WSYNC_COLOR": "always"}, True),
        ("--color always -f json", {}, False),
        ("--color always -f markdown", {}, False),
        ("--color always -o result", {}, False),
    ],
)
def test_colour_without_a_terminal(
    arguments: str, env: dict[str, str], coloured: bool, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.declare(connection())
    monkeypatch.chdir(site.folder)
    done = site.wsync("plan", *arguments.split(), env={**site.server.environ, **env})
    result = Path("result")
    text = result.read_text(encoding="utf-8") if result.exists() else done.out
    assert (ESC in text) == coloured


def terminal(
    project: Path,
    server: FaultServer,
    *arguments: str,
    columns: int = 80,
    env: Mapping[str, str] | None = None,
) -> Session:
    environ = clean_environment(project.parent, {**server.environ, **SECRETS, **(env or {})})
    return on_terminal(arguments, env=environ, folder=project, columns=columns)


def test_a_terminal_gets_colour_unless_it_or_its_user_does_not_want_it(
    project: Path, fault_server: FaultServer
) -> None:
    assert f"{ESC}1" in terminal(project, fault_server, "plan", "-q").raw
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert f"{ESC}1" not in terminal(project, fault_server, "plan", "-q", env=env).raw


# --------------------------------------------------------------------------------- progress


def test_progress_is_one_line_that_is_taken_away_again(project: Path, fault_server: FaultServer) -> None:
    fault_server.on("GET", "/connections", slow(0.05), times=None)
    shown = terminal(project, fault_server, "apply", "--auto-approve", "--color", "never")
    assert shown.code == 0
    for doing in (
        "Reading 127.0.0.1:",
        "Applying: 0 of 3 done",
        "Applying: 2 of 3 done",
        "Planning once more",
    ):
        assert doing in shown.raw
        assert doing not in shown.screen
    assert shown.screen.rstrip().endswith("The\n  closing plan is empty.")


def test_progress_never_wraps_and_is_silent_where_it_is_not_wanted(
    project: Path, fault_server: FaultServer
) -> None:
    fault_server.on("GET", "/connections", slow(0.05), times=None)
    narrow = terminal(project, fault_server, "plan", "-f", "json", columns=12)
    assert "Reading 127" in narrow.raw
    assert "Reading 127.0" not in narrow.raw
    assert "Reading" not in terminal(project, fault_server, "plan", env={"TERM": "dumb"}).raw


def test_without_a_terminal_there_is_no_progress(project: Path, fault_server: FaultServer) -> None:
    done = shell("wsync apply --auto-approve", project, fault_server)
    assert "Reading" not in done.err
    assert "\r" not in done.err
    assert ESC not in done.out + done.err


# ------------------------------------------------------------------------------------ width


@pytest.mark.parametrize("columns", ["1", "40", "80", "200", "100000", "0", "-5", "wide", ""])
def test_any_width_will_do(columns: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.declare(connection(), model(), pipeline())
    monkeypatch.setenv("COLUMNS", columns)
    done = site.plan("--color", "never")
    assert done.code == 0
    widest = max(len(line) for line in done.out.splitlines() if "--expect" not in line)
    assert widest <= (200 if columns in ("200", "100000") else 80)


# ---------------------------------------------------------------------------------- -q, -v


def test_quiet_leaves_results_and_errors_only(site: Site) -> None:
    site.declare(connection(), model(), pipeline())
    quiet = site.plan("-q")
    assert "+ create connection/wh" in quiet.out
    assert "account_identifier" not in quiet.out
    assert site.apply("-q", form="text", approve=False).err.startswith("error[WS514]")
    done = site.apply("-q", form="text")
    assert done.err == ""
    assert done.out.startswith("Applied")


def test_verbose_tells_of_each_request_without_query_header_or_body(site: Site) -> None:
    site.declare(connection())
    done = site.plan("-v")
    lines = done.err.splitlines()
    assert len(lines) == len(site.server.log) == 4
    assert lines[0].startswith("POST /oauth/token 200 ")
    assert all(line.endswith(" ms") for line in lines)
    assert site.plan("-v", "-q").err == ""
