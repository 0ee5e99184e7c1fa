"""One request, one whole answer or one clear error, against servers that answer byte by byte as told."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpcore
import httpx
import pytest
from rawserver import Connection, RawServer, Script, always, answer, fields_of, once

from reconciler.errors import ApiError
from reconciler.transport import MalformedAnswer, Transport, TransportError
from reconciler.transport.failures import explain
from reconciler.transport.wire import Call

CANARY = "hunter2-canary"


def fails(transport: Transport, method: str = "GET", timeout: float | None = None) -> TransportError:
    """The error of a request, after checks that hold for every one of them."""
    with pytest.raises(TransportError) as caught:
        transport.send(
            method,
            "/path",
            query={"token": CANARY},
            headers={"Authorization": f"Bearer {CANARY}"},
            body={"password": CANARY} if method in ("POST", "PUT") else None,
            timeout=timeout,
        )
    error = caught.value
    assert isinstance(error, ApiError)
    assert transport.host.partition(":")[0] in error.message
    assert CANARY not in f"{error.message} {error.hint} {error.args!r}"
    assert error.__cause__ is None
    assert error.__context__ is None, "a library's exception holds the request"
    return error


def test_a_request_carries_what_was_asked_and_nothing_else() -> None:
    with (
        RawServer(always(answer(b'{"id": 1}'))) as server,
        Transport(f"{server.url}/v2/", timeout=5) as transport,
    ):
        found = transport.send(
            "POST",
            "/a b/c?d",
            query={"q": "x&y z"},
            body={"ä": [1, None]},
            headers={"Authorization": "Bearer t"},
        )
        transport.send("GET", "")
        transport.send("PUT", "/x")
    assert (found.status, found.json(), found.host) == (200, {"id": 1}, server.host)
    assert 0 < found.elapsed < 5
    assert found.headers["content-type"] == "application/json"
    first, second, third = server.requests
    assert first.startswith(b"POST /v2/a%20b/c%3Fd?q=x%26y%20z HTTP/1.1\r\n")
    assert first.endswith('\r\n\r\n{"ä":[1,null]}'.encode())
    assert fields_of(first) == {
        "host": server.host,
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": fields_of(first)["user-agent"],
        "content-type": "application/json",
        "content-length": "15",
        "authorization": "Bearer t",
    }
    assert fields_of(first)["user-agent"].startswith("wsync/")
    assert second.startswith(b"GET /v2 HTTP/1.1\r\n")
    assert "content-length" not in fields_of(second)
    assert fields_of(third)["content-length"] == "0"
    assert server.connections == 1, "the connection is kept"


def test_a_header_of_the_caller_replaces_a_default() -> None:
    with RawServer(always(answer())) as server, Transport(server.url, timeout=5) as transport:
        transport.send("GET", "/", headers={"Accept": "application/vnd.github+json"})
    assert fields_of(server.requests[0])["accept"] == "application/vnd.github+json"


@pytest.mark.parametrize(
    "status", ["204 No Content", "400 Bad Request", "418 Teapot", "503 Busy", "505 Other"]
)
def test_any_status_is_an_answer(status: str) -> None:
    with RawServer(once(answer(b"", status=status))) as server, Transport(server.url, timeout=5) as transport:
        assert transport.send("GET", "/x").status == int(status[:3])


def test_an_answer_shows_neither_headers_nor_body_in_its_repr() -> None:
    data = answer(CANARY.encode(), f"X-Token: {CANARY}")
    with RawServer(once(data)) as server, Transport(server.url, timeout=5) as transport:
        assert CANARY not in repr(transport.send("GET", "/x"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["same", "other"])
def test_f114_redirects_are_answers_and_are_never_followed(status: int, where: str) -> None:
    with RawServer(always(answer())) as other:
        location = "/elsewhere" if where == "same" else f"{other.url}/elsewhere"
        data = answer(b"", f"Location: {location}", status=f"{status} Moved")
        with RawServer(always(data)) as server, Transport(server.url, timeout=5) as transport:
            found = transport.send("POST", "/x", body={"a": 1}, headers={"Authorization": "Bearer t"})
    assert (found.status, found.headers["location"]) == (status, location)
    assert len(server.requests) == 1
    assert other.connections == 0


@pytest.mark.parametrize("location", ["http://[", "https://:x", "http://a b\x7f", "//", "?", "http://ä"])
def test_f114_a_redirect_to_nowhere_is_an_answer_too(location: str) -> None:
    data = answer(b"{}", f"Location: {location}", status="302 Found")
    with RawServer(always(data)) as server, Transport(server.url, timeout=5) as transport:
        assert [transport.send("GET", "/x").status for _ in range(2)] == [302, 302]


@pytest.mark.parametrize("path", ["/a/../b", "/..", "//x", "/a/./b//", "/%2e%2E/%zz", "/a%2Fb"])
def test_a_path_goes_over_the_wire_as_it_was_given(path: str) -> None:
    with RawServer(always(answer())) as server, Transport(server.url, timeout=5) as transport:
        transport.send("GET", path, query={"q": "../%2e"})
    assert server.requests[0].startswith(f"GET {path}?q=..%2F%252e HTTP/1.1\r\n".encode())


def test_f214_cookies_are_neither_stored_nor_sent() -> None:
    data = answer(b"{}", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d")
    with RawServer(always(data)) as server, Transport(server.url, timeout=5) as transport:
        found = [transport.send("GET", "/x") for _ in range(2)]
    assert found[0].headers["set-cookie"] == "a=b; Path=/, c=d"
    assert all("cookie" not in fields_of(request) for request in server.requests)


def test_f212_netrc_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login u password {CANARY}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with RawServer(always(answer())) as server, Transport(server.url, timeout=5) as transport:
        transport.send("GET", "/x")
    assert "authorization" not in fields_of(server.requests[0])


# What a server may rightly do (F115)


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"]
)
def test_f115_interim_answers_are_passed_over(interim: bytes) -> None:
    with (
        RawServer(always(interim * 2 + answer(b"[1]"))) as server,
        Transport(server.url, timeout=5) as transport,
    ):
        assert [transport.send("POST", "/x", body={}).json() for _ in range(2)] == [[1], [1]]
    assert (len(server.requests), server.connections) == (2, 1)


@pytest.mark.parametrize("length", ["", "Content-Length: 3\r\n"])
def test_f115_http_1_0_is_understood(length: str) -> None:
    data = f"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n{length}\r\n[1]".encode()
    with RawServer(once(data)) as server, Transport(server.url, timeout=5) as transport:
        assert [transport.send("GET", "/x").json() for _ in range(2)] == [[1], [1]]
    assert server.connections == 2


def test_chunks_are_put_together() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n[1\r\n1\r\n]\r\n0\r\nTrailer: z\r\n\r\n"
    with RawServer(always(data)) as server, Transport(server.url, timeout=5) as transport:
        assert [transport.send("GET", "/x").json() for _ in range(2)] == [[1], [1]]
    assert server.connections == 1


def test_f115_a_connection_closed_while_idle_is_replaced_and_nothing_is_sent_twice() -> None:
    with RawServer(once(answer())) as server, Transport(server.url, timeout=5) as transport:
        for _ in range(3):
            transport.send("POST", "/x", body={"a": 1})
            time.sleep(0.02)  # the server's goodbye arrives
    assert (len(server.requests), server.connections) == (3, 3)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("goodbye", ["close", "reset"])
def test_f115_a_request_lost_on_a_kept_connection_is_reported_and_not_sent_again(
    method: str, goodbye: str
) -> None:
    def script(connection: Connection) -> None:
        connection.request()
        connection.send(answer())
        connection.request()
        if goodbye == "reset":
            connection.reset()

    with RawServer(script) as server, Transport(server.url, timeout=5) as transport:
        transport.send("GET", "/first")
        error = fails(transport, method)
        assert error.sent
        time.sleep(0.05)
        assert [line.split()[0] for line in server.requests] == [b"GET", method.encode()]
        assert transport.send("GET", "/next").status == 200, "and the transport goes on"
    assert server.connections == 2


def test_a_204_with_a_body_does_not_spoil_the_next_answer() -> None:
    data = b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"
    with RawServer(always(data)) as server, Transport(server.url, timeout=5) as transport:
        assert [transport.send("DELETE", "/x").status for _ in range(3)] == [204] * 3
    assert len(server.requests) == 3


def test_an_answer_given_before_the_whole_body_was_taken_is_heard() -> None:
    def script(connection: Connection) -> None:
        connection.socket.recv(1000)
        connection.send(answer(b'{"too": "big"}', "Connection: close", status="413 Too Large"))
        # and hangs up, with a reset for what it has not read

    with RawServer(script) as server, Transport(server.url, timeout=5) as transport:
        assert transport.send("POST", "/x", body="x" * 5_000_000).status == 413


def test_a_switch_of_protocol_that_nobody_asked_for_is_no_answer_to_a_request() -> None:
    data = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    with RawServer(once(data)) as server, Transport(server.url, timeout=5) as transport:
        assert fails(transport).sent


# What a server must not do


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n[1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200",
        b"",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_f098_an_answer_that_is_cut_is_none(data: bytes, method: str) -> None:
    with RawServer(once(data)) as server, Transport(server.url, timeout=5) as transport:
        error = fails(transport, method)
    assert error.sent
    assert "closed the connection before its answer was whole" in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[1]\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        f"SSH-2.0-{CANARY}\r\n\r\n".encode(),
        b"\x16\x03\x01" * 100 + b"\r\n\r\n",
    ],
)
def test_f098_an_answer_that_is_not_http_is_refused_and_not_repeated(data: bytes) -> None:
    with RawServer(once(data)) as server, Transport(server.url, timeout=5) as transport:
        error = fails(transport)
    assert error.sent
    assert "not proper HTTP" in error.message


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "zstd", CANARY, "identity, gzip"])
def test_f100_an_encoded_answer_is_refused_before_it_is_read(encoding: str) -> None:
    def script(connection: Connection) -> None:
        connection.request()
        connection.send(
            f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 9999\r\n\r\n".encode()
        )
        connection.request()  # the client is not going to wait for the body

    with RawServer(script) as server, Transport(server.url, timeout=5) as transport:
        started = time.monotonic()
        error = fails(transport)
    assert isinstance(error, MalformedAnswer)
    assert (error.sent, error.status) == (True, 200)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("fields", ["Content-Encoding: identity", "Content-Encoding: "])
def test_f100_identity_is_no_encoding(fields: str) -> None:
    with RawServer(once(answer(b"[1]", fields))) as server, Transport(server.url, timeout=5) as transport:
        assert transport.send("GET", "/x").json() == [1]


def test_f100_an_encoding_of_nothing_harms_nobody() -> None:
    data = b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"
    with RawServer(once(data)) as server, Transport(server.url, timeout=5) as transport:
        assert transport.send("DELETE", "/x").status == 204


def endless(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:  # the client hangs up
        connection.send(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")


def announced(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n")
    connection.request()  # the client does not wait for it


@pytest.mark.parametrize("script", [endless, announced])
def test_f100_an_answer_over_the_cap_is_not_read_to_its_end(script: Script) -> None:
    with RawServer(script) as server, Transport(server.url, timeout=5) as transport:
        error = fails(transport)
    assert isinstance(error, MalformedAnswer)
    assert "16 MiB" in error.message


def test_an_answer_of_exactly_the_cap_is_read() -> None:
    with RawServer(once(answer(b"x" * (16 << 20)))) as server, Transport(server.url, timeout=10) as transport:
        assert len(transport.send("GET", "/x").body) == 16 << 20


# The deadline (F101)


def drip_body(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.drip(b"1\r\nx\r\n")


def drip_headers(connection: Connection) -> None:
    connection.request()
    connection.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Forever: and ever\r\n" * 999)


def interim_for_ever(connection: Connection) -> None:
    connection.request()
    while True:
        connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.01)


def silence(connection: Connection) -> None:
    connection.request()
    connection.request()


def never_reads(connection: Connection) -> None:
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while connection.socket.recv(100):
        time.sleep(0.05)


@pytest.mark.parametrize("script", [drip_body, drip_headers, interim_for_ever, silence])
def test_f101_the_deadline_ends_a_request_that_a_server_keeps_alive(script: Script) -> None:
    with RawServer(script) as server, Transport(server.url, timeout=30) as transport:
        started = time.monotonic()
        error = fails(transport, "POST", timeout=0.3)
        assert 0.25 < time.monotonic() - started < 1
        assert error.sent
        assert error.message == f"{server.host} gave no whole answer within 0.3 s"
        assert len(server.requests) == 1


def test_f101_the_deadline_ends_a_request_that_a_server_does_not_take() -> None:
    with RawServer(never_reads) as server, Transport(server.url, timeout=0.3) as transport:
        started = time.monotonic()
        with pytest.raises(TransportError, match="no whole answer within") as caught:
            transport.send("POST", "/x", body="x" * 8_000_000)
        assert 0.25 < time.monotonic() - started < 1
        assert caught.value.sent


def test_f101_a_header_without_end_is_cut_off_at_its_size() -> None:
    sent = 0

    def script(connection: Connection) -> None:
        nonlocal sent
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nX: ")
        while sent < 1 << 30:
            connection.send(b"x" * 0x10000)
            sent += 0x10000

    with RawServer(script) as server, Transport(server.url, timeout=5) as transport:
        error = fails(transport)
    assert error.sent
    assert "not proper HTTP" in error.message
    assert sent < 64 << 20


def test_f101_the_deadline_covers_a_tls_handshake_that_never_comes() -> None:
    with RawServer(silence) as server, Transport(f"https://{server.host}", timeout=0.3) as transport:
        started = time.monotonic()
        error = fails(transport)
        assert 0.25 < time.monotonic() - started < 1
    assert not error.sent
    assert "did not take a connection in time" in error.message


def test_f101_the_deadline_covers_a_resolver_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])
    with Transport("http://localhost:1", timeout=0.2) as transport:
        started = time.monotonic()
        error = fails(transport)
        assert time.monotonic() - started < 1
    over.set()
    assert not error.sent


def test_each_thread_has_a_deadline_of_its_own() -> None:
    def script(connection: Connection) -> None:
        while connection.request() is not None:
            time.sleep(0.4)
            connection.send(answer())

    with (
        RawServer(script) as server,
        Transport(server.url, timeout=5) as transport,
        ThreadPoolExecutor() as pool,
    ):
        slow = [pool.submit(transport.send, "GET", "/x") for _ in range(2)]
        hasty = [pool.submit(transport.send, "GET", "/x", timeout=0.2) for _ in range(2)]
        assert [future.result().status for future in slow] == [200, 200]
        assert all(isinstance(future.exception(), TransportError) for future in hasty)


def test_f113_the_wall_clock_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def wall() -> float:
        raise AssertionError("the wall clock may jump")

    with RawServer(silence) as server, Transport(server.url, timeout=0.2) as transport:
        monkeypatch.setattr(time, "time", wall)
        try:
            error = fails(transport)
        finally:
            monkeypatch.undo()
    assert "within 0.2 s" in error.message


# Before anything is sent


def test_a_refused_connection_is_a_definite_no() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with Transport(f"http://127.0.0.1:{port}", timeout=5) as transport:
        error = fails(transport, "POST")
    assert not error.sent
    assert error.message == f"127.0.0.1:{port} refused the connection"


def test_a_name_that_does_not_resolve_is_a_definite_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, f"text of the resolver, {CANARY}")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with Transport("http://localhost:9", timeout=5) as transport:
        error = fails(transport)
    assert not error.sent
    assert error.message == "localhost:9: the name cannot be resolved"
    assert "`api`" in str(error.hint)


def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(always(answer())) as server:
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", server.port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)),
        ]
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *a, **k: found if host == "localhost" else real(host, *a, **k)
        )
        with Transport(f"http://localhost:{server.port}", timeout=5) as transport:
            assert transport.send("GET", "/x").status == 200


def test_an_address_that_never_answers_does_not_eat_the_time_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawServer(always(answer())) as server, contextlib.ExitStack() as stack:
        silent = socket.socket(socket.AF_INET6)
        stack.callback(silent.close)
        try:
            silent.bind(("::1", server.port))
        except OSError:
            pytest.skip("no IPv6 here")
        silent.listen(0)
        for _ in range(3):  # its queue is full: who comes now waits
            waiting = socket.socket(socket.AF_INET6)
            stack.callback(waiting.close)
            waiting.setblocking(False)
            waiting.connect_ex(("::1", server.port))
        found = [(0, 0, 0, "", ("::1", server.port, 0, 0)), (0, 0, 0, "", ("127.0.0.1", server.port))]
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *a, **k: found if host == "localhost" else real(host, *a, **k)
        )
        with Transport(f"http://localhost:{server.port}", timeout=0.6) as transport:
            started = time.monotonic()
            assert transport.send("GET", "/x").status == 200
            assert time.monotonic() - started > 0.2, "the first address was tried"


def test_waiting_for_a_free_connection_is_bounded_and_sends_nothing() -> None:
    with (
        RawServer(silence) as server,
        Transport(server.url, timeout=0.5, max_connections=1) as transport,
        ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(transport.send, "GET", "/x")
        while not server.requests:
            time.sleep(0.01)
        error = fails(transport, "POST", timeout=0.2)
        assert not error.sent
        assert "no connection became free within 0.2 s" in error.message
        assert len(server.requests) == 1
        assert isinstance(first.exception(), TransportError)


@pytest.mark.parametrize(
    "value", [f"{CANARY}\n", f" {CANARY}", f"{CANARY}\r\nX: y", f"{CANARY}é", f"{CANARY}\0", ""]
)
def test_a_header_that_http_does_not_allow_is_named_and_not_shown(value: str) -> None:
    with RawServer(always(answer())) as server, Transport(server.url, timeout=5) as transport:
        with pytest.raises(TransportError, match="Authorization header") as caught:
            transport.send("GET", "/x", headers={"Authorization": value})
        assert not caught.value.sent
        assert CANARY not in f"{caught.value} {caught.value.hint}"
    assert server.connections == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), f"{CANARY}\ud800", {CANARY: object()}, {1, 2}])
def test_a_body_that_is_not_json_is_not_sent(value: object) -> None:
    with RawServer(always(answer())) as server, Transport(server.url, timeout=5) as transport:
        with pytest.raises(TransportError, match="cannot be written as JSON") as caught:
            transport.send("POST", "/x", body={"a": value})
        assert not caught.value.sent
        assert CANARY not in f"{caught.value} {caught.value.__context__!r}"
    assert server.connections == 0


# Threads, signals, closing


def test_threads_share_a_few_connections_and_get_their_own_answers() -> None:
    def echo(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(answer(request.partition(b"\r\n\r\n")[2]))

    with (
        RawServer(echo) as server,
        Transport(server.url, timeout=10, max_connections=3) as transport,
        ThreadPoolExecutor(8) as pool,
    ):
        found = list(pool.map(lambda n: transport.send("POST", "/x", body=[n]).json(), range(200)))
    assert found == [[n] for n in range(200)]
    assert server.connections <= 3
    assert len(server.requests) == 200


def test_ctrl_c_passes_and_leaves_the_transport_usable() -> None:
    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if request.startswith(b"GET /wait"):
                time.sleep(0.1)
                os.kill(os.getpid(), signal.SIGINT)
                connection.request()
                return
            connection.send(answer())

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner may have us ignore it
    try:
        with RawServer(script) as server, Transport(server.url, timeout=5, max_connections=1) as transport:
            with pytest.raises(KeyboardInterrupt):
                transport.send("GET", "/wait")
            assert transport.send("GET", "/x").status == 200
    finally:
        signal.signal(signal.SIGINT, before)


def test_closing_ends_what_is_under_way() -> None:
    with RawServer(silence) as server, ThreadPoolExecutor() as pool:
        transport = Transport(server.url, timeout=5)
        request = pool.submit(transport.send, "GET", "/x")
        while not server.requests:
            time.sleep(0.01)
        transport.close()
        assert isinstance(request.exception(1), TransportError)


def test_a_transport_used_after_its_end_leaves_no_connection_open() -> None:
    gone = threading.Event()

    def script(connection: Connection) -> None:
        connection.request()
        connection.send(answer())
        if connection.request() is None:
            gone.set()

    with RawServer(script) as server:
        transport = Transport(server.url, timeout=5)
        transport.close()
        assert transport.send("GET", "/x").status == 200
        assert gone.wait(2)


# What is told


def test_a_log_line_holds_method_path_status_and_time() -> None:
    lines: list[str] = []
    with (
        RawServer(once(answer(status="404 Not Found"))) as server,
        Transport(f"{server.url}/v2", timeout=5, log=lines.append) as transport,
    ):
        transport.send("GET", "/x", query={"token": CANARY}, headers={"Authorization": CANARY})
    with Transport(server.url, timeout=5, log=lines.append) as transport:
        fails(transport)
    assert [line.rsplit(maxsplit=2)[0] for line in lines] == ["GET /v2/x 404", "GET /path failed"]
    assert all(line.rsplit(maxsplit=2)[1].isdigit() and line.endswith(" ms") for line in lines)


def test_f059_the_librarys_loggers_stay_shut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RawServer(always(answer())) as server, Transport(server.url, timeout=5) as transport:
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            logging.basicConfig(level=logging.DEBUG, force=True)
            transport.send("GET", "/x", query={"token": CANARY}, headers={"Authorization": CANARY})
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        transport.send("GET", "/x")
    assert not caplog.records


F059_SCRIPT = """
import logging, sys
if sys.argv[2] == "before":
    logging.basicConfig(level=logging.DEBUG)
