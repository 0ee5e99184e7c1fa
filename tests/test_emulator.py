"""The emulated API: every endpoint in the reference's shapes, validation by the kinds, references, secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import pytest
from emulated import Emulated, connection, emulated, model, pipeline
from hypothesis import given
from hypothesis import strategies as st
from vectors import documents

from reconciler import resource
from reconciler.fields import Immutable, Part, Ref, Secret, Text
from reconciler.resource import Resource


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    with emulated(keep_secrets=True) as api:
        yield api


@pytest.fixture
def api(shared: Emulated) -> Emulated:
    shared.server.admin("POST", "/reset")
    return shared


def shape(document: object) -> object:
    """A document with types in place of values; of lists only the first item. Null is like anything."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        return [shape(item) for item in document[:1]]
    return type(document).__name__


def is_like(answer: Any, example: Any) -> bool:
    """Whether an answer has what an example has, in the same types. No message and a null match anything."""
    if answer is None or example is None:
        return True
    if isinstance(example, dict):
        return isinstance(answer, dict) and all(
            n in answer and is_like(answer[n], v) for n, v in example.items()
        )
    if isinstance(example, list):
        return isinstance(answer, list) and all(is_like(item, example[0]) for item in answer)
    return type(answer) is type(example)


# ------------------------------------------------------------------------ the reference


def test_every_request_of_the_reference_is_accepted_and_answered_in_its_shape(api: Emulated) -> None:
    for path in ("/connections", "/data-models"):
        pairs = zip(documents(f"POST {path}", "request"), documents(f"POST {path}", "answer"), strict=True)
        for sent, example in pairs:
            answer = api.post(path, sent)
            assert is_like(answer, example), (shape(answer), shape(example))
            assert answer["id"] == sent["id"]
    api.by_hand("connection/string", connection("string"))
    api.by_hand("model/string", model("string"))
    for method in ("POST", "PUT"):
        endpoint = "/inputs/data-pipelines" + ("/{pipelineId}" if method == "PUT" else "")
        (sent,), (example,) = (
            documents(f"{method} {endpoint}", "request"),
            documents(f"{method} {endpoint}", "answer"),
        )
        if method == "PUT":  # the example changes the type, which creates cannot take back
            api.server.admin("DELETE", f"/workspaces/{api.workspace}/pipeline/string")
            api.post("/inputs/data-pipelines", sent)
        reply = api.call(method, endpoint.replace("{pipelineId}", "string"), sent)
        assert reply.status == 200
        assert is_like(reply.document, example), (shape(reply.document), shape(example))


def test_updates_of_the_reference_are_accepted_and_lists_and_gets_have_its_shape(api: Emulated) -> None:
    for sent in documents("POST /connections", "request"):
        api.post("/connections", sent)
    api.post("/data-models", documents("POST /data-models", "request")[0])
    (renamed,), (example,) = (
        documents("PUT /connections/{connectionId}", role) for role in ("request", "answer")
    )
    api.switch(legacy_aliases="on")  # the example's answer has v1's name for the account
    answer = api.put(f"/connections/{renamed['id']}", renamed).document
    assert is_like(answer, example), (shape(answer), shape(example))
    (changed,), (example,) = (documents("PUT /data-models/{modelId}", role) for role in ("request", "answer"))
    assert is_like(api.put(f"/data-models/{changed['id']}", changed).document, example)
    one = api.get("/connections/example-redshift-connection")
    assert is_like(one, documents("GET /connections/{connectionId}", "answer")[0])
    assert is_like(api.get("/data-models"), documents("GET /data-models", "answer")[0])


def test_every_schedule_of_the_reference_makes_a_pipeline_but_the_one_with_a_typo(api: Emulated) -> None:
    api.seed()
    fragments = documents("schedules", "fragment")
    statuses = [
        api.call("POST", "/inputs/data-pipelines", pipeline(f"p{n}", **fragment))
        for n, fragment in enumerate(fragments)
    ]
    assert [reply.status for reply in statuses] == [200, 200, 400, 200, 200, 200]
    assert statuses[2].message.startswith("sync_mode.until: not a timestamp")


