"""Which base URLs may have credentials, and which proxy stands before them."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ApiError, HostNotAllowed, WsyncError
from reconciler.transport import Transport, TransportError, check_url
from reconciler.transport.address import parse, proxy_for

TRUSTED = ("api.mparticle.com", "api.eu1.mparticle.com")


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.mparticle.com", "https://api.mparticle.com"),
        ("https://api.mparticle.com/", "https://api.mparticle.com"),
        ("HTTPS://API.mparticle.COM:8443/Some/Prefix/", "https://api.mparticle.com:8443/Some/Prefix"),
        ("https://api.mparticle.com:443", "https://api.mparticle.com:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.8.7", "http://127.9.8.7"),
        ("http://localhost:1/x", "http://localhost:1/x"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://[0:0:0:0:0:0:0:1]", "https://[::1]"),
        ("https://localhost", "https://localhost"),
    ],
)
def test_trusted_hosts_and_loopback_need_no_permission(url: str, normal: str) -> None:
    assert check_url(url, trusted=TRUSTED, allowed=()) == normal


@pytest.mark.parametrize(
    "url",
    [
        "http://api.mparticle.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://128.0.0.1",
        "http://[::]",
        "http://[::ffff:127.0.0.1]",
        "http://localhost.example.com",
        "http://sub.localhost",
    ],
)
def test_f205_http_is_for_loopback_alone(url: str) -> None:
    host = url.removeprefix("http://")
    with pytest.raises(ApiError, match="not encrypted") as caught:
        check_url(url, trusted=TRUSTED, allowed=(host,))
    assert not isinstance(caught.value, HostNotAllowed)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://api.mparticle.com.evil.example",
        "https://evilapi.mparticle.com",
        "https://mparticle.com",
        "https://10.1.2.3",
        "https://[2001:db8::1]",
        "https://xn--pi-3na.mparticle.com",
        "https://api-mparticle.com",
    ],
)
def test_another_host_is_refused_and_the_variable_that_would_allow_it_is_named(url: str) -> None:
    with pytest.raises(HostNotAllowed) as caught:
        check_url(url, trusted=TRUSTED, allowed=("other.example",))
    assert url.removeprefix("https://") in caught.value.message
    assert f"WSYNC_ALLOW_HOSTS={url.removeprefix('https://')}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "entry", "fine"),
    [
        ("https://mp.example", "mp.example", True),
        ("https://mp.example", " MP.Example ", True),
        ("https://mp.example:8443", "mp.example", True),
        ("https://mp.example:8443", "mp.example:8443", True),
        ("https://mp.example", "mp.example:443", True),
        ("https://mp.example", "mp.example:8443", False),
        ("https://mp.example:8443", "mp.example:443", False),
        ("https://mp.example", "example", False),
        ("https://mp.example", ".example", False),
        ("https://mp.example", "*", False),
        ("https://mp.example", "", False),
        ("https://mp.example", "https://mp.example", False),
        ("https://[2001:DB8::1]:9", "[2001:db8::1]:9", True),
        ("https://[2001:DB8::1]", "2001:db8::1", True),
    ],
)
def test_an_allowed_host_is_named_with_or_without_its_port(url: str, entry: str, fine: bool) -> None:
    if fine:
        assert check_url(url, trusted=(), allowed=(entry,)) == url.lower()
    else:
        with pytest.raises(HostNotAllowed):
            check_url(url, trusted=(), allowed=(entry,))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.mparticle.com",
        "//api.mparticle.com",
        "ftp://api.mparticle.com",
        "file:///etc/passwd",
        "https:/api.mparticle.com",
        "https:///x",
        "https://api.mparticle.com@evil.example",
        "https://user:hunter2@api.mparticle.com",
        "https://@api.mparticle.com",
        "https://evil.example\\@api.mparticle.com",
        "https://api.mparticle.com\\.evil.example",
        "https://api.mparticle.com?token=hunter2",
        "https://api.mparticle.com/#hunter2",
        "https://api.mparticle.com.",
        "https://.api.mparticle.com",
        "https://api..mparticle.com",
        "https://-api.mparticle.com",
        f"https://{'a' * 64}.mparticle.com",
        f"https://{'a.' * 127}aa",
        "https://аpi.mparticle.com",  # a Cyrillic letter
        "https://api.mparticle。com",  # an ideographic full stop
        "https://api.mparticle.com／x",  # a full-width slash
        "https://①27.0.0.1",
        " https://api.mparticle.com",
        "https://api.mparticle.com\n",
        "https://api.mpar\tticle.com",
        "https://api.mparticle.com /x",
        "https://api.mparticle.com/a b",
        "https://api%2emparticle.com",
        "https://api.mparticle.com:",
        "https://api.mparticle.com:0",
        "https://api.mparticle.com:65536",
        "https://api.mparticle.com:0443",
        "https://api.mparticle.com:+443",
        "https://api.mparticle.com:x",
        "https://api.mparticle.com/../x",
        "https://api.mparticle.com/a/%2e%2E/x",
        "https://api.mparticle.com/./x",
        "http://127.1",
        "http://0x7f.1",
        "http://0x7f.0.0.1",
        "http://0x7f000001",
        "http://2130706433",
        "http://017700000001",
        "http://127.0.0.01",
        "http://127.0.0.1.",
        "http://127.0.0.256",
        "http://[::1",
        "http://::1",
        "http://[::1%25eth0]",
        "http://[127.0.0.1]",
        "http://[]",
    ],
)
def test_f205_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ApiError, match="cannot be used") as caught:
        check_url(url, trusted=TRUSTED, allowed=("evil.example", "127.0.0.1"))
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert "\n" not in caught.value.message


@given(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.sampled_from(["https://", "http://", "", "https://api."]),
)
def test_law_what_is_accepted_means_the_same_to_pythons_own_parser(text: str, start: str) -> None:
    try:
        found = check_url(start + text, trusted=TRUSTED, allowed=("a", "b.c", "api.a"))
    except WsyncError:
        return
    parts = urlsplit(found)
    base = parse(found)
    assert (parts.scheme, parts.hostname, parts.port) == (base.scheme, base.host, base.port)
    assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
    assert check_url(found, trusted=TRUSTED, allowed=("a", "b.c", "api.a")) == found
    assert base.host in (*TRUSTED, "a", "b.c", "api.a", "localhost", "::1") or base.host.startswith("127.")


def test_the_host_is_shown_as_it_was_written() -> None:
    for url, host in (
        ("http://127.0.0.1:81/v2", "127.0.0.1:81"),
        ("http://[::1]:80", "[::1]:80"),
        ("http://localhost", "localhost"),
    ):
        with Transport(url, timeout=1) as transport:
            assert transport.host == host


def test_a_transport_to_a_host_that_is_not_allowed_is_not_made() -> None:
    with pytest.raises(HostNotAllowed):
        Transport("https://evil.example", timeout=1, allowed_hosts=("mp.example",), trusted_hosts=TRUSTED)


# Proxies


def test_a_proxy_is_taken_from_the_environment_with_its_login_hidden() -> None:
    found = proxy_for(
        parse("https://mp.example"), {"HTTPS_PROXY": "http://us%40er:p%3Aw%2F@proxy.example:3128/"}
    )
    assert found is not None
    assert (found.host, found.port) == ("proxy.example", 3128)
    assert found.authorization == "Basic " + base64.b64encode(b"us@er:p:w/").decode()
    assert str(found) == "the proxy proxy.example:3128 (HTTPS_PROXY)"
    assert "Basic" not in repr(found)


@pytest.mark.parametrize(
    "written", ["proxy.example:3128", "http://proxy.example:3128", "HTTP://PROXY.example:3128/"]
)
def test_a_proxy_may_leave_out_its_scheme(written: str) -> None:
    found = proxy_for(parse("https://mp.example"), {"https_proxy": written, "HTTPS_PROXY": "http://other:1"})
    assert found is not None
    assert (found.host, found.port, found.variable, found.authorization) == (
        "proxy.example",
        3128,
        "https_proxy",
        None,
    )


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("https://mp.example", {}),
        ("https://mp.example", {"HTTPS_PROXY": " "}),
        (
            "https://mp.example",
            {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1", "all_proxy": "http://p:1"},
        ),
        ("https://127.0.0.1", {"HTTPS_PROXY": "http://p:1"}),
        ("https://localhost", {"HTTPS_PROXY": "http://p:1"}),
        ("https://[::1]", {"HTTPS_PROXY": "http://p:1"}),
        ("http://127.0.0.1", {"HTTP_PROXY": "http://p:1", "http_proxy": "http://p:1"}),
    ],
)
def test_no_other_variable_makes_a_proxy_and_loopback_is_never_proxied(
    url: str, environ: dict[str, str]
) -> None:
    assert proxy_for(parse(url), environ) is None


@pytest.mark.parametrize(
    ("host", "no_proxy", "bypassed"),
    [
        ("mp.example", "*", True),
        ("mp.example", "mp.example", True),
        ("mp.example", " other , MP.EXAMPLE ", True),
        ("mp.example", "example", True),
        ("mp.example", ".example", True),
        ("mp.example", "*.example", True),
        ("mp.example", "mp.example:443", True),
        ("mp.example", "mp.example:8443", False),
        ("mp.example", "p.example", False),
        ("mp.example", "", False),
        ("mp.example", ",", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "11.0.0.0/8", False),
        ("10.1.2.3", "nonsense/8", False),
        ("10.1.2.3", "2.3", False),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("[2001:db8::1]", "[2001:db8::1]:443", True),
        ("[2001:db8::1]", "2001:db8::/32", True),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_read_as_other_tools_read_it(
    host: str, no_proxy: str, bypassed: bool, variable: str
) -> None:
    found = proxy_for(parse(f"https://{host}"), {"HTTPS_PROXY": "http://p:1", variable: no_proxy})
    assert (found is None) is bypassed


@pytest.mark.parametrize(
    "written",
    [
        "http://",
        "http://user:hunter2@",
        "http://user:hunter2@proxy.example:port",
        "http://user:hunter2@proxy.example:99999",
        "http://user:hunter2@0x7f.1:80",
        "http://user:hunter2@proxy.example/path",
        "http://user:hunter2@proxy example",
        "http://user:hunter2@próxy.example",
        "socks5://user:hunter2@proxy.example:1080",
        "https://user:hunter2@proxy.example",
        "hunter2://proxy.example",
    ],
)
def test_f210_a_proxy_that_cannot_be_used_is_an_error_that_names_only_the_variable(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", written)
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(TransportError, match="HTTPS_PROXY") as caught:
        Transport("https://mp.example", timeout=1, trusted_hosts=("mp.example",))
    assert not caught.value.sent
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__context__!r}"
