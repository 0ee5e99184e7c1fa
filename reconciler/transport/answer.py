"""A whole HTTP answer, and its strict reading as JSON: what two parsers could read differently is no answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isinf
from typing import NoReturn

from reconciler.errors import inert
from reconciler.transport.failures import MalformedAnswer

_DEPTH = 64  # nested deeper than any API answers, and far below where Python's own recursion ends
_DIGITS = 20  # holds every 64-bit integer
_LOOKED_AT = (
    65_536  # bytes of what is no JSON, to show its start: cut later, for a cleaner must see whole words
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `headers` by lower-case name, `elapsed` in seconds from the call to the last byte.

    Its repr shows neither headers nor body: they may hold secrets.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed: float
    host: str = ""

    def json(self, clean: Callable[[str], str] = str) -> object:
        """The body as plain data. `clean` takes out of foreign text what may not be shown.

        Raises `MalformedAnswer` for everything that is not honest JSON in UTF-8: another content type, a key twice,
        NaN, numbers beyond 64 bits or beyond a double, depth over 64, half a surrogate pair.
        """
        kind = self.headers.get("content-type", "")
        if kind and "json" not in kind.partition(";")[0].lower():
            raise self._not_json("", clean)
        value, fault = _read(self.body)
        if fault:
            raise self._not_json(fault, clean)
        return value

    def _not_json(self, fault: str, clean: Callable[[str], str]) -> MalformedAnswer:
        kind = inert(self.headers.get("content-type", ""), 80) or "no content type"
        what = f"{self.host or 'the server'} answered {self.status} ({kind})"
        start = self.body.lstrip()[:_LOOKED_AT].decode("utf-8", "replace")
        if not start:
            return MalformedAnswer(f"{what} with an empty body instead of JSON", status=self.status)
        if fault and start.startswith(("{", "[", '"', "\ufeff")):
            # What is nearly JSON is the API's own, and may hold what it should have masked: not shown.
            return MalformedAnswer(f"{what} with JSON that cannot be used: {fault}", status=self.status)
        excerpt = "" if start.startswith(("{", "[")) else f": {inert(' '.join(clean(start).split()), 80)}"
        return MalformedAnswer(
            f"{what} instead of JSON{excerpt}",
            status=self.status,
            hint="does a proxy, a login page or a firewall answer in the API's place?",
        )


def by_name(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header fields by lower-case name; the values of one that comes several times are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class _UnusableError(Exception):
    """Why a document is refused, in words of ours."""


def _read(body: bytes) -> tuple[object, str | None]:
    """The value and None, or None and what is wrong. A parser's own exception holds the whole text, so none gets out."""
    try:
        value: object = _DECODER.decode(body.decode("utf-8-sig"))
        _check_depth(value)
        if b"\\u" in body:  # only an escape can bring half a surrogate pair past the decoder
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _UnusableError as fault:
        return None, str(fault)
    except UnicodeDecodeError:
        return None, "it is not UTF-8"
    except UnicodeEncodeError:
        return None, "a text in it holds half a surrogate pair"
    except json.JSONDecodeError as error:
        return None, f"it breaks off or goes wrong at character {error.pos} of {len(error.doc)}"
    except RecursionError:
        return None, f"it is nested deeper than {_DEPTH}"
    return value, None


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _UnusableError(f"it is nested deeper than {_DEPTH}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _UnusableError("an object in it has a key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _UnusableError(f"it holds a number of {len(text)} digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _UnusableError("it holds a number that is out of range")
    return value


def _constant(name: str) -> NoReturn:
    raise _UnusableError(f"it holds {name}")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
