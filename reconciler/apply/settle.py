"""What a write with an unknown outcome did: only the service knows, so it is asked, and asked again.

Reads may lag behind writes, so absence and old values are believed only after the whole window.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from reconciler.errors import ApiError
from reconciler.resource import Address, Live

WINDOW: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds since the failure at which the resource is read."""


class Reader(Protocol):
    def get(self, address: Address) -> Live | None: ...


class Sight(Enum):
    """What a reading shows of a write."""

    LANDED = "landed"
    NOT_YET = "not yet"  # as it was before the write: perhaps never, perhaps reads lag
    FOREIGN = "foreign"  # neither: somebody else wrote
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Settled:
    """The last reading, and what it shows. `read` is None where the resource is absent or unreadable."""

    sight: Sight
    read: Live | None = None
    error: str = ""


Judge = Callable[[Live | None], Sight]


def settle(client: Reader, address: Address, judge: Judge) -> Settled:
    """Read until the write is seen to have landed or to be somebody else's, or the window is over."""
    started = time.monotonic()
    last = Settled(Sight.UNREADABLE)
    for moment in WINDOW:
        time.sleep(max(0.0, started + moment - time.monotonic()))
        last = look(client, address, judge)
        if last.sight in (Sight.LANDED, Sight.FOREIGN):
            break
    return last


def look(client: Reader, address: Address, judge: Judge) -> Settled:
    """One reading."""
    try:
        read = client.get(address)
    except ApiError as error:
        return Settled(Sight.UNREADABLE, error=error.message)
    return Settled(judge(read), read)
