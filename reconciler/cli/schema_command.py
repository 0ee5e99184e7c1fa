"""`wsync schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import (
    CONNECTION,
    PATH,
    PROJECT,
    SELECTION,
    accepted,
    common,
    option,
    options,
    output_options,
)
from reconciler.errors import Exit, WsyncError


@click.command(
    "schema",
    epilog="""\b
Examples:
  wsync schema > manifest.schema.json
  wsync schema wsync
  wsync schema --write schemas           every schema, as files
  wsync schema --check schemas           exit 1 when a file there is stale""",
)
@click.argument("name", type=click.Choice(("manifest", "wsync")), default="manifest")
@options(
    (
        option("--write", type=PATH, metavar="DIR", help="Write all schemas to a folder."),
        option("--check", type=PATH, metavar="DIR", help="Compare all schemas with a folder."),
    ),
    output_options("text", "json", "markdown"),
    accepted(PROJECT, SELECTION, CONNECTION),
)
def command(name: str, write: Path | None, check: Path | None, **given: Any) -> int:
    """Print the JSON Schema by which editors complete and check manifests, or `wsync.yaml`."""
    from reconciler import schema

    output = common(given).output
    if check is not None:
        stale = [n for n, text in schema.files().items() if _content(check / n) != text]
        if stale:
            where = ", ".join(str(check / n) for n in stale)
            raise WsyncError(f"stale: {where}", hint=f"wsync schema --write {check}", code="WS021")
    elif write is not None:
        from reconciler.cli.files import make_folder, write_file

        make_folder(write)
        for file, text in schema.files().items():
            write_file(write / file, text, mode=0o644)
    else:
        output.result(schema.render(schema.SCHEMAS[name]()))
    return Exit.OK


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
