"""An apply, as it goes and at its end: what was done, what was not and why, what is live now, what to type next."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.apply.outcome import Outcome, Report, State
from reconciler.plan.change import Change
from reconciler.render import words
from reconciler.render.changes import View, block, column_of, headline
from reconciler.render.terminal import Paint, cells, disarmed, padded, painter, shown, wrapped

_STYLES = {
    State.DONE: "good",
    State.FAILED: "danger",
    State.UNKNOWN: "danger",
    State.SKIPPED: "warning",
    State.NOT_STARTED: "faint",
}
_DONE_LISTED = 20


def outcome_line(outcome: Outcome, *, color: bool = False) -> str:
    """One line as a change ends; without a line end."""
    paint = painter(color=color)
    said = f"{outcome.seconds:.1f} s" if outcome.state is State.DONE else shown(outcome.error or "")
    head = padded(headline(outcome.change), 46)
    state = paint(_STYLES[outcome.state], outcome.state.value.ljust(11))
    return disarmed(f" {state} {head}{said}".rstrip())


def report(report: Report, *, width: int = 80, color: bool = False, again: str | None = None) -> str:
    """The end of an apply. `again` is the command that finishes what is left, when repeating it does so."""
    paint = painter(color=color)
    sections = [_headline(report, paint, width)]
    if report.result not in ("applied", "unchanged"):
        sections += ["\n".join(_outcomes(report, paint, width))] if report.outcomes else []
        sections += _refusals(report, width)
    sections += _closing(report, paint, width)
    sections += _health(report, paint, width)
    sections += _next(report, width, again)
    return disarmed("\n\n".join(sections) + "\n")


def tally(report: Report) -> str:
    """`2 done, 1 failed, 1 skipped`."""
    states = [outcome.state for outcome in report.outcomes]
    return ", ".join(f"{states.count(s):,} {s.value}" for s in State if s in states)


def _headline(report: Report, paint: Paint, width: int) -> str:
    plan = report.plan
    if report.result == "applied":
        did = f"{words.actions(plan.changes, all_words=False)}, in {report.seconds:.1f} s."
        closed = " The closing plan is empty." if report.left is not None and not report.left else ""
        said = wrapped(f"Applied to {words.title(plan)}{flaw(report)}: {did}{closed}", width, rest="  ")
        return said.replace("Applied", paint("danger" if flaw(report) else "good", "Applied"), 1)
    if report.result == "unchanged":
        return f"{words.title(plan)}: {words.nothing(plan)}. Nothing was written."
    said = {
        "partial": f"Stopped part-way: {tally(report)}.",
        "failed": f"Failed, nothing was written: {tally(report)}.",
        "refused": "Refused, nothing was written.",
        "interrupted": f"Interrupted: {tally(report) or 'nothing was written'}.",
    }[report.result]
    return f"{paint('danger', said)}\n{words.title(plan)}"


def flaw(report: Report) -> str:
    """What is wrong although everything was written; empty when nothing is."""
    if not_as_sent(report):
        return ", but live is not as sent"
    if report.closing_error:
        return ", but not checked afterwards"
    return ", but not all is healthy" if report.unhealthy or report.busy else ""


def _outcomes(report: Report, paint: Paint, width: int) -> Iterator[str]:
    done = 0
    column = min(max(cells(headline(o.change)) for o in report.outcomes), 44) + 2
    for o in report.outcomes:
        done += o.state is State.DONE
        if o.state is not State.DONE or done <= _DONE_LISTED:
            state = o.state.value.ljust(11)
            head = f" {state} {padded(headline(o.change), column)}"
            line = wrapped(why(o), width, first=head, rest=" " * 15).rstrip()
            yield line.replace(state, paint(_STYLES[o.state], state), 1)
    if done > _DONE_LISTED:
        yield f" … and {done - _DONE_LISTED:,} more done"
    yield from _gone(report, paint, width)
    if report.result in ("partial", "interrupted"):
        yield wrapped(live_now(report), width)


def live_now(report: Report) -> str:
    """One sentence on what the service holds of a plan that was not carried out to its end."""
    states = {o.state for o in report.outcomes}
    held = ["what is done"] if State.DONE in states else []
    held += ["what failed and was stored all the same"] if any(map(_stored, report.outcomes)) else []
    said = [f"live now holds {' and '.join(held)}"] if held else []
    doubt = "what is unknown" if State.UNKNOWN in states else "some of what is not done"
    if any(o.wrote and not o.stored and not o.gone for o in report.outcomes if o.state is not State.DONE):
        said.append(f"{'it' if said else 'live'} may hold {doubt}")
    sentence = "; ".join([*said, "nothing else was written"])
    return f"{sentence[0].upper()}{sentence[1:]}."


def _stored(o: Outcome) -> bool:
    return o.state is State.FAILED and o.stored and not o.gone


def why(o: Outcome) -> str:
    """The error of an outcome as sentences, with what it leaves open."""
    error = shown(o.error or "")
    more = "It may be written or not: the next apply finds out." if o.state is State.UNKNOWN else ""
    if error and more and not error.endswith((".", "?")):
        error += "."
    return f"{error} {more}".strip()


def _refusals(report: Report, width: int) -> Iterator[str]:
    if report.result == "refused":
        for refusal in words.refusals(report.plan):
            names = [f"  {headline(change)}" for change in refusal.changes]
            yield "\n".join([*names, wrapped(refusal.reason, width, first="      ")])


def _gone(report: Report, paint: Paint, width: int) -> Iterator[str]:
    for o in report.outcomes:
        if o.gone:
            text = f"{shown(o.change.address)} is gone: it was deleted, and creating it anew did not succeed. The same command finishes it."
            yield paint("danger", wrapped(text, width, rest="  "))


def _closing(report: Report, paint: Paint, width: int) -> Iterator[str]:
    """What a plan made after the last write says of what was written."""
    if report.closing_error:
        text = f"The closing plan could not be made: {shown(report.closing_error)}. Whether live is as declared is not known."
        yield paint("danger", wrapped(text, width, rest="  "))
    wrong = not_as_sent(report)
    if wrong:
        text = "Not as sent: the service took the writes and holds something else (live → declared):"
        yield paint("danger", wrapped(text, width, rest="  "))
        view = View(width, paint, column=column_of(wrong))
        for change in wrong:
            yield block(change, view)


def not_as_sent(report: Report) -> list[Change]:
    """The changes of the closing plan that should not be there: all after a whole apply, else those done."""
    done = {o.change.address for o in report.outcomes if o.state is State.DONE}
    return [c for c in report.left or () if report.result == "applied" or c.address in done]


def _health(report: Report, paint: Paint, width: int) -> Iterator[str]:
    lines = []
    for u in report.unhealthy:
        errors = f": {'; '.join(map(shown, u.errors))}" if u.errors else ""
        lines.append(
            wrapped(f"{shown(u.address)} is {shown(u.status)}{errors}", width, first="  ", rest="      ")
        )
    lines += [f"  {shown(address)} is still busy" for address in report.busy]
    if lines:
        head = "Applied, but when" if report.result == "applied" else "When"
        yield "\n".join([paint("danger", f"{head} the waiting was over:"), *lines])


def _next(report: Report, width: int, again: str | None) -> Iterator[str]:
    target = report.plan.target
    states = {o.state for o in report.outcomes}
    if report.result in ("partial", "failed", "interrupted") and states - {State.DONE}:
        first = "mend what failed; then " if State.FAILED in states else ""
        if again:
            yield f"Next: {first}the same command finishes the rest:\n  {shown(again)}"
        else:
            text = f"Next: {first}the same command finishes the rest. With --expect, plan again first, for the new digest:"
            yield f"{wrapped(text, width, rest='  ')}\n  wsync plan -t {shown(target)}"
    elif report.result == "refused":
        yield f"Next: see what is to be applied now:\n  wsync plan -t {shown(target)}"
    elif report.closing_error or report.left:
        yield f"Next: look at it again:\n  wsync plan -t {shown(target)}"
    elif report.unhealthy or report.busy:
        yield f"Next: look again in a while:\n  wsync plan -t {shown(target)}"
