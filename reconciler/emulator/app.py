"""The emulator as a web application: from a request to a handler in one transaction, and back.

Everything runs on one thread, the event loop's: a request takes well under a millisecond, handing it to
another thread would cost more. Law: whatever goes wrong, an answer has the API's shape and no secret.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import struct
import traceback
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator import admin, requestlog
from reconciler.emulator.access import Credentials, RateLimit, authorize
from reconciler.emulator.call import Answer, Call, Endpoint, Refusal, errors_body, refused_as_400
from reconciler.emulator.faults import Fault, Faults
from reconciler.emulator.routes import endpoints, no_such_endpoint
from reconciler.emulator.store import read_clock, transaction
from reconciler.emulator.switches import Switches
from reconciler.errors import WsyncError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_LARGEST = 8 * 1024 * 1024  # bytes of a request body


class Emulator:
    """One running emulator: its state, its switches, and what happens to a request."""

    def __init__(
        self,
        db: sqlite3.Connection,
        switches: Switches,
        credentials: Credentials,
        *,
        path: Path | None = None,
        keep_secrets: bool = False,
    ) -> None:
        self.db = db
        self.switches = self.first_switches = switches
        self.credentials = credentials
        self.path = path
        self.keep_secrets = keep_secrets
        self.faults = Faults()
        self.rate_limit = RateLimit()
        self.stopping = asyncio.Event()
        self.connections: Iterable[Any] = ()  # the server's, to be cut on demand

    async def answer(self, endpoint: Endpoint, request: Request) -> Response:
        """Everything that happens to one request, waits and faults included."""
        raw = await request.body()
        if endpoint.is_admin:
            return _response(self.perform(endpoint, request, raw))
        if self.switches.latency:
            await self.pause(self.switches.latency)
        fault = self.faults.take(request.method, request.scope["path"]) if self.faults.rules else None
        if fault is None:
            return _response(self.perform(endpoint, request, raw))
        return await self._answer_with(fault, endpoint, request, raw)

    async def pause(self, seconds: float) -> None:
        """Waits, but not beyond the end of the server."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    # ------------------------------------------------------------------ one transaction

    def perform(self, endpoint: Endpoint, request: Request, raw: bytes, fault: Fault | None = None) -> Answer:
        """Carries out a request and logs it. A refusal undoes what the handler did, and is logged all the same."""
        log: dict[str, Any] = {"query": _query(request), "fault": str(fault) if fault else None}
        try:
            with transaction(self.db):
                answer = self._handle(endpoint, request, raw, log)
                if not endpoint.is_admin:
                    self._record(request, answer.status, log)
                return answer
        except Refusal as refusal:
            if not endpoint.is_admin:
                with transaction(self.db):
                    self._record(request, refusal.answer.status, log)
            return refusal.answer

    def _handle(self, endpoint: Endpoint, request: Request, raw: bytes, log: dict[str, Any]) -> Answer:
        actor = ""
        if not endpoint.is_open:
            actor = log["actor"] = authorize(
                self.db, self.credentials, request.headers.get("authorization", "")
            )
        counts = not (endpoint.is_open or endpoint.is_admin)
        headers = self.rate_limit.admit(self.switches) if counts else {}
        call = Call(
            db=self.db,
            switches=self.switches,
            now=read_clock(self.db)[0],
            actor=actor,
            params=request.path_params,
            query=request.query_params,
            keep_secrets=self.keep_secrets,
        )
        if request.method in ("POST", "PUT", "PATCH"):
            call.body = _read_object(raw, may_be_empty=endpoint.is_admin)
            log["body"] = endpoint.shown(call.body)
        try:
            answer = endpoint.handler(call)
        except WsyncError as error:
            raise refused_as_400(error) from None
        return Answer(answer.status, answer.body, {**headers, **answer.headers}) if headers else answer

    def _record(self, request: Request, status: int | None, log: dict[str, Any]) -> None:
        requestlog.record(self.db, request.method, request.scope["path"], status=status, **log)

    # -------------------------------------------------------------------------- faults

    async def _answer_with(self, fault: Fault, endpoint: Endpoint, request: Request, raw: bytes) -> Response:
        if fault.action == "delay" and fault.when == "before":
            await self.pause(fault.seconds)
        if fault.action == "delay" or fault.when == "after":
            response = _response(self.perform(endpoint, request, raw, fault))
        else:
            status = fault.status if fault.action == "status" else None
            with transaction(self.db):
                self._record(request, status, {"query": _query(request), "fault": str(fault)})
            response = Response(fault.answer_body(), fault.status, media_type="application/json")
        match fault.action:
            case "status":
                headers = {
                    "content-type": "application/json",
                    **{k.lower(): v for k, v in fault.headers.items()},
                }
                response = Response(fault.answer_body(), fault.status, headers)
            case "reset":
                response = _Reset(self.connections)
            case "cut":
                response = _Cut(response)
            case "hang":
                await self.pause(fault.seconds)
                response = _Reset(self.connections)
            case "delay" if fault.when == "after":
                await self.pause(fault.seconds)
        return response


