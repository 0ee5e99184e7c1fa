"""Ctrl-C, SIGTERM and SIGHUP: before the first write they end the run at once, afterwards in good order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from reconciler.errors import Exit

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_at_once(last_words: Callable[[], None]) -> None:
    """From now on a signal says `last_words` and ends the process: nothing is written yet, so nothing is lost.

    Not by an exception, which would wait for the requests in flight.
    """

    def handler(_number: int, _frame: FrameType | None) -> None:
        try:
            last_words()
        finally:
            os._exit(Exit.INTERRUPTED)

    _handle(handler)


def end_in_order(say: Callable[[str], None]) -> threading.Event:
    """From now on the first signal sets the event that is returned; the second ends the process at once."""
    stop = threading.Event()

    def handler(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(Exit.INTERRUPTED)
        stop.set()
        say("Interrupted: finishing what is in flight, starting nothing more. Once more ends at once.")

    _handle(handler)
    return stop


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, handler)
