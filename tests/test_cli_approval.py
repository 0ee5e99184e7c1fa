"""What approves a plan: files, digests, a `yes` on a terminal; and that nothing else does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Wsync, clean_environment
from estate import SECRETS, Site, connection, model, outcomes, pipeline
from fault_server import FaultServer
from projects import write_project
from terminal import CTRL_C, CTRL_D, Session, on_terminal


@pytest.fixture
def planned(site: Site) -> Path:
    """A saved plan of three creates."""
    site.declare(connection(), model(), pipeline(), owns=["*/*"])
    return site.save()


def digest(plan: Path) -> str:
    return str(json.loads(plan.read_text(encoding="utf-8"))["digest"])


# --------------------------------------------------------------------------------- plan files


def test_a_plan_file_approves_itself_and_no_more(site: Site, planned: Path) -> None:
    site.redeclare(connection(), model(), pipeline(), model("more"))
    refused = site.apply(planned, approve=False)
    assert refused.code == 4
    assert "create model/more" in refused.document["error"]["message"]
    assert "model/more" in refused.err  # what moved
    assert site.writes() == []
    site.redeclare(connection(), model(), pipeline())
    assert site.apply(planned, approve=False).code == 0


def test_f152_f150_a_change_since_the_plan_is_refused_and_shown(site: Site, planned: Path) -> None:
    site.redeclare(connection(config__warehouse="WH_OTHER"), model(), pipeline())
    done = site.apply(planned, approve=False, form="text")
    assert (done.code, site.writes()) == (4, [])
    assert "WH_OTHER" in done.err
    assert "no approved plan holds this change: create connection/wh" in done.err


def test_auto_approve_overrides_neither_a_plan_file_nor_a_digest(site: Site, planned: Path) -> None:
    site.redeclare(connection(), model("other"), pipeline(runs="other"))
    assert site.apply(planned).code == 4
    assert site.apply("--expect", digest(planned)).code == 4
    assert site.writes() == []


def test_f156_a_plan_file_that_is_done_is_unchanged(site: Site, planned: Path) -> None:
    assert site.apply(planned, approve=False).code == 0
    before = site.writes()
    again = site.apply(planned, approve=False)
    assert (again.code, again.document["result"]) == (0, "unchanged")
    assert site.writes() == before


def test_two_plan_files_cover_what_both_hold(site: Site) -> None:
    site.declare(connection())
    first = site.save("first.json")
    site.redeclare(model())
    second = site.save("second.json")
    site.redeclare(connection(), model())
    assert site.apply(first, approve=False).code == 4
    assert site.apply(first, second, approve=False).code == 0


def _missing(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _empty(file: Path) -> None:
    file.write_text("")


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def _not_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


def _list(file: Path) -> None:
    file.write_text("[]")


def _report(file: Path) -> None:
    file.write_text('{"valid": true, "problems": []}')


def _edit(file: Path, **changes: Any) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**document, **changes}), encoding="utf-8")


def _edited_field(file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    document["changes"][0]["fields"][0]["after"] = "Something else"
    file.write_text(json.dumps(document), encoding="utf-8")


def _edited_digest(file: Path) -> None:
    _edit(file, digest="sha256:" + "0" * 64)


def _newer(file: Path) -> None:
    _edit(file, format_version="2.0")


@pytest.mark.parametrize("spoil", [_missing, _folder, _empty, _truncated, _not_text, _list, _report, _edited_field, _edited_digest])  # fmt: skip
def test_f154_what_cannot_be_read_as_a_plan_is_1_before_any_request(
    spoil: Any, site: Site, planned: Path
) -> None:
    spoil(planned)
    requests = len(site.server.log)
    done = site.apply(planned)
    assert (done.code, done.document["result"]) == (1, "failed")
    assert str(planned) in done.document["error"]["message"]
    assert "wsync plan --out FILE" in done.document["error"]["hint"]
    assert len(site.server.log) == requests


def test_f154_another_format_is_4_and_another_version_of_the_tool_is_no_matter(
    site: Site, planned: Path
) -> None:
    original = planned.read_text(encoding="utf-8")
    _newer(planned)
    assert site.apply(planned).code == 4
    planned.write_text(original, encoding="utf-8")
    _edit(planned, wsync_version="99.0", future_key={"a": 1})
    assert site.apply(planned, approve=False).code == 0


@pytest.mark.parametrize(
    "change", [{"workspace_id": "9999"}, {"host": "api.mparticle.com"}, {"target": "staging"}]
)
def test_f154_a_plan_for_elsewhere_is_4_even_when_nothing_is_left(
    change: dict[str, str], site: Site, planned: Path
) -> None:
    from reconciler.plan.document import from_bytes
    from reconciler.render.document import json_document, plan

    elsewhere = from_bytes(planned.read_bytes(), "plan")
    for key, value in change.items():
        object.__setattr__(elsewhere, key, value)
    assert site.apply(planned, approve=False).code == 0
    planned.write_text(json_document(plan(elsewhere)), encoding="utf-8")
    done = site.apply(planned)
    assert (done.code, done.document["result"]) == (4, "refused")
    assert next(iter(change.values())) in done.document["error"]["message"]


# ------------------------------------------------------------------------------------ digests


def test_a_digest_approves_that_plan(site: Site, planned: Path) -> None:
    done = site.apply("--expect", digest(planned), approve=False)
    assert done.code == 0
    assert set(outcomes(done).values()) == {"done"}


def test_the_command_that_a_plan_shows_applies_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    site.declare(connection(), {**model(), "name": "{{ var.title }}"}, pipeline(), vars={"title": "Orders"})
    planned = site.plan("-x", "pipeline/*", "--var", "title=Big orders").out
    command = planned.partition("Apply exactly this:\n")[2].strip()
    monkeypatch.chdir("/")
    done = site.wsync(*shlex.split(command)[1:], env={**site.server.environ, **site.secrets})
    assert done.code == 0, done
    assert len(site.writes()) == 2


@pytest.mark.parametrize("given", ["", " ", "bogus", "sha256:", "sha256:" + "0" * 63, "SHA256:" + "0" * 64])
@pytest.mark.parametrize("approve", [True, False])
def test_f155_a_digest_that_is_none_approves_nothing_whatever_the_plan(
    given: str, approve: bool, site: Site
) -> None:
    site.declare(connection())
    done = site.apply("--expect", given, approve=approve)
    assert (done.code, done.document["result"]) == (4, "refused")
    assert site.server.log == []


def test_f155_a_variable_that_is_set_and_empty_demands_a_digest(site: Site, wsync: Wsync) -> None:
    site.declare(connection())
    env = {**site.server.environ, **SECRETS, "WSYNC_EXPECT": ""}
    done = wsync("apply", "-C", site.folder, "--auto-approve", env=env)
    assert done.code == 4
    assert "it is empty: nothing is approved" in done.err
    assert site.server.log == []


def test_f155_a_digest_in_a_variable_counts(site: Site, planned: Path, wsync: Wsync) -> None:
    env = {**site.server.environ, **SECRETS, "WSYNC_EXPECT": digest(planned)}
    assert wsync("apply", "-C", site.folder, env=env).code == 0


def test_the_selection_is_part_of_what_a_digest_approves(site: Site, planned: Path) -> None:
    done = site.apply("--expect", digest(planned), "-s", "*/*", approve=False)
    assert done.code == 4


# ------------------------------------------------------------------------------------- prompt


@pytest.fixture
def shop(fault_server: FaultServer, tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", fault_server, [connection(), model(), pipeline()])


def answer(server: FaultServer, folder: Path, *arguments: str, typed: str) -> Session:
    env = clean_environment(folder.parent, {**server.environ, **SECRETS, "NO_COLOR": "1"})
    return on_terminal(["apply", *arguments], env=env, folder=folder, answers={"Only `yes` does: ": typed})


@pytest.mark.parametrize(
    ("typed", "code"), [("y\n", 4), ("\n", 4), (CTRL_D, 4), (CTRL_C, 130)]
)  # fmt: skip
def test_f198_only_a_yes_is_a_yes(typed: str, code: int, shop: Path, fault_server: FaultServer) -> None:
    done = answer(fault_server, shop, typed=typed)
    assert done.code == code
    assert "nothing was written" in done.screen
    assert fault_server.writes() == []


def test_a_yes_after_the_plan_applies_it(shop: Path, fault_server: FaultServer) -> None:
    done = answer(fault_server, shop, "-q", typed="yes\n")
    assert done.code == 0
    plan, _, after = done.screen.partition("Apply this to test? Only `yes` does: ")
    assert "+ create pipeline/hourly" in plan
    assert "Apply exactly this" not in plan
    assert "Applied" in after
    assert len(fault_server.writes()) == 3


def test_json_asks_as_well_and_still_prints_one_document(shop: Path, fault_server: FaultServer) -> None:
    done = answer(fault_server, shop, "-f", "json", "-o", "report.json", typed="yes\n")
    assert done.code == 0
    assert "+ create pipeline/hourly" in done.screen
    assert json.loads((shop / "report.json").read_text(encoding="utf-8"))["result"] == "applied"


def test_f198_without_a_terminal_nobody_is_asked(
    shop: Path, wsync_process: Wsync, fault_server: FaultServer
) -> None:
    done = wsync_process("apply", "-C", shop, env={**fault_server.environ, **SECRETS})
    assert done.code == 4
    assert "there is no terminal to ask on" in done.err
    assert "Only `yes`" not in done.err
    assert "`--expect sha256:" in done.err


# --------------------------------------------------------------------------- before the writes


def test_the_plan_that_apply_shows_does_not_ask_to_be_applied(site: Site) -> None:
    site.declare(connection(), model(), pipeline())
    done = site.apply(form="text")
    assert "Plan: 3 create" in done.err
    assert "Apply exactly this" not in done.err


def test_f038_a_doubtful_secret_is_sent_with_a_warning_that_names_it(site: Site) -> None:
    site.declare(connection())
    site.secrets["WH_PASSWORD"] = "correct horse battery staple\n"
    done = site.apply(form="text")
    assert done.code == 0
    assert "Warning: the secret WH_PASSWORD for config.password begins or ends with a line break" in done.err
    assert site.server.writes()[0].body["config"]["password"] == "correct horse battery staple\n"


def test_f032_all_missing_secrets_are_named_before_the_first_write(site: Site) -> None:
    site.declare(connection(), connection("b", secret="B_PASSWORD"), model(), pipeline(feed=True))
    site.secrets = {"WH_PASSWORD": "    ", "FEED_KEY": "****"}
    done = site.apply()
    assert (done.code, done.document["result"], site.writes()) == (1, "failed", [])
    message = done.document["error"]["message"]
    assert all(
        name in message
        for name in ("B_PASSWORD is not set", "WH_PASSWORD is empty", "FEED_KEY looks like a mask")
    )


def test_a_glob_that_matches_nothing_is_warned_of_though_nothing_is_to_do(site: Site) -> None:
    site.declare(connection())
    done = site.apply("-s", "pipline/*", form="text")
    assert done.code == 0
    assert "`pipline/*` matches no address" in done.err
