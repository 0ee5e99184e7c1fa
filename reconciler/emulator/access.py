"""Who may call: tokens, the token endpoint, and how often. No token or client secret is stored or shown."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.emulator.call import Answer, Call, Refusal
from reconciler.emulator.defaults import AUTHOR
from reconciler.emulator.switches import Switches
from reconciler.errors import inert

AUDIENCE: Final = "https://api.mparticle.com"  # the US1 host, for every pod


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is let in: one token that never expires, and those that a client's id and secret can get.

    Without `client_id` any id and secret get one, as long as neither is empty.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)


def authorize(db: sqlite3.Connection, credentials: Credentials, header: str) -> str:
    """Who sends a request with this `Authorization` header. Raises Refusal (401)."""
    scheme, _, token = header.partition(" ")
    if scheme.casefold() == "bearer" and token:
        if _same(token, credentials.token):
            return AUTHOR
        found = db.execute(
            "SELECT actor, expires_on FROM token WHERE digest = ?", (_digest(token),)
        ).fetchone()
        # Real time: the client judges a token's age by its own clock.
        if found is not None and found[1] > time.time():
            return str(found[0])
    raise Refusal(401, "Unauthorized: the bearer token is missing, unknown or expired.")


def give_token(call: Call, credentials: Credentials) -> Answer:
    """`POST /oauth/token`: a new token for a client's credentials, good for `token_lifetime` seconds."""
    body, lifetime = call.body, call.switches.token_lifetime
    if body.get("grant_type") != "client_credentials":
        raise _no_token(403, "unsupported_grant_type", "grant_type must be client_credentials")
    if body.get("audience") != AUDIENCE:
        raise _no_token(403, "access_denied", f"audience must be {AUDIENCE}")
    client, secret = body.get("client_id"), body.get("client_secret")
    if not (isinstance(client, str) and client and isinstance(secret, str) and secret):
        raise _no_token(401, "access_denied", "client_id and client_secret are required")
    if credentials.client_id is not None and not (
        _same(client, credentials.client_id) and _same(secret, credentials.client_secret or "")
    ):
        raise _no_token(401, "access_denied", "unknown client, or wrong secret")
    token = secrets.token_urlsafe(32)
    call.db.execute(
        "INSERT INTO token VALUES (?, ?, ?)", (_digest(token), inert(client, 80), time.time() + lifetime)
    )
    answer = {"access_token": token, "expires_in": math.floor(lifetime), "token_type": "Bearer"}
    return Answer(200, answer, {"Cache-Control": "no-store"})


def _no_token(status: int, error: str, description: str) -> Refusal:
    body = {"error": error, "error_description": description}
    return Refusal(status, body=body)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(_bytes(one), _bytes(other))


def _digest(token: str) -> str:
    # A token is 32 random bytes: its plain hash cannot be guessed back.
    return hashlib.sha256(_bytes(token)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON can say half a character


@dataclass(slots=True)
class RateLimit:
    """Counts requests in a sliding window of real time; each server process has its own."""

    answered: deque[float] = field(default_factory=deque)

    def admit(self, switches: Switches) -> Mapping[str, str]:
        """Headers for the answer. Raises Refusal (429) when the window is full."""
        if not switches.rate_limit:
            return {}
        now = time.monotonic()
        while self.answered and self.answered[0] <= now - switches.rate_window:
            self.answered.popleft()
        if len(self.answered) >= switches.rate_limit:
            wait = max(1, math.ceil(self.answered[0] + switches.rate_window - now)) if self.answered else 1
            headers = {"Retry-After": str(wait), "X-mp-rate-limit-exceeded": "rate"}
            raise Refusal(429, "Too many requests.", headers=headers)
        self.answered.append(now)
        used = math.floor(100 * len(self.answered) / switches.rate_limit)
        return {"X-mp-rate-limit-percentage-used": str(used)}
