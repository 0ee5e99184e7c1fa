"""Real processes of `wsync` that begin at once: forked from one that has everything imported already.

    with Nursery() as nursery:
        child = nursery.start(["apply", "-C", folder, …], environment, folder_for_output)
        os.kill(child.pid, signal.SIGKILL)
        done = child.wait()

Their waits are as short as those of the fixture `quick`. As a script, this file is the process that forks.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_MODULES = (
    "reconciler.apply.closing", "reconciler.apply.run", "reconciler.apply.write", "reconciler.cli.app",
    "reconciler.cli.apply_command", "reconciler.client", "reconciler.manifest", "reconciler.plan.build",
    "reconciler.project", "reconciler.render.document", "reconciler.render.ending", "reconciler.transport",
    "deepdiff", "email.utils",
)  # fmt: skip


@dataclass(frozen=True)
class Child:
    """A process that runs."""

    pid: int
    nursery: Nursery
    folder: Path

    def wait(self) -> tuple[int, str, str]:
        """Its exit code (negative: the signal that killed it), stdout and stderr."""
        code = self.nursery.ask({"wait": self.pid})["code"]
        out, err = ((self.folder / name).read_text("utf-8", "replace") for name in ("out", "err"))
        return code, out, err


class Nursery:
    """The process from which others are forked."""

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._socket, self._lines = ours, ours.makefile("rw", encoding="utf-8")
        self._folder = tempfile.TemporaryDirectory(prefix="nursery-")
        self._count = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()
        self._process.wait(10)
        self._folder.cleanup()

    def start(self, arguments: Iterable[object], environ: Mapping[str, str]) -> Child:
        self._count += 1
        folder = Path(self._folder.name, str(self._count))
        folder.mkdir()
        given = {"arguments": list(map(str, arguments)), "environ": dict(environ), "folder": str(folder)}
        return Child(self.ask(given)["pid"], self, folder)

    def ask(self, request: Mapping[str, Any]) -> Any:
        self._lines.write(json.dumps(request) + "\n")
        self._lines.flush()
        return json.loads(self._lines.readline())


def _be_one(given: Mapping[str, Any]) -> None:
    """What the forked process does; never returns."""
    from reconciler.apply import closing, settle
    from reconciler.cli import app
    from reconciler.client import pace

    code = 70
    try:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(Path(given["folder"], name), os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.environ.clear()
        os.environ.update(given["environ"])
        # Typed as final, for the program never changes them.
        vars(settle)["WINDOW"], vars(closing)["DELAYS"] = (0.0, 0.02, 0.05), (0.02, 0.05)
        vars(pace)["_FIRST_BACKOFF"] = 0.005
        code = app.run(given["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _serve(number: int) -> None:
    for name in _MODULES:
        importlib.import_module(name)
    for what in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(what, signal.SIG_DFL)
    with socket.socket(fileno=number) as ours, ours.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            if "wait" in request:
                code = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
                lines.write(json.dumps({"code": code}) + "\n")
            else:
                pid = os.fork()
                if pid == 0:
                    _be_one(request)
                lines.write(json.dumps({"pid": pid}) + "\n")
            lines.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
