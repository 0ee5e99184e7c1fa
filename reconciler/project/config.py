"""`wsync.yaml`: where it is looked for, and how it becomes a `Project`, strictly, with all its problems at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.errors import InvalidProject, Problem, ProjectError, did_you_mean, inert
from reconciler.fields import Wrong
from reconciler.project import codes
from reconciler.project.files import PROJECT_FILE, Unusable, read
from reconciler.project.findings import File, Shown, doubtful_lines
from reconciler.project.hosts import AUTH, api_url, checked_url, host_of
from reconciler.project.settings import Look
from reconciler.project.targets import EMULATOR_WORKSPACE, Project, Target
from reconciler.strictyaml import read_documents

_PROJECT_KEYS = ("default_target", "vars", "targets")
_TARGET_KEYS = (
    "workspace_id", "api", "auth", "emulator", "owns", "protect", "external", "max_deletes", "vars"
)  # fmt: skip
_BEGIN = (
    "a project begins with `targets: {local: {emulator: true}}` in wsync.yaml; `wsync demo` shows one at work"
)

_TARGET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_WORKSPACE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def find_project(directory: Path | None) -> Path:
    """The folder of the project: `directory`, else the current folder or the nearest above it, else `./manifests`.

    Raises `ProjectError`, which says where it looked.
    """
    if directory is not None:
        if _has_project(directory):
            return directory.absolute()
        raise ProjectError(f"no {PROJECT_FILE} in {inert(str(directory))}", hint=_nearby(directory))
    try:
        here = Path.cwd()
    except OSError:
        raise ProjectError("the current folder is gone", hint="change into one that exists") from None
    for folder in (here, *here.parents, here / "manifests"):
        if _has_project(folder):
            return folder
    looked = f"no {PROJECT_FILE} in {inert(str(here))}, in a folder above it, or in ./manifests"
    raise ProjectError(looked, hint=f"name the project's folder with -C DIR; {_BEGIN}")


def _has_project(folder: Path) -> bool:
    return os.path.lexists(folder / PROJECT_FILE)


def _nearby(directory: Path) -> str:
    if directory.is_file():
        return "-C takes a folder, not a file"
    if not directory.is_dir():
        return "there is no such folder: check -C"
    if (directory / "wsync.yml").exists():
        return f"there is a wsync.yml: name it {PROJECT_FILE}"
    if _has_project(directory / "manifests"):
        return f"did you mean -C {inert(str(directory / 'manifests'))}?"
    return _BEGIN


def load_project(root: Path) -> Project:
    """What `wsync.yaml` in `root` says. Raises `InvalidProject` with all that is wrong with it, `ProjectError` if it cannot be read."""
    try:
        raw, _ = read(root, PROJECT_FILE)
    except Unusable as unusable:
        raise ProjectError(
            f"{PROJECT_FILE}: {unusable.message}", hint=unusable.hint, code=unusable.code
        ) from None
    documents, problems = read_documents(raw, PROJECT_FILE)
    look = Look()
    project = None
    if len(documents) == 1:
        project = _project(look, root, documents[0].data)
    elif documents:
        look.wrong((), "several documents, but one is allowed here", hint="delete all `---` but the first")
    elif not _errors(problems):
        look.say(codes.SETTING_MISSING, "`targets` is missing: nothing is written here", (), hint=_BEGIN)
    file = File(PROJECT_FILE, raw)
    index = documents[-1].index if documents else 0
    doubtful = doubtful_lines(look.findings, file, index)
    odd_keys = any(finding.key and finding.code != codes.SETTING_MISSING for finding in look.findings)
    shown: Shown = "keys" if odd_keys else "lines"
    problems += [finding.problem(file, index, shown, doubtful) for finding in look.findings]
    if project is None or _errors(problems):
        raise InvalidProject(list(dict.fromkeys(problems)), files=1)
    return project


def _project(look: Look, root: Path, data: object) -> Project:
    top = look.mapping(data, (), PROJECT_FILE)
    look.known_keys(top, (), _PROJECT_KEYS, PROJECT_FILE)
    shared = look.variables(top, ())
    targets: dict[str, Target] = {}
    if "targets" not in top and isinstance(data, dict):
        look.say(codes.SETTING_MISSING, "`targets` is missing", ("targets",), key=True, hint=_FIRST_TARGET)
    elif isinstance(data, dict):
        entries = look.mapping(top["targets"], ("targets",), "`targets`")
        if entries == {} == top["targets"]:
            look.wrong(("targets",), "no target is named", hint=_FIRST_TARGET)
        for name, entry in entries.items():
            targets[name] = _target(look, name, entry, shared)
    default = None
    if "default_target" in top:
        default = look.text(top["default_target"], ("default_target",))
        if default is not None and targets and default not in targets:
            near = did_you_mean(default, targets)
            known = f"targets: {', '.join(t for t in targets if _TARGET_NAME.fullmatch(t))}"
            hint = f"did you mean `{near}`? {known}" if near else known
            look.wrong(
                ("default_target",), "`default_target` names no target", hint=hint, show=near is not None
            )
    return Project(root, PROJECT_FILE, default, targets)


_FIRST_TARGET = "name at least one, such as `local: {emulator: true}`"


def _target(look: Look, name: str, entry: object, shared: Mapping[str, str]) -> Target:
    path = ("targets", name)
    if not _TARGET_NAME.fullmatch(name):
        hint = "begin with a letter or digit; then letters, digits, `_`, `.` and `-`"
        look.say(codes.SETTING_WRONG, "no name for a target", path, hint=hint, key=True)
    known = look.mapping(entry, path, "a target")
    look.known_keys(known, path, _TARGET_KEYS, "a target")
    flag = look.spelled(known, "emulator", path, _flag, "false")
    emulator = flag != "false"  # a wrong word was meant to say that it is one
    if emulator:
        for key in ("api", "auth"):
            if key in known and flag:
                message = f"`{key}` beside `emulator: true`: an emulator target connects to nothing else"
                look.say(codes.SETTING_WRONG, message, (*path, key), key=True, hint="delete one of the two")
        api, auth, host = "", "", "emulator"
    elif isinstance(entry, dict):
        api = look.spelled(known, "api", path, api_url, None)
        auth = look.spelled(known, "auth", path, checked_url, AUTH)
        host = host_of(api)
    else:
        return Target(name, "", "", "", "")  # told already
    workspace = look.spelled(
        known, "workspace_id", path, _workspace, EMULATOR_WORKSPACE if emulator else None
    )
    return Target(
        name=name,
        workspace_id=workspace,
        api=api,
        auth=auth,
        host=host,
        emulator=emulator,
        owns=look.globs(known, "owns", path),
        protect=look.globs(known, "protect", path),
        external=look.globs(known, "external", path),
        max_deletes=int(look.spelled(known, "max_deletes", path, _count, "0") or 0),
        vars={**shared, **look.variables(known, path)},
    )


def _flag(text: str) -> str:
    if text not in ("true", "false"):
        raise Wrong("neither true nor false", "write true or false")
    return text


def _count(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise Wrong("not a count", "write a whole number from 0 on")
    return text


def _workspace(text: str) -> str:
    if not _WORKSPACE.fullmatch(text):
        raise Wrong("no workspace id", "letters, digits, `_` and `-`, as in the URLs of the workspace")
    return text


def _errors(problems: Sequence[Problem]) -> bool:
    return any(p.severity == "error" for p in problems)
