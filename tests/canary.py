"""The canary scan: secrets of hostile shapes, and a search for them in whatever a run of `wsync` leaves behind.

    assert leaks(b"... output ...", {"WH_PASSWORD": SHAPES["quotes"]}) == []

Never asserts on a value itself: what is found is told by the secret's name and the form it was found in. Its forms are
worked out here and not taken from the code under test.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from fault_server import TOKEN_PATH, Entry


def _lines(seed: str, count: int) -> list[str]:
    """So many lines of what looks like a key."""
    digests = (hashlib.sha512(f"{seed}{n}".encode()).digest() for n in range(count))
    return [base64.b64encode(digest).decode()[:64] for digest in digests]


def _pem(seed: str) -> str:
    return "\n".join(["-----BEGIN PRIVATE KEY-----", *_lines(seed, 60), "-----END PRIVATE KEY-----", ""])


PEM = _pem("pem")
KEY = {
    "type": "service_account",
    "project_id": "some-project",
    "private_key_id": "cnry0f1e2d3c4b5a69788796a5b4c3d2e1f0aabb",
    "private_key": _pem("key"),
    "client_email": "wsync@some-project.iam.gserviceaccount.com",
}
SHAPES = {
    "quotes": "cnry'\"`q\\uote\\-Z1",
    "percent": "cnry%s%2F%%(x)s{0}Z2",
    "yaml": "cnry #h: &a *b @c !d |Z3",
    "emoji": "cnry-ßé-🎉-末尾-Z4",
    "pem": PEM,
    "key": json.dumps(KEY),
    "line end": "cnry-trailing-Z5\n",
    "zeros": "0123456089017",
    "no": "NO-yes-null-~-Z6",
    "date": "1907-11-23T04:05:06Z",
    "template": "{{ 7*7 }}cnry{% if Z7 %}{#",
    "markup": "[/]cnry[bold red]Z8[/bold red]",
    "command": "::error::cnry-Z9::add-mask::",
    "fence": "```\ncnry-fenced-Z10\n```\n~~~",
    "html": "<b>cnry&amp;Z11</b><!-- @org/team -->",
    "ansi": "cnry\x1b[31mZ12\x1b[0m\x07\r",
    "spaces": "  cnry  with  spaces  Z13 ",
    "long": "cnry-Z14-" + "".join(_lines("long", 60)),
}
_CHUNK = 20  # characters of a longer secret that are enough to be one: a text that is cut may hold no more


@functools.cache
def marks(value: str) -> Mapping[bytes, str]:
    """What a text that leaks this secret holds: bytes, and how they are made of it."""
    found: dict[bytes, str] = {}
    for part, what in _parts(value):
        for form, how in _forms(part):
            if len(form) >= 8:
                found.setdefault(form.encode("utf-8", "surrogatepass"), f"{what}, {how}")
    return found | {line.encode(): "a line, as it is" for line in _key_lines(value)}


def _parts(value: str) -> Iterator[tuple[str, str]]:
    """The value, and what is secret of it by itself."""
    yield value, "whole"
    yield value.strip(), "stripped"
    inner = value
    with contextlib.suppress(ValueError):
        document = json.loads(value, strict=False)
        if isinstance(document, dict):
            inner = document["private_key"]
            yield document.get("private_key_id", ""), "a leaf"
    yield from ((line, "a line") for line in _key_lines(inner)[:1])  # these leak together
    if len(inner) > 2 * _CHUNK and not inner.startswith("-----"):
        yield inner[_CHUNK : 2 * _CHUNK], "a piece"


def _key_lines(text: str) -> list[str]:
    lines = text.replace("\\n", "\n").splitlines()
    return (
        [line for line in lines if len(line) >= 16 and not re.search(r"[-{} ]", line)]
        if len(lines) > 9
        else []
    )


def _forms(part: str) -> Iterator[tuple[str, str]]:
    raw = part.encode("utf-8", "surrogatepass")
    yield part, "as it is"
    for ascii_only in (True, False):
        text = json.dumps(part, ensure_ascii=ascii_only)[1:-1]
        yield text, "in JSON"
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1], "in JSON in JSON"
    yield repr(part)[1:-1], "as repr"
    yield ascii(part)[1:-1], "as ascii"
    yield repr(raw)[2:-1], "as repr of bytes"
    for quoted in (quote(part, safe=""), quote(part), quote_plus(part)):
        yield quoted, "in a URL"
        yield re.sub("%..", lambda m: m[0].lower(), quoted), "in a URL"
    yield html.escape(part), "in HTML"
    yield html.escape(part, quote=False), "in HTML"
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode()
        text = text[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
        yield text, "in base64"
        yield text.replace("+", "-").replace("/", "_"), "in base64"
    yield raw.hex(), "in hex"
    yield raw.hex().upper(), "in hex"
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, raw).digest()
        yield digest.hex(), name
        yield base64.b64encode(digest).decode().rstrip("="), name


def leaks(text: bytes | str, secrets: Mapping[str, str]) -> list[str]:
    """Which secrets a text holds, each with the form it was found in; empty is what it has to be."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return [
        f"{name}: {how}"
        for name, value in secrets.items()
        for form, how in marks(value).items()
        if form in raw
    ]  # fmt: skip


