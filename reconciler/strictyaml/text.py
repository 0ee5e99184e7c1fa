"""Bytes to text: UTF-8 only, one kind of line end, and no character that a reviewer cannot see.

Law: text that comes out of `decode` holds no control character but newline and tab, nothing that turns text around
and nothing of zero width. Manifests and the files they include pass through here alike.
"""

from __future__ import annotations

import re
import unicodedata

from reconciler.errors import Problem

MAX_BYTES = 1024 * 1024
_MAX_FINDINGS = 10

# Controls, and Unicode's Default_Ignorable_Code_Point but for U+FE00-FE0F, which emoji need; line and paragraph
# separators and NEL, which YAML 1.1 parsers take for line ends and editors do not; surrogates and non-characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNSEEN_ASCII = re.compile(b"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NAMES = {"\x85": "NEXT LINE"}
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def unseen(text: str) -> str | None:
    """The first character of `text` that may not stand in a manifest, as `U+202E RIGHT-TO-LEFT OVERRIDE`."""
    found = _UNSEEN.search(text)
    return _name(found.group()) if found else None


def decode(raw: bytes, file: str) -> tuple[str | None, list[Problem]]:
    """The text of a file, CR and CRLF made LF and one BOM taken off; or None and what is wrong with it.

    Problems come without excerpt: the caller knows what of the file may be shown.
    """
    if len(raw) > MAX_BYTES:
        size = f"the file is larger than 1 MiB ({len(raw):,} bytes)"
        return None, [Problem("WS105", "error", size, file, hint="split it into several files")]
    if raw.startswith(_WIDE):
        return None, [_not_utf8(file, 1, 1, "it looks like UTF-16 or UTF-32")]
    raw = raw.removeprefix(_BOM)
    if raw.isascii() and not _UNSEEN_ASCII.search(raw):
        return _one_line_end(raw.decode("ascii")), []
    try:
        text = _one_line_end(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = _one_line_end(raw[: error.start].decode("utf-8"))
        return None, [
            _not_utf8(file, *line_and_column(before, len(before)), "these bytes are no character in UTF-8")
        ]
    problems = []
    for found in _UNSEEN.finditer(text):
        problems.append(_bad_character(text, found.start(), file))
        if len(problems) == _MAX_FINDINGS:
            break
    return (None if problems else text), problems


def lenient(raw: bytes) -> str:
    """The same text with every refused character replaced, one for one, so that places still agree."""
    return _UNSEEN.sub("\ufffd", _one_line_end(raw.removeprefix(_BOM).decode("utf-8", "replace")))


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Where the character at `index` stands, both from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name(char: str) -> str:
    name = unicodedata.name(char, _NAMES.get(char, ""))
    return f"U+{ord(char):04X} {name}".rstrip()


def _bad_character(text: str, index: int, file: str) -> Problem:
    char = text[index]
    line, column = line_and_column(text, index)
    if char < "\x80" or unicodedata.category(char) == "Cc":
        return _not_utf8(file, line, column, f"control character {_name(char)}")
    message = f"a character that cannot be seen: {_name(char)}"
    return Problem("WS103", "error", message, file, line, column, hint="delete it; no reviewer could see it")


def _not_utf8(file: str, line: int, column: int, why: str) -> Problem:
    hint = "save the file as UTF-8 text"
    return Problem("WS103", "error", f"not UTF-8 text: {why}", file, line, column, hint=hint)
