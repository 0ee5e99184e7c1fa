"""When to send: back-off, what `Retry-After` asks for, and how many repeats one run may make.

Law: every wait goes through `pause`, is bounded, and is measured by the monotonic clock.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from reconciler.errors import ApiError

LONGEST_WAIT: Final = 60.0  # seconds, whatever a server asks for
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 16.0
_FREE_REPEATS: Final = 20  # a run may repeat this often …
_REQUESTS_PER_REPEAT: Final = 10  # … and once more for every ten requests it made

_jitter: Final = random.Random()  # noqa: S311 - jitter is no cryptography; of its own, so that no seed is disturbed

Pause = Callable[[float], None]
"""Waits that many seconds; may raise, to interrupt the run."""


class TooManyRepeatsError(ApiError):
    """The run's budget of repeated requests is spent: the service is not well, and hammering does not help."""

    default_code = "WS412"


class Pace:
    """One pace for all threads of a run: who is told to wait makes all others wait."""

    def __init__(self, pause: Pause = time.sleep, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._not_before = clock()
        self._requests = 0
        self._repeats = 0

    def wait_turn(self) -> None:
        """To be called before each request: waits while any thread was told to."""
        with self._lock:
            self._requests += 1
            left = self._not_before - self._clock()
        if left > 0:
            self._pause(left)

    def hold(self, seconds: float) -> None:
        """No request of any thread before that many seconds from now."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def back_off(self, attempt: int, why: str) -> None:
        """Waits before repeat number `attempt` (from 1). Raises `TooManyRepeatsError` when the run made too many."""
        with self._lock:
            allowed = _FREE_REPEATS + self._requests // _REQUESTS_PER_REPEAT
            if self._repeats >= allowed:
                raise TooManyRepeatsError(
                    f"gave up after {self._repeats} repeated requests in this run, the last because of: {why}",
                    hint="the service or the way to it is not well: try again later",
                )
            self._repeats += 1
        self._pause(backoff(attempt))


def backoff(attempt: int) -> float:
    """Seconds before repeat number `attempt` (from 1): doubling, with jitter so that clients do not meet again."""
    longest = min(_FIRST_BACKOFF * 2.0 ** (attempt - 1), _LONGEST_BACKOFF)
    return longest * _jitter.uniform(0.5, 1.0)


def told_to_wait(headers: Mapping[str, str], attempt: int) -> float:
    """Seconds that an answer asks to wait, at most 60; the back-off of `attempt` where it does not say so plainly.

    `Retry-After` holds seconds or an HTTP date (RFC 9110, 10.2.3). A date is measured against the answer's own
    `Date`, so that this machine's clock does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?(e\d+)?", value, re.ASCII | re.IGNORECASE):
        return min(float(value), LONGEST_WAIT)
    until = _moment(value)
    if until is None:
        return backoff(attempt)
    now = _moment(headers.get("date", ""))
    return min(max(until - (time.time() if now is None else now), 0.0), LONGEST_WAIT)


def _moment(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # seldom needed

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
