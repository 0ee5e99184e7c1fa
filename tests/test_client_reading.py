"""Reading: every answer is whole and what was asked for, or an error; never a smaller workspace."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fault_server import (
    Fault,
    FaultServer,
    answers,
    empty,
    hang_after,
    html,
    redirect,
    reset_after,
    reset_before,
    slow,
    status_before,
    too_many,
    truncated,
    wrong_id,
)
from hypothesis import given
from hypothesis import strategies as st

from reconciler.client import ProtocolError, ReadClient, Session, reader
from reconciler.client.pace import Pace, TooManyRepeatsError, told_to_wait
from reconciler.client.wording import clean, in_words
from reconciler.errors import ApiError, WsyncError
from reconciler.resource import Address
from reconciler.secrets import register
from reconciler.transport import Answer

MODEL: dict[str, Any] = {
    "id": "m1",
    "name": "Orders",
    "state": "active",
    "type": "sql",
    "config": {"sql_query": "SELECT 1"},
}
SNOWFLAKE: dict[str, Any] = {
    "id": "c1",
    "name": "Snowflake",
    "state": "active",
    "service_provider": "Snowflake",
    "config": {"account_identifier": "gd1", "user": "u", "password": "hunter2-canary"},
}
PIPELINE: dict[str, Any] = {
    "id": "p1",
    "name": "Orders, hourly",
    "pipeline_type": "user_attributes",
    "connection_id": "c1",
    "data_model_id": "m1",
    "partner_feed_key": "feed-canary",
    "state": "active",
    "environment": "development",
}
ADDRESS = Address("model", "m1")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        server.workspace.seed("model", MODEL)
        server.workspace.seed("connection", SNOWFLAKE)
        server.workspace.seed("pipeline", PIPELINE)
        yield server


def reading(server: FaultServer, **options: Any) -> Session[ReadClient]:
    options.setdefault("pause", lambda _: None)
    options.setdefault("timeout", 2.0)
    return reader(server.url, server.auth_url, server.workspace_id, server.environ, **options)


def repeat(times: int, act: Callable[[], object]) -> None:
    for _ in range(times):
        act()


# ---------------------------------------------------------------------- the whole workspace


def test_one_reading_brings_every_kind_without_any_secret(server: FaultServer) -> None:
    server.workspace.switches.secrets = "clear"  # f063: unmasked answers
    with reading(server) as client:
        state = client.fetch()
    assert sorted(map(str, state.resources)) == ["connection/c1", "model/m1", "pipeline/p1"]
    assert state.resources[Address("connection", "c1")].held == {"config.password"}
    assert state.resources[Address("pipeline", "p1")].held == {"partner_feed_key"}
    assert "canary" not in repr(state)
    assert sorted(server.told()) == ["GET /connections", "GET /data-models", "GET /inputs/data-pipelines"]


def test_the_lists_are_read_at_once_but_never_more_than_allowed(server: FaultServer) -> None:
    for path in ("/connections", "/data-models", "/inputs/data-pipelines"):
        server.on("GET", path, slow(0.15), times=None)
    with reading(server) as client:
        client.fetch()
    assert server.most_in_flight == 3
    server.most_in_flight = 0
    with reading(server, parallelism=1) as client:
        client.fetch()
    assert server.most_in_flight == 1


def test_a_reading_leaves_the_garbage_collector_as_it_was(server: FaultServer) -> None:
    server.on("GET", "/data-models", status_before(403))
    with reading(server) as client:
        with pytest.raises(ApiError):
            client.fetch()
        assert gc.isenabled()
        gc.disable()
        try:
            client.fetch()
            assert not gc.isenabled()
        finally:
            gc.enable()


@pytest.mark.parametrize("path", ["/connections", "/data-models", "/inputs/data-pipelines"])
def test_f028_one_list_that_fails_fails_the_whole_reading(server: FaultServer, path: str) -> None:
    server.on("GET", path, status_before(500, "oops"), times=None)
    with reading(server) as client, pytest.raises(ApiError) as caught:
        client.fetch()
    assert caught.value.message == f"{server.host} answered 500 oops to GET {path}"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 418])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_f094_a_passing_failure_is_repeated_up_to_three_times(
    server: FaultServer, status: int, times: int
) -> None:
    server.on("GET", "/data-models/m1", status_before(status), times=times)
    waits: list[float] = []
    with reading(server, pause=waits.append) as client:
        assert client.get(ADDRESS) is not None
    assert len(server.told()) == times + 1
    assert len(waits) == times
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))


def test_f094_a_lasting_failure_ends_after_three_repeats_in_an_error(server: FaultServer) -> None:
    server.on("GET", "/data-models/m1", html(503, execute=False), times=None)
    with reading(server) as client, pytest.raises(ApiError, match=r"answered 503 \(HTML from 127"):
        client.get(ADDRESS)
    assert len(server.told()) == 4


@pytest.mark.parametrize("fault", [reset_before(), reset_after(), truncated(), Fault(cut=0), Fault(cut=20)])
def test_f098_a_broken_answer_is_asked_for_again_and_again_then_an_error(
    server: FaultServer, fault: Fault
) -> None:
    server.on("GET", "/data-models/m1", fault, times=3)
    with reading(server) as client:
        assert client.get(ADDRESS) is not None
    server.on("GET", "/data-models/m1", fault, times=None)
    with reading(server) as client, pytest.raises(ApiError):
        client.get(ADDRESS)
    assert len(server.told()) == 8


def test_a_server_that_says_nothing_costs_no_more_than_its_deadlines(server: FaultServer) -> None:
    server.on("GET", "/data-models/m1", hang_after(), times=None)
    started = time.monotonic()
    with (
        reading(server, timeout=0.2) as client,
        pytest.raises(ApiError, match=r"no whole answer within 0\.2 s"),
    ):
        client.get(ADDRESS)
    assert time.monotonic() - started < 3
    assert len(server.told()) == 4


def test_a_host_that_refuses_connections_is_an_error_after_three_repeats() -> None:
    waits: list[float] = []
    session = reader(
        "http://127.0.0.1:9", "http://127.0.0.1:9/token", "1", {"WSYNC_TOKEN": "t-canary"}, pause=waits.append
    )
    with session as client, pytest.raises(ApiError, match="refused the connection"):
        client.get(ADDRESS)
    assert len(waits) == 3


@pytest.mark.parametrize("status", [400, 409, 422, 403, 505, 301, 302, 303, 307, 308])
def test_an_answer_that_says_what_it_says_is_not_asked_for_twice(server: FaultServer, status: int) -> None:
    fault = redirect(f"{server.url}/elsewhere", status) if status < 400 else status_before(status, "no")
    server.on("GET", "/data-models/m1", fault, times=None)
    with reading(server) as client, pytest.raises(ApiError):
        client.get(ADDRESS)
    assert server.told() == ["GET /data-models/m1"]


def test_f114_a_redirect_is_explained(server: FaultServer) -> None:
    server.on("GET", "/data-models", redirect("https://evil.example/"))
    with (
        reading(server) as client,
        pytest.raises(ApiError, match="redirects are never followed: 307") as caught,
    ):
        client.fetch()
    assert "`api` in wsync.yaml" in (caught.value.hint or "")


def test_a_403_names_the_workspace_and_the_credentials(server: FaultServer) -> None:
    server.on("GET", "/data-models", status_before(403, "Forbidden"))
    with reading(server) as client, pytest.raises(ApiError) as caught:
        client.fetch()
    assert caught.value.message == "these credentials may not do that in workspace 4711: 403 Forbidden"
    assert "WSYNC_CLIENT_ID" in (caught.value.hint or "")


def test_f200_a_list_that_is_not_found_means_a_wrong_workspace_and_never_an_empty_one(
    server: FaultServer,
) -> None:
    session = reader(server.url, server.auth_url, "815", server.environ)
    with session as client, pytest.raises(ApiError) as caught:
        client.fetch()
    assert "is 815 the right workspace_id" in (caught.value.hint or "")


# ---------------------------------------------------------------------- shapes of answers


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"items": [], "has_next_page": True}, "an object instead of the list of /data-models: has paging appeared?"),
        ({}, "an object instead of the list"),
        (b"null", "null instead of the list"),
        (b'"x"', "a text instead of the list"),
        (b"7", "a number instead of the list"),
        (b"true", "a truth value instead of the list"),
        ([MODEL, 7], r"an item that is a number in the list of /data-models \(number 2\)"),
        ([MODEL, {"name": "x"}], r"an item without an id in the list of /data-models \(number 2\)"),
        ([MODEL | {"id": 5}], "an item without an id"),
        ([MODEL | {"id": ""}], "an item without an id"),
        ([MODEL | {"id": None}], "an item without an id"),
        ([MODEL, MODEL], "the id m1 twice in the list of /data-models"),
    ],
)  # fmt: skip
def test_f103_f104_a_list_of_another_shape_is_an_error_and_never_a_smaller_workspace(
    server: FaultServer, body: Any, what: str
) -> None:
    server.on("GET", "/data-models", answers(body), times=None)
    with reading(server) as client, pytest.raises(ProtocolError, match=what):
        client.fetch()
    assert len(server.requests("GET", "/data-models")) == 2


@pytest.mark.parametrize(
    "fault",
    [
        html(),
        answers(b"<html>sign in</html>"),
        Fault(headers={"content-type": "text/html"}),  # f096: JSON inside, called HTML
        empty(),
        empty(204),
        answers(b'[{"id": "m1", "id": "m2"}]'),
        answers(b'[{"id": "m1", "x": NaN}]'),
        answers(b'[{"id": "m1", "x": 1e999}]'),
        answers(b'[{"id": "m1", "x": ' + b"9" * 5000 + b"}]"),
        answers(b"[" * 100_000),
        answers(b'[{"id": "\\ud800"}]'),
        answers(b'[{"id": "m1"}'),
        Fault(headers={"content-encoding": "gzip"}),
    ],
    ids=["html", "looks like html", "called html", "empty", "204", "duplicate key", "nan", "inf", "digits", "deep",
         "surrogate", "cut", "gzip"],
)  # fmt: skip
def test_f096_f099_a_success_that_is_not_the_apis_json_is_asked_for_once_more_then_an_error(
    server: FaultServer, fault: Fault
) -> None:
    server.on("GET", "/data-models", fault)
    with reading(server) as client:
        assert ADDRESS in client.fetch().resources
    server.on("GET", "/data-models", fault, times=None)
    with reading(server) as client, pytest.raises(ApiError) as caught:
        client.fetch()
    assert len(server.requests("GET", "/data-models")) == 4
    assert caught.value.message.startswith(server.host)
    assert len(caught.value.message) < 300


@given(
    extra=st.dictionaries(
        st.text(min_size=1, max_size=12),
        st.none() | st.integers(-9, 9) | st.text(max_size=12) | st.lists(st.booleans()),
        max_size=4,
    )
)
def test_f105_unknown_providers_enums_and_fields_and_missing_ones_are_read_all_the_same(
    extra: dict[str, Any],
) -> None:
    documents = [
        {"id": "a", "service_provider": "Oracle", "config": {"db_passwd": "canary", "x": [1]}, **{f"x{k}": v for k, v in extra.items()}},
        {"id": "b", "service_provider": "Snowflake", "config": None, "state": "sleeping", "errors": None},
        {"id": "c", "config": "text", "status": 7, "errors": [{"message": 3}, "plain", {"message": "said"}]},
        {"id": "not a slug/../%2e", "service_provider": 5},
        {"id": "e"},
    ]  # fmt: skip
    from reconciler.client.shapes import read_list
    from reconciler.resource import kinds

    answer = Answer(200, {"content-type": "application/json"}, json.dumps(documents).encode(), 0.0, "h")
    live = read_list(kinds()["connection"], answer)
    assert [r.address.id for r in live] == ["a", "b", "c", "not a slug/../%2e", "e"]
    assert live[1].values["state"] == "sleeping"
    assert live[2].errors == ("plain", "said")
    assert "canary" not in repr(live)


def test_f108_an_answer_about_another_resource_is_an_error(server: FaultServer) -> None:
    server.on("GET", "/data-models/m1", wrong_id(), times=None)
    with (
        reading(server) as client,
        pytest.raises(ProtocolError, match="another id than asked for: somebody-elses instead of m1"),
    ):
        client.get(ADDRESS)
    assert len(server.told()) == 2
    server.heal()
    server.on("GET", "/data-models/m1", wrong_id())
    with reading(server) as client:
        assert client.get(ADDRESS) is not None


@pytest.mark.parametrize(
    "fault", [answers([]), answers(b"null"), empty(), empty(204), answers({"name": "x"})]
)
def test_one_resource_of_another_shape_is_an_error_and_never_an_absence(
    server: FaultServer, fault: Fault
) -> None:
    server.on("GET", "/data-models/m1", fault, times=None)
    with reading(server) as client, pytest.raises(ApiError):
        client.get(ADDRESS)
    assert len(server.told()) == 2


def test_a_resource_that_is_not_there_is_none(server: FaultServer) -> None:
    with reading(server) as client:
        assert client.get(Address("model", "nowhere")) is None
    assert len(server.told()) == 1


@pytest.mark.parametrize("identifier", ["a b", "ü", "a%2Fb", "a?b=c", "a#b", "100%", "a+b", "a;b", "..x"])
def test_f104_an_id_that_is_no_slug_is_read_by_its_own_name(server: FaultServer, identifier: str) -> None:
    server.workspace.seed("model", MODEL | {"id": identifier})
    with reading(server) as client:
        live = client.get(Address("model", identifier))
    assert live is not None
    assert live.address.id == identifier


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_an_id_that_would_address_something_else_is_not_sent(server: FaultServer, identifier: str) -> None:
    with reading(server) as client, pytest.raises(ApiError, match="cannot be part of a path"):
        client.get(Address("model", identifier))
    assert server.log == []


def test_an_id_with_slashes_stays_one_segment(server: FaultServer) -> None:
    with reading(server) as client:
        client.get(Address("model", "../connections/c1"))
    assert [e.raw_path for e in server.requests("GET")] == [
        "/platform/v2/workspaces/4711/data-models/..%2Fconnections%2Fc1"
    ]


# --------------------------------------------------------------------------- only reading


def test_a_reader_has_no_method_that_writes_and_its_line_refuses_to(server: FaultServer) -> None:
    with reading(server) as client:
        for name in ("create", "update", "delete", "trigger"):
            assert not hasattr(client, name)
        for method in ("POST", "PUT", "DELETE", "PATCH", "get"):
            with pytest.raises(PermissionError, match=f"may not send {method}"):
                client._line.send(method, "/data-models")
    assert server.log == []


# ------------------------------------------------------------------------------- patience


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1e9"}, 60.0),
        ({"retry-after": "99999999999999999999"}, 60.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:10 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, 60.0),
        ({"retry-after": "Wed, 21 Oct 1999 07:28:00 GMT"}, 0.0),
        ({}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "１２"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_f095_f113_waits_are_as_told_capped_and_by_the_servers_own_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    if seconds is None:
        assert 0.25 <= told_to_wait(headers, 1) <= 0.5
        assert 4.0 <= told_to_wait(headers, 5) <= 8.0
    else:
        assert told_to_wait(headers, 1) == seconds


def test_f095_a_read_waits_as_told_up_to_five_times_then_is_an_error(server: FaultServer) -> None:
    server.on("GET", "/data-models/m1", too_many("0"), times=5)
    with reading(server) as client:
        assert client.get(ADDRESS) is not None
    server.on("GET", "/data-models/m1", too_many("0"), times=None)
    with (
        reading(server) as client,
        pytest.raises(ApiError, match="asked to wait again and again: 429 slow down"),
    ):
        client.get(ADDRESS)
    assert len(server.told()) == 12


@pytest.mark.parametrize("status", [408, 425])
def test_a_read_also_waits_out_408_and_425(server: FaultServer, status: int) -> None:
    server.on("GET", "/data-models/m1", status_before(status, retry_after="3"))
    waits: list[float] = []
    with reading(server, pause=waits.append) as client:
        assert client.get(ADDRESS) is not None
    assert len(waits) == 1
    assert 2.5 < waits[0] <= 3


def test_who_is_told_to_wait_makes_all_threads_wait() -> None:
    now = [100.0]
    waits: list[float] = []
    pace = Pace(waits.append, clock=lambda: now[0])
    pace.wait_turn()
    pace.hold(5)
    pace.hold(2)
    now[0] += 1
    pace.wait_turn()
    assert waits == [4.0]
    now[0] += 4
    pace.wait_turn()
    assert waits == [4.0]


def test_f111_a_run_has_one_budget_of_repeats() -> None:
    pace = Pace(lambda _: None)
    for _ in range(50):
        pace.wait_turn()
    with pytest.raises(
        TooManyRepeatsError,
        match="gave up after 25 repeated requests in this run, the last because of: 503 x",
    ):
        repeat(100, lambda: pace.back_off(1, "503 x"))


def test_f111_a_service_that_fails_a_third_of_all_reads_ends_the_run_with_a_count(
    server: FaultServer,
) -> None:
    for nth in range(3, 2000, 3):
        server.on("GET", "/data-models/m1", status_before(503), nth=nth)
    with reading(server) as client, pytest.raises(TooManyRepeatsError, match=r"gave up after \d+ repeated"):
        repeat(1000, lambda: client.get(ADDRESS))
    assert 40 < len(server.told()) < 200


def test_whatever_waiting_raises_ends_the_reading(server: FaultServer) -> None:
    class Stop(WsyncError):
        pass

    def pause(_: float) -> None:
        raise Stop("now")

    server.on("GET", "/data-models", status_before(503), times=None)
    with reading(server, pause=pause) as client, pytest.raises(Stop):
        client.fetch()


# ---------------------------------------------------------------------------------- words


def said(status: int, body: object, kind: str = "application/json") -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return in_words(Answer(status, {"content-type": kind}, raw, 0.0, "api.example.com"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"statusCode": 400, "errors": [{"message": "Pipeline x is already in progress."}]}, "400 Pipeline x is already in progress."),
        ({"errors": [{"message": "a"}, {"message": "b", "code": "E1"}, {"message": "a"}]}, "400 a; b (E1)"),
        ({"data": [], "errors": [{"code": "E7", "message": "no"}]}, "400 no (E7)"),
        ({"error": "access_denied", "error_description": "Unauthorized"}, "400 access_denied: Unauthorized"),
        ({"errors": {"config.user": ["is required"], "id": ["is taken"]}}, "400 is required; is taken"),
        ({"errors": ["plain", {"message": "x"}]}, "400 plain; x"),
        ({"errors": "one"}, "400 one"),
        ({"message": "m"}, "400 m"),
        ({"title": "Bad Request", "detail": "d"}, "400 d"),
        ({"error": {"message": "inner", "code": 12}}, "400 inner (12)"),
        ({"error": "e"}, "400 e"),
        ("text", "400 text"),
        ([{"message": "l"}], "400 l"),
        ({"errors": []}, "400 (no message from api.example.com)"),
        ({"unknown": 1}, "400 (no message from api.example.com)"),
        (b"", "400 (an empty answer from api.example.com)"),
        (b"{broken", "400 (JSON from api.example.com that cannot be read)"),
    ],
)  # fmt: skip
def test_error_bodies_of_every_known_shape_become_one_sentence(body: object, words: str) -> None:
    assert said(400, body) == words


def test_a_web_page_or_plain_text_in_place_of_an_error_is_named_or_shown_in_short() -> None:
    assert said(502, b"<html><body>Bad gateway", "text/html") == "502 (HTML from api.example.com)"
    assert said(502, b" <h1>x", "") == "502 (HTML from api.example.com)"
    assert said(503, b"upstream\n  timed out\x1b[2J", "text/plain") == "503 upstream timed out\\x1b[2J"


def test_f062_what_a_server_echoes_is_scrubbed_cut_and_inert() -> None:
    register("hunter2-canary\nsecond-canary-line")
    body = {
        "errors": [
            {
                "message": 'bad body {"password": "hunter2-canary\\nsecond-canary-line"} '
                + "x" * 9000
                + "\u202e"
            }
        ]
    }
    words = said(400, body)
    assert "canary" not in words
    assert len(words) == 500
    assert words.startswith('400 bad body {"password": (secret)} x')


@pytest.mark.parametrize(
    "echo",
    [
        '{"password": "canary"}',
        '{"config":{"service_account_key":"{\\"private_key\\": \\"canary\\"}"}}',
        "{'db_passwd': 'canary\\'s'}",
        '{\\"partner_feed_key\\":\\"canary\\"}',
        '{"password": "canary that is cut off',
        '{"access_token" : "ca\\"nary canary"}',
        '{"Credentials": "canary"}',
    ],
)
def test_f062_f064_an_echo_of_what_its_key_calls_a_secret_is_cut_even_if_nobody_knows_it(echo: str) -> None:
    assert "canary" not in clean(f"invalid request: {echo}")
    assert clean(f"invalid request: {echo}").startswith("invalid request: ")


def test_an_ordinary_message_stays_as_it_is() -> None:
    text = 'Duplicate key: "id" = "orders"; the password is wrong'
    assert clean(text) == text


# ---------------------------------------------------------------------- reports and runs


def test_all_runs_are_read_by_has_next_page_whatever_the_totals_say(server: FaultServer) -> None:
    server.workspace.page_size = 2
    server.workspace.runs["p1"] = [
        {"id": n, "status": "success", "successful_records": str(n)} for n in range(5)
    ]
    with reading(server) as client:
        runs = list(client.runs("p1", since="2023-01-01T00:00:00Z"))
    assert [run.id for run in runs] == ["0", "1", "2", "3", "4"]
    assert runs[3].successful_records == 3
    queries = [e.query for e in server.requests("GET")]
    assert [q["currentPage"] for q in queries] == ["1", "2", "3"]
    assert all(q["startDate"] == "2023-01-01T00:00:00Z" and "endDate" not in q for q in queries)


def test_runs_are_asked_for_page_by_page_as_they_are_needed(server: FaultServer) -> None:
    server.workspace.page_size = 2
    server.workspace.runs["p1"] = [{"id": n} for n in range(100)]
    with reading(server) as client:
        runs = client.runs("p1")
        assert [next(runs).id, next(runs).id] == ["0", "1"]
    assert len(server.told()) == 1


def test_a_server_that_always_promises_more_runs_is_an_error_and_no_loop(server: FaultServer) -> None:
    page: dict[str, Any] = {"items": [{"id": 1}], "has_next_page": True}
    server.on("GET", "*/runs", answers(page), times=None)
    with reading(server) as client, pytest.raises(ProtocolError, match="always promises a further page"):
        list(client.runs("p1"))
    assert len(server.told()) == 2


@pytest.mark.parametrize("page", [[], {}, {"items": None}, {"items": [{"status": "x"}]}, {"items": [1]}])
def test_a_page_of_runs_of_another_shape_is_an_error(server: FaultServer, page: Any) -> None:
    server.on("GET", "*/runs", answers(page), times=None)
    with reading(server) as client, pytest.raises(ProtocolError):
        list(client.runs("p1"))


def test_a_report_tells_how_a_pipeline_is_and_none_when_it_is_not_ready(server: FaultServer) -> None:
    server.workspace.runs["p1"] = [
        {"id": 13325, "status": "failed", "errors": [{"message": "x\x1b"}], "failed_records": "7"}
    ]
    with reading(server) as client:
        report = client.report("p1")
        assert client.report("nowhere") is None
    assert report is not None
    assert report.status == "idle"
    assert report.latest_run is not None
    assert report.latest_run.id == "13325"
    assert report.latest_run.errors == ("x\\x1b",)
    assert report.latest_run.failed_records == 7


def test_f108_a_report_or_a_run_of_another_is_an_error(server: FaultServer) -> None:
    server.workspace.runs["p1"] = [{"id": 1}, {"id": 2}]
    server.on("GET", "*/report", answers({"pipeline_id": "p2", "status": "idle"}), times=None)
    server.on("GET", "*/runs/1", answers({"id": 2}), times=None)
    with reading(server) as client:
        with pytest.raises(ProtocolError, match="another pipeline_id"):
            client.report("p1")
        with pytest.raises(ProtocolError, match="another run"):
            client.run("p1", "1")
        assert client.run("p1", "2") is not None
        assert client.run("p1", "3") is None
