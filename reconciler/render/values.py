"""How values are spelled, so that none is mistaken for another, and what the kinds say about their fields.

Law: the value of a write-only field is never spelled, even if a plan should hold one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from reconciler.diff import HELD, FieldChange
from reconciler.errors import inert
from reconciler.fields import Field, Wrong, read_timestamp
from reconciler.plan.change import Change
from reconciler.render.terminal import cut
from reconciler.resource import fields, kinds, sounds_secret, variants

_WORD: Final = re.compile(r"[\w./:@+%*-]*\w[\w./:@+%*-]*")
_NO_TEXT: Final = re.compile(r"null|true|false|[+-]?[\d._]+(?:e[+-]?\d+)?", re.IGNORECASE)


def spelled(value: object) -> str:
    """A value on one line: `null`, `5439`, a bare word, or in quotes: the empty string, `"null"`, `"5439"`."""
    if isinstance(value, str):
        if _WORD.fullmatch(value) and not _NO_TEXT.fullmatch(value):
            return inert(value)
        return inert(json.dumps(value, ensure_ascii=False))
    return inert(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))


def has_lines(value: object) -> bool:
    """Whether a value is text of several lines, shown line by line."""
    return isinstance(value, str) and "\n" in value.rstrip()


def as_text(value: object) -> str:
    """One side of a comparison line by line: text as it is, nothing as no text."""
    return value if isinstance(value, str) else "" if value is None else spelled(value)


def reference(text: str) -> str:
    """A reference to a secret as a manifest writes it."""
    return f"secret('{inert(text)}')"


# ------------------------------------------------------------------------------- meanings


def meanings(kind: str) -> Mapping[str, Field]:
    """The fields of a kind and of all its variants by path; empty for a kind that is not known (any more)."""
    model = kinds().get(kind)
    if model is None:
        return {}
    known = dict(fields(model))
    for variant in variants(model).values():
        for path, field in fields(variant).items():
            if path not in known or field.secret:
                known[path] = field
    return known


def is_secret(change: Change, path: str, known: Mapping[str, Field]) -> bool:
    if path in known:
        return known[path].secret
    return path in change.secrets or sounds_secret(path.rsplit(".", 1)[-1])


def visible(change: Change, known: Mapping[str, Field]) -> tuple[FieldChange, ...]:
    """The changes of fields whose values may be read."""
    return tuple(f for f in change.fields if not is_secret(change, f.path, known))


def secrets(change: Change, known: Mapping[str, Field]) -> dict[str, str]:
    """Every write-only field that the change touches, with what happens to it. Says nothing of its value."""
    said = {path: f"{HELD[:-1]}, sent) {reference(ref)}" for path, ref in change.secrets.items()}
    for f in change.fields:
        if not is_secret(change, f.path, known):
            continue
        before, after = (HELD if v is not None else "null" for v in (f.before, f.after))
        sent = f" {reference(change.secrets[f.path])}" if f.path in change.secrets else ""
        if f.path not in change.secrets and before == after:
            said[f.path] = HELD
        elif before != after:
            said[f.path] = f"{before} → {after}{sent}"
    return said


# ---------------------------------------------------------------------------------- pairs


def brief(value: object, field: Field | None, room: int) -> str:
    """One value in at most `room` columns; a field marked as brief is cut to what tells it apart."""
    return cut(spelled(value), min(room, 28) if field and field.brief else room)


def pair(f: FieldChange, field: Field | None, room: int) -> tuple[str, str]:
    """Before and after, each in at most `room` columns; cut so that they differ where the values do."""
    before, after = brief(f.before, field, room), brief(f.after, field, room)
    if before != after:
        return before, after
    return _around(spelled(f.before), spelled(f.after), room)


def _around(before: str, after: str, room: int) -> tuple[str, str]:
    """The stretch of two long texts in which they begin to differ."""
    same = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    start = max(same - room // 3, 0)
    return tuple(  # type: ignore[return-value]
        ("…" if start else "")
        + text[start : start + room - 2]
        + ("…" if start + room - 2 < len(text) else "")
        for text in (before, after)
    )


# ---------------------------------------------------------------------------------- times


def day_or_time(value: str) -> str:
    """A timestamp without a time of day that says nothing."""
    return value.removesuffix("T00:00:00Z")


def is_time(value: object) -> bool:
    return isinstance(value, str) and len(value) == 20 and value[10] == "T" and value.endswith("Z")


def moment(text: str) -> str:
    """`2026-11-20 14:02 UTC`; what is no timestamp stays as the service wrote it."""
    try:
        spelling = read_timestamp(text)
    except Wrong:
        return inert(text, 40)
    return f"{spelling[:10]} {spelling[11:16]} UTC"


def who_and_when(change: Change) -> str:
    """`ana@example.com, 2026-11-20 14:02 UTC`, or as much of it as the service tells; else empty."""
    who = inert(change.modified_by, 80) if change.modified_by else ""
    when = moment(change.modified_on) if change.modified_on else ""
    return ", ".join(part for part in (who, when) if part)


def place(change: Change) -> str:
    """`models/orders.yaml:1, models/orders.sql`; empty where nothing declares the resource."""
    if change.source is None:
        return ""
    files = (f"{change.source.file}:{change.source.line}", *change.source.includes)
    return inert(", ".join(files))
