"""`wsync version`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import CONNECTION, OUTPUT, PROJECT, SELECTION, accepted, common, options
from reconciler.errors import Exit


@click.command(
    "version",
    epilog="\b\nExamples:\n  wsync version\n  wsync version -f json",
)
@options(OUTPUT, accepted(PROJECT, SELECTION, CONNECTION))
def command(**given: Any) -> int:
    """Print the version of wsync."""
    import json

    from reconciler import __version__

    output = common(given).output
    output.result(json.dumps({"version": __version__}) if output.format == "json" else f"wsync {__version__}")
    return Exit.OK
