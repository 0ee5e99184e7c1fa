"""How the API spells timestamps, numbers and durations, and what counts as equal though written differently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.fields.marks import Wrong

_TIMESTAMP = re.compile(
    # No hour 24: some versions of Python take it for the next day.
    r"(\d{4}-\d{2}-\d{2})T((?!24)\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_TIMESTAMP_FORM = "YYYY-MM-DDTHH:MM:SSZ, such as 2023-02-01T00:00:00Z"


def read_timestamp(text: str) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ` in UTC, to the second; without a zone it is taken as UTC (as the service does).

    Raises `Wrong` on anything else.
    """
    if _is_spelled(text):
        return text
    text = text.strip()
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Wrong(f"not a timestamp: write {_TIMESTAMP_FORM}", _timestamp_hint(text))
    day, time, _, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("no such date or time", f"timestamps are {_TIMESTAMP_FORM}") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


def _is_spelled(text: str) -> bool:
    """Whether a timestamp is in its one form already. Nearly all are, and there are tens of thousands."""
    if len(text) != 20 or text[4::3] != "--T::Z" or text[11:13] == "24":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def spell_timestamp(text: str) -> str:
    """As `read_timestamp`, but for what a person declares: the zone must be said, a fraction must be zero."""
    spelled = read_timestamp(text)
    match = _TIMESTAMP.fullmatch(text.strip())
    assert match is not None
    if match[4] is None:
        raise Wrong("a timestamp without a time zone", "add `Z` for UTC, or an offset such as `+02:00`")
    if match[3] and match[3].strip(".0"):
        raise Wrong(
            "a timestamp finer than a second", "the service keeps whole seconds: leave the fraction out"
        )
    return spelled


def _timestamp_hint(text: str) -> str | None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}T:\d{2}:\d{2}:\d{2}Z", text, re.ASCII):
        return "there is a colon too many after the `T`"  # the reference's own `2023-03-01T:12:00:00Z`
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return "add the time of day, in UTC: T00:00:00Z"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}.*", text, re.ASCII):
        return "put a `T` between date and time, and `Z` at the end"
    return None


def spell_integer(text: str) -> int:
    """Digits to int. Raises `Wrong`."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise Wrong("not a whole number", "write digits only")
    return int(text)


def spell_feed(text: str) -> int | None:
    """As `spell_integer`; 0 means that there is no feed."""
    return spell_integer(text) or None


@dataclass(frozen=True, slots=True)
class Respelled:
    """A spelling function: other spellings of an enum value that are accepted; what is none of them stays as it is."""

    others: Mapping[str, str]

    def __call__(self, text: str) -> str:
        return self.others.get(text, text)


def spell_port(text: str) -> str:
    """A TCP port, as text without leading zeros (the API takes a string)."""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not 0 < int(text) < 65536:
        raise Wrong("not a port", "a port is a number from 1 to 65535")
    return str(int(text))


def spell_delay(text: str) -> str:
    """A duration of one number and one unit, as written. Raises `Wrong`."""
    if not re.fullmatch(r"\d{1,9}[smhdwy]", text, re.ASCII):
        raise Wrong(
            "not a duration",
            "a number followed at once by s, m, h, d, w or y (seconds to years), such as 15m",
        )
    return text


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def delay_seconds(value: object) -> int | None:
    """A duration in seconds; None for what is none."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}[smhdwy]", value, re.ASCII):
        return int(value[:-1]) * _SECONDS[value[-1]]
    return None


def same_delay(value: object) -> object:
    """A duration as one of seconds, so that `60m` equals `1h`; what is none stays as it is."""
    seconds = delay_seconds(value)
    return value if seconds is None else f"{seconds}s"


def same_sql(value: object) -> object:
    """SQL without trailing white space and with one kind of line ending; anything inside counts."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return value
