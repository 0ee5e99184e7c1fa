"""A stand-in for the API over a real socket, which fails where it is told to and logs what it got.

    with FaultServer() as server:
        server.workspace.seed("connection", {...})
        server.on("POST", "/connections", reset_after())             # the first POST is executed, then cut off
        server.on("GET", "/connections/*", status_before(503), nth=2, times=3)
        ... run a client against server.url, server.auth_url, server.workspace_id, with server.environ ...
        assert [e.path for e in server.writes()] == ["/connections"]
        assert server.workspace.violations == []

Assert on `server.log` (the server's own account of every request), never on what the client believes. Scripting: `on`
takes a method (or `*`, or `WRITE` for all but GET), a path below the workspace (or `/oauth/token`; globs allowed), a `Fault`, and which of the
matching requests it hits. Unknown sides of the API are switches of `server.workspace.switches`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from fake_workspace import Document, Reply, Workspace, put_at

TOKEN_PATH = "/oauth/token"
CLIENT_ID, CLIENT_SECRET = "client-4711", "client-secret-canary-5b1e"


# ------------------------------------------------------------------------------- faults


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request, in the order in which things happen.

    `before` is called (with the server and the log's entry), then the request is executed (unless `execute` is False;
    `delay` seconds later, in the background, if that is not 0; on `mangle(body)` if given; seeing the state before the
    latest write if `stale`), then `after` is called. Then the answer: nothing for `hang` seconds; then a `reset`, or
    `raw` bytes, or `status`, `headers` and `body` in place of the honest ones, or `alter(document)` of it; only the
    first `cut` bytes of it (negative: all but so many), then the end of the connection; a byte each `drip` seconds. At last `answered` is called.
    """

    execute: bool = True
    before: Callable[[FaultServer, Entry], None] | None = None
    after: Callable[[FaultServer, Entry], None] | None = None
    delay: float = 0.0
    mangle: Callable[[Any], Any] | None = None
    stale: bool = False
    hang: float = 0.0
    reset: bool = False
    raw: bytes | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | Document | list[Any] | None = None
    alter: Callable[[Any], Any] | None = None
    cut: int | None = None
    drip: float = 0.0
    answered: Callable[[], None] | None = None


FOREVER = 60.0  # longer than any client of a test waits


def reset_before() -> Fault:
    return Fault(execute=False, reset=True)


def reset_after() -> Fault:
    return Fault(reset=True)


def hang_before(seconds: float = FOREVER) -> Fault:
    return Fault(execute=False, hang=seconds, reset=True)


def hang_after(seconds: float = FOREVER) -> Fault:
    return Fault(hang=seconds, reset=True)


def slow(seconds: float) -> Fault:
    """An honest answer, late."""
    return Fault(hang=seconds)


def executes_late(seconds: float) -> Fault:
    """Cut off at once, executed all the same, so many seconds later."""
    return Fault(delay=seconds, reset=True)


def status_before(status: int, message: str = "not now", **headers: str) -> Fault:
    body: Document = {"statusCode": status, "errors": [{"message": message}]}
    return Fault(execute=False, status=status, body=body, headers=_named(headers))


def status_after(status: int, message: str = "oops", **headers: str) -> Fault:
    body: Document = {"statusCode": status, "errors": [{"message": message}]}
    return Fault(status=status, body=body, headers=_named(headers))


def too_many(retry_after: str | None = "0") -> Fault:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Fault(execute=False, status=429, body={"errors": [{"message": "slow down"}]}, headers=headers)


def html(status: int = 200, *, execute: bool = True) -> Fault:
    page = b"<!doctype html><title>Sign in</title><p>Please sign in"
    return Fault(
        execute=execute, status=status, body=page, headers={"content-type": "text/html; charset=utf-8"}
    )


def empty(status: int = 200, *, execute: bool = True) -> Fault:
    return Fault(execute=execute, status=status, body=b"")


def answers(body: bytes | Document | list[Any], status: int = 200, *, execute: bool = True) -> Fault:
    return Fault(execute=execute, status=status, body=body)


def truncated(cut: int = -5) -> Fault:
    """Executed; the answer stops short of its own content-length."""
    return Fault(cut=cut)


def wrong_id(identifier: str = "somebody-elses") -> Fault:
    return Fault(alter=lambda document: document | {"id": identifier})


def mangled(**changes: object) -> Fault:
    """Something else is stored than was sent: `mangled(config__warehouse="X")`; None leaves a field out."""

    def mangle(body: Document) -> Document:
        body = json.loads(json.dumps(body))
        for path, value in changes.items():
            put_at(body, path.replace("__", "."), value)
        return body

    return Fault(mangle=mangle)


def redirect(location: str, status: int = 307) -> Fault:
    return Fault(execute=False, status=status, body=b"", headers={"location": location})


def stale() -> Fault:
    """A read that does not see the latest write."""
    return Fault(stale=True)


def meanwhile(act: Callable[[Workspace], None]) -> Fault:
    """Somebody else acts just before the request is executed."""
    return Fault(before=lambda server, _: act(server.workspace))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class _Rule:
    method: str
    path: str
    fault: Fault
    nth: int
    times: int | None
    seen: int = 0

    def hits(self, entry: Entry) -> bool:
        methods = ("*", entry.method, "WRITE") if entry.is_write else ("*", entry.method)
        if self.method not in methods or not fnmatchcase(entry.path, self.path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


# ---------------------------------------------------------------------------------- log


@dataclass
class Entry:
    """One request as the server got it. `path` is below the workspace; `status` is None until answered, or if never."""

    n: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    raw: bytes
    raw_path: str
    at: float
    fault: Fault | None = None
    executed: bool = False
    status: int | None = None

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and self.path != TOKEN_PATH

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class FaultServer:
    """See the module. `workspace` is what it stores, `log` what it got, in order of arrival."""

    def __init__(self, *, workspace_id: str = "4711") -> None:
        self.workspace = Workspace()
        self.workspace_id = workspace_id
        self.log: list[Entry] = []
        self.most_in_flight = 0
        self.expires_in: object = 28_800
        self.token_lasts: int | None = None  # requests that a token is good for
        self._tokens: dict[str, int] = {}
        self._rules: list[_Rule] = []
        self._in_flight = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self.auth_url = f"{self.url}{TOKEN_PATH}"

    # ------------------------------------------------------------------- for tests

    @property
    def environ(self) -> dict[str, str]:
        """The credentials that it accepts, as a client finds them in its environment."""
        return {"WSYNC_CLIENT_ID": CLIENT_ID, "WSYNC_CLIENT_SECRET": CLIENT_SECRET}

    def on(self, method: str, path: str, fault: Fault, *, nth: int = 1, times: int | None = 1) -> None:
        """The `nth` request that matches (from 1, from now on), and `times - 1` after it, get `fault`; None: all."""
        with self._lock:
            self._rules.append(_Rule(method, path, fault, nth, times))

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._rules.clear()

    def accept(self, token: str) -> None:
        """A token that somebody got elsewhere."""
        self._tokens[token] = 0

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self._tokens.clear()

    def writes(self) -> list[Entry]:
        return [e for e in self.log if e.is_write]

    def requests(self, method: str = "*", path: str = "*") -> list[Entry]:
        return [e for e in self.log if method in ("*", e.method) and fnmatchcase(e.path, path)]

    def told(self) -> list[str]:
        """`METHOD path` of every request but those for tokens."""
        return [str(e) for e in self.log if e.path != TOKEN_PATH]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        socket.create_connection(self._listener.getsockname()).close()  # wakes who waits for the next
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _shut(connection)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    # ------------------------------------------------------------------- connections

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while not self._closing.is_set() and (entry := self._receive(stream)) is not None:
                if not self._answer(connection, entry):
                    break
        with self._lock:
            self._connections.discard(connection)

    def _receive(self, stream: Any) -> Entry | None:
        """The next whole request of a connection; None at its end."""
        line = stream.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        headers: dict[str, str] = {}
        while (raw := stream.readline().strip()) != b"":
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        raw = stream.read(length)
        if len(raw) < length:
            return None
        url = urlsplit(line[1])
        prefix = f"/platform/v2/workspaces/{self.workspace_id}"
        path = unquote(url.path)
        with self._lock:
            entry = Entry(
                n=len(self.log) + 1,
                method=line[0],
                path=path.removeprefix(prefix),
                query=dict(parse_qsl(url.query)),
                headers=headers,
                body=_parsed(raw),
                raw=raw,
                raw_path=url.path,
                at=time.monotonic(),
            )
            self.log.append(entry)
            due = [rule.fault for rule in self._rules if rule.hits(entry)]
            entry.fault = due[0] if due else None
        return entry

    # ------------------------------------------------------------------- answering

    def _answer(self, connection: socket.socket, entry: Entry) -> bool:
        """Answers one request. Whether the connection can take another."""
        fault = entry.fault or Fault()
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            reply = self._carry_out(entry, fault)
            if fault.hang and self._closing.wait(fault.hang):
                return False
        finally:
            with self._lock:
                self._in_flight -= 1
        if fault.reset:
            _reset(connection)
            return False
        answer = fault.raw if fault.raw is not None else _written(reply, fault)
        if fault.raw is None:
            entry.status = fault.status or reply.status
        whole = fault.cut is None and fault.raw is None
        answer = answer if fault.cut is None else answer[: fault.cut]
        if fault.drip:
            for n in range(len(answer)):
                connection.sendall(answer[n : n + 1])
                if self._closing.wait(fault.drip):
                    return False
        else:
            connection.sendall(answer)
        if fault.answered is not None:
            fault.answered()
        return whole

    def _carry_out(self, entry: Entry, fault: Fault) -> Reply:
        if fault.before is not None:
            fault.before(self, entry)
        reply = Reply(500)
        if fault.delay:
            self._start(self._later, fault.delay, entry, fault)
        elif fault.execute:
            reply = self._execute(entry, fault)
        if fault.after is not None:
            fault.after(self, entry)
        return reply

    def _later(self, seconds: float, entry: Entry, fault: Fault) -> None:
        if not self._closing.wait(seconds):
            self._execute(entry, fault)

    def _execute(self, entry: Entry, fault: Fault) -> Reply:
        if entry.path == TOKEN_PATH:
            return self._token(entry)
        if not self._authorized(entry):
            return Reply(401, {"errors": [{"message": "Unauthorized"}]})
        body = entry.body if fault.mangle is None else fault.mangle(entry.body)
        reply = self.workspace.handle(entry.method, entry.path, entry.query, body, stale=fault.stale)
        entry.executed = reply.status < 300
        return reply

    def _token(self, entry: Entry) -> Reply:
        given = entry.body if isinstance(entry.body, dict) else {}
        right = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "audience": "https://api.mparticle.com",
            "grant_type": "client_credentials",
        }
        if entry.method != "POST" or given != right:
            return Reply(401, {"error": "access_denied", "error_description": "Unauthorized"})
        with self._lock:
            token = f"token-canary-{len(self.requests(path=TOKEN_PATH))}"
            self._tokens[token] = 0
        document: Document = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}
        return Reply(200, {k: v for k, v in document.items() if v is not None})

    def _authorized(self, entry: Entry) -> bool:
        scheme, _, token = entry.headers.get("authorization", "").partition(" ")
        with self._lock:
            if scheme != "Bearer" or token not in self._tokens:
                return False
            self._tokens[token] += 1
            return self.token_lasts is None or self._tokens[token] <= self.token_lasts


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _written(reply: Reply, fault: Fault) -> bytes:
    status = fault.status or reply.status
    document = reply.document if fault.body is None else fault.body
    if fault.alter is not None:
        document = fault.alter(document)
    body = (
        document
        if isinstance(document, bytes)
        else b""
        if document is None
        else json.dumps(document).encode()
    )
    headers = {"date": formatdate(usegmt=True), "content-type": "application/json; charset=utf-8"}
    if status != 204:
        headers["content-length"] = str(len(body))
    head = "".join(f"{k}: {v}\r\n" for k, v in {**headers, **fault.headers}.items())
    return f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + (b"" if status == 204 else body)


def _reset(connection: socket.socket) -> None:
    """RST instead of FIN: the client sees the connection break, not end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
