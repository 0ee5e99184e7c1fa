"""Who the server is, and the way to it: certificates, TLS versions, proxies."""

from __future__ import annotations

import base64
import datetime
import re
import shutil
import socket
import ssl
import subprocess
import threading
import warnings
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from rawserver import Connection, RawServer, Script, always, answer, fields_of

from reconciler.transport import Transport, TransportError

CANARY = "hunter2"
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def own_certificate(
    tmp_path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, issuer: trustme.CA | None
) -> ssl.SSLContext:
    """A context with a certificate for localhost that signs itself, or that `issuer` signed, with any key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    if issuer is None:
        certificate = builder.issuer_name(name).sign(key, hashes.SHA256())
    else:
        parent = x509.load_pem_x509_certificate(issuer.cert_pem.bytes())
        signer = serialization.load_pem_private_key(issuer.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        certificate = builder.issuer_name(parent.subject).sign(signer, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "own.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(tmp_path / "own.pem")
    return context


def refusal(context: ssl.SSLContext) -> TransportError:
    """The error of a POST to localhost, behind which stands a server with this context."""
    with (
        RawServer(always(answer()), tls=context) as server,
        Transport(f"https://localhost:{server.port}", timeout=5) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send("POST", "/x", body={"password": CANARY}, headers={"Authorization": CANARY})
    error = caught.value
    assert not error.sent
    assert server.requests == [], "nothing is sent to who is not proven"
    assert error.message.startswith(f"localhost:{server.port}")
    assert error.__context__ is None
    assert CANARY not in f"{error} {error.hint}"
    return error


def test_a_server_with_a_trusted_certificate_is_spoken_to(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("localhost", "127.0.0.1"))
    with RawServer(always(answer(b"[1]")), tls=context) as server:
        for host in ("localhost", "127.0.0.1"):
            with Transport(f"https://{host}:{server.port}", timeout=5) as transport:
                assert [transport.send("POST", "/x", body={}).json() for _ in range(2)] == [[1], [1]]
    assert server.connections == 2, "one for each transport"


def test_f206_a_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    error = refusal(own_certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), None))
    assert error.message.endswith("its TLS certificate is self-signed")
    assert "SSL_CERT_FILE" in str(error.hint)


def test_f206_a_certificate_of_an_unknown_authority_is_refused() -> None:
    error = refusal(context_of(trustme.CA().issue_cert("localhost")))
    assert "comes from an authority that is not trusted" in error.message


def test_f206_the_usual_authorities_are_certifis_and_not_the_environments(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert "not trusted" in refusal(context_of(authority.issue_cert("localhost"))).message


def test_f206_an_expired_certificate_is_refused(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("localhost", not_before=NOW - 2 * DAY, not_after=NOW - DAY))
    assert refusal(context).message.endswith("its TLS certificate has expired")


def test_f206_a_certificate_of_tomorrow_is_refused(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("localhost", not_before=NOW + DAY, not_after=NOW + 2 * DAY))
    assert refusal(context).message.endswith("its TLS certificate is not valid yet")


def test_f206_a_certificate_for_another_host_is_refused(authority: trustme.CA) -> None:
    assert refusal(context_of(authority.issue_cert("api.example.com"))).message.endswith(
        "is for another host"
    )


def test_f206_a_certificate_for_another_address_is_refused(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("127.0.0.2"))
    with (
        RawServer(always(answer()), tls=context) as server,
        Transport(server.url, timeout=5) as transport,
        pytest.raises(TransportError, match="is for another address"),
    ):
        transport.send("GET", "/x")


def test_f206_a_weak_key_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    assert "key that is too weak" in refusal(own_certificate(tmp_path, key, authority)).message


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_f206_old_tls_is_refused(authority: trustme.CA, version: str) -> None:
    context = context_of(authority.issue_cert("localhost"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion[version]
    assert refusal(context).message.endswith("does not speak TLS 1.2 or newer")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PYTHONHTTPSVERIFY", "0"), ("REQUESTS_CA_BUNDLE", ""), ("CURL_CA_BUNDLE", ""), ("WSYNC_INSECURE", "1")],
)
def test_f206_no_variable_turns_verification_off(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    refusal(context_of(trustme.CA().issue_cert("localhost")))


def answers_in_clear(connection: Connection) -> None:
    connection.socket.recv(9999)
    connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.socket.recv(9999)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (answers_in_clear, "did not answer with TLS"),
        (lambda connection: connection.socket.recv(9999), "closed the connection during the TLS handshake"),
        (lambda connection: connection.reset(), "no connection (Connection reset by peer)"),
    ],
)
def test_a_server_that_speaks_no_tls_is_told_from_one_that_proves_nothing(script: Script, fault: str) -> None:
    with (
        RawServer(script) as server,
        Transport(f"https://{server.host}", timeout=5) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send("POST", "/x", body={})
    assert not caught.value.sent
    assert fault in caught.value.message


def test_f209_session_keys_are_not_written_anywhere(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with (
        RawServer(always(answer()), tls=context_of(authority.issue_cert("127.0.0.1"))) as server,
        Transport(server.url, timeout=5) as transport,
    ):
        transport.send("GET", "/x")
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("variable", "kind", "fault"),
    [
        ("SSL_CERT_FILE", "missing", "is no file"),
        ("SSL_CERT_FILE", "directory", "is a directory"),
        ("SSL_CERT_FILE", "empty", "holds no certificate"),
        ("SSL_CERT_FILE", "garbage", "holds no certificate"),
        ("SSL_CERT_FILE", "device", "is no file"),
        ("SSL_CERT_DIR", "missing", "is no directory"),
        ("SSL_CERT_DIR", "empty", "is no directory"),
    ],
)
def test_f207_certificates_that_cannot_be_used_are_an_error_that_names_the_variable(
    variable: str, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths = {"directory": tmp_path, "device": Path("/dev/zero")}
    path = paths.get(kind, tmp_path / "given")
    if kind in ("empty", "garbage"):
        path.write_bytes(b"" if kind == "empty" else b"\x00\xff garbage")
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(TransportError) as caught:
        Transport("https://localhost:1", timeout=1)
    assert (
        caught.value.message
        == f"{variable} names {path}, which {caught.value.message.partition('which ')[2]}"
    )
    assert fault in caught.value.message
    assert variable in str(caught.value.hint)
    assert caught.value.__context__ is None
    Transport("http://localhost:1", timeout=1).close()  # plain http needs none


def test_f207_a_directory_of_certificates_is_honoured(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("only openssl can name the files of such a directory")
    folder = tmp_path / "certificates"
    folder.mkdir()
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    context = context_of(authority.issue_cert("localhost"))
    assert "not trusted" in refusal(context).message
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    subprocess.run([openssl, "rehash", str(folder)], check=True, capture_output=True, timeout=30)
    with (
        RawServer(always(answer()), tls=context) as server,
        Transport(f"https://localhost:{server.port}", timeout=5) as transport,
    ):
        assert transport.send("GET", "/x").status == 200


# Proxies (F210): loopback is never proxied, so these speak to a host that exists behind the proxy alone

HOST = "api.example.com"


def tunnel_to(target: RawServer) -> Script:
    """A proxy that connects every CONNECT to `target`."""

    def pipe(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def script(connection: Connection) -> None:
        connection.request()
        with socket.create_connection(("127.0.0.1", target.port)) as out:
            connection.send(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
            back = threading.Thread(target=pipe, args=(out, connection.socket), daemon=True)
            back.start()
            pipe(connection.socket, out)
            back.join(5)

    return script


def through(
    proxy: RawServer, monkeypatch: pytest.MonkeyPatch, *, login: str = "", timeout: float = 5
) -> Transport:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{login}{proxy.host}")
    return Transport(f"https://{HOST}", timeout=timeout, trusted_hosts=(HOST,), max_connections=2)


@pytest.mark.parametrize("login", ["", f"user:{CANARY}@"])
def test_f210_a_proxy_tunnels_and_only_it_sees_its_login(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    with (
        RawServer(always(answer(b"[1]")), tls=context_of(authority.issue_cert(HOST))) as target,
        RawServer(tunnel_to(target)) as proxy,
        through(proxy, monkeypatch, login=login) as transport,
    ):
        assert [transport.send("POST", "/x", body={}).json() for _ in range(3)] == [[1]] * 3
    connect = proxy.requests[0]
    assert connect.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n".encode())
    expected = "Basic " + base64.b64encode(f"user:{CANARY}".encode()).decode() if login else None
    assert fields_of(connect).get("proxy-authorization") == expected
    assert (proxy.connections, len(target.requests)) == (1, 3), "the tunnel is kept"
    for request in target.requests:
        assert fields_of(request)["host"] == HOST
        assert "proxy-authorization" not in fields_of(request)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "refused its user and password (407)",
        ),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 7\r\n\r\nhunter2",
            f"did not connect to {HOST}:443 (502)",
        ),
        (b"HTTP/1.0 403 hunter2\r\n\r\n", f"did not connect to {HOST}:443 (403)"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://hunter2\r\n\r\n", f"did not connect to {HOST}:443 (302)"),
        (b"HTTP/1.1 200 OK\r\n\r\nhunter2", "did not answer as a proxy does"),
        (b"hunter2\r\n\r\n", "did not answer as a proxy does"),
        (b"HTTP/1.1 200", "did not answer as a proxy does"),
        (b"x" * 20_000, "did not answer as a proxy does"),
        (b"", "did not answer as a proxy does"),
    ],
)
def test_f210_a_proxy_that_does_not_connect_is_named_and_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, said: bytes, fault: str
) -> None:
    def script(connection: Connection) -> None:
        connection.request()
        connection.send(said)
        if said.endswith(b"\r\n\r\n"):
            connection.request()

    with RawServer(script) as proxy, through(proxy, monkeypatch, login=f"user:{CANARY}@") as transport:
        for _ in range(3):  # more often than the pool has places: a failed tunnel must give its place back
            with pytest.raises(TransportError) as caught:
                transport.send("POST", "/x", body={"password": CANARY})
            error = caught.value
            assert not error.sent
            assert error.message == f"the proxy {proxy.host} (HTTPS_PROXY) {fault}"
            assert error.hint == "check HTTPS_PROXY"
            assert CANARY not in f"{error} {error.hint} {error.__context__!r}"


def test_f210_a_proxy_that_asks_for_a_login_is_told_from_one_that_refuses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        RawServer(always(b"HTTP/1.1 407 No\r\n\r\n")) as proxy,
        through(proxy, monkeypatch) as transport,
        pytest.raises(TransportError, match=re.escape("asks for a user and password (407)")),
    ):
        transport.send("GET", "/x")


def test_f210_a_proxy_that_talks_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(connection: Connection) -> None:
        connection.request()
        while True:
            connection.send(b"X: y\r\n" * 1000)

    with (
        RawServer(script) as proxy,
        through(proxy, monkeypatch) as transport,
        pytest.raises(TransportError, match="did not answer as a proxy does"),
    ):
        transport.send("GET", "/x")


def test_f210_behind_a_tunnel_it_is_the_server_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.socket.recv(9)
        connection.reset()

    with (
        RawServer(script) as proxy,
        through(proxy, monkeypatch) as transport,
        pytest.raises(TransportError, match=f"^{HOST}: no connection") as caught,
    ):
        transport.send("POST", "/x", body={})
    assert not caught.value.sent


def test_f210_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(always(b"")) as proxy:
        pass
    with through(proxy, monkeypatch) as transport, pytest.raises(TransportError) as caught:
        transport.send("POST", "/x", body={})
    assert caught.value.message == f"the proxy {proxy.host} (HTTPS_PROXY) refused the connection"
    assert not caught.value.sent


def test_f210_a_proxys_name_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    with (
        Transport(f"https://{HOST}", timeout=5, trusted_hosts=(HOST,)) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send("GET", "/x")
    assert caught.value.message == "the proxy proxy.example:3128 (HTTPS_PROXY): the name cannot be resolved"
    assert "HTTPS_PROXY" in str(caught.value.hint)


def test_f210_a_proxy_that_drips_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(connection: Connection) -> None:
        connection.request()
        connection.drip(b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyy\r\n")

    with (
        RawServer(script) as proxy,
        through(proxy, monkeypatch, timeout=0.3) as transport,
        pytest.raises(TransportError, match="did not take a connection in time") as caught,
    ):
        transport.send("POST", "/x", body={})
    assert not caught.value.sent


def test_f206_a_proxy_cannot_stand_in_for_the_server(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        RawServer(always(answer()), tls=context_of(authority.issue_cert("other.example.com"))) as target,
        RawServer(tunnel_to(target)) as proxy,
        through(proxy, monkeypatch) as transport,
    ):
        for _ in range(3):
            with pytest.raises(
                TransportError, match=f"{HOST}: its TLS certificate is for another host"
            ) as caught:
                transport.send("POST", "/x", body={})
            assert not caught.value.sent
    assert target.requests == []
