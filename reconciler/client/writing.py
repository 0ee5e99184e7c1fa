"""The client that can write, and the meaning of each answer to a write.

Law: a write that the server may have executed is never sent again from here: it is `UNKNOWN`, and who asked settles it
by reading. Nothing the server or the network does is raised. Source: faults, "One request, one outcome".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final

from reconciler.client.guard import check_body
from reconciler.client.line import REPEATS, WAITS, segment
from reconciler.client.pace import Pause, TooManyRepeatsError
from reconciler.client.reading import ReadClient, refusal
from reconciler.client.runs import identifier_of
from reconciler.client.shapes import ProtocolError, check_id, read_object
from reconciler.client.tokens import CredentialsError, Tokens
from reconciler.client.wording import in_words
from reconciler.errors import inert
from reconciler.resource import Address, Resource, kinds
from reconciler.transport import Answer, MalformedAnswer, Transport, TransportError

_TRIGGER: Final = "/inputs/data-pipelines/trigger"


class Verdict(Enum):
    """What became of one write."""

    DONE = "done"
    REFUSED = "refused"  # definitely not executed
    GONE = "gone"  # an update of what is not there
    UNKNOWN = "unknown"  # it may have been executed
    WAREHOUSE = "warehouse"  # the service could not log in to the warehouse; it may have stored the object all the same
    STOP = "stop"  # definitely not executed, and nothing else will be: stop the run
    NOT_SENT = "not sent"  # the server was not reached


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcome of one write. `status` is None without an answer; `message` is one sentence that may be shown."""

    verdict: Verdict
    status: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Triggered(Answered):
    """The outcome of a trigger; `run_id` of the run that it started, if the server told."""

    run_id: str | None = None


class WriteClient(ReadClient):
    """Reads and writes one workspace. `timeout_given` is the deadline that the user asked for, in seconds."""

    _methods: ClassVar[frozenset[str]] = frozenset({"GET", "POST", "PUT", "DELETE"})

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        workspace_id: str,
        *,
        pause: Pause = time.sleep,
        parallelism: int = 4,
        log: Callable[[str], None] | None = None,
        timeout_given: float | None = None,
    ) -> None:
        super().__init__(transport, tokens, workspace_id, pause=pause, parallelism=parallelism, log=log)
        self._timeout_given = timeout_given

    def create(self, kind: type[Resource], body: Mapping[str, object]) -> Answered:
        """POSTs a resource. Raises `UnsendableBodyError` if `body` may not be sent, and nothing else."""
        check_body(kind, body)
        identifier = str(body["id"])
        return self._write(
            "POST", kind.path, lambda answer: _stored(answer, identifier), kind=kind, body=body
        )

    def update(self, address: Address, body: Mapping[str, object]) -> Answered:
        """PUTs a whole resource. Raises as `create` does."""
        kind = kinds()[address.kind]
        check_body(kind, body, address.id)
        path = f"{kind.path}/{segment(address.id)}"
        return self._write("PUT", path, lambda answer: _stored(answer, address.id), kind=kind, body=body)

    def delete(self, address: Address) -> Answered:
        """DELETEs a resource; one that is gone already counts as done."""
        return self._write("DELETE", f"{kinds()[address.kind].path}/{segment(address.id)}", _deleted)

    def trigger(self, pipeline_id: str) -> Triggered:
        """Starts a run of a pipeline. Sent once, whatever happens (but for a token that had to be renewed)."""
        answered = self._write(
            "POST", _TRIGGER, _triggered, body={"pipeline_id": pipeline_id}, repeats=0, waits=0
        )
        if isinstance(answered, Triggered):
            return answered
        return Triggered(answered.verdict, answered.status, answered.message)

    def _write(
        self,
        method: str,
        path: str,
        succeeded: Callable[[Answer], Answered],
        *,
        kind: type[Resource] | None = None,
        body: Mapping[str, object] | None = None,
        repeats: int = REPEATS,
        waits: int = WAITS,
    ) -> Answered:
        timeout = kind.write_timeout if kind is not None and self._timeout_given is None else None
        try:
            answer = self._line.send(method, path, body=body, timeout=timeout, repeats=repeats, waits=waits)
        except MalformedAnswer as error:
            return Answered(Verdict.UNKNOWN, error.status, error.message)
        except TransportError as error:
            return Answered(Verdict.UNKNOWN if error.sent else Verdict.NOT_SENT, None, error.message)
        except TooManyRepeatsError as error:
            return Answered(Verdict.NOT_SENT, None, error.message)
        except CredentialsError as error:
            return Answered(Verdict.STOP, None, error.message)
        if not 200 <= answer.status < 300:
            return self._failed(method, answer)
        try:
            return succeeded(answer)
        except (MalformedAnswer, ProtocolError) as error:
            return Answered(Verdict.UNKNOWN, answer.status, error.message)

    def _failed(self, method: str, answer: Answer) -> Answered:
        message = refusal(self._line, answer).message
        match answer.status:
            case 401 | 403:
                return Answered(Verdict.STOP, answer.status, message)
            case 404 if method == "DELETE":
                return Answered(Verdict.DONE, answer.status, "already gone")
            case 404 if method == "PUT":
                return Answered(Verdict.GONE, answer.status, f"it is gone: {in_words(answer)}")
            case 400 | 409 | 422:
                return Answered(Verdict.REFUSED, answer.status, in_words(answer))
            case 404 | 425 | 429:
                return Answered(Verdict.REFUSED, answer.status, message)
            case 505:
                return Answered(Verdict.WAREHOUSE, answer.status, message)
            case status if 300 <= status < 400:
                return Answered(Verdict.REFUSED, answer.status, message)
            case _:
                return Answered(Verdict.UNKNOWN, answer.status, in_words(answer))


def _stored(answer: Answer, identifier: str) -> Answered:
    """A success as the API answers it; anything else might be a proxy's. Raises `ProtocolError`, `MalformedAnswer`."""
    if answer.status != 204:
        check_id(answer, read_object(answer, f"resource {identifier}"), identifier)
    return Answered(Verdict.DONE, answer.status, str(answer.status))


def _deleted(answer: Answer) -> Answered:
    if answer.status == 204 or (answer.status == 200 and not answer.body.strip()):
        return Answered(Verdict.DONE, answer.status, str(answer.status))
    # How a DELETE answers is not documented: whether this one means done, or only accepted, is for a GET to tell.
    return Answered(Verdict.UNKNOWN, answer.status, f"{in_words(answer)} instead of 204")


def _triggered(answer: Answer) -> Answered:
    if answer.status == 204:
        return Triggered(Verdict.DONE, answer.status, "204")
    document: dict[str, Any] = read_object(answer, "answer to a trigger")
    run_id = identifier_of(document.get("pipeline_run_id"))
    if run_id is None:
        return Triggered(Verdict.UNKNOWN, answer.status, f"{answer.status} without the id of a run")
    said = document.get("status")
    message = f"{answer.status} {inert(said, 100)}" if isinstance(said, str) else str(answer.status)
    return Triggered(Verdict.DONE, answer.status, message, run_id)
