"""The event stream of libyaml's parser, or of the pure Python one where libyaml is missing, and the rules for scalars.

Law: both parsers give the same verdict on the same text; where they would not, `syntax` decides for both.
Nothing is composed or constructed by PyYAML: its C composer dies on deep nesting and its resolvers guess types.
The only import of yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol, cast

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

MAX_DEPTH = 32

NotYaml = yaml.YAMLError

STREAM_START: type = yaml.StreamStartEvent
DOCUMENT_START: type = yaml.DocumentStartEvent
DOCUMENT_END: type = yaml.DocumentEndEvent
MAPPING_START: type = yaml.MappingStartEvent
MAPPING_END: type = yaml.MappingEndEvent
SEQUENCE_START: type = yaml.SequenceStartEvent
SEQUENCE_END: type = yaml.SequenceEndEvent
ALIAS: type = yaml.AliasEvent
SCALAR: type = yaml.ScalarEvent
STREAM_END: type = yaml.StreamEndEvent

# YAML 1.2 core schema. A value is text whatever it looks like, but for these.
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_KEYS = NULLS | {"<<", "true", "True", "TRUE", "false", "False", "FALSE"}
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


class Mark(Protocol):
    """A place in the text, all counted from 0, in characters."""

    index: int
    line: int
    column: int


class Event(Protocol):
    """An event; its type says which of these it has. PyYAML's own annotations allow None where none ever is."""

    start_mark: Mark
    end_mark: Mark
    anchor: str | None  # nodes
    tag: str | None  # scalars and starts of collections
    value: str  # scalars
    style: str | None  # scalars: a quote, `|` or `>`; empty or None when plain
    flow_style: bool | None  # starts of collections: written with brackets


class EventParser(Protocol):
    """What both parsers do. Either method raises `NotYaml`."""

    def get_event(self) -> Event: ...
    def peek_event(self) -> Event: ...


class _PureParser(Reader, Scanner, Parser):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def fetch_more_tokens(self) -> None:
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError):  # chr() of a wild escape, of which libyaml complains
            problem = "found invalid Unicode character escape code"
            raise ScannerError(None, None, problem, self.get_mark()) from None


def event_parser(text: str) -> EventParser:
    """A parser of `text`: the C one where PyYAML was built with libyaml."""
    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]
    except ImportError:
        return cast("EventParser", _PureParser(text))
    return cast("EventParser", CParser(text))


def read_events(text: str) -> Iterator[Event]:
    """The events of `text` as far as it is YAML; ends silently where it is not."""
    try:
        parser = event_parser(text)
        while type(event := parser.get_event()) is not STREAM_END:
            yield event
    except NotYaml:
        return


def is_text_key(name: str) -> bool:
    """Whether a plain scalar is text under YAML 1.2, as a key must be, and no merge key of older YAML."""
    return name not in _NOT_KEYS and (name[0].isalpha() or not _NUMBER.fullmatch(name))