from reconciler.transport import Transport
with Transport(sys.argv[1], timeout=5) as transport:
    if sys.argv[2] == "after":
        logging.basicConfig(level=logging.DEBUG)
        logging.getLogger("httpcore.http11").setLevel(logging.DEBUG)
    transport.send("GET", "/x", query={"token": "hunter2-canary"}, headers={"Authorization": "hunter2-canary"})
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_f059_debug_logging_of_the_whole_process_shows_no_request(when: str) -> None:
    with RawServer(always(answer())) as server:
        done = subprocess.run(
            [sys.executable, "-c", F059_SCRIPT, server.url, when],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert (done.stdout, done.stderr) == ("", "")


def exception_classes() -> list[type[Exception]]:
    found = [
        value
        for library in (httpcore, httpx)
        for value in vars(library).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    return [*found, OSError, ConnectionResetError, TimeoutError, RuntimeError, AssertionError, ValueError]


def raised(error: type[Exception], text: str) -> Exception:
    """An instance of any exception class, whatever its constructor asks for."""
    found = error.__new__(error, text)
    Exception.__init__(found, text)
    return found


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("error", exception_classes())
def test_f061_every_exception_of_the_library_becomes_one_sentence(error: type[Exception], sent: bool) -> None:
    call = Call("api.example.com", None)
    call.begin(3)
    call.sent = sent
    found = explain(raised(error, f"GET https://u:{CANARY}@host/?token={CANARY}"), call)
    # A proxy's refusal is worded by our own tunnel, which has tests of its own.
    if error is not httpcore.ProxyError:
        assert "api.example.com" in found.message
        assert CANARY not in f"{found.message} {found.hint}"
    assert found.sent is sent
    assert "\n" not in found.message


def test_f061_the_enumeration_of_the_librarys_exceptions_is_not_empty() -> None:
    assert len(exception_classes()) > 40


def test_the_http_library_is_loaded_by_who_opens_a_transport_and_nobody_else() -> None:
    script = "import sys, reconciler.transport; print([m for m in ('httpcore', 'httpx', 'ssl', 'certifi') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "[]\n"


def test_opening_a_transport_loads_httpx_without_its_command_line_and_hides_that_from_nobody() -> None:
    script = (
        "import sys; from reconciler.transport import Transport; Transport('http://localhost:1', timeout=1);"
        "print([m for m in ('httpx', 'httpx._main', 'click', 'rich', 'pygments', 'asyncio') if m in sys.modules]);"
        "import importlib.util; print(importlib.util.find_spec('httpx._main') is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "['httpx']\nTrue\n"
