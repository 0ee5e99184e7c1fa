"""Law 6, resumable: an apply that is cut at any request, at any point of it, by any signal, is finished by a second.

The scenario creates, updates, re-points, replaces and deletes over all kinds, beside what is somebody else's. The gate
takes thirty of the cuts. All 837 take some ten minutes, and as long again hundreds of pairs of faults and of edits:

    HYPOTHESIS_PROFILE=campaign pytest -m campaign tests/test_crash_matrix.py
    HYPOTHESIS_PROFILE=campaign pytest -m "not campaign" --timeout 3600 tests/test_crash_matrix.py
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import clean_environment
from estate import (
    API,
    PATHS,
    SECRETS,
    Site,
    body,
    changed,
    connection,
    model,
    path,
    pipeline,
    repeats_without_reading,
)
from fault_server import (
    Entry,
    Fault,
    FaultServer,
    answers,
    empty,
    html,
    reset_after,
    reset_before,
    stale,
    status_after,
    status_before,
    too_many,
    truncated,
)
from forked import Nursery
from hypothesis import given, settings
from hypothesis import strategies as st

OLD = connection("old-wh")
UPDATED = connection("wh")
LIVE = [
    OLD,
    UPDATED,
    model("orders"),
    model("old-orders"),
    pipeline("moves", on="old-wh"),
    pipeline("replaced", on="wh"),
    pipeline("old-hourly", on="old-wh", runs="old-orders", feed=True),
]
FOREIGN = [
    connection("foreign"),
    model("foreign"),
    pipeline("foreign", on="foreign", runs="foreign", feed=True),
]
DESIRED = [
    connection("new-wh"),
    changed(UPDATED, config__warehouse="WH_B"),
    model("new-orders"),
    model("orders"),
    pipeline("moves", on="new-wh"),
    pipeline("new-hourly", on="new-wh", runs="new-orders", feed=True),
    pipeline("replaced", on="wh", pipeline_type="events", field_transformation_id="ft"),
]
STEPS = [
    "POST /connections new-wh",
    f"PUT {path(UPDATED)}",
    "POST /data-models new-orders",
    f"PUT {PATHS['pipeline']}/moves",
    f"POST {PATHS['pipeline']} new-hourly",
    f"DELETE {PATHS['pipeline']}/replaced",
    f"POST {PATHS['pipeline']} replaced",
    f"DELETE {PATHS['pipeline']}/old-hourly",
    "DELETE /data-models/old-orders",
    "DELETE /connections/old-wh",
]
# A create whose answer was lost is followed by a PUT, for its secret's sake.
AFTERTHOUGHTS = ["PUT /connections/new-wh", f"PUT {PATHS['pipeline']}/new-hourly"]

REQUESTS = (
    23  # three lists, then the writes and the readings before them, then three lists for the closing plan
)

POINTS = ("before", "unanswered", "unrecorded")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
DUPLICATES = ("400", "409", "upsert")
SHOWN = ("mask", "omit")


@dataclass(frozen=True)
class Cut:
    """Where and how a run is cut, and what the service is like. `nth` counts requests, or writes, from 1."""

    nth: int
    point: str = "before"
    by: signal.Signals = signal.SIGKILL
    duplicate: Any = "400"
    shown: Any = "mask"
    writes: bool = True
    parallelism: int = 1

    def __str__(self) -> str:
        what = "write" if self.writes else "request"
        return (
            f"{what} {self.nth} {self.point} {self.by.name} {self.duplicate} {self.shown} x{self.parallelism}"
        )


@dataclass
class Ring:
    """A site with the scenario, again and again."""

    site: Site
    home: Path
    nursery: Nursery
    approved: Path = field(init=False)
    state: dict[str, Any] = field(init=False)
    pid: int = 0
    begun: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.site.live(*LIVE, *FOREIGN)
        self.site.declare(*DESIRED, owns=["*/old-*"], max_deletes=4)
        self.approved = self.site.save()

    @property
    def server(self) -> FaultServer:
        return self.site.server

    def reset(self, duplicate: Any = "400", shown: Any = "mask") -> None:
        self.server.heal()
        self.server.log.clear()
        workspace = self.server.workspace
        workspace.violations.clear()
        for documents in workspace.collections.values():
            documents.clear()
        self.site.live(*LIVE, *FOREIGN)
        workspace.settle()
        workspace.switches.duplicate_post, workspace.switches.secrets = duplicate, shown
        self.state = workspace.snapshot()

    def cut_run(self, cut: Cut) -> tuple[int, str, str]:
        """An apply in a process of its own, with the signal sent where the cut says."""
        faults = {
            "before": Fault(execute=False, before=lambda *_: self.strike(cut.by), reset=True),
            "unanswered": Fault(after=lambda *_: self.strike(cut.by), reset=True),
            "unrecorded": Fault(answered=lambda: self.strike(cut.by)),
        }
        self.server.on("WRITE" if cut.writes else "*", API, faults[cut.point], nth=cut.nth)
        return self.run(cut.parallelism)

    def strike(self, by: signal.Signals) -> None:
        """Send a signal to the process that is running."""
        self.begun.wait(10)
        if self.pid:
            os.kill(self.pid, by)

    def run(self, parallelism: int = 1) -> tuple[int, str, str]:
        """An apply of the approved plan, in a process of its own: exit code, stdout, stderr."""
        self.begun.clear()
        arguments = [
            "apply",
            "-C",
            self.site.folder,
            "-f",
            "json",
            "--parallelism",
            parallelism,
            self.approved,
        ]
        environment = clean_environment(self.home, {**self.server.environ, **SECRETS})
        child = self.nursery.start(arguments, environment)
        self.pid = child.pid
        self.begun.set()
        try:
            return child.wait()
        finally:
            self.pid = 0


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def ring(site: Site, tmp_path: Path, nursery: Nursery) -> Ring:
    return Ring(site, tmp_path, nursery)


# -------------------------------------------------------------------------------- oracles


def _told_truth(ring: Ring, code: int, document: Any) -> list[str]:
    """What an exit code and a report say that the server knows to be otherwise."""
    executed = [str(e) for e in ring.server.writes() if e.executed]
    lies = []
    if code in (1, 4) and executed:
        lies.append(f"exit {code}, and the server executed {executed}")
    if code == 3 and not ring.server.writes():
        lies.append("exit 3, and nothing was sent")
    if code == 0 and not _is_as_declared(ring):
        lies.append("exit 0, and the server does not hold what is declared")
    if code not in (0, 1, 3, 4, 5, 130):
        lies.append(f"exit {code}")
    if document is None:
        return lies
    if "exit" in document and document["exit"] != code:
        lies.append(f"exit {code}, and the report says {document['exit']}")
    now = ring.server.workspace.snapshot()
    for change in document.get("changes", ()):
        collection, name = PATHS[change["kind"]], change["id"]
        wanted = next((body(d) for d in DESIRED if (d["kind"], d["id"]) == (change["kind"], name)), None)
        is_now, was = now[collection].get(name), ring.state[collection].get(name)
        match change.get("outcome"):
            case "done" if is_now != wanted:
                lies.append(f"{change['address']} is done, and the server holds something else")
            case "not-started" | "skipped" if is_now != was:
                lies.append(
                    f"{change['address']} is {change['outcome']}, and the server holds something else"
                )
            case "done" | "not-started" | "skipped" | "failed" | "unknown":
                pass
            case outcome:
                lies.append(f"{change['address']}: {outcome}")
        if change.get("gone") and is_now is not None:
            lies.append(f"{change['address']} is called gone")
    return lies


def _is_as_declared(ring: Ring) -> bool:
    return ring.site.holds(*DESIRED, *FOREIGN)


def _trespasses(ring: Ring) -> list[str]:
    """Writes that were not planned, that break a rule of the API, or that were repeated blindly."""
    named = [f"POST {e.path} {e.body['id']}" if e.method == "POST" else str(e) for e in ring.server.writes()]
    found = [f"not planned: {step}" for step in named if step not in (*STEPS, *AFTERTHOUGHTS)]
    found += ring.server.workspace.violations
    found += [f"repeated without reading: {w}" for w in repeats_without_reading(ring.server.log)]
    for document in FOREIGN:
        if ring.site.stored(document) != body(document):
            found.append(f"overwritten: {document['kind']}/{document['id']}")
    return found


def _leaks(*texts: str) -> list[str]:
    return [f"the canary {name}" for name, secret in SECRETS.items() if any(secret in t for t in texts)]


def _document(text: str) -> Any:
    return json.loads(text) if text.strip() else None


def _after(ring: Ring, run: str) -> list[str]:
    """What is wrong with what the run just made wrote; forgets its log."""
    found = [f"{run}: {wrong}" for wrong in _trespasses(ring)]
    ring.server.log.clear()
    ring.server.workspace.violations.clear()
    return found


def _finish(ring: Ring, *approval: object) -> list[str]:
    """What is wrong with a clean run of the same command, and with the one after it."""
    ring.server.heal()
    clean = ring.site.apply(*approval, approve=not approval)
    wrong = [] if clean.code == 0 else [f"the clean run exits {clean.code}: {clean.err}"]
    wrong += [] if _is_as_declared(ring) else ["the clean run does not converge"]
    wrong += _leaks(clean.out, clean.err) + _after(ring, "clean run")
    verifying = ring.site.apply(*approval, approve=not approval)
    if (verifying.code, verifying.document["result"], ring.server.writes()) != (0, "unchanged", []):
        wrong.append(f"the verifying run: {verifying}")
    return wrong


def _survive(ring: Ring, cut: Cut) -> list[str]:
    """All that is wrong after one cut."""
    ring.reset(cut.duplicate, cut.shown)
    code, out, err = ring.cut_run(cut)
    if cut.by is signal.SIGKILL:
        wrong = [] if code == -signal.SIGKILL else [f"not killed: {code} {err}"]
    else:
        wrong = _told_truth(ring, code, _document(out))
        wrong += [] if code in (130, 0, 3, 1) else [f"exit {code}: {err}"]
    wrong += _leaks(out, err) + _after(ring, "cut run") + _finish(ring, ring.approved)
    return [f"{cut}: {one}" for one in wrong]


def _all_cuts() -> Iterator[Cut]:
    writes = len(STEPS)
    for nth in range(1, writes + 1):
        for point in POINTS:
            for by in SIGNALS:
                for duplicate in DUPLICATES:
                    for shown in SHOWN:
                        yield Cut(nth, point, by, duplicate, shown)
                yield Cut(nth, point, by, parallelism=4)
    for nth in range(1, REQUESTS + 1):  # readings too
        for point in POINTS:
            for by in SIGNALS:
                yield Cut(nth, point, by, writes=False)


def test_the_scenario_takes_exactly_the_steps_that_are_cut(ring: Ring) -> None:
    ring.reset()
    done = ring.site.apply(ring.approved, approve=False)
    assert done.code == 0, done
    told = [f"POST {e.path} {e.body['id']}" if e.method == "POST" else str(e) for e in ring.server.writes()]
    assert told == STEPS
    assert _is_as_declared(ring)
    assert len(ring.server.requests(path=API)) == REQUESTS


def test_f187_f188_a_cut_at_any_write_is_finished_by_the_same_command(ring: Ring) -> None:
    """Every write at every point; the signals and the switches of the API in turns."""
    cuts = [
        Cut(nth, point, SIGNALS[(n + nth) % 3], DUPLICATES[n // 3 % 3], SHOWN[n % 2], parallelism=1 + n % 5)
        for n, (nth, point) in enumerate(itertools.product(range(1, len(STEPS) + 1), POINTS), 1)
    ]
    assert [wrong for cut in cuts for wrong in _survive(ring, cut)] == []


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_f187_f188_the_whole_matrix(ring: Ring) -> None:
    cuts = list(_all_cuts())
    assert len(cuts) == 837
    assert [wrong for cut in cuts for wrong in _survive(ring, cut)] == []


@pytest.mark.parametrize("gap", [0.01, 0.05])
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_f189_a_second_signal_ends_at_once_and_the_same_command_finishes(
    ring: Ring, gap: float, by: signal.Signals
) -> None:
    for nth in (1, 10):

        def strike_twice(*_: object) -> None:
            ring.strike(by)
            time.sleep(gap)
            ring.strike(by)

        ring.reset()
        ring.server.on("WRITE", API, Fault(before=strike_twice, hang=30.0), nth=nth)
        code, out, err = ring.run()
        assert code == 130, err
        assert _document(out)["exit"] == 130
        assert _finish(ring, ring.approved) == []


# ---------------------------------------------------------------------------- two faults

FAULTS: dict[str, Callable[[], Fault]] = {
    "reset before": reset_before,
    "reset after": reset_after,
    "500 before": lambda: status_before(500),
    "500 after": lambda: status_after(500),
    "503 before": lambda: status_before(503),
    "505 before": lambda: status_before(505),
    "505 after": lambda: status_after(505),
    "400": lambda: status_before(400),
    "409": lambda: status_before(409),
    "404": lambda: status_before(404),
    "401": lambda: status_before(401),
    "403": lambda: status_before(403),
    "408 after": lambda: status_after(408),
    "429": too_many,
    "html": html,
    "html instead": lambda: html(execute=False),
    "empty": empty,
    "null": lambda: answers(b"null"),
    "an object": lambda: answers({"items": []}),
    "cut off": truncated,
    "another id": lambda: Fault(alter=lambda d: d | {"id": "x"} if isinstance(d, dict) else d),
    "stale": stale,
    "revoked": lambda: Fault(before=lambda server, _: server.revoke()),
    "late": lambda: Fault(delay=0.03, reset=True),
    "very late": lambda: Fault(delay=0.2, reset=True),
}
FEWER = settings(max_examples=settings().max_examples // 3)  # three applies each

faults = st.tuples(
    st.sampled_from(sorted(FAULTS)), st.sampled_from(("*", "GET", "WRITE", "POST", "PUT", "DELETE")),
    st.integers(1, 14), st.sampled_from((1, 1, 2, 5)),
)  # fmt: skip


@FEWER
@given(
    pair=st.lists(faults, min_size=2, max_size=2),
    duplicate=st.sampled_from(DUPLICATES),
    shown=st.sampled_from(SHOWN),
    parallelism=st.sampled_from((1, 1, 4)),
)
def test_f147_any_two_faults_are_told_truly_and_mended_by_a_second_run(
    ring: Ring, pair: list[tuple[str, str, int, int]], duplicate: Any, shown: Any, parallelism: int
) -> None:
    ring.reset(duplicate, shown)
    for name, method, nth, times in pair:
        if name == "404" and method not in ("POST", "PUT"):
            continue  # that something is not there has to be believed
        ring.server.on(method, API, FAULTS[name](), nth=nth, times=times)
    first = ring.site.apply(parallelism=parallelism)
    late = [e for e in ring.server.log if e.fault and e.fault.delay]
    if late:  # what is executed after the run is over is nobody's lie
        ring.server._closing.wait(0.25)
        wrong = []
    else:
        wrong = _told_truth(ring, first.code, first.document)
    wrong += _leaks(first.out, first.err) + _after(ring, "first run") + _finish(ring)
    assert wrong == [], (pair, first)


# ------------------------------------------------------------------- somebody else's hand


@FEWER
@given(
    nth=st.integers(4, REQUESTS),  # after the lists that the plan is made from
    document=st.sampled_from(LIVE),
    edit=st.sampled_from((("name", "By hand"), ("state", "new"), ("name", None))),
    answer_lost=st.booleans(),
    parallelism=st.sampled_from((1, 4)),
)
def test_f165_an_edit_at_any_moment_is_overwritten_only_where_no_reading_could_have_seen_it(
    ring: Ring, nth: int, document: Any, edit: tuple[str, str | None], answer_lost: bool, parallelism: int
) -> None:
    """`None` deletes the resource instead. With lost answers every write is followed by a look."""
    ring.reset()
    kind, name = document["kind"], document["id"]
    edited: list[int] = []

    def by_hand(server: FaultServer, entry: Entry) -> None:
        if server.workspace.stored(kind, name) is not None:
            edited.append(entry.n)
            if edit[1] is None:
                server.workspace.remove(kind, name)
            else:
                server.workspace.edit(kind, name, *edit)

    ring.server.on("*", API, Fault(before=by_hand, reset=answer_lost), nth=nth)
    first = ring.site.apply(parallelism=parallelism)
    wrong = [f"written over: {e}" for e in _blind_writes(ring.server.log, path(document), edited)]
    wrong += _leaks(first.out, first.err)
    if first.code == 0 and not _is_as_declared(ring):
        # Only an edit after the last list of the closing plan is not seen by it.
        lists = [e.n for e in ring.server.requests("GET", PATHS[kind])]
        wrong += [] if edited[0] >= lists[-1] else ["exit 0, and the server does not hold what is declared"]
    if first.code == 1:
        wrong += [f"exit 1, and executed: {e}" for e in ring.server.writes() if e.executed]
    ring.server.log.clear()
    ring.server.workspace.violations.clear()  # an unmanaged hand may have broken a reference
    assert wrong == [], first


def _blind_writes(log: list[Entry], at: str, edited: list[int]) -> Iterator[str]:
    """Writes of a resource that came after a reading which showed that somebody else had changed it."""
    seen = False
    for entry in log:
        if not edited or entry.n < edited[0] or entry.path != at:
            continue
        if entry.method == "GET" and entry.status == 200:
            seen = True
        elif entry.method in ("PUT", "DELETE") and entry.executed and seen:
            yield str(entry)
