"""The second defence: cutting known secrets, in any usual encoding, out of foreign text.

Law: what was registered in this process never leaves through `scrub`, however it was quoted on its
way. It is no excuse for putting a secret into a text.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from reconciler.errors import inert

_SHORTEST: Final = 4  # shorter values would be found everywhere
_SHORTEST_LINE: Final = 6
_SHOWN: Final = "(secret)"


class Known:
    """Values to be cut out, and their forms, which are worked out when a text first needs them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._new: list[str] = []
        self._forms: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        with self._lock:
            if value not in self._values:
                self._values.add(value)
                self._new.append(value)

    def forms(self) -> tuple[str, ...]:
        with self._lock:
            if self._new:
                self._forms += tuple({form for value in self._new for form in _all_forms(value)})
                self._new.clear()
            return self._forms


_known = Known()  # one a process, because a secret is one to the whole process


def register(value: str) -> None:
    """Makes `scrub` know a value that this process holds: a secret, a token, the client's own credentials."""
    _known.add(value)


def scrub(text: str) -> str:
    """The text with every registered value, in any of its forms, replaced by `(secret)`."""
    found = [span for form in _known.forms() if form in text for span in _occurrences(form, text)]
    if not found:
        return text
    pieces: list[str] = []
    position = 0
    for start, end in _merged(sorted(found)):
        pieces += (text[position:start], _SHOWN)
        position = end
    return "".join(pieces) + text[position:]


def _occurrences(form: str, text: str) -> Iterator[tuple[int, int]]:
    """Overlapping ones too: the tail of one must not stay because another begins in it."""
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, end = spans[0]
    for following_start, following_end in spans[1:]:
        if following_start > end:
            yield start, end
            start, end = following_start, following_end
        else:
            end = max(end, following_end)
    yield start, end


def _all_forms(value: str) -> Iterator[str]:
    for part in set(parts_of(value)):
        if len(part) >= _SHORTEST:
            yield from (form for form in _forms_of(part) if len(form) >= _SHORTEST)


def parts_of(value: str) -> Iterator[str]:
    """A secret, and the pieces of it that are secret by themselves: its lines, and a JSON key's private leaves."""
    yield value
    yield value.strip()
    yield from _lines(value)
    if value.lstrip().startswith("{"):
        try:
            document = json.loads(value, strict=False)
        except (ValueError, RecursionError):
            return
        for leaf in document.values() if isinstance(document, dict) else ():
            # What is long or has lines is key material; the rest (project, account, addresses) is shown elsewhere.
            if isinstance(leaf, str) and "\n" in leaf:
                yield leaf
                yield from _lines(leaf)


def _lines(text: str) -> Iterator[str]:
    lines = text.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE)


def _forms_of(part: str) -> set[str]:
    raw = part.encode("utf-8", "surrogatepass")
    once = json.dumps(part)[1:-1]
    bare = json.dumps(part, ensure_ascii=False)[1:-1]
    forms = {
        part,
        inert(part),
        once,
        bare,
        json.dumps(once)[1:-1],
        json.dumps(bare, ensure_ascii=False)[1:-1],
    }
    forms |= {once.replace("/", "\\/"), bare.replace("/", "\\/"), _upper_escapes(once), _dotnet(part)}
    forms |= {repr(part)[1:-1], repr(f"'\"{part}")[4:-1], ascii(part)[1:-1], repr(raw)[2:-1]}
    forms |= set(_url_forms(raw)) | set(_html_forms(part)) | set(_base64_forms(raw))
    forms |= {raw.hex(), raw.hex().upper(), raw.hex(":"), raw.hex(" ")}
    return forms


def _upper_escapes(text: str) -> str:
    return re.sub(r"\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), text)


def _dotnet(part: str) -> str:
    """As .NET's serializer writes it, which the service's error bodies look like: markup escaped as well."""
    text = json.dumps(part)[1:-1].replace('\\"', '"')
    text = re.sub(r"[\"'<>&+`]", lambda m: f"\\u{ord(m[0]):04x}", text)
    return _upper_escapes(text)


def _url_forms(raw: bytes) -> Iterator[str]:
    for form in (quote(raw, safe=""), quote(raw, safe="/"), quote_plus(raw)):
        yield form
        yield re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), form)


def _html_forms(part: str) -> Iterator[str]:
    import html  # its table of entities costs more than most runs, which scrub nothing, need

    form = html.escape(part)
    yield html.escape(part, quote=False)
    for quote_mark in ("&#x27;", "&#39;", "&apos;", "'"):
        for double in ("&quot;", "&#34;"):
            yield form.replace("&#x27;", quote_mark).replace("&quot;", double)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """What any base64 text that holds these bytes holds, at each of the three places they may begin."""
    import base64

    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode()
        first = (0, 2, 3)[shift]  # characters that mix with the bytes before
        whole = (shift + len(raw)) * 8 // 6  # those after mix with the bytes behind
        form = text[first:whole]
        yield form
        yield form.translate({ord("+"): "-", ord("/"): "_"})
