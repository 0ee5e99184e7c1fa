"""Where a command's words go: results to stdout or a file, everything else to stderr.

Law: a result that cannot be written is an error; what is said beside it is never in the way of the work.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TextIO

from reconciler.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

Color = Literal["auto", "always", "never"]


@dataclass
class Output:
    """How one run speaks. `reserve` before the first write finds out early that a result could not be written.

    `begun` is set while the service may hold something of this run, so that no failure says otherwise; `told` as soon
    as something of a result is on stdout, so that no second one follows.
    """

    format: str = "text"
    file: Path | None = None
    color: Color = "auto"
    quiet: bool = False
    verbose: int = 0
    begun: bool = False
    told: bool = field(default=False, repr=False)
    _transient: bool = field(default=False, repr=False)

    @property
    def width(self) -> int:
        """Columns of the reader's terminal; 80 where there is none to ask."""
        import shutil

        return max(60, shutil.get_terminal_size((80, 24)).columns)

    @property
    def colored(self) -> bool:
        """Whether results are coloured."""
        return self.file is None and self._wants_color(sys.stdout)

    @property
    def notes_colored(self) -> bool:
        """Whether notes on stderr are coloured."""
        return self._wants_color(sys.stderr)

    def _wants_color(self, stream: TextIO | None) -> bool:
        if self.color != "auto":
            return self.color == "always"
        return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def result(self, text: str) -> None:
        """Print a result, or write it to `--output`. Raises `OutputError`, and `BrokenPipeError` where nobody reads on."""
        text = text if text.endswith("\n") else text + "\n"
        self.clear()
        if self.file is not None:
            from reconciler.cli.files import write_file

            write_file(self.file, text)
            return
        text = _encodable(text, sys.stdout) if self.format == "json" else text
        self.told = True
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            raise lost(error) from None

    def note(self, text: str) -> None:
        """A line for the person who watches; nothing with `--quiet`."""
        if not self.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """As `note`, but said even with `--quiet`."""
        self.clear()
        _say(text.rstrip("\n") + "\n")

    def ask(self, question: str) -> str:
        """The line that is typed as an answer; empty at the end of the input."""
        self.clear()
        _say(question)
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            _say("\n")
        return answer.strip()

    def progress(self, text: str) -> None:
        """What is going on now: one line on a terminal that the next one takes over, nothing elsewhere."""
        if self.quiet or not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
            return
        self.clear()
        _say(text[: max(_columns(sys.stderr) - 1, 0)])
        self._transient = True

    def clear(self) -> None:
        """Take a progress line away."""
        if self._transient:
            self._transient = False
            _say("\r\x1b[2K")

    def reserve(self, *others: Path | None) -> None:
        """Raise now, before anything is done, if what is to be written cannot be."""
        for path in (self.file, *others):
            if path is not None:
                from reconciler.cli.files import reserve_file

                reserve_file(path)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at this stream, or types into it."""
    return stream is not None and not stream.closed and stream.isatty()


def _columns(stream: TextIO) -> int:
    """Of the terminal itself: a line that is to be taken away again must not wrap."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def _say(text: str) -> None:
    """To stderr, if it can be. Who closed it does not want to know, and the work must not stop for it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _forget(sys.stderr)


def lost(error: OSError) -> OSError | OutputError:
    """What to raise when stdout cannot be written to: the same where its reader has gone, for that is no failure."""
    _forget(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return error
    reason = error.strerror or type(error).__name__
    return OutputError(f"cannot write the result: {reason}", hint="make room, or use -o FILE")


def _forget(stream: TextIO) -> None:
    """Keep the interpreter from trying once more to flush what cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _encodable(text: str, stream: TextIO) -> str:
    """JSON in whatever encoding a stream has: what that cannot hold, or may not, becomes an escape."""
    if text.isascii() or (stream.encoding or "").lower().replace("-", "") == "utf8":
        return text
    import json

    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)


def prepare_streams() -> None:
    """Once, before anything is said or opened: every standard stream is there, and takes any character.

    Where the caller closed one, no file or connection may take its number and be written to as if it were the stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


_current = Output()


def current_output() -> Output:
    """The output of the command that runs, for whoever has to report its failure."""
    return _current


def start_output(output: Output) -> Output:
    """Make an output the current one."""
    global _current  # noqa: PLW0603 - one process runs one command, and its failure is reported outside of it
    _current = output
    return output
