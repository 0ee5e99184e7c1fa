"""The server that the fault tests stand on does what it is told: its switches, its scripts, its log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from fake_workspace import MASK, Workspace
from fault_server import FaultServer, meanwhile, redirect, slow, stale, status_before

from reconciler.transport import Answer, Transport

MODEL: dict[str, Any] = {
    "id": "m1",
    "name": "M",
    "state": "active",
    "type": "sql",
    "config": {"sql_query": "SELECT 1"},
}
CONNECTION: dict[str, Any] = {
    "id": "c1",
    "name": "C",
    "state": "active",
    "service_provider": "Redshift",
    "config": {"database": "d", "user": "u", "password": "pw-canary", "aws_iam_role_arn": "a", "host": "h", "port": "1"},
}  # fmt: skip
PIPELINE: dict[str, Any] = {
    "id": "p1",
    "name": "P",
    "pipeline_type": "user_attributes",
    "connection_id": "c1",
    "data_model_id": "m1",
    "partner_feed_key": "feed-canary",
}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        server.accept("t")
        yield server


def ask(server: FaultServer, method: str, path: str, body: object = None, token: str = "t") -> Answer:
    with Transport(server.url, timeout=5) as transport:
        headers = {"authorization": f"Bearer {token}"}
        return transport.send(method, f"/platform/v2/workspaces/4711{path}", body=body, headers=headers)


def do(workspace: Workspace, method: str, path: str, body: object = None, **query: str) -> tuple[int, Any]:
    reply = workspace.handle(method, path, query, body)
    return reply.status, reply.document


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace()
    workspace.seed("model", MODEL)
    workspace.seed("connection", CONNECTION)
    return workspace


def test_rules_hit_the_requests_they_name_and_the_first_that_is_due_wins(server: FaultServer) -> None:
    server.on("GET", "/connections*", status_before(503), nth=2, times=2)
    server.on("*", "/data-models", status_before(400))
    statuses = [ask(server, "GET", p).status for p in ["/connections"] * 4 + ["/data-models"] * 2]
    assert statuses == [200, 503, 503, 200, 400, 200]
    assert [e.status for e in server.log] == statuses
    assert [e.executed for e in server.log] == [True, False, False, True, False, True]
    server.on("GET", "*", status_before(500), times=None)
    server.heal()
    assert ask(server, "GET", "/connections").status == 200


def test_a_request_without_a_good_token_is_not_executed(server: FaultServer) -> None:
    assert ask(server, "POST", "/connections", CONNECTION, token="bad").status == 401
    assert not server.log[0].executed
    assert server.workspace.stored("connection", "c1") is None


def test_somebody_else_acts_just_before_and_a_stale_read_does_not_see_it(server: FaultServer) -> None:
    server.workspace.seed("model", MODEL)
    server.on("GET", "*", meanwhile(lambda w: w.edit("model", "m1", "name", "New")))
    server.on("GET", "*", stale(), nth=2)
    names = [ask(server, "GET", "/data-models/m1").json() for _ in range(3)]
    assert [n["name"] for n in names if isinstance(n, dict)] == ["New", "M", "New"]


def test_a_redirect_and_a_late_answer_are_what_they_say(server: FaultServer) -> None:
    server.on("GET", "*", redirect("http://x/", 302))
    server.on("GET", "*", slow(0.1), nth=2)
    answer = ask(server, "GET", "/connections")
    assert (answer.status, answer.headers["location"]) == (302, "http://x/")
    started = time.monotonic()
    assert ask(server, "GET", "/connections").status == 200
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize(("mode", "status"), [("400", 400), ("409", 409), ("upsert", 200)])
def test_a_duplicate_create_is_refused_or_overwrites(workspace: Workspace, mode: Any, status: int) -> None:
    workspace.switches.duplicate_post = mode
    assert do(workspace, "POST", "/data-models", MODEL | {"name": "Other"})[0] == status
    stored = workspace.stored("model", "m1")
    assert stored is not None
    assert stored["name"] == ("Other" if status == 200 else "M")


@pytest.mark.parametrize(("mode", "shown"), [("mask", MASK), ("omit", None), ("clear", "pw-canary")])
def test_secrets_are_stored_as_sent_and_shown_as_told(
    workspace: Workspace, mode: Any, shown: str | None
) -> None:
    workspace.switches.secrets = mode
    assert do(workspace, "GET", "/connections/c1")[1]["config"].get("password") == shown
    assert do(workspace, "GET", "/connections")[1][0]["config"].get("password") == shown
    stored = workspace.stored("connection", "c1")
    assert stored is not None
    assert stored["config"]["password"] == "pw-canary"


def test_a_put_replaces_all_or_keeps_what_is_left_out_and_always_clears_a_fault(workspace: Workspace) -> None:
    body = CONNECTION | {"config": {k: v for k, v in CONNECTION["config"].items() if k != "port"}}
    workspace.edit("connection", "c1", "status", "faulted")
    assert do(workspace, "PUT", "/connections/c1", body)[0] == 200
    stored = workspace.stored("connection", "c1") or {}
    assert stored["status"] == "healthy"
    assert "port" not in stored["config"]
    workspace.seed("connection", CONNECTION)
    workspace.switches.left_out_on_put = "keep"
    do(workspace, "PUT", "/connections/c1", body)
    assert (workspace.stored("connection", "c1") or {})["config"]["port"] == "1"
    assert workspace.violations == []


@pytest.mark.parametrize(("mode", "stored"), [("store", MASK), ("keep", "pw-canary")])
def test_a_mask_in_a_put_is_stored_or_kept_and_noted_either_way(
    workspace: Workspace, mode: Any, stored: str
) -> None:
    workspace.switches.mask_in_put = mode
    body = CONNECTION | {"config": CONNECTION["config"] | {"password": MASK}, "status": "healthy"}
    do(workspace, "PUT", "/connections/c1", body)
    assert (workspace.stored("connection", "c1") or {})["config"]["password"] == stored
    assert workspace.violations == [
        "PUT /connections c1: status is the server's",
        "PUT /connections c1: config.password is a mask",
    ]


def test_creates_before_and_deletes_of_what_is_needed_are_refused_and_noted(workspace: Workspace) -> None:
    workspace.remove("model", "m1")
    assert do(workspace, "POST", "/inputs/data-pipelines", PIPELINE)[0] == 400
    workspace.seed("model", MODEL)
    assert do(workspace, "POST", "/inputs/data-pipelines", PIPELINE)[0] == 200
    assert do(workspace, "DELETE", "/data-models/m1")[0] == 400
    workspace.switches.delete_in_use = "allow"
    assert do(workspace, "DELETE", "/data-models/m1")[0] == 204
    assert workspace.violations == [
        "POST /inputs/data-pipelines p1 before model/m1",
        "DELETE /data-models/m1 while p1 refers to it",
        "DELETE /data-models/m1 while p1 refers to it",
    ]


def test_reads_lag_behind_writes_as_long_as_told(workspace: Workspace) -> None:
    workspace.switches.lag = 0.15
    time.sleep(0.15)
    do(workspace, "POST", "/data-models", MODEL | {"id": "m2"})
    do(workspace, "DELETE", "/data-models/m1")
    assert [d["id"] for d in do(workspace, "GET", "/data-models")[1]] == ["m1"]
    assert do(workspace, "GET", "/data-models/m2")[0] == 404
    time.sleep(0.16)
    assert [d["id"] for d in do(workspace, "GET", "/data-models")[1]] == ["m2"]


def test_the_server_leaves_no_thread_and_no_socket_behind() -> None:
    with FaultServer() as server:
        server.accept("t")
        ask(server, "GET", "/connections")
    assert not [thread for thread in server._threads if thread.is_alive()]
    assert server._listener.fileno() == -1
