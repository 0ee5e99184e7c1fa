"""Secrets on their way into a request body, and files and streams that an apply cannot write to.

Rows F032 to F038, F194, F199 and F215 of the catalogue.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import WSYNC, Wsync, clean_environment
from estate import API, Site, body, changed, connection, errors, model, path, pipeline
from fault_server import mangled, reset_after, status_after, status_before
from hypothesis import given
from hypothesis import strategies as st

WH, ORDERS, HOURLY = connection("wh"), model("orders"), pipeline("hourly", feed=True)

PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj" for _ in range(60))
    + "\n-----END PRIVATE KEY-----\n"
)
HOSTILE = {
    "double quote": 'pa"ss',
    "single quote": "pa'ss",
    "backslash": "C:\\new\\table",
    "percent": "100%s %(x)s %2F",
    "hash": "before # after",
    "colon": "key: value",
    "emoji": "pässwörd-🔑-\u200d",
    "pem": PEM,
    "json": json.dumps({"private_key": PEM, "type": "service_account"}),
    "newline at the end": "password\n",
    "octal": "0123456",
    "no": "NO",
    "date": "2023-02-01",
    "template": "{{ 7*7 }}",
    "template of ours": "a{{ secret('FEED_KEY') }}b",
    "statement": "{% for x in y %}",
    "markup": "[/] [bold]x",
    "workflow command": "::error::x",
    "fence": "```\n# x\n```",
    "braces": "{0} ${HOME} $(id) `id`",
    "carriage return": "a\rb\r\nc",
    "tab": "\ta\t",
    "long": "x1" * 20_000,
}


@pytest.mark.parametrize("secret", HOSTILE.values(), ids=HOSTILE)
def test_f036_f037_a_secret_of_any_shape_arrives_as_it_is(site: Site, secret: str) -> None:
    site.secrets["WH_PASSWORD"] = secret
    site.declare(WH)
    done = site.apply()
    assert done.code == 0, done
    assert site.holds(WH)
    site.redeclare(changed(WH, name="New"))
    assert site.apply().code == 0
    assert [e.body["config"]["password"] for e in site.server.writes()] == [secret] * 2
    assert site.server.workspace.violations == []


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200).filter(
        lambda s: s.strip() and len(set(s)) > 3
    )
)
def test_f037_any_text_arrives_as_it_is(site: Site, secret: str) -> None:
    """What looks like a mask is refused; everything else is the very text that was set."""
    site.server.workspace.collections["/connections"].clear()
    site.server.log.clear()
    site.secrets["WH_PASSWORD"] = secret
    site.declare(WH)
    done = site.apply()
    if done.code == 1:
        assert "mask" in done.document["error"]["message"]
        assert site.server.writes() == []
    else:
        assert done.code == 0, done
        assert [e.body["config"]["password"] for e in site.server.writes()] == [secret]


def test_f032_secrets_that_are_missing_are_named_all_at_once_before_the_first_write(site: Site) -> None:
    site.declare(
        *(connection(f"c{n}", secret=f"PW_{n}") for n in range(5)), *(model(f"m{n}") for n in range(3))
    )
    site.secrets |= {f"PW_{n}": "set-canary" for n in (0, 3)}
    done = site.apply()
    assert (done.code, done.document["result"], site.server.writes()) == (1, "failed", [])
    message = done.document["error"]["message"]
    assert all(f"PW_{n} is not set" in message for n in (1, 2, 4))
    assert not any(f"PW_{n} is not set" in message for n in (0, 3))


@pytest.mark.parametrize(
    "value", ["", " ", "\n\t ", "********", "••••••", "[masked]", "REDACTED", "****1234"]
)
def test_f033_f035_a_secret_that_is_empty_or_a_mask_is_refused_by_name(site: Site, value: str) -> None:
    site.secrets["WH_PASSWORD"] = value
    site.declare(WH, ORDERS)
    done = site.apply()
    assert (done.code, site.server.writes()) == (1, [])
    assert "WH_PASSWORD" in done.document["error"]["message"]
    assert value.strip() == "" or value not in done.out + done.err


def test_only_what_will_be_sent_is_resolved(site: Site) -> None:
    site.live(connection("c1", secret="WH_PASSWORD"))
    site.declare(connection("c1", secret="NOT_SET_AT_ALL"), ORDERS)
    assert site.apply().code == 0


def test_what_was_refused_needs_no_secret(site: Site) -> None:
    """The refusal is what matters, so it comes first."""
    site.secrets.clear()
    site.declare(WH)
    assert site.apply(approve=False).code == 4


def test_a_secret_that_the_service_echoes_is_not_passed_on(site: Site) -> None:
    secret = site.secrets["WH_PASSWORD"]
    site.declare(WH)
    site.server.on(
        "POST", "/connections", status_before(400, f"login {secret} failed for {secret}"), times=None
    )
    for form in ("json", "text", "markdown"):
        done = site.apply(form=form)
        assert done.code == 1
        assert secret not in done.out + done.err
        assert json.dumps(secret)[1:-1] not in done.out + done.err
    assert "login (secret) failed" in errors(site.apply())["connection/wh"]


# ---------------------------------------------------------------------- running it again


def test_f215_applying_twice_writes_once(site: Site) -> None:
    site.declare(WH, ORDERS, HOURLY)
    assert site.apply().code == 0
    before = len(site.server.writes())
    reports = [site.apply() for _ in range(2)]
    assert [(r.code, r.document["result"]) for r in reports] == [(0, "unchanged")] * 2
    assert reports[0].out == reports[1].out
    assert len(site.server.writes()) == before
    assert site.apply(form="text").out == site.apply(form="text").out


@pytest.mark.parametrize("kind", ["/connections", "/data-models", "/inputs/data-pipelines"])
def test_f199_an_apply_that_stopped_part_way_is_finished_by_the_same_command(site: Site, kind: str) -> None:
    site.declare(WH, ORDERS, HOURLY)
    approved = site.save()
    site.server.on("POST", kind, status_before(400, "no"), times=None)
    done = site.apply(approved, approve=False)
    assert done.code == 3, done
    site.server.heal()
    done = site.apply(approved, approve=False)
    assert done.code == 0, done
    assert site.holds(WH, ORDERS, HOURLY)
    assert site.server.workspace.violations == []


def test_f199_what_was_unknown_is_settled_by_the_same_command(site: Site) -> None:
    site.declare(WH, ORDERS, HOURLY)
    approved = site.save()
    site.server.on("POST", "/connections", reset_after())
    site.server.on("GET", path(WH), status_before(500), times=None)
    assert site.apply(approved, approve=False).code == 3
    site.server.heal()
    assert site.apply(approved, approve=False).code == 0
    assert site.holds(WH, ORDERS, HOURLY)


def test_f199_a_stored_connection_whose_password_was_wrong_is_mended_as_the_report_says(site: Site) -> None:
    site.secrets["WH_PASSWORD"] = "wrong-canary"
    site.declare(WH)
    site.server.on("POST", "/connections", status_after(505), times=None)
    done = site.apply()
    assert done.code == 3
    assert "--resend-secrets connection/wh" in errors(done)["connection/wh"]
    site.server.heal()
    site.secrets["WH_PASSWORD"] = "right-canary"
    assert site.apply("--resend-secrets", "connection/wh").code == 0
    assert site.stored(WH) == body(WH, {"WH_PASSWORD": "right-canary"})


# ------------------------------------------------------------------- files and streams


@pytest.mark.parametrize("target", ["/dev/full", "/nonexistent/report.json", "/proc/report.json", "."])
def test_f194_a_report_that_cannot_be_written_is_found_out_before_anything_is(
    site: Site, target: str
) -> None:
    site.declare(WH)
    done = site.apply("-o", target)
    assert (done.code, site.server.log) == (1, []), done


def test_f194_a_plan_that_cannot_be_kept_is_found_out_before_anything_is_read(site: Site) -> None:
    site.declare(WH)
    assert site.plan("--out", "/dev/full").code == 1
    assert site.server.log == []


def test_a_report_goes_to_its_file_whole(site: Site, tmp_path: Path) -> None:
    site.declare(WH)
    file = tmp_path / "report.json"
    done = site.apply("-o", file)
    assert (done.code, done.out) == (0, "")
    assert json.loads(file.read_text())["result"] == "applied"
    assert file.stat().st_mode & 0o777 == 0o600


def _shell(site: Site, home: Path, redirection: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", f"{WSYNC} apply -C {site.folder} --auto-approve {' '.join(arguments)} {redirection}"],
        env=clean_environment(home, {**site.server.environ, **site.secrets}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&- 2>&-"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_who_listens_to_notes_is_no_reason_to_stop(
    site: Site, tmp_path: Path, redirection: str, form: str
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    code, said = _shell(site, tmp_path, redirection, "-f", form)
    assert code == 0, said
    assert ("applied" in said) if form == "json" else ("Applied" in said)
    assert site.holds(WH, ORDERS, HOURLY)


@pytest.mark.parametrize("redirection", [">/dev/full", "| true"])
def test_a_report_that_nobody_takes_is_not_told_as_nothing_written(
    site: Site, tmp_path: Path, redirection: str
) -> None:
    site.declare(WH, ORDERS, HOURLY)
    code, said = _shell(site, tmp_path, f"{redirection}; exit ${{PIPESTATUS[0]}}")
    assert code in (0, 3), said  # a pipe may take it all before it breaks
    assert redirection != ">/dev/full" or code == 3
    assert site.holds(WH, ORDERS, HOURLY)


def test_closed_streams_are_not_taken_over_by_connections(site: Site, tmp_path: Path) -> None:
    site.declare(WH, ORDERS, HOURLY)
    code, said = _shell(site, tmp_path, "<&- >&- 2>&-", "-v")
    assert (code, said) == (0, "")
    assert site.holds(WH, ORDERS, HOURLY)
    assert {e.status for e in site.server.requests(path=API)} == {200}


def test_f058_nothing_is_said_of_a_secret_at_any_verbosity(site: Site, wsync_process: Wsync) -> None:
    site.wsync = wsync_process
    site.declare(WH, ORDERS, HOURLY)
    site.server.on("POST", API, reset_after())
    done = site.apply("-vvv", form="text")
    assert done.code == 0, done
    for secret in site.secrets.values():
        assert secret not in done.out + done.err


def test_a_secret_that_the_service_copied_into_another_field_is_not_shown_by_the_apply_that_sent_it(
    site: Site,
) -> None:
    """Only that apply can know it for what it is."""
    canary = "c4nary-copied-into-the-name"
    site.secrets = dict.fromkeys(site.secrets, canary)
    site.server.on("POST", "/connections", mangled(name=canary), times=None)
    site.declare(connection("wh"))
    done = site.apply()
    assert done.code == 5
    assert canary not in done.out + done.err
    assert "(secret)" in done.out
