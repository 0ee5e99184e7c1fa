"""Writing results to files: whole or not at all, and known beforehand to be possible."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.errors import OutputError


def reserve_file(path: Path) -> None:
    """Raise a clear error if `path` could not be written. Leaves what is there as it is."""
    with _explained(path):
        if (number := _descriptor(path)) is not None:
            os.fstat(number)
            return
        if _is_special(path):
            if path.is_char_device():
                _try_device(path)
            elif not os.access(path, os.W_OK):  # opening a pipe would end it for who reads from it
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        with _beside(path) as (_, name):
            Path(name).write_bytes(b"\0" * 65536)  # a full disk says so now


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write the whole file or nothing; readable by its owner only, unless `mode` says otherwise."""
    with _explained(path):
        number = _descriptor(path)
        if number is not None or _is_special(path):
            opened = os.open(path, os.O_WRONLY | os.O_APPEND) if number is None else os.dup(number)
            with os.fdopen(opened, "w", encoding="utf-8") as stream:
                stream.write(text)
            return
        with _beside(path) as (descriptor, name):
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.fchmod(descriptor, mode)
            Path(name).replace(os.path.realpath(path))


_STANDARD: Final = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED: Final = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")


def _descriptor(path: Path) -> int | None:
    """The number of the open file that `/dev/stdout` and its kind stand for: opened anew, it would begin at its start."""
    match = _NUMBERED.fullmatch(str(path))
    return int(match[1]) if match else _STANDARD.get(str(path))


def _is_special(path: Path) -> bool:
    """Whether a path is a device or a pipe, which is written to as it is."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _try_device(path: Path) -> None:
    """`/dev/full` says so only when it is written to."""
    with path.open("ab", buffering=0) as device:
        if not device.isatty():
            device.write(b"\n")


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[int, str]]:
    """A temporary file in the folder of `path` (or of what it links to), gone afterwards unless it was moved."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    real = Path(os.path.realpath(path))
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix=f".{real.name[:100]}.", dir=real.parent)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there."""
    with _explained(path):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(
            f"cannot write {path}: {reason}", hint="choose another file, or make room"
        ) from None
