"""`wsync validate`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from reconciler.cli.options import CONNECTION, OUTPUT, PROJECT, SELECTION, Common, accepted, common, options
from reconciler.cli.output import Output
from reconciler.errors import Exit, InvalidProject, Problem, WsyncError


@click.command(
    "validate",
    epilog="""\b
Examples:
  wsync validate                      every target
  wsync validate -t prod              one target
  wsync validate -f json -o problems.json""",
)
@options(PROJECT, SELECTION, OUTPUT, accepted(CONNECTION))
def command(**given: Any) -> int:
    """Load, render and check every manifest: for all targets, or for one with -t.

    Sends nothing, needs no secret. All problems of all files are reported in one run.
    """
    try:
        return validate(common(given))
    except WsyncError as error:
        error.known = {"valid": False, "problems": [], **error.known}
        raise


def validate(shared: Common) -> int:
    """Print what is wrong; 1 if anything is."""
    from reconciler.manifest import validate as check
    from reconciler.plan.build import Selection
    from reconciler.project import find_project, load_project, pick_target, with_overrides
    from reconciler.resource import Address

    project = load_project(find_project(shared.project))
    chosen = [pick_target(project, shared.target)] if shared.target else list(project.targets.values())
    targets = []
    for target in chosen:
        overridden, _ = with_overrides(target, dict(shared.variables or {}), os.environ)
        targets.append(overridden)
    problems, files = check(project, targets)
    selection = Selection(shared.select, shared.exclude)
    problems = [
        p for p in problems if p.address is None or selection.takes(Address(*p.address.split("/", 1)))
    ]
    shared.output.result(_rendered(problems, files, shared.output))
    return Exit.ERROR if any(p.severity == "error" for p in problems) else Exit.OK


def _rendered(found: Sequence[Problem], files: int, output: Output) -> str:
    match output.format:
        case "json":
            from reconciler.render import document

            if any(p.severity == "error" for p in found):
                return document.json_document(document.error(InvalidProject(found, files=files)))
            return document.json_document(document.problems(found))
        case "markdown":
            from reconciler.render import markdown

            return markdown.problems(found)
        case _:
            from reconciler.render import problems

            return problems.problems(found, files=files, color=output.colored)
