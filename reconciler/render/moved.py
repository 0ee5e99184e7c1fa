"""What moved between the approval of a plan and now, for the refusal that it causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.diff import FieldChange
from reconciler.plan.change import Action, Change, Plan
from reconciler.render import diffs, words
from reconciler.render.changes import headline, shown_line
from reconciler.render.terminal import cut, disarmed, shown
from reconciler.render.values import as_text, has_lines, is_secret, meanings, reference, spelled, who_and_when
from reconciler.resource import Address

_ROOM = 60


def moved(approved: Plan | Sequence[Plan], fresh: Plan) -> str:
    """Every change of `fresh` that no approved plan covers, and how it differs from what was approved."""
    plans = [approved] if isinstance(approved, Plan) else list(approved)
    known: dict[Address, Change] = {c.address: c for p in plans for c in p.changes}
    covered = {c.digest for p in plans for c in p.changes}
    covered |= {c.remaining_create().digest for p in plans for c in p.changes if c.action is Action.REPLACE}
    lines = list(_elsewhere(plans, fresh))
    uncovered = [c for c in fresh.changes if c.digest not in covered]
    for change in uncovered:
        was = known.get(change.address)
        lines += _new(change) if was is None else _other(was, change)
    if lines:
        lines = ["What moved since it was approved:", *lines]
    else:
        lines.append(
            "Every change that is left was approved; the approved plan held others beside, or another order."
        )
        gone = known.keys() - {c.address for c in fresh.changes}
        lines += [f"  {headline(known[a])}: approved, and nothing is left to do there" for a in sorted(gone)]
    return disarmed("\n".join(lines) + "\n")


def _elsewhere(plans: Sequence[Plan], fresh: Plan) -> Iterator[str]:
    for plan in plans:
        for what, then, now in (
            ("target", plan.target, fresh.target),
            ("workspace", plan.workspace_id, fresh.workspace_id),
            ("host", plan.host, fresh.host),
            ("selection", words.selection(plan) or "everything", words.selection(fresh) or "everything"),
        ):
            if then != now:
                yield f"Approved for another {what}: {shown(then)}, not {shown(now)}."


def _new(change: Change) -> Iterator[str]:
    evidence = who_and_when(change)
    yield f"{headline(change)}: not in what was approved" + (
        f"; last changed by {evidence}" if evidence else ""
    )


def _other(was: Change, now: Change) -> Iterator[str]:
    if was.action is not now.action:
        yield f"{headline(now)}: approved was {was.action.value}"
    else:
        evidence = who_and_when(now)
        yield f"{headline(now)}: differs from what was approved" + (
            f"; last changed by {evidence}" if evidence else ""
        )
    known = meanings(now.address.kind)
    then, fresh = ({f.path: f for f in c.fields} for c in (was, now))
    for path in {**then, **fresh}:
        if then.get(path) == fresh.get(path):
            continue
        if is_secret(now, path, known):
            yield f"    {shown(path)}  (secret)"
        else:
            yield from _field(path, then.get(path), fresh.get(path))
    for path in sorted({**was.secrets, **now.secrets}):
        if (a := was.secrets.get(path)) != (b := now.secrets.get(path)):
            sides = (reference(ref) if ref else "not sent" for ref in (a, b))
            yield f"    {shown(path)}  {' → '.join(sides)}"


def _field(path: str, then: FieldChange | None, now: FieldChange | None) -> Iterator[str]:
    name = shown(path)
    if then is None and now is not None:
        yield f"    {name}  not approved: {_short(now.before)} → {_short(now.after)}"
    elif now is None and then is not None:
        yield f"    {name}  approved: {_short(then.before)} → {_short(then.after)}; no longer needed"
    elif then is not None and now is not None:
        if then.before != now.before:
            yield from _sides(f"    {name}  live was", then.before, "is now", now.before)
        if then.after != now.after:
            yield from _sides(f"    {name}  was to become", then.after, "would now become", now.after)


def _sides(head: str, then: object, between: str, now: object) -> Iterator[str]:
    if not has_lines(then) and not has_lines(now):
        yield f"{head} {_short(then)}, {between} {_short(now)}"
        return
    yield f"{head} (-), {between} (+)"
    for line in diffs.diff(as_text(then), as_text(now)):
        mark = "" if line.mark == "@" else f"{line.mark} "
        yield f"      {mark}{shown_line(line.text)}".rstrip()


def _short(value: object) -> str:
    return (
        diffs.lines(value.count("\n") + 1)
        if isinstance(value, str) and has_lines(value)
        else cut(spelled(value), _ROOM)
    )
