"""The tree of a file's nodes with their positions, as far as the file can be understood at all.

Law: building it never fails; a broken file has an outline of what stands before the break.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from reconciler.strictyaml import events
from reconciler.strictyaml.events import Event, Mark
from reconciler.strictyaml.places import Place, shown_key

_MAX_EVENTS = 500_000
_ANCHOR = re.compile(r"&\S+ +")
# One character of a text, as it is written in each kind of quotes.
_CHARACTERS = {
    "": re.compile(r"."),
    "'": re.compile(r"''|."),
    '"': re.compile(r"\\x..|\\u.{4}|\\U.{8}|\\.|."),
}


@dataclass(slots=True)
class _Top:
    index: int = 0
    line: int = 0
    column: int = 0


_TOP = _Top()


@dataclass(slots=True)
class Node:
    """One node. `items` of a mapping: key to the nodes of key and value; of a list: its nodes."""

    start: Mark
    end: Mark
    mapping: dict[str, tuple[Node, Node]] | None = None
    items: list[Node] | None = None
    key: Node | None = None  # while building: the key whose value comes next
    name: str | None = None
    style: str | None = None  # of a scalar: its quote, `|` or `>`

    def entry(self, step: str | int) -> tuple[Node | None, Node] | None:
        """The key, where there is one, and the value at one step of a path."""
        if isinstance(step, str):
            return (self.mapping or {}).get(step)
        items = self.items or []
        return (None, items[step]) if 0 <= step < len(items) else None


@dataclass(slots=True)
class Outline:
    """`keys` maps a line, from 0, to the columns between which keys stand in it."""

    lines: list[str]
    documents: list[Node] = field(default_factory=list)
    keys: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def document(self, index: int) -> Node:
        if 0 <= index < len(self.documents):
            return self.documents[index]
        return Node(_TOP, _TOP)

    def inside(self, node: Node, offset: int) -> Place:
        """The place of one character of a scalar's text; of the whole where lines are folded into one."""
        lines = self.lines
        at, column = node.start.line, node.start.column
        anchor = _ANCHOR.match(lines[at], column)
        column = anchor.end() if anchor else column
        if node.style == "|":
            text = lines[at + 1 : self._last_line(node) + 1]
            indent = min((len(line) - len(line.lstrip(" ")) for line in text if line.strip()), default=0)
            for number, line in enumerate(text, at + 1):
                length = max(0, len(line) - indent)
                if offset <= length:
                    return Place(number + 1, indent + offset + 1, 1, number + 1)
                offset -= length + 1
        elif node.end.line == at and node.style != ">" and node.mapping is None and node.items is None:
            quote = node.style or ""
            source = lines[at][column + len(quote) : node.end.column - len(quote)]
            before = list(islice(_CHARACTERS[quote].finditer(source), offset))
            column += len(quote) + (before[-1].end() if before else 0)
            return Place(at + 1, column + 1, 1, at + 1)
        return self.place(node)

    def place(self, node: Node) -> Place:
        start, end = node.start, node.end
        first_key = next(iter(node.mapping.values()))[0] if node.mapping and end.line != start.line else None
        if first_key is not None and first_key.start.index == start.index:
            length = first_key.end.index - start.index
        elif end.line == start.line:
            length = end.index - start.index
        else:
            length = len(self.lines[start.line].rstrip()) - start.column
        return Place(start.line + 1, start.column + 1, max(1, length), self._last_line(node) + 1)

    def _last_line(self, node: Node) -> int:
        """The last line that holds something of it; the parser's end is where the next thing may begin."""
        last = (
            node.end.line - 1 if node.end.column == 0 and node.end.line > node.start.line else node.end.line
        )
        while last > node.start.line and not self.lines[last].strip():
            last -= 1
        return last


def outline(text: str) -> Outline:
    """The outline of a text whose only line end is the newline."""
    made = Outline(text.split("\n"))
    stack: list[Node] = []
    anchors: dict[str, Node] = {}
    for count, event in enumerate(events.read_events(text)):
        kind = type(event)
        if len(stack) > events.MAX_DEPTH or count > _MAX_EVENTS:
            break
        if kind is events.DOCUMENT_START:
            stack, anchors = [], {}
        elif kind in (events.MAPPING_END, events.SEQUENCE_END):
            _close(stack.pop(), event)
        elif kind is not events.DOCUMENT_END and kind is not events.STREAM_START:
            node = _node(event, anchors)
            _attach(node, event, stack, made)
            if kind in (events.MAPPING_START, events.SEQUENCE_START):
                stack.append(node)
    return made


def _node(event: Event, anchors: dict[str, Node]) -> Node:
    node = Node(event.start_mark, event.end_mark)
    if type(event) is events.ALIAS:
        target = anchors.get(event.anchor or "", node)
        return Node(node.start, node.end, target.mapping, target.items)
    if type(event) is events.SCALAR:
        node.style = event.style
    elif type(event) is events.MAPPING_START:
        node.mapping = {}
    elif type(event) is events.SEQUENCE_START:
        node.items = []
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _attach(node: Node, event: Event, stack: list[Node], made: Outline) -> None:
    if not stack:
        made.documents.append(node)
        return
    top = stack[-1]
    if top.items is not None:
        top.items.append(node)
    elif top.mapping is None:
        return
    elif top.key is None:
        top.key = node
        if type(event) is events.SCALAR:
            top.name = event.value
            if shown_key(event.value) and node.start.line == node.end.line:
                made.keys.setdefault(node.start.line, []).append((node.start.column, node.end.column))
    else:
        if top.name is not None:
            top.mapping.setdefault(top.name, (top.key, node))
        top.key = top.name = None


def _close(node: Node, event: Event) -> None:
    """The end of a block is where its last part ends; the parser would say: where the next thing begins."""
    last = node.items[-1] if node.items else None
    if node.mapping:
        last = list(node.mapping.values())[-1][1]
    flow = event.end_mark.index > event.start_mark.index
    node.end = last.end if last is not None and not flow else event.end_mark
