"""The seven laws, each over generated projects and live states, through the command line and a real socket.

Law 4 (secrecy) and law 6 (resumable) have files of their own: test_canary.py and test_crash_matrix.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Wsync
from fault_server import FaultServer
from hypothesis import given
from hypothesis import strategies as st
from projects import write_manifests, write_project
from worlds import Document, as_body, sides

from reconciler.resource import Address, kinds

SECRETS = {f"PASSWORD_{i}": f"pässword-{i}" for i in "ABCDE"} | {"FEED": "feed-key"}
ALL = ("apply", "--auto-approve", "--max-deletes", "99", "-f", "json")


@pytest.fixture(scope="module")
def shared_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def server(shared_server: FaultServer) -> FaultServer:
    return shared_server


def _fresh(server: FaultServer, live: list[Document]) -> None:
    server.heal()
    for path in server.workspace.collections:
        server.workspace.collections[path].clear()
    server.log.clear()
    server.workspace.violations.clear()
    for document in live:
        server.workspace.seed(document["kind"], as_body(document))


def _addresses(documents: list[Document]) -> set[str]:
    return {f"{d['kind']}/{d['id']}" for d in documents}


def _environment(server: FaultServer) -> dict[str, str]:
    return {**server.environ, **SECRETS}


@given(desired=sides(), live=sides())
def test_law_1_after_a_successful_apply_the_plan_is_empty(
    server: FaultServer, wsync: Wsync, tmp_path: Path, desired: list[Document], live: list[Document]
) -> None:
    _fresh(server, live)
    project = write_project(tmp_path / "p", server, desired, owns=["*"])
    done = wsync(*ALL, "-C", project, env=_environment(server))
    if done.code == 4:
        assert all(c["refused"] or c["outcome"] == "not-started" for c in done.document["changes"])
        assert any(c["refused"] for c in done.document["changes"])
        assert server.writes() == []
        return
    assert done.code == 0, done
    assert server.workspace.violations == []
    again = wsync("plan", "-C", project, "-f", "json", env=server.environ).document
    assert again["changes"] == []
    for document in desired:
        stored = server.workspace.stored(document["kind"], document["id"])
        assert stored is not None
        for path in ("password", "service_account_key"):
            if path in document.get("config", {}) and any(
                e.path.endswith(document["id"]) or e.is_write for e in server.log
            ):
                assert stored["config"][path] in (*SECRETS.values(), "live-secret")


@given(desired=sides(), live=sides(), seed=st.integers(0, 2**16))
def test_law_2_shuffled_files_and_answers_give_the_same_plan_and_digest(
    server: FaultServer,
    wsync: Wsync,
    tmp_path: Path,
    desired: list[Document],
    live: list[Document],
    seed: int,
) -> None:
    _fresh(server, live)
    project = write_project(tmp_path / "p", server, desired, owns=["*"])
    first = wsync("plan", "-C", project, "-f", "json", env=server.environ).document
    shuffler = random.Random(seed)
    shuffler.shuffle(desired)
    write_manifests(project, desired, prefix="z")
    for path, documents in server.workspace.collections.items():
        items = list(documents.items())
        shuffler.shuffle(items)
        server.workspace.collections[path] = dict(items)
    second = wsync("plan", "-C", project, "-f", "json", env=server.environ).document
    assert first["digest"] == second["digest"]
    for one, other in zip(first["changes"], second["changes"], strict=True):
        assert one | {"source": None} == other | {"source": None}
    assert {k: v for k, v in first.items() if k != "changes"} == {
        k: v for k, v in second.items() if k != "changes"
    }


@given(desired=sides(), live=sides(), parallelism=st.sampled_from((1, 4)))
def test_law_3_nothing_is_created_before_or_deleted_after_what_it_needs(
    server: FaultServer,
    wsync: Wsync,
    tmp_path: Path,
    desired: list[Document],
    live: list[Document],
    parallelism: int,
) -> None:
    """The server refuses what breaks a reference, so a wrong order would be seen as a failed write."""
    _fresh(server, live)
    project = write_project(tmp_path / "p", server, desired, owns=["*"])
    done = wsync(*ALL, "-C", project, "--parallelism", parallelism, env=_environment(server))
    assert done.code in (0, 4), done
    if done.code == 0 and parallelism == 1:
        planned = [(c["action"], c["kind"], c["id"]) for c in done.document["changes"]]
        assert _as_planned(server) == [step for change in planned for step in _steps(change)]


def _steps(change: tuple[str, str, str]) -> Iterator[tuple[str, str, str]]:
    action, kind, name = change
    for method in {
        "create": ("POST",),
        "update": ("PUT",),
        "delete": ("DELETE",),
        "replace": ("DELETE", "POST"),
    }[action]:
        yield method, kind, name


def _as_planned(server: FaultServer) -> list[tuple[str, str, str]]:
    paths = {kind.path: name for name, kind in kinds().items()}
    found = []
    for entry in server.writes():
        path = next(p for p in paths if entry.path.startswith(p))
        name = entry.body["id"] if entry.method == "POST" else entry.path[len(path) + 1 :]
        found.append((entry.method, paths[path], name))
    return found


@given(
    desired=sides(),
    live=sides(),
    owns=st.lists(st.sampled_from(("pipeline/*", "model/a", "*/b")), unique=True),
)
def test_law_5_no_write_goes_to_what_is_neither_declared_nor_owned(
    server: FaultServer,
    wsync: Wsync,
    tmp_path: Path,
    desired: list[Document],
    live: list[Document],
    owns: list[str],
) -> None:
    _fresh(server, live)
    project = write_project(tmp_path / "p", server, desired, owns=owns)
    before = server.workspace.snapshot()
    wsync(*ALL, "-C", project, env=_environment(server))
    ours = _addresses(desired)
    for _, kind, name in _as_planned(server):
        assert f"{kind}/{name}" in ours or Address(kind, name).matches(owns)
    for path, documents in before.items():
        kind = next(n for n, k in kinds().items() if k.path == path)
        for name, document in documents.items():
            address = Address(kind, name)
            if str(address) not in ours and not address.matches(owns):
                assert server.workspace.snapshot()[path][name] == document


@given(world=sides())
def test_law_7_no_difference_no_write(
    server: FaultServer, wsync: Wsync, tmp_path: Path, world: list[Document]
) -> None:
    """Declaring exactly what is live gives an empty plan, and applying it writes nothing."""
    _fresh(server, world)
    project = write_project(tmp_path / "p", server, world, owns=["*"])
    plan = wsync("plan", "-C", project, "--detailed-exitcode", "-f", "json", env=server.environ)
    assert plan.code == 0, plan.document["changes"]
    assert plan.document["summary"]["no-op"] == len(world)
    done = wsync("apply", "-C", project, "--auto-approve", "-f", "json", env=server.environ)
    assert (done.code, done.document["result"]) == (0, "unchanged")
    assert server.writes() == []
