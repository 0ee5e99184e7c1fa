"""Two texts of several lines as the lines that differ, with some of what stands around them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

CONTEXT: Final = 3
_TOO_MANY: Final = 4_000_000  # comparisons; beyond that a block counts as rewritten as a whole


class Line(NamedTuple):
    """`mark`: a space, `-`, `+`, or `@` for a note on lines left out."""

    mark: str
    text: str


@functools.lru_cache(maxsize=1024)  # its size stands in one place, its lines in another
def diff(before: str, after: str) -> tuple[Line, ...]:
    """A unified diff. Only a newline ends a line: anything else in a line is part of it."""
    old, new = (text.split("\n") for text in _comparable(before, after))
    head, tail = _same_ends(old, new)
    blocks = [
        (head + i1, head + i2, head + j1, head + j2)
        for i1, i2, j1, j2 in _blocks(old[head : len(old) - tail], new[head : len(new) - tail])
    ]
    return tuple(_lines(blocks, old, new))


def _comparable(before: str, after: str) -> tuple[str, str]:
    """Without what only clutters a diff, unless it is all that differs: line ends of Windows, empty last lines."""
    plain = [text.replace("\r\n", "\n").rstrip("\n") for text in (before, after)]
    return (before, after) if plain[0] == plain[1] else (plain[0], plain[1])


def _same_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many lines are equal at the beginning and, of the rest, at the end."""
    most = min(len(old), len(new))
    head = next((n for n in range(most) if old[n] != new[n]), most)
    tail = next((n for n in range(most - head) if old[-1 - n] != new[-1 - n]), most - head)
    return head, tail


def _blocks(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    if not old or not new or len(old) * len(new) > _TOO_MANY:
        return [(0, len(old), 0, len(new))]
    codes = SequenceMatcher(None, old, new).get_opcodes()
    return [(i1, i2, j1, j2) for tag, i1, i2, j1, j2 in codes if tag != "equal"]


def _lines(blocks: list[tuple[int, int, int, int]], old: list[str], new: list[str]) -> Iterator[Line]:
    shown = 0  # lines of `old` that are behind us
    for n, (i1, i2, j1, j2) in enumerate(blocks):
        start = max(i1 - CONTEXT, shown)
        if start > shown:
            yield _left_out(start - shown, "between" if n else "above")
        yield from (Line(" ", text) for text in old[start:i1])
        yield from _marked(old[i1:i2], new[j1:j2])
        following = blocks[n + 1][0] if n + 1 < len(blocks) else len(old)
        shown = min(i2 + CONTEXT, following)
        yield from (Line(" ", text) for text in old[i2:shown])
    if shown < len(old):
        yield _left_out(len(old) - shown, "below")


def _left_out(count: int, where: str) -> Line:
    return Line("@", f"@@ {lines(count)} {where}")


def lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _marked(gone: list[str], come: list[str]) -> Iterator[Line]:
    """White space is made visible where it is the only difference."""
    unlike = set(gone) ^ set(come)
    blurred = {_squeezed(text) for text in gone if text in unlike} & {
        _squeezed(text) for text in come if text in unlike
    }
    for mark, texts in (("-", gone), ("+", come)):
        for text in texts:
            yield Line(mark, _blanks(text) if blurred and _squeezed(text) in blurred else text)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _blanks(text: str) -> str:
    """Tabs as `⇥`, leading and trailing spaces as `·`."""
    bare = text.strip(" \t")
    start = text.index(bare) if bare else len(text)
    head, tail = text[:start].replace(" ", "·"), text[start + len(bare) :].replace(" ", "·")
    return f"{head}{bare}{tail}".replace("\t", "⇥")


def counts(found: tuple[Line, ...]) -> str:
    """`+3 −1`: how many lines come and go."""
    come, gone = (sum(line.mark == mark for line in found) for mark in "+-")
    return f"+{come} −{gone}"
