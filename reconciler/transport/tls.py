"""How servers prove who they are: TLS 1.2 or newer, certificate and host name verified, no way to turn it off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import inert
from reconciler.transport.failures import TransportError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


def client_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Trusts what SSL_CERT_FILE and SSL_CERT_DIR name, else the certifi package's authorities.

    Made by hand, because `ssl.create_default_context` writes session keys to the file that SSLKEYLOGFILE names.
    Raises `TransportError` naming the variable that cannot be used. Costs some 20 ms.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    file, folders = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file:
        if not Path(file).is_file():  # a pipe or a device would never end
            raise _unusable("SSL_CERT_FILE", file, "is a directory" if Path(file).is_dir() else "is no file")
        fault = _load(context, file)
        if fault:
            raise _unusable("SSL_CERT_FILE", file, fault)
    if folders:
        for folder in folders.split(os.pathsep):
            if not Path(folder).is_dir():
                raise _unusable("SSL_CERT_DIR", folder, "is no directory")
        context.load_verify_locations(capath=folders)
    if not file and not folders:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context


def _load(context: ssl.SSLContext, file: str) -> str | None:
    import ssl

    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        return "holds no certificate in PEM form"
    except OSError as error:
        return f"cannot be read ({os.strerror(error.errno or 0)})"
    return None


def _unusable(variable: str, path: str, fault: str) -> TransportError:
    return TransportError(
        f"{variable} names {inert(path, 200)}, which {fault}",
        sent=False,
        hint=f"correct {variable}, or unset it to trust the usual public authorities",
    )
