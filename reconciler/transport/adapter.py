"""httpx's client over our own connections: what it gets to see of an exchange is its whole answer, or its failure.

Law: httpx decides nothing here. It knows no target, keeps no cookie, prepares no redirect, decodes no body, and holds
no connection between a request and the end of its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING

import httpcore

from reconciler.transport.answer import by_name
from reconciler.transport.connections import Connections
from reconciler.transport.failures import MalformedAnswer
from reconciler.transport.library import httpx

if TYPE_CHECKING:
    import ssl

    from reconciler.transport.address import Base
    from reconciler.transport.wire import Call

MAX_BODY = 16 * 1024 * 1024


class Adapter(httpx.BaseTransport):
    """Carries out requests, each on a connection that is lent to it until its answer has been read.

    `client` is httpx's client that does nothing but hand requests to it; all it holds is closed by `close`.
    """

    def __init__(self, base: Base, context: ssl.SSLContext | None, size: int, call: Call) -> None:
        self._base = base
        self._connections = Connections(base, context, size, call)
        self.client = httpx.Client(
            transport=self, cookies=_NoCookies(), trust_env=False, follow_redirects=False, timeout=None
        )
        self._url = httpx.URL(f"{base.scheme}://{base.authority}/")

    def request(self, method: str, target: str, headers: dict[bytes, bytes], content: bytes) -> httpx.Request:
        """A request with these headers and no others. `target` is path and query as they go over the wire.

        It travels beside the URL, in which httpx would resolve its dots and tell it to logs and exceptions.
        """
        return httpx.Request(
            method,
            self._url,
            headers=list(headers.items()),
            stream=httpx.ByteStream(content),
            extensions={"target": target, "timeout": {}},  # no timeout per operation: the deadline rules
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises `MalformedAnswer`, and whatever httpcore, `wire` and `connections` do."""
        with self._connections.lend() as connection:
            answer = connection.handle_request(self._core_request(request))
            try:
                headers = by_name(answer.headers)
                self._refuse_unreadable(answer.status, headers)
                body = self._body(answer)
                if answer.status == 204 and headers.get("content-length", "0") != "0":
                    # A body that must not be: on a kept connection it would be taken for the next answer's beginning.
                    connection.close()
            finally:
                answer.close()
        return _Final(answer.status, headers=answer.headers, stream=httpx.ByteStream(body))

    def close(self) -> None:
        """Closes all connections, those in use too."""
        self._connections.close()

    def _core_request(self, request: httpx.Request) -> httpcore.Request:
        url = httpcore.URL(
            scheme=self._base.scheme,
            host=self._base.host,
            port=self._base.effective_port,
            target=request.extensions["target"],
        )
        return httpcore.Request(request.method, url, headers=request.headers.raw, content=request.read())

    def _body(self, answer: httpcore.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in answer.iter_stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise self._too_big(answer.status)
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
                f"{self._base.authority} answered {status} in a compressed or unknown encoding, although asked for none",
                status=status,
                hint="does a proxy or a firewall answer in the API's place?",
            )

    def _too_big(self, status: int) -> MalformedAnswer:
        return MalformedAnswer(
            f"{self._base.authority} answered {status} with more than {MAX_BODY >> 20} MiB", status=status
        )


class _Final(httpx.Response):
    """An answer that leads nowhere: httpx builds a redirect's next request even when it is to follow none."""

    @property
    def has_redirect_location(self) -> bool:
        return False


class _NoCookies(CookieJar):
    def extract_cookies(self, *_: object) -> None:
        """Keeps none."""
