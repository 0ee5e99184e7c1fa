"""What can go wrong between a request and its whole answer, each cause as one sentence.

Law: a message names host and cause and repeats nothing of a URL's query, a header, a body or a proxy's login, so no
text of the HTTP libraries, of OpenSSL or of the server gets into it.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from reconciler.errors import ApiError

if TYPE_CHECKING:
    import ssl

    from reconciler.transport.wire import Call


class TransportError(ApiError):
    """No usable answer. `sent` False: nothing of the request was executed, it may be repeated; True: it may have been."""

    default_code = "WS410"

    def __init__(self, message: str, *, sent: bool, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.sent = sent


class MalformedAnswer(TransportError):
    """An answer came and cannot be used: encoded, over the cap, not JSON. `status` is its status, for what that is worth."""

    default_code = "WS411"

    def __init__(
        self, message: str, *, status: int, hint: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, sent=True, hint=hint, code=code)
        self.status = status


def explain(error: Exception, call: Call) -> TransportError:
    """The failure of the request under way, as a `TransportError`. Knows every exception class of httpx and httpcore."""
    message, hint = _sentence(error, call)
    return TransportError(message, sent=call.sent, hint=hint)


def _sentence(error: Exception, call: Call) -> tuple[str, str | None]:
    import httpcore

    from reconciler.transport.library import httpx

    match error:
        case httpcore.ProxyError():  # raised by `wire`, in words of ours
            return str(error), f"check {call.proxy.variable if call.proxy else 'the proxy'}"
        case httpcore.PoolTimeout() | httpx.PoolTimeout():
            return f"{call.host}: no connection became free within {call.timeout:g} s", None
        case (
            httpcore.LocalProtocolError()
            | httpcore.UnsupportedProtocol()
            | httpx.LocalProtocolError()
            | httpx.UnsupportedProtocol()
            | httpx.InvalidURL()
        ):
            return f"the request to {call.host} cannot be written as HTTP", None
        case httpcore.TimeoutException() | httpx.TimeoutException() | TimeoutError():
            return _too_late(call)
        case OSError() | httpcore.NetworkError() | httpx.NetworkError():
            return _broken(error, call)
        case httpcore.ProtocolError() | httpx.ProtocolError():
            return _garbled(call)
        case _:
            return f"the request to {call.host} failed inside the HTTP library ({type(error).__name__})", None


def _too_late(call: Call) -> tuple[str, str | None]:
    if not call.sent:
        return (
            f"{call.peer} did not take a connection in time",
            "is it the right host, and may this machine reach it?",
        )
    return f"{call.host} gave no whole answer within {call.timeout:g} s", "try again, or allow it more time"


def _garbled(call: Call) -> tuple[str, str | None]:
    if call.ended:
        return f"{call.host} closed the connection before its answer was whole", None
    return f"what {call.host} answered is not proper HTTP", "is it the right host and port?"


def _broken(error: Exception, call: Call) -> tuple[str, str | None]:
    import ssl

    match error:
        case socket.gaierror():
            where = (
                call.proxy.variable
                if call.proxy and call.peer != call.host
                else "`api` or `auth` in wsync.yaml"
            )
            return f"{call.peer}: the name cannot be resolved", f"check {where}, and this machine's network"
        case ssl.SSLError() if not call.sent:
            return _no_tls(error, call.host)
        case ConnectionRefusedError():
            return (
                f"{call.peer} refused the connection",
                "is it the right host and port, and is the server running?",
            )
        case OSError() if error.errno and not isinstance(error, ssl.SSLError):
            reason = os.strerror(error.errno)
        case _:
            reason = "it broke off"
    verb = "the connection broke" if call.sent else "no connection"
    return f"{call.peer}: {verb} ({reason})", None


# OpenSSL's X509_V_ERR_* numbers: stable, unlike its texts.
_OWN_AUTHORITY = "if the certificate comes from an authority of your own, name its file in SSL_CERT_FILE"
_CERTIFICATE_FAULTS: dict[int, tuple[str, str]] = {
    9: ("is not valid yet", "is this machine's clock right?"),
    10: ("has expired", "its owner must renew it; is this machine's clock right?"),
    18: ("is self-signed", _OWN_AUTHORITY),
    19: ("comes from an authority that is not trusted (self-signed)", _OWN_AUTHORITY),
    20: ("comes from an authority that is not trusted", _OWN_AUTHORITY),
    23: ("has been revoked", "its owner must replace it"),
    62: ("is for another host", "is the host name spelled as on the certificate?"),
    64: ("is for another address", "is the host written as on the certificate?"),
    66: ("has a key that is too weak", "its owner must replace it"),
    67: ("comes from an authority whose key is too weak", "its owner must replace it"),
    68: ("is signed with a digest that is too weak", "its owner must replace it"),
}


def _no_tls(error: ssl.SSLError, host: str) -> tuple[str, str | None]:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        fault, hint = _CERTIFICATE_FAULTS.get(
            error.verify_code, (f"cannot be verified (OpenSSL code {error.verify_code})", _OWN_AUTHORITY)
        )
        return f"{host}: its TLS certificate {fault}", hint
    reason = error.reason or ""
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return f"{host} does not speak TLS 1.2 or newer", "older versions are not secure, and never used"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return f"{host} closed the connection during the TLS handshake", None
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"):
        return f"{host} did not answer with TLS", "is it the right port?"
    return f"{host}: no secure connection could be agreed on (TLS handshake failure)", None
