"""YAML events to plain data: no composer, no constructor, no resolver.

Law: what two readers could read differently (duplicate keys, tags, merge keys, numbers as keys) is a problem, never
a choice; and nothing that is small on disk becomes large or deep in memory.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from reconciler.errors import Problem
from reconciler.strictyaml import complaints, events, syntax
from reconciler.strictyaml.complaints import Complaint
from reconciler.strictyaml.documents import Document
from reconciler.strictyaml.events import MAX_DEPTH, NULLS, Event, Mark, NotYaml, event_parser, is_text_key
from reconciler.strictyaml.text import line_and_column, unseen

_MAX_NODES = 200_000
_MAX_PROBLEMS = 50


def build(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """The documents of a text that `decode` let through, and what is wrong with them, without excerpts."""
    builder = _Builder(text, file)
    with suppress(_GiveUp):
        builder.read()
    return builder.documents, builder.problems


class _GiveUp(Exception):
    """The rest of the file is not worth reading; the reason is among the problems."""


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for: how many nodes, and how many levels of collections."""

    data: object
    nodes: int
    height: int


class _Builder:
    """Goes down the events of one file; the depth of its calls is that of the file, and bounded."""

    def __init__(self, text: str, file: str) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self._text = text
        self._file = file
        self._next = event_parser(text).get_event
        self._anchors: dict[str, _Anchored | None] = {}  # None: not yet complete
        self._nodes = 0
        self._depth = 0
        self._deepest = 0
        self._flow = 0  # how many brackets are open

    def read(self) -> None:
        for index in syntax.foreign_directives(self._text):
            self._complain(complaints.DIRECTIVE, index)
        error = None
        blank: list[tuple[int, int]] = []
        try:
            blank = self._read_documents()
        except NotYaml as raised:
            error = syntax.explain(self._text, raised)
        tab = syntax.stray_tab(self._text, error.trusted if error else len(self._text))
        if tab is not None:
            self._complain(complaints.TAB, tab)
        elif error is None:
            self._complain_of_blanks(blank)
        else:
            line = line_and_column(self._text, error.index)[0]
            if all(problem.line != line for problem in self.problems):  # else the cause is told already
                self._complain(error.complaint, error.index)

    def _read_documents(self) -> list[tuple[int, int]]:
        """Fills `documents`; returns index and line of those with nothing in them."""
        blank = []
        index = 0
        self._next()  # the stream's start
        while type(self._next()) is events.DOCUMENT_START:
            self._anchors = {}
            root = self._next()
            line = root.start_mark.line + 1
            data = self._node(root)
            if data is None:
                blank.append((index, line))
            else:
                self.documents.append(Document(data, line, index))
            self._next()  # the document's end
            index += 1
        return blank

    def _node(self, event: Event) -> object:
        kind = type(event)
        if kind is events.SCALAR:
            value = event.value
            self._look_at_scalar(event)
            data = None if not event.style and value in NULLS else value
            if event.anchor is not None:
                self._anchor(event, _Anchored(data, 1, 0))
            return data
        return self._alias(event) if kind is events.ALIAS else self._collection(event)

    def _look_at_scalar(self, event: Event) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            self._give_up(complaints.TOO_MANY_NODES, event)
        if event.tag is not None:
            self._complain(complaints.TAG, event.start_mark.index)
        style = event.style
        if not style:
            if self._flow and "?" in event.value:
                self._complain(complaints.FLOW_QUESTION_MARK, event.start_mark.index)
        elif style == '"':
            if not event.value.isprintable() and (char := unseen(event.value)):
                self._complain(complaints.unseen_escape(char), event.start_mark.index)
        elif style != "'" and syntax.bad_block_head(self._text, event):
            self._complain(complaints.BLOCK_HEAD, event.start_mark.index)

    def _collection(self, event: Event) -> object:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            self._give_up(complaints.TOO_MANY_NODES, event)
        if self._depth == MAX_DEPTH:
            self._give_up(complaints.TOO_DEEP, event)
        if event.tag is not None:
            self._complain(complaints.TAG, event.start_mark.index)
        if event.anchor is not None:
            self._anchor(event, None)
        outside, before, flow = self._deepest, self._nodes - 1, bool(event.flow_style)
        self._depth += 1
        self._flow += flow
        self._deepest = self._depth
        data = self._mapping(event) if type(event) is events.MAPPING_START else self._sequence()
        self._flow -= flow
        self._depth -= 1
        if event.anchor is not None:
            height = self._deepest - self._depth
            self._anchors[event.anchor] = _Anchored(data, self._nodes - before, height)
        self._deepest = max(outside, self._deepest)
        return data

    def _sequence(self) -> list[object]:
        data = []
        while type(event := self._next()) is not events.SEQUENCE_END:
            data.append(self._node(event))
        return data

    def _mapping(self, start: Event) -> dict[str, object]:
        data: dict[str, object] = {}
        keys: dict[str, Mark] = {}
        while type(event := self._next()) is not events.MAPPING_END:
            if type(event) is events.SCALAR:
                usable = self._is_usable_key(event, keys)
            else:
                usable = False
                self._complain_of_node_as_key(event, start)
            value = self._node(self._next())
            if usable:
                data[event.value] = value
        return data

    def _is_usable_key(self, event: Event, keys: dict[str, Mark]) -> bool:
        """Whether the mapping takes this key, which is then in `keys`; else it is complained of."""
        self._look_at_scalar(event)
        name = event.value
        if event.anchor is not None:
            complaint = complaints.ANCHORED_KEY
        elif not event.style and not is_text_key(name):
            complaint = complaints.MERGE_KEY if name == "<<" else complaints.KEY_NOT_TEXT
        elif name in keys:
            complaint = complaints.duplicate(name, keys[name].line + 1)
        else:
            keys[name] = event.start_mark
            return True
        self._complain(complaint, event.start_mark.index, event.end_mark.index)
        return False

    def _complain_of_node_as_key(self, event: Event, mapping: Event) -> None:
        """`{{ var.x }}` without quotes is that to YAML: a mapping that is a key of a mapping."""
        outer = mapping.start_mark.index
        if type(event) is events.MAPPING_START and self._text.startswith("{{", outer):
            self._complain(complaints.UNQUOTED_TEMPLATE, outer)
        else:
            self._complain(complaints.KEY_NOT_TEXT, event.start_mark.index)
        problems = self.problems
        self.problems = []  # what is wrong inside of it does not matter any more
        try:
            self._node(event)
        finally:
            self.problems = problems

    def _alias(self, event: Event) -> object:
        name = str(event.anchor)
        target = self._anchors.get(name)
        if target is None:
            unfinished = name in self._anchors
            self._complain(
                complaints.RECURSIVE_ALIAS if unfinished else complaints.UNDEFINED_ALIAS,
                event.start_mark.index,
            )
            return ""
        self._nodes += target.nodes
        if self._nodes > _MAX_NODES:
            self._give_up(complaints.TOO_MANY_NODES, event)
        if self._depth + target.height > MAX_DEPTH:
            self._give_up(complaints.TOO_DEEP, event)
        self._deepest = max(self._deepest, self._depth + target.height)
        return target.data

    def _anchor(self, event: Event, anchored: _Anchored | None) -> None:
        name = str(event.anchor)
        if name in self._anchors:
            self._complain(complaints.ANCHOR_TWICE, event.start_mark.index)
        self._anchors[name] = anchored

    def _give_up(self, complaint: Complaint, event: Event) -> None:
        self._complain(complaint, event.start_mark.index)
        raise _GiveUp

    def _complain(self, complaint: Complaint, index: int, end: int | None = None) -> None:
        line, column = line_and_column(self._text, index)
        self._report(complaint, line, column, max(1, (end or 0) - index))

    def _report(self, what: Complaint, line: int, column: int, length: int) -> None:
        problem = Problem(
            what.code, what.severity, what.message, self._file, line, column, hint=what.hint, length=length
        )
        self.problems.append(problem)
        if len(self.problems) == _MAX_PROBLEMS:
            raise _GiveUp

    def _complain_of_blanks(self, blank: list[tuple[int, int]]) -> None:
        """Of a file without any document once; a last one with nothing in it is only a `---` too many."""
        if not self.documents and not self.problems:
            self._report(complaints.BLANK_FILE, 0, 0, 1)
            return
        last = len(self.documents) + len(blank) - 1
        for index, line in blank:
            if index != last:
                self._report(complaints.BLANK_DOCUMENT, line, 1, 1)
