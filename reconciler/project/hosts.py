"""The URLs a target may name: their syntax only. Whether a host gets credentials is judged when connecting."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import did_you_mean
from reconciler.fields import Wrong

# Hosts per pod (documented by mParticle for its other APIs).
PODS = {
    "us1": "https://api.mparticle.com",
    "us2": "https://api.us2.mparticle.com",
    "eu1": "https://api.eu1.mparticle.com",
    "au1": "https://api.au1.mparticle.com",
}
AUTH = "https://sso.auth.mparticle.com/oauth/token"

_DEFAULT_PORTS = {"https": 443, "http": 80}


def api_url(text: str) -> str:
    """A pod's name or a base URL -> the base URL without trailing slash. Raises `Wrong`, which echoes nothing."""
    if text in PODS:
        return PODS[text]
    if "/" not in text and ":" not in text:
        near = did_you_mean(text, PODS)
        allowed = f"{', '.join(PODS)}, or an https:// base URL"
        raise Wrong("not an API", f"did you mean `{near}`? It is {allowed}" if near else f"write {allowed}")
    return checked_url(text).rstrip("/")


def checked_url(text: str) -> str:
    """`https://`, or `http://` to loopback, a host, and a path at most. Raises `Wrong`, which echoes nothing."""
    if not text.isascii() or not text.isprintable() or any(c in text for c in " \\<>\"'`{}|^"):
        raise Wrong(
            "a URL with characters that do not belong in one", "write plain letters, digits and `-.:/_`"
        )
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise Wrong("not a URL", "write https://host/path") from None
    if url.scheme not in _DEFAULT_PORTS or not url.hostname or port == 0:
        raise Wrong("not a URL", "write https://host/path")
    if "@" in url.netloc:
        raise Wrong("credentials in a URL", "leave them out: credentials come from the environment")
    if "?" in text or "#" in text:
        raise Wrong("a URL with a query or fragment", "leave out everything from `?` or `#` on")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise Wrong("a URL that is not encrypted", "write https://; http:// is for this machine only")
    return text


def host_of(url: str) -> str:
    """`host[:port]`, lower case, without the scheme's own port."""
    parts: SplitResult = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
