"""`wsync plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import (
    CONNECTION,
    FLAG,
    OUTPUT,
    PATH,
    PROJECT,
    RESEND,
    SELECTION,
    common,
    option,
    options,
)
from reconciler.cli.session import load_run, plan_run, reading, render_plan
from reconciler.errors import Exit


@click.command(
    "plan",
    epilog="""\b
Examples:
  wsync plan -t prod
  wsync plan -t prod --out plan.json          keep it, for apply and show
  wsync plan -s 'pipeline/orders-*'           a partial plan
  wsync plan -f json | jq .summary
  wsync plan --resend-secrets connection/x    after a password was rotated""",
)
@options(
    PROJECT,
    SELECTION,
    RESEND,
    (
        option(
            "--out",
            type=PATH,
            metavar="FILE",
            help="Also write the plan to FILE, for apply and show.",
        ),
        option("--detailed-exitcode", is_flag=True, type=FLAG, help="Exit 2 when there are changes."),
    ),
    CONNECTION,
    OUTPUT,
)
def command(out: Path | None, detailed_exitcode: bool, **given: Any) -> int:
    """Compare the manifests with what is live, and show the changes in the order of their execution.

    Only GET requests are made, and no secret is needed.
    """
    shared = common(given)
    shared.output.reserve(out)
    run = load_run(shared)
    with reading(run) as client:
        plan = plan_run(run, client).plan
    if out is not None:
        from reconciler.cli.files import write_file
        from reconciler.render import document

        write_file(out, document.json_document(document.plan(plan)))
    shared.output.result(render_plan(plan, shared.output, flags=run.flags))
    return Exit.CHANGES if detailed_exitcode and (plan.changes or plan.refused) else Exit.OK
