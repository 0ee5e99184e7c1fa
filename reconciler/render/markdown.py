"""Reports, problems and errors as Markdown; a plan's comment has a module of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.apply.outcome import Outcome, Report, State
from reconciler.errors import InvalidProject, Problem, WsyncError
from reconciler.plan.change import Action, Change, Plan
from reconciler.render import words
from reconciler.render.comment import plan
from reconciler.render.ending import flaw, live_now, not_as_sent, tally, why
from reconciler.render.gfm import alert, code, fence, prose, row, table, within
from reconciler.render.rows import Causes
from reconciler.render.terminal import disarmed
from reconciler.render.values import meanings, spelled, visible
from reconciler.resource import Address

__all__ = ["Causes", "drift_title", "error", "plan", "problems", "report"]


def drift_title(plan: Plan) -> str:
    """The title of the issue that tells of drift: plain text, one line."""
    return f"wsync drift: {plan.target} ({len(plan.changes):,})"


def report(report: Report, *, limit: int | None = None) -> str:
    """The end of an apply in at most `limit` characters: what failed first, then what was done."""
    head = [_title(report), *_alerts(report), *_closing(report)]
    foot = [*_next(report), _where(report.plan)]
    outcomes = sorted(report.outcomes, key=lambda o: o.state is State.DONE)
    room = None if limit is None else limit - sum(len(part) + 2 for part in (*head, *foot)) - 200
    rows: list[str] = []
    for outcome in outcomes:
        line = _row(outcome)
        if room is not None and (room := room - len(line) - 1) < 0:
            break
        rows.append(line)
    left = len(outcomes) - len(rows)
    body = [table(["outcome", "", "address", "why"], rows)] if rows else []
    if report.result in ("partial", "interrupted"):
        body.append(live_now(report))
    body += [f"and {words.counted(left, 'more outcome')}, left out here for length"] if left else []
    shorter = [_title(report), *_alerts(report)], [_title(report)]
    return within(
        limit, *(disarmed("\n\n".join(parts) + "\n") for parts in ([*head, *body, *foot], *shorter))
    )


def _title(report: Report) -> str:
    did = words.actions(report.plan.changes, all_words=False)
    said = {
        "applied": f"applied{flaw(report)}: {did}",
        "unchanged": f"nothing to do: {words.nothing(report.plan)}",
        "partial": f"stopped part-way: {tally(report)}",
        "failed": f"failed, nothing was written: {tally(report)}",
        "refused": "refused, nothing was written",
        "interrupted": f"interrupted: {tally(report) or 'nothing was written'}",
    }
    return f"### wsync · {prose(report.plan.target)} — {said[report.result]}"


def _alerts(report: Report) -> Iterator[str]:
    gone = [f"- {code(o.change.address)} is gone: it was deleted, and creating it anew did not succeed. The same command finishes it."
            for o in report.outcomes if o.gone]  # fmt: skip
    if gone:
        yield alert("CAUTION", gone)
    if report.result == "refused":
        reasons = [
            f"- {', '.join(code(c.address) for c in r.changes[:20])} {prose(r.reason)}"
            for r in words.refusals(report.plan)
        ]
        if reasons:
            yield alert("CAUTION", reasons)


def _row(o: Outcome) -> str:
    said = prose(why(o), cell=True)
    state = o.state.value if o.state is State.DONE else f"**{o.state.value}**"
    return row(
        state,
        f"{o.change.action.glyph} {o.change.action.value}",
        code(o.change.address, cell=True),
        said,
    )


def _closing(report: Report) -> Iterator[str]:
    if report.closing_error:
        yield f"**The closing plan could not be made**: {prose(report.closing_error)}. Whether live is as declared is not known."
    wrong = not_as_sent(report)
    if wrong:
        more = [f"- and {len(wrong) - 20:,} more"] if len(wrong) > 20 else []
        said = [f"- {code(c.address)} {_held(c)}" for c in wrong[:20]]
        yield alert("WARNING", ["The service took the writes and holds something else:", "", *said, *more])
    lines = [
        f"- {code(u.address)} is {prose(u.status)}: {prose('; '.join(u.errors)) or 'no reason given'}"
        for u in report.unhealthy
    ]
    lines += [f"- {code(address)} is still busy" for address in report.busy]
    if lines:
        yield "**Not healthy when the waiting was over:**\n\n" + "\n".join(lines[:40])
    if report.left is not None and not report.left and report.result == "applied":
        yield "The closing plan is empty: live is as declared."


def _held(change: Change) -> str:
    """What live holds instead of what was sent."""
    if change.action is not Action.UPDATE:
        return {Action.CREATE: "is not there", Action.DELETE: "is still there"}.get(
            change.action, "is another"
        )
    readable = {f.path for f in visible(change, meanings(change.address.kind))}
    said = []
    for f in change.fields:
        before, after = spelled(f.before), spelled(f.after)
        short = f.path in readable and len(before) + len(after) < 80
        said.append(code(f.path) + (f" live {code(before)}, declared {code(after)}" if short else ""))
    return "; ".join(said[:10]) + (f"; and {len(said) - 10} more" if len(said) > 10 else "")


def _next(report: Report) -> Iterator[str]:
    states = {o.state for o in report.outcomes}
    if report.result in ("partial", "failed", "interrupted") and states - {State.DONE}:
        first = "Mend what failed, then run" if State.FAILED in states else "Run"
        yield f"**Next:** {first} the same apply again: it finishes the rest."
    elif report.result == "refused" or report.closing_error or report.left:
        yield f"**Next:** {code(f'wsync plan -t {report.plan.target}')}"


def _where(plan: Plan) -> str:
    return f"workspace {code(plan.workspace_id)} on {code(plan.host)} · plan {code(plan.digest)}"


# ------------------------------------------------------------------- problems and errors


def problems(found: Sequence[Problem], *, files: int = 0, limit: int | None = None) -> str:
    """Validation problems, errors first; all of them, or as many as fit."""
    errors = sum(p.severity == "error" for p in found)
    counts = [words.counted(n, w) for n, w in ((errors, "error"), (len(found) - errors, "warning")) if n]
    of = f" in {words.counted(files, 'file')}" if files else ""
    parts = [f"### wsync — {', '.join(counts) or 'all manifests are valid'}{of}"]
    if errors:
        parts.append("Nothing is known about changes before these are mended. Nothing was sent.")
    room = None if limit is None else limit - sum(len(p) + 2 for p in parts) - 100
    ordered = sorted(found, key=lambda p: p.severity != "error")
    for n, p in enumerate(ordered):
        text = _problem(p)
        if room is not None and (room := room - len(text) - 2) < 0:
            parts.append(
                f"and {words.counted(len(ordered) - n, 'more problem')}: {code('wsync validate')} shows all"
            )
            break
        parts.append(text)
    return within(limit, disarmed("\n\n".join(parts) + "\n"), disarmed(parts[0] + "\n"))


def _problem(p: Problem) -> str:
    about = f" · {code(p.address)}" if p.address else ""
    lines = [f"**{p.severity}** {code(p.code)} · {code(p.place)}{about}  ", prose(p.message)]
    if p.hint:
        lines[-1] += "  "
        lines.append(f"help: {prose(p.hint)}")
    text = "\n".join(lines)
    if p.excerpt and p.line and p.column:
        caret = " " * (p.column - 1) + "^" * max(p.length, 1)
        text += "\n\n" + fence([p.excerpt.rstrip("\r\n").expandtabs(1), caret[:400]], "text")
    return text


def error(found: WsyncError, *, target: Address | str | None = None, again: str | None = None) -> str:
    """A run that failed: that nothing is known about the changes, why, and what to do. `again` says how to repeat it."""
    if isinstance(found, InvalidProject):
        return problems(found.problems, files=found.files)
    where = f" · {prose(str(target))}" if target else ""
    lines = [
        "**Failed: nothing is known about the changes.**",
        "",
        f"{code(found.code)} {prose(found.message)}",
    ]
    if found.hint:
        lines += ["", prose(found.hint)]
    parts = [f"### wsync{where} — failed", alert("CAUTION", lines)]
    parts += [prose(again)] if again else []
    return disarmed("\n\n".join(parts) + "\n")
