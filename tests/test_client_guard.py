"""What no body may hold, whichever code asks for the write: nothing of it reaches the server."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from fake_workspace import put_at
from fault_server import FaultServer
from hypothesis import given
from hypothesis import strategies as st

from reconciler.client import UnsendableBodyError, Verdict, writer
from reconciler.client.guard import check_body
from reconciler.fields import SecretRef
from reconciler.resource import Address, kinds

SNOWFLAKE: dict[str, Any] = {
    "id": "c1",
    "name": "Snowflake",
    "state": "active",
    "service_provider": "Snowflake",
    "config": {
        "account_identifier": "gd1",
        "region": "us",
        "warehouse": "wh",
        "database": "db",
        "user": "u",
        "role": "r",
        "password": "hunter2-canary",
        "storage_integration": "si",
    },
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


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def with_value(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(document)
    put_at(document, path, value)
    return document


def refused(kind: str, body: dict[str, Any], identifier: str | None = None) -> str:
    with pytest.raises(UnsendableBodyError) as caught:
        check_body(kinds()[kind], body, identifier)
    assert "canary" not in caught.value.message
    return caught.value.message


BAD = {
    "f132 mask": ("config.password", "************", "config.password: the secret looks like a mask"),
    "f132 bullets": ("config.password", "••••••••", "config.password: the secret looks like a mask"),
    "f132 word": ("config.password", "REDACTED", "config.password: the secret looks like a mask"),
    "f133 missing": ("config.password", None, "config.password: a secret is missing"),
    "f133 empty": ("config.password", "", "config.password: the secret is empty"),
    "f133 blank": ("config.password", " \n", "config.password: the secret is empty"),
    "reference": ("config.password", SecretRef("PW"), "config.password: a reference instead of the secret"),
    "number": ("config.password", 5, "config.password: a secret is text"),
    "unfilled": ("config.password", "{{ secret('PW') }}", "a reference that was never filled in"),
    "template": ("name", "{{ var.name }}", "name: a template that was not rendered"),
    "block": ("config.database", "{% if x %}a{% endif %}", "config.database: a template that was not rendered"),
    "misplaced": ("config.user", SecretRef("PW"), "config.user: a secret where none may be"),
    "f137 status": ("status", "healthy", "status: the service's own"),
    "f137 errors": ("errors", [], "errors: the service's own"),
    "f137 created": ("created_on", "2023", "created_on: the service's own"),
    "f137 modified": ("last_modified_by", "canary", "last_modified_by: the service's own"),
    "unknown": ("config.passwrd", "canary", "config.passwrd: unknown"),
    "alias": ("config.source_account_id", "canary", "config.source_account_id: unknown"),
    "other's": ("config.service_account_key", "canary", "config.service_account_key: unknown"),
    "deep": ("config.user", {"a": ["{{ canary }}"]}, "config.user: a template that was not rendered"),
    "infinite": ("name", float("inf"), "name: not a number"),
    "object": ("name", object(), "name: not plain data"),
    "surrogate": ("name", "canary \udce9", "name: not UTF-8 text"),
    "bytes": ("name", b"canary", "name: not plain data"),
    "no id": ("id", None, "id: missing"),
    "id": ("id", 7, "id: missing"),
    "other id": ("id", "c2", "id: not the one that the update is for"),
    "provider": ("service_provider", "Oracle", "service_provider: unknown"),
    "no config": ("config", None, "config.password: a secret is missing"),
    "config": ("config", "canary", "config: unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "fault"), BAD.values(), ids=BAD)
def test_f132_f133_f137_a_body_that_must_not_leave_does_not(
    server: FaultServer, path: str, value: object, fault: str
) -> None:
    body = with_value(SNOWFLAKE, path, value) if value is not None else with_value(SNOWFLAKE, path, None)
    assert fault in refused("connection", body, "c1")
    session = writer(server.url, server.auth_url, server.workspace_id, server.environ)
    with session as client:
        with pytest.raises(UnsendableBodyError):
            client.update(Address("connection", "c1"), body)
        if path != "id" or not isinstance(value, str):
            with pytest.raises(UnsendableBodyError):
                client.create(kinds()["connection"], body)
    assert server.log == []


def test_all_that_is_wrong_is_said_at_once_and_nothing_of_the_values() -> None:
    body = with_value(with_value(SNOWFLAKE, "config.password", "***"), "status", "canary")
    assert refused("connection", body | {"x\x1b": 1}) == (
        "nothing was sent: the body for connection c1 is refused (status: the service's own; x\\x1b: unknown; "
        "config.password: the secret looks like a mask (such as ****), not like a secret)"
    )


def test_an_optional_secret_may_be_left_out_or_unset_but_not_masked() -> None:
    pipeline = kinds()["pipeline"]
    check_body(pipeline, PIPELINE, "p1")
    check_body(pipeline, PIPELINE | {"partner_feed_key": None}, "p1")
    check_body(pipeline, PIPELINE | {"partner_feed_key": "feed-key-1"}, "p1")
    assert "partner_feed_key: the secret looks like a mask" in refused(
        "pipeline", PIPELINE | {"partner_feed_key": "****"}
    )


@pytest.mark.parametrize(
    "sql", ["SELECT '{%' || x", "SELECT * FROM t WHERE j LIKE '{%}'", "SELECT '{\"a\": 1}'", "SELECT '****'"]
)
def test_sql_that_only_resembles_a_template_or_a_mask_is_sent(sql: str) -> None:
    model = {"id": "m1", "name": "M", "state": "active", "type": "sql", "config": {"sql_query": sql}}
    check_body(kinds()["model"], model)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_f036_f037_any_real_secret_may_be_sent(value: str) -> None:
    check_body(kinds()["connection"], with_value(SNOWFLAKE, "config.password", f"canary{value}canary"))


@pytest.mark.parametrize(
    "value",
    [
        "q\"'\\ %s #x: y",
        "{{ 7*7 }}",
        "пароль 🔑 \u00e9e\u0301",
        "-----BEGIN\n" + "x/+=\n" * 800,
        "0123456",
        "NO",
        "line\n",
    ],
)
def test_f037_a_hostile_secret_arrives_as_it_is(server: FaultServer, value: str) -> None:
    with writer(server.url, server.auth_url, server.workspace_id, server.environ) as client:
        answered = client.create(kinds()["connection"], with_value(SNOWFLAKE, "config.password", value))
    assert answered.verdict is Verdict.DONE
    stored = server.workspace.stored("connection", "c1")
    assert stored is not None
    assert stored["config"]["password"] == value
    assert server.workspace.violations == []
