"""`wsync show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import CONNECTION, OUTPUT, PATH, PROJECT, SELECTION, accepted, common, options
from reconciler.cli.session import read_plan_file, render_plan
from reconciler.errors import Exit


@click.command(
    "show",
    epilog="""\b
Examples:
  wsync show plan.json
  wsync show plan.json -f markdown
  wsync show plan.json -v              whole values""",
)
@click.argument("planfile", type=PATH)
@options(OUTPUT, accepted(PROJECT, SELECTION, CONNECTION))
def command(planfile: Path, **given: Any) -> int:
    """Show a plan that `wsync plan --out` saved. Sends nothing."""
    shared = common(given)
    shared.output.result(render_plan(read_plan_file(planfile), shared.output))
    return Exit.OK
