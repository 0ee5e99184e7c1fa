"""Where requests may go: the base URLs that are trusted with credentials, and the proxy on the way to them.

Law: a URL is read by one strict grammar and never repaired; what two programs could read differently is refused.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote

from reconciler.errors import ApiError, HostNotAllowed, inert
from reconciler.transport.failures import TransportError

_HOST = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
_BASE = re.compile(rf"(?P<scheme>(?i:https?))://{_HOST}(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:%-]*)*)")
_PROXY = re.compile(rf"(?:(?P<scheme>(?i:[a-z][a-z0-9+.-]*))://)?(?:(?P<login>[^/\s]*)@)?{_HOST}/?", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Base:
    """A base URL, taken apart: lower-case host (IPv6 without brackets), the port if one was written."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def authority(self) -> str:
        """`host` or `host:port`, as it was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def effective_port(self) -> int:
        return self.port or (443 if self.scheme == "https" else 80)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that tunnels (CONNECT), and the environment variable that named it."""

    host: str
    port: int
    variable: str
    authorization: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {host}:{self.port} ({self.variable})"


def check_url(url: str, *, trusted: Collection[str], allowed: Collection[str]) -> str:
    """The normalised base URL, without a slash at its end, if credentials may be sent there.

    `trusted` and `allowed` hold `host` (at any port) or `host:port`; case does not matter. Raises `ApiError` for
    what is no plain https URL (http is for loopback alone), `HostNotAllowed` for a host in neither.
    """
    base = parse(url)
    if is_loopback(base.host):
        return str(base)
    if base.scheme == "http":
        raise ApiError(
            f"http://{base.authority} is not encrypted, and credentials would travel over it in clear",
            hint="write https:// (http:// is for this machine alone)",
        )
    names = {base.host, f"[{base.host}]", base.authority, f"{base.host}:{base.effective_port}"}
    if names.isdisjoint(entry.strip().lower() for entry in (*trusted, *allowed)):
        raise HostNotAllowed(
            f"{base.authority} is not a host that credentials may be sent to",
            hint=f"if it is meant, set WSYNC_ALLOW_HOSTS={base.authority} in the environment that runs wsync",
        )
    return str(base)


def parse(url: str) -> Base:
    """Reads a base URL. Raises `ApiError`, which never repeats what may be a password or a token."""
    found = _BASE.fullmatch(url)
    if found is None:
        raise _no_base(url)
    host = _host(found["host"])
    port = int(found["port"]) if found["port"] else None
    if host is None or (port or 0) > 65535 or {".", ".."} & set(unquote(found["path"]).split("/")):
        raise _no_base(url)
    return Base(found["scheme"].lower(), host, port, found["path"].rstrip("/"))


def _no_base(url: str) -> ApiError:
    reasons = (
        ("@" in url, "it must not hold a user or password (`@`)"),
        ("?" in url or "#" in url, "it must not hold a query or fragment (`?`, `#`)"),
        (not url.isascii(), "its host must be written in ASCII (international names as `xn--…`)"),
        (re.match(r"(?i:https?)://", url) is None, "it must begin with https://"),
    )
    reason = next((why for holds, why in reasons if holds), "its host, port or path is not written plainly")
    # Whatever stands before an `@` or after a `?` may be a secret, so such a URL is not repeated.
    shown = "the base URL" if set("@?#") & set(url) else inert(url, 80)
    return ApiError(f"{shown} cannot be used: {reason}", hint="write https://HOST[:PORT][/PREFIX]")


def _host(written: str) -> str | None:
    """The host in its one spelling; None for what resolvers read differently (`127.1`, `0x7f.1`, `example.com.`)."""
    if written.startswith("["):
        try:
            return str(IPv6Address(written[1:-1]))
        except ValueError:
            return None
    host = written.lower()
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            return None
    return host if len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) else None


def is_loopback(host: str) -> bool:
    """127.0.0.0/8, ::1 and `localhost`, nothing else: what is sent there cannot leave the machine."""
    address = _address(host)
    if isinstance(address, IPv4Address):
        return address.packed[0] == 127
    return host == "localhost" or address == IPv6Address(1)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def proxy_for(base: Base, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that HTTPS_PROXY and NO_PROXY (or their lower-case forms, which win) ask for.

    Plain http goes to loopback alone and loopback is never proxied, so HTTP_PROXY has nothing to say. Raises
    `TransportError`, which names the variable and none of its content.
    """
    if base.scheme != "https" or is_loopback(base.host) or _bypassed(base, environ):
        return None
    variable = next((name for name in ("https_proxy", "HTTPS_PROXY") if environ.get(name, "").strip()), None)
    return _proxy(variable, environ[variable].strip()) if variable else None


def _proxy(variable: str, written: str) -> Proxy:
    found = _PROXY.fullmatch(written)
    host = _host(found["host"]) if found else None
    port = int((found and found["port"]) or 80)
    if found is None or host is None or port > 65535:
        raise TransportError(
            f"{variable} does not hold the URL of a proxy",
            sent=False,
            hint="write http://[USER:PASSWORD@]HOST:PORT",
        )
    if (found["scheme"] or "http").lower() != "http":
        raise TransportError(
            f"{variable} asks for a proxy that is not reached over http:// (SOCKS and https:// are not supported)",
            sent=False,
            hint="name an HTTP proxy, http://[USER:PASSWORD@]HOST:PORT: what is sent through it is encrypted all the same",
        )
    login = found["login"]
    if not login:
        return Proxy(host, port, variable)
    user, _, password = login.partition(":")
    token = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode("ascii")
    return Proxy(host, port, variable, f"Basic {token}")


def _bypassed(base: Base, environ: Mapping[str, str]) -> bool:
    entries = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").lower().split(",")
    return any(_covers(entry.strip(), base) for entry in entries)


def _covers(entry: str, base: Base) -> bool:
    """Whether a NO_PROXY entry means this host: `*`, `host`, `.domain`, an address or a network; with a port or without."""
    if entry == "*":
        return True
    address = _address(base.host)
    if address is not None and "/" in entry:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            return False
    entry = entry.removesuffix(f":{base.effective_port}").strip("[]").removeprefix("*").removeprefix(".")
    return bool(entry) and (base.host == entry or (address is None and base.host.endswith(f".{entry}")))