def test_a_pipelines_own_endpoints_answer_as_in_the_reference(api: Emulated) -> None:
    api.seed()
    path = "/inputs/data-pipelines"
    started = api.post(f"{path}/trigger", {"pipeline_id": "hourly"})
    assert is_like(started, documents(f"POST {path}/trigger", "answer")[0])
    refused = api.call("POST", f"{path}/trigger", {"pipeline_id": "hourly"})
    assert (refused.status, refused.message) == (400, "Pipeline hourly is already in progress.")
    api.server.admin("POST", "/clock", {"advance": 60})
    report = api.get(f"{path}/hourly/report")
    assert is_like(report, documents(f"GET {path}/{{pipelineId}}/report", "answer")[0])
    assert is_like(api.get(f"{path}/hourly/runs"), documents(f"GET {path}/{{pipelineId}}/runs", "answer")[0])
    run = api.get(f"{path}/hourly/runs/{started['pipeline_run_id']}")
    assert is_like(run, documents(f"GET {path}/{{pipelineId}}/runs/{{pipelineRunId}}", "answer")[0])


def test_there_are_nineteen_endpoints_and_a_token_endpoint() -> None:
    from reconciler.emulator.access import Credentials
    from reconciler.emulator.routes import endpoints

    found = [(e.method, e.path) for e in endpoints(Credentials())]
    assert len(found) == len(set(found)) == 20


# --------------------------------------------------------------- create, read, update, delete


def test_what_is_created_is_listed_read_replaced_and_deleted(api: Emulated) -> None:
    created = api.post("/data-models", model())
    assert created == api.get("/data-models/orders") == api.get("/data-models")[0]
    assert created["status"] == "valid"
    assert created["errors"] == []
    assert created["created_by"]
    assert created["last_modified_on"] is created["last_modified_by"] is None
    changed = api.put("/data-models/orders", model(sql="SELECT 1 AS one")).document
    assert changed["config"] == {"sql_query": "SELECT 1 AS one"}
    assert changed["created_on"] == created["created_on"]
    assert changed["last_modified_on"]
    assert changed["last_modified_by"]
    gone = api.call("DELETE", "/data-models/orders")
    assert (gone.status, gone.document) == (204, None)
    assert api.get("/data-models") == []
    for method in ("GET", "PUT", "DELETE"):
        missing = api.call(method, "/data-models/orders", model() if method == "PUT" else None)
        assert (missing.status, missing.message) == (404, "Model orders was not found.")


def test_workspaces_know_nothing_of_each_other(api: Emulated) -> None:
    api.seed()
    other = Emulated(api.server, "1")
    assert other.get("/connections") == []
    refused = other.call("POST", "/inputs/data-pipelines", pipeline())
    assert (
        refused.message
        == "connection_id: there is no connection redshift; data_model_id: there is no model orders"
    )


def test_ids_are_unique_ignoring_case_but_only_the_exact_one_is_found(api: Emulated) -> None:
    api.post("/data-models", model("Orders"))
    refused = api.call("POST", "/data-models", model("ORDERS"))
    assert (refused.status, refused.message) == (400, "Model Orders already exists.")
    assert api.call("GET", "/data-models/orders").status == 404


def test_an_id_in_a_body_must_be_the_one_in_the_path(api: Emulated) -> None:
    api.seed()
    other = api.call("PUT", "/data-models/orders", model("others"))
    assert (other.status, other.message) == (400, "id: must be orders, as in the path")
    nameless = {name: value for name, value in model().items() if name != "id"}
    assert api.call("PUT", "/data-models/orders", nameless).message == "id: is required"


def test_connections_are_filtered_by_service_provider(api: Emulated) -> None:
    for sent in documents("POST /connections", "request"):
        api.post("/connections", sent)
    found = api.get("/connections?serviceProvider=BigQuery")
    assert [c["id"] for c in found] == ["example-bigquery-connection"]
    assert len(api.get("/connections")) == 4
    assert api.get("/connections?serviceProvider=Oracle") == []


def test_a_pipelines_references_must_exist_when_it_is_created_and_when_it_is_updated(api: Emulated) -> None:
    api.seed()
    for method, path in (("POST", "/inputs/data-pipelines"), ("PUT", "/inputs/data-pipelines/hourly")):
        body = pipeline("other" if method == "POST" else "hourly", connection_id="nowhere")
        refused = api.call(method, path, body)
        assert (refused.status, refused.message) == (400, "connection_id: there is no connection nowhere")
    assert len(api.get("/inputs/data-pipelines")) == 1
    assert api.get("/inputs/data-pipelines/hourly")["connection_id"] == "redshift"


def test_the_server_fills_what_is_left_out_and_keeps_what_is_sent(api: Emulated) -> None:
    assert api.post("/connections", connection())["config"]["port"] == "5439"
    assert api.post("/connections", connection("other", port=5440))["config"]["port"] == "5440"
    snowflake = documents("POST /connections", "request")[0]
    assert api.post("/connections", snowflake)["config"]["aws_external_id"] == "GD1234=2_abcdefg=="


