"""A plan as text. First what may go wrong, then what changes, then counts and the command that applies it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from reconciler.plan.change import Plan
from reconciler.render import words
from reconciler.render.changes import View, block, column_of, headline
from reconciler.render.ending import outcome_line, report
from reconciler.render.moved import moved
from reconciler.render.problems import error, problems
from reconciler.render.terminal import Paint, cells, disarmed, padded, painter, shown, wrapped

__all__ = ["error", "moved", "outcome_line", "plan", "problems", "report"]

_TOGETHER = 4  # dangers that say the same of so many resources are said once
_LISTED = 20  # lines of a list that may go on for ever


def plan(
    plan: Plan,
    *,
    verbose: int = 0,
    quiet: bool = False,
    width: int = 80,
    color: bool = False,
    drift: bool = False,
    suggest: bool = True,
    flags: Sequence[str] = (),
) -> str:
    """A plan, or as `drift` the same seen from the other side: who changed what, and three ways out.

    `verbose` shows values whole and lists what is not ours, `quiet` leaves out all fields. `suggest` ends with
    the command that applies this plan, `flags` are further options, such as `-C DIR`, that it needs.
    """
    paint = painter(color=color)
    sections = [*_partial(plan, paint, width)]
    if plan.changes or plan.refused:
        sections += [
            _title(plan, width, drift=drift),
            *_refused(plan, paint, width),
            *_look_twice(plan, paint, width, drift=drift),
        ]
        sections += _changes(plan, paint, verbose=verbose, quiet=quiet, width=width, drift=drift)
        sections += [] if quiet else [*_beside(plan, paint, width, verbose)]
        sections += _ways_out(plan, paint, width, flags) if drift else []
        sections.append(_end(plan, paint, flags, suggest=suggest and not drift))
    else:
        sections.append(f"{words.title(plan)}: {words.nothing(plan)}.")
        sections += [] if quiet else [*_beside(plan, paint, width, verbose, alone=True)]
    return disarmed("\n\n".join(sections) + "\n")


def _title(plan: Plan, width: int, *, drift: bool) -> str:
    if not drift:
        return words.title(plan)
    differ = f"{words.counted(len(plan.changes), 'resource')} differ{'s' if len(plan.changes) == 1 else ''}"
    text = f"{differ} from the manifests (below: live → declared), {plan.no_op:,} are as declared."
    return f"Drift: {words.title(plan)}\n{wrapped(text, width)}"


def _partial(plan: Plan, paint: Paint, width: int) -> Iterator[str]:
    if plan.partial:
        yield paint(
            "danger",
            wrapped(f"Partial: {words.selection(plan)}. Nothing else was looked at.", width, rest="  "),
        )


# ------------------------------------------------------------------------- danger first


def _refused(plan: Plan, paint: Paint, width: int) -> Iterator[str]:
    found = list(words.refusals(plan))
    if not found:
        return
    lines = [paint("danger", "! Refused: apply would write nothing of this plan")]
    for refusal in found:
        lines += [f"  {paint(c.action.value, headline(c))}" for c in refusal.changes[:_LISTED]]
        if len(refusal.changes) > _LISTED:
            lines.append(f"  … and {len(refusal.changes) - _LISTED:,} more")
        lines.append(wrapped(refusal.reason, width, first="      "))
    yield "\n".join(lines)


def _look_twice(plan: Plan, paint: Paint, width: int, *, drift: bool) -> Iterator[str]:
    found = words.dangers(plan)
    if not found:
        return
    lines = [paint("danger", "! Look twice before you revert" if drift else "! Look twice")]
    column = min(max(cells(shown(d.change.address)) for d in found), 28) + 2
    for _, same in groupby(found, key=lambda d: (d.risk, d.clause, d.change.action)):
        group = list(same)
        if len(group) < _TOGETHER:
            lines += [_danger(d, paint, width, column) for d in group]
        else:
            lines += _together(group, paint, width)
    yield "\n".join(lines)


def _danger(d: words.Danger, paint: Paint, width: int, column: int) -> str:
    head = f"  {d.change.action.glyph} {padded(shown(d.change.address), column)}"
    return _marked(wrapped(f"{d.risk}: {d.clause}", width, first=head, rest=" " * 6), d.risk, paint)


def _marked(said: str, risk: str, paint: Paint) -> str:
    """Painted when it is wrapped already, so that colour does not count as width."""
    return said.replace(f" {risk}:", f" {paint('danger', risk)}:", 1)


def _together(group: list[words.Danger], paint: Paint, width: int) -> Iterator[str]:
    first = group[0]
    count = f"  {first.change.action.glyph} {len(group):,} to {first.change.action.value}"
    said = wrapped(f"{first.risk}: {first.clause}", width, first=f"{count}  ", rest="      ")
    yield _marked(said, first.risk, paint)
    yield wrapped(", ".join(shown(d.change.address) for d in group), width, first="      ")


# ------------------------------------------------------------------------------ changes


def _changes(
    plan: Plan, paint: Paint, *, verbose: int, quiet: bool, width: int, drift: bool
) -> Iterator[str]:
    if quiet:
        if plan.changes:
            yield "\n".join(paint(c.action.value, headline(c)) for c in plan.changes)
        return
    said = frozenset(d.clause for d in words.dangers(plan))
    view = View(width, paint, verbose, column_of(plan.changes, verbose), drift, said)
    for change in plan.changes:
        yield block(change, view)


# ------------------------------------------------------------------------------- beside


def _beside(plan: Plan, paint: Paint, width: int, verbose: int, *, alone: bool = False) -> Iterator[str]:
    """What is no change: health, what is not ours, warnings."""
    lines = [*_unhealthy(plan, paint, width)]
    if plan.unmanaged and verbose:
        lines.append("Not ours, for they are declared nowhere:")
        lines += [f"  {shown(address)}" for address in plan.unmanaged]
    elif plan.unmanaged and not alone:
        are = "live resource is" if len(plan.unmanaged) == 1 else "live resources are"
        lines.append(f"Not ours: {len(plan.unmanaged):,} {are} declared nowhere (-v lists them)")
    for w in plan.warnings:
        about = f"{shown(w.address)}: " if w.address else ""
        text = wrapped(f"{about}{shown(w.message)}", width, first=f"Warning {shown(w.code)}  ", rest=" " * 15)
        lines.append(text.replace("Warning", paint("warning", "Warning"), 1))
    if lines:
        yield "\n".join(lines)


def _unhealthy(plan: Plan, paint: Paint, width: int) -> Iterator[str]:
    if not plan.unhealthy:
        return
    yield paint("warning", "Not healthy, by the service's last word; this plan has not checked it:")
    column = min(max(cells(shown(u.address)) for u in plan.unhealthy), 34) + 2
    for u in plan.unhealthy:
        errors = "; ".join(map(shown, u.errors))
        head = f"  {padded(shown(u.address), column)}"
        yield wrapped(
            shown(u.status) + (f": {errors}" if errors else ""), width, first=head, rest=" " * (column + 2)
        )


# ---------------------------------------------------------------------------------- end


def _ways_out(plan: Plan, paint: Paint, width: int, flags: Sequence[str]) -> Iterator[str]:
    keep = [line for change in plan.changes for line in words.to_keep(change)]
    ignore = [(c, line) for c in plan.changes if (line := words.to_ignore(c))]
    lines = [paint("strong", "Three ways out" if ignore else "Two ways out")]
    revert = "refused as it stands, see above" if plan.refusals else words.apply_command(plan, flags)
    lines += ["  revert  make live as declared again:", f"            {revert}"]
    lines.append("  keep    write what is live into the manifests, and commit:")
    lines += _listed([wrapped(line, width, first=" " * 12, rest=" " * 14) for line in keep])
    if ignore:
        lines.append("  ignore  leave these fields to others; in the manifest of")
        lines += _listed([f"            {shown(c.address)}\n              {line}" for c, line in ignore])
    yield "\n".join(lines)


def _listed(lines: list[str]) -> list[str]:
    if len(lines) <= _LISTED:
        return lines
    return [*lines[:_LISTED], f"            … and {len(lines) - _LISTED:,} more"]


def _end(plan: Plan, paint: Paint, flags: Sequence[str], *, suggest: bool) -> str:
    same = f" · {plan.no_op:,} unchanged" if plan.no_op else ""
    lines = [paint("strong", f"Plan: {words.actions(plan.changes)}") + same]
    if plan.refusals:
        lines.append(f"Refused as it stands, see above. Digest {plan.digest}")
    elif suggest:
        lines += ["Apply exactly this:", f"  {words.apply_command(plan, flags)}"]
    return "\n".join(lines)
