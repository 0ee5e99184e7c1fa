"""Lines for a terminal or a log: their width, wrapping and colour.

Law: no output holds a line that a CI runner would take for a command, whatever names and SQL hold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from reconciler.errors import inert

Paint = Callable[[str, str], str]
"""`paint(style, text)`: the text, coloured or not. Colour is only ever an addition to what is said."""

_SGR: Final = {
    "create": "32",
    "update": "33",
    "replace": "35",
    "delete": "31",
    "+": "32",
    "-": "31",
    "danger": "1;31",
    "warning": "33",
    "good": "32",
    "strong": "1",
    "faint": "2",
}


def painter(*, color: bool) -> Paint:
    if not color:
        return lambda _style, text: text
    return lambda style, text: f"\x1b[{_SGR[style]}m{text}\x1b[0m" if text else text


# ---------------------------------------------------------------------------------- width


def cells(text: str) -> int:
    """How many columns a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def padded(text: str, width: int) -> str:
    """At least `width` columns, and at least two blanks behind the text."""
    return text + " " * max(width - cells(text), 2)


def cut(text: str, room: int) -> str:
    """Cut in the middle to at most `room` columns; what stands at both ends tells names apart best."""
    if cells(text) <= room:
        return text
    keep = max(room - 1, 2)
    while True:
        head, tail = text[: keep - keep // 2], text[len(text) - keep // 2 :]
        if keep <= 2 or cells(head) + cells(tail) < room:
            return f"{head}…{tail}"
        keep -= 1


def wrapped(text: str, width: int, *, first: str = "", rest: str | None = None) -> str:
    """Words in lines of at most `width` columns, after `first`, and after `rest` from the second line on.

    What stands between backticks is not torn apart: it is a line to copy.
    """
    rest = first if rest is None else rest
    lines, line, used = [], first, cells(first)
    empty = True
    for word in re.findall(r"(?:`[^`]*`|\S)+", text):
        if not empty and used + 1 + cells(word) > width:
            lines.append(line)
            line, used, empty = rest, cells(rest), True
        line += word if empty else f" {word}"
        used += cells(word) + (not empty)
        empty = False
    return "\n".join([*lines, line])


# ------------------------------------------------------------------------------- commands

# Code points that a comparison by ICU, as in GitHub's runner, does not see; `inert` removes the others.
_UNSEEN: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
)
_GAP: Final = f"[{_UNSEEN}]*"
# `::name …::` counts at the start of a line after any white space, `##[name …]` anywhere (Azure's is `##vso[`).
_COMMAND: Final = re.compile(
    rf"(?P<start>^(?:[^\S\n]|[{_UNSEEN}])*):(?={_GAP}:.*:{_GAP}:)"
    rf"|#(?={_GAP}#[A-Za-z{_UNSEEN}-]*\[)",
    re.MULTILINE,
)


def disarmed(output: str) -> str:
    r"""A whole output in which no line is a command to a CI runner: its first sign is shown as `\x3a` or `\x23`."""
    if "::" not in output and "##" not in output and output.isascii():
        return output
    return _COMMAND.sub(lambda match: r"\x23" if match["start"] is None else rf"{match['start']}\x3a", output)


def shown(text: object) -> str:
    """Anything foreign on one line: hidden characters, line ends among them, become escapes."""
    return inert(str(text))
