"""The command line. Only here: options, printing, prompting and exiting. Start-up time is a feature."""

from __future__ import annotations

import contextlib
import gc
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
    # Starting makes a hundred thousand objects and no garbage, and they stay until the end. Looking for garbage as
    # often as Python does, and twice more while it exits, took a sixth of a short run.
    gc.set_threshold(100_000)
    from reconciler.cli.app import run

    code = run(arguments)
    gc.freeze()
    sys.exit(code)
