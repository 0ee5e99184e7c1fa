"""Sends a request and reads its answer, whole, within deadline and cap.

Law: each `send` writes its request at most once, follows nothing, keeps no cookie, reads no configuration but the
variables that `address` and `tls` name, and lets no exception of the HTTP library out.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlencode

from reconciler import __version__
from reconciler.transport.address import check_url, parse, proxy_for
from reconciler.transport.answer import Answer
from reconciler.transport.failures import MalformedAnswer, TransportError, explain
from reconciler.transport.tls import client_context

if TYPE_CHECKING:
    import httpcore

MAX_BODY = 16 * 1024 * 1024
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")


class Transport:
    """A pool of connections to one base URL, for several threads at once.

    `host` is its host as written, with the port if there is one. `timeout` is the deadline of a whole request in
    seconds. `log` receives `GET /path 200 12 ms` for each. Raises `ApiError` and `HostNotAllowed` as `check_url` does,
    `TransportError` when the environment's proxy or certificates cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        allowed_hosts: Collection[str] = (),
        trusted_hosts: Collection[str] = (),
        max_connections: int = 4,
        log: Callable[[str], None] | None = None,
    ) -> None:
        base = parse(check_url(base_url, trusted=trusted_hosts, allowed=allowed_hosts))
        proxy = proxy_for(base, os.environ)
        context = client_context(os.environ) if base.scheme == "https" else None

        # These load the HTTP library: some 100 ms that only commands that speak to an API pay.
        from reconciler.transport.connections import Connections
        from reconciler.transport.wire import Call

        _silence_library()
        self.host = base.authority
        self._base = base
        self._timeout = timeout
        self._log = log
        self._headers = {
            b"host": base.authority.encode("ascii"),
            b"accept": b"application/json",
            b"accept-encoding": b"identity",
            b"user-agent": f"wsync/{__version__}".encode("ascii"),
        }
        self._call = Call(base.authority, proxy)
        self._connections = Connections(base, context, max_connections, self._call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections. A request under way in another thread ends with a `TransportError`."""
        self._connections.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """The answer to one request, whatever its status. `path` goes on the base URL; `body` is sent as JSON.

        Raises `TransportError`, whose `sent` tells whether the server may have executed it, and `MalformedAnswer` for
        an answer that is encoded or over 16 MiB.
        """
        started = time.monotonic()
        seconds = self._timeout if timeout is None else timeout
        target = self._base.path + quote(path, safe="/%:@!$&'()*+,;=~")
        request = self._request(method, target, query, body, headers)
        self._call.begin(seconds)
        failure: TransportError | None = None
        try:
            answer = self._exchange(request, started)
        except TransportError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever the library raises holds the request
            failure = explain(error, self._call)
        else:
            self._note(method, target, str(answer.status), started)
            return answer
        self._note(method, target, "failed", started)
        raise failure  # here, and not above: nothing of the library hangs on its context

    def _request(
        self,
        method: str,
        target: str,
        query: Mapping[str, str] | None,
        body: object | None,
        headers: Mapping[str, str] | None,
    ) -> httpcore.Request:
        import httpcore

        fields = self._headers.copy()
        content = b""
        if body is not None:
            content = self._encoded(body)
            fields[b"content-type"] = b"application/json"
        if content or method not in ("GET", "HEAD", "DELETE"):
            fields[b"content-length"] = b"%d" % len(content)
        for name, value in (headers or {}).items():
            if _HEADER_VALUE.fullmatch(value) is None:
                raise TransportError(
                    f"the request to {self.host} was not sent: its {name} header holds a character that HTTP does not allow",
                    sent=False,
                    hint="is there a line break or a space at the end of the token?",
                )
            fields[name.lower().encode("ascii")] = value.encode("ascii")
        url = httpcore.URL(
            scheme=self._base.scheme,
            host=self._base.host,
            port=self._base.effective_port,
            target=f"{target or '/'}?{urlencode(query, quote_via=quote)}" if query else target or "/",
        )
        return httpcore.Request(method, url, headers=list(fields.items()), content=content)

    def _encoded(self, body: object) -> bytes:
        try:
            text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return text.encode("utf-8")
        except (ValueError, TypeError, RecursionError) as error:
            fault = type(error).__name__
        raise TransportError(
            f"the request to {self.host} was not sent: its body cannot be written as JSON ({fault})",
            sent=False,
        )

    def _exchange(self, request: httpcore.Request, started: float) -> Answer:
        with self._connections.lend() as connection:
            response = connection.handle_request(request)
            try:
                headers = _by_name(response.headers)
                self._refuse_unreadable(response.status, headers)
                body = self._body(response)
                if response.status == 204 and headers.get("content-length", "0") != "0":
                    # A body that must not be: on a kept connection it would be taken for the next answer's beginning.
                    connection.close()
            finally:
                response.close()
        return Answer(response.status, headers, body, time.monotonic() - started, self.host)

    def _body(self, response: httpcore.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise self._too_big(response.status)
            chunks.append(chunk)
        return b"".join(chunks)

    def _refuse_unreadable(self, status: int, headers: Mapping[str, str]) -> None:
        """Refuses, before a byte of it is read, a body that is compressed or says that it is too big."""
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY:
            raise self._too_big(status)
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity") and length != "0" and status not in (204, 304):
            raise MalformedAnswer(
                f"{self.host} answered {status} in a compressed or unknown encoding, although asked for none",
                status=status,
                hint="does a proxy or a firewall answer in the API's place?",
            )

    def _too_big(self, status: int) -> MalformedAnswer:
        return MalformedAnswer(
            f"{self.host} answered {status} with more than {MAX_BODY >> 20} MiB", status=status
        )

    def _note(self, method: str, target: str, outcome: str, started: float) -> None:
        if self._log is not None:
            self._log(f"{method} {target or '/'} {outcome} {(time.monotonic() - started) * 1000:.0f} ms")


def _by_name(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _silence_library() -> None:
    """Its loggers tell URLs and headers, so they stay shut, whatever the root logger is told before or after."""
    import logging

    for name in ("httpcore", "httpx"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
