"""Connections to one server, kept alive, each lent to one request at a time.

Law: nobody but its borrower touches a connection. That is why httpcore's own pool, which httpx's own transport stands
on, is not used: it looks at connections that other threads have just begun to use, takes an answer that is arriving
for the server's goodbye, and closes the connection under a request that was carried out (seen within 200 requests of
8 threads).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpcore

from reconciler.transport.wire import Backend

if TYPE_CHECKING:
    import ssl

    from reconciler.transport.address import Base
    from reconciler.transport.wire import Call

_KEEP_ALIVE_SECONDS = 5.0  # less than servers keep idle connections, so that ours seldom meet a closed one


class Connections:
    """At most `size` connections; who wants one more waits for it, within the request's deadline."""

    def __init__(self, base: Base, context: ssl.SSLContext | None, size: int, call: Call) -> None:
        self._origin = httpcore.Origin(
            base.scheme.encode("ascii"), base.host.encode("ascii"), base.effective_port
        )
        self._context = context
        self._call = call
        self._backend = Backend(call)
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[httpcore.HTTPConnection] = []  # the one used last is lent first
        self._lent: set[httpcore.HTTPConnection] = set()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[httpcore.HTTPConnection]:
        """A connection for one request. Raises `httpcore.PoolTimeout` when none becomes free in time."""
        if not self._free.acquire(timeout=self._call.remaining()):
            raise httpcore.PoolTimeout
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def _take(self) -> httpcore.HTTPConnection:
        with self._lock:
            while self._idle:
                kept = self._idle.pop()
                if not kept.has_expired():
                    self._lent.add(kept)
                    return kept
                kept.close()
            fresh = httpcore.HTTPConnection(
                self._origin, self._context, _KEEP_ALIVE_SECONDS, network_backend=self._backend
            )
            self._lent.add(fresh)
            return fresh

    def _give_back(self, connection: httpcore.HTTPConnection) -> None:
        with self._lock:
            self._lent.discard(connection)
            if connection.is_available() and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Closes all, those in use too; what is lent from now on is closed after its request."""
        with self._lock:
            self._closed = True
            for connection in (*self._idle, *self._lent):
                connection.close()
            self._idle.clear()
