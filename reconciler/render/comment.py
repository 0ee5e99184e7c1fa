"""A plan as Markdown, for the comment that is all a reviewer reads.

Law: whatever has to go for length, what is dangerous stays, and what went is said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from reconciler.plan.change import Action, Change, Plan
from reconciler.render import words
from reconciler.render.gfm import alert, code, fence, prose, within
from reconciler.render.rows import LEFT_OUT, Causes, change_row, changes_table, folded, is_foldable
from reconciler.render.terminal import disarmed

_TOGETHER: Final = 4  # dangers that say the same of so many resources are said once
_MANY: Final = 12  # names in one danger; of more, a few stand there and the others are marked in the table
_RESERVE: Final = 400  # characters for the sentence that says what was left out
_CAP: Final = 20  # lines of warnings and of health


@dataclass(frozen=True, slots=True)
class _Ask:
    plan: Plan
    causes: Causes | None
    commit: str | None
    drift: bool
    flags: Sequence[str]
    dangers: Sequence[words.Danger]


def plan(
    plan: Plan,
    *,
    limit: int | None = None,
    drift: bool = False,
    causes: Causes | None = None,
    commit: str | None = None,
    flags: Sequence[str] = (),
) -> str:
    """A plan in at most `limit` characters.

    With `commit` it speaks to a pull request's reviewer, else to whoever would type the command. With
    `causes` each change says whether the pull request asks for it. `flags` as for text.
    """
    ask = _Ask(plan, causes, commit, drift, flags, words.dangers(plan))
    if not plan.changes and not plan.refused:
        return disarmed(_nothing(ask))
    whole = _whole(ask, math.inf if limit is None else limit)
    return _shortened(ask, limit) if whole is None and limit is not None else whole or ""


def _nothing(ask: _Ask) -> str:
    plan = ask.plan
    head = f"**wsync · {prose(plan.target)}**: {words.nothing(plan)} · {_where(ask)}"
    return "\n\n".join([*_partial(plan), head, *_beside(plan)]) + "\n"


def _whole(ask: _Ask, limit: float) -> str | None:
    """All of it; None as soon as it turns out to be longer than `limit`."""
    changes = words.by_danger(ask.plan.changes)
    head, lines, foot = _head(ask, _MANY), _rows(ask, changes), _foot(ask, _MANY)
    room = limit - _size(*head, _table(ask, lines), *foot)
    foldable = [c for c in changes if is_foldable(c)]
    texts = list(_fitting((disarmed(folded(c)) for c in foldable), room, 2))
    if room < 0 or len(texts) < len(foldable):
        return None
    return _joined(*head, _table(ask, lines), *texts, *foot)


def _size(*parts: str) -> int:
    return sum(len(part) + 2 for part in parts)


def _joined(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


# ------------------------------------------------------------------------- the ladder


def _shortened(ask: _Ask, limit: int) -> str:
    """As much as fits: texts go first, fields before that, then rows of the table, then names in long lists."""
    changes = words.by_danger(ask.plan.changes)
    dangerous = sum(bool(c.risks or c.refused) for c in changes)
    lines = _rows(ask, changes)
    for names in (_MANY, None, 200, 50, 10, 3, 0):
        head, foot = _head(ask, names), _foot(ask, names)
        room = limit - _size(*head, _table(ask, []), *foot) - _RESERVE
        rows = list(_fitting(lines, room, 1))
        # A few names suffice while the table shows the others.
        if room >= 0 and (names != _MANY or len(rows) >= dangerous):
            break
    else:
        see = code(f"wsync plan -t {ask.plan.target}")
        return within(limit, disarmed(_joined(_title(ask), f"Too long to show here; {see} shows it.")))
    room -= sum(len(line) + 1 for line in rows)
    texts = list(_folded_in(changes, room)) if len(rows) == len(changes) else []
    note = _left_out(ask, changes[len(rows) :], sum(map(is_foldable, changes)) - len(texts), texts)
    return _joined(*head, _table(ask, rows), *texts, note, *foot)


def _fitting(parts: Iterable[str], room: float, between: int) -> Iterator[str]:
    for part in parts:
        room -= len(part) + between
        if room < 0:
            return
        yield part


def _folded_in(changes: Iterable[Change], room: int) -> Iterator[str]:
    """The fields of as many changes as fit, where need be without texts of several lines."""
    for change in changes:
        for long in (True, False):
            text = disarmed(folded(change, long=long))
            if text and len(text) + 2 <= room:
                room -= len(text) + 2
                yield text
                break


def _left_out(ask: _Ask, changes: Sequence[Change], folded: int, texts: Iterable[str]) -> str:
    what = []
    if changes:
        what.append(f"{words.counted(len(changes), 'change')} ({words.actions(changes, all_words=False)})")
    if folded:
        what.append(f"the fields of {words.counted(folded, 'change')}")
    if any(f": {LEFT_OUT}\n" in text for text in texts):
        what.append("some texts of several lines")
    see = f"{code(f'wsync plan -t {ask.plan.target}')} shows all"
    return disarmed(f"**Left out here for length:** {', '.join(what)}; {see}.")


# ------------------------------------------------------------------------- danger first


def _head(ask: _Ask, names: int | None) -> list[str]:
    parts = [_title(ask), *_partial(ask.plan), *_refused(ask.plan, names)]
    parts += [] if ask.drift else _look_twice(ask, names)
    return [disarmed(part) for part in parts]


def _title(ask: _Ask) -> str:
    found = [(sum(c.action is a for c in ask.plan.changes), a) for a in Action]
    said = [f"**{n:,} {a.value}**" if a.destroys else f"{n:,} {a.value}" for n, a in found if n]
    name = "wsync drift" if ask.drift else "wsync"
    refused = "refused: " if ask.plan.refusals else ""
    return f"### {name} · {prose(ask.plan.target)} — {refused}{', '.join(said) or 'nothing may be applied'}"


def _partial(plan: Plan) -> Iterator[str]:
    if plan.partial:
        only = ", ".join(code(glob) for glob in plan.select)
        without = ", ".join(code(glob) for glob in plan.exclude)
        said = ", ".join(part for part in (only and f"only {only}", without and f"without {without}") if part)
        yield alert("WARNING", [f"**Partial:** {said}. Nothing else was looked at."])


def _refused(plan: Plan, names: int | None) -> Iterator[str]:
    found = list(words.refusals(plan))
    if not found:
        return
    lines = ["**Refused.** Nothing of this plan can be applied before this is changed:", ""]
    most = len(found) if names in (None, _MANY) else max(names or 0, 1)
    for refusal in found[:most]:
        who = _addresses(refusal.changes, names)
        lines.append(f"- {who}: {prose(refusal.reason)}" if who else f"- {prose(refusal.reason)}")
    if len(found) > most:
        lines.append(f"- and {len(found) - most:,} more reasons")
    yield alert("CAUTION", lines)


def _look_twice(ask: _Ask, names: int | None) -> Iterator[str]:
    found = ask.dangers
    if not found:
        return
    lines = []
    if names in (None, _MANY):
        for _, same in groupby(found, key=lambda d: (d.risk, d.clause, d.change.action)):
            group = list(same)
            groups = [group] if len(group) >= _TOGETHER else [[d] for d in group]
            lines += [_danger(g, g[0].clause, names) for g in groups]
    else:  # too many to say what each is: their names by kind of risk
        for _, same in groupby(found, key=lambda d: d.risk):
            group = list(same)
            clause = group[0].clause if len({d.clause for d in group}) == 1 else ""
            lines.append(_danger(group, clause, names))
    worst = any(c.action.destroys or "credential-retargeted" in c.risks for c in ask.plan.changes)
    lines = lines if len(lines) == 1 else [f"- {line}" for line in lines]
    yield alert("CAUTION" if worst else "WARNING", lines)


def _has_long_lists(ask: _Ask) -> bool:
    """Whether some danger or refusal concerns so many changes that they are marked in the table instead."""
    alike = Counter((d.risk, d.clause, d.change.action) for d in ask.dangers)
    refused = Counter(c.refused for c in ask.plan.changes if c.refused)
    return max((*alike.values(), *refused.values()), default=0) > _MANY


def _danger(group: Sequence[words.Danger], clause: str, names: int | None) -> str:
    who = _addresses([d.change for d in group], names)
    said = f" · {prose(clause)}" if clause else ""
    return f"**{prose(group[0].risk)}** {who}{said}"


def _addresses(changes: Sequence[Change], names: int | None) -> str:
    few = names == _MANY and len(changes) > _MANY
    shown = changes if names is None else changes[: 3 if few else names]
    said = ", ".join(code(c.address) for c in shown)
    rest = len(changes) - len(shown)
    if not rest:
        return said
    where = ", marked below" if few else ""
    return f"{said} and {rest:,} more{where}" if said else words.counted(rest, "change")


def _table(ask: _Ask, rows: Sequence[str]) -> str:
    if not ask.plan.changes:
        return "No change is planned."
    return changes_table(rows, ask.causes, drift=ask.drift)


def _rows(ask: _Ask, changes: Iterable[Change]) -> list[str]:
    marked = _has_long_lists(ask)
    return [disarmed(change_row(c, ask.causes, drift=ask.drift, marked=marked)) for c in changes]


# --------------------------------------------------------------------------------- foot


def _beside(plan: Plan) -> Iterator[str]:
    lines = [
        f"- not healthy: {code(u.address)} {prose(u.status)}"
        + (f", {prose('; '.join(u.errors))}" if u.errors else "")
        for u in plan.unhealthy
    ]
    lines += [
        f"- warning {code(w.code)}: {f'{code(w.address)} ' if w.address else ''}{prose(w.message)}"
        for w in plan.warnings
    ]
    if len(lines) > _CAP:
        lines = [*lines[:_CAP], f"- and {len(lines) - _CAP:,} more warnings"]
    if lines:
        yield "\n".join(lines)


def _foot(ask: _Ask, names: int | None) -> list[str]:
    plan = ask.plan
    declared = plan.no_op + sum(c.source is not None for c in plan.changes)
    counts = [f"{declared:,} declared", f"{plan.no_op:,} unchanged"]
    counts += [f"{len(plan.unmanaged):,} not ours"] if plan.unmanaged else []
    counts += [f"{len(plan.unhealthy):,} not healthy"] if plan.unhealthy else []
    parts = [*_ways_out(ask, names)] if ask.drift else []
    parts += [*_beside(plan), " · ".join([*counts, _where(ask)]), *_what_next(ask)]
    return [disarmed(part) for part in parts]


def _what_next(ask: _Ask) -> Iterator[str]:
    if ask.plan.refusals:
        yield f"Refused as it stands: {code(ask.plan.digest)}"
    elif ask.commit is not None:
        yield f"Merging applies exactly this: {code(ask.plan.digest)}. If anything else has changed by then, nothing is applied."
    elif not ask.drift:
        yield "Apply exactly this:\n\n" + fence([words.apply_command(ask.plan, ask.flags)], "sh")


def _where(ask: _Ask) -> str:
    commit = f" · commit {code(ask.commit[:12])}" if ask.commit else ""
    return f"workspace {code(ask.plan.workspace_id)} on {code(ask.plan.host)}{commit}"


def _ways_out(ask: _Ask, names: int | None) -> Iterator[str]:
    plan = ask.plan
    keep = [line for change in plan.changes for line in words.to_keep(change)]
    ignore = [(c, line) for c in plan.changes if (line := words.to_ignore(c))]
    revert = (
        "Refused as it stands, see above."
        if plan.refusals
        else fence([words.apply_command(plan, ask.flags)], "sh")
    )
    yield "**Revert**: make live as declared again."
    yield from _look_twice(ask, names)
    yield revert
    yield "**Keep**: write what is live into the manifests, and commit.\n\n" + fence(_capped(keep))
    if ignore:
        lines = [part for c, line in ignore for part in (f"# {c.address}", line)]
        yield "**Ignore**: leave these fields to others, by a line in the manifest.\n\n" + fence(
            _capped(lines), "yaml"
        )


def _capped(lines: list[str]) -> list[str]:
    return lines if len(lines) <= 2 * _CAP else [*lines[: 2 * _CAP], f"… and {len(lines) - 2 * _CAP:,} more"]
