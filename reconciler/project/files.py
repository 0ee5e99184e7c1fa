"""Finding and reading the files of a project.

Laws: nothing outside the project or hidden in it is read, whatever links a pull request plants and whenever it swaps
them; nothing blocks; what cannot be read is a problem, never an empty file.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from reconciler.errors import Problem, hidden
from reconciler.project import codes
from reconciler.strictyaml import MAX_BYTES

PROJECT_FILE = "wsync.yaml"

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# Without O_NONBLOCK, opening a pipe would wait for a writer.
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_SUFFIXES = (".yaml", ".yml")
_LFS = b"version https://git-lfs.github.com/spec/"


class Unusable(Exception):
    """Why a file is not read. The message names no path: whoever reports it says where."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def problem(self, file: str) -> Problem:
        return Problem(self.code, "error", self.message, file, hint=self.hint)


def manifest_files(root: Path) -> tuple[list[str], list[Problem]]:
    """Every manifest file below `root`, relative and sorted, and what could not be searched.

    Hidden files and folders are left out. A `wsync.yaml` further down is an error: whether its folder belongs to this
    project or is one of its own must not be guessed, for what is not declared may be deleted. Links to folders
    are errors for the same reason.
    """
    names: list[str] = []
    problems: list[Problem] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = [e for e in os.scandir(root / folder) if not e.name.startswith(".")]
        except OSError as error:
            problems.append(_unusable(error).problem(folder or "."))
            continue
        if folder and any(e.name == PROJECT_FILE for e in entries):
            message = f"a {PROJECT_FILE} inside of another project"
            hint = "move that project out of this one's folder, or rename the file"
            problems.append(Problem(codes.NESTED, "error", message, folder + PROJECT_FILE, hint=hint))
        for entry in entries:
            name = folder + entry.name
            is_manifest = name.endswith(_SUFFIXES) and entry.name != PROJECT_FILE
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{name}/")
            elif is_manifest and any(map(hidden, name)):
                hint = "rename it with plain characters"
                shown = "".join("\ufffd" if hidden(c) else c for c in name)
                problems.append(
                    Problem(codes.FILE_NAME, "error", "a name that cannot be shown", shown, hint=hint)
                )
            elif is_manifest:
                names.append(name)
            elif entry.is_symlink() and entry.is_dir():
                message, hint = "a link to a folder: it is not entered", "put the folder itself here"
                problems.append(Problem(codes.LINK, "error", message, name, hint=hint))
    return sorted(names), problems


def read(root: Path, name: str) -> tuple[bytes, bool]:
    """The bytes of a regular file below `root`, and whether it has other names (hard links).

    `name` is relative and normal (no `..`). Every folder on the way is opened in the one before it and no link is
    followed, so that what was checked is what is read. Raises `Unusable`.
    """
    try:
        descriptor = _open(root, name.split("/"))
    except OSError as error:
        raise _unusable(error) from None
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise Unusable(codes.NOT_REGULAR, "not a regular file", "put a plain file here")
        # One more than there should be, to notice if it grows.
        raw = os.read(descriptor, min(before.st_size, MAX_BYTES) + 1)
        while len(raw) < before.st_size <= MAX_BYTES and (more := os.read(descriptor, MAX_BYTES)):
            raw += more
        after = os.fstat(descriptor)
    except OSError as error:
        raise _unusable(error) from None
    finally:
        os.close(descriptor)
    if len(raw) > MAX_BYTES:
        raise Unusable(codes.TOO_LARGE, "larger than 1 MiB", "split it into several files")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(
        raw
    ) != after.st_size:
        raise Unusable(codes.UNREADABLE, "it changed while it was read", "run the command again")
    if raw.startswith(_LFS):
        raise Unusable(codes.LFS_POINTER, "a Git LFS pointer, not the file itself", "run `git lfs pull`")
    return raw, after.st_nlink > 1


def names_beside(root: Path, name: str) -> list[str]:
    """Names of what is in the folder of a file that may not exist, hidden ones left out; for a hint."""
    *folders, _ = name.split("/")
    try:
        folder = _open(root, folders, _FOLDER)
    except OSError:
        return []
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a descriptor has no Path
        return [n for n in names if not n.startswith(".") and not any(map(hidden, n))]
    finally:
        os.close(folder)


def _open(root: Path, parts: list[str], last: int = _FILE) -> int:
    """A descriptor of what is at the end of `parts`, opened with the flags `last`; of `root` itself without any."""
    if ".." in parts:
        raise FileNotFoundError(errno.ENOENT, "not a normal name")
    if os.open not in os.supports_dir_fd:
        return _open_without_dir_fd(root, parts, last)
    here = os.open(root, _FOLDER)
    for n, part in enumerate(parts, 1):
        above = here
        try:
            here = os.open(part, (last if n == len(parts) else _FOLDER) | _NO_LINK, dir_fd=above)
        except NotADirectoryError:
            # What Linux says of a link where a folder is asked for and links are not followed.
            if stat.S_ISLNK(os.stat(part, dir_fd=above, follow_symlinks=False).st_mode):
                raise OSError(errno.ELOOP, "link") from None
            raise
        finally:
            os.close(above)
    return here


def _open_without_dir_fd(root: Path, parts: list[str], last: int) -> int:
    path = root
    for part in parts:
        path /= part
        if path.is_symlink():
            raise OSError(errno.ELOOP, "link")
    return os.open(path, last | getattr(os, "O_BINARY", 0))


def _unusable(error: OSError) -> Unusable:
    match error.errno:
        case errno.ELOOP | errno.EMLINK:  # EMLINK: so says FreeBSD
            hint = "put the file itself here, or name it directly"
            return Unusable(codes.LINK, "a symbolic link, or behind one: links are not followed", hint)
        case errno.ENXIO:
            return Unusable(codes.NOT_REGULAR, "not a regular file", "put a plain file here")
        case errno.ENOENT | errno.ENOTDIR:
            return Unusable(codes.UNREADABLE, "there is no such file", "check its name")
        case errno.EACCES | errno.EPERM:
            return Unusable(codes.UNREADABLE, "not readable: permission denied", "let this user read it")
        case _:
            reason = os.strerror(error.errno) if error.errno else "unknown error"
            return Unusable(codes.UNREADABLE, f"not readable: {reason}", "make it readable, then run again")
