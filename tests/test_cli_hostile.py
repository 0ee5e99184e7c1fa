"""A hostile pull request, a hostile environment, and our own bugs: nothing is trusted that nobody vouched for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from canary import SHAPES, leaks
from conftest import WSYNC, Wsync, clean_environment
from estate import SECRETS, Site, connection, model, outcomes, pipeline
from fault_server import FaultServer, slow, status_before
from markdown_it import MarkdownIt
from projects import write_project

ALL = (connection(), model(), pipeline())
CANARY = "cnry-in-an-exception-5d2e"


@pytest.fixture
def project(fault_server: FaultServer, tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", fault_server, ALL)


@pytest.fixture
def attacker() -> Iterator[tuple[str, list[str]]]:
    """`host:port` of a listener that nobody has any reason to call, and who did."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    taken, _ = listener.accept()
                except OSError:
                    return
                with taken:
                    callers.append(taken.recv(200).decode("latin-1"))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", callers
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


# ------------------------------------------------------------------------ a hostile pull request


def test_f078_modules_that_a_pull_request_brings_are_not_imported(
    project: Path, fault_server: FaultServer
) -> None:
    trap = f"open({str(project / 'sprung')!r}, 'a').write(__name__ + chr(10))\n"
    for name in (
        "jinja2",
        "click",
        "pydantic",
        "httpx",
        "sitecustomize",
        "usercustomize",
        "wsync",
        "json",
        "ssl",
        "socket",
    ):
        (project / f"{name}.py").write_text(trap)
    for name in ("yaml", "reconciler", "deepdiff", "encodings"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text(trap)
    env = clean_environment(project.parent, {**fault_server.environ, **SECRETS})
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        done = subprocess.run(
            [WSYNC, *command], cwd=project, env=env, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    assert not (project / "sprung").exists()


def test_f079_f212_files_of_a_pull_request_configure_nothing(
    project: Path, fault_server: FaultServer, attacker: tuple[str, list[str]], wsync_process: Wsync
) -> None:
    host, callers = attacker
    settings = f"""
WSYNC_API=http://{host}
WSYNC_ALLOW_HOSTS={host}
WSYNC_TOKEN=stolen
WSYNC_TARGET=evil
HTTP_PROXY=http://{host}
HTTPS_PROXY=http://{host}
ALL_PROXY=http://{host}
SSL_CERT_FILE=/nowhere
"""
    for name in (".env", ".envrc", ".wsyncrc", "wsync.cfg", "wsync.ini"):
        (project / name).write_text(settings)
    section = f'api = "http://{host}"\ntarget = "evil"\nproxy = "http://{host}"\n'
    (project / "wsync.toml").write_text(section)
    (project / "pyproject.toml").write_text(f"[tool.wsync]\n{section}[tool.reconciler]\n{section}")
    (project / "setup.cfg").write_text(f"[wsync]\n{section}")
    (project.parent / ".netrc").write_text("default login attacker password attacker\n")  # of the user's home
    done = wsync_process("apply", "-C", project, "--auto-approve", env={**fault_server.environ, **SECRETS})
    assert done.code == 0, done
    assert callers == []
    authorizations = {e.headers.get("authorization", "") for e in fault_server.log}
    assert authorizations == {"", "Bearer token-canary-1"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"api": "https://api.evil.example"}, "WSYNC_ALLOW_HOSTS"),
        ({"auth": "https://sso.evil.example/oauth/token"}, "WSYNC_ALLOW_HOSTS"),
        ({"api": "https://api.mparticle.com.evil.example"}, "WSYNC_ALLOW_HOSTS"),
        ({"api": "http://api.mparticle.com"}, "not encrypted"),
        ({"api": "http://10.0.0.1:8080"}, "not encrypted"),
        ({"auth": "http://sso.auth.mparticle.com/oauth/token"}, "not encrypted"),
        ({"api": "https://user:pw@api.mparticle.com"}, "credentials in a URL"),
        ({"api": "file:///etc/passwd"}, "not a URL"),
        ({"api": "https://api.mparticle.com?x=1"}, "query"),
        ({"api": "us9"}, "did you mean"),
    ],
    ids=lambda value: str(value)[:50],
)
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_f080_f205_no_credential_goes_to_a_host_that_nobody_vouched_for(
    change: dict[str, str], said: str, command: str, site: Site
) -> None:
    asked: list[Any] = []

    def refuse(*where: Any, **_: Any) -> Any:
        asked.append(where)
        raise OSError("refused")

    site.declare(*ALL, **change)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        done = site.wsync(command, "-C", site.folder, env={**site.server.environ, **site.secrets})
    assert done.code == 1
    assert asked == []
    assert said in " ".join(done.err.split())
    assert site.server.log == []


