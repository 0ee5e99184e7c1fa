"""The command line. Only here: options, printing, prompting and exiting. Start-up time is a feature."""

from __future__ import annotations

import sys

from reconciler import __version__


def main() -> None:
    """The console script `wsync`."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["version"]):  # asked often, by machines: not worth importing click for
        print(f"wsync {__version__}")
        return
    from reconciler.cli.app import run

    sys.exit(run(arguments))
