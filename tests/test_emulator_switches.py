"""Every switch of the emulator in both positions, as a client sees it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from emulated import Emulated, connection, emulated, model, pipeline
from vectors import documents

from reconciler.emulator import Switches, describe
from reconciler.errors import UsageError, WsyncError


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    with emulated(keep_secrets=True) as api:
        yield api


@pytest.fixture
def api(shared: Emulated) -> Emulated:
    shared.server.admin("POST", "/reset")
    shared.seed()
    return shared


P = "/inputs/data-pipelines"


@pytest.mark.parametrize(("position", "status"), [("400", 400), ("409", 409), ("upsert", 200)])
def test_a_duplicate_post_is_refused_or_taken_for_an_update(
    api: Emulated, position: str, status: int
) -> None:
    api.switch(duplicate_post=position)
    reply = api.call("POST", "/data-models", model(sql="SELECT 2 AS two"))
    assert reply.status == status
    if position == "upsert":
        assert reply.document["last_modified_by"]
        assert api.get("/data-models/orders")["config"]["sql_query"] == "SELECT 2 AS two"
    else:
        assert reply.message == "Model orders already exists."
        assert api.get("/data-models/orders")["config"] == model()["config"]


def test_deleting_what_is_in_use_is_refused_or_leaves_a_faulted_orphan(api: Emulated) -> None:
    refused = api.call("DELETE", "/connections/redshift")
    assert (refused.status, refused.message) == (400, "Connection redshift is used by pipeline hourly.")
    api.switch(delete_in_use="allow")
    assert api.call("DELETE", "/connections/redshift").status == 204
    orphan = api.get(f"{P}/hourly")
    assert orphan["status"] == "faulted"
    assert orphan["errors"] == [{"message": "Connection redshift does not exist any more."}]
    report = api.get(f"{P}/hourly/report")
    assert report["connection_status"] == "faulted"


def test_an_optional_field_left_out_of_a_put_is_cleared_or_kept(api: Emulated) -> None:
    full = pipeline(partner_feed_id=7, partner_feed_key="k", data_plan_id="plan", data_plan_version=1)
    full["schedule"]["end"] = "2030-01-01T00:00:00Z"
    for position in ("keep", "clear"):
        api.put(f"{P}/hourly", full)
        api.switch(left_out=position)
        answer = api.put(f"{P}/hourly", pipeline()).document
        for holder, name in (
            (answer, "partner_feed_id"),
            (answer, "partner_feed_key"),
            (answer, "data_plan_id"),
        ):
            assert (name in holder) == (position == "keep"), name
        assert ("end" in answer["schedule"]) == (position == "keep")
    api.switch(left_out="keep")
    api.put(f"{P}/hourly", full)
    emptied = api.put(f"{P}/hourly", pipeline(partner_feed_id=None, partner_feed_key=None)).document
    assert "partner_feed_id" not in emptied
    assert api.stored("pipeline/hourly")["secrets"] == {}


def test_a_required_secret_left_out_of_a_put_is_a_400_in_either_position(api: Emulated) -> None:
    body = connection()
    del body["config"]["password"]
    for position in ("clear", "keep"):
        api.switch(left_out=position)
        refused = api.call("PUT", "/connections/redshift", body)
        assert (refused.status, refused.message) == (400, "config.password: is required")


def test_secrets_in_answers_are_masked_or_omitted(api: Emulated) -> None:
    assert api.get("/connections/redshift")["config"]["password"] == "************"
    api.switch(secrets="omit")
    assert "password" not in api.get("/connections/redshift")["config"]
    assert "password" not in api.get("/connections")[0]["config"]


def test_f132_a_mask_in_a_put_becomes_the_secret_or_leaves_the_old_one(api: Emulated) -> None:
    api.switch(mask_in_put="keep")
    api.put("/connections/redshift", connection(password="************"))
    assert api.stored("connection/redshift")["secrets"] == {"config.password": "open sesame"}
    api.switch(mask_in_put="store")
    api.put("/connections/redshift", connection(password="************"))
    assert api.stored("connection/redshift")["secrets"] == {"config.password": "************"}
    (entry,) = api.server.admin("GET", "/requests?method=PUT")[-1:]
    assert entry["body"]["config"]["password"] == "(mask)"


def test_a_stored_mask_is_seen_although_secrets_are_not_kept() -> None:
    with emulated() as api:
        api.post("/connections", connection(password="***"))
        assert api.stored("connection/redshift")["secrets"] == {"config.password": "***"}


def test_a_put_answers_with_the_resource_or_with_nothing(api: Emulated) -> None:
    assert api.put("/data-models/orders", model()).document["id"] == "orders"
    api.switch(put_answer="204")
    reply = api.call("PUT", "/data-models/orders", model(sql="SELECT 3 AS three"))
    assert (reply.status, reply.document) == (204, None)
    assert api.get("/data-models/orders")["config"]["sql_query"] == "SELECT 3 AS three"


@pytest.mark.parametrize("bad", [{"password": "wrong-password"}, {"user": "nobody"}])
def test_f128_a_bad_login_is_a_505_before_or_after_the_connection_is_stored(
    api: Emulated, bad: dict[str, str]
) -> None:
    assert api.call("POST", "/connections", connection("off", **bad)).status == 200
    api.switch(bad_login="505-before")
    refused = api.call("POST", "/connections", connection("before", **bad))
    assert refused.status == 505
    assert "Failed to connect to the warehouse account" in refused.message
    assert api.call("GET", "/connections/before").status == 404
    api.switch(bad_login="505-after")
    assert api.call("POST", "/connections", connection("after", **bad)).status == 505
    assert api.get("/connections/after")["status"] == "faulted"
    assert api.call("PUT", "/connections/redshift", connection(**bad)).status == 505
    assert api.put("/connections/after", connection("after")).document["status"] == "healthy"


def test_a_report_may_not_be_ready_for_a_while_after_the_create(api: Emulated) -> None:
    assert api.call("GET", f"{P}/hourly/report").status == 200
    api.switch(report_after_create=60)
    assert api.call("GET", f"{P}/hourly/report").status == 404
    assert api.call("GET", f"{P}/hourly").status == 200
    api.server.admin("POST", "/clock", {"advance": 61})
    assert api.call("GET", f"{P}/hourly/report").status == 200


@pytest.mark.parametrize(
    ("position", "own", "declared"),
    [
        ("Z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2023-02-01T00:00:00Z"),
        ("naive", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", "2023-02-01T00:00:00.000"),
        ("millis", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2023-02-01T00:00:00.000Z"),
    ],
)
def test_timestamps_are_written_in_three_ways(api: Emulated, position: str, own: str, declared: str) -> None:
    api.switch(timestamps=position)
    answer = api.get(f"{P}/hourly")
    assert re.fullmatch(own, answer["created_on"])
    assert answer["schedule"]["start"] == declared
    api.post(f"{P}/trigger", {"pipeline_id": "hourly"})
    assert re.fullmatch(own, api.get(f"{P}/hourly/runs")["items"][0]["logical_date"])


def test_on_demand_is_spelled_in_two_ways(api: Emulated) -> None:
    api.put(f"{P}/hourly", pipeline(schedule={"type": "on_demand"}))
    assert api.get(f"{P}/hourly")["schedule"] == {"type": "on_demand"}
    api.switch(on_demand="on-demand")
    assert api.get(f"{P}/hourly")["schedule"] == {"type": "on-demand"}


def test_answers_may_use_the_names_of_v1(api: Emulated) -> None:
    api.post("/connections", documents("POST /connections", "request")[0])
    path = "/connections/example-snowflake-connection"
    assert api.get(path)["config"]["account_identifier"] == "gd12345"
    api.switch(legacy_aliases="on")
    config = api.get(path)["config"]
    assert config["source_account_id"] == "gd12345"
    assert "account_identifier" not in config


def test_f109_reads_may_lag_behind_every_kind_of_write(api: Emulated) -> None:
    api.switch(read_lag=0.4)
    api.post("/data-models", model("new"))
    api.put("/data-models/orders", model(sql="SELECT 4 AS four"))
    api.put("/data-models/orders", model(sql="SELECT 5 AS five"))
    api.switch(delete_in_use="allow")
    api.call("DELETE", f"{P}/hourly")
    assert [m["id"] for m in api.get("/data-models")] == ["orders"]
    assert api.call("GET", "/data-models/new").status == 404
    assert api.get("/data-models/orders")["config"] == model()["config"]
    assert api.get(f"{P}/hourly")["id"] == "hourly"
    # Writes see what is there.
    assert api.call("POST", "/data-models", model("new")).status == 400
    assert api.call("PUT", f"{P}/hourly", pipeline()).status == 404
    time.sleep(0.45)
    assert [m["id"] for m in api.get("/data-models")] == ["orders", "new"]
    assert api.get("/data-models/orders")["config"]["sql_query"] == "SELECT 5 AS five"
    assert api.call("GET", f"{P}/hourly").status == 404


def test_f145_beyond_the_rate_limit_requests_are_a_429_that_says_how_long_to_wait(api: Emulated) -> None:
    assert all(api.call("GET", "/data-models").status == 200 for _ in range(5))
    api.switch(rate_limit=2, rate_window=0.3)
    allowed = [api.call("GET", "/data-models") for _ in range(2)]
    assert [reply.headers["x-mp-rate-limit-percentage-used"] for reply in allowed] == ["50", "100"]
    refused = api.call("POST", "/data-models", model("late"))
    assert (refused.status, refused.message) == (429, "Too many requests.")
    assert refused.headers["retry-after"] == "1"
    assert "x-mp-rate-limit-exceeded" in refused.headers
    time.sleep(0.35)
    assert [m["id"] for m in api.get("/data-models")] == ["orders"]


def test_requests_may_take_long_but_not_one_after_the_other(api: Emulated) -> None:
    from concurrent.futures import ThreadPoolExecutor

    api.switch(latency=0.2)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: api.call("GET", "/data-models"), range(4)))
    assert [reply.status for reply in replies] == [200] * 4
    assert 0.2 <= time.monotonic() - began < 0.7


# ------------------------------------------------------------------ how switches are set


def test_switches_are_given_at_the_start_and_changed_while_it_runs(api: Emulated) -> None:
    with emulated(switches=Switches(duplicate_post="409")) as other:
        assert other.server.admin("GET", "/switches")["duplicate_post"] == "409"
        other.switch(duplicate_post="upsert", read_lag="0.5")
        found = other.server.admin("GET", "/switches")
        assert (found["duplicate_post"], found["read_lag"]) == ("upsert", 0.5)
        other.server.admin("POST", "/reset")
        assert other.server.admin("GET", "/switches")["duplicate_post"] == "409"


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"duplicate_pots": "409"}, "did you mean `duplicate_post`?"),
        ({"colour": "red"}, "there are: duplicate_post"),
        ({"duplicate_post": "500"}, "one of: 400, 409, upsert"),
        ({"read_lag": -1}, "a number of seconds, 0 or more"),
        ({"read_lag": "soon"}, "a number of seconds, 0 or more"),
        ({"read_lag": "inf"}, "a number of seconds, 0 or more"),
        ({"read_lag": True}, "a number of seconds, 0 or more"),
    ],
)
def test_an_unknown_switch_or_position_is_refused_with_what_there_is(
    api: Emulated, change: dict[str, Any], hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        Switches().changed(change)
    assert hint in (refused.value.hint or "")
    with pytest.raises(WsyncError, match=re.escape(hint)):
        api.switch(**change)


def test_every_switch_describes_itself_for_options_and_documents(api: Emulated) -> None:
    switches = list(describe())
    assert {s.name for s in switches} == set(api.server.admin("GET", "/switches"))
    for switch in switches:
        assert switch.doc.endswith(".")
        assert switch.option == "--" + switch.name.replace("_", "-")
        assert switch.default == getattr(Switches(), switch.name)
        assert bool(switch.choices) != bool(switch.unit)
        assert switch.read(switch.default) == switch.default
    assert [s["name"] for s in api.server.admin("GET", "/switches?describe=1")] == [s.name for s in switches]
