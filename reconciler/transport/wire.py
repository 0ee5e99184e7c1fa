"""Sockets under one deadline: every wait of a request, from name to last byte, gets what is left of its time.

Law: no operation waits without a limit, and a byte of the request that may have left marks the request as sent. The
HTTP library's own timeouts are per operation, so a server that drips bytes would never run into them.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore

from reconciler.transport.address import Proxy

# For name, TCP and tunnel together, and again for TLS, within the deadline: who is slower will not answer at all.
CONNECT_SECONDS = 10.0
_PROXY_HEAD = 16 * 1024


class Call(threading.local):
    """The request under way in this thread, as far as its sockets need to know.

    `peer` is whom we are talking to (the proxy until its tunnel stands), `sent` whether the server may have seen
    anything, `ended` whether it closed its side.
    """

    def __init__(self, host: str, proxy: Proxy | None) -> None:
        self.host = host
        self.proxy = proxy
        self.begin(0.0)

    def begin(self, timeout: float) -> None:
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.peer = self.host
        self.sent = False
        self.ended = False

    def remaining(self, until: float | None = None) -> float:
        """Seconds left, always above 0 (a socket would take 0 for "do not wait"). Raises `TimeoutError` at the end."""
        left = (self.deadline if until is None else min(until, self.deadline)) - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Stream(httpcore.NetworkStream):
    """A TCP or TLS connection whose operations end with the deadline; the library's `timeout`s are not needed."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self._socket = sock
        self._call = call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline rules
        self._socket.settimeout(self._call.remaining())
        data = self._socket.recv(max_bytes)
        self._call.ended = not data
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline rules
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(self._call.remaining())
                self._call.sent = True
                rest = rest[self._socket.send(rest) :]
        except TimeoutError:
            raise
        except OSError:
            # The library then looks for an answer that the server gave before it hung up.
            raise httpcore.WriteError from None

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits on it
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
    ) -> httpcore.NetworkStream:
        try:
            self._socket.settimeout(self._call.remaining(time.monotonic() + CONNECT_SECONDS))
            return Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._call)
        except BaseException:
            self._socket.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return None
        # Asked of idle connections: what is to be read there is the server's goodbye, so they are not used again.
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))


class Backend(httpcore.NetworkBackend):
    """Opens connections, to the server or through a proxy's tunnel."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,  # noqa: ARG002 - never asked for
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - never asked for
    ) -> httpcore.NetworkStream:
        call, proxy = self._call, self._call.proxy
        until = time.monotonic() + CONNECT_SECONDS
        if proxy is None:
            return Stream(_connect(host, port, until, call), call)
        call.peer = str(proxy)
        sock = _connect(proxy.host, proxy.port, until, call)
        try:
            _tunnel(sock, proxy, host, port, until, call)
        except BaseException:
            sock.close()
            raise
        call.peer = call.host
        return Stream(sock, call)


def _connect(host: str, port: int, until: float, call: Call) -> socket.socket:
    """The first of a host's addresses that answers; each gets its share of the time. Raises `OSError`."""
    addresses = _resolve(host, port, call.remaining(until))
    failure: OSError = OSError()
    for n, address in enumerate(addresses):
        try:
            sock = socket.create_connection((address, port), call.remaining(until) / (len(addresses) - n))
        except OSError as error:
            failure = error
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """A host's addresses. In a thread of its own, because a resolver cannot be told how long to wait."""
    answer: list[list[str] | OSError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.append(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except OSError as error:
            answer.append(error)

    worker = threading.Thread(target=ask, name="resolver", daemon=True)
    worker.start()
    worker.join(seconds)
    if not answer:
        raise TimeoutError
    if isinstance(answer[0], OSError):
        raise answer[0]
    return answer[0]


def _tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int, until: float, call: Call) -> None:
    """Asks a proxy to connect us through.

    By hand, because httpcore's own proxy loses a place in its pool for good with every TLS handshake that fails in a
    tunnel. Raises `httpcore.ProxyError` with a sentence of ours, `OSError`.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    login = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    sock.settimeout(call.remaining(until))
    sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head:
        sock.settimeout(call.remaining(until))
        data = sock.recv(4096)
        head += data
        if not data or len(head) > _PROXY_HEAD:
            raise httpcore.ProxyError(f"{proxy} did not answer as a proxy does")
    status = re.match(rb"HTTP/1\.[01] ([1-5][0-9][0-9])\b", head)
    if status is None or (status[1].startswith(b"2") and not head.endswith(b"\r\n\r\n")):
        raise httpcore.ProxyError(f"{proxy} did not answer as a proxy does")
    if status[1] == b"407":
        fault = "refused its user and password" if login else "asks for a user and password"
        raise httpcore.ProxyError(f"{proxy} {fault} (407)")
    if not status[1].startswith(b"2"):
        raise httpcore.ProxyError(f"{proxy} did not connect to {target} ({status[1].decode('ascii')})")
