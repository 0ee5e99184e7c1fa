"""Where a command's words go: results to stdout or a file, everything else to stderr."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reconciler.errors import WsyncError

Color = Literal["auto", "always", "never"]


@dataclass
class Output:
    """How one run speaks. `reserve` before the first write finds out early that a file cannot be written.

    What goes to stderr is lost without a word where nobody can take it: no run may fail of that half-way.
    `begun` is set while the service may hold something of this run, so that no failure says otherwise.
    """

    format: str = "text"
    file: Path | None = None
    color: Color = "auto"
    quiet: bool = False
    verbose: int = 0
    begun: bool = False
    _transient: bool = field(default=False, repr=False)

    @property
    def width(self) -> int:
        """Columns of the reader's terminal; 80 where there is none to ask."""
        return max(60, shutil.get_terminal_size((80, 24)).columns)

    @property
    def colored(self) -> bool:
        """Whether results are coloured."""
        return self.file is None and self._wants_color(sys.stdout.isatty())

    @property
    def notes_colored(self) -> bool:
        """Whether notes on stderr are coloured."""
        return self._wants_color(sys.stderr.isatty())

    def _wants_color(self, terminal: bool) -> bool:
        if self.color != "auto":
            return self.color == "always"
        return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def result(self, text: str) -> None:
        """Print a result, or write it to `--output`."""
        text = text if text.endswith("\n") else text + "\n"
        if self.file is not None:
            write_file(self.file, text)
            return
        self.clear()
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line for the person who watches; nothing with `--quiet`."""
        if not self.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """As `note`, but said even with `--quiet`."""
        self.clear()
        _to_stderr(text.rstrip("\n") + "\n")

    def progress(self, text: str) -> None:
        """What is going on now: one line on a terminal that the next one takes over, nothing elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            return
        self.clear()
        _to_stderr(text[: self.width - 1])
        self._transient = True

    def clear(self) -> None:
        """Take a progress line away."""
        if self._transient:
            _to_stderr("\r\x1b[2K")
            self._transient = False

    def reserve(self, *others: Path | None) -> None:
        """Raise now, before anything is done, if the files to be written cannot be."""
        for path in (self.file, *others):
            if path is not None:
                reserve_file(path)


def _to_stderr(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


_current = Output()


def current_output() -> Output:
    """The output of the command that runs, for whoever has to report its failure."""
    return _current


def start_output(output: Output) -> Output:
    """Make an output the current one."""
    global _current  # noqa: PLW0603 - one process runs one command, and its failure is reported outside of it
    _current = output
    return output


def reserve_file(path: Path) -> None:
    """Raise a clear error if `path` could not be written. Leaves what is there as it is."""
    if _is_special(path):
        with _explained(path), path.open("w", encoding="utf-8") as stream:
            if path.is_char_device() and not stream.isatty():
                stream.write("\n")  # a device that is full says so only when it is written to
        return
    with _explained(path), _beside(path) as (_, name):
        Path(name).write_bytes(b"\0" * 65536)  # a full disk says so now


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write the whole file or nothing; readable by its owner only, unless `mode` says otherwise."""
    with _explained(path):
        if _is_special(path):  # a device or pipe, such as /dev/stdout
            with path.open("w", encoding="utf-8") as stream:
                stream.write(text)
            return
        with _beside(path) as (descriptor, name):
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.fchmod(descriptor, mode)
            Path(name).replace(path)


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[int, str]]:
    """A temporary file in the folder of `path`, gone afterwards unless it was moved."""
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WsyncError(
            f"cannot write {path}: {reason}", hint="choose another file, or make room", code="WS020"
        ) from None
