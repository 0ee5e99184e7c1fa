"""The emulator served over HTTP on a thread of this process, or until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import uvicorn

from reconciler.emulator.access import Credentials
from reconciler.emulator.app import Emulator, build
from reconciler.emulator.store import open_state
from reconciler.emulator.switches import Switches
from reconciler.errors import WsyncError

_LONG: Final = 3600  # seconds that an idle connection is kept
_GRACE: Final = 1.0  # seconds that requests in flight get at the end


class Server:
    """An emulator that is being served; a context manager, which stops it at the end.

    `base_url` and `auth_url` are what a client needs beside `token`; `base_url` is scheme, host and port.
    """

    def __init__(self, emulator: Emulator, listener: socket.socket, *, docs: bool = False) -> None:
        host, self.port = listener.getsockname()[:2]
        self.base_url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.auth_url = f"{self.base_url}/oauth/token"
        self.token = emulator.credentials.token
        self._host = host
        self._emulator = emulator
        self._serving = _Serving(emulator, build(emulator, docs=docs))
        self._thread = threading.Thread(
            target=self._serving.run, args=([listener],), name="wsync-emulator", daemon=True
        )
        self._thread.start()
        self._serving.is_up.wait()

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Calls an endpoint under `/_emulator`; `path` is what comes after that. The answer's JSON, or None."""
        with contextlib.closing(http.client.HTTPConnection(self._host, self.port, timeout=30)) as connection:
            headers = {"Authorization": f"Bearer {self.token}"}
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/_emulator{path}", sent, headers)
            response = connection.getresponse()
            answer = json.loads(response.read() or "null")
        if response.status >= 300:
            raise WsyncError(
                f"the emulator refused {method} {path}: {answer['errors'][0]['message']}", code="WS604"
            )
        return answer

    def close(self) -> None:
        """Stops serving and closes the state; requests in flight get a second to end. May be called again."""
        if self._thread.is_alive():
            self._serving.stop()
            self._thread.join()
        self._emulator.db.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Serving(uvicorn.Server):
    """uvicorn without its polling: it says when it is up, stops when told, and ends at once."""

    def __init__(self, emulator: Emulator, app: Any) -> None:
        # These loggers would tell of our own faults with a traceback, and of every request.
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_LONG,
        )
        super().__init__(config)
        self.is_up = threading.Event()
        self._emulator = emulator
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """From another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._emulator.stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._emulator.connections = self.server_state.connections
        try:
            await super().startup(sockets)
        finally:
            self.is_up.set()

    async def main_loop(self) -> None:
        await self._emulator.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_GRACE)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def serve(
    path: Path | None,
    switches: Switches,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    credentials: Credentials | None = None,
    keep_secrets: bool = False,
    docs: bool = False,
) -> Server:
    """Starts the emulator on a thread of this process. See `reconciler.emulator.serve`."""
    db = open_state(path)
    try:
        listener = _listen(host, port)
    except BaseException:
        db.close()
        raise
    emulator = Emulator(db, switches, credentials or Credentials(), path=path, keep_secrets=keep_secrets)
    return Server(emulator, listener, docs=docs)


def run(server: Server, ready: Callable[[Server], None]) -> None:
    """Serves until SIGINT or SIGTERM, after telling `ready`. To be called on the main thread."""
    ended = threading.Event()
    before = {s: signal.signal(s, lambda *_: ended.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with server:
            ready(server)
            ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol has to be said: asyncio turns off the delay of small packets (40 ms an answer) only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise WsyncError(
            f"the emulator cannot listen on {host}, port {port}: {why}",
            hint="choose another port; 0 takes any that is free",
            code="WS603",
        ) from None
    return listener