def test_what_the_server_owns_and_what_nobody_knows_is_ignored_in_a_request(api: Emulated) -> None:
    body = model() | {"status": "invalid", "created_by": "me", "errors": [{"message": "m"}], "colour": "red"}
    body["config"]["dialect"] = "ansi"
    answer = api.post("/data-models", body)
    assert (answer["status"], answer["errors"]) == ("valid", [])
    assert answer["created_by"] != "me"
    assert "colour" not in answer
    assert answer["config"] == model()["config"]


# -------------------------------------------------------------------------------- validation

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("/connections", {"state": "paused"}, "state: "),
    ("/connections", {"name": None}, "name: "),
    ("/connections", {"name": ""}, "name: "),
    ("/connections", {"id": "no slug"}, "id: "),
    ("/connections", {"id": 7}, "id: "),
    ("/connections", {"service_provider": "Oracle"}, "service_provider: "),
    ("/connections", {"service_provider": ["Redshift"]}, "service_provider: "),
    ("/connections", {"config": None}, "config: "),
    ("/connections", {"config": "text"}, "config: "),
    ("/connections", {"config": {}}, "config.database: is required"),
    ("/connections", connection(port="99999"), "config.port: not a port"),
    ("/connections", connection(password=""), "config.password: is empty"),
    ("/connections", connection(password=None), "config.password: is required"),
    ("/connections", connection(password={"a": 1}), "config.password: must be a string"),
    ("/data-models", {"type": "python"}, "type: "),
    ("/data-models", {"config": {"sql_query": " "}}, "config.sql_query: "),
    ("/inputs/data-pipelines", {"state": "inactive"}, "state: "),
    ("/inputs/data-pipelines", {"pipeline_type": "events"}, "field_transformation_id: is required where"),
    ("/inputs/data-pipelines", {"field_transformation_id": "t"}, "field_transformation_id: must be left out"),
    (
        "/inputs/data-pipelines",
        {"sync_mode": {"type": "incremental"}},
        "sync_mode.iterator_field: is required",
    ),
    ("/inputs/data-pipelines", {"schedule": {"type": "interval"}}, "schedule.frequency: is required where"),
    ("/inputs/data-pipelines", {"schedule": {"type": "sometimes"}}, "schedule.type: "),
    ("/inputs/data-pipelines", {"partner_feed_id": "seven"}, "partner_feed_id: not a whole number"),
    ("/inputs/data-pipelines", {"partner_feed_id": True}, "partner_feed_id: not a whole number"),
    ("/inputs/data-pipelines", {"data_plan_version": 2}, "data_plan_version: needs `data_plan_id`"),
]


@pytest.mark.parametrize(("path", "change", "message"), WRONG, ids=[m for _, _, m in WRONG])
def test_a_wrong_field_is_a_400_that_names_field_and_reason(
    api: Emulated, path: str, change: dict[str, Any], message: str
) -> None:
    api.post("/connections", connection("redshift"))
    api.post("/data-models", model("orders"))
    good = {"/connections": connection("new"), "/data-models": model("new")}.get(path) or pipeline("new")
    refused = api.call("POST", path, good | change)
    assert refused.status == 400
    assert message in refused.message
    assert "sesame" not in refused.message


