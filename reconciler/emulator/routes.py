"""The table of all endpoints: the API's from the registry of kinds, the pipelines' own, the token's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.emulator import reports, runs
from reconciler.emulator.access import Credentials, give_token
from reconciler.emulator.bodies import redacted
from reconciler.emulator.call import Answer, Call, Handler, Refusal
from reconciler.emulator.resources import PLAIN, Collection, Special
from reconciler.errors import inert
from reconciler.kinds.pipeline import Pipeline
from reconciler.resource import Resource, kinds

BASE: Final = "/platform/v2/workspaces/{workspace}"
_SPECIALS: Final[Mapping[str, Special]] = {runs.KIND: runs.SPECIAL}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `shown` makes of a body what may be logged; `is_open` needs no bearer token."""

    method: str
    path: str
    handler: Handler
    summary: str
    shown: Callable[[Mapping[str, Any]], Any] = lambda _body: None
    kind: type[Resource] | None = None
    is_open: bool = False
    is_admin: bool = False


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
    yield from _pipelines_own()
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


def _pipelines_own() -> Iterator[Endpoint]:
    path = BASE + Pipeline.path
    yield Endpoint(
        "POST",
        path + "/trigger",
        reports.trigger,
        "Run a pipeline now",
        shown=lambda body: {"pipeline_id": _word(body, "pipeline_id")},
    )
    yield Endpoint("GET", path + "/{id}/report", reports.report, "Get the status of a pipeline")
    yield Endpoint("GET", path + "/{id}/runs", reports.list_runs, "List the runs of a pipeline")
    yield Endpoint("GET", path + "/{id}/runs/{run}", reports.get_run, "Get one run of a pipeline")


def _word(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return inert(value, 256) if isinstance(value, str) else None


def no_such_endpoint(_call: Call) -> Answer:
    raise Refusal(404, "There is no such endpoint.")
