"""The bearer token: fetched with client credentials, or given; kept in memory only, and renewed when it must be.

Law: credentials go to the token endpoint and nowhere else, and nothing is requested without them. Source: api-facts,
"Access" (the audience is the US1 host for every pod; a token lasts eight hours).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.client.pace import Pause, backoff, told_to_wait
from reconciler.client.wording import clean, in_words
from reconciler.errors import ApiError
from reconciler.secrets import looks_masked, register
from reconciler.transport import Answer, Transport, TransportError

AUDIENCE: Final = "https://api.mparticle.com"
_UNKNOWN_LIFE: Final = 300.0  # seconds that a token is used whose life is not plainly told
_LONGEST_LIFE: Final = 86_400.0
_MARGIN: Final = 60.0  # seconds before its end at which it is renewed
_REPEATS: Final = 3
_LONGEST_TOKEN: Final = 16_384
_TOKEN: Final = re.compile(r"[!-~]+")

_HOW = (
    "set WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET (an administrator creates API credentials in mParticle's settings), "
    "or WSYNC_TOKEN"
)


class CredentialsError(ApiError):
    """No usable token: credentials are missing, malformed or refused, or the token endpoint is not well."""

    default_code = "WS402"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth2 client credentials of an mParticle account."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A bearer token that the environment gave: it cannot be renewed."""

    value: str = field(repr=False)


def credentials_of(environ: Mapping[str, str]) -> ClientCredentials | FixedToken:
    """What WSYNC_TOKEN or, without it, WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET hold; empty ones count as unset.

    Raises `CredentialsError`, which names the variable and never what it holds.
    """
    token = environ.get("WSYNC_TOKEN", "")
    if token:
        return FixedToken(_checked_token(token))
    found = {name: environ.get(name, "") for name in ("WSYNC_CLIENT_ID", "WSYNC_CLIENT_SECRET")}
    missing = [name for name, value in found.items() if not value.strip()]
    if len(missing) == len(found):
        raise CredentialsError("no credentials for the API", hint=_HOW)
    if missing:
        raise CredentialsError(f"{missing[0]} is not set", hint=_HOW)
    if looks_masked(found["WSYNC_CLIENT_SECRET"]):
        raise CredentialsError(
            "WSYNC_CLIENT_SECRET looks like a mask (such as ****), not like a secret", hint=_HOW
        )
    register(found["WSYNC_CLIENT_SECRET"])
    return ClientCredentials(found["WSYNC_CLIENT_ID"], found["WSYNC_CLIENT_SECRET"])


def _checked_token(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        hint = "leave out the word Bearer" if token.lower().startswith("bearer ") else None
        raise CredentialsError(
            "WSYNC_TOKEN holds white space, a line break or another character that no token has",
            hint=hint or "set it again, without a line break at its end",
        )
    if looks_masked(token):
        raise CredentialsError("WSYNC_TOKEN looks like a mask (such as ****), not like a token", hint=_HOW)
    register(token)
    return token


class Tokens:
    """Hands out the bearer token to any number of threads; only one of them fetches it."""

    def __init__(
        self,
        credentials: ClientCredentials | FixedToken,
        endpoint: Transport | None = None,
        path: str = "",
        *,
        pause: Pause = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._endpoint = endpoint
        self._path = path
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0
        self._failure: CredentialsError | None = None

    @property
    def hint(self) -> str:
        """What to check when the API does not accept the token."""
        if isinstance(self._credentials, FixedToken):
            return "WSYNC_TOKEN may have expired, or belong to another account or pod: get a new one"
        return "are WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET those of this workspace's account and pod?"

    def bearer(self) -> str:
        """The token to send now. Raises `CredentialsError`; once the endpoint has failed, at once and ever after."""
        if isinstance(self._credentials, FixedToken):
            return self._credentials.value
        with self._lock:
            if self._failure is not None:  # one thread has tried hard enough for all of them
                raise CredentialsError(self._failure.message, hint=self._failure.hint)
            if self._token is None or self._clock() >= self._renew_at:
                try:
                    self._token, life = self._fetch(self._credentials)
                except CredentialsError as failure:
                    self._failure = failure
                    raise
                self._renew_at = self._clock() + life - min(_MARGIN, life / 2)
            return self._token

    def invalidate(self, token: str) -> bool:
        """The API did not accept `token`. Whether it is worth asking again: another one is, or will be, at hand."""
        if isinstance(self._credentials, FixedToken):
            return False
        with self._lock:
            if self._token == token:  # else another thread has renewed it meanwhile
                self._token = None
        return True

    def _fetch(self, credentials: ClientCredentials) -> tuple[str, float]:
        answer = self._ask(credentials)
        if not 200 <= answer.status < 300:
            raise self._refused(answer, credentials)
        try:
            document = answer.json(clean)
        except TransportError as error:
            raise CredentialsError(f"no token: {error.message}", hint=error.hint) from None
        token = document.get("access_token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or len(token) > _LONGEST_TOKEN:
            raise CredentialsError(
                f"{answer.host} answered {answer.status} without a usable access_token",
                hint="is `auth` in wsync.yaml the token endpoint?",
            )
        register(token)
        return token, _life(document.get("expires_in") if isinstance(document, dict) else None)

    def _ask(self, credentials: ClientCredentials) -> Answer:
        """Repeated when there is hope: asking twice for a token does no harm."""
        assert self._endpoint is not None, "client credentials need a token endpoint"
        body = {
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "audience": AUDIENCE,
            "grant_type": "client_credentials",
        }
        for attempt in range(1, _REPEATS + 2):
            try:
                answer = self._endpoint.send("POST", self._path, body=body)
            except TransportError as error:
                if attempt > _REPEATS:
                    raise CredentialsError(f"no token: {error.message}", hint=error.hint) from None
                self._pause(backoff(attempt))
                continue
            if attempt > _REPEATS or not (answer.status in (408, 425, 429) or answer.status >= 500):
                return answer
            self._pause(told_to_wait(answer.headers, attempt))
        raise AssertionError("unreachable")

    def _refused(self, answer: Answer, credentials: ClientCredentials) -> CredentialsError:
        said = in_words(answer)
        if answer.status in (400, 401, 403):
            stray = credentials.client_secret != credentials.client_secret.strip()
            return CredentialsError(
                f"{answer.host} refused the client credentials: {said}",
                hint="WSYNC_CLIENT_SECRET begins or ends with white space"
                if stray
                else "check WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET",
            )
        if 300 <= answer.status < 400 or answer.status == 404:
            return CredentialsError(
                f"{answer.host} gave no token: {said}", hint="is `auth` in wsync.yaml the token endpoint?"
            )
        return CredentialsError(f"{answer.host} gave no token: {said}", hint="try again later")


def _life(expires_in: object) -> float:
    """Seconds that a token is taken to live."""
    if isinstance(expires_in, int | float) and not isinstance(expires_in, bool) and expires_in > 0:
        return min(float(expires_in), _LONGEST_LIFE)
    return _UNKNOWN_LIFE
