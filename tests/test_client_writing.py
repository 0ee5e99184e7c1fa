"""Writing: each row of the table "One request, one outcome", asserted on the server's own log."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fault_server import (
    TOKEN_PATH,
    Fault,
    FaultServer,
    answers,
    empty,
    executes_late,
    hang_after,
    hang_before,
    html,
    mangled,
    redirect,
    reset_after,
    reset_before,
    slow,
    status_after,
    status_before,
    too_many,
    truncated,
    wrong_id,
)

from reconciler.client import Answered, Session, Triggered, Verdict, WriteClient, writer
from reconciler.resource import Address, kinds

CONNECTION: dict[str, Any] = {
    "id": "c1",
    "name": "Redshift",
    "state": "active",
    "service_provider": "Redshift",
    "config": {
        "database": "dev",
        "user": "u",
        "password": "hunter2-canary",
        "aws_iam_role_arn": "arn:1",
        "host": "h",
    },
}
MODEL: dict[str, Any] = {
    "id": "m1",
    "name": "Orders",
    "state": "active",
    "type": "sql",
    "config": {"sql_query": "SELECT 1"},
}
PIPELINE: dict[str, Any] = {
    "id": "p1",
    "name": "P",
    "pipeline_type": "user_attributes",
    "connection_id": "c1",
    "data_model_id": "m1",
    "state": "active",
    "sync_mode": {"type": "full"},
    "schedule": {"type": "on_demand"},
    "environment": "development",
}
C1, M1 = Address("connection", "c1"), Address("model", "m1")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def writing(server: FaultServer, **options: Any) -> Session[WriteClient]:
    options.setdefault("pause", lambda _: None)
    return writer(server.url, server.auth_url, server.workspace_id, server.environ, **options)


def post(client: WriteClient) -> Answered:
    return client.create(kinds()["connection"], CONNECTION)


def put(client: WriteClient) -> Answered:
    return client.update(C1, CONNECTION)


def delete(client: WriteClient) -> Answered:
    return client.delete(C1)


Write = Callable[[WriteClient], Answered]
WRITES = {"POST": post, "PUT": put, "DELETE": delete}
every_write = pytest.mark.parametrize(("method", "write"), WRITES.items(), ids=WRITES)


def prepared(server: FaultServer, method: str) -> None:
    if method != "POST":
        server.workspace.seed("connection", CONNECTION)


# ------------------------------------------------------------------------------ success


@every_write
def test_a_write_that_is_answered_as_documented_is_done(
    server: FaultServer, method: str, write: Write
) -> None:
    prepared(server, method)
    with writing(server) as client:
        answered = write(client)
    assert answered.verdict is Verdict.DONE
    assert answered.status == (204 if method == "DELETE" else 200)
    assert [e.method for e in server.writes()] == [method]
    stored = server.workspace.stored("connection", "c1")
    assert (stored is None) == (method == "DELETE")
    assert stored is None or stored["config"] == CONNECTION["config"]
    assert server.workspace.violations == []


@pytest.mark.parametrize("status", [201, 204])
def test_a_create_may_be_answered_by_any_success(server: FaultServer, status: Any) -> None:
    server.workspace.switches.post_answer = status
    with writing(server) as client:
        assert post(client) == Answered(Verdict.DONE, status, str(status))


def test_a_put_may_be_answered_by_204(server: FaultServer) -> None:
    prepared(server, "PUT")
    server.workspace.switches.put_answer = 204
    with writing(server) as client:
        assert put(client) == Answered(Verdict.DONE, 204, "204")


def test_f126_a_success_is_believed_to_be_one_whatever_was_stored(server: FaultServer) -> None:
    server.on("POST", "/connections", mangled(config__database="other"))
    with writing(server) as client:
        assert post(client).verdict is Verdict.DONE  # the closing plan tells
    stored = server.workspace.stored("connection", "c1")
    assert stored is not None
    assert stored["config"]["database"] == "other"


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (empty(200), Verdict.DONE),
        (empty(204), Verdict.DONE),
        (empty(202), Verdict.UNKNOWN),
        (answers({"id": "c1"}, 200), Verdict.UNKNOWN),
        (answers({}, 202), Verdict.UNKNOWN),
        (html(200), Verdict.UNKNOWN),
    ],
)
def test_f141_a_delete_that_is_answered_by_more_than_nothing_is_for_a_reading_to_settle(
    server: FaultServer, fault: Fault, verdict: Verdict
) -> None:
    prepared(server, "DELETE")
    server.on("DELETE", "*", fault)
    with writing(server) as client:
        assert delete(client).verdict is verdict
    assert len(server.writes()) == 1


# ------------------------------------------------------------------------------ unknown

LOST = {
    "f116 reset_before": reset_before(),
    "f117 reset_after": reset_after(),
    "hang_before": hang_before(),
    "f118 hang_after": hang_after(),
    "f120 500_before": status_before(500),
    "500_after": status_after(500),
    "502_html": html(502),
    "503": status_before(503),
    "504_after": status_after(504),
    "408": status_before(408),
    "418": status_before(418),
    "413": status_before(413),
    "f121 late": executes_late(0.05),
    "half an answer": truncated(),
    "f115 no answer": Fault(cut=0),
    "garbage": Fault(raw=b"SSH-2.0-OpenSSH_9.6\r\n"),
    "compressed": Fault(status=200, body=b"x", headers={"content-encoding": "gzip"}),
}
NOT_THE_APIS = {
    "html": html(200),
    "empty": empty(200),
    "empty 201": empty(201),
    "null": answers(b"null"),
    "list": answers([]),
    "text": answers(b'"c1"'),
    "cut json": answers(b'{"id": "c1"'),
    "f127 other id": wrong_id(),
    "no id": answers({"name": "x"}),
    "id of another type": answers({"id": 1}),
    "called html": Fault(headers={"content-type": "text/html"}),
}


@every_write
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
def test_f116_to_f138_a_write_that_may_have_been_executed_is_unknown_and_never_sent_again(
    server: FaultServer, method: str, write: Write, fault: Fault
) -> None:
    prepared(server, method)
    server.on(method, "*/c1" if method != "POST" else "/connections", fault, times=None)
    with writing(server, timeout=0.15) as client:
        answered = write(client)
    assert answered.verdict is Verdict.UNKNOWN
    assert answered.message
    assert "canary" not in answered.message
    assert [e.method for e in server.writes()] == [method]
    assert server.requests("GET") == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("fault", NOT_THE_APIS.values(), ids=NOT_THE_APIS)
def test_f125_f127_a_success_of_another_shape_is_unknown_and_never_sent_again(
    server: FaultServer, method: str, fault: Fault
) -> None:
    prepared(server, method)
    server.on(method, "*", fault)
    server.heal()
    server.on(method, "/connections*", fault, times=None)
    with writing(server) as client:
        answered = WRITES[method](client)
    assert answered.verdict is Verdict.UNKNOWN
    assert answered.status in (200, 201)
    assert len(server.writes()) == 1


# ------------------------------------------------------------------------- definite noes


@every_write
@pytest.mark.parametrize("status", [400, 409, 422])
def test_f122_f123_f140_a_refusal_is_told_in_the_servers_words(
    server: FaultServer, method: str, write: Write, status: int
) -> None:
    prepared(server, method)
    server.on(method, "/connections*", status_before(status, "because\nof hunter2-canary"), times=None)
    with writing(server) as client:
        answered = write(client)
    said = "of (secret)" if method != "DELETE" else "of"
    assert answered.verdict is Verdict.REFUSED
    assert answered.message.startswith(f"{status} because {said}")
    assert len(server.writes()) == 1


@pytest.mark.parametrize("mode", ["400", "409"])
def test_f122_f123_a_create_over_something_foreign_is_refused_and_overwrites_nothing(
    server: FaultServer, mode: Any
) -> None:
    server.workspace.switches.duplicate_post = mode
    server.workspace.seed("connection", CONNECTION | {"name": "Somebody else's"})
    with writing(server) as client:
        assert post(client) == Answered(Verdict.REFUSED, int(mode), f"{mode} c1 already exists")
    stored = server.workspace.stored("connection", "c1")
    assert stored is not None
    assert stored["name"] == "Somebody else's"


def test_f140_a_delete_of_what_is_in_use_is_refused_by_name(server: FaultServer) -> None:
    server.workspace.seed("connection", CONNECTION)
    server.workspace.seed("pipeline", PIPELINE)
    with writing(server) as client:
        assert delete(client) == Answered(Verdict.REFUSED, 400, "400 c1 is in use by p1")


def test_a_404_means_something_else_to_each_verb(server: FaultServer) -> None:
    with writing(server) as client:
        assert put(client).verdict is Verdict.GONE  # f135
        assert delete(client) == Answered(Verdict.DONE, 404, "already gone")
        server.on("POST", "/connections", status_before(404, "no workspace"))
        answered = post(client)
    assert answered.verdict is Verdict.REFUSED
    assert "404 no workspace" in answered.message
    assert [e.method for e in server.writes()] == ["PUT", "DELETE", "POST"]


@every_write
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f114_a_redirect_is_never_followed(
    server: FaultServer, method: str, write: Write, status: int
) -> None:
    server.on(method, "/connections*", redirect(f"{server.url}/elsewhere", status), times=None)
    with writing(server) as client:
        answered = write(client)
    assert answered.verdict is Verdict.REFUSED
    assert "redirects are never followed" in answered.message
    assert len(server.writes()) == 1


@every_write
def test_a_403_stops_the_run(server: FaultServer, method: str, write: Write) -> None:
    server.on(method, "/connections*", status_before(403, "Forbidden"), times=None)
    with writing(server) as client:
        answered = write(client)
    assert answered.verdict is Verdict.STOP
    assert answered.message == "these credentials may not do that in workspace 4711: 403 Forbidden"
    assert len(server.writes()) == 1


@every_write
def test_f143_f202_a_401_is_repeated_once_with_a_new_token_then_stops(
    server: FaultServer, method: str, write: Write
) -> None:
    prepared(server, method)
    with writing(server) as client:
        client.fetch()
        server.revoke()
        assert write(client).verdict is Verdict.DONE
        assert [e.status for e in server.writes()] == [401, 204 if method == "DELETE" else 200]
        server.on(method, "/connections*", status_before(401, "no"), times=None)
        answered = write(client)
    assert answered.verdict is Verdict.STOP
    assert answered.message == f"{server.host} did not accept the token: 401 no"
    assert len(server.writes()) == 4
    assert len(server.requests(path=TOKEN_PATH)) == 3


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("fault", [status_before(505, "x"), status_after(505, "x")], ids=["before", "after"])
def test_f128_a_warehouse_that_cannot_be_reached_names_all_causes_and_is_never_tried_again(
    server: FaultServer, method: str, fault: Fault
) -> None:
    prepared(server, method)
    server.on(method, "/connections*", fault, times=None)
    with writing(server) as client:
        answered = WRITES[method](client)
    assert answered.verdict is Verdict.WAREHOUSE
    for cause in ("account", "region", "warehouse", "database", "user", "role", "password"):
        assert cause in answered.message
    assert len(server.writes()) == 1  # repeated failed logins lock warehouse users


# ------------------------------------------------------------------------------ patience


@every_write
@pytest.mark.parametrize("status", [425, 429])
def test_f145_who_is_told_to_wait_waits_and_sends_again(
    server: FaultServer, method: str, write: Write, status: int
) -> None:
    prepared(server, method)
    server.on(method, "/connections*", status_before(status, retry_after="7"), times=2)
    waits: list[float] = []
    with writing(server, pause=waits.append) as client:
        assert write(client).verdict is Verdict.DONE
    assert [e.executed for e in server.writes()] == [False, False, True]
    assert [round(wait) for wait in waits] == [7, 7]


@every_write
def test_f145_after_five_waits_a_write_was_definitely_not_executed(
    server: FaultServer, method: str, write: Write
) -> None:
    server.on(method, "/connections*", too_many("0"), times=None)
    with writing(server) as client:
        answered = write(client)
    assert answered.verdict is Verdict.REFUSED
    assert "429 slow down" in answered.message
    assert len(server.writes()) == 6


@every_write
def test_a_server_that_cannot_be_reached_is_tried_three_times_more_and_got_nothing(
    method: str, write: Write
) -> None:
    waits: list[float] = []
    environ = {"WSYNC_TOKEN": "t-canary"}
    with writer("http://127.0.0.1:9", "http://127.0.0.1:9/t", "1", environ, pause=waits.append) as client:
        answered = write(client)
    assert answered.verdict is Verdict.NOT_SENT
    assert "refused the connection" in answered.message
    assert len(waits) == 3


def test_f111_f146_writes_share_the_runs_budget_and_make_no_storm() -> None:
    waits: list[float] = []
    environ = {"WSYNC_TOKEN": "t-canary"}
    with writer("http://127.0.0.1:9", "http://127.0.0.1:9/t", "1", environ, pause=waits.append) as client:
        answered = [post(client) for _ in range(40)]
    assert {a.verdict for a in answered} == {Verdict.NOT_SENT}
    assert "gave up after" in answered[-1].message
    assert len(waits) < 40


def test_f115_a_connection_that_was_closed_between_two_writes_costs_nothing(server: FaultServer) -> None:
    with writing(server) as client:
        client.fetch()
        with server._lock:
            connections = list(server._connections)
        for connection in connections:
            connection.shutdown(2)
        time.sleep(0.05)
        assert post(client).verdict is Verdict.DONE
    assert len(server.writes()) == 1


def test_connection_writes_may_take_longer_unless_the_user_said_how_long(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.client.session.TIMEOUT", 0.1)
    server.on("*", "/connections", slow(0.3), times=None)
    server.on("*", "/data-models", slow(0.3), times=None)
    with writing(server) as client:
        assert post(client).verdict is Verdict.DONE
        assert client.create(kinds()["model"], MODEL).verdict is Verdict.UNKNOWN
        assert client.create(kinds()["pipeline"], PIPELINE).verdict is Verdict.DONE
    with writing(server, timeout=0.1) as client:
        assert client.create(kinds()["connection"], CONNECTION | {"id": "c2"}).verdict is Verdict.UNKNOWN


def test_four_threads_write_at_once_and_each_learns_its_own_outcome(server: FaultServer) -> None:
    server.on("POST", "/data-models", status_before(400, "no"), nth=3)
    server.on("POST", "/data-models", too_many("0"), nth=5)
    server.on("POST", "/data-models", reset_after(), nth=7)
    outcomes: dict[str, Answered] = {}
    with writing(server) as client:

        def create(n: int) -> None:
            for i in range(n, 20, 4):
                body = copy.deepcopy(MODEL) | {"id": f"m{i}"}
                outcomes[f"m{i}"] = client.create(kinds()["model"], body)

        threads = [threading.Thread(target=create, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stored = {i for i in outcomes if server.workspace.stored("model", i)}
    done = {i for i, a in outcomes.items() if a.verdict is Verdict.DONE}
    unknown = {i for i, a in outcomes.items() if a.verdict is Verdict.UNKNOWN}
    assert stored == done | unknown
    assert len(unknown) == 1
    assert len(outcomes) == 20


@every_write
def test_whatever_waiting_raises_passes_through_a_write(
    server: FaultServer, method: str, write: Write
) -> None:
    def pause(_: float) -> None:
        raise KeyboardInterrupt

    server.on(method, "/connections*", too_many("5"), times=None)
    with writing(server, pause=pause) as client, pytest.raises(KeyboardInterrupt):
        write(client)


# ------------------------------------------------------------------------------- trigger


def test_a_trigger_starts_a_run_and_tells_its_id(server: FaultServer) -> None:
    server.workspace.seed("pipeline", PIPELINE)
    with writing(server) as client:
        assert client.trigger("p1") == Triggered(Verdict.DONE, 200, "200 attempt_requested", "1000")
        busy = client.trigger("p1")
    assert busy == Triggered(Verdict.REFUSED, 400, "400 Pipeline p1 is already in progress.", None)
    assert server.writes()[0].body == {"pipeline_id": "p1"}


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (too_many("0"), Verdict.REFUSED),
        (status_before(503), Verdict.UNKNOWN),
        (reset_before(), Verdict.UNKNOWN),
        (reset_after(), Verdict.UNKNOWN),
        (html(200), Verdict.UNKNOWN),
        (answers({"status": "x"}), Verdict.UNKNOWN),
        (empty(204), Verdict.DONE),
        (answers({"pipeline_run_id": "77"}), Verdict.DONE),
        (status_before(404), Verdict.REFUSED),
    ],
)
def test_a_trigger_is_never_repeated_whatever_happens(
    server: FaultServer, fault: Fault, verdict: Verdict
) -> None:
    server.workspace.seed("pipeline", PIPELINE)
    server.on("POST", "*/trigger", fault, times=None)
    with writing(server) as client:
        assert client.trigger("p1").verdict is verdict
    assert len(server.writes()) == 1


def test_a_trigger_of_a_server_that_cannot_be_reached_is_not_repeated_either() -> None:
    waits: list[float] = []
    with writer(
        "http://127.0.0.1:9", "http://127.0.0.1:9/t", "1", {"WSYNC_TOKEN": "t-canary"}, pause=waits.append
    ) as client:
        assert client.trigger("p1").verdict is Verdict.NOT_SENT
    assert waits == []
