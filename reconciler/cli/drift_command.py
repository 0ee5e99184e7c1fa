"""`wsync drift`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import CONNECTION, OUTPUT, PROJECT, SELECTION, common, options
from reconciler.cli.session import load_run, plan_run, reading, render_plan
from reconciler.errors import Exit


@click.command(
    "drift",
    epilog="""\b
Examples:
  wsync drift -t prod             exit 0: none; 2: drift; 1: not checked
  wsync drift -t prod -f markdown -o drift.md
  wsync drift -t prod -x 'pipeline/sandbox-*'""",
)
@options(PROJECT, SELECTION, CONNECTION, OUTPUT)
def command(**given: Any) -> int:
    """A plan for cron: exits 2 when live and manifests differ, deletes of what is owned included.

    The report says who changed a resource last and when, and lists runtime faults beside it; a fault
    alone is no drift. Reads only.
    """
    shared = common(given)
    shared.output.reserve()
    run = load_run(shared)
    with reading(run) as client:
        plan = plan_run(run, client).plan
    shared.output.result(render_plan(plan, shared.output, drift=True, flags=run.flags))
    return Exit.CHANGES if plan.changes or plan.refused else Exit.OK
