"""Every write, with everything that can go wrong with it: rows F116 to F148 of the design's catalogue, and F109, F110.

What was done is asserted on the server's own log and on what it stores, never on what the client believes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from conftest import Wsync
from estate import (
    API,
    PATHS,
    SECRETS,
    Site,
    address,
    body,
    changed,
    connection,
    errors,
    model,
    outcomes,
    path,
    pipeline,
)
from fake_workspace import MASK, Workspace
from fault_server import (
    Fault,
    answers,
    empty,
    executes_late,
    hang_after,
    hang_before,
    html,
    mangled,
    meanwhile,
    redirect,
    reset_after,
    reset_before,
    status_after,
    status_before,
    too_many,
    truncated,
    wrong_id,
)
from worlds import Document

WH, ORDERS = connection("wh"), model("orders")
HOURLY = pipeline("hourly", feed=True)
OTHER_WH = changed(WH, config__warehouse="WH_B")
OTHER_ORDERS = changed(ORDERS, config__sql_query="SELECT b, updated_at FROM x.y.z")
OTHER_HOURLY = changed(HOURLY, name="Orders, each hour")

# What leaves the outcome of a write open, although it was executed; and the same although it was not.
EXECUTED: dict[str, Fault] = {
    "reset": reset_after(),
    "hang": hang_after(),
    "500": status_after(500),
    "503": status_after(503),
    "408": status_after(408),
    "html": html(),
    "empty": empty(),
    "null": answers(b"null"),
    "list": answers([]),
    "truncated": truncated(),
    "another id": wrong_id(),
}
NOT_EXECUTED: dict[str, Fault] = {
    "reset": reset_before(),
    "hang": hang_before(),
    "500": status_before(500),
    "502": status_before(502),
    "503": status_before(503),
    "504": status_before(504),
    "408": status_before(408),
    "html": html(execute=False),
}
each_executed = pytest.mark.parametrize("fault", EXECUTED.values(), ids=EXECUTED)
each_not_executed = pytest.mark.parametrize("fault", NOT_EXECUTED.values(), ids=NOT_EXECUTED)
each_kind = pytest.mark.parametrize(
    ("old", "new"),
    [(WH, OTHER_WH), (ORDERS, OTHER_ORDERS), (HOURLY, OTHER_HOURLY)],
    ids=["connection", "model", "pipeline"],
)


def _beside(document: Document) -> list[Document]:
    """What a resource refers to, which is live already."""
    return [WH, ORDERS] if document["kind"] == "pipeline" else []


def _patience(fault: Fault) -> tuple[object, ...]:
    """A deadline that a test can wait for, where it has to be waited for."""
    return ("--timeout", 0.5) if fault.hang else ()


def _is_good(site: Site) -> bool:
    return site.server.workspace.violations == [] and site.repeats_without_reading() == []


# ------------------------------------------------------------------------------- create


@each_not_executed
@each_kind
def test_f116_f120_a_create_that_was_not_executed_is_sent_once_more_after_looking(
    site: Site, old: Document, new: Document, fault: Fault
) -> None:
    site.live(*_beside(old))
    site.declare(*_beside(old), old)
    site.server.on("POST", PATHS[old["kind"]], fault)
    done = site.apply(*_patience(fault))
    assert (done.code, done.document["result"]) == (0, "applied"), done
    assert site.writes() == [f"POST {PATHS[old['kind']]}"] * 2
    assert site.holds(*_beside(old), old)
    assert _is_good(site)


@each_executed
@each_kind
def test_f117_f118_f125_f127_a_create_whose_answer_is_lost_is_found_by_looking(
    site: Site, old: Document, new: Document, fault: Fault
) -> None:
    """No second POST; a secret cannot be read back, so what has one is sent once more by PUT."""
    site.live(*_beside(old))
    site.declare(*_beside(old), old)
    site.server.on("POST", PATHS[old["kind"]], fault)
    done = site.apply(*_patience(fault))
    assert (done.code, outcomes(done)) == (0, {address(old): "done"}), done
    again = [f"PUT {path(old)}"] if old["kind"] != "model" else []
    assert site.writes() == [f"POST {PATHS[old['kind']]}", *again]
    assert site.holds(*_beside(old), old)
    assert _is_good(site)


@pytest.mark.parametrize("duplicate", ["400", "409"])
@pytest.mark.parametrize("document", [WH, ORDERS], ids=address)
def test_f121_a_create_that_is_executed_after_the_last_look_is_found_by_the_refusal_of_the_second(
    site: Site, document: Document, duplicate: Any
) -> None:
    site.server.workspace.switches.duplicate_post = duplicate
    site.declare(document)
    site.server.on("POST", PATHS[document["kind"]], reset_before())
    late = Fault(after=lambda server, _: server.workspace.seed(document["kind"], body(document)))
    site.server.on("GET", path(document), late, nth=3)  # the last look of the window
    done = site.apply()
    assert (done.code, outcomes(done)) == (0, {address(document): "done"}), done
    assert [e.method for e in site.server.writes()][:2] == ["POST", "POST"]
    assert site.holds(document)
    assert _is_good(site)


@pytest.mark.campaign
@pytest.mark.parametrize("seconds", [0.3, 3.0, 7.0, 12.0])
def test_f121_a_create_that_is_executed_late_is_settled_in_real_time(
    site: Site, wsync_process: Wsync, seconds: float
) -> None:
    """`HYPOTHESIS_PROFILE=campaign pytest -m campaign tests/test_apply_faults.py`: two minutes."""
    site.wsync = wsync_process
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", "/connections", executes_late(seconds))
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, HOURLY)
    assert _is_good(site)
    assert len(site.server.requests("POST", "/connections")) == (1 if seconds < 8 else 2)


@pytest.mark.campaign
@pytest.mark.parametrize("lag", [0.2, 2.0, 6.0])
def test_f109_reads_that_lag_are_waited_for_in_real_time(
    site: Site, wsync_process: Wsync, lag: float
) -> None:
    site.wsync = wsync_process
    site.live(changed(WH, id="old"), ORDERS, pipeline("hourly", on="old", feed=True))
    site.server.workspace.settle()
    site.server.workspace.switches.lag = lag
    site.declare(WH, ORDERS, HOURLY, owns=["*"], max_deletes=1)
    site.server.on("POST", API, reset_after())
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, HOURLY)
    assert _is_good(site)
    assert len(site.server.requests("POST", "/connections")) == 1


@pytest.mark.parametrize("duplicate", ["400", "409"])
def test_f122_f123_a_create_that_meets_somebody_elses_resource_stops_there(
    site: Site, duplicate: Any
) -> None:
    foreign = changed(WH, name="Not ours", config__user="somebody")
    site.server.workspace.switches.duplicate_post = duplicate
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", "/connections", meanwhile(lambda w: w.seed("connection", body(foreign))))
    done = site.apply()
    assert done.code == 3, done
    assert outcomes(done) == {"connection/wh": "failed", "model/orders": "done", "pipeline/hourly": "skipped"}
    assert "conflict" in errors(done)["connection/wh"]
    assert site.stored(foreign) == body(foreign)
    assert site.server.requests("PUT") == []


def test_f122_a_create_that_was_lost_and_meets_somebody_elses_resource_leaves_it_alone(site: Site) -> None:
    foreign = changed(ORDERS, name="Not ours")
    site.declare(ORDERS)
    site.server.on("POST", "/data-models", reset_before())
    site.server.on("GET", path(ORDERS), meanwhile(lambda w: w.seed("model", body(foreign))))
    done = site.apply()
    assert done.code == 3, done  # what became of the first POST is not known
    assert "conflict" in errors(done)["model/orders"]
    assert site.stored(foreign) == body(foreign)
    assert site.writes() == ["POST /data-models"]


def test_f122_somebody_elses_secret_beside_an_equal_resource_is_not_cleared(site: Site) -> None:
    ours = pipeline("hourly", schedule={"type": "on_demand"})
    foreign = changed(ours, partner_feed_id=7, partner_feed_key="not-ours")
    site.live(WH, ORDERS)
    site.declare(WH, ORDERS, ours)
    site.server.on("POST", PATHS["pipeline"], meanwhile(lambda w: w.seed("pipeline", body(foreign))))
    done = site.apply()
    assert done.code == 1, done
    assert site.stored(foreign) == body(foreign)


def test_a_create_that_is_refused_for_what_it_holds_writes_nothing(site: Site) -> None:
    site.declare(ORDERS)
    site.server.on("POST", "/data-models", status_before(400, "SQL is invalid"), times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (1, "failed"), done
    assert "SQL is invalid" in errors(done)["model/orders"]
    assert "was not stored" in errors(done)["model/orders"]
    assert site.writes() == ["POST /data-models"]


def test_a_refused_create_stays_refused_where_it_cannot_be_looked_for(site: Site) -> None:
    site.declare(ORDERS)
    site.server.on("POST", "/data-models", status_before(400, "SQL is invalid"), times=None)
    site.server.on("GET", path(ORDERS), status_before(500), times=None)
    done = site.apply()
    assert (done.code, outcomes(done)) == (1, {"model/orders": "failed"}), done
    assert "SQL is invalid" in errors(done)["model/orders"]


def test_a_create_whose_secret_cannot_be_sent_again_says_so(site: Site) -> None:
    site.declare(WH)
    site.server.on("POST", "/connections", reset_after())
    site.server.on("PUT", path(WH), status_before(400, "no"), times=None)
    done = site.apply()
    assert (done.code, outcomes(done)) == (3, {"connection/wh": "failed"}), done
    assert "--resend-secrets connection/wh" in errors(done)["connection/wh"]
    assert _is_good(site)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f114_a_redirect_is_an_error_and_never_followed(site: Site, status: int) -> None:
    site.declare(WH)
    elsewhere = f"{site.server.url}/elsewhere"
    site.server.on("POST", "/connections", redirect(elsewhere, status), times=None)
    done = site.apply()
    assert done.code == 1, done
    assert "redirects" in errors(done)["connection/wh"]
    assert site.writes() == ["POST /connections"]


# ------------------------------------------------------------------- what was stored


@pytest.mark.parametrize(
    ("live", "method"), [([], "POST"), ([changed(WH, name="Old")], "PUT")], ids=["create", "update"]
)
def test_f126_what_the_service_stores_otherwise_is_named_by_the_closing_plan(
    site: Site, live: list[Document], method: str
) -> None:
    site.live(*live)
    site.declare(WH)
    site.server.on(method, "*", mangled(config__warehouse="SOMETHING"), times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (5, "applied"), done
    (left,) = done.document["closing"]["changes"]
    assert left["fields"] == [{"path": "config.warehouse", "before": "SOMETHING", "after": "WH_A"}]
    assert done.document["error"]["message"] == "applied, but live is not as sent"


def test_f126_what_the_service_stores_otherwise_is_shown_to_people(site: Site) -> None:
    site.declare(WH)
    site.server.on("POST", "/connections", mangled(config__warehouse="SOMETHING"))
    done = site.apply(form="text")
    assert done.code == 5
    assert "live is not as sent" in done.out
    assert re.search(r"warehouse .*SOMETHING.* WH_A", done.out)


def test_f126_an_answer_that_holds_something_else_is_not_the_truth(site: Site) -> None:
    site.live(changed(WH, name="Old"))
    site.declare(WH)
    site.server.on("PUT", "*", Fault(alter=lambda document: document | {"name": "As the reference shows"}))
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH)


def test_a_closing_plan_that_cannot_be_made_is_told(site: Site) -> None:
    site.declare(ORDERS)
    site.server.on("GET", "/connections", status_before(500), nth=2, times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (5, "applied"), done
    assert done.document["closing"]["changes"] is None
    assert "500" in done.document["closing"]["error"]


def test_the_closing_plan_waits_for_reads_that_lag(site: Site) -> None:
    site.server.workspace.switches.lag = 0.03
    site.declare(WH, ORDERS, HOURLY)
    done = site.apply()
    assert (done.code, done.document["closing"]["changes"]) == (0, []), done


# ---------------------------------------------------------------------------- 505


@pytest.mark.parametrize("live", [[], [changed(WH, name="Old")]], ids=["create", "update"])
@pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])
def test_f128_a_warehouse_that_cannot_be_reached_is_never_tried_twice(
    site: Site, live: list[Document], stored: bool
) -> None:
    site.live(*live)
    site.declare(WH, ORDERS, HOURLY)
    method = "PUT" if live else "POST"
    site.server.on(
        method, "/connections*", (status_after if stored else status_before)(505, "no"), times=None
    )
    done = site.apply("-x", "model/*", "-x", "pipeline/*")
    assert done.code == (3 if stored else 1), done
    assert outcomes(done) == {"connection/wh": "failed"}
    said = errors(done)["connection/wh"]
    assert "could not connect to the warehouse" in said
    for cause in ("account", "region", "warehouse", "database", "user", "role", "password"):
        assert cause in said
    assert ("stored all the same" in said) == stored
    assert ("--resend-secrets connection/wh" in said) == stored  # else a new password would be no difference
    assert ("was not stored" in said) == (not stored)
    assert [e.method for e in site.server.writes()] == [method]


def test_f128_what_depends_on_a_connection_that_failed_is_skipped_and_says_why(site: Site) -> None:
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", "/connections", status_after(505, "no"), times=None)
    done = site.apply(form="text")
    assert done.code == 3
    said = " ".join(done.out.split())
    assert "failed + create connection/wh 505 the service could not connect to the warehouse" in said
    assert "skipped + create pipeline/hourly needs connection/wh" in said
    assert "done + create model/orders" in said
    assert "stored all the same" in said


def test_f128_where_nobody_can_say_whether_it_was_stored_the_exit_code_allows_for_it(site: Site) -> None:
    site.declare(WH)
    site.server.on("POST", "/connections", status_after(505, "no"), times=None)
    site.server.on("GET", path(WH), status_before(500), times=None)
    done = site.apply()
    assert (done.code, outcomes(done)) == (3, {"connection/wh": "failed"}), done
    assert "unknown" in errors(done)["connection/wh"]
    text = site.apply(form="text")
    assert "stored it all the same" not in text.out


# ------------------------------------------------------------------------------ update


@each_not_executed
@each_kind
def test_f131_an_update_that_was_not_executed_is_sent_once_more_with_its_secret(
    site: Site, old: Document, new: Document, fault: Fault
) -> None:
    site.live(*_beside(old), old)
    site.declare(*_beside(old), new)
    site.server.on("PUT", path(old), fault)
    done = site.apply(*_patience(fault))
    assert done.code == 0, done
    assert site.writes() == [f"PUT {path(old)}"] * 2
    assert all(e.body == body(new) for e in site.server.writes())
    assert site.holds(*_beside(old), new)
    assert _is_good(site)


@each_executed
@each_kind
def test_f131_an_update_whose_answer_is_lost_is_found_by_looking(
    site: Site, old: Document, new: Document, fault: Fault
) -> None:
    site.live(*_beside(old), old)
    site.declare(*_beside(old), new)
    site.server.on("PUT", path(old), fault)
    done = site.apply(*_patience(fault))
    assert (done.code, outcomes(done)) == (0, {address(new): "done"}), done
    assert site.writes() == [f"PUT {path(old)}"]
    assert site.holds(*_beside(old), new)
    assert _is_good(site)


def test_f131_an_update_that_never_lands_counts_as_nothing_written(site: Site) -> None:
    site.live(ORDERS)
    site.declare(OTHER_ORDERS)
    site.server.on("PUT", path(ORDERS), status_before(503), times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (1, "failed"), done
    assert "was not stored" in errors(done)["model/orders"]
    assert site.writes() == [f"PUT {path(ORDERS)}"] * 2
    assert _is_good(site)


def test_an_update_that_finds_something_else_after_a_lost_answer_overwrites_nothing(site: Site) -> None:
    foreign = changed(ORDERS, name="By hand")
    site.live(ORDERS)
    site.declare(OTHER_ORDERS)
    lost = Fault(execute=False, before=lambda s, _: s.workspace.seed("model", body(foreign)), reset=True)
    site.server.on("PUT", path(ORDERS), lost)
    done = site.apply()
    assert (done.code, outcomes(done)) == (3, {"model/orders": "failed"}), done
    assert "conflict" in errors(done)["model/orders"]
    assert site.stored(ORDERS) == body(foreign)
    assert len(site.writes()) == 1


@pytest.mark.parametrize("status", [400, 409, 422])
def test_an_update_that_is_refused_is_an_error_in_the_services_own_words(site: Site, status: int) -> None:
    site.live(ORDERS)
    site.declare(OTHER_ORDERS)
    site.server.on("PUT", path(ORDERS), status_before(status, "Pipeline is in progress"), times=None)
    done = site.apply()
    assert done.code == 1, done
    assert "Pipeline is in progress" in errors(done)["model/orders"]
    assert len(site.writes()) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_resent_secret_whose_answer_is_lost_is_sent_again_and_else_unknown(site: Site, times: int) -> None:
    """No reading tells whether a secret arrived."""
    site.live(WH)
    site.declare(WH)
    site.secrets["WH_PASSWORD"] = "rotated-canary"
    site.server.on("PUT", path(WH), reset_before(), times=times)
    done = site.apply("--resend-secrets", "connection/*")
    assert len(site.writes()) == 2
    assert _is_good(site)
    if times == 1:
        assert done.code == 0, done
        assert site.holds(WH)
    else:
        assert (done.code, outcomes(done)) == (3, {"connection/wh": "unknown"}), done


def test_unsetting_a_secret_is_not_taken_for_done_because_all_else_is_equal(site: Site) -> None:
    old, new = changed(HOURLY, partner_feed_id=None), changed(HOURLY, partner_feed_id=None)
    new["partner_feed_key"] = None
    site.live(WH, ORDERS, old)
    site.declare(WH, ORDERS, new)
    site.server.on("PUT", path(old), reset_before())
    done = site.apply()
    assert done.code == 0, done
    assert site.writes() == [f"PUT {path(old)}"] * 2
    stored = site.stored(old)
    assert stored is not None
    assert stored.get("partner_feed_key") is None


@pytest.mark.parametrize("shown", ["mask", "omit", "clear"])
@pytest.mark.parametrize("left_out", ["clear", "keep"])
@pytest.mark.parametrize("answer", [200, 204])
def test_f132_f133_f137_an_update_sends_real_secrets_and_nothing_of_the_services_own(
    site: Site, shown: Any, left_out: Any, answer: Any
) -> None:
    switches = site.server.workspace.switches
    switches.secrets, switches.left_out_on_put, switches.put_answer = shown, left_out, answer
    site.live(WH, ORDERS, HOURLY)
    site.declare(OTHER_WH, OTHER_ORDERS, OTHER_HOURLY)
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(OTHER_WH, OTHER_ORDERS, OTHER_HOURLY)
    assert [e.body for e in site.server.writes()] == [body(OTHER_WH), body(OTHER_ORDERS), body(OTHER_HOURLY)]
    assert site.server.workspace.violations == []
    assert not any(MASK in e.raw.decode() for e in site.server.writes())


@pytest.mark.parametrize("when", ["before the second read", "after it"])
def test_f135_what_is_gone_since_the_plan_is_a_conflict_and_never_created_implicitly(
    site: Site, when: str
) -> None:
    site.live(ORDERS)
    site.declare(OTHER_ORDERS)
    method = "GET" if when == "before the second read" else "PUT"
    site.server.on(method, path(ORDERS), meanwhile(lambda w: w.remove("model", "orders")))
    done = site.apply()
    assert (done.code, outcomes(done)) == (1, {"model/orders": "failed"}), done
    assert "gone since the plan was made" in errors(done)["model/orders"]
    assert site.server.requests("POST", "/data-models") == []
    assert site.holds()


def test_f136_a_faulted_pipeline_is_written_only_for_a_difference_and_the_plan_says_what_that_does(
    site: Site,
) -> None:
    site.live(WH, ORDERS)
    site.server.workspace.seed("pipeline", body(HOURLY) | {"status": "faulted", "errors": ["no table"]})
    site.declare(WH, ORDERS, HOURLY)
    done = site.apply()
    assert (done.code, done.document["result"], site.writes()) == (0, "unchanged", [])
    site.redeclare(WH, ORDERS, OTHER_HOURLY)
    done = site.apply()
    assert done.code == 0, done
    assert "clears-fault" in done.document["changes"][0]["risks"]
    assert site.writes() == [f"PUT {path(HOURLY)}"]


# ------------------------------------------------------------------------------ delete


@each_not_executed
@each_kind
def test_f138_a_delete_that_was_not_executed_is_sent_once_more(
    site: Site, old: Document, new: Document, fault: Fault
) -> None:
    site.live(*_beside(old), old)
    site.declare(*_beside(old), model("kept"), owns=["*"], max_deletes=1)
    site.live(model("kept"))
    site.server.on("DELETE", path(old), fault)
    done = site.apply(*_patience(fault))
    assert done.code == 0, done
    assert site.writes() == [f"DELETE {path(old)}"] * 2
    assert site.holds(*_beside(old), model("kept"))
    assert _is_good(site)


@pytest.mark.parametrize(
    "fault",
    [*(EXECUTED[n] for n in EXECUTED if n not in ("empty", "truncated", "another id")), status_after(404)],
)
def test_f138_a_delete_whose_answer_is_lost_is_found_by_looking(site: Site, fault: Fault) -> None:
    site.live(ORDERS, model("kept"))
    site.declare(model("kept"), owns=["*"], max_deletes=1)
    site.server.on("DELETE", path(ORDERS), fault)
    done = site.apply(*_patience(fault))
    assert (done.code, outcomes(done)) == (0, {"model/orders": "done"}), done
    assert site.writes() == [f"DELETE {path(ORDERS)}"]
    assert site.holds(model("kept"))


def test_f138_a_delete_that_never_lands_says_that_it_is_still_there(site: Site) -> None:
    site.live(ORDERS, model("kept"))
    site.declare(model("kept"), owns=["*"], max_deletes=1)
    site.server.on("DELETE", path(ORDERS), status_before(503), times=None)
    done = site.apply()
    assert done.code == 1, done
    assert "still there" in errors(done)["model/orders"]
    assert _is_good(site)


def test_f165_what_was_edited_since_the_plan_is_not_deleted(site: Site) -> None:
    site.live(ORDERS, model("kept"))
    site.declare(model("kept"), owns=["*"], max_deletes=1)
    site.server.on("GET", path(ORDERS), meanwhile(lambda w: w.edit("model", "orders", "name", "Needed")))
    done = site.apply()
    assert (done.code, outcomes(done), site.writes()) == (1, {"model/orders": "failed"}, []), done
    assert "conflict: name changed underneath" in errors(done)["model/orders"]


def test_f165_what_was_edited_after_a_lost_delete_is_not_deleted_again(site: Site) -> None:
    site.live(ORDERS, model("kept"))
    site.declare(model("kept"), owns=["*"], max_deletes=1)
    edit = Fault(
        execute=False, before=lambda s, _: s.workspace.edit("model", "orders", "name", "Needed"), reset=True
    )
    site.server.on("DELETE", path(ORDERS), edit)
    done = site.apply()
    assert (done.code, outcomes(done)) == (3, {"model/orders": "failed"}), done
    assert "changed meanwhile" in errors(done)["model/orders"]
    assert site.writes() == [f"DELETE {path(ORDERS)}"]


@pytest.mark.parametrize("status", [400, 409])
def test_f140_a_delete_that_is_refused_names_who_uses_it(site: Site, status: int) -> None:
    """An unmanaged pipeline takes up the model between the plan and the delete."""
    site.live(WH, ORDERS, model("kept"))
    site.declare(WH, changed(model("kept"), name="Renamed"), owns=["model/*"], max_deletes=1)
    foreign = body(pipeline("by-hand"))
    used = Fault(
        execute=False,
        before=lambda server, _: server.workspace.seed("pipeline", foreign),
        status=status,
        body={"errors": [{"message": "the model is in use"}]},
    )
    site.server.on("DELETE", path(ORDERS), used)
    done = site.apply()
    assert (done.code, outcomes(done)) == (3, {"model/kept": "done", "model/orders": "failed"}), done
    assert "in use" in errors(done)["model/orders"]
    assert "pipeline/by-hand" in errors(done)["model/orders"]
    assert site.stored(ORDERS) is not None


def test_f141_a_delete_that_is_only_accepted_is_polled_until_it_is_done(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.apply import closing, settle

    monkeypatch.setattr(settle, "WINDOW", (0.0, 0.05, 0.1, 0.2, 0.4))
    monkeypatch.setattr(closing, "DELAYS", (0.1, 0.2))
    switches = site.server.workspace.switches
    switches.delete_answer, switches.lag = 202, 0.25
    site.live(changed(WH, id="old"), WH, ORDERS)
    site.declare(WH, ORDERS, owns=["*"], max_deletes=1)
    site.server.workspace.settle()
    done = site.apply()
    assert (done.code, outcomes(done)) == (0, {"connection/old": "done"}), done
    assert site.writes() == ["DELETE /connections/old"]
    assert len(site.server.requests("GET", "/connections/old")) > 3


# ------------------------------------------------------------------------------ replace

BIGQUERY = {
    "kind": "connection",
    "id": "wh",
    "name": "Warehouse",
    "state": "active",
    "service_provider": "BigQuery",
    "config": {
        "region": "us-east1",
        "project_id": "p",
        "dataset_id": "d",
        "service_account_id": "s@p",
        "service_account_key": "{{ secret('WH_PASSWORD') }}",
    },
}


def test_a_replace_deletes_and_creates(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    done = site.apply()
    assert (done.code, outcomes(done)) == (0, {"connection/wh": "done"}), done
    assert site.writes() == [f"DELETE {path(WH)}", "POST /connections"]
    assert site.holds(BIGQUERY)


@pytest.mark.parametrize("fault", [status_before(400, "bad key"), status_before(505), status_before(503)])
def test_a_replace_whose_create_fails_says_that_it_is_gone_and_the_same_command_finishes_it(
    site: Site, fault: Fault
) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    approved = site.save()
    site.server.on("POST", "/connections", fault, times=None)
    done = site.apply(approved, approve=False)
    assert (done.code, outcomes(done)) == (3, {"connection/wh": "failed"}), done
    assert done.document["changes"][0]["gone"] is True
    assert "connection/wh is gone, and the same command finishes it" in errors(done)["connection/wh"]
    assert site.holds()
    site.server.heal()
    done = site.apply(approved, approve=False)
    assert done.code == 0, done
    assert site.holds(BIGQUERY)


def test_a_replace_whose_create_fails_says_so_in_words(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("POST", "/connections", status_before(505), times=None)
    done = site.apply(form="text")
    assert done.code == 3
    assert "connection/wh is gone" in done.out
    assert "the same command finishes it" in " ".join(done.out.split()).lower()


def test_a_replace_whose_create_was_stored_by_a_failure_is_not_called_gone(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("POST", "/connections", status_after(505), times=None)
    done = site.apply()
    assert (done.code, done.document["changes"][0]["gone"]) == (3, False), done
    assert "is gone" not in errors(done)["connection/wh"]
    assert "stored all the same" in errors(done)["connection/wh"]


def test_a_replace_whose_create_is_unknown_is_not_called_gone(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("POST", "/connections", reset_after(), times=None)
    site.server.on("GET", path(WH), status_before(500), nth=2, times=None)
    done = site.apply()
    assert (done.code, outcomes(done)) == (3, {"connection/wh": "unknown"}), done
    assert done.document["changes"][0]["gone"] is False
    assert "whether it was created again is unknown" in errors(done)["connection/wh"]
    assert "the same command settles it" in errors(done)["connection/wh"]


@each_executed
def test_a_replace_whose_answers_are_lost_is_carried_out_once(site: Site, fault: Fault) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("DELETE", path(WH), fault)
    site.server.on("POST", "/connections", fault)
    done = site.apply(*_patience(fault))
    assert done.code == 0, done
    assert Counter(e.method for e in site.server.writes()) == {"DELETE": 1, "POST": 1, "PUT": 1}
    assert site.holds(BIGQUERY)
    assert _is_good(site)


def test_f165_what_was_edited_since_the_plan_is_not_replaced(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("GET", path(WH), meanwhile(_hidden))
    done = site.apply()
    assert (done.code, outcomes(done), site.writes()) == (1, {"connection/wh": "failed"}, []), done


def test_f160_the_very_same_replace_by_somebody_else_is_not_made_again(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("GET", path(WH), meanwhile(lambda w: w.seed("connection", body(BIGQUERY))))
    done = site.apply()
    assert (done.code, outcomes(done)) == (0, {"connection/wh": "done"}), done
    assert site.writes() == [f"PUT {path(WH)}"]  # for its secret's sake
    assert site.holds(BIGQUERY)


def test_a_replace_of_what_is_already_gone_creates_it(site: Site) -> None:
    site.live(WH)
    site.declare(BIGQUERY, max_deletes=1)
    site.server.on("GET", path(WH), meanwhile(lambda w: w.remove("connection", "wh")))
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(BIGQUERY)


# ----------------------------------------------------------------------- several changes


def test_f142_a_failure_skips_what_depends_on_it_and_nothing_else(site: Site) -> None:
    wh2, p2 = connection("wh2"), pipeline("second", on="wh2")
    p1 = pipeline("first")
    site.declare(WH, wh2, ORDERS, p1, p2)
    site.server.on("POST", "/connections", status_before(400, "no"), nth=2, times=None)
    done = site.apply()
    assert done.code == 3, done
    assert outcomes(done) == {
        "connection/wh": "done",
        "connection/wh2": "failed",
        "model/orders": "done",
        "pipeline/first": "done",
        "pipeline/second": "skipped",
    }
    assert "connection/wh2" in errors(done)["pipeline/second"]
    assert site.holds(WH, ORDERS, p1)


@pytest.mark.parametrize("nth", range(1, 10))
def test_f143_a_token_that_is_revoked_in_the_middle_is_renewed_once_and_the_run_goes_on(
    site: Site, nth: int
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("*", API, Fault(before=lambda server, _: server.revoke()), nth=nth)
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, HOURLY)
    assert site.server.workspace.violations == []
    executed = [str(e) for e in site.server.writes() if e.executed]
    assert executed == [f"POST {PATHS[k]}" for k in ("connection", "model", "pipeline")]


def test_f143_tokens_that_last_for_few_requests_are_renewed_as_often_as_needed(site: Site) -> None:
    site.server.token_lasts = 3
    site.declare(WH, ORDERS, HOURLY)
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, HOURLY)


@pytest.mark.parametrize("status", [401, 403])
def test_f143_credentials_that_may_not_write_stop_the_run(site: Site, status: int) -> None:
    models = [model(f"m{n}") for n in range(5)]
    site.declare(*models)
    site.server.on("POST", API, status_before(status, "may not"), times=None)
    done = site.apply()
    assert done.code == 1, done
    assert list(outcomes(done).values()) == ["failed", *["not-started"] * 4]
    assert len(site.writes()) <= 2


@pytest.mark.parametrize("status", [401, 403])
def test_f143_credentials_that_may_not_read_before_a_write_stop_the_run(site: Site, status: int) -> None:
    models = [model(f"m{n}") for n in range(5)]
    site.live(*models)
    site.declare(*(changed(m, name="New") for m in models))
    site.server.on("GET", "/data-models/*", status_before(status, "may not"), times=None)
    done = site.apply()
    assert done.code == 1, done
    assert list(outcomes(done).values()) == ["failed", *["not-started"] * 4]
    assert site.writes() == []


def test_f145_a_service_that_asks_to_wait_is_waited_for(site: Site) -> None:
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", API, too_many("0.01"), times=4)
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, HOURLY)
    assert [e.status for e in site.server.writes()] == [429] * 4 + [200] * 3


def test_f145_a_service_that_asks_to_wait_for_ever_stops_the_run(site: Site) -> None:
    models = [model(f"m{n:02}") for n in range(20)]
    site.declare(*models)
    site.server.on("POST", "/data-models", too_many("0"), times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (1, "failed"), done
    assert Counter(outcomes(done).values()) == {"failed": 10, "not-started": 10}
    assert len(site.writes()) == 60  # six times each: five waits


def test_f146_a_service_that_is_down_is_not_stormed(site: Site) -> None:
    models = [model(f"m{n:02}") for n in range(20)]
    site.declare(*models)
    site.server.on("POST", "/data-models", status_before(503), times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (1, "failed"), done
    assert Counter(outcomes(done).values()) == {"failed": 10, "not-started": 10}
    assert "does not answer" in errors(done)["model/m19"]
    assert len(site.writes()) == 20


def test_f146_a_service_that_is_down_for_reading_too_is_not_stormed(site: Site) -> None:
    models = [model(f"m{n:02}") for n in range(30)]
    site.live(*models)
    site.declare(*(changed(m, name="New") for m in models))
    site.server.on("*", "/data-models/*", status_before(503), times=None)
    done = site.apply()
    assert done.code == 1, done
    assert Counter(outcomes(done).values())["failed"] == 10
    assert site.writes() == []
    assert len(site.server.requests("GET", "/data-models/*")) <= 40


def test_f147_a_lost_answer_that_cannot_be_looked_for_is_unknown_and_the_next_run_settles_it(
    site: Site,
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", PATHS["pipeline"], reset_after())
    site.server.on("GET", path(HOURLY), status_before(500), times=None)
    done = site.apply()
    assert (done.code, done.document["result"]) == (3, "partial"), done
    assert outcomes(done)["pipeline/hourly"] == "unknown"
    assert "unknown" in errors(done)["pipeline/hourly"]
    assert len(site.server.requests("POST", PATHS["pipeline"])) == 1
    site.server.heal()
    done = site.apply()
    assert (done.code, done.document["result"]) == (0, "unchanged"), done
    assert site.holds(WH, ORDERS, HOURLY)


def test_f148_a_report_counts_what_the_server_counts(site: Site) -> None:
    models = [model(f"m{n}") for n in range(6)]
    site.declare(WH, *models, HOURLY | {"data_model_id": "m3"})
    site.server.on("POST", "/data-models", status_before(400, "no"), nth=4)
    done = site.apply()
    assert done.code == 3, done
    told = Counter(outcomes(done).values())
    assert told == {"done": 6, "failed": 1, "skipped": 1}
    assert sum(e.executed for e in site.server.writes()) == told["done"]
    assert sum(not e.executed for e in site.server.writes()) == told["failed"]
    assert done.document["error"]["message"] == "stopped part-way: 6 done, 1 failed, 1 skipped"
    for change in done.document["changes"]:
        assert (change["error"] is None) == (change["outcome"] == "done")


# ----------------------------------------------------------------- reads that are not the truth


def test_f109_a_create_is_not_repeated_while_reads_lag(site: Site) -> None:
    site.server.workspace.switches.lag = 0.04
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", API, reset_after(), times=None)
    done = site.apply()
    assert done.code == 0, done
    assert Counter(e.method for e in site.server.writes()) == {"POST": 3, "PUT": 2}
    assert site.holds(WH, ORDERS, HOURLY)


def test_f109_what_a_list_does_not_show_yet_is_found_by_the_refusal_of_its_create(site: Site) -> None:
    site.live(ORDERS)
    site.declare(ORDERS)
    site.server.on("GET", "/data-models", answers([]))
    done = site.apply()
    assert (done.code, outcomes(done)) == (0, {"model/orders": "done"}), done
    assert site.writes() == ["POST /data-models"]


def test_f110_a_list_and_a_second_read_that_disagree_are_a_conflict(site: Site) -> None:
    site.live(WH)
    site.declare(OTHER_WH)
    other = Fault(alter=lambda d: d | {"config": d["config"] | {"role": "somebody"}})
    site.server.on("GET", path(WH), other)
    done = site.apply()
    assert (done.code, outcomes(done)) == (1, {"connection/wh": "failed"}), done
    assert "conflict: config.role" in errors(done)["connection/wh"]
    assert site.writes() == []


@pytest.mark.parametrize("fault", [status_before(500), html(execute=False), wrong_id(), answers(b"{")])
def test_a_second_read_that_fails_leaves_the_resource_alone(site: Site, fault: Fault) -> None:
    site.live(WH)
    site.declare(OTHER_WH)
    site.server.on("GET", path(WH), fault, times=None)
    done = site.apply()
    assert (done.code, outcomes(done)) == (1, {"connection/wh": "failed"}), done
    assert errors(done)["connection/wh"].startswith("not sent: ")
    assert site.writes() == []


def test_f183_a_connection_is_not_deleted_before_its_pipeline_is_seen_to_be_elsewhere(site: Site) -> None:
    old = changed(WH, id="old")
    site.live(old, ORDERS, pipeline("hourly", on="old"))
    site.declare(WH, ORDERS, pipeline("hourly"), owns=["*"], max_deletes=1)
    site.server.workspace.switches.delete_in_use = "allow"
    # The service takes the update, and keeps the old connection.
    site.server.on("PUT", PATHS["pipeline"] + "/*", mangled(connection_id="old"), times=None)
    done = site.apply()
    assert done.code == 3, done
    assert outcomes(done)["connection/old"] == "failed"
    assert "pipeline/hourly still refers to it" in errors(done)["connection/old"]
    assert site.server.requests("DELETE") == []
    site.server.heal()
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, pipeline("hourly"))


def _hidden(workspace: Workspace) -> None:
    workspace.edit("connection", "wh", "config.role", "by hand")


def test_f165_an_edit_between_the_plan_and_the_write_is_not_overwritten(site: Site) -> None:
    site.live(WH, ORDERS)
    site.declare(OTHER_WH, OTHER_ORDERS)
    site.server.on("GET", path(WH), meanwhile(_hidden))
    done = site.apply()
    assert done.code == 3, done
    assert outcomes(done) == {"connection/wh": "failed", "model/orders": "done"}
    assert "changed underneath" in errors(done)["connection/wh"]
    stored = site.stored(WH)
    assert stored is not None
    assert stored["config"]["role"] == "by hand"
    assert SECRETS["WH_PASSWORD"] == stored["config"]["password"]
