"""`wsync emulator`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import PATH, Decorator, count_range, option, options
from reconciler.cli.output import Output, start_output
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
            click.option(
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
    short_help="Serve an emulator of the API on loopback.",
    epilog="""\b
Examples:
  wsync emulator
  wsync emulator --port 8080 --state state.db
  wsync emulator --memory --duplicate-post 409 --bad-login 505-after --latency 0.1""",
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
        option("--memory", is_flag=True, help="Keep the state in memory only."),
        option("--token", metavar="TOKEN", help="A bearer token to let in; else one is made up and shown."),
    ),
    _switch_options(),
)
def command(port: int, state: Path, memory: bool, token: str | None, **switches: Any) -> int:
    """Serve the whole Warehouse Sync API on this machine, for trying things out and for your own tests.

    The state survives a restart. Each option below the first four answers a question that the API's
    reference leaves open. Ctrl-C ends it.
    """
    from reconciler.emulator import run

    output = start_output(Output())

    def ready(server: Server) -> None:
        output.error(
            f"Emulating the Warehouse Sync API at {server.base_url} (interactive documentation: {server.base_url}/docs)\n"
            f"State: {'in memory' if memory else state}. Ctrl-C ends it.\n"
            "A target for wsync.yaml:\n"
            f'  emulated: {{workspace_id: "1", api: "{server.base_url}", auth: "{server.auth_url}"}}\n'
            f"and in the environment: WSYNC_TOKEN={server.token}"
        )

    run(None if memory else state, Switches(**switches), ready, port=port, token=token)
    return Exit.OK
