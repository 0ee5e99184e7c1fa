"""What every test shares: how `wsync` is run, and a world without anybody's own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from canary import Overheard
from estate import Site
from fault_server import FaultServer
from hypothesis import HealthCheck, settings

_QUIET = [
    HealthCheck.too_slow,
    HealthCheck.function_scoped_fixture,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
]
# The gate must say the same about the same code each time; campaigns look further, and each time elsewhere.
settings.register_profile(
    "gate", derandomize=True, deadline=None, max_examples=60, suppress_health_check=_QUIET
)
settings.register_profile("campaign", deadline=None, max_examples=2000, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

WSYNC = Path(sys.executable).with_name("wsync")


@dataclass(frozen=True)
class Done:
    """A run of `wsync` from its end."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Wsync = Callable[..., Done]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own settings decide what a test sees."""
    for name in list(os.environ):
        if name.startswith(("WSYNC_", "GITHUB_", "HTTP_PROXY", "HTTPS_PROXY")) or name in (
            "NO_COLOR",
            "COLUMNS",
        ):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is known to the whole process; one test's must not be cut out of another's texts."""
    from reconciler.secrets import scrubbing

    monkeypatch.setattr(scrubbing, "_known", scrubbing.Known())


@pytest.fixture
def overheard(tmp_path: Path) -> Iterator[Overheard]:
    """Whatever a test is about: no secret that it gave to a run is in what was said, nor in any file."""
    found = Overheard()
    yield found
    assert found.leaks(tmp_path) == []


@pytest.fixture
def wsync(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, overheard: Overheard) -> Wsync:
    """Runs a command in this process: `wsync("plan", "-C", folder, env={…})`."""
    from reconciler.cli import app, output, signals

    monkeypatch.setattr(signals, "_handle", lambda _handler: None)  # pytest keeps its Ctrl-C
    for module, hook in ((threading, "excepthook"), (sys, "unraisablehook"), (sys, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))  # and its own hooks afterwards

    def run(*arguments: object, env: Mapping[str, str] | None = None) -> Done:
        capfd.readouterr()
        monkeypatch.setattr(output, "_current", output.Output())  # as a process begins
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = app.run([str(a) for a in arguments])
        out, err = capfd.readouterr()
        overheard.hear(env or {}, out, err)
        return Done(int(code), out, err)

    return run


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def site(fault_server: FaultServer, tmp_path: Path, wsync: Wsync, quick: None) -> Site:
    """A project whose target is a fault server, and the program with little patience."""
    return Site(fault_server, tmp_path / "project", wsync)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits as short as a server on loopback allows; how long they are is another test's business."""
    from reconciler.apply import closing, settle
    from reconciler.client import pace

    monkeypatch.setattr(settle, "WINDOW", (0.0, 0.02, 0.05))
    monkeypatch.setattr(closing, "DELAYS", (0.02, 0.05))
    monkeypatch.setattr(pace, "_FIRST_BACKOFF", 0.005)


@pytest.fixture
def wsync_process(tmp_path: Path, overheard: Overheard) -> Wsync:
    """Runs the installed program as a process of its own, without a terminal."""

    def run(*arguments: object, env: Mapping[str, str] | None = None, timeout: float = 60) -> Done:
        done = subprocess.run(
            [str(WSYNC), *map(str, arguments)],
            env=clean_environment(tmp_path, env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        overheard.hear(env or {}, done.stdout, done.stderr)
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def clean_environment(home: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment for a process: a path, a home, and what the test gives."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **(env or {})}