def test_f080_the_environment_vouches_for_the_workspace(site: Site) -> None:
    site.declare(*ALL)
    env = {**site.server.environ, **site.secrets, "WSYNC_WORKSPACE_ID": "42"}
    done = site.wsync("apply", "-C", site.folder, "--auto-approve", "-f", "json", env=env)
    assert (done.code, site.server.log) == (1, [])
    assert "WSYNC_WORKSPACE_ID allows only workspace 42" in done.document["error"]["message"]
    assert site.wsync("plan", "-C", site.folder, env={**env, "WSYNC_WORKSPACE_ID": "4711"}).code == 0


HOSTILE = "\x1b[31m\x1b]0;x\x07 ]( <img src=x> @org/team `\n```\n::error::x\n| | \u202e #1"


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
@pytest.mark.parametrize("command", ["plan", "drift"])
def test_f092_f227_a_live_name_is_shown_and_does_nothing(command: str, form: str, site: Site) -> None:
    site.live(*ALL)
    site.declare(*ALL)
    site.server.workspace.edit("model", "orders", "name", HOSTILE)
    site.server.workspace.edit("pipeline", "hourly", "status", "faulted")
    site.server.workspace.edit("pipeline", "hourly", "errors", [HOSTILE])
    site.server.workspace.seed("model", {**model(HOSTILE), "name": HOSTILE})
    done = site.wsync(command, "-C", site.folder, "-f", form, "-v", env=site.server.environ)
    for said in (done.out, done.err):
        assert not set(said) & set("\x1b\x07\u202e\r")
        assert not any(line.lstrip().startswith("::") for line in said.splitlines())
    if form == "json":
        assert HOSTILE in {f["before"] for c in done.document["changes"] for f in c["fields"]}
    if form == "markdown":
        page = MarkdownIt("gfm-like", {"linkify": False}).render(done.out)
        assert "<img" not in page
        assert "<a " not in page


# ------------------------------------------------------------------------------- credentials

CREDENTIALS = [
    ({}, "set WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET"),
    ({"WSYNC_CLIENT_ID": "id"}, "WSYNC_CLIENT_SECRET is not set"),
    ({"WSYNC_CLIENT_SECRET": "cnry-lonely-secret"}, "WSYNC_CLIENT_ID is not set"),
    ({"WSYNC_CLIENT_ID": "id", "WSYNC_CLIENT_SECRET": "  "}, "WSYNC_CLIENT_SECRET is not set"),
    ({"WSYNC_CLIENT_ID": "id", "WSYNC_CLIENT_SECRET": "********"}, "WSYNC_CLIENT_SECRET looks like a mask"),
    ({"WSYNC_CLIENT_ID": "id", "WSYNC_CLIENT_SECRET": "cnry-wrong-secret"}, "check WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET"),
    ({"WSYNC_TOKEN": "cnry-unknown-token"}, "WSYNC_TOKEN may have expired"),
    ({"WSYNC_TOKEN": "Bearer cnry-token-word"}, "leave out the word Bearer"),
    ({"WSYNC_TOKEN": "cnry-token-line\n"}, "without a line break"),
    ({"WSYNC_TOKEN": "****************"}, "WSYNC_TOKEN looks like a mask"),
]  # fmt: skip


