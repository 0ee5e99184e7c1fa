"""A server on loopback that answers with whatever bytes a test wants, and remembers every byte it was sent.

Law: it knows nothing of HTTP but where a request ends, so that no library repairs what a test broke on purpose.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Self


class Connection:
    """One accepted connection, as a script sees it."""

    def __init__(self, sock: socket.socket, server: RawServer) -> None:
        self.socket = sock
        self.number = server.connections
        self._server = server
        self._rest = b""

    def request(self) -> bytes | None:
        """Reads one whole request and records it; None when the client has closed."""
        data = self._rest
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        while len(body) < length:
            more = self.socket.recv(65536)
            if not more:
                break
            body += more
        self._rest = body[length:]
        whole = head + b"\r\n\r\n" + body[:length]
        self._server.requests.append(whole)
        return whole

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Sends byte by byte, over and over, until the client is gone or the server closes."""
        while not self._server.closing.is_set():
            for n in range(len(data)):
                self.socket.sendall(data[n : n + 1])
                time.sleep(pause)

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()


Script = Callable[[Connection], None]


class RawServer:
    """Runs `script` on each connection, in a thread; closes the connection when the script returns."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.closing = threading.Event()
        self._script = script
        self._tls = tls
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for sock in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._socket.accept()
                self.connections += 1
                self._open.append(sock)
                self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                self._script(Connection(sock, self))
            else:
                with self._tls.wrap_socket(sock, server_side=True) as secure:
                    self._script(Connection(secure, self))


def answer(
    body: bytes = b"{}", *fields: str, status: str = "200 OK", kind: str = "application/json"
) -> bytes:
    """A plain, correct answer of HTTP/1.1."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def always(data: bytes) -> Script:
    """Answers every request with the same bytes, keeping the connection."""

    def script(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(data)

    return script


def once(data: bytes) -> Script:
    """Answers one request and closes."""

    def script(connection: Connection) -> None:
        if connection.request() is not None:
            connection.send(data)

    return script


def fields_of(request: bytes) -> dict[str, str]:
    """The header fields of a recorded request, by lower-case name."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
