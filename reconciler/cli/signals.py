"""Ctrl-C, SIGTERM and SIGHUP: before the first write they end the run at once, afterwards in good order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

from reconciler.cli.output import current_output
from reconciler.errors import Exit, Interrupted

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


def end_reading_at_once(*, result: str | None = None) -> None:
    """Until something is written, a signal ends the run there and then. `result` as in a report of `apply`."""
    end_at_once(lambda: last_words("nothing was written", result=result))


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


def last_words(what: str, *, result: str | None = None) -> None:
    """Said from within a signal handler: past the streams and without an import, for either may be half-way."""
    output = current_output()
    with contextlib.suppress(OSError):
        if output.format == "json" and output.file is None and not output.told:
            beside = f'"result": "{result}", ' if result else ""
            error = (
                f'{{"code": "{Interrupted.default_code}", "message": "interrupted: {what}", "hint": null}}'
            )
            document = f'{{{beside}"error": {error}, "exit": {Exit.INTERRUPTED.value}}}\n'
            os.write(1, document.encode())
        os.write(2, f"\nInterrupted: {what}.\n".encode())


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
