"""Where things stand in a file, and how a line of it may be shown. Read again from the bytes, only for an error.

Law: a line that may hold a secret shows its keys and `…`; what cannot be told to be a key is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.errors import inert
from reconciler.strictyaml.text import MAX_BYTES, lenient

if TYPE_CHECKING:
    from reconciler.strictyaml.outline import Outline

_WIDTH = 120
_TOO_FAR = 400  # a caret so far to the right helps nobody
_COLON = re.compile(r" *: *")
_BULLETS = re.compile(r"[-? ]*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Place:
    """A key or a value in a file. `line` and `column` from 1; `length` counts its characters in that first line.

    `end_line` is the last line it reaches.
    """

    line: int
    column: int
    length: int
    end_line: int


def locate(
    raw: bytes, index: int, path: Sequence[str | int], *, key: bool, offset: int | None = None
) -> Place:
    """Where the value at `path` in document `index` stands, or with `key` its key (of a list item: the item).

    When nothing is there, the place of what is nearest above: its key, or the beginning of the document. With
    `offset`, the place of that character of the value's text, where the text is not folded.
    """
    outline = _outline(raw)
    node = outline.document(index)
    name = None
    for step in path:
        inner = node.entry(step)
        if inner is None:
            return outline.place(name or node)
        name, node = inner
    if offset is not None and not key:
        return outline.inside(node, offset)
    return outline.place(name if key and name else node)


def shown_key(name: str) -> bool:
    """Whether a key looks like one, and not like text that became a key by mistake."""
    return _KEY.fullmatch(name) is not None


def excerpt(raw: bytes, line: int, *, reveal: bool, column: int = 1) -> str:
    """One source line as it may be shown, its columns kept: hidden characters escaped, a long tail cut.

    Without `reveal`, indentation, keys and `…` for everything else. Empty when `column`, where the caret will be, is
    too far to the right to show.
    """
    outline = _outline(raw)
    if not 0 < line <= len(outline.lines) or column > _TOO_FAR:
        return ""
    text = outline.lines[line - 1].replace("\t", " ").rstrip()
    if not reveal:
        text = _keys_only(text, outline.keys.get(line - 1, []))
    return inert(text, max(_WIDTH, column + 40))


def _keys_only(line: str, keys: list[tuple[int, int]]) -> str:
    """The line with everything blanked but what a `:` tells to be a key, and the brackets and commas before it."""
    indent = len(line) - len(line.lstrip(" "))
    sure = [(start, colon.end()) for start, end in keys if (colon := _COLON.match(line, end))]
    if not sure:
        return line[:indent] + "…" if line else ""
    shown = [" "] * len(line)
    bullets = _BULLETS.match(line)
    if bullets and bullets.end() == sure[0][0]:
        shown[: bullets.end()] = bullets.group()
    for start, end in sure:
        before = len(line[:start].rstrip(" {[,"))  # what stands between is structure
        shown[before:end] = line[before:end]
        shown[end : end + 1] = "…" if end < len(line) else ""
    return "".join(shown).rstrip()


@lru_cache(maxsize=2)
def _outline(raw: bytes) -> Outline:
    from reconciler.strictyaml.outline import outline  # loads yaml

    return outline("" if len(raw) > MAX_BYTES else lenient(raw))
