"""The command line. Only here: options, printing, prompting and exiting. Start-up time is a feature."""

from __future__ import annotations

import contextlib
import os
import sys

from reconciler import __version__


def main() -> None:
    """The console script `wsync`."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["version"]):  # asked often, by machines: not worth importing click for
        with contextlib.suppress(OSError):  # what follows says it better
            os.write(1, f"wsync {__version__}\n".encode())
            return
    from reconciler.cli.app import run

    sys.exit(run(arguments))
