"""What is said of a bug: where it is, and nothing of what it held."""

from __future__ import annotations

import hashlib
import os
import traceback
from pathlib import Path

from reconciler.errors import WsyncError


class UnexpectedError(WsyncError):
    """A failure that nobody thought of."""

    default_code = "WS999"


def unexpected(error: BaseException) -> UnexpectedError:
    """An error named by where it happened; its text and its locals may hold anything, so neither is shown."""
    frames = [(Path(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    ours = [f for f in frames if "reconciler" in f[0].parts] or frames or [(Path("?"), 0)]
    file, line = ours[-1]
    trail = "|".join(f"{path.name}:{number}" for path, number in frames)
    name = hashlib.sha256(f"{type(error).__name__}|{trail}".encode()).hexdigest()[:8]
    return UnexpectedError(
        f"an unexpected error: {_kind(error)} at {file.parent.name}/{file.name}:{line} (id {name})",
        hint="this is a bug in wsync: please report this line, the command and the version (wsync version)",
    )


def _kind(error: BaseException) -> str:
    """The class of an error, and of one that the system raised its number in words."""
    name = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} ({os.strerror(error.errno)})"
    return name
