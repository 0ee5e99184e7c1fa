"""httpx without its command line: whoever in this package needs httpx takes it from here.

Law: importing this is what loads httpx, so it is imported where a connection is going to be opened, and not before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_COMMAND_LINE = "httpx._main"


@contextmanager
def _no_command_line() -> Iterator[None]:
    """With its command line, httpx imports click, rich and pygments: three times the cost of all the rest."""
    if "httpx" in sys.modules:
        yield
        return
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment] # the import system's way to say that there is none
    try:
        yield
    finally:
        sys.modules.pop(_COMMAND_LINE, None)


with _no_command_line():
    import httpx

__all__ = ["httpx"]
