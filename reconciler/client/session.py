"""From plain strings to a client: which hosts are trusted, which credentials go where, what must be closed.

Law: the token is sent to the API's host alone, client credentials to the token endpoint's alone, and a host that is
neither mParticle's nor this machine is used only if the environment names it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

from reconciler.client.pace import Pause
from reconciler.client.reading import ReadClient
from reconciler.client.tokens import ClientCredentials, Tokens, credentials_of
from reconciler.client.writing import WriteClient
from reconciler.project.hosts import AUTH, PODS, host_of
from reconciler.transport import Transport, check_url

TRUSTED_HOSTS: Final = tuple(host_of(url) for url in (*PODS.values(), AUTH))
TIMEOUT: Final = 30.0  # seconds for one request, unless the user says otherwise

Client = TypeVar("Client", bound=ReadClient)


@dataclass(frozen=True, slots=True)
class Session(Generic[Client]):
    """A client and the connections under it: `with reader(…) as client:`, or `close` it."""

    client: Client
    close: Callable[[], None]

    def __enter__(self) -> Client:
        return self.client

    def __exit__(self, *_: object) -> None:
        self.close()


def reader(
    api_base: str,
    auth_url: str,
    workspace_id: str,
    environ: Mapping[str, str],
    *,
    parallelism: int = 4,
    timeout: float | None = None,
    pause: Pause = time.sleep,
    log: Callable[[str], None] | None = None,
) -> Session[ReadClient]:
    """A client that can only read the workspace `workspace_id` at `api_base`.

    `auth_url` is the whole URL of the token endpoint. `environ` holds the credentials and WSYNC_ALLOW_HOSTS;
    `timeout` is what the user asked for, in seconds. Sends nothing yet. Raises `CredentialsError`, `HostNotAllowed`,
    `ApiError` for a URL that is none, `TransportError` for a proxy or certificates that cannot be used.
    """
    with ExitStack() as stack:
        transport, tokens = _connections(
            stack, api_base, auth_url, environ, parallelism=parallelism, timeout=timeout, pause=pause, log=log
        )
        client = ReadClient(transport, tokens, workspace_id, pause=pause, parallelism=parallelism, log=log)
        return Session(client, stack.pop_all().close)


def writer(
    api_base: str,
    auth_url: str,
    workspace_id: str,
    environ: Mapping[str, str],
    *,
    parallelism: int = 4,
    timeout: float | None = None,
    pause: Pause = time.sleep,
    log: Callable[[str], None] | None = None,
) -> Session[WriteClient]:
    """As `reader`, for a client that can also write."""
    with ExitStack() as stack:
        transport, tokens = _connections(
            stack, api_base, auth_url, environ, parallelism=parallelism, timeout=timeout, pause=pause, log=log
        )
        client = WriteClient(
            transport,
            tokens,
            workspace_id,
            pause=pause,
            parallelism=parallelism,
            log=log,
            timeout_given=timeout,
        )
        return Session(client, stack.pop_all().close)


def _connections(
    stack: ExitStack,
    api_base: str,
    auth_url: str,
    environ: Mapping[str, str],
    *,
    parallelism: int,
    timeout: float | None,
    pause: Pause,
    log: Callable[[str], None] | None,
) -> tuple[Transport, Tokens]:
    credentials = credentials_of(environ)
    allowed = tuple(filter(None, re.split(r"[,\s]+", environ.get("WSYNC_ALLOW_HOSTS", ""))))
    check_url(
        auth_url, trusted=TRUSTED_HOSTS, allowed=allowed
    )  # also when a given token makes it unnecessary

    def connect(base: str, connections: int) -> Transport:
        return stack.enter_context(
            Transport(
                base,
                timeout=TIMEOUT if timeout is None else timeout,
                allowed_hosts=allowed,
                trusted_hosts=TRUSTED_HOSTS,
                max_connections=connections,
                log=log,
            )
        )

    transport = connect(api_base, parallelism)
    if not isinstance(credentials, ClientCredentials):
        return transport, Tokens(credentials)
    auth = urlsplit(auth_url)
    endpoint = connect(f"{auth.scheme}://{auth.netloc}", 1)
    return transport, Tokens(credentials, endpoint, auth.path, pause=pause)
