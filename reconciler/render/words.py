"""What text and Markdown both say: titles, counts, dangers in plain words, commands to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from reconciler.diff import FieldChange
from reconciler.errors import inert
from reconciler.fields import Field
from reconciler.plan.change import RISKS, Action, Change, Plan
from reconciler.render.terminal import cut, shown
from reconciler.render.values import (
    day_or_time,
    has_lines,
    is_time,
    meanings,
    reference,
    secrets,
    spelled,
    visible,
)

_ROOM: Final = 48  # columns for one value within a sentence


def title(plan: Plan) -> str:
    return " · ".join((shown(plan.target), f"workspace {shown(plan.workspace_id)}", shown(plan.host)))


def counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def actions(changes: Iterable[Change], *, all_words: bool = True) -> str:
    """`1 create, 3 update, 0 replace, 0 delete`; without `all_words` only those that there are."""
    found = [change.action for change in changes]
    words = [(found.count(action), action.value) for action in Action]
    return ", ".join(f"{n:,} {word}" for n, word in words if n or all_words)


def selection(plan: Plan) -> str:
    """What a partial plan looked at: `only pipeline/orders-*, without model/x`."""
    only = f"only {', '.join(map(shown, plan.select))}" if plan.select else ""
    without = f"without {', '.join(map(shown, plan.exclude))}" if plan.exclude else ""
    return ", ".join(part for part in (only, without) if part)


def nothing(plan: Plan) -> str:
    """`25 resources, all as declared`, and what else is live."""
    looked = "looked at, " if plan.partial else ""
    count = counted(plan.no_op, "resource")
    alike = "as declared" if plan.no_op == 1 else "all as declared"
    said = f"{count}, {looked}{alike}" if plan.no_op else "no resource to look at"
    return f"{said} · {len(plan.unmanaged):,} not ours" if plan.unmanaged else said


def apply_command(plan: Plan, flags: Sequence[str] = ()) -> str:
    """The command that applies exactly this plan. `flags`: what else it was made with, such as `-C DIR`."""
    words = ["wsync", "apply", "-t", plan.target, *flags]
    for option, globs in (("-s", plan.select), ("-x", plan.exclude)):
        for glob in globs:
            words += [option, glob]
    for change in plan.changes:
        if "resend" in change.reasons:
            words += ["--resend-secrets", str(change.address)]
    return shown(shlex.join([*words, "--expect", plan.digest]))


# -------------------------------------------------------------------------------- danger


class Danger(NamedTuple):
    """One reason to look twice, in plain words."""

    change: Change
    risk: str
    clause: str


def dangers(plan: Plan) -> list[Danger]:
    """Every risk of every change, the worst kind of risk first."""
    order = {risk: n for n, risk in enumerate(RISKS)}
    known = {kind: meanings(kind) for kind in {change.address.kind for change in plan.changes}}
    found = [
        Danger(change, shown(risk), clause(change, risk, known[change.address.kind]))
        for change in plan.changes
        for risk in change.risks
    ]
    return sorted(found, key=lambda d: (order.get(d.risk, len(order)), d.risk))


def by_danger(changes: Iterable[Change]) -> list[Change]:
    """Refused ones, then those with the worst risk, then the rest in their own order."""
    order = {risk: n for n, risk in enumerate(RISKS)}
    return sorted(
        changes, key=lambda c: (c.refused is None, min((order.get(r, 50) for r in c.risks), default=99))
    )


_AFTERMATH: Final = {
    "production": "real data from then on",
    "full-sync": "each run reads everything again and may repeat data",
    "re-ingestion": "rows may be read again, or left out",
    "re-routes": "data goes another way from then on",
}
_ALWAYS: Final = {
    "runs-at-once": "runs as soon as it is written",
    "clears-fault": "the write clears its fault, and it runs again when its time comes",
}
_FALLBACK: Final = {
    "shared-model": "whatever uses it changes with it",
    "re-ingestion": "reads from the beginning",
    "production": "it is in production",
}


def clause(change: Change, risk: str, known: Mapping[str, Field]) -> str:
    """What exactly is dangerous about a change, for one of its risks."""
    evidence = [f for f in visible(change, known) if _bears(f, risk, change, known)]
    if risk == "delete":
        return "deleted for good; a later create starts from nothing"
    if risk == "replace":
        fixed = ", ".join(shown(f.path) for f in evidence) or "a field"
        return f"deleted, then created from nothing, for {fixed} cannot change in place"
    if risk == "credential-retargeted":
        return _retargeted(change, evidence, known)
    if risk in _ALWAYS:
        return _ALWAYS[risk]
    if evidence:
        said = "; ".join(_moves(f) for f in evidence)
        return f"{said}: {_AFTERMATH[risk]}" if risk in _AFTERMATH else said
    reasons = "; ".join(shown(r) for r in change.reasons if r != "resend")
    if risk == "shared-model" and reasons:
        return f"{reasons}; all of them change with it"
    if risk == "re-ingestion" and reasons:  # it looks like a rename, say
        return reasons
    return _FALLBACK.get(risk, "see its fields")


def _bears(f: FieldChange, risk: str, change: Change, known: Mapping[str, Field]) -> bool:
    """Whether a field is why a change runs a risk."""
    field = known.get(f.path)
    if field is None:
        return False
    moved = f.before != f.after
    if risk == "replace":
        return moved and field.immutable
    if risk == "credential-retargeted" and field.destination:
        return moved
    risks = [r for r in field.risks if r.name == risk]
    if change.action is Action.UPDATE:  # what stays as it is, and might tell more, is not in the plan
        return moved and bool(risks)
    values = {other.path: other.after for other in change.fields}
    anew = moved and change.action is Action.REPLACE
    return any(r.applies(f.after, moved=anew, created=True, values=values) for r in risks)


def _retargeted(change: Change, evidence: Sequence[FieldChange], known: Mapping[str, Field]) -> str:
    sent = ", ".join(f"{shown(path)} {reference(ref)}" for path, ref in change.secrets.items())
    sent = sent or ", ".join(shown(path) for path in secrets(change, known)) or "its secret"
    if change.action is Action.CREATE or not evidence:
        where = ", ".join(f"{shown(f.path)} {_short(f.after)}" for f in evidence)
        return f"sends {sent} to another receiver than others do" + (f": {where}" if where else "")
    paths = ", ".join(shown(f.path) for f in evidence)
    return f"{paths} {'changes' if len(evidence) == 1 else 'change'}, and {sent} is sent there"


def _moves(f: FieldChange) -> str:
    path = shown(f.path)
    if f.before is None or f.before == f.after:
        return f"{path} is {_short(f.after)}"
    if f.after is None:
        return f"{path} goes, was {_short(f.before)}"
    if isinstance(f.before, str) and isinstance(f.after, str) and is_time(f.before) and is_time(f.after):
        way = "back" if f.after < f.before else "on"
        return f"{path} moves from {day_or_time(f.before)} {way} to {day_or_time(f.after)}"
    return f"{path} moves from {_short(f.before)} to {_short(f.after)}"


def _short(value: object) -> str:
    return "text of several lines" if has_lines(value) else cut(spelled(value), _ROOM)


# ------------------------------------------------------------------------------- refusals


class Refusal(NamedTuple):
    """Why `apply` would refuse, and whom it concerns; no address when it is the whole plan."""

    reason: str
    changes: tuple[Change, ...]


def refusals(plan: Plan) -> Iterator[Refusal]:
    """Each reason once, with all the changes that it stops."""
    if plan.refused:
        yield Refusal(inert(plan.refused), tuple(c for c in plan.changes if c.refused == plan.refused))
    found: dict[str, list[Change]] = {}
    for change in plan.changes:
        if change.refused and change.refused != plan.refused:
            found.setdefault(change.refused, []).append(change)
    for reason, changes in found.items():
        yield Refusal(inert(reason), tuple(changes))


# ----------------------------------------------------------------------- three ways out


def to_keep(change: Change) -> list[str]:
    """What to write into manifests so that live is as declared: one line for each place."""
    known = meanings(change.address.kind)
    match change.action:
        case Action.DELETE:
            return [f"declare {shown(change.address)} in a manifest, as it is live"]
        case Action.CREATE:
            return [f"{_at(change)}: take it out of the manifests"]
        case Action.UPDATE | Action.REPLACE:
            differing = [f for f in visible(change, known) if f.before != f.after]
            return [f"{_at(change)}: {shown(f.path)} {_live(f.before)}" for f in differing]


def _live(value: object) -> str:
    return "as shown above" if has_lines(value) else spelled(value)


def _at(change: Change) -> str:
    where = f"{change.source.file}:{change.source.line}" if change.source else str(change.address)
    return shown(where)


def to_ignore(change: Change) -> str | None:
    """The line that leaves the differing fields of a resource to others; None where that is no way out."""
    if change.action is not Action.UPDATE or not change.fields:
        return None
    paths = ", ".join(spelled(f.path) for f in change.fields)
    return f"lifecycle: {{ignore: [{paths}]}}"
