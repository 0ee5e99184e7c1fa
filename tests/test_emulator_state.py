"""The emulator's state: it survives restarts and kill -9, serves two processes, refuses what is not its own, keeps no secret."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from emulated import Emulated, connection, emulated, model, pipeline

from reconciler.emulator import serve
from reconciler.errors import WsyncError

SERVE = """
import sys
from pathlib import Path
from reconciler.emulator import serve
with serve(Path(sys.argv[1]), token="t") as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""
CANARY = "c4n4ry-\u2603-secret"


@contextmanager
def another_process(state: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def post_models(port: int, prefix: str, count: int) -> list[str]:
    """Creates models until the server is gone; gives the ids of those it said it had created."""
    done: list[str] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for n in range(count):
            body = json.dumps(model(f"{prefix}{n}"))
            connection.request(
                "POST", "/platform/v2/workspaces/4711/data-models", body, {"Authorization": "Bearer t"}
            )
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            done.append(f"{prefix}{n}")
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return done


def ids(state: Path) -> list[str]:
    with emulated(state) as api:
        return [m["id"] for m in api.get("/data-models")]


def test_everything_is_there_after_a_restart_switches_excepted(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state.db"
    with emulated(state) as api:
        api.server.admin("POST", "/clock", {"at": "2024-03-10T11:30:00Z"})
        api.seed()
        api.post("/inputs/data-pipelines/trigger", {"pipeline_id": "hourly"})
        api.switch(duplicate_post="409")
        before = (
            api.get("/connections"),
            api.get("/inputs/data-pipelines"),
            api.get("/inputs/data-pipelines/hourly/runs"),
        )
    with emulated(state) as api:
        after = (
            api.get("/connections"),
            api.get("/inputs/data-pipelines"),
            api.get("/inputs/data-pipelines/hourly/runs"),
        )
        assert after == before
        assert api.server.admin("GET", "/switches")["duplicate_post"] == "400"
        assert [w[2] for w in api.writes()] == [200, 200, 200, 200]


def test_f187_kill_9_at_any_moment_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    survivors: list[str] = []
    for round_, seconds in enumerate((0.02, 0.05)):
        with another_process(state) as (process, port):
            killer = threading.Timer(seconds, lambda p=process: os.kill(p.pid, signal.SIGKILL))
            killer.start()
            survivors += post_models(port, f"r{round_}-", 5000)
            killer.join()
        found = ids(state)
        assert set(survivors) <= set(found)
        assert len(found) <= len(survivors) + round_ + 1  # the one that was not answered any more
    with sqlite3.connect(state) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_f160_two_processes_on_one_file_do_not_harm_each_other(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with another_process(state) as (_, one), another_process(state) as (_, two):
        done: list[list[str]] = [[], []]

        def post(n: int, port: int) -> None:
            done[n] = post_models(port, f"p{n}-", 60)

        threads = [threading.Thread(target=post, args=(n, port)) for n, port in enumerate((one, two))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [len(d) for d in done] == [60, 60]
    assert sorted(ids(state)) == sorted(done[0] + done[1])


def test_state_in_memory_is_gone_at_the_end() -> None:
    with emulated() as api:
        api.post("/data-models", model())
    with emulated() as api:
        assert api.get("/data-models") == []


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with emulated(state) as api:
        api.seed()
        for path in tmp_path.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def refusal(state: Path) -> WsyncError:
    with pytest.raises(WsyncError) as refused:
        serve(state)
    assert str(state) in refused.value.message
    return refused.value


def test_a_file_of_another_schema_is_refused_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with emulated(state):
        pass
    with sqlite3.connect(state) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    refused = refusal(state)
    assert "schema 99" in refused.message
    assert f"rm {state}" in (refused.hint or "")


def test_a_file_that_is_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (a)")
    db.close()
    assert "some other database" in refusal(other).message
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to be read as one\n" * 100)
    before = text.read_bytes()
    assert "not a database" in refusal(text).message
    assert text.read_bytes() == before
    folder = tmp_path / "folder"
    folder.mkdir()
    refusal(folder)
    refusal(text / "below.db")


def with_secrets(api: Emulated) -> None:
    """Sends a canary in every way that a client, or a confused one, could."""
    api.post("/connections", connection(password=CANARY))
    api.put("/connections/redshift", connection(password=CANARY, passwd=CANARY))
    api.post("/data-models", model())
    api.post("/inputs/data-pipelines", pipeline(partner_feed_key=CANARY))
    for body in (
        connection(password=CANARY) | {"service_provider": "Oracle"},
        connection(password=CANARY) | {"config": CANARY},
        connection(password={"value": CANARY}),
        connection(password=[CANARY]),
        connection(host={"a": CANARY}),
    ):
        refused = api.call("POST", "/connections", body)
        assert refused.status == 400
        assert "c4n4ry" not in str(refused)
    token = {"grant_type": "client_credentials", "client_id": "us", "client_secret": CANARY}
    token["audience"] = "https://api.mparticle.com"
    assert api.send("POST", "/oauth/token", json.dumps(token).encode(), {}).status == 200
    api.by_hand("connection/redshift", connection(password=CANARY))


def test_no_secret_is_in_the_state_the_log_or_the_output_unless_it_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state.db"
    with emulated(state) as api:
        with_secrets(api)
        log = api.server.admin("GET", "/requests")
        assert "c4n4ry" not in str(log)
        assert log[0]["body"]["config"]["password"] == "(secret)"
        assert log[1]["body"]["config"]["passwd"] == "(unknown)"
        assert api.stored("connection/redshift")["secrets"] == {"config.password": None}
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    held += state.read_bytes()
    assert b"c4n4ry" not in held
    assert b"redshift" in held
    assert capfd.readouterr() == ("", "")
    with emulated(tmp_path / "kept.db", keep_secrets=True) as api:
        api.post("/connections", connection(password=CANARY))
        assert api.stored("connection/redshift")["secrets"] == {"config.password": CANARY}
        assert "c4n4ry" not in str(api.server.admin("GET", "/requests"))
