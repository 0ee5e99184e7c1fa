"""Ctrl-C, SIGTERM and SIGHUP: while reading they end the run at once, while writing in good order."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import WSYNC, clean_environment
from estate import SECRETS, connection, model, pipeline
from fault_server import FaultServer, slow
from projects import write_project


class Running:
    """A `wsync` that runs beside the test."""

    def __init__(self, server: FaultServer, folder: Path, *arguments: str, **env: str) -> None:
        self.server = server
        self.process = subprocess.Popen(
            [WSYNC, *arguments],
            cwd=folder,
            env=clean_environment(folder.parent, {**server.environ, **SECRETS, **env}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A runner may have us ignore it, and what is ignored stays ignored.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 - it takes no lock
        )

    def until(self, seen: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 20
        while not seen():
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.005)

    def until_requested(self, method: str, path: str) -> None:
        self.until(lambda: self.server.requests(method, path))

    def end(self, *signals: signal.Signals) -> tuple[int, str, str, float]:
        """Exit code, stdout, stderr, and the seconds from the first signal on."""
        started = time.monotonic()
        for n, number in enumerate(signals):
            time.sleep(0.2 * bool(n))
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err, time.monotonic() - started


@pytest.fixture
def project(fault_server: FaultServer, tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", fault_server, [connection(), model(), pipeline()])


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("plan -f json", signal.SIGINT),
        ("plan", signal.SIGTERM),
        ("apply --auto-approve -f json", signal.SIGINT),
        ("apply --auto-approve -f json", signal.SIGTERM),
        ("drift", signal.SIGHUP),
    ],
)
def test_f188_while_reading_a_signal_ends_the_run_at_once(
    command: str, number: signal.Signals, project: Path, fault_server: FaultServer
) -> None:
    fault_server.on("GET", "/data-models", slow(20))
    running = Running(fault_server, project, *command.split())
    running.until_requested("GET", "/data-models")
    code, out, err, seconds = running.end(number)
    assert code == 130
    assert seconds < 5
    assert err == "\nInterrupted: nothing was written.\n"
    assert fault_server.writes() == []
    if "json" in command:
        document = json.loads(out)
        assert document["exit"] == 130
        assert document["error"]["code"] == "WS130"
        assert document.get("result") == ("interrupted" if "apply" in command else None)
    else:
        assert out == ""


def test_f188_while_writing_what_is_in_flight_ends_and_nothing_more_begins(
    project: Path, fault_server: FaultServer
) -> None:
    fault_server.on("POST", "/connections", slow(0.5))
    running = Running(fault_server, project, "apply", "--auto-approve", "-f", "json", "--parallelism", "1")
    running.until_requested("POST", "/connections")
    code, out, err, _ = running.end(signal.SIGTERM)
    document = json.loads(out)
    assert (code, document["exit"], document["result"]) == (130, 130, "interrupted")
    assert [c["outcome"] for c in document["changes"]] == ["done", "not-started", "not-started"]
    assert document["error"]["code"] == "WS130"
    assert "finishing what is in flight" in err
    assert [str(e) for e in fault_server.writes()] == ["POST /connections"]
    assert Running(fault_server, project, "apply", "--auto-approve").end()[0] == 0
    assert len(fault_server.writes()) == 3


def test_f189_a_second_signal_ends_at_once_and_says_what_is_unclear(
    project: Path, fault_server: FaultServer
) -> None:
    fault_server.on("POST", "/connections", slow(20))
    running = Running(fault_server, project, "apply", "--auto-approve", "-f", "json")
    running.until_requested("POST", "/connections")
    code, out, err, seconds = running.end(signal.SIGINT, signal.SIGTERM)
    assert code == 130
    assert seconds < 5
    document = json.loads(out)
    assert (document["result"], document["exit"]) == ("interrupted", 130)
    assert "may be written or not" in document["error"]["message"]
    assert "may be written or not" in err


def test_f188_a_signal_when_nothing_is_left_to_start_changes_nothing(
    project: Path, fault_server: FaultServer
) -> None:
    fault_server.on("POST", "/inputs/data-pipelines", slow(0.4))
    running = Running(fault_server, project, "apply", "--auto-approve", "-f", "json")
    running.until_requested("POST", "/inputs/data-pipelines")
    code, out, _, _ = running.end(signal.SIGINT)
    assert (code, json.loads(out)["result"]) == (0, "applied")


def test_the_emulator_ends_with_the_first_signal(tmp_path: Path, fault_server: FaultServer) -> None:
    where = tmp_path / "where.json"
    running = Running(
        fault_server, tmp_path, "emulator", "--port", "0", "--memory", "-f", "json", "-o", str(where)
    )
    running.until(where.exists)
    code, out, err, seconds = running.end(signal.SIGTERM)
    assert (code, out) == (0, "")
    assert seconds < 5
    document = json.loads(where.read_text(encoding="utf-8"))
    assert document["api"] in err
    assert document["token"] in err  # made up, so it may be seen


def test_the_demo_leaves_nothing_behind_when_it_is_interrupted(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    running = Running(fault_server, tmp_path, "demo", TMPDIR=str(tmp_path))
    running.until(lambda: list(tmp_path.glob("wsync-demo-*/manifests/.wsync/*")))
    code, _, _, _ = running.end(signal.SIGINT)
    assert code == 130
    assert list(tmp_path.glob("wsync-demo-*")) == []