def test_all_wrong_fields_are_named_at_once(api: Emulated) -> None:
    refused = api.call("POST", "/connections", {"service_provider": "Databricks", "config": {"provider": ""}})
    assert [e["message"].split(":")[0] for e in refused.document["errors"]] == [
        "id", "name", "state", "config.provider", "config.schema",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":NaN}', b"[" * 100_000, b'{"id":"\\ud800"}']
)
def test_a_body_that_is_no_json_object_is_a_400(api: Emulated, raw: bytes) -> None:
    refused = api.send(
        "POST",
        "/platform/v2/workspaces/1/connections",
        raw,
        {"Authorization": f"Bearer {api.server.token}"},
    )
    assert (refused.status, refused.message) == (400, "The request body is not a JSON object.")


def test_other_spellings_are_accepted_and_answered_in_the_apis_own(api: Emulated) -> None:
    api.seed()
    body = pipeline(
        "odd",
        partner_feed_id="0012",
        data_plan_id="plan",
        data_plan_version="2",
        schedule={"type": "on-demand"},
        sync_mode={"type": "full", "from": "2023-01-01T02:00:00+02:00"},
    )
    answer = api.post("/inputs/data-pipelines", body)
    assert (answer["partner_feed_id"], answer["data_plan_version"]) == (12, 2)
    assert answer["schedule"] == {"type": "on_demand"}
    assert answer["sync_mode"] == {"type": "full", "from": "2023-01-01T00:00:00Z"}


def test_f130_a_data_plan_without_version_or_unknown_is_a_404_an_inactive_one_a_400(api: Emulated) -> None:
    api.seed()
    for plan in ("some-plan", "no-such-plan"):
        assert api.call("POST", "/inputs/data-pipelines", pipeline("p", data_plan_id=plan)).status == 404
    inactive = pipeline(data_plan_id="inactive-plan", data_plan_version=1)
    assert api.call("PUT", "/inputs/data-pipelines/hourly", inactive).status == 400


def test_what_cannot_change_in_place_is_a_400(api: Emulated) -> None:
    api.seed()
    changed = pipeline(pipeline_type="events", field_transformation_id="t")
    refused = api.call("PUT", "/inputs/data-pipelines/hourly", changed)
    assert (refused.status, refused.message) == (400, "pipeline_type: cannot be changed")


# ----------------------------------------------------------------------------------- access


def test_without_a_good_token_everything_but_the_token_endpoint_is_a_401(api: Emulated) -> None:
    for path in ("/platform/v2/workspaces/1/connections", "/_emulator/switches", "/nowhere"):
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {api.server.token}"}):
            refused = api.send("GET", path, None, header)
            assert (refused.status, refused.message.split(":")[0]) == (401, "Unauthorized")


def test_an_unknown_endpoint_or_method_answers_in_the_apis_shape(api: Emulated) -> None:
    assert api.call("GET", "/nothing").message == "There is no such endpoint."
    assert api.call("PATCH", "/connections/a", {}).status == 404


def token_request(**changes: object) -> dict[str, object]:
    return {
        "client_id": "us",
        "client_secret": "our secret",
        "audience": "https://api.mparticle.com",
        "grant_type": "client_credentials",
        **changes,
    }


def test_credentials_get_a_token_that_is_good_until_it_is_revoked_or_expires(api: Emulated) -> None:
    def get_token(**changes: object) -> Any:
        return api.send("POST", "/oauth/token", json.dumps(token_request(**changes)).encode(), {})

    answer = get_token()
    assert answer.status == 200
    assert (answer.document["expires_in"], answer.document["token_type"]) == (28800, "Bearer")
    token = answer.document["access_token"]
    assert api.call("POST", "/data-models", model(), token=token).document["created_by"] == "us"
    api.server.admin("DELETE", "/tokens")
    assert api.call("GET", "/data-models", token=token).status == 401
    api.switch(token_lifetime=0)
    assert api.call("GET", "/data-models", token=get_token().document["access_token"]).status == 401


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"audience": "https://api.eu1.mparticle.com"}, "access_denied"),
        ({"client_secret": ""}, "access_denied"),
        ({"client_id": None}, "access_denied"),
    ],
)
def test_a_refused_token_has_the_token_hosts_shape(
    api: Emulated, changes: dict[str, object], error: str
) -> None:
    refused = api.send("POST", "/oauth/token", json.dumps(token_request(**changes)).encode(), {})
    assert refused.status in (401, 403)
    assert refused.document["error"] == error
    assert set(refused.document) == {"error", "error_description"}


def test_with_a_client_configured_only_its_credentials_get_a_token() -> None:
    with emulated(client_id="us", client_secret="our secret", token="given") as api:
        assert api.server.token == "given"
        good, bad = (
            api.send("POST", "/oauth/token", json.dumps(token_request(client_secret=s)).encode(), {})
            for s in ("our secret", "another\u00e9")
        )
        assert (good.status, bad.status) == (200, 401)


# ---------------------------------------------------------------------------------- secrets


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_f037_a_secret_arrives_as_it_was_sent_and_is_never_answered(shared: Emulated, secret: str) -> None:
    canary = f"canary-{secret}"
    shared.by_hand("connection/vault", connection("vault"))
    answer = shared.put("/connections/vault", connection("vault", password=canary))
    assert shared.stored("connection/vault")["secrets"] == {"config.password": canary}
    assert "canary" not in str(answer.document)
    assert answer.document["config"]["password"] == "************"


