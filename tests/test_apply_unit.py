"""The parts of apply by themselves: bodies, approval, the end of a run, and what interrupts it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import clean_environment
from estate import API, PATHS, Site, body, changed, connection, errors, model, outcomes, path, pipeline
from fault_server import Fault, FaultServer, slow, status_before
from forked import Nursery

from reconciler.apply import closing, run, settle, write
from reconciler.apply.approval import refusal, uncovered
from reconciler.apply.body import holds, moved, to_create, to_update, values_of_update
from reconciler.diff import FieldChange
from reconciler.errors import ApiError
from reconciler.fields import SecretRef
from reconciler.kinds.connection import SnowflakeConnection
from reconciler.kinds.pipeline import Pipeline
from reconciler.plan.change import Action, Change, Plan
from reconciler.resource import Address, Declared, Live, LiveState, Source, read_live
from reconciler.secrets import resolve

WH, ORDERS, HOURLY = connection("wh"), model("orders"), pipeline("hourly")

# --------------------------------------------------------------------------------- bodies

ENVIRON = {"PW": "pässword-canary", "FEED": "feed-canary"}
SECRETS = resolve([SecretRef(name) for name in ENVIRON], ENVIRON)


def _declared(values: Mapping[str, object], **more: Any) -> Declared:
    return Declared(
        Address("pipeline", "p"), Pipeline, values, more.pop("secrets", {}), Source("p.yaml", 1), **more
    )


def _live(**values: object) -> Live:
    document: dict[str, Any] = {"id": "p", "name": "P", **values}
    return read_live(Pipeline, document)


def test_a_create_sends_what_is_declared_with_real_secrets_and_no_nulls() -> None:
    declared = _declared(
        {"name": "P", "data_plan_id": None, "schedule.type": "on_demand", "schedule.delay": None},
        secrets={"partner_feed_key": SecretRef("FEED")},
    )
    assert to_create(declared, SECRETS) == {
        "id": "p",
        "name": "P",
        "partner_feed_key": "feed-canary",
        "schedule": {"type": "on_demand"},
    }


def test_a_create_leaves_an_unset_secret_out() -> None:
    assert to_create(_declared({"name": "P"}, secrets={"partner_feed_key": None}), SECRETS) == {
        "id": "p",
        "name": "P",
    }


def test_an_update_keeps_what_is_left_out_and_unsets_what_is_null() -> None:
    declared = _declared({"name": "New", "data_plan_id": None}, secrets={"partner_feed_key": None})
    read = _live(name="Old", data_plan_id="dp", partner_feed_id=7, schedule={"type": "once", "delay": "1h"})
    assert to_update(declared, read, SECRETS) == {
        "id": "p",
        "name": "New",
        "data_plan_id": None,
        "partner_feed_id": 7,
        "partner_feed_key": None,
        "schedule": {"type": "once", "delay": "1h"},
    }


def test_an_update_keeps_what_is_ignored_also_where_it_is_declared() -> None:
    declared = _declared(
        {"name": "New", "state": "active", "schedule.type": "interval", "schedule.frequency": "hourly"},
        ignore=frozenset({"state", "schedule"}),
    )
    read = _live(name="Old", state="paused", schedule={"type": "once"})
    assert to_update(declared, read, SECRETS) == {
        "id": "p",
        "name": "New",
        "state": "paused",
        "schedule": {"type": "once"},
    }


def test_an_update_sends_nothing_of_the_services_own_and_nothing_unknown() -> None:
    read = _live(status="faulted", errors=["x"], created_on="2023-01-01T00:00:00Z", created_by="x", novel=1)
    assert to_update(_declared({"name": "New"}), read, SECRETS) == {"id": "p", "name": "New"}


def test_a_body_that_is_read_back_holds_what_was_declared() -> None:
    declared = _declared({"name": "New", "data_plan_id": None, "schedule.type": "once"})
    read = _live(name="Old", data_plan_id="dp", partner_feed_id=7)
    stored = read_live(Pipeline, to_update(declared, read, SECRETS))
    assert holds(stored, values_of_update(declared, read), Pipeline)
    assert not holds(read, values_of_update(declared, read), Pipeline)


def test_an_immutable_field_that_an_answer_leaves_out_is_no_difference() -> None:
    assert holds(_live(), {"name": "P", "pipeline_type": "events"}, Pipeline)
    assert not holds(_live(), {"name": "P", "state": "active"}, Pipeline)


def test_what_moved_is_told_by_path_and_by_meaning() -> None:
    before = _live(partner_feed_id=0, schedule={"type": "on-demand", "start": "2023-01-01T00:00:00Z"})
    assert (
        moved(before, _live(schedule={"type": "on_demand", "start": "2023-01-01T01:00:00.000+01:00"})) == []
    )
    assert moved(before, _live(name="Q", schedule={"type": "once"})) == [
        "name",
        "schedule.type",
        "schedule.start",
    ]
    assert moved(before, replace(_live(), model=SnowflakeConnection)) != []


# ------------------------------------------------------------------------------- approval


def _plan(*changes: Change, refused: str | None = None) -> Plan:
    return Plan("test", "4711", "host", changes, refused=refused)


def _change(action: Action, name: str, *fields: tuple[str, object, object], **secrets: str) -> Change:
    return Change(Address("model", name), action, tuple(FieldChange(*f) for f in fields), secrets)


REPLACE = _change(Action.REPLACE, "a", ("name", "A", "A"), ("type", "x", "y"), ("old", "1", None), key="PW")


def test_a_change_is_covered_by_any_of_several_plans() -> None:
    one, two = (
        _change(Action.CREATE, "a", ("name", None, "A")),
        _change(Action.CREATE, "b", ("name", None, "A")),
    )
    assert uncovered(_plan(one, two), [_plan(one), _plan(two)]) == ()
    assert uncovered(_plan(one, two), [_plan(one)]) == (two,)
    assert uncovered(_plan(one, two), []) == (one, two)
    assert uncovered(_plan(), []) == ()


@pytest.mark.parametrize(
    "other",
    [
        _change(Action.CREATE, "a", ("name", None, "B"), ("type", None, "y"), key="PW"),
        _change(Action.CREATE, "a", ("name", None, "A"), ("type", None, "y"), key="OTHER"),
        _change(Action.CREATE, "a", ("name", None, "A"), ("type", None, "y")),
        _change(Action.CREATE, "b", ("name", None, "A"), ("type", None, "y"), key="PW"),
        _change(Action.DELETE, "a", ("name", "A", None), ("type", "x", None)),
    ],
    ids=["a value", "a reference", "no secret", "an address", "the delete alone"],
)
def test_an_approved_replace_covers_only_the_create_that_remains_of_it(other: Change) -> None:
    remains = _change(Action.CREATE, "a", ("name", None, "A"), ("type", None, "y"), key="PW")
    assert uncovered(_plan(remains), [_plan(REPLACE)]) == ()
    assert uncovered(_plan(other), [_plan(REPLACE)]) == (other,)


def test_whoever_approves_it_a_refused_plan_is_refused() -> None:
    refused = replace(_change(Action.DELETE, "a"), refused="max_deletes is 0")
    assert refusal(_plan(_change(Action.DELETE, "b"))) is None
    first = refusal(_plan(refused, replace(refused, address=Address("model", "c"))))
    assert first is not None
    assert first.message == "refused: model/a: max_deletes is 0 (and 1 more)"
    assert refusal(_plan(refused="nothing is declared")) is not None


# --------------------------------------------------------------------- windows and closing


def test_the_waits_are_those_of_the_contract() -> None:
    assert settle.WINDOW == (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
    assert closing.DELAYS == (0.5, 1.0, 2.0, 4.0, 8.0)


class Reader:
    """Answers in turn, an exception by raising it; the last one for ever."""

    def __init__(self, *answers: Live | Exception | None) -> None:
        self.answers, self.asked = list(answers), 0

    def get(self, address: Address) -> Live | None:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def _is_there(read: Live | None) -> settle.Sight:
    return settle.Sight.NOT_YET if read is None else settle.Sight.LANDED


@pytest.mark.parametrize(
    ("answers", "sight", "asked"),
    [
        ([_live()], settle.Sight.LANDED, 1),
        ([None, _live()], settle.Sight.LANDED, 2),
        ([ApiError("down"), None, _live()], settle.Sight.LANDED, 3),
        ([None], settle.Sight.NOT_YET, 3),
        ([None, None, ApiError("down")], settle.Sight.UNREADABLE, 3),
        ([ApiError("down")], settle.Sight.UNREADABLE, 3),
    ],
)
def test_an_unclear_write_is_looked_for_until_it_is_seen_or_the_window_is_over(
    quick: None, answers: list[Live | Exception | None], sight: settle.Sight, asked: int
) -> None:
    reader = Reader(*answers)
    assert settle.settle(reader, Address("pipeline", "p"), _is_there).sight is sight
    assert reader.asked == asked


def test_the_closing_plan_is_repeated_until_it_is_empty(quick: None) -> None:
    answers: list[Plan | ApiError] = [_plan(REPLACE), ApiError("down"), _plan()]
    plans = iter(answers)

    def again() -> Plan:
        plan = next(plans)
        if isinstance(plan, Exception):
            raise plan
        return plan

    assert closing.close(again) == closing.Closing(())
    assert next(plans, None) is None


def test_a_closing_plan_that_never_comes_out_empty_tells_what_is_left(quick: None) -> None:
    assert closing.close(lambda: _plan(REPLACE)) == closing.Closing((REPLACE,))


def _state(*statuses: str | None) -> LiveState:
    lives = [replace(_live(), address=Address("pipeline", str(n)), status=s) for n, s in enumerate(statuses)]
    return LiveState({live.address: live for live in lives})


def _health(states: list[LiveState | Exception], seconds: float, *, interrupted: bool = False) -> Any:
    answers = iter(states)
    last: list[LiveState | Exception] = []

    def fetch() -> LiveState:
        last[:] = [next(answers, *last)]
        if isinstance(last[0], Exception):
            raise last[0]
        return last[0]

    declared = [Address("pipeline", "0"), Address("pipeline", "1"), Address("pipeline", "9")]
    return closing.wait_until_healthy(fetch, declared, seconds, lambda _: interrupted)


def test_waiting_ends_when_what_is_declared_is_healthy_and_idle() -> None:
    health = _health([_state("running", "idle"), ApiError("down"), _state("idle", None, "faulted")], 60)
    assert health.good


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_waiting_ends_when_its_time_is_up(seconds: float) -> None:
    health = _health([_state("faulted", "running")], seconds)
    assert [str(u.address) for u in health.unhealthy] == ["pipeline/0"]
    assert health.busy == (Address("pipeline", "1"),)
    assert not health.good
    assert _health([ApiError("down")], seconds).error == "down"


def test_waiting_ends_when_it_is_interrupted() -> None:
    assert not _health([_state("running")], 60, interrupted=True).good


def _becomes(site: Site, *statuses: str) -> None:
    """The pipeline's status at each list of pipelines from the closing plan's on."""
    for n, status in enumerate(statuses):

        def change(server: FaultServer, _: object, status: str = status) -> None:
            server.workspace.edit("pipeline", "hourly", "status", status)

        times = None if n == len(statuses) - 1 else 1
        site.server.on("GET", PATHS["pipeline"], Fault(before=change), nth=2 + n, times=times)


def test_apply_waits_until_what_it_declared_is_idle(site: Site) -> None:
    site.declare(WH, ORDERS, HOURLY)
    _becomes(site, "running", "running", "idle")
    done = site.apply("--wait", 30)
    assert (done.code, done.document["closing"]["busy"]) == (0, []), done


@pytest.mark.parametrize(("status", "where"), [("faulted", "unhealthy"), ("running", "busy")])
def test_apply_exits_5_when_the_wait_is_over_and_something_is_not_well(
    site: Site, status: str, where: str
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    _becomes(site, status)
    done = site.apply("--wait", 0.05)
    assert (done.code, done.document["result"]) == (5, "applied"), done
    (found,) = done.document["closing"][where]
    assert "pipeline/hourly" in str(found)
    text = site.apply("--resend-secrets", "connection/*", "--wait", 0.05, form="text")
    assert text.code == 5
    assert "pipeline/hourly" in text.out


def test_without_wait_a_fault_is_not_apply_s_business(site: Site) -> None:
    site.declare(WH, ORDERS, HOURLY)
    _becomes(site, "faulted")
    assert site.apply().code == 0


def test_what_cannot_be_read_while_waiting_is_not_well(site: Site) -> None:
    site.declare(ORDERS)
    site.server.on("GET", "/data-models", status_before(500), nth=3, times=None)
    done = site.apply("--wait", 0.05)
    assert done.code == 5, done
    assert "500" in done.document["closing"]["error"]


# ------------------------------------------------------------------------------ a bug in it


def test_a_bug_in_one_change_stops_the_run_and_hides_nothing_of_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [model(f"m{n}") for n in range(4)]
    site.declare(*models)
    compose = to_create

    def broken(declared: Declared, secrets: Any) -> Any:
        if declared.address.id == "m2":
            raise RuntimeError("canary")
        return compose(declared, secrets)

    monkeypatch.setattr(write, "to_create", broken)
    done = site.apply()
    assert (done.code, done.document["result"]) == (3, "partial"), done
    assert list(outcomes(done).values()) == ["done", "done", "unknown", "not-started"]
    assert "RuntimeError" in errors(done)["model/m2"]
    assert "canary" not in done.out + done.err


def test_a_bug_after_the_writes_is_not_told_as_nothing_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Any:
        raise RuntimeError("canary")

    site.declare(ORDERS)
    monkeypatch.setattr(closing, "close", broken)
    done = site.apply()
    assert done.code == 3, done
    assert done.document["exit"] == 3
    assert "canary" not in done.out + done.err


def test_a_bug_between_the_writes_is_not_told_as_nothing_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.render import ending

    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("canary")

    site.declare(WH, ORDERS)
    monkeypatch.setattr(ending, "outcome_line", broken)
    done = site.apply()
    assert (done.code, done.document["result"], done.document["exit"]) == (3, "partial", 3), done
    assert site.holds(WH)
    assert "canary" not in done.out + done.err


def test_unanswered_changes_stop_the_run_only_in_a_row(site: Site) -> None:
    """Trouble that comes and goes is no outage."""
    models = [model(f"m{n:02}") for n in range(2 * run.TROUBLE + 4)]
    site.declare(*models)
    for n in range(len(models) // 2):  # both sendings of every other create
        site.server.on("POST", "/data-models", status_before(503), nth=3 * n + 1, times=2)
    done = site.apply()
    assert done.code == 3, done
    assert set(outcomes(done).values()) == {"done", "failed"}


# ------------------------------------------------------------------------------ interrupts


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


Interrupted = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def interrupted(site: Site, nursery: Nursery, tmp_path: Path) -> Interrupted:
    """Runs an apply as a process which gets signals at the nth request that matches."""

    def go(
        method: str,
        at: str,
        nth: int,
        *signals: signal.Signals,
        arguments: tuple[object, ...] = (),
        hang: float = 0.05,
    ) -> tuple[int, Any, str]:
        begun = threading.Event()
        pids: list[int] = []

        def strike(*_: object) -> None:
            begun.wait(10)
            for number in signals:
                os.kill(pids[0], number)
                time.sleep(0.02)

        site.server.on(method, at, Fault(before=strike, hang=hang), nth=nth)
        child = nursery.start(
            ["apply", "-C", site.folder, "-f", "json", "--auto-approve", "--parallelism", 1, *arguments],
            clean_environment(tmp_path, {**site.server.environ, **site.secrets}),
        )
        pids.append(child.pid)
        begun.set()
        code, out, err = child.wait()
        return code, json.loads(out) if out else None, err

    return go


every_signal = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


@every_signal
def test_f188_the_first_signal_lets_what_is_in_flight_end_and_starts_nothing_more(
    site: Site, interrupted: Interrupted, number: signal.Signals
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    code, document, err = interrupted("POST", "/connections", 1, number)
    assert (code, document["exit"], document["result"]) == (130, 130, "interrupted"), err
    assert {c["address"]: c["outcome"] for c in document["changes"]} == {
        "connection/wh": "done",
        "model/orders": "not-started",
        "pipeline/hourly": "not-started",
    }
    assert "Interrupted: finishing what is in flight" in err
    assert site.holds(WH)
    assert site.apply().code == 0
    assert site.holds(WH, ORDERS, HOURLY)


def test_f188_an_update_that_is_in_flight_ends_with_its_write(site: Site, interrupted: Interrupted) -> None:
    """In flight is the change, not the request: it has been read, so it is written."""
    site.live(WH, ORDERS)
    site.declare(changed(WH, name="New"), changed(ORDERS, name="New"))
    code, document, err = interrupted("GET", path(WH), 1, signal.SIGTERM)
    assert code == 130, err
    assert [c["outcome"] for c in document["changes"]] == ["done", "not-started"]
    assert site.stored(WH) == body(changed(WH, name="New"))


@every_signal
def test_f188_where_nothing_was_left_to_start_it_is_as_if_not_interrupted(
    site: Site, interrupted: Interrupted, number: signal.Signals
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    code, document, err = interrupted("POST", PATHS["pipeline"], 1, number)
    assert (code, document["result"]) == (0, "applied"), err
    assert document["closing"]["changes"] == []
    assert site.holds(WH, ORDERS, HOURLY)


def test_f188_where_only_what_failed_is_left_it_is_as_if_not_interrupted(
    site: Site, interrupted: Interrupted
) -> None:
    site.declare(ORDERS, WH)
    site.server.on("POST", "/data-models", status_before(400, "no"), times=None)
    code, document, err = interrupted("GET", path(ORDERS), 1, signal.SIGTERM)
    assert (code, document["result"]) == (3, "partial"), err
    assert "error" in document


@every_signal
def test_f188_a_signal_before_the_first_write_ends_at_once(
    site: Site, interrupted: Interrupted, number: signal.Signals
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    started = time.monotonic()
    code, document, err = interrupted("GET", "/connections", 1, number, hang=10)
    assert (code, document["exit"]) == (130, 130)
    assert time.monotonic() - started < 5
    assert "nothing was written" in err
    assert site.server.writes() == []


def test_f189_the_second_signal_ends_at_once(site: Site, interrupted: Interrupted) -> None:
    site.declare(WH, ORDERS, HOURLY)
    started = time.monotonic()
    code, document, err = interrupted("POST", "/connections", 1, signal.SIGINT, signal.SIGTERM, hang=10)
    assert (code, document["exit"]) == (130, 130), err
    assert time.monotonic() - started < 5
    assert "may be written or not" in document["error"]["message"]
    site.server.heal()
    assert site.apply().code == 0
    assert site.holds(WH, ORDERS, HOURLY)


def test_f188_a_wait_for_health_is_ended_by_a_signal(site: Site, interrupted: Interrupted) -> None:
    site.declare(WH, ORDERS, HOURLY)
    site.server.on(
        "GET",
        PATHS["pipeline"],
        Fault(alter=lambda ds: [d | {"status": "running"} for d in ds]),
        nth=2,
        times=None,
    )
    started = time.monotonic()
    code, document, err = interrupted("GET", "/connections", 4, signal.SIGTERM, arguments=("--wait", 30))
    assert code == 130, err
    assert time.monotonic() - started < 10
    assert document["closing"]["busy"] == ["pipeline/hourly"]


def test_f188_all_that_is_in_flight_ends(site: Site, nursery: Nursery, tmp_path: Path) -> None:
    models = [model(f"m{n:02}") for n in range(12)]
    site.declare(*models)
    site.server.on("POST", API, slow(0.2), times=None)
    child = nursery.start(
        ["apply", "-C", site.folder, "-f", "json", "--auto-approve", "--parallelism", 4],
        clean_environment(tmp_path, {**site.server.environ, **site.secrets}),
    )
    while len(site.server.requests("POST", API)) < 4:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGTERM)
    code, out, err = child.wait()
    document = json.loads(out)
    told = [c["outcome"] for c in document["changes"]]
    assert (code, document["result"]) == (130, "interrupted"), err
    assert told.count("done") == sum(e.executed for e in site.server.writes()) == 4
    assert told.count("not-started") == 8


# ---------------------------------------------------------------------------------- clocks


def test_f113_no_wait_is_measured_by_a_clock_that_somebody_can_set() -> None:
    """Two machines' clocks meet in one place: where a server says until when to wait."""
    import reconciler

    root = Path(reconciler.__file__).parent
    parts = [p for p in root.iterdir() if p.is_dir() and p.name != "emulator"]
    users = {
        str(file.relative_to(root)): file.read_text().count("time.time")
        for part in parts
        for file in part.glob("**/*.py")
        if "time.time" in file.read_text()
    }
    assert users == {"client/pace.py": 1}
