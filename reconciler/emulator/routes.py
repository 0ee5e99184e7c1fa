"""The table of all endpoints: the API's from the registry of kinds, what a kind has of its own, the token's."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.emulator import reports, runs
from reconciler.emulator.access import Credentials, give_token
from reconciler.emulator.bodies import redacted
from reconciler.emulator.call import BASE, Answer, Call, Endpoint, Refusal
from reconciler.emulator.resources import PLAIN, Collection, Special
from reconciler.errors import inert
from reconciler.resource import Resource, kinds

_SPECIALS: Final[Mapping[str, Special]] = {runs.KIND: runs.SPECIAL}


def endpoints(credentials: Credentials) -> Iterator[Endpoint]:
    """The endpoints of the reference, for every kind there is, and the token endpoint."""
    yield Endpoint(
        "POST",
        "/oauth/token",
        functools.partial(give_token, credentials=credentials),
        "Get an access token",
        shown=lambda body: {"grant_type": _word(body, "grant_type"), "audience": _word(body, "audience")},
        is_open=True,
    )
    yield from reports.endpoints()
    for kind in kinds().values():
        yield from _of_kind(kind)


def collection(kind: type[Resource]) -> Collection:
    return Collection(kind, _SPECIALS.get(kind.kind, PLAIN))


def _of_kind(kind: type[Resource]) -> Iterator[Endpoint]:
    of, noun, shown = collection(kind), kind.kind, functools.partial(redacted, kind)
    many, one = BASE + kind.path, BASE + kind.path + "/{id}"
    yield Endpoint("GET", many, of.list_, f"List all {noun}s", kind=kind)
    yield Endpoint("GET", one, of.get, f"Get a {noun}", kind=kind)
    yield Endpoint("POST", many, of.create, f"Create a {noun}", shown, kind)
    yield Endpoint("PUT", one, of.update, f"Replace a {noun}", shown, kind)
    yield Endpoint("DELETE", one, of.delete, f"Delete a {noun}", kind=kind)


def _word(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return inert(value, 256) if isinstance(value, str) else None


def no_such_endpoint(_call: Call) -> Answer:
    raise Refusal(404, "There is no such endpoint.")