@pytest.mark.parametrize(("env", "said"), CREDENTIALS, ids=[s for _, s in CREDENTIALS])
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_f200_what_is_wrong_with_credentials_is_told_by_variable(
    env: dict[str, str], said: str, command: str, site: Site
) -> None:
    site.declare(*ALL)
    done = site.wsync(command, "-C", site.folder, "-f", "json", env={**site.secrets, **env})
    assert done.code == 1
    error = done.document["error"]
    assert said in f"{error['message']} {error['hint']}"
    assert leaks(done.out + done.err, {name: value for name, value in env.items() if "*" not in value}) == []
    assert site.server.writes() == []


def test_f200_a_workspace_that_cannot_be_seen_is_an_error_and_not_an_empty_one(site: Site) -> None:
    site.declare(*ALL, workspace_id="9999")
    done = site.plan("-f", "json", "--detailed-exitcode")
    assert done.code == 1
    assert "9999" in done.document["error"]["message"] + done.document["error"]["hint"]


# ----------------------------------------------------------------------------------- our bugs


def _called(run: Callable[[], object]) -> list[CodeType]:
    """Every function of ours that a run calls, on any of its threads, in order of their first call."""
    seen: dict[CodeType, None] = {}

    def note(frame: FrameType, event: str, _arg: object) -> None:
        code = frame.f_code
        outermost = code.co_qualname in ("run", "_at_once.<locals>.work")  # of the program, and of a thread
        if event == "call" and "/reconciler/" in code.co_filename and not outermost:
            seen.setdefault(code)

    _profiled(note, run)
    return list(seen)


