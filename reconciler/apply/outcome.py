"""What became of each change, and of an apply as a whole. Plain frozen data for reporters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from reconciler.errors import Exit
from reconciler.plan.change import Change, Plan, Unhealthy
from reconciler.resource import Address


class State(Enum):
    """The contract's words for what became of a change."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    NOT_STARTED = "not-started"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change.

    `error` is one readable sentence, None when done. `wrote` is whether something of this change was
    written, or may have been; `stored` whether the service was seen to hold it although it failed. `gone`
    marks a replace whose delete was done and whose create was not. `stops` is set when nothing else may be
    started, `unanswered` when the service gave no usable answer: several in a row stop the run.
    """

    change: Change
    state: State
    error: str | None = None
    wrote: bool = False
    stored: bool = False
    gone: bool = False
    stops: bool = False
    unanswered: bool = False
    seconds: float = 0.0


Result = Literal["applied", "unchanged", "partial", "failed", "refused", "interrupted"]


@dataclass(frozen=True, slots=True)
class Report:
    """An apply from its end.

    `outcomes` has one for each change of the plan, in the plan's order. `left` are the changes of the
    closing plan, which should be none; None when it could not be read (`closing_error` says why) or was
    not asked for. `unhealthy` and `busy` are what `--wait` still saw when its time was up.
    """

    plan: Plan
    result: Result
    exit: Exit
    outcomes: Sequence[Outcome] = ()
    left: Sequence[Change] | None = None
    closing_error: str | None = None
    unhealthy: Sequence[Unhealthy] = ()
    busy: Sequence[Address] = ()
    seconds: float = 0.0
