"""What may be deleted, replaced or taken over, and in which order: rows F168 to F186 of the catalogue."""

from __future__ import annotations

from typing import Any

import pytest
from estate import (
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
from fake_workspace import Workspace
from fault_server import meanwhile, slow, status_before
from worlds import Document

WH, ORDERS, HOURLY = connection("wh"), model("orders"), pipeline("hourly")
EVERYTHING = (WH, ORDERS, HOURLY)
EVENTS = pipeline("hourly", pipeline_type="events", field_transformation_id="ft")


def _nothing_happens(site: Site, *arguments: object, code: int = 4) -> Any:
    """An apply that must write nothing; its JSON document."""
    before = site.server.workspace.snapshot()
    done = site.apply(*arguments)
    assert (done.code, site.server.writes()) == (code, []), done
    assert site.server.workspace.snapshot() == before
    return done.document


# ------------------------------------------------------------------------------ ownership


def test_f168_what_is_not_owned_is_reported_and_stays(site: Site) -> None:
    site.live(*EVERYTHING)
    site.declare(WH, ORDERS, owns=["model/*"], max_deletes=99)
    document = _nothing_happens(site, code=0)
    assert document["result"] == "unchanged"
    assert document["unmanaged"] == ["pipeline/hourly"]


@pytest.mark.parametrize("arguments", [(), ("--max-deletes", 999), ("-s", "pipeline/*"), ("-x", "model/*")])
@pytest.mark.parametrize("excluded", [False, True])
def test_f169_an_empty_desired_state_never_deletes_all_that_there_is(
    site: Site, arguments: tuple[object, ...], excluded: bool
) -> None:
    site.live(*EVERYTHING)
    elsewhere = [WH | {"targets": ["other"]}] if excluded else []
    site.declare(*elsewhere, owns=["*"], max_deletes=999)
    settings = site.folder / "wsync.yaml"
    settings.write_text(
        settings.read_text().replace('{"targets": {', '{"targets": {"other": {"emulator": true}, ')
    )
    document = _nothing_happens(site, "-t", "test", *arguments, code=4 if excluded else 1)
    assert document["result"] == ("refused" if excluded else "failed")


def test_protected_resources_stay_with_a_warning(site: Site) -> None:
    site.live(*EVERYTHING)
    site.declare(WH, ORDERS, owns=["*"], protect=["pipeline/*"], max_deletes=99)
    document = _nothing_happens(site, code=0)
    assert [w["code"] for w in document["warnings"]] == ["WS301"]
    assert document["unmanaged"] == ["pipeline/hourly"]


@pytest.mark.parametrize("guard", ["target", "manifest"])
def test_f184_what_is_protected_is_never_replaced(site: Site, guard: str) -> None:
    site.live(*EVERYTHING)
    protected = EVENTS | ({"lifecycle": {"protect": True}} if guard == "manifest" else {})
    site.declare(WH, ORDERS, protected, max_deletes=9, protect=["pipeline/*"] if guard == "target" else [])
    document = _nothing_happens(site)
    assert "protect" in document["changes"][0]["refused"]


@pytest.mark.parametrize(("allowed", "code"), [(0, 4), (1, 4), (2, 0), (3, 0)])
@pytest.mark.parametrize("by", ["target", "option"])
def test_deletes_and_replaces_are_counted_together_to_the_last_one(
    site: Site, allowed: int, code: int, by: str
) -> None:
    """One delete and one replace: allowed from two on."""
    site.live(*EVERYTHING, model("gone"))
    site.declare(WH, ORDERS, EVENTS, owns=["*"], max_deletes=allowed if by == "target" else 0)
    done = site.apply(*(["--max-deletes", allowed] if by == "option" else []))
    assert done.code == code, done
    assert len(site.server.writes()) == (3 if code == 0 else 0)
    if code:
        assert all("max_deletes" in c["refused"] for c in done.document["changes"])


def test_one_refused_change_refuses_all_of_them(site: Site) -> None:
    site.live(model("gone"))
    site.declare(WH, ORDERS, owns=["*"])
    document = _nothing_happens(site)
    assert {c["outcome"] for c in document["changes"]} == {"not-started"}
    assert document["error"]["code"] == "WS520"


# ------------------------------------------------------------------------------- adoption


def test_f178_what_is_declared_for_the_first_time_keeps_what_it_holds_beside_the_manifest(site: Site) -> None:
    theirs = pipeline("hourly", data_plan_id="dp", data_plan_version=3, schedule__delay="15m", name="By hand")
    site.live(WH, ORDERS, theirs)
    site.declare(WH, ORDERS, HOURLY)
    done = site.apply()
    assert done.code == 0, done
    (change,) = done.document["changes"]
    assert change["action"] == "update"
    assert change["fields"] == [{"path": "name", "before": "By hand", "after": "Orders, hourly"}]
    assert site.stored(HOURLY) == body(changed(theirs, name="Orders, hourly"))
    assert site.server.workspace.violations == []


def test_what_holds_a_secret_that_is_not_declared_is_not_updated(site: Site) -> None:
    site.live(WH, ORDERS, pipeline("hourly", feed=True, name="By hand"))
    site.declare(WH, ORDERS, HOURLY)
    document = _nothing_happens(site)
    assert "partner_feed_key" in document["changes"][0]["refused"]


def test_a_secret_that_is_set_between_the_plan_and_the_update_is_not_cleared(site: Site) -> None:
    site.live(WH, ORDERS, changed(HOURLY, name="Old"))
    site.declare(WH, ORDERS, HOURLY)

    def set_key(workspace: Workspace) -> None:
        workspace.edit("pipeline", "hourly", "partner_feed_key", "theirs")

    site.server.on("GET", path(HOURLY), meanwhile(set_key))
    done = site.apply()
    assert (done.code, site.writes()) == (1, []), done
    assert "partner_feed_key" in errors(done)["pipeline/hourly"]


# ------------------------------------------------------------------- references and order


def test_f181_what_an_unmanaged_pipeline_uses_is_not_deleted(site: Site) -> None:
    site.live(*EVERYTHING)
    site.declare(model("kept"), owns=["connection/*", "model/*"], max_deletes=9)
    document = _nothing_happens(site)
    refused = {c["address"]: c["refused"] for c in document["changes"]}
    assert refused["model/kept"] is None
    for one in ("connection/wh", "model/orders"):
        assert "pipeline/hourly still refers to it" in refused[one]


def test_f181_what_is_left_out_of_a_partial_apply_still_counts_as_a_user(site: Site) -> None:
    site.live(*EVERYTHING)
    site.declare(model("kept"), owns=["*"], max_deletes=9)
    document = _nothing_happens(site, "-x", "pipeline/*")
    assert document["partial"] is True


@pytest.mark.parametrize("parallelism", [1, 4])
def test_f183_a_pipeline_is_repointed_before_what_it_pointed_to_goes(site: Site, parallelism: int) -> None:
    old, old_model = changed(WH, id="old"), model("old")
    site.live(old, old_model, pipeline("hourly", on="old", runs="old"))
    site.declare(*EVERYTHING, owns=["*"], max_deletes=2)
    done = site.apply(parallelism=parallelism)
    assert done.code == 0, done
    assert site.holds(*EVERYTHING)
    assert site.server.workspace.violations == []
    told = site.server.told()
    repointed = told.index(f"PUT {path(HOURLY)}")
    for gone in (old, old_model):
        assert repointed < told.index(f"GET {path(HOURLY)}", repointed) < told.index(f"DELETE {path(gone)}")


def test_f183_a_pipeline_that_cannot_be_repointed_keeps_what_it_points_to(site: Site) -> None:
    old = changed(WH, id="old")
    site.live(old, ORDERS, pipeline("hourly", on="old"))
    site.declare(*EVERYTHING, owns=["*"], max_deletes=1)
    site.server.on("PUT", path(HOURLY), status_before(400, "in progress"), times=None)
    done = site.apply()
    assert done.code == 3, done
    assert outcomes(done) == {
        "connection/wh": "done",
        "pipeline/hourly": "failed",
        "connection/old": "skipped",
    }
    assert site.stored(old) is not None
    assert site.server.requests("DELETE") == []


@pytest.mark.parametrize("parallelism", [1, 4, 16])
def test_f182_everything_at_once_breaks_no_reference(site: Site, parallelism: int) -> None:
    old = [connection("c1"), connection("c2"), model("m1"), model("m2")]
    old += [pipeline(f"old{n}", on=f"c{n % 2 + 1}", runs=f"m{n % 2 + 1}") for n in range(6)]
    new = [connection("d1"), connection("d2"), model("n1"), model("n2")]
    new += [pipeline(f"new{n}", on=f"d{n % 2 + 1}", runs=f"n{n % 2 + 1}") for n in range(6)]
    new += [pipeline(f"old{n}", on="d1", runs="n1") for n in range(3)]
    site.live(*old)
    site.declare(*new, owns=["*"], max_deletes=99)
    done = site.apply(parallelism=parallelism)
    assert done.code == 0, done
    assert site.holds(*new)
    assert site.server.workspace.violations == []
    assert site.server.most_in_flight <= parallelism
    if parallelism == 1:
        assert outcomes(done) == dict.fromkeys(outcomes(done), "done")
        steps = {"create": "POST", "update": "PUT", "delete": "DELETE"}
        planned = [
            f"{steps[c['action']]} {PATHS[c['kind']]}" + ("" if c["action"] == "create" else f"/{c['id']}")
            for c in done.document["changes"]
        ]
        assert site.writes() == planned


def test_parallelism_bounds_all_requests(site: Site) -> None:
    models = [model(f"m{n}") for n in range(12)]
    site.live(*models)
    site.declare(*(changed(m, name="New") for m in models))
    site.server.on("*", "/data-models/*", slow(0.05), times=None)
    assert site.apply(parallelism=3).code == 0
    assert site.server.most_in_flight == 3


# ---------------------------------------------------------------------------------- risks


@pytest.mark.parametrize(
    "changes",
    [
        {"sync_mode__iterator_field": "created_at"},
        {"sync_mode__iterator_data_type": "date"},
        {"sync_mode__from": "2024-01-01T00:00:00Z"},
        {"sync_mode__type": "full"},
        {"schedule__start": "2024-01-01T00:00:00Z"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_f186_what_makes_a_pipeline_read_again_is_named(site: Site, changes: dict[str, object]) -> None:
    site.live(*EVERYTHING)
    site.declare(WH, ORDERS, changed(HOURLY, **changes))
    (change,) = site.plan("-f", "json").document["changes"]
    assert "re-ingestion" in change["risks"]
    assert site.apply().code == 0


def test_f186_what_looks_like_a_rename_is_named(site: Site) -> None:
    site.live(*EVERYTHING)
    site.declare(WH, ORDERS, changed(HOURLY, id="each-hour"), owns=["*"], max_deletes=1)
    plan = site.plan("-f", "json").document
    (created,) = [c for c in plan["changes"] if c["action"] == "create"]
    assert "re-ingestion" in created["risks"]
    assert any("pipeline/hourly" in reason for reason in created["reasons"])


def test_ignored_fields_are_sent_at_first_and_kept_ever_after(site: Site) -> None:
    ignoring: Document = HOURLY | {"lifecycle": {"ignore": ["state", "schedule"]}}
    site.declare(WH, ORDERS, ignoring)
    assert site.apply().code == 0
    assert site.holds(*EVERYTHING)
    site.server.workspace.edit("pipeline", "hourly", "state", "paused")
    site.server.workspace.edit("pipeline", "hourly", "schedule.frequency", "daily")
    assert site.apply().document["result"] == "unchanged"
    site.redeclare(WH, ORDERS, changed(ignoring, name="New"))
    assert site.apply().code == 0
    kept = changed(HOURLY, name="New", state="paused", schedule__frequency="daily")
    assert site.stored(HOURLY) == body(kept)


def test_what_is_written_is_what_is_declared_or_owned(site: Site) -> None:
    foreign = [changed(WH, id="foreign"), model("foreign"), pipeline("foreign", on="foreign", runs="foreign")]
    site.live(*foreign)
    site.declare(*EVERYTHING, owns=["*/mine-*"], max_deletes=9)
    done = site.apply()
    assert done.code == 0, done
    assert all(site.stored(d) == body(d, SECRETS) for d in foreign)
    assert set(outcomes(done)) == set(map(address, EVERYTHING))


def test_a_wait_is_finished_by_the_same_command_although_nothing_is_left_to_write(site: Site) -> None:
    """A run that was cut while it waited, or that ended with 5, is not all well the next time either."""
    site.live(ORDERS)
    site.server.workspace.edit("model", "orders", "status", "invalid")
    site.declare(ORDERS)
    document = _nothing_happens(site, "--wait", "0", code=5)
    assert document["result"] == "unchanged"
    assert [u["address"] for u in document["closing"]["unhealthy"]] == ["model/orders"]
    assert document["error"]["message"] == "unchanged, but not all is healthy"
