"""A stored resource as an answer shows it, under the switches that change what answers look like."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.bodies import put
from reconciler.emulator.defaults import MASK, shown_in_clear
from reconciler.emulator.rows import Row, at, copied
from reconciler.emulator.switches import Switches
from reconciler.fields import Field, Spelled, Wrong, read_timestamp, spell_timestamp
from reconciler.resource import Resource, fields, variant_of


def document_of(kind: type[Resource], row: Row, switches: Switches) -> dict[str, Any]:
    """The API's document of a resource, ready for JSON. Secrets are masked or left out."""
    style = _style(variant_of(kind, row.document), switches)
    answer = copied(row.document) if row.secrets or style.changes else dict(row.document)
    for path, value in row.secrets.items():
        if (shown := _shown_secret(row.kind, path, value, switches)) is not None:
            put(answer, tuple(path.split(".")), shown)
    for parts, change in style.changes:
        place = at(answer, parts[:-1])
        if isinstance(place, dict) and parts[-1] in place:
            change(place, parts[-1])
    return answer | {
        "status": row.status,
        "errors": [{"message": m} for m in row.errors],
        "created_on": spell_time(row.created_on, switches),
        "created_by": row.created_by,
        "last_modified_on": spell_time(row.modified_on, switches),
        "last_modified_by": row.modified_by,
    }


def spell_time(seconds: float | None, switches: Switches) -> str | None:
    """A moment (seconds since 1970), in UTC, as answers write it."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    match switches.timestamps:
        case "naive":
            return text[:23]  # the reference's answers to POST
        case "millis":
            return text[:23] + "Z"  # its answers to GET
        case _:
            return text[:19] + "Z"


def read_time(text: str) -> float:
    """Seconds since 1970 of a timestamp as `reconciler.fields` reads it. Raises `Wrong`."""
    return datetime.fromisoformat(read_timestamp(text)).timestamp()


# ------------------------------------------------------------------- what differs by switch

Change = Callable[[dict[str, Any], str], None]


@dataclass(frozen=True, slots=True)
class _Style:
    """What the switches do to the answers of a kind: at these paths, a change of the mapping that holds the name."""

    changes: tuple[tuple[tuple[str, ...], Change], ...]


@functools.lru_cache(maxsize=64)
def _style(model: type[Resource], switches: Switches) -> _Style:
    changes: list[tuple[tuple[str, ...], Change]] = []
    for f in fields(model).values():
        if switches.timestamps != "Z" and _is_timestamp(f):
            changes.append((f.parts, functools.partial(_respell_time, switches)))
        if switches.on_demand != "on_demand" and "on_demand" in f.choices:
            changes.append((f.parts, functools.partial(_respell_word, switches)))
        if switches.legacy_aliases == "on" and f.read_as:
            changes.append((f.parts, functools.partial(_rename, f.read_as[0])))
    return _Style(tuple(changes))


def _is_timestamp(f: Field) -> bool:
    return any(isinstance(mark, Spelled) and mark.fn is spell_timestamp for mark in f.marks)


def _respell_time(switches: Switches, place: dict[str, Any], name: str) -> None:
    try:
        place[name] = spell_time(read_time(str(place[name])), switches)
    except Wrong:
        return  # put there by hand: it stays as odd as it was meant to be


def _respell_word(switches: Switches, place: dict[str, Any], name: str) -> None:
    if place[name] == "on_demand":
        place[name] = switches.on_demand


def _rename(to: str, place: dict[str, Any], name: str) -> None:
    place[to] = place.pop(name)


def _shown_secret(kind: str, path: str, value: str | None, switches: Switches) -> str | None:
    instead = shown_in_clear(kind, path)
    if instead is not None:
        return value or instead
    return MASK if switches.secrets == "mask" else None
