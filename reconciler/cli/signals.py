"""Ctrl-C, SIGTERM and SIGHUP: before the first write they end the run at once, afterwards in good order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

from reconciler.errors import Exit

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

tidy_up: list[Callable[[], None]] = []
"""What must not be left behind by a process that ends at once."""


def end_at_once(last_words: Callable[[], None]) -> None:
    """From now on a signal says `last_words` and ends the process: nothing is written yet, so nothing is lost.

    Not by an exception, which would wait for the requests in flight.
    """

    def handler(_number: int, _frame: FrameType | None) -> None:
        _end(last_words)

    _handle(handler)


def end_in_order(last_words: Callable[[], None]) -> threading.Event:
    """From now on the first signal sets the event that is returned; the second ends the process at once.

    Both are answered past the streams: a handler may have come in the middle of a write to one.
    """
    stop = threading.Event()

    def handler(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            _end(last_words)
        stop.set()
        with contextlib.suppress(OSError):
            os.write(2, _IN_ORDER)

    _handle(handler)
    return stop


def _end(last_words: Callable[[], None]) -> NoReturn:
    try:
        last_words()
        for tidy in tidy_up:
            tidy()
    finally:
        os._exit(Exit.INTERRUPTED)


_IN_ORDER: Final = (
    b"\nInterrupted: finishing what is in flight, starting nothing more. Once more ends at once.\n"
)


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            # `nohup` asks to survive the end of the terminal.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)
