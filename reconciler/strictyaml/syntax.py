"""What the parsers disagree about or say badly: tabs, directives, and the place and reason of a syntax error.

Law: a verdict that the two parsers would not share is made here, for both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.strictyaml.complaints import TAB, TRANSLATIONS, UNKNOWN, UNQUOTED_TEMPLATE, Complaint
from reconciler.strictyaml.events import SCALAR, Event, Mark, NotYaml, read_events

_COMMENT = re.compile(r"(?:^|\s)#")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+(?:\s|#[^\n]*)*")
_CLINGING_COMMENT = re.compile(r"[|>][-+0-9]*#")
# What comes before the text of a block; a tab that would decide about its indentation belongs to it.
_BLOCK_HEAD = re.compile(r"[|>][-+]*[0-9][^\n]*\n|[|>][^\n]*\n(?: *\n)*(?: *\t)?")
_TAB_FIRST = re.compile(r" *\t")
_DIRECTIVE = re.compile(r"^%(?!YAML 1\.2 *$)", re.MULTILINE)
_TEMPLATE = re.compile(r"(?<![^\s\[{,])\{[{%]")


@dataclass(frozen=True, slots=True)
class Explained:
    """A syntax error. `index` is where to point; before `trusted` the parser understood everything."""

    complaint: Complaint
    index: int
    trusted: int


def explain(text: str, error: NotYaml) -> Explained:
    """A parser's error as a complaint of ours, with the place that a person would look at."""
    problem = str(getattr(error, "problem", None) or "")
    context = str(getattr(error, "context", None) or "")
    at = _index(getattr(error, "problem_mark", None), len(text))
    began = _index(getattr(error, "context_mark", None), at)
    trusted = began if "quoted scalar" in context else at
    line_start = text.rfind("\n", 0, at) + 1
    if _TAB_FIRST.match(text, line_start) and trusted == at:
        return Explained(TAB, text.index("\t", line_start), at)
    template = _unquoted_template(text, line_start)
    if template is not None:
        return Explained(UNQUOTED_TEMPLATE, template, trusted)
    for pattern, complaint, use_context in TRANSLATIONS:
        if re.search(pattern, problem) or re.search(pattern, context):
            return Explained(complaint, began if use_context else at, trusted)
    return Explained(UNKNOWN, at, trusted)


def _index(mark: Mark | None, default: int) -> int:
    return default if mark is None else min(int(mark.index), default)


def _unquoted_template(text: str, line_start: int) -> int | None:
    line_end = text.find("\n", line_start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    found = _TEMPLATE.search(line)
    if found is None or '"' in line[: found.start()] or "'" in line[: found.start()]:
        return None
    return line_start + found.start()


def foreign_directives(text: str) -> list[int]:
    """Where lines begin with `%` that are not `%YAML 1.2`."""
    if not text.startswith("%") and "\n%" not in text:
        return []
    return [found.start() for found in _DIRECTIVE.finditer(text)]


def stray_tab(text: str, limit: int) -> int | None:
    """The first tab up to `limit` that stands in no quotes, block text or comment."""
    tab = text.find("\t", 0, limit + 1)
    if tab < 0:
        return None
    ends = 0
    for start, end in [*_texts(text[:limit]), (limit + 1, limit + 1)]:
        while 0 <= tab < start:
            line_start = max(text.rfind("\n", 0, tab) + 1, ends)
            if not _COMMENT.search(text[line_start:tab]):
                return tab
            line_end = text.find("\n", tab)  # a comment reaches to it
            tab = text.find("\t", line_end, limit + 1) if line_end >= 0 else -1
        if 0 <= tab < end:
            tab = text.find("\t", end, limit + 1)
        ends = end
    return None


def bad_block_head(text: str, event: Event) -> bool:
    """Whether a comment clings to the `|` or `>` of a block text, which only libyaml lets pass."""
    return _CLINGING_COMMENT.match(text, _text_start(text, event)) is not None


def _text_start(text: str, event: Event) -> int:
    """Where a scalar begins after its anchor."""
    start = event.start_mark.index
    if event.anchor is not None and (anchor := _ANCHOR.match(text, start)):
        return anchor.end()
    return start


def _texts(text: str) -> list[tuple[int, int]]:
    """From where to where the quoted and block texts reach that the parser can find."""
    spans = []
    for event in read_events(text):
        if type(event) is SCALAR and event.style:
            start, end = _text_start(text, event), event.end_mark.index
            if event.style in "|>":
                head = _BLOCK_HEAD.match(text, start, end)
                start = head.end() if head else end
            spans.append((start, end))
    return spans
