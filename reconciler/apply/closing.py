"""After the writes: does the service hold what was sent, and is it well?"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.errors import WsyncError
from reconciler.plan.change import Change, Plan, Unhealthy
from reconciler.resource import Address, Live, LiveState

DELAYS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each repetition of the closing plan: reads may lag behind writes."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The changes that are still left, or why that could not be read."""

    left: Sequence[Change] | None
    error: str | None = None


def close(plan_again: Callable[[], Plan]) -> Closing:
    """Plan again until nothing is left to do or the last delay is over."""
    closing = _close(plan_again)
    for delay in DELAYS:
        if closing.left is not None and not closing.left:
            break
        time.sleep(delay)
        closing = _close(plan_again)
    return closing


def _close(plan_again: Callable[[], Plan]) -> Closing:
    try:
        return Closing(plan_again().changes)
    except WsyncError as error:
        return Closing(None, error.message)


@dataclass(frozen=True, slots=True)
class Health:
    """What is not well yet among the declared resources; `error` when it could not be read."""

    unhealthy: tuple[Unhealthy, ...] = ()
    busy: tuple[Address, ...] = ()
    error: str | None = None

    @property
    def good(self) -> bool:
        return not (self.unhealthy or self.busy or self.error)


def wait_until_healthy(
    fetch: Callable[[], LiveState],
    declared: Collection[Address],
    seconds: float,
    pause: Callable[[float], bool],
) -> Health:
    """Poll until no declared resource is unhealthy or busy, or `seconds` are over.

    `pause` waits and tells whether it was interrupted, which ends the waiting.
    """
    deadline, delay = time.monotonic() + seconds, 0.5
    while True:
        health = _health(fetch, declared)
        left = deadline - time.monotonic()
        if health.good or left <= 0 or pause(min(delay, left)):
            return health
        delay = min(delay * 2, 10.0)


def _health(fetch: Callable[[], LiveState], declared: Collection[Address]) -> Health:
    try:
        live = fetch().resources
    except WsyncError as error:
        return Health(error=error.message)
    ours: list[Live] = [live[a] for a in declared if a in live]
    sick = tuple(Unhealthy(r.address, r.status or "", r.errors) for r in ours if r.is_unhealthy)
    return Health(sick, tuple(r.address for r in ours if r.is_busy))
