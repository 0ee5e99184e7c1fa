"""Sends a request and reads its answer, whole, within deadline and cap.

Law: each `send` writes its request at most once, follows nothing, keeps no cookie, reads no configuration but the
variables that `address` and `tls` name, and lets no exception of an HTTP library out.
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
from reconciler.transport.answer import Answer, by_name
from reconciler.transport.failures import TransportError, explain
from reconciler.transport.tls import client_context

if TYPE_CHECKING:
    import httpx

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

        # These load the HTTP libraries: some 130 ms that only commands that speak to an API pay.
        from reconciler.transport.adapter import Adapter
        from reconciler.transport.wire import Call

        _silence_libraries()
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
        self._adapter = Adapter(base, context, max_connections, self._call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections. A request under way in another thread ends with a `TransportError`."""
        self._adapter.close()

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
        except Exception as error:  # noqa: BLE001 - whatever a library raises holds the request
            failure = explain(error, self._call)
        else:
            self._note(method, target, str(answer.status), started)
            return answer
        self._note(method, target, "failed", started)
        raise failure  # here, and not above: nothing of a library hangs on its context

    def _request(
        self,
        method: str,
        target: str,
        query: Mapping[str, str] | None,
        body: object | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Request:
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
        asked = f"{target or '/'}?{urlencode(query, quote_via=quote)}" if query else target or "/"
        return self._adapter.request(method, asked, fields, content)

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

    def _exchange(self, request: httpx.Request, started: float) -> Answer:
        response = self._adapter.client.send(request, stream=True)
        body = b"".join(response.iter_raw())  # raw: nothing is ever decompressed
        headers = by_name(response.headers.raw)
        return Answer(response.status_code, headers, body, time.monotonic() - started, self.host)

    def _note(self, method: str, target: str, outcome: str, started: float) -> None:
        if self._log is not None:
            self._log(f"{method} {target or '/'} {outcome} {(time.monotonic() - started) * 1000:.0f} ms")


def _silence_libraries() -> None:
    """Their loggers tell URLs and headers, so they stay shut, whatever the root logger is told before or after."""
    import logging

    for name in ("httpcore", "httpx"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
