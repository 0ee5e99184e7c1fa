"""`wsync graph`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import CONNECTION, PROJECT, SELECTION, accepted, common, options, output_options
from reconciler.cli.session import load_run
from reconciler.errors import Exit


@click.command(
    "graph",
    epilog="""\b
Examples:
  wsync graph
  wsync graph -f mermaid                    for a Markdown page
  wsync graph -f dot | dot -Tsvg -o graph.svg""",
)
@options(
    PROJECT, SELECTION, output_options("text", "mermaid", "dot", "json", "markdown"), accepted(CONNECTION)
)
def command(**given: Any) -> int:
    """Print the references between the declared resources of a target. Sends nothing."""
    from reconciler.render import graph
    from reconciler.resource import DesiredState

    shared = common(given)
    run = load_run(shared)
    taken = {a: r for a, r in run.desired.resources.items() if run.selection.takes(a)}
    draw = {
        "text": graph.text,
        "mermaid": graph.mermaid,
        "dot": graph.dot,
        "json": graph.document,
        "markdown": graph.markdown,
    }
    shared.output.result(draw[shared.output.format](DesiredState(taken, run.desired.documents)))
    return Exit.OK
