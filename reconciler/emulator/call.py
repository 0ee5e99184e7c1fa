"""What an endpoint is, what its handler gets and gives: a call, its answer, or a refusal. A handler runs in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reconciler.emulator.switches import Switches
from reconciler.errors import WsyncError

if TYPE_CHECKING:
    from reconciler.resource import Resource


@dataclass(slots=True)
class Call:
    """One request as a handler sees it. `now` is the emulator's clock, in seconds since 1970."""

    db: sqlite3.Connection
    switches: Switches
    now: float
    actor: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    keep_secrets: bool = False

    @property
    def workspace(self) -> str:
        return self.params["workspace"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and a JSON document unless it is None."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An answer that undoes whatever the handler did. `body` is the document, in the API's shape unless given."""

    def __init__(
        self,
        status: int,
        *messages: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status)
        self.answer = Answer(status, body or errors_body(status, messages), headers or {})


def errors_body(status: int, messages: Sequence[str]) -> dict[str, Any]:
    """The API's shape of an error (reference: "Example error response")."""
    return {"statusCode": status, "errors": [{"message": m} for m in messages]}


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `shown` makes of a body what may be logged; `is_open` needs no bearer token;
    `is_admin` is about the emulator itself: not logged, never slow, limited or faulty.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    shown: Callable[[Mapping[str, Any]], Any] = lambda _body: None
    kind: type[Resource] | None = None
    is_open: bool = False
    is_admin: bool = False


BASE: Final = "/platform/v2/workspaces/{workspace}"


def refused_as_400(error: WsyncError) -> Refusal:
    return Refusal(400, error.message + (f": {error.hint}" if error.hint else ""))
