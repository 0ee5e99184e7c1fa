"""`wsync emulator`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import (
    CONNECTION,
    FLAG,
    PATH,
    PROJECT,
    SELECTION,
    TEXT,
    Decorator,
    accepted,
    common,
    count_range,
    option,
    options,
    output_options,
)
from reconciler.emulator.switches import Switches, describe
from reconciler.errors import Exit

if TYPE_CHECKING:
    from reconciler.emulator.server import Server


def _switch_options() -> tuple[Decorator, ...]:
    found = []
    for switch in describe():
        kind: Any = click.Choice(switch.choices) if switch.choices else click.FloatRange(min=0)
        metavar = None if switch.choices else (switch.unit or "").upper()
        found.append(
            option(
                switch.option,
                type=kind,
                default=switch.default,
                show_default=True,
                metavar=metavar,
                help=switch.doc,
            )
        )
    return tuple(found)


@click.command(
    "emulator",
    epilog="""\b
Examples:
  wsync emulator
  wsync emulator --port 8080 --state state.db
  wsync emulator --memory --duplicate-post 409 --bad-login 505-after
  wsync emulator --port 0 -f json -o where.json    address and token, once up""",
)
@options(
    (
        option(
            "--port",
            type=count_range(0, 65535),
            default=8080,
            show_default=True,
            help="Port on 127.0.0.1; 0 takes a free one.",
        ),
        option(
            "--state",
            type=PATH,
            default=Path(".wsync/emulator.db"),
            show_default=True,
            metavar="FILE",
            help="SQLite file that keeps the state.",
        ),
        option("--memory", is_flag=True, type=FLAG, help="Keep the state in memory only."),
        option(
            "--token",
            type=TEXT,
            metavar="TOKEN",
            help="A bearer token to let in, best as WSYNC_TOKEN; else one is made up and shown.",
        ),
    ),
    output_options("text", "json"),
    _switch_options(),
    accepted(PROJECT, SELECTION, CONNECTION),
)
def command(port: int, state: Path, memory: bool, token: str | None, **given: Any) -> int:
    """Serve the whole Warehouse Sync API on this machine, for trying things out and for your own tests.

    The state survives a restart. The options from --duplicate-post on answer questions that the API's
    reference leaves open. Ctrl-C ends it.
    """
    from reconciler.emulator import run
    from reconciler.render.document import json_document

    output = common(given).output
    output.reserve()
    switches = Switches(**{switch.name: given[switch.name] for switch in describe()})

    def ready(server: Server) -> None:
        # A token that was given may be good elsewhere, too: only one that was made up is shown.
        shown = server.token if token is None else None
        target = f'  emulated: {{workspace_id: "1", api: "{server.base_url}", auth: "{server.auth_url}"}}'
        output.note(
            f"Emulating the Warehouse Sync API at {server.base_url} (interactive documentation: {server.base_url}/docs)\n"
            f"State: {'in memory' if memory else state}. Ctrl-C ends it.\n"
            f"A target for wsync.yaml:\n{target}\n"
            + (
                f"and in the environment: WSYNC_TOKEN={shown}"
                if shown
                else "and WSYNC_TOKEN as it was given here"
            )
        )
        if output.format == "json":
            where = {"api": server.base_url, "auth": server.auth_url, "token": shown}
            output.result(json_document({**where, "state": None if memory else str(state)}))

    run(None if memory else state, switches, ready, port=port, token=token)
    return Exit.OK