def leaks_in_files(folder: Path, secrets: Mapping[str, str], *, but: Iterable[Path] = ()) -> list[str]:
    """The same for the names and contents of all files below a folder; `but`: those that the test itself wrote them to."""
    skipped = set(but)
    found = []
    for path in sorted(p for p in folder.rglob("*") if p not in skipped):
        found += [f"the name {path.name}: {leak}" for leak in leaks(path.name, secrets)]
        if path.is_file() and not path.is_symlink():
            found += [f"{path.name}: {leak}" for leak in leaks(path.read_bytes(), secrets)]
    return found


def leaks_in_requests(
    log: Iterable[Entry], secrets: Mapping[str, str], needs: Mapping[str, str]
) -> list[str]:
    """Every byte that a server received, but for what has to be there.

    `needs`: name of a secret -> id of the one resource whose body it belongs into. WSYNC_CLIENT_SECRET belongs into the
    token request, WSYNC_TOKEN into the authorization header.
    """
    found = []
    for entry in log:
        head = {k: v for k, v in entry.headers.items() if k != "authorization"}
        places = {"path": entry.raw_path, "headers": repr(head)}
        found += [
            f"{entry} {place}: {leak}" for place, text in places.items() for leak in leaks(text, secrets)
        ]
        allowed = set()
        if entry.path == TOKEN_PATH:
            allowed.add("WSYNC_CLIENT_SECRET")
        elif entry.method in ("POST", "PUT") and isinstance(entry.body, dict):
            allowed |= {name for name, who in needs.items() if entry.body.get("id") == who}
        forbidden = {name: value for name, value in secrets.items() if name not in allowed}
        found += [f"{entry} body: {leak}" for leak in leaks(entry.raw, forbidden)]
        if entry.path != TOKEN_PATH:
            others = {name: value for name, value in secrets.items() if name != "WSYNC_TOKEN"}
            found += [
                f"{entry} token: {leak}" for leak in leaks(entry.headers.get("authorization", ""), others)
            ]
    return found


@dataclass
class Overheard:
    """What the runs of one test said, and the secrets that they were given; searched when the test is over.

    `written`: files into which the test itself wrote secrets.
    """

    runs: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list, repr=False)
    written: set[Path] = field(default_factory=set)

    def hear(self, env: Mapping[str, str], *words: str) -> None:
        self.runs.append((secrets_among(env), "\0".join(words).encode("utf-8", "surrogatepass")))

    def leaks(self, folder: Path) -> list[str]:
        found = [leak for secrets, said in self.runs for leak in leaks(said, secrets)]
        everything = {name: value for secrets, _ in self.runs for name, value in secrets.items()}
        return found + (leaks_in_files(folder, everything, but=self.written) if everything else [])


def secrets_among(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of a test's run that hold secrets: the client's own, and whatever is not the program's."""
    own = ("WSYNC_CLIENT_SECRET", "WSYNC_TOKEN")
    plain = ("PATH", "HOME", "LANG", "TERM", "TMPDIR", "NO_COLOR", "COLUMNS", "CLICOLOR_FORCE")
    return {
        name: value
        for name, value in env.items()
        if len(value.strip()) >= 12  # shorter ones may be words of our own
        and value.strip("*")
        and (name in own or not name.startswith(("WSYNC_", "PYTHON", "GITHUB_", "LC_", "SSL_", *plain)))
    }
