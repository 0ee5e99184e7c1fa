"""One tree of errors; each knows its exit code, a stable code and what to do next.

Law: no message holds a value that a user declared secret or a server sent unsanitised; whoever
puts foreign text into a message passes it through `inert` first.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Literal


class Exit(IntEnum):
    """The frozen exit codes of every command."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    PARTIAL = 3
    REFUSED = 4
    UNHEALTHY = 5
    USAGE = 64
    INTERRUPTED = 130


class WsyncError(Exception):
    """Anything that ends a command in one clear sentence instead of a traceback.

    `message` says what and where, `hint` what to type or change. Both are printed as they are.
    """

    exit_code: ClassVar[Exit] = Exit.ERROR
    default_code: ClassVar[str] = "WS000"

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code
        self.known: Mapping[str, object] = {}  # what else a JSON report of the failure can tell


class UsageError(WsyncError):
    """The command line itself is wrong."""

    exit_code = Exit.USAGE
    default_code = "WS001"


class ProjectError(WsyncError):
    """There is no project, or `wsync.yaml` or a target in it cannot be used."""

    default_code = "WS010"


class SecretError(WsyncError):
    """A secret that must be sent is missing, empty or looks like a mask. Never holds the value."""

    default_code = "WS201"


class OutputError(WsyncError):
    """A result that could not be written."""

    default_code = "WS020"


class HostNotAllowed(WsyncError):
    """A host that the environment does not vouch for: credentials are not sent there."""

    default_code = "WS401"


class ApiError(WsyncError):
    """The API or the way to it failed, and nothing can be concluded from it."""

    default_code = "WS400"


class PlanFileError(WsyncError):
    """A plan file that cannot be read as a plan, or whose digests do not follow from its content."""

    default_code = "WS501"


class Refused(WsyncError):
    """Refused before any write: not approved, stale, or stopped by a guard."""

    exit_code = Exit.REFUSED
    default_code = "WS500"


class Interrupted(WsyncError):
    """Ctrl-C or SIGTERM before anything was written."""

    exit_code = Exit.INTERRUPTED
    default_code = "WS130"


Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a project's files. `line` and `column` count from 1; 0 means the whole file.

    `excerpt` is the source line as it may be shown: the manifest package cuts values from it that
    may be secret. `length` is how many characters the caret underlines, in that line.
    """

    code: str
    severity: Severity
    message: str
    file: str
    line: int = 0
    column: int = 0
    address: str | None = None
    hint: str | None = None
    excerpt: str | None = None
    length: int = 1

    @property
    def place(self) -> str:
        """`file:line:col`, or the file alone where no line is known."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def sort_key(self) -> tuple[str, int, int, str, str]:
        return (self.file, self.line, self.column, self.code, self.message)


class InvalidProject(WsyncError):
    """Problems in `wsync.yaml` or in manifests: all of them, in order of place."""

    default_code = "WS100"

    def __init__(self, problems: Sequence[Problem], *, files: int = 0) -> None:
        self.problems = tuple(sorted(problems, key=Problem.sort_key))
        self.files = files
        errors = [p for p in self.problems if p.severity == "error"]
        first = errors[0] if errors else self.problems[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{first.place}: {first.message}{more}", hint=first.hint, code=first.code)


_BIDI_AND_ZERO_WIDTH = frozenset(
    "\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def hidden(char: str) -> bool:
    """Whether a character moves the cursor, turns the text around or cannot be seen."""
    if char.isascii():
        return not char.isprintable()
    return char in _BIDI_AND_ZERO_WIDTH or unicodedata.category(char) in (
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
        "Co",
        "Cn",
    )


def inert(text: str, limit: int | None = None, *, keep: str = "") -> str:
    r"""Foreign text made safe for a terminal or a log: hidden characters become `\u….` escapes.

    Characters in `keep` (say, a newline) stay. `limit` counts characters; a cut is marked with `…`.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    escapes = {
        ord(c): f"\\x{ord(c):02x}" if ord(c) < 0x100 else f"\\u{ord(c):04x}"
        for c in set(text)
        if c not in keep and hidden(c)
    }
    return text.translate(escapes) if escapes else text


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The nearest known word, for a hint; None when nothing is near."""
    import difflib  # only mistakes need it

    candidates = {k.lower(): k for k in known}
    near = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[near[0]] if near else None
