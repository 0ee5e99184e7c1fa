"""One change as lines for a terminal: a header, then its fields, or all that comes or goes, then why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.diff import FieldChange
from reconciler.fields import Field
from reconciler.plan.change import Action, Change
from reconciler.render import diffs
from reconciler.render.terminal import Paint, cells, cut, padded, shown, wrapped
from reconciler.render.values import (
    as_text,
    brief,
    has_lines,
    meanings,
    pair,
    place,
    secrets,
    visible,
    who_and_when,
)

_INDENT = "    "
_WHOLE = 1_000_000  # columns: as good as no limit
_EXCERPT = 3  # lines of a long text that comes or goes
_LONGEST_DIFF = 60  # lines
_ASIDE = 50  # column from which a header says where the resource is declared


@dataclass(frozen=True, slots=True)
class View:
    """How changes are looked at. `column` is how wide field names are, `said` what is written above already."""

    width: int
    paint: Paint
    verbose: int = 0
    column: int = 24
    drift: bool = False
    said: frozenset[str] = frozenset()


def column_of(changes: Iterable[Change], verbose: int = 0) -> int:
    """A column for field names in which those of all updates stand one below the other."""
    longest = 0
    for change in changes:
        if verbose or change.action in (Action.UPDATE, Action.REPLACE):
            paths = [f.path for f in change.fields if verbose or f.before != f.after]
            longest = max(longest, *map(len, (*paths, *change.secrets)), 0)
    return min(longest, 32) + 2


def headline(change: Change) -> str:
    return f"{change.action.glyph} {change.action.value} {shown(change.address)}"


def block(change: Change, view: View) -> str:
    known = meanings(change.address.kind)
    lines = [*_header(change, view)]
    if view.drift:
        lines += _last_hand(change, view)
    match change.action:
        case Action.CREATE | Action.DELETE:
            lines += _all_fields(change, known, view)
        case Action.UPDATE | Action.REPLACE:
            lines += _differences(change, known, view)
    lines += _reasons(change, view)
    if not view.drift:
        lines += _last_hand(change, view)
    return "\n".join(lines)


def _header(change: Change, view: View) -> Iterator[str]:
    head = headline(change) + ("  refused" if change.refused else "")
    where = place(change)
    column = max(min(_ASIDE, view.width - cells(where)), 0)
    painted = view.paint(change.action.value, head)
    if not where:
        yield painted
    elif cells(head) + 2 <= column:
        yield painted + " " * (column - cells(head)) + view.paint("faint", where)
    else:
        yield painted
        yield view.paint("faint", wrapped(f"declared in {where}", view.width, first=_INDENT))


# ----------------------------------------------------------------------- what differs


def _differences(change: Change, known: Mapping[str, Field], view: View) -> Iterator[str]:
    same = []
    for f in visible(change, known):
        if f.before == f.after and type(f.before) is type(f.after):
            same.append(f)
        elif has_lines(f.before) or has_lines(f.after):
            yield _INDENT + shown(f.path)
            yield from _line_diff(as_text(f.before), as_text(f.after), view)
        else:
            yield from _row(f.path, *_sides(f, known.get(f.path), view), view)
    for path, what in secrets(change, known).items():
        yield from _row(path, what, None, view)
    if same and view.verbose:
        for f in same:
            yield from _row(f.path, brief(f.after, None, _WHOLE), None, view)
    elif same:
        count = (
            "1 other field stays as it is" if len(same) == 1 else f"{len(same)} other fields stay as they are"
        )
        yield view.paint("faint", _INDENT + count)


def _sides(f: FieldChange, field: Field | None, view: View) -> tuple[str, str]:
    before, after = pair(f, field, _WHOLE)
    room = _room(f.path, view)
    if view.verbose or cells(f"{before} → {after}") <= room:
        return before, after
    return pair(f, field, room - 2)


def _room(path: str, view: View) -> int:
    return max(view.width - len(_INDENT) - max(view.column, cells(shown(path)) + 2), 24)


def _row(path: str, before: str, after: str | None, view: View) -> Iterator[str]:
    name = padded(shown(path), view.column)
    if after is None:
        yield f"{_INDENT}{name}{before}"
    elif cells(f"{before} → {after}") <= _room(path, view):
        yield f"{_INDENT}{name}{before} → {after}"
    else:
        yield f"{_INDENT}{name}{before}"
        yield " " * (len(_INDENT) + cells(name) - 2) + f"→ {after}"


def _line_diff(before: str, after: str, view: View) -> Iterator[str]:
    found = diffs.diff(before, after)
    most = _WHOLE if view.verbose else _LONGEST_DIFF
    for line in found[:most]:
        text = shown_line(line.text)
        match line.mark:
            case "@":
                yield view.paint("faint", f"{_INDENT}  {text}")
            case " ":
                yield f"{_INDENT}    {cut(text, _WHOLE if view.verbose else view.width - 8)}".rstrip()
            case mark:
                yield view.paint(mark, f"{_INDENT}  {mark} {text}".rstrip())
    if len(found) > most:
        yield view.paint(
            "faint", f"{_INDENT}  … {diffs.lines(len(found) - most)} more of this difference (-v shows them)"
        )


def shown_line(text: str) -> str:
    """One line of a text, tabs as spaces."""
    return shown(text.expandtabs(4) if "\t" in text else text)


# ----------------------------------------------------------------- what comes or goes


def _all_fields(change: Change, known: Mapping[str, Field], view: View) -> Iterator[str]:
    """All values: several to a line, or one to a line when asked for more; long texts last."""
    goes = change.action is Action.DELETE
    values = [(f.path, f.before if goes else f.after) for f in visible(change, known)]
    short = {}
    for path, value in values:
        if not has_lines(value):
            room = _WHOLE if view.verbose else max(view.width - 10 - len(path.rpartition(".")[2]), 24)
            short[path] = brief(value, known.get(path), room)
    short |= secrets(change, known)
    if view.verbose:
        for path, text in short.items():
            yield from _row(path, text, None, view)
    else:
        yield from _flow(short, view)
    for path, value in values:
        if has_lines(value):
            yield from _excerpt(path, str(value), "-" if goes else "+", view)


def _flow(values: Mapping[str, str], view: View) -> Iterator[str]:
    """`name x · state y`, the fields of a nested mapping on lines of their own."""
    groups: dict[str, list[str]] = {}
    for path, text in values.items():
        above, _, leaf = path.rpartition(".")
        groups.setdefault(above, []).append(f"{shown(leaf)} {text}")
    for above, items in groups.items():
        yield from _joined(items, view.width, _INDENT + (f"{shown(above)}: " if above else ""))


def _joined(items: Sequence[str], width: int, first: str) -> Iterator[str]:
    line, empty = first, True
    for item in items:
        if not empty and cells(f"{line} · {item}") > width - 2:
            yield f"{line} ·"
            line, empty = _INDENT + "  ", True
        line += item if empty else f" · {item}"
        empty = False
    yield line


def _excerpt(path: str, text: str, mark: str, view: View) -> Iterator[str]:
    lines = text.rstrip("\n").split("\n")
    most = len(lines) if view.verbose or len(lines) <= _EXCERPT + 2 else _EXCERPT
    yield f"{_INDENT}{shown(path)}, {diffs.lines(len(lines))}"
    for line in lines[:most]:
        yield view.paint(mark, f"{_INDENT}  {mark} {shown_line(line)}".rstrip())
    if most < len(lines):
        yield view.paint("faint", f"{_INDENT}    … {len(lines) - most} more lines (-v shows them)")


# --------------------------------------------------------------------------------- why


def _reasons(change: Change, view: View) -> Iterator[str]:
    for reason in change.reasons:
        text = "resend: only its secret is sent again" if reason == "resend" else shown(reason)
        if not any(text in said for said in view.said):
            yield view.paint("faint", wrapped(text, view.width, first=_INDENT))


def _last_hand(change: Change, view: View) -> Iterator[str]:
    if evidence := who_and_when(change):
        by = "by " if change.modified_by else ""
        yield view.paint("faint", f"{_INDENT}last changed {by}{evidence}")
