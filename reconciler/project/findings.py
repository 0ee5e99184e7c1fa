"""A finding in a document, and how it becomes a `Problem` with its place in the file.

Places are looked up only when there is something to show: reading a valid project never computes one.
Law: a source line is shown whole only where the finding allows it and nothing in the document is in doubt.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Literal

from reconciler.errors import Problem, Severity
from reconciler.strictyaml import excerpt, locate

Shown = Literal["lines", "keys", "nothing"]
"""What of a document's lines may be shown: all, the keys alone, or nothing for fear that a key is a secret."""


Steps = tuple[str | int, ...]
"""The way into a document: keys of mappings and numbers of list items."""


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file of the project as it was read, once. `name` is relative to the project, with `/`."""

    name: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at `path` of a document: with its value, or with `key` its key.

    `show`: the value there is known to be harmless, so that its line may be shown.
    """

    code: str
    message: str
    path: Steps = ()
    hint: str | None = None
    key: bool = False
    show: bool = False
    severity: Severity = "error"

    def problem(
        self,
        file: File,
        index: int,
        shown: Shown,
        doubtful: Container[int] = (),
        address: str | None = None,
    ) -> Problem:
        """The problem in document `index` of a file. Its line is shown whole if it is not among the `doubtful` ones."""
        place = locate(file.raw, index, self.path, key=self.key)
        reveal = self.show and shown == "lines" and place.line not in doubtful
        line = excerpt(file.raw, place.line, reveal=reveal, column=place.column) if shown != "nothing" else ""
        return Problem(
            self.code,
            self.severity,
            self.message,
            file.name,
            place.line,
            place.column,
            address,
            self.hint,
            line or None,
            # How long a hidden value is, is hidden too.
            place.length if line and (reveal or self.key) else 1,
        )


def doubtful_lines(findings: Iterable[Finding], file: File, index: int) -> frozenset[int]:
    """The lines of values that are wrong and not known to be harmless: another finding must not show them."""
    places = [locate(file.raw, index, f.path, key=False) for f in findings if not (f.show or f.key)]
    return frozenset(line for place in places for line in range(place.line, place.end_line + 1))
