"""How emulated pipelines run: on a clock that can be stopped and moved, with the reference's states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from emulated import Emulated, connection, emulated, model, pipeline
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator.timetable import Timetable

P = "/inputs/data-pipelines"


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    with emulated() as api:
        yield api


@pytest.fixture
def api(shared: Emulated) -> Emulated:
    """With a connection and a model, at half past eleven on a day in March 2024."""
    shared.server.admin("POST", "/reset")
    at(shared, "2024-03-10T11:30:00Z")
    shared.post("/connections", connection())
    shared.post("/data-models", model())
    return shared


def at(api: Emulated, moment: str) -> None:
    api.server.admin("POST", "/clock", {"at": moment})


def wait(api: Emulated, seconds: float) -> None:
    api.server.admin("POST", "/clock", {"advance": seconds})


def status(api: Emulated, name: str = "hourly") -> str:
    found: str = api.get(f"{P}/{name}")["status"]
    return found


def runs(api: Emulated, name: str = "hourly", query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"{P}/{name}/runs{query}")["items"]
    return found


def test_a_triggered_run_is_queued_then_running_then_a_success(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "on_demand"}))
    assert status(api) == "idle"
    number = api.post(f"{P}/trigger", {"pipeline_id": "hourly"})["pipeline_run_id"]
    seen = []
    for _ in range(4):
        (run,) = runs(api)
        report = api.get(f"{P}/hourly/report")
        assert report["latest_pipeline_run"] == run == api.get(f"{P}/hourly/runs/{number}")
        seen.append((run["status"], report["status"], report["latest_successful_pipeline_run_id"]))
        wait(api, 1)
    assert seen == [
        ("queued", "running", None),
        ("running", "running", None),
        ("running", "running", None),
        ("success", "idle", number),
    ]
    (run,) = runs(api)
    assert run["type"] == "manual"
    assert (run["logical_date"], run["started_on"], run["ended_on"]) == (
        "2024-03-10T11:30:00Z", "2024-03-10T11:30:01Z", "2024-03-10T11:30:03Z",
    )  # fmt: skip
    assert (run["successful_records"], run["failed_records"], run["errors"]) == (100, 0, [])


def test_a_second_trigger_while_a_run_is_under_way_is_a_400_whatever_the_schedule(api: Emulated) -> None:
    for n, schedule in enumerate(({"type": "on_demand"}, {"type": "once"}, pipeline()["schedule"])):
        api.post(P, pipeline(f"p{n}", schedule=schedule, state="paused"))
        assert api.call("POST", f"{P}/trigger", {"pipeline_id": f"p{n}"}).status == 200
        refused = api.call("POST", f"{P}/trigger", {"pipeline_id": f"p{n}"})
        assert (refused.status, refused.message) == (400, f"Pipeline p{n} is already in progress.")
    assert api.call("POST", f"{P}/trigger", {"pipeline_id": "P0"}).status == 404
    assert api.call("POST", f"{P}/trigger", {}).message == "pipeline_id: is required"


def test_an_interval_pipeline_runs_at_each_interval_after_its_delay(api: Emulated) -> None:
    schedule = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T00:00:00Z", "delay": "15m"}
    api.post(P, pipeline(schedule=schedule))
    at(api, "2024-03-10T12:14:59Z")
    assert runs(api) == []
    at(api, "2024-03-10T12:15:00Z")
    assert status(api) == "running"
    at(api, "2024-03-10T14:00:00Z")
    assert status(api) == "idle"
    assert [(r["type"], r["status"], r["logical_date"], r["started_on"]) for r in runs(api)] == [
        ("scheduled", "success", "2024-03-10T12:00:00Z", "2024-03-10T12:15:01Z"),
        ("scheduled", "success", "2024-03-10T13:00:00Z", "2024-03-10T13:15:01Z"),
    ]


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("daily", ["2024-03-11T12:00:00Z", "2024-03-12T12:00:00Z"]),
        ("weekly", ["2024-03-14T12:00:00Z", "2024-03-21T12:00:00Z"]),
        ("monthly", ["2024-03-31T12:00:00Z", "2024-04-30T12:00:00Z"]),
    ],
)
def test_intervals_are_counted_from_the_start(api: Emulated, frequency: str, expected: list[str]) -> None:
    start = "2024-01-31T12:00:00Z" if frequency == "monthly" else "2024-02-01T12:00:00Z"
    at(api, "2024-03-10T12:30:00Z")
    api.post(P, pipeline(schedule={"type": "interval", "frequency": frequency, "start": start}))
    at(api, "2024-05-01T00:00:00Z")
    assert [r["logical_date"] for r in runs(api)][:2] == expected


def test_a_first_run_comes_at_the_start_or_one_interval_later_when_from_equals_it(api: Emulated) -> None:
    start = "2024-03-10T12:00:00Z"
    schedule = {"type": "interval", "frequency": "daily", "start": start}
    for name, since in (("prompt", "2024-01-01T00:00:00Z"), ("late", start)):
        sync_mode = pipeline()["sync_mode"] | {"from": since}
        api.post(P, pipeline(name, schedule=schedule, sync_mode=sync_mode))
    at(api, "2024-03-10T13:00:00Z")
    assert len(runs(api, "prompt")) == 1
    assert runs(api, "late") == []
    at(api, "2024-03-11T13:00:00Z")
    assert [r["logical_date"] for r in runs(api, "late")] == ["2024-03-11T12:00:00Z"]


def test_nothing_runs_after_the_end(api: Emulated) -> None:
    schedule = pipeline()["schedule"] | {"end": "2024-03-10T13:00:00Z"}
    api.post(P, pipeline(schedule=schedule))
    at(api, "2024-03-20T00:00:00Z")
    assert len(runs(api)) == 2


def test_once_runs_when_it_is_created_and_never_again(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "once"}))
    assert status(api) == "running"
    wait(api, 10)
    assert (status(api), len(runs(api))) == ("idle", 1)
    api.put(f"{P}/hourly", pipeline(schedule={"type": "once"}, name="other"))
    wait(api, 100_000)
    assert (status(api), len(runs(api))) == ("idle", 1)
    api.post(P, pipeline("asleep", schedule={"type": "once"}, state="new"))
    assert runs(api, "asleep") == []
    api.put(f"{P}/asleep", pipeline("asleep", schedule={"type": "once"}))
    assert len(runs(api, "asleep")) == 1


def test_a_paused_pipeline_is_stopped_and_runs_only_when_triggered(api: Emulated) -> None:
    api.post(P, pipeline(state="paused"))
    assert status(api) == "stopped"
    wait(api, 7200)
    assert runs(api) == []
    api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
    assert status(api) == "running"
    wait(api, 5)
    assert (status(api), len(runs(api))) == ("stopped", 1)
    api.put(f"{P}/hourly", pipeline())
    assert status(api) == "idle"
    wait(api, 3600)
    assert len(runs(api)) == 2


def test_a_put_during_a_run_lets_it_go_on(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "once"}))
    api.put(f"{P}/hourly", pipeline(schedule={"type": "once"}, state="paused"))
    assert status(api) == "running"
    wait(api, 5)
    assert (status(api), runs(api)[0]["status"]) == ("stopped", "success")


def test_f136_a_put_clears_a_fault_and_the_pipeline_runs_at_its_next_interval(api: Emulated) -> None:
    api.post(P, pipeline())
    api.by_hand("pipeline/hourly", {"status": "faulted", "errors": [{"message": "column is gone"}]})
    faulted = api.get(f"{P}/hourly")
    assert (faulted["status"], faulted["errors"]) == ("faulted", [{"message": "column is gone"}])
    assert faulted["last_modified_by"] is None  # a fault is nobody's edit
    assert api.get(f"{P}/hourly/report")["errors"] == [{"message": "column is gone"}]
    wait(api, 3 * 3600)
    assert runs(api) == []  # "In a faulted state, no data will synchronize"
    answer = api.put(f"{P}/hourly", pipeline()).document
    assert (answer["status"], answer["errors"]) == ("idle", [])
    wait(api, 3600)
    assert len(runs(api)) == 1


def test_a_successful_trigger_clears_a_fault_and_a_failed_run_makes_one(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "on_demand"}))
    api.switch(run_result="failed")
    api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
    wait(api, 5)
    assert status(api) == "faulted"
    (failed,) = runs(api)
    assert (failed["status"], failed["successful_records"], len(failed["errors"])) == ("failed", 0, 1)
    api.switch(run_result="success")
    api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
    assert status(api) == "running"
    wait(api, 5)
    assert (status(api), api.get(f"{P}/hourly")["errors"]) == ("idle", [])


def test_a_run_on_an_unhealthy_connection_or_model_fails(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "on_demand"}))
    api.by_hand("model/orders", {"status": "invalid", "errors": ["syntax error"]})
    report = api.get(f"{P}/hourly/report")
    assert (report["data_model_status"], report["data_model_errors"]) == (
        "invalid",
        [{"message": "syntax error"}],
    )
    api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
    wait(api, 5)
    assert api.get(f"{P}/hourly")["errors"] == [{"message": "The model orders is invalid."}]
    assert api.put("/data-models/orders", model()).document["status"] == "valid"


def test_an_incremental_run_loads_what_came_since_the_last_success(api: Emulated) -> None:
    sync_mode = pipeline()["sync_mode"] | {"from": "2020-01-01T00:00:00Z"}
    api.post(P, pipeline(schedule={"type": "on_demand"}, sync_mode=sync_mode))
    for _ in range(2):
        api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
        wait(api, 3600)
    assert [(r["range_start"], r["range_end"]) for r in runs(api)] == [
        ("2020-01-01T00:00:00Z", "2024-03-10T11:30:00Z"),
        ("2024-03-10T11:30:00Z", "2024-03-10T12:30:00Z"),
    ]


def test_without_from_or_start_an_incremental_run_loads_since_the_day_of_creation(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "on_demand"}))
    api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
    assert runs(api)[0]["range_start"] == "2024-03-10T00:00:00Z"


def test_a_full_run_loads_everything_each_time_up_to_until(api: Emulated) -> None:
    sync_mode = {"type": "full", "from": "2020-01-01T00:00:00Z", "until": "2021-01-01T00:00:00Z"}
    api.post(P, pipeline(schedule={"type": "on_demand"}, sync_mode=sync_mode))
    for _ in range(2):
        api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
        wait(api, 60)
    assert {(r["range_start"], r["range_end"]) for r in runs(api)} == {
        (sync_mode["from"], sync_mode["until"])
    }


def test_runs_come_in_pages_with_the_references_envelope(api: Emulated) -> None:
    api.post(P, pipeline())
    at(api, "2024-03-10T22:30:00Z")  # eleven intervals
    numbers = [run["id"] for run in runs(api)]
    assert len(numbers) == 11
    whole = api.get(f"{P}/hourly/runs")
    del whole["items"]
    assert whole == {
        "current_page": 1, "page_size": 50, "total_pages": 1, "total_items": 11,
        "has_previous_page": False, "has_next_page": False,
    }  # fmt: skip
    paged, page = [], 1
    while True:
        found = api.get(f"{P}/hourly/runs?currentPage={page}&pageSize=4")
        assert (found["current_page"], found["total_pages"], found["total_items"]) == (page, 3, 11)
        assert found["has_previous_page"] == (page > 1)
        paged += [run["id"] for run in found["items"]]
        if not found["has_next_page"]:
            break
        page += 1
    assert (paged, page) == (numbers, 3)
    between = runs(api, query="?startDate=2024-03-10T14:00:00Z&endDate=2024-03-10T16:00:00Z")
    assert [run["logical_date"][11:13] for run in between] == ["14", "15", "16"]
    assert runs(api, query="?currentPage=9") == []
    for wrong in ("currentPage=0", "pageSize=ten", "startDate=yesterday"):
        refused = api.call("GET", f"{P}/hourly/runs?{wrong}")
        assert (refused.status, refused.message.split(":")[0]) == (400, wrong.partition("=")[0])


def test_unknown_pipelines_and_runs_are_404s(api: Emulated) -> None:
    api.post(P, pipeline())
    for path in (
        "gone/report",
        "gone/runs",
        "gone/runs/1",
        "hourly/runs/99",
        "hourly/runs/x",
        f"hourly/runs/{9**40}",
    ):
        assert api.call("GET", f"{P}/{path}").status == 404


def test_a_pipeline_made_again_has_no_runs_of_the_old_one_and_other_numbers(api: Emulated) -> None:
    api.post(P, pipeline(schedule={"type": "once"}))
    (old,) = runs(api)
    api.call("DELETE", f"{P}/hourly")
    wait(api, 10)
    api.post(P, pipeline(schedule={"type": "once"}))
    (new,) = runs(api)
    assert new["id"] > old["id"]


def test_of_a_long_jump_only_the_last_hundred_intervals_run(api: Emulated) -> None:
    api.post(P, pipeline())
    at(api, "2025-03-10T11:30:00Z")
    assert api.get(f"{P}/hourly/runs")["total_items"] == 100
    assert runs(api, query="?pageSize=1000")[-1]["logical_date"] == "2025-03-10T11:00:00Z"


def test_the_clock_runs_stands_still_moves_on_and_outlives_nothing_but_its_reset(api: Emulated) -> None:
    def clock() -> tuple[datetime, bool]:
        found = api.server.admin("GET", "/clock")
        return datetime.fromisoformat(found["now"]), found["stands_still"]

    assert clock() == (datetime(2024, 3, 10, 11, 30, tzinfo=UTC), True)
    wait(api, 90)
    assert clock() == (datetime(2024, 3, 10, 11, 31, 30, tzinfo=UTC), True)
    api.server.admin("POST", "/clock", {"real": True})
    now, stands = clock()
    assert abs((datetime.now(UTC) - now).total_seconds()) < 5
    assert not stands
    wait(api, 3600)
    wait(api, 3600)
    assert 7195 < (clock()[0] - datetime.now(UTC)).total_seconds() <= 7200


def test_an_edit_by_hand_of_a_schedule_takes_effect(api: Emulated) -> None:
    api.post(P, pipeline(state="paused"))
    api.by_hand("pipeline/hourly", {"state": "active", "status": "idle"})
    wait(api, 3600)
    assert len(runs(api)) == 1
    api.by_hand("pipeline/hourly", {"schedule": {"start": "no timestamp"}})
    wait(api, 3600)
    assert len(runs(api)) == 1


@given(
    start=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001 - UTC follows
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    frequency=st.sampled_from(["hourly", "daily", "weekly", "monthly"]),
    delay=st.integers(0, 10**7),
)
def test_the_next_interval_is_the_first_that_runs_at_a_moment_or_later(
    start: datetime, moment: datetime, frequency: str, delay: int
) -> None:
    timetable = Timetable(start.replace(tzinfo=UTC).timestamp(), frequency, delay, None, 0)
    now = moment.replace(tzinfo=UTC).timestamp()
    n = timetable.next_from(now)
    assert n is not None
    assert timetable.tick(n) + delay >= now
    assert n == 0 or timetable.tick(n - 1) + delay < now
