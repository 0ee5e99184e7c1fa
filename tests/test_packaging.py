"""What is shipped and from what it is built: the wheel, the lock, the workflows."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from email import message_from_string
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import reconciler

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))


def declared() -> list[Requirement]:
    """Every requirement in pyproject.toml: of running, of the extras, of developing and of building."""
    project = PYPROJECT["project"]
    lists = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
        PYPROJECT["build-system"]["requires"],
    ]
    return [Requirement(line) for each in lists for line in each]


def locked() -> Iterator[tuple[str, str, list[str], bool]]:
    """Each entry of requirements.lock: name, version, hashes, whether pyproject.toml asks for it itself."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=[a-z0-9])", re.sub(r"\A(#.*\n)+", "", text)):
        name, version = re.match(r"([a-z0-9._-]+)==([^ ;]+)", entry).groups()  # type: ignore[union-attr]
        yield name, version, re.findall(r"--hash=(sha256:[0-9a-f]{64})\b", entry), "(pyproject.toml" in entry


def test_the_lock_satisfies_pyproject_and_holds_nothing_that_nobody_asks_for() -> None:
    versions = {name: version for name, version, _, _ in locked()}
    unsatisfied = [
        str(r) for r in declared() if versions.get(canonicalize_name(r.name), "0") not in r.specifier
    ]
    assert not unsatisfied, "requirements.lock is stale: run the command in its first lines"
    asked_for = {name for name, _, _, direct in locked() if direct}
    assert asked_for == {canonicalize_name(r.name) for r in declared()}


def imported(folder: Path) -> set[str]:
    """The distributions that the modules in and below a folder import, wherever in them."""
    statements = [
        node
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {
        name.split(".")[0]
        for node in statements
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    of = packages_distributions()
    foreign = (
        names - sys.stdlib_module_names - {"reconciler", "pydantic_core"}
    )  # the core comes with pydantic
    return {canonicalize_name(of[name][0]) for name in foreign}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = PYPROJECT["project"]
    always = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    serving = {
        canonicalize_name(Requirement(line).name) for line in project["optional-dependencies"]["emulator"]
    }
    assert imported(ROOT / "reconciler") == always | serving
    assert imported(ROOT / "reconciler" / "emulator") >= serving


def test_f245_every_locked_package_has_hashes() -> None:
    assert [name for name, _, hashes, _ in locked() if not hashes] == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_f247_no_file_names_an_index_or_an_address_to_download_from(name: str) -> None:
    text = re.sub("#.*", "", (ROOT / name).read_text(encoding="utf-8"))
    assert not re.search(r"https?://|index|find-links|trusted-host|git\+", text)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheel, built twice."""
    built: list[Path] = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("dist")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        built += folder.iterdir()
    return built


def test_f250_two_builds_are_the_same_bytes(wheels: list[Path]) -> None:
    first, second = wheels
    assert first.name == second.name == f"wsync_reconciler-{reconciler.__version__}-py3-none-any.whl"
    assert first.read_bytes() == second.read_bytes()


def test_the_wheel_holds_the_typed_package_its_command_and_its_license(wheels: list[Path]) -> None:
    info = f"wsync_reconciler-{reconciler.__version__}.dist-info"
    with ZipFile(wheels[0]) as wheel:
        names = set(wheel.namelist())
        metadata = message_from_string(wheel.read(f"{info}/METADATA").decode())
        entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    assert {name.split("/")[0] for name in names} == {"reconciler", info}
    assert {"reconciler/py.typed", f"{info}/licenses/LICENSE"} <= names
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "reconciler").rglob("*.py")} <= names
    examples = {p.removeprefix("reconciler/example/") for p in names if p.startswith("reconciler/example/")}
    assert examples == {
        p.relative_to(ROOT / "manifests").as_posix()
        for p in (ROOT / "manifests").rglob("*")
        if p.is_file() and ".wsync" not in p.parts
    }
    assert entry_points.split() == ["[console_scripts]", "wsync", "=", "reconciler.cli:main"]
    assert metadata["Version"] == reconciler.__version__
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_demo_runs_from_the_wheel_alone(wheels: list[Path], tmp_path: Path) -> None:
    with ZipFile(wheels[0]) as wheel:
        wheel.extractall(tmp_path)
    start = "import reconciler.cli as cli; print(cli.__file__); cli.main()"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", start, "demo"],
        cwd=tmp_path,
        env=unmeasured | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(str(tmp_path))
    assert done.returncode == 0, done.stderr


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return found


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_f240_a_job_has_only_the_permissions_it_lists_and_an_end(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {}
    for job in jobs(workflow).values():
        assert isinstance(job["permissions"], dict)
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_f242_actions_are_pinned_by_commit_and_keep_no_credentials(workflow: Path) -> None:
    uses = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert uses
    assert [u for u in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", u)] == []
    for job in jobs(workflow).values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_f229_nothing_that_others_wrote_is_pasted_into_a_shell(workflow: Path) -> None:
    steps = [step for job in jobs(workflow).values() for step in job["steps"]]
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []
