"""Law 4, secrecy: with a canary as every secret, none is in any output, log, file, request or process argument.

A matrix of commands, of what servers do wrong, and of secrets whose shapes invite trouble. Where a test fails it tells
the secret's name and the form it was found in, never the value.
"""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import pickle
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import fault_server as server_module
import pytest
from canary import KEY, SHAPES, Overheard, leaks, leaks_in_files, leaks_in_requests
from conftest import Done, Wsync
from estate import connection, model, pipeline
from fault_server import (
    Entry,
    Fault,
    FaultServer,
    answers,
    meanwhile,
    redirect,
    reset_after,
    truncated,
)
from fault_server import (
    html as html_page,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import write_manifests, write_project

BIGQUERY = {
    "kind": "connection",
    "id": "bq",
    "name": "BigQuery",
    "state": "active",
    "service_provider": "BigQuery",
    "config": {
        "region": "us-east1",
        "project_id": "p",
        "dataset_id": "d",
        "service_account_id": "s@p",
        "service_account_key": "{{ secret('BQ_KEY') }}",
    },
}
ESTATE = (connection(), BIGQUERY, model(), pipeline(feed=True))
NEEDS = {"WH_PASSWORD": "wh", "BQ_KEY": "bq", "FEED_KEY": "hourly"}
FORMS = ("text", "json", "markdown")


@dataclass(repr=False)
class Watch:
    """A project with a canary as every secret; every run of it is searched."""

    server: FaultServer
    folder: Path
    top: Path
    secrets: dict[str, str]
    logged: io.StringIO
    overheard: Overheard
    _wsync: Wsync

    def __repr__(self) -> str:
        return "Watch"

    @property
    def manifests(self) -> list[Path]:
        return sorted(self.folder.glob("*.yaml"))

    def stored(self, kind: str, identifier: str) -> Any:
        return self.server.workspace.stored(kind, identifier)

    def declare(self, *manifests: Any, **target: Any) -> None:
        write_project(self.folder, self.server, manifests, owns=["*/*"], max_deletes=9, **target)

    def live(self, *documents: Any) -> None:
        """As if it had been applied before, with these secrets."""
        for document in documents:
            body = {k: v for k, v in json.loads(json.dumps(document)).items() if k != "kind"}
            for place in (body, body.get("config", {})):
                for key, value in place.items():
                    if isinstance(value, str) and value.startswith("{{ secret('"):
                        place[key] = self.secrets[value.split("'")[1]]
            self.server.workspace.seed(document["kind"], body)

    def run(self, *arguments: object, **env: str) -> Done:
        """One run, after which nothing may have leaked."""
        where = [] if arguments[0] == "show" else ["-C", self.folder]
        environ = {**self.server.environ, **self.secrets, **env}
        done = self._wsync(*arguments, *where, env=environ)
        found = [f"stdout: {leak}" for leak in leaks(done.out, self.secrets)]
        found += [f"stderr: {leak}" for leak in leaks(done.err, self.secrets)]
        found += [f"log: {leak}" for leak in leaks(self.logged.getvalue(), self.secrets)]
        found += leaks_in_files(self.top, self.secrets, but=self.overheard.written)
        found += leaks_in_requests(self.server.log, self.secrets, NEEDS)
        assert found == []
        assert "token-canary" not in done.out + done.err + self.logged.getvalue()
        assert "Traceback" not in done.err
        return done

    def plan(self, *arguments: object, **env: str) -> Done:
        return self.run("plan", *arguments, **env)

    def apply(self, *arguments: object, **env: str) -> Done:
        return self.run("apply", "--auto-approve", *arguments, **env)

    def everything(self) -> None:
        """Every command and format that reads."""
        for form in FORMS:
            self.run("validate", "-f", form)
            self.plan("-f", form, "-v", "--out", self.top / "plan.json")
            self.run("show", self.top / "plan.json", "-f", form, "-v")
            self.run("drift", "-f", form, "-o", self.top / f"drift.{form}")
            self.run("graph", "-f", form)


@pytest.fixture
def watch(
    fault_server: FaultServer,
    tmp_path: Path,
    wsync: Wsync,
    overheard: Overheard,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watch]:
    """Everything that a run could leave something in is below `tmp_path`, and everybody's log is on at DEBUG."""
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path / "work")
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    loggers = [logging.getLogger(name) for name in (None, "httpx", "httpcore", "asyncio")]
    before = [(logger, logger.level, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.addHandler(handler)
    watch = Watch(fault_server, tmp_path / "project", tmp_path, {}, logged, overheard, wsync)
    give(watch, monkeypatch, *list(SHAPES)[:4])
    watch.declare(*ESTATE)
    yield watch
    for logger, level, disabled in before:
        logger.setLevel(level)
        logger.disabled = disabled
        logger.removeHandler(handler)


def give(watch: Watch, patch: pytest.MonkeyPatch, *shapes: str) -> None:
    """The shapes of the warehouse password, the key, the feed key and the client secret."""
    names = ("WH_PASSWORD", "BQ_KEY", "FEED_KEY", "WSYNC_CLIENT_SECRET")
    watch.secrets.clear()
    watch.secrets.update({name: SHAPES[shape] for name, shape in zip(names, shapes, strict=True)})
    patch.setattr(server_module, "CLIENT_SECRET", watch.secrets["WSYNC_CLIENT_SECRET"])


# ------------------------------------------------------------------------------ the scan itself


@pytest.mark.parametrize("shape", SHAPES)
def test_the_scan_finds_every_form_of_every_shape(shape: str) -> None:
    secret = SHAPES[shape]
    forms = [
        secret, repr(secret), ascii(secret), json.dumps(secret), json.dumps({"a": [json.dumps(secret)]}),
        quote(secret), html.escape(secret), secret.encode().hex(), repr(secret.encode()),
        *(base64.b64encode(b"\0" * n + secret.encode() + b"more").decode() for n in range(3)),
    ]  # fmt: skip
    assert all(leaks(f"before {form} after", {"S": secret}) for form in forms)
    assert leaks("nothing but (secret), sha256:" + "0" * 64, {"S": secret}) == []


def test_the_scan_finds_a_piece_of_what_was_cut() -> None:
    assert leaks(SHAPES["long"][:60] + "…", {"S": SHAPES["long"]})
    assert leaks("…" + SHAPES["pem"][100:260], {"S": SHAPES["pem"]})
    assert leaks("key " + KEY["private_key_id"], {"S": SHAPES["key"]})


# ------------------------------------------------------------------------------------- shapes

ROUNDS = [tuple(list(SHAPES)[(n + k) % len(SHAPES)] for k in (0, 5, 9, 13)) for n in range(len(SHAPES))]


@pytest.mark.parametrize("shapes", ROUNDS, ids=[" ".join(r[:1]) for r in ROUNDS])
def test_f037_f066_f068_f069_f071_a_whole_life_leaks_nothing_and_every_secret_arrives(
    shapes: tuple[str, ...], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(watch, monkeypatch, *shapes)
    assert watch.plan("--out", watch.top / "plan.json").code == 0
    assert (
        watch.run("apply", watch.top / "plan.json", "-v", "-f", "json", "-o", watch.top / "report").code == 0
    )
    assert watch.stored("connection", "wh")["config"]["password"] == watch.secrets["WH_PASSWORD"]
    assert watch.stored("connection", "bq")["config"]["service_account_key"] == watch.secrets["BQ_KEY"]
    assert watch.stored("pipeline", "hourly")["partner_feed_key"] == watch.secrets["FEED_KEY"]
    write_manifests(watch.folder, [connection(config__warehouse="B"), *ESTATE[1:]])
    assert watch.plan("-f", "json", "--resend-secrets", "*/*").code == 0
    assert watch.apply("-f", "markdown", "--resend-secrets", "*/*").code == 0
    watch.server.on("PUT", "*", _echo(400), times=None)
    assert watch.apply("-v", "--resend-secrets", "connection/*").code == 1
    watch.server.heal()
    write_manifests(watch.folder, [model()])
    assert watch.apply("-f", "json").code == 0


def test_f053_f063_f067_every_command_on_whatever_answers_hold(watch: Watch) -> None:
    watch.live(*ESTATE)
    watch.server.workspace.edit("connection", "wh", "config.user", "somebody")
    answers_hold: tuple[Literal["mask", "omit", "clear"], ...] = ("mask", "omit", "clear")
    for shown in answers_hold:
        watch.server.workspace.switches.secrets = shown
        watch.everything()


# ------------------------------------------------------------------------------ what goes wrong


def _echo(status: int, spell: Callable[[str], str] = str) -> Fault:
    """Answers with the request's own body in its message."""

    def answer(server: FaultServer, entry: Entry) -> None:
        said = f"invalid request: {spell(entry.raw.decode())}"
        object.__setattr__(fault, "body", {"statusCode": status, "errors": [{"message": said}]})

    fault = Fault(execute=False, status=status, before=answer)
    return fault


def _echo_secrets(status: int, spell: Callable[[str], str], watch: Watch, *, raw: bool = False) -> Fault:
    """Answers with the secrets that it may have been sent, spelled in some way."""
    given = " ".join(file.read_text(encoding="utf-8") for file in watch.manifests)
    sent = [value for name, value in watch.secrets.items() if name in given or name.startswith("WSYNC_")]
    said = " | ".join(spell(secret) for secret in sent)
    body: Any = {"statusCode": status, "errors": [{"message": f"cannot log in with {said}"}]}
    if raw:
        body = f"<html><title>{said}</title>{said}".encode()
    return Fault(execute=False, status=status, body=body)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": json.dumps,
    "json in json": lambda s: json.dumps(json.dumps(s)),
    "repr": repr,
    "ascii": ascii,
    "url": lambda s: quote(s, safe=""),
    "html": html.escape,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 +1": lambda s: base64.b64encode(b"x" + s.encode()).decode(),
    "base64 +2": lambda s: base64.b64encode(b"xy" + s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
}


@pytest.mark.parametrize(
    ("status", "spelling"),
    [*((status, spelling) for status in (400, 505) for spelling in SPELLINGS), (500, "html"), (403, "json")],
)
def test_f062_f071_f096_what_a_server_echoes_in_any_spelling_is_not_passed_on(
    status: int, spelling: str, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = list(SPELLINGS).index(spelling) + 3 * status
    give(watch, monkeypatch, *ROUNDS[n % len(ROUNDS)])
    for method in ("POST", "PUT"):
        raw = status == 500
        watch.server.on(
            method, "/connections*", _echo_secrets(status, SPELLINGS[spelling], watch, raw=raw), times=None
        )
    done = watch.apply("-f", FORMS[n % 3], "-v")
    assert done.code in (1, 3)


def _not_found(watch: Watch) -> None:
    watch.server.on("GET", "/connections", _echo_secrets(404, str, watch))


def _unmasked_everywhere(watch: Watch) -> None:
    """Secrets in clear under other names, of other types, and in a provider that nobody knows."""
    watch.live(*ESTATE)
    watch.server.workspace.switches.secrets = "clear"
    secret = watch.secrets["WH_PASSWORD"]
    for path, value in {
        "config.db_passwd": secret,
        "config.source_password": secret,
        "config.private_key": [secret],
        "config.api_token": {"value": secret},
        "client_secret": secret,
        "credentials": {"user": "u", "pass": secret},
    }.items():
        watch.server.workspace.edit("connection", "wh", path, value)
    watch.server.workspace.seed("connection", {
        "id": "new", "name": "N", "state": "active", "service_provider": "Oracle", "config": {"db_passwd": secret},
    })  # fmt: skip


def _secrets_of_another_type(watch: Watch) -> None:
    watch.live(*ESTATE)

    def spoil(found: Any) -> Any:
        for document in found:
            config = document.get("config", {})
            for key in ("password", "service_account_key"):
                if key in config:
                    config[key] = {"value": watch.secrets["WH_PASSWORD"], watch.secrets["BQ_KEY"]: 1}
            if "partner_feed_key" in document:
                document["partner_feed_key"] = [watch.secrets["FEED_KEY"]]
        return found

    watch.server.on("GET", "*", Fault(alter=spoil), times=None)


def _config_is_the_secret(watch: Watch) -> None:
    watch.live(*ESTATE)
    watch.server.on(
        "GET", "/connections", Fault(alter=lambda found: [{**d, "config": watch.secrets["WH_PASSWORD"]} for d in found]),
        times=None,
    )  # fmt: skip


def _list_is_a_page(watch: Watch) -> None:
    watch.server.on("GET", "/connections", _echo_secrets(200, html.escape, watch, raw=True), times=None)


def _list_is_an_object(watch: Watch) -> None:
    watch.server.on("GET", "/data-models", answers({"items": [watch.secrets["BQ_KEY"]]}), times=None)


def _list_is_cut(watch: Watch) -> None:
    watch.live(*ESTATE)
    watch.server.workspace.switches.secrets = "clear"
    watch.server.on("GET", "/connections", truncated(-40), times=None)


def _redirected(watch: Watch) -> None:
    for method in ("GET", "POST", "PUT"):
        where = f"{watch.server.url}/else?password={quote(watch.secrets['WH_PASSWORD'])}"
        watch.server.on(method, "/connections*", redirect(where, 307), times=None)


def _redirected_after_the_plan(watch: Watch) -> None:
    where = f"https://evil.example/?key={quote(watch.secrets['WH_PASSWORD'])}"
    watch.server.on("POST", "*", redirect(where, 308), times=None)
    watch.server.on("POST", "/oauth/token", Fault(), times=None)


def _token_refused(watch: Watch) -> None:
    watch.server.on("POST", "/oauth/token", _echo(401, lambda body: body), times=None)


def _token_is_a_page(watch: Watch) -> None:
    watch.server.on("POST", "/oauth/token", html_page(), times=None)


def _token_of_another_shape(watch: Watch) -> None:
    body = {"access_token": watch.secrets["WSYNC_CLIENT_SECRET"] + "\n", "expires_in": "x"}
    watch.server.on("POST", "/oauth/token", answers(body), times=None)


def _token_not_accepted(watch: Watch) -> None:
    def say(server: FaultServer, entry: Entry) -> None:
        message = f"bad credentials {entry.headers['authorization']}"
        object.__setattr__(fault, "body", {"errors": [{"message": message}]})

    fault = Fault(execute=False, status=401, before=say)
    watch.server.on("GET", "*", fault, times=None)


def _lost_answers(watch: Watch) -> None:
    watch.server.on("POST", "/connections", reset_after(), times=2)
    watch.server.workspace.switches.secrets = "clear"


def _foreign(watch: Watch) -> None:
    """Made by somebody else between plan and write, and shown in clear."""
    watch.server.workspace.switches.secrets = "clear"
    watch.server.on(
        "POST", "/connections", meanwhile(lambda _: watch.live(connection(config__warehouse="OTHER")))
    )


def _stored_otherwise(watch: Watch) -> None:
    def mangle(body: Any) -> Any:
        return {**body, "name": "Something else", "state": "inactive"}

    watch.server.workspace.switches.secrets = "clear"
    watch.server.on("POST", "/connections", Fault(mangle=mangle), times=None)


def _faulted_with_words(watch: Watch) -> None:
    """The service tells of a failed login with the password in it."""
    watch.live(*ESTATE)
    said = [f"login failed: user etl, password {watch.secrets['WH_PASSWORD']}"]
    watch.server.workspace.edit("model", "orders", "name", "By hand")
    watch.server.on(
        "PUT", "/data-models/*", meanwhile(lambda w: w.edit("connection", "wh", "status", "faulted"))
    )
    watch.server.on(
        "PUT", "/data-models/*", meanwhile(lambda w: w.edit("connection", "wh", "errors", said)), nth=1
    )
    watch.server.workspace.edit("connection", "wh", "errors", [])


def _missing_secrets(watch: Watch) -> None:
    watch.secrets["FEED_KEY"] = "  "


def _never_filled_in(watch: Watch) -> None:
    watch.secrets["FEED_KEY"] = "${{ secrets.FEED_KEY_CANARY_Z99 }}"


def _broken_key(watch: Watch) -> None:
    """As people paste it: with the line breaks inside the JSON document."""
    watch.secrets["BQ_KEY"] = SHAPES["key"].replace("\\n", "\n")


def _doubled_key(watch: Watch) -> None:
    watch.secrets["BQ_KEY"] = json.dumps(SHAPES["key"])


FAULTS: list[Callable[[Watch], None]] = [
    _not_found, _unmasked_everywhere, _secrets_of_another_type, _config_is_the_secret, _list_is_a_page,
    _list_is_an_object, _list_is_cut, _redirected, _redirected_after_the_plan, _token_refused, _token_is_a_page,
    _token_of_another_shape, _token_not_accepted, _lost_answers, _foreign, _stored_otherwise, _faulted_with_words,
    _missing_secrets, _never_filled_in, _broken_key, _doubled_key,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: str(f.__name__).strip("_"))
def test_f052_f053_f061_f063_f064_f114_f200_f204_no_fault_brings_a_secret_out(
    fault: Callable[[Watch], None], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = FAULTS.index(fault)
    give(watch, monkeypatch, *ROUNDS[n % len(ROUNDS)])
    fault(watch)
    for form in FORMS:
        watch.plan("-f", form, "-v", "--out", watch.top / "plan.json")
        watch.run("drift", "-f", form)
    watch.apply("-f", FORMS[n % 3], "-v", "--wait", "0")
    watch.apply("-f", FORMS[(n + 1) % 3], "--resend-secrets", "*/*")


def test_f206_a_failed_handshake_tells_no_secret(watch: Watch) -> None:
    watch.declare(*ESTATE, api=watch.server.url.replace("http:", "https:"))
    done = watch.apply("-f", "json", "-v", "--timeout", "0.2")
    assert done.code == 1


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ünicode", "****************"])
def test_f200_a_malformed_token_is_named_by_its_variable_only(token: str, watch: Watch) -> None:
    watch.secrets["WSYNC_TOKEN"] = token + "cnry-token-Z42" * ("*" not in token)
    done = watch.plan("-f", "json", WSYNC_TOKEN=watch.secrets["WSYNC_TOKEN"])
    assert done.code == 1
    assert "WSYNC_TOKEN" in done.document["error"]["message"]


def test_f200_a_given_token_is_in_no_place_but_its_header(watch: Watch) -> None:
    watch.secrets["WSYNC_TOKEN"] = token = "cnry-given-token-Z43"
    for accepted, code in ((False, 1), (True, 0)):
        if accepted:
            watch.server.accept(token)
        assert watch.apply("-v", WSYNC_TOKEN=token).code == code


# --------------------------------------------------------------------------- in the wrong place


def _plaintext(secret: str) -> dict[str, Any]:
    return connection(config__password=secret)


def _in_another_field(secret: str) -> dict[str, Any]:
    return connection(config__database="{{ secret('WH_PASSWORD') }}", config__password=secret)


def _as_a_key(secret: str) -> dict[str, Any]:
    return connection(config={"password": {secret: 1}, secret: "x"})


def _as_the_provider(secret: str) -> dict[str, Any]:
    return {**connection(), "service_provider": secret}


def _as_the_kind(secret: str) -> dict[str, Any]:
    return {**connection(), "kind": secret}


def _as_a_list(secret: str) -> dict[str, Any]:
    return connection(config__password=[secret, {"x": secret}])


def _as_a_reference(secret: str) -> dict[str, Any]:
    return connection(secret=secret.replace("'", ""))


def _in_an_unknown_field(secret: str) -> dict[str, Any]:
    return connection(config__passwrd=secret, passwort=secret)


def _half_a_template(secret: str) -> dict[str, Any]:
    return connection(config__password=f"{secret}{{{{ secret('WH_PASSWORD') }}}}")


@pytest.mark.parametrize(
    "mistake",
    [_plaintext, _in_another_field, _as_a_key, _as_the_provider, _as_the_kind, _as_a_list, _in_an_unknown_field, _half_a_template],
    ids=lambda f: f.__name__.strip("_"),
)  # fmt: skip
@pytest.mark.parametrize("shape", ["quotes", "yaml", "pem", "key", "template", "zeros"])
def test_f022_f025_f052_f054_a_secret_written_into_a_manifest_is_refused_unseen(
    mistake: Callable[[str], dict[str, Any]], shape: str, watch: Watch
) -> None:
    watch.secrets["WH_PASSWORD"] = SHAPES[shape]
    watch.declare(mistake(SHAPES[shape]))
    watch.overheard.written.update(watch.manifests)
    for command, form in (
        ("validate", "text"),
        ("validate", "json"),
        ("validate", "markdown"),
        ("plan", "text"),
    ):
        done = watch.run(command, "-f", form)
        assert done.code == 1
    assert watch.server.log == []


# ------------------------------------------------------------------------------- in our own hands


def test_f063_nothing_that_was_read_holds_a_value_to_be_printed_or_pickled(watch: Watch) -> None:
    from reconciler.client import reader

    watch.live(*ESTATE)
    watch.server.workspace.switches.secrets = "clear"
    environ = watch.server.environ
    with reader(watch.server.url, watch.server.auth_url, watch.server.workspace_id, environ) as client:
        live = client.fetch()
        assert leaks(repr(client) + repr(vars(client)), watch.secrets) == []
    assert leaks(repr(live), watch.secrets) == []
    assert leaks(pickle.dumps(live), watch.secrets) == []


# ---------------------------------------------------------------------------------- any secret

FRAGMENTS = [
    "'",
    '"',
    "\\",
    "%",
    "#",
    ": ",
    "{{",
    "}}",
    "\n",
    "\r",
    "\t",
    "é",
    "🎉",
    "]",
    "`",
    "<",
    "&",
    "\x1b",
    "a",
    "0",
]
secrets = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=10, max_size=80),
    st.lists(st.sampled_from(FRAGMENTS), min_size=10, max_size=40).map("".join),
).filter(lambda s: len(s.strip()) >= 10 and len(set(s)) > 4)


@settings(max_examples=25)
@given(secret=secrets, spelling=st.sampled_from(list(SPELLINGS)), form=st.sampled_from(FORMS))
def test_law_4_whatever_the_secret_is_and_however_it_is_echoed_it_does_not_come_out(
    secret: str, spelling: str, form: str, watch: Watch
) -> None:
    watch.server.heal()
    watch.server.workspace.collections["/connections"].clear()
    watch.server.log.clear()
    watch.declare(connection())
    watch.secrets["WH_PASSWORD"] = secret
    watch.server.on("POST", "/connections", _echo_secrets(400, SPELLINGS[spelling], watch))
    refused = watch.apply("-f", form, "-v")
    assert refused.code == 1
    if watch.server.writes():  # it was no mask
        assert watch.apply("-f", form).code == 0
        assert watch.stored("connection", "wh")["config"]["password"] == secret
