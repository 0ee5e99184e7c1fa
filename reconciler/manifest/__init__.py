"""From the files of a project to the state it asks for, or to everything that is wrong with them, in one run.

Laws: nothing is declared unless every file was read and understood; no file outside the project is read, no secret
is needed or shown; the same files in any order, under any names, declare the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.errors import InvalidProject, Problem
from reconciler.manifest.check import check
from reconciler.manifest.documents import Manifest, Reading, manifests, usable_id
from reconciler.manifest.references import Entry, clashes, dangling, shared_secrets
from reconciler.manifest.scalars import Included, Rendering
from reconciler.manifest.template import is_template
from reconciler.project import Project, Target
from reconciler.resource import Address, DesiredState

__all__ = ["Loaded", "load", "validate"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a project declares for one target. `files`: how many manifest files were read."""

    desired: DesiredState
    warnings: tuple[Problem, ...]
    files: int


def load(project: Project, target: Target) -> Loaded:
    """Reads, renders and checks every manifest for one target. Raises `InvalidProject` with all problems of all files."""
    with _without_gc():
        reading = Reading()
        included = Included(project.root)
        entries, problems = _resources(manifests(project, reading), included, target, reading)
        found = _in_order([*reading.problems, *problems])
        if _errors(found):
            raise InvalidProject(found, files=reading.files)
        resources = {declared.address: declared for declared, _ in entries}
        ordered = {address: resources[address] for address in sorted(resources)}
        return Loaded(DesiredState(ordered, reading.documents), tuple(found), reading.files)


def validate(project: Project, targets: Sequence[Target]) -> tuple[list[Problem], int]:
    """Every problem of the project for these targets, in order of place, and how many manifest files were read.

    A problem that not all of the targets have says which do.
    """
    with _without_gc():
        reading = Reading()
        read = list(manifests(project, reading))
        included = Included(project.root)
        having: dict[Problem, list[str]] = {}
        for target in targets:
            for problem in dict.fromkeys(_resources(read, included, target, reading)[1]):
                having.setdefault(problem, []).append(target.name)
        problems = [p if len(names) == len(targets) else _for(p, names) for p, names in having.items()]
        return _in_order([*reading.problems, *problems]), reading.files


def _resources(
    read: Iterable[Manifest], included: Included, target: Target, reading: Reading
) -> tuple[list[Entry], list[Problem]]:
    """What is declared for one target, and its problems. `reading` is complete once `read` is used up."""
    rendering = Rendering(included, target.vars)
    entries: list[Entry] = []
    problems: list[Problem] = []
    elsewhere: dict[Address, frozenset[str]] = {}
    for manifest in read:
        if manifest.targets is not None and target.name not in manifest.targets:
            if name := usable_id(manifest.body.get("id")):
                address = Address(manifest.kind.kind, name)
                elsewhere[address] = elsewhere.get(address, frozenset()) | manifest.targets
            continue
        checked = check(manifest, rendering)
        problems += checked.problems
        if checked.declared is not None:
            entries.append((checked.declared, checked.origin))
        elif is_template(str(manifest.body.get("id"))):
            reading.unnamed.add(manifest.kind.kind)
    problems += clashes(entries)
    problems += dangling(entries, elsewhere, target, reading)
    problems += shared_secrets(entries)
    return entries, problems + included.warnings


def _for(problem: Problem, targets: Sequence[str]) -> Problem:
    return replace(problem, message=f"{problem.message} (target {', '.join(targets)})")


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=Problem.sort_key)


def _errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


@contextmanager
def _without_gc() -> Iterator[None]:
    """The collector paused: loading makes many objects and no garbage in cycles, and searching them takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
