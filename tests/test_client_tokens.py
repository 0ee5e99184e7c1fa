"""Tokens: where they come from, how long they last, and that nothing is sent without one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fault_server import (
    CLIENT_SECRET,
    TOKEN_PATH,
    FaultServer,
    answers,
    empty,
    html,
    redirect,
    reset_before,
    status_before,
    too_many,
)

from reconciler.client import CredentialsError, ReadClient, Session, Tokens, Verdict, reader, writer
from reconciler.client.tokens import credentials_of
from reconciler.errors import ApiError, WsyncError
from reconciler.resource import Address
from reconciler.secrets import scrub
from reconciler.transport import Transport

MODEL = Address("model", "m1")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def reading(
    server: FaultServer, environ: dict[str, str] | None = None, **options: Any
) -> Session[ReadClient]:
    options.setdefault("pause", lambda _: None)
    environ = server.environ if environ is None else environ
    return reader(server.url, server.auth_url, server.workspace_id, environ, **options)


def test_f200_without_credentials_nothing_is_sent_and_both_ways_to_give_them_are_named(
    server: FaultServer,
) -> None:
    with pytest.raises(CredentialsError) as caught:
        reading(server, {})
    assert "WSYNC_CLIENT_ID and WSYNC_CLIENT_SECRET" in (caught.value.hint or "")
    assert "WSYNC_TOKEN" in (caught.value.hint or "")
    assert server.log == []


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"WSYNC_CLIENT_ID": "x"}, "WSYNC_CLIENT_SECRET is not set"),
        ({"WSYNC_CLIENT_SECRET": "canary"}, "WSYNC_CLIENT_ID is not set"),
        ({"WSYNC_CLIENT_ID": "x", "WSYNC_CLIENT_SECRET": " \n"}, "WSYNC_CLIENT_SECRET is not set"),
        ({"WSYNC_CLIENT_ID": "x", "WSYNC_CLIENT_SECRET": "***"}, "WSYNC_CLIENT_SECRET looks like a mask"),
        ({"WSYNC_TOKEN": "canary\n"}, "WSYNC_TOKEN holds white space"),
        ({"WSYNC_TOKEN": "can\rary"}, "WSYNC_TOKEN holds white space"),
        ({"WSYNC_TOKEN": "canäry"}, "WSYNC_TOKEN holds white space"),
        ({"WSYNC_TOKEN": " "}, "WSYNC_TOKEN holds white space"),
        ({"WSYNC_TOKEN": "Bearer canary"}, "WSYNC_TOKEN holds white space"),
        ({"WSYNC_TOKEN": "********"}, "WSYNC_TOKEN looks like a mask"),
    ],
)
def test_f200_malformed_credentials_are_refused_by_name_before_any_request(
    server: FaultServer, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(CredentialsError, match=message) as caught:
        reading(server, environ)
    assert "can" not in caught.value.message.replace("cannot", "")
    assert server.log == []


def test_the_word_bearer_in_a_token_is_pointed_at() -> None:
    with pytest.raises(CredentialsError) as caught:
        credentials_of({"WSYNC_TOKEN": "Bearer canary"})
    assert caught.value.hint == "leave out the word Bearer"


def test_client_credentials_are_exchanged_once_and_sent_only_to_the_token_endpoint(
    server: FaultServer,
) -> None:
    with reading(server) as client:
        client.fetch()
        client.fetch()
    tokens = server.requests("POST", TOKEN_PATH)
    assert [e.body for e in tokens] == [
        {
            "client_id": "client-4711",
            "client_secret": CLIENT_SECRET,
            "audience": "https://api.mparticle.com",
            "grant_type": "client_credentials",
        }
    ]
    assert "authorization" not in tokens[0].headers
    for entry in server.log:
        if entry.path != TOKEN_PATH:
            assert entry.headers["authorization"] == "Bearer token-canary-1"
            assert CLIENT_SECRET not in str(entry.headers) + str(entry.body)


def test_a_given_token_is_used_as_it_is_and_wins_and_empty_variables_count_as_unset(
    server: FaultServer,
) -> None:
    server.accept("given-token")
    with reading(server, server.environ | {"WSYNC_TOKEN": "given-token"}) as client:
        client.fetch()
    assert not server.requests(path=TOKEN_PATH)
    with reading(server, server.environ | {"WSYNC_TOKEN": ""}) as client:
        client.fetch()
    assert len(server.requests(path=TOKEN_PATH)) == 1


def test_f143_f202_a_token_that_ends_in_the_middle_is_renewed_once_and_the_request_repeated(
    server: FaultServer,
) -> None:
    server.token_lasts = 2
    with reading(server) as client:
        for _ in range(5):
            assert client.get(MODEL) is None
    assert len(server.requests(path=TOKEN_PATH)) == 3
    assert [e.status for e in server.requests("GET")] == [404, 404, 401, 404, 404, 401, 404]


def test_f202_four_threads_that_meet_a_401_renew_the_token_once(server: FaultServer) -> None:
    with reading(server) as client:
        client.get(MODEL)
        server.revoke()
        barrier = threading.Barrier(4)

        def ask() -> None:
            barrier.wait()
            client.get(MODEL)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.requests(path=TOKEN_PATH)) == 2


def test_f202_a_second_401_stops_and_says_which_variables_to_check(server: FaultServer) -> None:
    server.on("GET", "/data-models/*", status_before(401, "no"), times=None)
    with reading(server) as client, pytest.raises(ApiError) as caught:
        client.get(MODEL)
    assert caught.value.message == f"{server.host} did not accept the token: 401 no"
    assert "WSYNC_CLIENT_ID" in (caught.value.hint or "")
    assert len(server.requests("GET")) == 2


def test_f200_a_given_token_that_is_not_accepted_is_not_sent_again(server: FaultServer) -> None:
    with reading(server, {"WSYNC_TOKEN": "stale-canary"}) as client, pytest.raises(ApiError) as caught:
        client.get(MODEL)
    assert "WSYNC_TOKEN may have expired" in (caught.value.hint or "")
    assert "stale" not in caught.value.message
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("fault", "requests", "message", "hint"),
    [
        (status_before(401, "x"), 1, "refused the client credentials: 401 x", "check WSYNC_CLIENT_ID"),
        (status_before(403, "x"), 1, "refused the client credentials: 403 x", "check WSYNC_CLIENT_ID"),
        (
            answers({"error": "access_denied", "error_description": f"no {CLIENT_SECRET}"}, 401),
            1,
            "401 access_denied: no (secret)",
            "check WSYNC_CLIENT_ID",
        ),
        (status_before(429, "slow"), 4, "gave no token: 429 slow", "later"),
        (status_before(500, "oops"), 4, "gave no token: 500 oops", "later"),
        (html(502), 4, "gave no token: 502 (HTML from 127.0.0.1", "later"),
        (html(200), 1, "no token: 127.0.0.1", "proxy"),
        (empty(200), 1, "empty body", ""),
        (answers({"token_type": "Bearer"}), 1, "without a usable access_token", "`auth`"),
        (answers({"access_token": "two words"}), 1, "without a usable access_token", "`auth`"),
        (answers([]), 1, "without a usable access_token", "`auth`"),
        (redirect("http://127.0.0.1:1/"), 1, "gave no token: 307", "`auth`"),
        (reset_before(), 4, "no token: 127.0.0.1", ""),
    ],
)  # fmt: skip
def test_f201_a_token_endpoint_that_is_not_well_is_asked_a_few_times_and_then_explained(
    server: FaultServer, fault: Any, requests: int, message: str, hint: str
) -> None:
    server.on("POST", TOKEN_PATH, fault, times=None)
    with reading(server) as client, pytest.raises(CredentialsError) as caught:
        client.fetch()
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert CLIENT_SECRET not in caught.value.message
    assert len(server.log) == requests  # all threads of the reading together; and nothing went to the API


def test_f201_a_token_endpoint_that_recovers_is_enough(server: FaultServer) -> None:
    server.on("POST", TOKEN_PATH, status_before(503), times=2)
    server.on("POST", TOKEN_PATH, too_many("2"), nth=3)
    waits: list[float] = []
    with reading(server, pause=waits.append) as client:
        client.fetch()
    assert len(waits) == 3
    assert waits[2] == 2.0


ODD: list[object] = [0, -5, None, "28800", True, [], {}]


@pytest.mark.parametrize(
    ("expires_in", "fetched_after"),
    [
        (28_800, 28_740),
        (28_800.0, 28_740),
        (10, 5),
        (1e9, 86_340),
        *((odd, 240) for odd in ODD),
    ],
)
def test_f201_a_token_is_renewed_before_its_end_and_after_five_minutes_if_that_is_not_told(
    server: FaultServer, expires_in: object, fetched_after: float
) -> None:
    server.expires_in = expires_in
    now = [1000.0]
    with Transport(server.url, timeout=5) as transport:
        tokens = Tokens(credentials_of(server.environ), transport, TOKEN_PATH, clock=lambda: now[0])
        first = tokens.bearer()
        now[0] += fetched_after - 0.5
        assert tokens.bearer() == first
        now[0] += 1
        assert tokens.bearer() != first
    assert len(server.log) == 2


def test_f204_no_log_line_holds_a_credential_a_header_a_body_or_a_query(server: FaultServer) -> None:
    lines: list[str] = []
    server.on("GET", "*", too_many("1"))
    server.workspace.seed("pipeline", {"id": "p1", "pipeline_type": "events"})
    with reading(server, log=lines.append) as client:
        client.fetch()
        list(client.runs("p1", since="2023-01-01T00:00:00Z"))
    assert lines
    for line in lines:
        method, path, *_, unit = line.split()
        assert method in ("GET", "POST")
        assert unit == "ms"
        assert "?" not in path
        assert "canary" not in line
    assert any(line.endswith("429 waiting 1000 ms") for line in lines)


def test_f202_a_write_whose_token_cannot_be_renewed_stops_the_run(server: FaultServer) -> None:
    session = writer(server.url, server.auth_url, server.workspace_id, server.environ, pause=lambda _: None)
    with session as client:
        client.fetch()
        server.revoke()
        server.on("POST", TOKEN_PATH, status_before(500, "oops"), times=None)
        answered = client.delete(MODEL)
    assert answered.verdict is Verdict.STOP
    assert "gave no token: 500 oops" in answered.message


def test_what_was_given_and_fetched_is_cut_out_of_foreign_texts(server: FaultServer) -> None:
    with reading(server) as client:
        client.fetch()
    assert scrub(f"Bearer token-canary-1 for {CLIENT_SECRET}") == "Bearer (secret) for (secret)"


def test_credentials_do_not_show_in_a_repr() -> None:
    assert "canary" not in repr(credentials_of({"WSYNC_TOKEN": "canary-token"}))
    assert "canary" not in repr(
        credentials_of({"WSYNC_CLIENT_ID": "id", "WSYNC_CLIENT_SECRET": "canary-secret"})
    )


def test_a_secret_with_a_stray_line_break_is_sent_and_pointed_at_when_it_is_refused(
    server: FaultServer,
) -> None:
    environ = server.environ | {"WSYNC_CLIENT_SECRET": CLIENT_SECRET + "\n"}
    with reading(server, environ) as client, pytest.raises(WsyncError) as caught:
        client.fetch()
    assert caught.value.hint == "WSYNC_CLIENT_SECRET begins or ends with white space"