def _profiled(note: Any, run: Callable[[], Any]) -> Any:
    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        return run()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def _raising_in(code: CodeType) -> Any:
    """Makes a function raise, whenever it is called, an error whose text, arguments and cause are a canary."""

    def note(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code is code:
            secret = CANARY  # what a traceback with locals would show
            try:
                raise ValueError(secret)
            except ValueError as cause:
                raise RuntimeError(secret, {"password": secret}) from cause

    return note


FIRST = ("prepare_streams", "_harden", "_asks_for_json", "start_output")  # before it is known how to speak


@pytest.mark.parametrize("part", range(4))
def test_f056_f057_a_bug_in_any_function_is_one_line_with_an_id_and_an_honest_exit_code(
    part: int, site: Site
) -> None:
    """Fault injection at functions that an apply calls, on any of its threads: at every seventh, in four parts."""
    _break_each(slice(part * 7, None, 28), site)


@pytest.mark.campaign
def test_f056_f057_a_bug_in_every_function_is_one_line_with_an_id_and_an_honest_exit_code(site: Site) -> None:
    _break_each(slice(None), site)


def _break_each(which: slice, site: Site) -> None:
    def start() -> None:
        for collection in site.server.workspace.collections.values():
            collection.clear()
        site.server.log.clear()

    site.declare(*ALL)
    start()
    found = _called(lambda: site.apply("--wait", "0"))
    assert len(found) > 300
    for code in found[which]:
        start()
        done = _profiled(_raising_in(code), lambda: site.apply("--wait", "0"))
        where = f"{code.co_filename.rpartition('/reconciler/')[2]} {code.co_qualname}"
        said = done.out + done.err
        assert CANARY not in said, where
        assert leaks(said, site.secrets) == [], where
        assert "Traceback" not in said, where
        if code.co_name in FIRST:
            assert done.code in (1, 3), where
            continue
        if done.code == 0:  # a request that failed before it was sent may be repeated; notes are no matter
            assert site.holds(*ALL), where
        elif done.code == 1:
            assert site.server.writes() == [], where
        else:
            assert done.code in (3, 5), (where, done)
        if done.code and "error" in done.document:
            assert done.document["exit"] == done.code, where


def test_f056_the_same_bug_has_the_same_id_and_says_where_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.plan import build

    def broken(*_: object, **__: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(build, "build_plan", broken)
    site.declare(*ALL)
    first, second = site.plan("-f", "json"), site.plan("-f", "json")
    assert first.out == second.out
    error = first.document["error"]
    assert error["code"] == "WS999"
    assert error["message"].startswith("an unexpected error: KeyError at ")
    assert "(id " in error["message"]
    assert "report" in error["hint"]
    assert len(first.err.splitlines()) == 2


def test_f197_too_many_open_files_is_told_as_what_it_is(project: Path, fault_server: FaultServer) -> None:
    env = clean_environment(project.parent, {**fault_server.environ, **SECRETS})
    command = f"ulimit -n 7; exec {WSYNC} apply --auto-approve -C {project}"
    done = subprocess.run(
        ["bash", "-c", command], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "oo many open files" in done.stderr
    assert fault_server.writes() == []


# ------------------------------------------------------------------------------ the whole process


def test_f058_f059_f074_f076_no_verbosity_and_no_debug_mode_shows_more(
    project: Path, fault_server: FaultServer
) -> None:
    """Nor do process arguments, children or files beside the project; all connections go to the API's host."""
    secrets = {"WH_PASSWORD": SHAPES["quotes"]}
    fault_server.on("POST", "/connections", slow(0.5))
    fault_server.on("POST", "/data-models", status_before(505, SHAPES["quotes"]))
    env = clean_environment(
        project.parent,
        {
            **fault_server.environ,
            **SECRETS,
            **secrets,
            "WSYNC_DEBUG": "1",
            "PYTHONDEVMODE": "1",
            "PYTHONASYNCIODEBUG": "1",
            "SSLKEYLOGFILE": str(project.parent / "keys.log"),
        },
    )
    process = subprocess.Popen(
        [WSYNC, "apply", "--auto-approve", "-vvv", "-C", project],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not fault_server.requests("POST", "/connections"):
        assert process.poll() is None
    if sys.platform == "linux":
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        children = [t.read_text() for t in Path(f"/proc/{process.pid}/task").glob("*/children")]
        assert leaks(arguments, {**secrets, **fault_server.environ}) == []
        assert "".join(children).strip() == ""
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert leaks(out + err, {**secrets, "secret": fault_server.environ["WSYNC_CLIENT_SECRET"]}) == []
    assert "token-canary" not in out + err
    assert "Warning" not in err
    assert "Traceback" not in err
    assert sorted(p.name for p in project.parent.iterdir()) == ["project"]
    assert sorted(p.name for p in project.iterdir()) == ["000.yaml", "001.yaml", "002.yaml", "wsync.yaml"]


def test_f073_a_crash_leaves_no_core(project: Path, fault_server: FaultServer) -> None:
    import resource

    fault_server.on("GET", "/connections", slow(5))
    env = clean_environment(project.parent, {**fault_server.environ, **SECRETS})
    with subprocess.Popen([WSYNC, "plan", "-C", project], env=env, stderr=subprocess.DEVNULL) as process:
        while not fault_server.requests("GET", "/connections"):
            assert process.poll() is None
        limit = Path(f"/proc/{process.pid}/limits").read_text() if sys.platform == "linux" else ""
        process.kill()
    assert resource.RLIMIT_CORE >= 0
    assert not limit or "Max core file size        0                    0" in limit


def test_the_emulator_shows_only_a_token_that_it_made_up(tmp_path: Path) -> None:
    """The variable may hold the token of a real workspace."""
    where = tmp_path / "where.json"
    command: list[str | Path] = [WSYNC, "emulator", "--port", "0", "--memory", "-f", "json", "-o", where]
    env = clean_environment(tmp_path, {"WSYNC_TOKEN": "cnry-token-of-a-real-workspace"})
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not where.exists():
        assert process.poll() is None
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert leaks(out + err + where.read_text(), {"WSYNC_TOKEN": env["WSYNC_TOKEN"]}) == []
    assert json.loads(where.read_text())["token"] is None


def test_outcomes_of_a_bug_while_writing_are_in_the_report(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.apply.write import Writer

    def broken(self: object, change: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(Writer, "_update", broken)
    site.live(*ALL)
    site.declare(connection(config__warehouse="B"), model(), pipeline())
    done = site.apply()
    assert done.code == 3
    assert outcomes(done) == {"connection/wh": "unknown"}
    assert CANARY not in done.out + done.err
