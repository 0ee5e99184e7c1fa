"""Every way a command can end: its exit code, and with `-f json` exactly one document on stdout, through real processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import Done, Wsync
from estate import SECRETS, connection, model, pipeline
from fault_server import Entry, Fault, FaultServer, reset_before, status_before
from projects import write_project

DIGEST = "sha256:" + "0" * 64
ALL = (connection(), model(), pipeline())


def nothing(server: FaultServer, folder: Path) -> None:
    """Nothing is live."""


def applied(server: FaultServer, folder: Path) -> None:
    """All is live as declared."""
    for document in ALL:
        body = {k: v for k, v in document.items() if k != "kind"}
        server.workspace.seed(document["kind"], body)


def drifted(server: FaultServer, folder: Path) -> None:
    applied(server, folder)
    server.workspace.edit("model", "orders", "name", "By hand")


def faulted(server: FaultServer, folder: Path) -> None:
    applied(server, folder)
    server.workspace.edit("pipeline", "hourly", "status", "faulted")


def faults_at_once(server: FaultServer, folder: Path) -> None:
    """The pipeline is faulted as soon as it is made."""

    def fault(server: FaultServer, _entry: Entry) -> None:
        server.workspace.edit("pipeline", "hourly", "status", "faulted")

    server.on("POST", "/inputs/data-pipelines", Fault(after=fault))


def forbidden(server: FaultServer, folder: Path) -> None:
    server.on("GET", "/connections", status_before(403, "no access"), times=None)


def down(server: FaultServer, folder: Path) -> None:
    server.on("GET", "*", reset_before(), times=None)


def pipeline_refused(server: FaultServer, folder: Path) -> None:
    server.on("POST", "/inputs/data-pipelines", status_before(400, "no such field transformation"))


def model_refused(server: FaultServer, folder: Path) -> None:
    applied(server, folder)
    server.workspace.edit("model", "orders", "name", "By hand")
    server.on("PUT", "/data-models/*", status_before(400, "bad SQL"))


def invalid(server: FaultServer, folder: Path) -> None:
    (folder / "bad.yaml").write_text("kind: model\nid: bad\nnaem: x\n")


def no_manifest(server: FaultServer, folder: Path) -> None:
    for file in folder.glob("0*.yaml"):
        file.unlink()


def none_for_this_target(server: FaultServer, folder: Path) -> None:
    write_project(folder, server, [{**model("other"), "targets": ["elsewhere"]}], owns=["*/*"])
    settings = json.loads((folder / "wsync.yaml").read_text())
    settings["targets"]["elsewhere"] = settings["targets"]["test"]
    settings["default_target"] = "test"
    (folder / "wsync.yaml").write_text(json.dumps(settings))
    server.workspace.seed("model", {k: v for k, v in model().items() if k != "kind"})


def replaced(server: FaultServer, folder: Path) -> None:
    """A change that needs more than `max_deletes` allows."""
    applied(server, folder)
    server.workspace.edit("pipeline", "hourly", "pipeline_type", "events")
    server.workspace.edit("pipeline", "hourly", "field_transformation_id", "ft")


def saved_for_another(server: FaultServer, folder: Path) -> None:
    saved(server, folder, target="staging")


def saved_in_another_format(server: FaultServer, folder: Path) -> None:
    saved(server, folder, format_version="9.0")


def saved(server: FaultServer, folder: Path, **changes: object) -> None:
    """`plan.json` beside the project: an empty plan, whose digest is right whatever it is for."""
    from reconciler.plan.change import Plan
    from reconciler.render.document import json_document, plan

    target = str(changes.pop("target", "test"))
    document = plan(Plan(target, server.workspace_id, server.host, (), no_op=0))
    (folder.parent / "plan.json").write_text(json_document({**document, **changes}))


def cut_short(server: FaultServer, folder: Path) -> None:
    saved(server, folder)
    file = folder.parent / "plan.json"
    file.write_text(file.read_text()[:100])


def edited(server: FaultServer, folder: Path) -> None:
    saved(server, folder, digest=DIGEST)


@dataclass(frozen=True)
class Case:
    """A way to end. `beside` are keys that the document has beside `error` and `exit`."""

    arguments: str
    setup: Callable[[FaultServer, Path], None]
    code: int
    beside: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    writes: int = 0
    real: bool = False  # as a process of its own: a few of each kind

    @property
    def name(self) -> str:
        env = " ".join(f"{k}={v!r}" for k, v in self.env.items())
        return f"{self.arguments} {env} {self.setup.__name__} {self.code}".replace("  ", " ")


KNOWN = ("digest", "changes", "summary", "unmanaged", "warnings")
CASES = [
    # 0: done, or nothing to do
    Case("validate", nothing, 0, {"valid": True, "problems": []}, real=True),
    Case("plan", nothing, 0),
    Case("plan --detailed-exitcode", applied, 0, real=True),
    Case("drift", applied, 0),
    Case("drift", faulted, 0),
    Case("apply --auto-approve", nothing, 0, {"result": "applied"}, writes=3, real=True),
    Case("apply", applied, 0, {"result": "unchanged", "changes": []}),
    Case(f"apply --expect {DIGEST}", applied, 0, {"result": "unchanged"}),
    # 1: an error, and nothing was written
    Case("validate", invalid, 1, {"valid": False}, real=True),
    Case("validate -t nope", nothing, 1, {"valid": False, "problems": []}),
    Case("validate", no_manifest, 1, {"valid": False}),
    Case("plan", invalid, 1, {"valid": False}),
    Case("plan --detailed-exitcode", invalid, 1, {"valid": False}),
    Case("plan -t nope", nothing, 1),
    Case("plan", forbidden, 1, real=True),
    Case("plan --detailed-exitcode", down, 1),
    Case("drift", forbidden, 1),
    Case("drift", down, 1),
    Case("plan", nothing, 1, env={"WSYNC_CLIENT_SECRET": ""}),
    Case("plan", nothing, 1, env={"WSYNC_WORKSPACE_ID": "42"}),
    Case("plan --var nope=1", nothing, 1),
    Case("apply --auto-approve", invalid, 1, {"result": "failed", "valid": False}),
    Case("apply --auto-approve", forbidden, 1, {"result": "failed"}),
    Case("apply --auto-approve", down, 1, {"result": "failed"}),
    Case("apply --auto-approve", nothing, 1, {"result": "failed"}, env={"WH_PASSWORD": ""}, real=True),
    Case("apply --auto-approve", no_manifest, 1, {"result": "failed"}),
    Case("apply --auto-approve", model_refused, 1, {"result": "failed"}, writes=1, real=True),
    Case("apply ../plan.json", nothing, 1, {"result": "failed"}),
    Case("apply ../plan.json", cut_short, 1, {"result": "failed"}),
    Case("apply ../plan.json", edited, 1, {"result": "failed"}),
    Case("show ../plan.json", nothing, 1),
    Case("show ../plan.json", cut_short, 1),
    Case("graph", invalid, 1, {"valid": False}),
    # 2: changes
    Case("plan --detailed-exitcode", nothing, 2, real=True),
    Case("drift", nothing, 2),
    Case("drift", drifted, 2, real=True),
    Case("drift", none_for_this_target, 2),
    # 3: stopped part-way
    Case("apply --auto-approve", pipeline_refused, 3, {"result": "partial"}, writes=3, real=True),
    # 4: refused before any write
    Case("apply", nothing, 4, {"result": "refused"}, real=True),
    Case(f"apply --expect {DIGEST}", nothing, 4, {"result": "refused"}),
    Case("apply --expect bogus", nothing, 4, {"result": "refused"}),
    Case("apply --expect bogus", applied, 4, {"result": "refused"}),
    Case("apply --expect= --auto-approve", nothing, 4, {"result": "refused"}),
    Case("apply --expect=", applied, 4, {"result": "refused"}),
    Case("apply --auto-approve", nothing, 4, {"result": "refused"}, env={"WSYNC_EXPECT": ""}, real=True),
    Case("apply --auto-approve", replaced, 4, {"result": "refused"}),
    Case("apply --auto-approve", none_for_this_target, 4, {"result": "refused"}),
    Case("apply --auto-approve --max-deletes 999", none_for_this_target, 4, {"result": "refused"}),
    Case("apply ../plan.json", saved, 4, {"result": "refused"}),
    Case("apply ../plan.json", saved_for_another, 4, {"result": "refused"}, real=True),
    Case("apply ../plan.json --auto-approve", saved_in_another_format, 4, {"result": "refused"}),
    # 5: applied, but not well
    Case("apply --auto-approve --wait 0.1", faults_at_once, 5, {"result": "applied"}, writes=3, real=True),
    # 64: usage
    Case("apply --max-deletes few", nothing, 64),
    Case("plan", nothing, 64, env={"WSYNC_TIMEOUT": "soon"}),
    Case("plan --nope", nothing, 64, real=True),
]  # fmt: skip


def run(case: Case, form: str, server: FaultServer, folder: Path, wsync: Wsync) -> Done:
    write_project(folder, server, ALL, owns=["*/*"])
    case.setup(server, folder)
    words = [
        str(folder.parent / word[3:]) if word.startswith("../") else word for word in case.arguments.split()
    ]
    where = [] if case.arguments.startswith("show") else ["-C", folder]
    env = {**server.environ, **SECRETS, **case.env}
    done = wsync(*words, *where, "-f", form, env=env)
    assert done.code == case.code, done
    assert len(server.writes()) == case.writes
    return done


@pytest.mark.parametrize("case", [c for c in CASES if c.real], ids=lambda c: c.name)
def test_a_process_ends_as_the_contract_says_with_one_document(
    case: Case, fault_server: FaultServer, tmp_path: Path, wsync_process: Wsync
) -> None:
    check_document(case, run(case, "json", fault_server, tmp_path / "project", wsync_process))


@pytest.mark.parametrize("case", [c for c in CASES if not c.real], ids=lambda c: c.name)
def test_a_command_ends_as_the_contract_says_with_one_document(
    case: Case, fault_server: FaultServer, tmp_path: Path, wsync: Wsync, quick: None
) -> None:
    check_document(case, run(case, "json", fault_server, tmp_path / "project", wsync))


def test_every_exit_code_of_the_contract_is_seen_from_outside() -> None:
    assert {c.code for c in CASES if c.real} == {0, 1, 2, 3, 4, 5, 64}  # 130: test_cli_interrupted


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_f224_an_api_that_is_down_never_looks_like_no_changes(
    command: str, fault_server: FaultServer, tmp_path: Path, wsync: Wsync, quick: None
) -> None:
    document = run(Case(command, down, 1), "json", fault_server, tmp_path / "project", wsync).document
    assert document.keys() == {"error", "exit"}


def check_document(case: Case, done: Done) -> None:
    document = done.document
    assert document.items() >= case.beside.items()
    failed = case.code not in (0, 2)
    assert ("error" in document) == failed
    if failed:
        assert document["exit"] == case.code
        assert document["error"].keys() == {"code", "message", "hint"}
        assert document["error"]["message"]
        assert "\n" not in document["error"]["message"]
    elif case.arguments.split()[0] in ("plan", "drift", "apply"):
        assert document.keys() >= set(KNOWN)
    for change in document.get("changes", []) if "result" in document else ():
        assert change["outcome"] in ("done", "failed", "skipped", "unknown", "not-started")
        assert (change["error"] is None) == (change["outcome"] in ("done", "not-started"))
    assert "Traceback" not in done.err


@pytest.mark.parametrize("case", [c for c in CASES if c.code in (1, 4, 64)], ids=lambda c: c.name)
def test_errors_go_to_stderr_and_say_what_and_what_to_do(
    case: Case, fault_server: FaultServer, tmp_path: Path, wsync: Wsync, quick: None
) -> None:
    done = run(case, "markdown" if len(case.name) % 2 else "text", fault_server, tmp_path / "project", wsync)
    if case.arguments == "validate":
        assert " error" in done.out  # what is wrong is what `validate` was asked for
    elif case.writes:
        assert "nothing was written" in done.out
    else:
        assert done.out == ""
        assert "error[WS" in done.err
        assert "= help: " in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("case", [c for c in CASES if c.code in (0, 2, 3, 5)], ids=lambda c: c.name)
def test_results_go_to_stdout_in_text(
    case: Case, fault_server: FaultServer, tmp_path: Path, wsync: Wsync, quick: None
) -> None:
    done = run(case, "text", fault_server, tmp_path / "project", wsync)
    assert done.out.strip()
    assert "error[WS" not in done.out + done.err
    if not case.arguments.startswith("apply"):
        assert done.err == ""


def test_f148_a_partial_failure_tells_of_every_change_in_json_and_in_words(
    fault_server: FaultServer, tmp_path: Path, wsync: Wsync, quick: None
) -> None:
    case = Case("apply --auto-approve", pipeline_refused, 3, writes=3)
    document = run(case, "json", fault_server, tmp_path / "json", wsync).document
    assert [(c["address"], c["outcome"]) for c in document["changes"]] == [
        ("connection/wh", "done"), ("model/orders", "done"), ("pipeline/hourly", "failed"),
    ]  # fmt: skip
    assert "no such field transformation" in document["changes"][2]["error"]
    assert document["error"]["message"] == "stopped part-way: 2 done, 1 failed"


def test_the_document_of_a_plan_is_what_out_writes_and_show_shows(
    fault_server: FaultServer, tmp_path: Path, wsync: Wsync
) -> None:
    folder = write_project(tmp_path / "project", fault_server, ALL)
    saved = tmp_path / "plan.json"
    done = wsync("plan", "-C", folder, "-f", "json", "--out", saved, env=fault_server.environ)
    assert done.out == saved.read_text(encoding="utf-8")
    assert wsync("show", saved, "-f", "json").out == done.out
    for form in ("text", "markdown"):
        planned = wsync("plan", "-C", folder, "-f", form, env=fault_server.environ).out
        assert wsync("show", saved, "-f", form).out == planned.replace(f" -C {folder}", "")
    verbose = wsync("show", saved, "-v").out
    assert "updated_at FROM x.y.z" in verbose


def test_out_is_written_beside_any_format_and_selection(
    fault_server: FaultServer, tmp_path: Path, wsync: Wsync
) -> None:
    folder = write_project(tmp_path / "project", fault_server, ALL)
    saved = tmp_path / "plan.json"
    done = wsync("plan", "-C", folder, "-s", "model/*", "--out", saved, env=fault_server.environ)
    assert done.out.startswith("Partial: only model/*")
    document = json.loads(saved.read_text(encoding="utf-8"))
    assert (document["partial"], document["select"]) == (True, ["model/*"])
