"""The client that can only read: every collection at once, one resource, a pipeline's report and runs.

Law: it sends nothing but GET, and a reading that failed anywhere is an error, never a smaller workspace.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import ClassVar, Final, TypeVar

from reconciler.client.line import Line, segment
from reconciler.client.pace import Pace, Pause
from reconciler.client.runs import PipelineReport, Run, read_report, read_run
from reconciler.client.shapes import ProtocolError, check_id, read_list, read_object, read_one, wrong
from reconciler.client.tokens import Tokens
from reconciler.client.wording import LONGEST, in_words
from reconciler.errors import ApiError, inert
from reconciler.resource import Address, Live, LiveState, Resource, kinds
from reconciler.transport import Answer, MalformedAnswer, Transport

T = TypeVar("T")

_PIPELINES: Final = "/inputs/data-pipelines"
_PAGE_SIZE: Final = 100
_MOST_PAGES: Final = 1000


class ReadClient:
    """Reads one workspace. Every method may raise `ApiError` (and what `pause` raises); usable from several threads."""

    _methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        workspace_id: str,
        *,
        pause: Pause = time.sleep,
        parallelism: int = 4,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.host = transport.host
        self._parallelism = parallelism
        self._line = Line(transport, tokens, workspace_id, Pace(pause), methods=self._methods, log=log)

    def fetch(self) -> LiveState:
        """All resources of all kinds. One list that fails, or that may not be whole, fails the whole reading."""
        with _no_garbage_collection():
            lists = _at_once([partial(self._list, kind) for kind in kinds().values()], self._parallelism)
            return LiveState({live.address: live for part in lists for live in part})

    def get(self, address: Address) -> Live | None:
        """One resource; None if there is none (which a workspace without access also answers: list first)."""
        kind = kinds()[address.kind]
        return self._find(f"{kind.path}/{segment(address.id)}", partial(read_one, kind, address.id))

    def report(self, pipeline_id: str) -> PipelineReport | None:
        """A pipeline's report; None for "not ready", which it may be for a minute after the pipeline was created."""

        def read(answer: Answer) -> PipelineReport:
            document = read_object(answer, f"report of {pipeline_id}")
            if document.get("pipeline_id") is not None:
                check_id(answer, document, pipeline_id, "pipeline_id")
            return read_report(pipeline_id, document)

        return self._find(f"{_PIPELINES}/{segment(pipeline_id)}/report", read)

    def run(self, pipeline_id: str, run_id: str) -> Run | None:
        """One run of a pipeline; None if there is none."""

        def read(answer: Answer) -> Run:
            run = read_run(read_object(answer, f"run {run_id}"))
            if run is None or run.id != run_id:
                raise wrong(answer, f"another run than asked for: {run.id if run else 'none'}")
            return run

        return self._find(f"{_PIPELINES}/{segment(pipeline_id)}/runs/{segment(run_id)}", read)

    def runs(self, pipeline_id: str, *, since: str | None = None, until: str | None = None) -> Iterator[Run]:
        """All runs, page by page as they are asked for, by logical date between two timestamps if given.

        Follows `has_next_page`, because the reference's own example has a `total_items` that is wrong.
        """
        path = f"{_PIPELINES}/{segment(pipeline_id)}/runs"
        given = {"startDate": since, "endDate": until}
        query = {"pageSize": str(_PAGE_SIZE)} | {name: value for name, value in given.items() if value}
        seen: set[str] = set()
        for page in range(1, _MOST_PAGES + 1):
            found, more = self._read(path, _read_page, query | {"currentPage": str(page)})
            new = [run for run in found if run.id not in seen]  # a new run moves the rest to the next page
            seen.update(run.id for run in new)
            yield from new
            if not more:
                return
            if not new:
                break
        raise ProtocolError(
            f"{self.host} always promises a further page of runs of {inert(pipeline_id, 100)}"
        )

    def _list(self, kind: type[Resource]) -> list[Live]:
        return self._read(kind.path, partial(read_list, kind))

    def _read(self, path: str, read: Callable[[Answer], T], query: Mapping[str, str] | None = None) -> T:
        return self._ask(path, lambda answer: read(self._accepted(answer, path)), query)

    def _find(self, path: str, read: Callable[[Answer], T]) -> T | None:
        return self._ask(
            path, lambda answer: None if answer.status == 404 else read(self._accepted(answer, path))
        )

    def _ask(self, path: str, read: Callable[[Answer], T], query: Mapping[str, str] | None = None) -> T:
        """Asks, and once more when the answer makes no sense."""
        try:
            return read(self._line.send("GET", path, query=query))
        except (MalformedAnswer, ProtocolError):
            return read(self._line.send("GET", path, query=query))

    def _accepted(self, answer: Answer, path: str) -> Answer:
        if 200 <= answer.status < 300:
            return answer
        raise refusal(self._line, answer, asked=f" to GET {path}")


def refusal(line: Line, answer: Answer, *, asked: str = "") -> ApiError:
    """What an answer that is no success means, and what to do; `asked` is what it answers, for who reads it."""
    said = in_words(answer)
    match answer.status:
        case 401:
            return _error(f"{line.host} did not accept the token: {said}", line.tokens.hint, "WS402")
        case 403:
            what = f"these credentials may not do that in workspace {inert(line.workspace_id, 100)}"
            return _error(f"{what}: {said}", line.tokens.hint, "WS403")
        case 404:
            return _error(
                f"{line.host} does not find the workspace, or something in it that was named: {said}",
                f"is {inert(line.workspace_id, 100)} the right workspace_id, and may these credentials use it?",
                "WS404",
            )
        case 408 | 425 | 429:
            return _error(
                f"{line.host} asked to wait again and again: {said}",
                "try again later, or with a lower --parallelism",
                "WS429",
            )
        case 505:
            # All causes look alike to the service, so all are named.
            why = "check account, region, warehouse, database, user, role and password"
            return _error(
                f"505 the service could not connect to the warehouse: {why} ({said})", None, "WS505"
            )
        case status if 300 <= status < 400:
            return _error(
                f"{line.host} redirects, and redirects are never followed: {said}",
                "if the address that it redirects to is meant, write it as `api` in wsync.yaml",
                None,
            )
        case _:
            return _error(f"{line.host} answered {said}{asked}", None, None)


def _error(message: str, hint: str | None, code: str | None) -> ApiError:
    return ApiError(inert(message, LONGEST), hint=hint, code=code)


def _read_page(answer: Answer) -> tuple[list[Run], bool]:
    document = read_object(answer, "page of runs")
    items = document.get("items")
    if not isinstance(items, list):
        raise wrong(answer, "a page of runs without items")
    runs = [run for item in items if isinstance(item, dict) and (run := read_run(item))]
    if len(runs) != len(items):
        raise wrong(answer, "a run without an id")
    return runs, document.get("has_next_page") is True


def _at_once(tasks: Sequence[Callable[[], T]], parallelism: int) -> list[T]:
    """The results of all tasks, in their order; the first failure, in that order, is raised.

    The threads are daemons: an interrupted run ends at once, and does not wait for an answer that nobody needs.
    """
    futures: list[Future[T]] = [Future() for _ in tasks]
    waiting = list(zip(tasks, futures, strict=True))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                task, future = waiting.pop(0)
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
                with lock:
                    waiting.clear()
                future.set_exception(error)

    for n in range(min(parallelism, len(tasks))):
        threading.Thread(target=work, name=f"reader-{n}", daemon=True).start()
    return [future.result() for future in futures]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Tens of thousands of dictionaries come into being here and none of them is garbage: looking costs a sixth."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
