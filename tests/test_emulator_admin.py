"""What a test can do to the emulator: inject faults, read its log, edit behind its back, start and stop it."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from emulated import Emulated, emulated, model, pipeline

from reconciler.emulator import serve
from reconciler.errors import WsyncError

M = "/data-models"


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    with emulated() as api:
        yield api


@pytest.fixture
def api(shared: Emulated) -> Emulated:
    shared.server.admin("POST", "/reset")
    return shared


def break_(api: Emulated, **fault: object) -> None:
    api.server.admin("POST", "/faults", fault)


# ----------------------------------------------------------------------------------- faults


def test_f120_a_fault_before_execution_leaves_nothing_behind_and_strikes_once(api: Emulated) -> None:
    break_(api, method="POST", path="*/data-models", status=500)
    assert api.call("POST", M, model()).status == 500
    assert api.get(M) == []
    assert api.call("POST", M, model()).status == 200
    assert [(w[2]) for w in api.writes()] == [500, 200]


def test_f117_a_reset_after_execution_gives_no_byte_of_answer(api: Emulated) -> None:
    break_(api, method="POST", when="after", action="reset")
    with pytest.raises(ConnectionResetError):
        api.call("POST", M, model())
    assert [m["id"] for m in api.get(M)] == ["orders"]
    (entry,) = api.server.admin("GET", "/requests?writes=1")
    assert (entry["status"], entry["fault"]) == (200, "reset, after")


def test_f116_a_reset_before_execution_executes_nothing(api: Emulated) -> None:
    break_(api, action="reset")
    with pytest.raises(ConnectionResetError):
        api.call("POST", M, model())
    assert api.get(M) == []
    assert api.writes() == [("POST", "data-models", None)]


def test_f098_an_answer_can_be_cut_in_the_middle(api: Emulated) -> None:
    api.post(M, model())
    break_(api, action="cut", when="after")
    with pytest.raises(http.client.IncompleteRead):
        api.call("GET", M)


def test_f118_a_request_can_be_executed_and_hang(api: Emulated) -> None:
    break_(api, action="hang", when="after", seconds=5)
    with pytest.raises(TimeoutError):
        api.call("POST", M, model(), timeout=0.2)
    assert [m["id"] for m in api.get(M)] == ["orders"]


def test_f121_a_request_can_be_executed_late(api: Emulated) -> None:
    break_(api, action="delay", when="before", seconds=0.3)
    with pytest.raises(TimeoutError):
        api.call("POST", M, model(), timeout=0.1)
    assert api.get(M) == []
    time.sleep(0.4)
    assert [m["id"] for m in api.get(M)] == ["orders"]


def test_f096_a_fault_can_answer_anything(api: Emulated) -> None:
    break_(api, status=200, body="<html>", headers={"Content-Type": "text/html", "Retry-After": "7"})
    with pytest.raises(ValueError, match="Expecting value"):
        api.call("GET", M)
    break_(api, status=429, body={"errors": [{"message": "slow down"}]}, headers={"Retry-After": "7"})
    reply = api.call("GET", M)
    assert (reply.status, reply.document["errors"], reply.headers["retry-after"]) == (
        429,
        [{"message": "slow down"}],
        "7",
    )
    break_(api, path="/oauth/token", status=503)
    assert api.send("POST", "/oauth/token", b"{}", {}).status == 503


def test_faults_can_skip_repeat_be_listed_and_be_forgotten(api: Emulated) -> None:
    break_(api, method="get", skip=1, times=2)
    assert [api.call("GET", M).status for _ in range(4)] == [200, 503, 503, 200]
    break_(api, times=9)
    assert [f["times"] for f in api.server.admin("GET", "/faults")] == [9]
    api.server.admin("DELETE", "/faults")
    assert api.call("GET", M).status == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"paht": "*"}, "did you mean `path`"),
        ({"colour": 1}, "no such key"),
        ({"times": "2"}, "`times` of a fault is of the wrong type"),
        ({"times": True}, "wrong type"),
        ({"times": 0}, "times from 1"),
        ({"action": "explode"}, "action: status, reset"),
        ({"when": "never"}, "when: before, after"),
        ({"status": 42}, "status 100 to 599"),
        ({"headers": {"A": 1}}, "no such fault"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(api: Emulated, fault: dict[str, Any], message: str) -> None:
    with pytest.raises(WsyncError, match=message):
        break_(api, **fault)


# -------------------------------------------------------------------------------- the log


def test_the_log_tells_what_was_asked_by_whom_and_can_be_searched_and_emptied(api: Emulated) -> None:
    api.seed()
    api.call("GET", "/connections?serviceProvider=Redshift")
    api.send("GET", "/nowhere", None, {})
    log = api.server.admin("GET", "/requests")
    assert [(e["method"], e["status"]) for e in log] == [("POST", 200)] * 3 + [("GET", 200), ("GET", 401)]
    assert (log[3]["query"], log[3]["actor"]) == ("serviceProvider=Redshift", "developer@example.com")
    assert log[4]["actor"] is None
    assert log[2]["body"]["schedule"] == pipeline()["schedule"]
    seqs = [e["seq"] for e in log]

    def found(query: str) -> list[int]:
        return [e["seq"] for e in api.server.admin("GET", f"/requests?{query}")]

    assert found("method=get") == seqs[3:]
    assert found("path=*/connections") == [seqs[0], seqs[3]]
    assert found(f"after={seqs[3]}") == seqs[4:]
    assert found("writes=1&path=*/data-models") == seqs[1:2]
    api.server.admin("DELETE", "/requests")
    assert api.server.admin("GET", "/requests") == []


# ------------------------------------------------------------------------------- by hand


def test_f150_an_edit_by_hand_is_somebodys_and_leaves_no_trace_in_the_log(api: Emulated) -> None:
    api.seed()
    api.by_hand(
        "connection/redshift",
        {"config": {"user": "other", "port": None}, "last_modified_by": "ana@example.com"},
    )
    live = api.get("/connections/redshift")
    assert live["config"]["user"] == "other"
    assert "port" not in live["config"]
    assert live["config"]["password"] == "************"
    assert live["last_modified_by"] == "ana@example.com"
    assert live["last_modified_on"]
    assert len(api.writes()) == 3


def test_by_hand_what_the_api_would_refuse_can_be_there(api: Emulated) -> None:
    odd = {
        "name": 7,
        "state": "legacy",
        "db_passwd": "p",
        "config": None,
        "created_on": None,
        "created_by": None,
    }
    api.by_hand("model/v1%20leftover", odd | {"last_modified_on": "2021-01-01T00:00:00Z", "type": "sql"})
    (live,) = api.get(M)
    assert (live["id"], live["state"], live["db_passwd"]) == ("v1 leftover", "legacy", "p")
    assert live["created_on"] is None
    assert live["last_modified_on"] == "2021-01-01T00:00:00Z"
    api.by_hand("pipeline/odd", {"schedule": "daily", "state": "active", "connection_id": "nowhere"})
    assert api.get("/inputs/data-pipelines")[0]["schedule"] == "daily"
    assert api.get("/inputs/data-pipelines/odd/report")["connection_status"] == "faulted"


def test_by_hand_secrets_are_set_and_removed_and_resources_deleted(api: Emulated) -> None:
    api.seed()
    api.by_hand("pipeline/hourly", {"partner_feed_key": "k"})
    assert api.stored("pipeline/hourly")["secrets"] == {"partner_feed_key": None}
    api.by_hand("pipeline/hourly", {"partner_feed_key": None})
    assert api.stored("pipeline/hourly")["secrets"] == {}
    api.server.admin("DELETE", "/workspaces/4711/connection/redshift")
    assert set(api.server.admin("GET", "/workspaces/4711")) == {"model/orders", "pipeline/hourly"}
    for wrong in ("/workspaces/4711/connection/redshift", "/workspaces/4711/connections/redshift"):
        with pytest.raises(WsyncError):
            api.server.admin("GET", wrong)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/workspaces/4711/model/orders", {"errors": "broken"}),
        ("/workspaces/4711/model/orders", {"errors": [{"text": "broken"}]}),
        ("/workspaces/4711/model/orders", {"created_on": "yesterday"}),
        ("/clock", {"at": "yesterday"}),
        ("/clock", {"advance": -1}),
        ("/clock", {}),
    ],
)
def test_a_wrong_admin_request_is_refused(api: Emulated, path: str, body: object) -> None:
    method = "POST" if path == "/clock" else "PATCH"
    with pytest.raises(WsyncError, match=r"the emulator refused .*(must be|not a timestamp|one of)"):
        api.server.admin(method, path, body)


def test_it_says_what_it_is(api: Emulated) -> None:
    about = api.server.admin("GET", "")
    assert about == {
        "schema": 1,
        "state": None,
        "keep_secrets": False,
        "kinds": ["connection", "model", "pipeline"],
    }


# -------------------------------------------------------------------------- start and stop


def test_it_stops_at_once_although_connections_are_open_and_requests_hang() -> None:
    threads = threading.active_count()
    with emulated() as api:
        idle = http.client.HTTPConnection("127.0.0.1", api.server.port)
        idle.request("GET", "/nowhere")
        assert idle.getresponse().read()
        break_(api, action="hang", seconds=600)
        hanging = threading.Thread(target=_call_and_fail, args=(api,))
        hanging.start()
        time.sleep(0.1)
        began = time.monotonic()
        api.server.close()
        assert time.monotonic() - began < 0.9
        hanging.join()
        idle.close()
        assert threading.active_count() == threads


def _call_and_fail(api: Emulated) -> None:
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        api.call("GET", M)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            WsyncError, match=rf"cannot listen on 127\.0\.0\.1, port {port}: Address already in use"
        ):
            serve(None, port=port)


def test_it_leaves_signal_handlers_and_loggers_alone(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with emulated() as api:
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        with socket.create_connection(("127.0.0.1", api.server.port)) as rude:
            rude.sendall(b"no HTTP at all\r\n\r\n")
            assert rude.recv(100).startswith(b"HTTP/1.1 400")
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_its_own_is_a_500_that_names_a_place_and_nothing_else(
    api: Emulated, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("c4n4ry")

    monkeypatch.setattr("reconciler.emulator.rows.find", broken)
    reply = api.call("POST", M, model())
    assert reply.status == 500
    assert reply.message.startswith("The emulator failed: RuntimeError (test_emulator_admin.py:")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_command_it_serves_with_documentation_until_a_signal_ends_it(number: signal.Signals) -> None:
    code = (
        "from reconciler.emulator import Switches, run\n"
        "run(None, Switches(), lambda s: print(s.port, s.token, flush=True))\n"
        "print('ended')"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        port, token = process.stdout.readline().split()
        connection = http.client.HTTPConnection("127.0.0.1", int(port))
        for path in ("/docs", "/openapi.json", "/platform/v2/workspaces/1/connections"):
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            page = response.read()
            assert response.status == 200, (path, page)
            if path == "/openapi.json":
                assert b"storage_integration" in page
                assert b"secret(" not in page
        connection.close()
        process.send_signal(number)
        assert process.stdout.read() == "ended\n"
    assert process.returncode == 0