def _query(request: Request) -> str:
    return request.scope["query_string"].decode("latin-1")  # type: ignore[no-any-return]


def _read_object(raw: bytes, *, may_be_empty: bool) -> dict[str, Any]:
    if not raw and may_be_empty:
        return {}
    if len(raw) > _LARGEST:
        raise Refusal(413, "The request is too large.")
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "The request body is not a JSON object.")
    return body


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    return Response(to_json(answer.body), answer.status, answer.headers, media_type="application/json")


class _Reset(Response):
    """No answer: the connection is reset."""

    def __init__(self, connections: Iterable[Any]) -> None:
        super().__init__()
        self.connections = connections

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        for connection in list(self.connections):
            if connection.client == scope.get("client"):
                # Closing with this option discards what is unsent and tells the peer at once.
                linger = struct.pack("ii", 1, 0)
                connection.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                connection.transport.abort()
        await asyncio.sleep(0)  # the server has to notice, or it would answer 500


class _Cut(Response):
    """Half an answer, then the end."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self.whole = whole

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.whole.status_code,
                "headers": self.whole.raw_headers,
            }
        )
        half = bytes(self.whole.body)[: len(self.whole.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


# ------------------------------------------------------------------------ the application

Bound = Callable[[Request], Awaitable[Response]]


def build(emulator: Emulator, *, docs: bool = False) -> Starlette:
    """The web application. With `docs` it is a FastAPI that also serves `/docs`; without, it starts in half the time."""
    everything = [*endpoints(emulator.credentials), *admin.endpoints(emulator)]
    bound = [(endpoint, _bind(emulator, endpoint)) for endpoint in everything]
    nothing = _bind(emulator, Endpoint("*", "/{rest:path}", no_such_endpoint, ""))
    rest = Route(
        "/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
    )
    handlers: dict[Any, Any] = {Exception: _failed, 405: _no_such_method}
    if docs:
        from reconciler.emulator.docs import documented  # FastAPI takes a third of a second to import

        return documented(bound, rest, handlers)
    routes = [Route(endpoint.path, answer, methods=[endpoint.method]) for endpoint, answer in bound]
    return Starlette(routes=[*routes, rest], exception_handlers=handlers)


def _bind(emulator: Emulator, endpoint: Endpoint) -> Bound:
    async def answer(request: Request) -> Response:
        return await emulator.answer(endpoint, request)

    return answer


async def _no_such_method(_request: Request, _error: Exception) -> Response:
    return _response(Answer(405, errors_body(405, ["The endpoint has no such method."])))


async def _failed(_request: Request, error: Exception) -> Response:
    """A fault of our own. The error's text may hold anything, so only its type and place are told."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return _response(Answer(500, errors_body(500, [f"The emulator failed: {type(error).__name__}{place}."])))
