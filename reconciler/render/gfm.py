"""Foreign text in GitHub's Markdown: inert, whatever it holds.

Law: no link, image, heading, HTML, mention or issue reference comes from a name, a value or a message.
Code spans and fences are the only places where foreign characters stand: GitHub looks for mentions,
references and addresses everywhere else, and entities do not hide them from it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.errors import inert

_LONGEST: Final = 5000  # characters of a sentence
_BACKTICKS: Final = re.compile("`+")
_ALPHABETIC: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_LIKE_A_COMMIT: Final = re.compile(r"[0-9a-f]{7,}", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d{1,6}|\d{4}-\d\d-\d\d|\d\d:\d\d", re.ASCII)  # dates and times, too
_SIGNS: Final = frozenset("·→…—–−")


def code(text: object, *, cell: bool = False) -> str:
    """A code span. In a table's `cell` a bar would end the cell, even here, and is shown as an escape."""
    inside = inert(str(text)) or '""'
    if cell:
        inside = inside.replace("|", r"\x7c")
    if "`" not in inside and inside.strip() == inside:
        return f"`{inside}`"
    ticks = "`" * (max(map(len, _BACKTICKS.findall(inside)), default=0) + 1)
    return f"{ticks} {inside} {ticks}"


def prose(text: str, *, cell: bool = False) -> str:
    """A sentence: plain words stay as they are, anything else becomes a code span, as does what was one."""
    parts = inert(text, _LONGEST).split("`")
    if len(parts) % 2 == 0:  # one too many: none of them means anything
        parts = [" ".join(parts)]
    said = [_words(part, cell=cell) if n % 2 == 0 else code(part, cell=cell) for n, part in enumerate(parts)]
    return "".join(said)


def _words(text: str, *, cell: bool) -> str:
    """The words of a text; neighbours that have to be code share one span."""
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and text.strip() else ""
    said: list[str] = []
    span: list[str] = []
    for opening, core, closing in map(_parts, re.findall(r'"(?:[^"\\]|\\.)*"[^\s"]*|\S+', text)):
        plain = _is_plain(core) and not (core.isdigit() and closing[:1] in (".", ")"))  # a list begins so
        if span and (opening or (plain and not core.isdigit())):
            said.append(code(" ".join(span), cell=cell))
            span = []
        if plain and not span:
            said.append(opening + core + closing)
            continue
        if closing or opening:
            said.append(opening + code(" ".join([*span, core]), cell=cell) + closing)
            span = []
        else:
            span.append(core)
    return lead + " ".join([*said, *([code(" ".join(span), cell=cell)] if span else [])]) + trail


def _parts(token: str) -> tuple[str, str, str]:
    """Brackets and stops before, the word, and those behind; a bracket that the word itself opens belongs to it."""
    opening = "(" if token.startswith("(") else ""
    core = token[len(opening) :].rstrip("),.;:?")
    closing = token[len(opening) + len(core) :]
    while closing.startswith(")") and core.count("(") > core.count(")"):
        core, closing = core + ")", closing[1:]
    return opening, core, closing


def _is_plain(core: str) -> bool:
    if not core or core in _SIGNS or _NUMBER.fullmatch(core):
        return True
    return bool(_ALPHABETIC.fullmatch(core)) and not _LIKE_A_COMMIT.fullmatch(core)


def fence(lines: Iterable[str], language: str = "") -> str:
    """A fenced block whose fence is longer than any in it."""
    body = "\n".join(inert(line, keep="\t") for line in lines)
    ticks = "`" * max(3, max(map(len, _BACKTICKS.findall(body)), default=0) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def row(*cells: str) -> str:
    """A table's row; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[str]) -> str:
    return "\n".join([row(*head), "|" + "---|" * len(head), *rows])


def details(summary: Sequence[str], body: str) -> str:
    """Something folded. The summary's parts stand as code, separated by dots; the body is Markdown."""
    said = " · ".join(f"<code>{html.escape(inert(part))}</code>" for part in summary)
    return f"<details><summary>{said}</summary>\n\n{body}\n\n</details>"


def alert(kind: str, lines: Iterable[str]) -> str:
    """A box; `kind` is GitHub's word, such as `CAUTION`."""
    return "\n".join(["> " + line if line else ">" for line in (f"[!{kind}]", *lines)])


def within(limit: int | None, *renderings: str) -> str:
    """The first of the renderings that fits. None is ever cut: a span cut in two would come alive."""
    if limit is None:
        return renderings[0]
    return next((text for text in renderings if len(text) <= limit), "Too long to show here.\n"[:limit])
