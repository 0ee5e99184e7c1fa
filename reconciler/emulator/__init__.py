"""An emulator of the Warehouse Sync API: all its endpoints on loopback, the state in one SQLite file.

    with serve(None, Switches()) as server:
        ...  # server.base_url, server.auth_url, server.token

It is made from the same kinds as the client, and has a switch for each thing that the API's reference
leaves open (`Switches`), so that a client can be tried against either answer. Under `/_emulator` it can
be told to fail, to move its clock, and to show what it received. It knows nothing of the client.

Importing this package is cheap; the web server is imported when one is started.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from reconciler.emulator.switches import Switch, Switches, describe
from reconciler.errors import WsyncError

if TYPE_CHECKING:
    from reconciler.emulator.server import Server

__all__ = ["Switch", "Switches", "describe", "run", "serve"]


def serve(
    path: Path | None,
    switches: Switches | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    keep_secrets: bool = False,
) -> Server:
    """Starts the emulator on a thread of this process and returns when it answers; a context manager.

    `path` is the state's file, made if need be; None keeps it in memory. `port` 0 takes a free one. `token`
    is a bearer token that is let in (one is made up when left out). With `client_id` only that id and
    `client_secret` get tokens from the token endpoint; without, any do. `keep_secrets` stores the values of
    secrets so that a test can look at them; else only their presence is.

    Raises WsyncError when the packages are not installed, the file is not usable or the port is taken.
    """
    server = _installed("server")
    found: Server = server.serve(
        path,
        switches or Switches(),
        host=host,
        port=port,
        credentials=_credentials(token, client_id, client_secret),
        keep_secrets=keep_secrets,
    )
    return found


def run(
    path: Path | None,
    switches: Switches,
    ready: Callable[[Server], None],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    keep_secrets: bool = False,
) -> None:
    """Serves until SIGINT or SIGTERM; `ready` is called once it answers. With interactive documentation at `/docs`.

    For the main thread of a command. Otherwise as `serve`.
    """
    server = _installed("server")
    _installed("docs")
    started = server.serve(
        path,
        switches,
        host=host,
        port=port,
        credentials=_credentials(token, client_id, client_secret),
        keep_secrets=keep_secrets,
        docs=True,
    )
    server.run(started, ready)


def _credentials(token: str | None, client_id: str | None, client_secret: str | None) -> object:
    access = _installed("access")
    given = {} if token is None else {"token": token}
    return access.Credentials(**given, client_id=client_id, client_secret=client_secret)


def _installed(module: str) -> ModuleType:
    """A module of this package that needs the web server's packages."""
    try:
        return importlib.import_module(f"reconciler.emulator.{module}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "reconciler":
            raise
        raise WsyncError(
            f"the emulator needs a package that is not installed: {missing}",
            hint="pip install 'wsync-reconciler[emulator]'",
            code="WS601",
        ) from None
