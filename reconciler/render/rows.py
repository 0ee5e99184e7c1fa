"""One change in Markdown: its row in the table of changes, and its fields, folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.fields import Field
from reconciler.plan.change import Action, Change
from reconciler.render import diffs, words
from reconciler.render.gfm import code, details, fence, prose, row, table
from reconciler.render.values import (
    as_text,
    day_or_time,
    has_lines,
    is_time,
    meanings,
    pair,
    place,
    secrets,
    spelled,
    visible,
    who_and_when,
)
from reconciler.resource import Address

Causes = Mapping[Address, str]
"""Why each change is there: `change`, `drift`, `not-applied`, `pending` or `both`."""

LEFT_OUT: Final = "left out here"
_SHORT: Final = 36  # characters of a value that stands in the table
_VALUES: Final = 2  # so many fields stand there with their values, more by name alone


def changes_table(rows: Sequence[str], causes: Causes | None, *, drift: bool) -> str:
    if drift:
        return table(["", "address", "last changed", "live → declared"], rows)
    return table(["", "address", "what", *(["from this pull request?"] if causes is not None else [])], rows)


def change_row(change: Change, causes: Causes | None, *, drift: bool, marked: bool) -> str:
    """A row of the table; `marked` names the change's risks, for they are not listed above it."""
    # A no-break space: a narrow column must not part the sign from its word.
    cells = [f"{change.action.glyph}\u00a0{change.action.value}", code(change.address, cell=True)]
    if drift:
        cells.append(prose(who_and_when(change), cell=True) or "not known")
    risks = (
        f" · **{', '.join(prose(r, cell=True) for r in change.risks)}**" if marked and change.risks else ""
    )
    cells.append(_what(change) + risks)
    if causes is not None and not drift:
        cells.append(_cause(change, causes.get(change.address)))
    return row(*cells)


def _cause(change: Change, cause: str | None) -> str:
    evidence = who_and_when(change)
    by = f", by {prose(evidence, cell=True)}" if evidence and change.modified_by else ""
    return {
        "change": "yes",
        "drift": f"**no: drift**{by}",
        "not-applied": "**no:** merged before, not applied yet",
        "pending": "**no:** asked for before",
        "both": f"in part; the rest is drift or not applied yet{by}",
    }.get(cause or "", "not known")


def _what(change: Change) -> str:
    """What a row says of a change: a few short values at once, the rest by name and size."""
    known = meanings(change.address.kind)
    if change.action in (Action.CREATE, Action.DELETE):
        goes = change.action is Action.DELETE
        values = [(f.path, f.before if goes else f.after) for f in visible(change, known)]
        said = [spelled(v) for path, v in values if v is not None and path in known and known[path].choices]
        return code(", ".join(said), cell=True) if said else words.counted(len(change.fields), "field")
    parts = list(_moves(change, known))
    if not parts:
        sent = ", ".join(code(path, cell=True) for path in change.secrets)
        return f"sends {sent} again" if sent else "nothing that can be shown"
    if len(parts) <= _VALUES:
        return ", ".join(f"{name} {values}".strip() for name, values in parts)
    more = f" and {len(parts) - 5} more" if len(parts) > 5 else ""
    return ", ".join(name for name, _ in parts[:5]) + more


def _moves(change: Change, known: Mapping[str, Field]) -> Iterator[tuple[str, str]]:
    """Each field that differs, and what it does."""
    for f in visible(change, known):
        if f.before == f.after and type(f.before) is type(f.after):
            continue
        name = code(f.path, cell=True)
        if has_lines(f.before) or has_lines(f.after):
            yield name, _size(f.before, f.after)
        elif is_time(f.before) and is_time(f.after):
            yield name, f"{day_or_time(str(f.before))} → {day_or_time(str(f.after))}"
        else:
            before, after = (code(v, cell=True) for v in pair(f, known.get(f.path), _SHORT))
            yield name, f"{before} → {after}"
    touched = {f.path for f in change.fields}
    yield from ((code(path, cell=True), "") for path in secrets(change, known) if path in touched)


def _size(before: object, after: object) -> str:
    if before is None or after is None:
        return diffs.lines(len(_lines(before or after)))
    return diffs.counts(diffs.diff(as_text(before), as_text(after)))


def _lines(value: object) -> list[str]:
    return as_text(value).rstrip("\n").split("\n")


# ------------------------------------------------------------------------------- folded


def is_foldable(change: Change) -> bool:
    """Whether a change has more to show than its row."""
    if change.action is not Action.UPDATE:
        return True
    fields = visible(change, meanings(change.address.kind))
    long = any(has_lines(v) or len(spelled(v)) > _SHORT for f in fields for v in (f.before, f.after))
    return long or len(fields) > _VALUES


def folded(change: Change, *, long: bool = True) -> str:
    """All fields of a change, folded; `long` with texts of several lines. Empty if its row says it all."""
    if not is_foldable(change):
        return ""
    known = meanings(change.address.kind)
    about = [f"{change.action.value} {change.address}", *([place(change)] if change.source else [])]
    notes = [prose(r) for r in change.reasons if r != "resend"]
    if evidence := who_and_when(change):
        notes.append(f"last changed {'by ' if change.modified_by else ''}{prose(evidence)}")
    body = [fence(_fields(change, known, long=long), "diff"), *([" · ".join(notes)] if notes else [])]
    return details(about, "\n\n".join(body))


def _fields(change: Change, known: Mapping[str, Field], *, long: bool) -> Iterator[str]:
    sign = {Action.CREATE: "+", Action.DELETE: "-"}.get(change.action, " ")
    same = 0
    for f in visible(change, known):
        if f.before == f.after and type(f.before) is type(f.after):
            same += 1
        elif has_lines(f.before) or has_lines(f.after):
            yield f"{sign} {f.path}: {_size(f.before, f.after) if long else LEFT_OUT}"
            yield from _line_diff(f.before, f.after) if long else ()
        else:
            if change.action is not Action.CREATE:
                yield f"- {f.path}: {spelled(f.before)}"
            if change.action is not Action.DELETE:
                yield f"+ {f.path}: {spelled(f.after)}"
    yield from (f"{sign} {path}: {said}" for path, said in secrets(change, known).items())
    if same:
        yield f"  {words.counted(same, 'other field')} as before"


def _line_diff(before: object, after: object) -> Iterator[str]:
    if before is None or after is None:
        yield from (f"{'+' if before is None else '-'}   {text}" for text in _lines(before or after))
        return
    for line in diffs.diff(as_text(before), as_text(after)):
        yield f"{line.text} @@" if line.mark == "@" else f"{line.mark} {line.text}"
