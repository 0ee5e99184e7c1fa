"""What can be wrong with a YAML text, in plain words, and libyaml's terse complaints translated into them.

Law: no complaint quotes a value, nor a tag, an anchor or an alias, for an unquoted secret may look like one.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import Severity
from reconciler.strictyaml.places import shown_key


@dataclass(frozen=True, slots=True)
class Complaint:
    code: str
    message: str
    hint: str
    severity: Severity = "error"


TOO_DEEP = Complaint(
    "WS105", "nesting deeper than 32 levels", "no manifest needs that; look for a stray bracket"
)
TOO_MANY_NODES = Complaint(
    "WS105",
    "more than 200,000 values once aliases are expanded",
    "write out what is needed instead of `*alias`",
)
TAG = Complaint(
    "WS106", "a tag (`!…`) is not allowed", "leave it out; a text that begins with `!` must be quoted"
)
DIRECTIVE = Complaint("WS106", "a directive (a line that begins with `%`) is not allowed", "delete the line")
UNDEFINED_ALIAS = Complaint(
    "WS107",
    "an alias (`*…`) whose anchor (`&…`) does not stand before it",
    "a text that begins with `*` must be quoted",
)
RECURSIVE_ALIAS = Complaint("WS107", "an alias inside of what it stands for", "write the fields out")
ANCHOR_TWICE = Complaint(
    "WS107", "an anchor (`&…`) that stands twice in one document", "give the second another name"
)
ANCHORED_KEY = Complaint("WS107", "an anchor (`&…`) on a key", "a key that begins with `&` must be quoted")
MERGE_KEY = Complaint(
    "WS107", "a merge key (`<<`) is not part of YAML 1.2", "write the fields out, or anchor the whole mapping"
)
KEY_NOT_TEXT = Complaint("WS108", "a key that is not text", "keys are text: put it in quotes")
TAB = Complaint(
    "WS109",
    "a tab outside of quotes and block texts",
    "use spaces; only quoted and block texts may hold tabs",
)
UNQUOTED_TEMPLATE = Complaint(
    "WS140",
    "a template that is not in quotes: YAML takes `{` for a mapping",
    'put the value in quotes: "{{ … }}"',
)
BLANK_FILE = Complaint(
    "WS141", "nothing is declared in this file", "delete it, or declare something", "warning"
)
BLANK_DOCUMENT = Complaint("WS141", "a document with nothing in it", "delete its `---`", "warning")

_BAD_ESCAPE = Complaint("WS103", "an escape that stands for no character", "write the character itself")


def _syntax(message: str, hint: str) -> Complaint:
    return Complaint("WS101", message, hint)


_QUOTES = "put the whole value in quotes"
BLOCK_HEAD = _syntax(
    "only `-`, `+`, a digit or a comment may follow `|` or `>`", "begin the text on the next line"
)
FLOW_QUESTION_MARK = _syntax("an unquoted `?` between brackets", _QUOTES)
UNKNOWN = _syntax(
    "this cannot be read as YAML", "look at this line and the one before it; quote texts that hold signs"
)

# What libyaml and its Python twin say, in order; True: point at where the thing began instead of where it failed.
TRANSLATIONS: tuple[tuple[str, Complaint, bool], ...] = (
    (
        "mapping values are not allowed",
        _syntax(
            "a `:` where none can stand",
            f"a text that holds `: ` must be quoted: {_QUOTES}; or indent this line less",
        ),
        False,
    ),
    ("tab character", TAB, False),
    ("max(imum)? (depth|nesting)|nesting", TOO_DEEP, False),
    (
        "unexpected end of stream|unexpected document (indicator|separator)",
        _syntax("a quote that is never closed", "close it; inside '…' a quote is written twice"),
        True,
    ),
    (
        "cannot start any token",
        _syntax("a text that begins with `@`, a backtick, `%` or another sign of YAML", _QUOTES),
        False,
    ),
    (
        "unknown escape character",
        _syntax(
            "a backslash that begins no escape of YAML",
            "in \"…\" write it twice, or use '…', where it is plain text",
        ),
        False,
    ),
    ("Unicode character escape|hexdecimal", _BAD_ESCAPE, False),
    (
        "could not find expected ':'",
        _syntax(
            "a line without `key: value`", "write `: ` after the key; a text of several lines needs `key: |`"
        ),
        True,
    ),
    (
        r"did not find expected ',' or|expected ',' or",
        _syntax(
            "a `[` or `{` that is not closed, or lacks a comma",
            "close it; quote texts that hold `,` `[` `{` `:`",
        ),
        True,
    ),
    ("undefined tag handle|while (parsing|scanning) a tag", TAG, False),
    ("alphabetic or numeric character", UNDEFINED_ALIAS, False),
    (
        "sequence entries are not allowed|mapping keys are not allowed",
        _syntax("a `- ` or `? ` where none can stand", "begin the list on a line of its own, below its key"),
        False,
    ),
    (
        "document start",
        _syntax(
            "more text after the end of the document",
            "indent every line alike; begin a new document with `---`",
        ),
        False,
    ),
    ("comment or (a )?line break|chomping|indentation indicator", BLOCK_HEAD, False),
    ("directive|incompatible YAML document", DIRECTIVE, False),
    (
        "node content",
        _syntax("a value is missing before this sign", f"if the sign is part of a text, {_QUOTES}"),
        False,
    ),
    (
        "expected key|block end|'-' indicator",
        _syntax(
            "this does not fit what stands before it",
            "indent it like its neighbours; nothing may follow a closing quote or bracket; "
            "inside \"…\" use '…' for quotes",
        ),
        False,
    ),
)


def duplicate(name: str, first_line: int) -> Complaint:
    key = f"duplicate key `{name}`" if shown_key(name) else "duplicate key"
    return Complaint("WS102", f"{key}: it stands on line {first_line} already", "delete one of the two")


def unseen_escape(char: str) -> Complaint:
    return Complaint("WS103", f"an escape for a character that cannot be seen: {char}", "delete it")
