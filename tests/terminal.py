"""Running the program on a terminal of its own: a pseudo terminal that types answers and records what is shown."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import WSYNC

CTRL_C, CTRL_D = "\x03", "\x04"


@dataclass(frozen=True)
class Session:
    """How it ended, and every byte that the terminal was sent, as text."""

    code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        """What is left to be read on the screen: lines that were taken away are not."""
        return [line.rpartition("\x1b[2K")[2].rstrip("\r") for line in self.raw.split("\n")]

    @property
    def screen(self) -> str:
        return "\n".join(self.lines)


def on_terminal(
    arguments: Sequence[object],
    *,
    env: Mapping[str, str],
    folder: Path,
    answers: Mapping[str, str] | None = None,
    columns: int = 80,
    timeout: float = 30,
) -> Session:
    """Run `wsync` in `folder`. `answers`: what is typed once some text has appeared, in that order."""
    left = list((answers or {}).items())
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        time.sleep(0.02)  # until the size is set
        os.execve(WSYNC, ["wsync", *map(str, arguments)], {"TERM": "xterm", **env})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown, deadline = b"", time.monotonic() + timeout
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not some:
            break
        shown += some
        if left and left[0][0] in shown.decode("utf-8", "replace"):
            os.write(terminal, left.pop(0)[1].encode())
    else:
        os.kill(pid, 9)
    os.close(terminal)
    return Session(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode())
