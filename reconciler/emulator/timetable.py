"""When an `interval` pipeline runs: pure arithmetic on its schedule. Times are seconds since 1970."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.emulator.answers import read_time
from reconciler.emulator.rows import at
from reconciler.fields import Wrong, delay_seconds

_SECONDS: Final = {"hourly": 3600, "daily": 86400, "weekly": 604800}


@dataclass(frozen=True, slots=True)
class Timetable:
    """The intervals 0, 1, 2 … of a schedule. `first` is 1 where the first run comes one interval late."""

    start: float
    frequency: str
    delay: float
    end: float | None
    first: int

    def tick(self, n: int) -> float:
        """The moment of interval n, its logical date; it runs `delay` later."""
        if self.frequency in _SECONDS:
            return self.start + n * _SECONDS[self.frequency]
        start = datetime.fromtimestamp(self.start, UTC)
        years, month = divmod(start.month - 1 + n, 12)
        year = start.year + years
        if not 1 <= year <= 9999:  # beyond the calendar is never
            return math.copysign(math.inf, n)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        return start.replace(year=year, month=month + 1, day=day).timestamp()

    def last_before(self, moment: float) -> int:
        """The number of the last interval that runs before a moment; may be negative."""
        since = moment - self.delay - self.start
        n = int(since // _SECONDS.get(self.frequency, 28 * 86400)) + 1
        while self.tick(n) + self.delay >= moment:
            n -= 1
        return n

    def next_from(self, moment: float) -> int | None:
        """The number of the first interval that runs at a moment or later; None after the end."""
        return self.within_end(max(self.first, self.last_before(moment) + 1))

    def latest(self, moment: float) -> int:
        """The number of the last interval, within the end, that runs at a moment or earlier."""
        if self.end is not None:
            moment = min(moment, self.end + self.delay)
        return self.last_before(math.nextafter(moment, math.inf))

    def within_end(self, n: int) -> int | None:
        return n if self.end is None or self.tick(n) <= self.end else None


def timetable_of(document: Mapping[str, Any]) -> Timetable | None:
    """The timetable of an active `interval` pipeline; None for any other, or one that cannot be read."""
    schedule = document.get("schedule")
    if document.get("state") != "active" or at(schedule, ("type",)) != "interval":
        return None
    start, frequency = moment_at(schedule, "start"), at(schedule, ("frequency",))
    if start is None or frequency not in (*_SECONDS, "monthly"):
        return None
    return Timetable(
        start=start,
        frequency=frequency,
        delay=delay_seconds(at(schedule, ("delay",))) or 0,
        end=moment_at(schedule, "end"),
        # Reference: "If sync_mode.from is equal to the provided start date, the pipeline will start on the
        # next scheduled interval."
        first=1 if moment_at(document.get("sync_mode"), "from") == start else 0,
    )


def moment_at(mapping: object, name: str) -> float | None:
    """A timestamp in a mapping; None where there is none that can be read."""
    value = at(mapping, (name,))
    try:
        return read_time(value) if isinstance(value, str) else None
    except Wrong:
        return None
