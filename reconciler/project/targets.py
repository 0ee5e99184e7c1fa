"""What `wsync.yaml` says, as data, and how one run chooses its target and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.errors import ProjectError, did_you_mean, inert
from reconciler.project import codes
from reconciler.strictyaml import unseen

EMULATOR_WORKSPACE = "local"  # of an emulator target that names none

_VARIABLE = "WSYNC_VAR_"


@dataclass(frozen=True, slots=True)
class Target:
    """A named environment.

    `api`: base URL before `/platform/v2/workspaces/…`, without trailing slash, and `auth`: URL of the token endpoint;
    both empty for an emulator target. `host`: `host[:port]` of `api`, or `emulator`. `owns`, `protect`, `external`:
    globs on addresses. `vars`: those of the project with the target's own on top.
    """

    name: str
    workspace_id: str
    api: str
    auth: str
    host: str
    emulator: bool = False
    owns: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    max_deletes: int = 0
    vars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a `wsync.yaml`. `file` is the name of that file, relative to `root`."""

    root: Path
    file: str
    default_target: str | None
    targets: Mapping[str, Target]


def pick_target(project: Project, name: str | None) -> Target:
    """The target named, else the project's default, else the only one there is. Raises `ProjectError`."""
    targets = project.targets
    name = name or project.default_target or (next(iter(targets)) if len(targets) == 1 else None)
    known = f"targets in {project.file}: {', '.join(targets)}"
    if name is None:
        message = "no target chosen, and the project has several"
        raise ProjectError(message, hint=f"say which with -t NAME; {known}", code=codes.TARGET_UNKNOWN)
    if name not in targets:
        near = did_you_mean(name, targets)
        hint = f"did you mean `{near}`? {known}" if near else known
        raise ProjectError(f"there is no target `{inert(name, 80)}`", hint=hint, code=codes.TARGET_UNKNOWN)
    return targets[name]


def with_overrides(
    target: Target, flags: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Target, tuple[str, ...]]:
    """The target with its variables overridden, and warnings about what in the environment overrides nothing.

    `WSYNC_VAR_<name>` overrides what `wsync.yaml` declares, and `flags` (of `--var`) override both. Raises
    `ProjectError` for a flag that is not declared and for a value with characters that cannot be shown.
    """
    given = {k.removeprefix(_VARIABLE): v for k, v in environ.items() if k.startswith(_VARIABLE)}
    warnings = []
    for name in sorted(given.keys() - target.vars.keys()):
        near = did_you_mean(name, target.vars)
        hint = f"; did you mean {_VARIABLE}{near}?" if near else ""
        warnings.append(
            f"{_VARIABLE}{inert(name, 80)} is set, but no variable of that name is declared in wsync.yaml{hint}"
        )
        del given[name]
    for name in flags.keys() - target.vars.keys():
        raise _undeclared(name, target)
    for name, value in [*given.items(), *flags.items()]:
        char = unseen(value)
        if char is not None:
            source = f"--var {name}" if name in flags else _VARIABLE + name
            message = f"the value of {source} holds a character that cannot be seen: {char}"
            raise ProjectError(message, hint="take it out", code=codes.VARIABLE_WRONG)
    return replace(target, vars={**target.vars, **given, **flags}), tuple(warnings)


def _undeclared(name: str, target: Target) -> ProjectError:
    near = did_you_mean(name, target.vars)
    declared = ", ".join(target.vars) or "none"
    return ProjectError(
        f"--var {inert(name, 80)}: no variable of that name is declared for target `{target.name}`",
        hint=(f"did you mean `{near}`? " if near else "")
        + f"declared under `vars` in wsync.yaml: {declared}",
        code=codes.VARIABLE_WRONG,
    )


def check_workspace(target: Target, environ: Mapping[str, str]) -> None:
    """Raises `ProjectError` where the environment vouches for another workspace than the target's.

    A pull request can edit `wsync.yaml`, and credentials are good for every workspace of the account. An emulator
    target that names no workspace has nothing to protect.
    """
    vouched = environ.get("WSYNC_WORKSPACE_ID")
    if vouched is None or vouched == target.workspace_id:
        return
    if target.emulator and target.workspace_id == EMULATOR_WORKSPACE:
        return
    raise ProjectError(
        f"target `{target.name}` is workspace {target.workspace_id}, "
        + (
            f"but WSYNC_WORKSPACE_ID allows only workspace {inert(vouched, 80)}"
            if vouched.strip()
            else "but WSYNC_WORKSPACE_ID is set and empty"
        ),
        hint="choose the target of that workspace with -t, or correct one of the two (or unset the variable)",
        code=codes.WORKSPACE_DIFFERS,
    )
