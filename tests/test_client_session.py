"""Sessions: from plain strings to a client, with credentials for vouched hosts only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fault_server import FaultServer

from reconciler.client import TRUSTED_HOSTS, CredentialsError, ReadClient, WriteClient, reader, writer
from reconciler.errors import ApiError, HostNotAllowed
from reconciler.project.hosts import AUTH, PODS

TOKEN = {"WSYNC_TOKEN": "token-canary"}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def test_a_reader_reads_and_a_writer_also_writes(server: FaultServer) -> None:
    where: tuple[Any, ...] = (server.url, server.auth_url, server.workspace_id, server.environ)
    with reader(*where) as reading:
        assert type(reading) is ReadClient
        assert reading.host == server.host
    with writer(*where) as writing:
        assert type(writing) is WriteClient
    assert server.log == []


def test_after_its_session_a_client_can_do_nothing(server: FaultServer) -> None:
    session = reader(server.url, server.auth_url, server.workspace_id, server.environ, pause=lambda _: None)
    with session as client:
        client.fetch()
    assert server._in_flight == 0


@pytest.mark.parametrize("pod", PODS.values())
def test_mparticles_hosts_are_trusted(pod: str) -> None:
    with reader(
        pod, AUTH, "4711", {"WSYNC_CLIENT_ID": "x", "WSYNC_CLIENT_SECRET": "secret-canary"}
    ) as client:
        assert client.host in TRUSTED_HOSTS


@pytest.mark.parametrize(
    ("api", "auth"),
    [
        ("https://evil.example", AUTH),
        ("https://api.mparticle.com.evil.example", AUTH),
        ("https://api.mparticle.com", "https://evil.example/oauth/token"),
    ],
)
@pytest.mark.parametrize("environ", [TOKEN, {"WSYNC_CLIENT_ID": "x", "WSYNC_CLIENT_SECRET": "secret-canary"}])
def test_f080_another_host_gets_no_credentials_unless_the_environment_names_it(
    api: str, auth: str, environ: dict[str, str]
) -> None:
    for make in (reader, writer):
        with pytest.raises(HostNotAllowed, match="evil"):
            make(api, auth, "4711", environ)
    allowed = {"WSYNC_ALLOW_HOSTS": "proxy.example, evil.example api.mparticle.com.evil.example"}
    with reader(api, auth, "4711", environ | allowed) as client:
        assert client.host


def test_f205_plain_http_is_for_this_machine_alone() -> None:
    with pytest.raises(ApiError, match="not encrypted"):
        reader("http://api.mparticle.com", AUTH, "4711", TOKEN)


@pytest.mark.parametrize("prefix", ["", "/proxy/mp"])
def test_an_api_with_a_prefix_and_an_odd_workspace_is_asked_at_its_place(
    server: FaultServer, prefix: str
) -> None:
    server.accept("token-canary")
    session = reader(f"{server.url}{prefix}", server.auth_url, "a/b c", TOKEN)
    with session as client, pytest.raises(ApiError):
        client.fetch()
    assert {e.raw_path.rpartition("/workspaces/")[0] for e in server.log} == {f"{prefix}/platform/v2"}
    assert all("/workspaces/a%2Fb%20c/" in e.raw_path for e in server.log)


def test_credentials_come_before_connections(server: FaultServer) -> None:
    with pytest.raises(CredentialsError):
        reader("https://evil.example", AUTH, "4711", {})
