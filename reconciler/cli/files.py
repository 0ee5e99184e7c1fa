"""Writing results to files: whole or not at all, and known beforehand to be possible."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.errors import WsyncError


class OutputError(WsyncError):
    """A result that could not be written."""

    default_code = "WS020"


def reserve_file(path: Path) -> None:
    """Raise a clear error if `path` could not be written. Leaves what is there as it is."""
    with _explained(path):
        if (mode := _special(path)) is not None:
            if stat.S_ISCHR(mode):
                _try_device(path)
            elif not os.access(path, os.W_OK):  # opening a pipe would end it for who reads from it
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        with _beside(path) as (_, name):
            Path(name).write_bytes(b"\0" * 65536)  # a full disk says so now


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write the whole file or nothing; readable by its owner only, unless `mode` says otherwise."""
    with _explained(path):
        if _special(path) is not None:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
            return
        with _beside(path) as (descriptor, name):
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.fchmod(descriptor, mode)
            Path(name).replace(os.path.realpath(path))


_DESCRIPTOR: Final = re.compile(r"/dev/(fd/|std(in|out|err)$)|/proc/")


def _special(path: Path) -> int | None:
    """The mode of what is written to as it is (a device, a pipe, `/dev/stdout`); None for a file to be replaced."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and not _DESCRIPTOR.match(str(path.absolute()))):
        return None
    return mode


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
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name[:100]}.", dir=real.parent)
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
        raise OutputError(
            f"cannot write {path}: {reason}", hint="choose another file, or make room"
        ) from None