def test_a_feed_key_is_answered_in_clear_as_in_every_example_of_the_reference(api: Emulated) -> None:
    api.seed()
    assert (
        api.post("/inputs/data-pipelines", pipeline("fed", partner_feed_key="k1"))["partner_feed_key"] == "k1"
    )
    with emulated() as forgetful:  # keeps no secrets: something else stands there
        forgetful.seed()
        answer = forgetful.post("/inputs/data-pipelines", pipeline("fed", partner_feed_key="k1"))
        assert answer["partner_feed_key"] == "feed-key"
        assert forgetful.stored("pipeline/fed")["secrets"] == {"partner_feed_key": None}


# ------------------------------------------------------------------------------- the laws

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
moments = st.datetimes().map(lambda d: f"{d:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0"))
feeds = st.one_of(st.none(), st.integers(1, 10**12))


@given(
    name=words,
    feed=feeds,
    key=st.none() | words,
    state=st.sampled_from(["new", "active", "paused"]),
    sync=st.fixed_dictionaries(
        {"type": st.just("full")},
        optional={"from": moments, "until": moments, "iterator_field": words, "iterator_data_type": words},
    ),
    schedule=st.fixed_dictionaries(
        {
            "type": st.sampled_from(["interval", "once", "on_demand"]),
            "frequency": st.sampled_from(["hourly", "daily", "weekly", "monthly"]),
            "start": moments,
        },
        optional={"end": moments, "delay": st.sampled_from(["5m", "1y", "90d"])},
    ),
)
def test_what_was_put_is_what_get_answers(
    shared: Emulated, name: str, feed: int | None, key: str | None, state: str, sync: Any, schedule: Any
) -> None:
    body = pipeline("law", name=name, state=state, sync_mode=sync, schedule=schedule, partner_feed_id=feed)
    if key is not None:
        body["partner_feed_key"] = key
    if shared.call("GET", "/inputs/data-pipelines/law").status == 404:
        for address, made in (("connection/redshift", connection()), ("model/orders", model())):
            shared.by_hand(address, made)
        shared.post("/inputs/data-pipelines", pipeline("law"))
    shared.put("/inputs/data-pipelines/law", body)
    answer = shared.get("/inputs/data-pipelines/law")
    owned = Resource.computed
    assert {n: v for n, v in answer.items() if n not in owned} == {
        n: v for n, v in body.items() if v is not None
    }


# ---------------------------------------------------------------------------- another kind


def test_a_kind_that_the_emulator_never_heard_of_gets_its_endpoints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "_KINDS", dict(resource._KINDS))

    class Login(Part):
        user: Text
        pin: Secret

    class Mirror(Resource):
        """A fifth kind."""

        kind: ClassVar = "mirror"
        path: ClassVar = "/outputs/mirrors"
        unhealthy: ClassVar = frozenset({"broken"})

        connection_id: Annotated[Text, Ref("connection")]
        shape: Annotated[Literal["flat", "round"], Immutable()]
        login: Login

    try:
        with emulated(keep_secrets=True) as api:
            api.post("/connections", connection())
            body = {"id": "m", "name": "M", "connection_id": "redshift", "shape": "flat"}
            body |= {"login": {"user": "u", "pin": "4711"}}  # type: ignore[dict-item]
            answer = api.post("/outputs/mirrors", body)
            assert answer["status"] == "healthy"
            assert answer["login"] == {"user": "u", "pin": "************"}
            assert api.stored("mirror/m")["secrets"] == {"login.pin": "4711"}
            assert (
                api.call("DELETE", "/connections/redshift").message
                == "Connection redshift is used by mirror m."
            )
            refused = api.call("PUT", "/outputs/mirrors/m", body | {"shape": "round"})
            assert refused.message == "shape: cannot be changed"
            assert api.call("POST", "/outputs/mirrors", body | {"id": "n", "shape": "x"}).status == 400
            api.switch(delete_in_use="allow")
            api.call("DELETE", "/connections/redshift")
            assert api.get("/outputs/mirrors/m")["status"] == "broken"
            assert api.call("DELETE", "/outputs/mirrors/m").status == 204
    finally:
        monkeypatch.undo()
        resource._forget()


# ---------------------------------------------------------------------------- start-up


def test_the_package_imports_no_web_server_until_one_is_started() -> None:
    code = (
        "import sys, reconciler.emulator\n"
        "heavy = {'fastapi', 'starlette', 'uvicorn', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from reconciler.emulator import serve\n"
        "with serve(None): assert 'fastapi' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from reconciler.emulator import serve\n"
        "from reconciler.errors import WsyncError\n"
        "try: serve(None)\n"
        "except WsyncError as e: assert 'uvicorn' in e.message and 'wsync-reconciler[emulator]' in e.hint\n"
        "else: raise SystemExit('started')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
