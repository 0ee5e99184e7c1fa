"""One request to the API, with the token, repeated where the table of outcomes says that it may be.

Law: what the server may have executed is repeated only if it is a GET; methods that were not granted are not sent.
Source: faults, "One request, one outcome".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from reconciler.client.pace import Pace, told_to_wait
from reconciler.client.tokens import Tokens
from reconciler.client.wording import in_words
from reconciler.errors import ApiError
from reconciler.transport import Answer, MalformedAnswer, Transport, TransportError

REPEATS: Final = 3
WAITS: Final = 5
# Statuses that say what they say: asking again changes nothing. 505 least of all, for failed logins lock users.
_FINAL: Final = frozenset({400, 401, 403, 404, 409, 422, 505})


class Line:
    """The way to one workspace, for several threads. `methods` are all that it will ever send."""

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        workspace_id: str,
        pace: Pace,
        *,
        methods: frozenset[str],
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.host = transport.host
        self.tokens = tokens
        self.workspace_id = workspace_id
        self._transport = transport
        self._prefix = f"/platform/v2/workspaces/{segment(workspace_id)}"
        self._pace = pace
        self._methods = methods
        self._log = log

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object | None = None,
        timeout: float | None = None,
        repeats: int = REPEATS,
        waits: int = WAITS,
    ) -> Answer:
        """The answer, when it is final or all patience is used up. `path` is below the workspace.

        `repeats` bounds how often a failure is repeated, `waits` how often the server may ask to wait. Raises
        `TransportError`, `CredentialsError`, `TooManyRepeatsError`; and `PermissionError` for a method not granted.
        """
        if method not in self._methods:
            raise PermissionError(f"this client may not send {method}")
        failures = waited = 0
        renewed = False
        while True:
            token = self.tokens.bearer()
            self._pace.wait_turn()
            try:
                answer = self._transport.send(
                    method,
                    self._prefix + path,
                    query=query,
                    body=body,
                    headers={"authorization": f"Bearer {token}"},
                    timeout=timeout,
                )
            except TransportError as error:
                if failures >= repeats or not _repeatable(method, error):
                    raise
                failures += 1
                self._pace.back_off(failures, error.message)
                continue
            if answer.status == 401 and not renewed and self.tokens.invalidate(token):
                renewed = True
            elif _asks_to_wait(method, answer.status) and waited < waits:
                waited += 1
                self._hold(method, path, answer, waited)
            elif method == "GET" and _is_passing(answer.status) and failures < repeats:
                failures += 1
                self._pace.back_off(failures, in_words(answer))
            else:
                return answer

    def _hold(self, method: str, path: str, answer: Answer, attempt: int) -> None:
        seconds = told_to_wait(answer.headers, attempt)
        if self._log is not None:
            self._log(f"{method} {self._prefix}{path} {answer.status} waiting {seconds * 1000:.0f} ms")
        self._pace.hold(seconds)


def _repeatable(method: str, error: TransportError) -> bool:
    if isinstance(error, MalformedAnswer):  # an answer came; who asked judges it
        return False
    return method == "GET" or not error.sent


def _asks_to_wait(method: str, status: int) -> bool:
    # 408 does not say whether the request was executed.
    return status in (425, 429) or (status == 408 and method == "GET")


def _is_passing(status: int) -> bool:
    return not (200 <= status < 400 or status in _FINAL or status in (408, 425, 429))


def segment(text: str) -> str:
    """An id as one segment of a path, whatever it holds: ids of old resources need not be slugs.

    Raises `ApiError` for what servers read as a path of another resource.
    """
    if text in ("", ".", ".."):
        raise ApiError(f"the id `{text}` cannot be part of a path")
    return quote(text, safe="")
