"""One run: the project and target it is for, its manifests, and the way to the API or the emulator."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.cli.options import Common
from reconciler.cli.output import Output
from reconciler.errors import PlanFileError, Problem, inert

if TYPE_CHECKING:
    from reconciler.apply.outcome import Report
    from reconciler.client import ReadClient, WriteClient
    from reconciler.manifest import Loaded
    from reconciler.plan.build import Selection
    from reconciler.plan.change import Plan, PlanWarning
    from reconciler.project import Project, Target
    from reconciler.resource import DesiredState, LiveState


@dataclass(frozen=True)
class Run:
    """A valid project, for one target."""

    common: Common
    project: Project
    target: Target
    loaded: Loaded
    warnings: tuple[PlanWarning, ...]

    @property
    def output(self) -> Output:
        return self.common.output

    @property
    def selection(self) -> Selection:
        from reconciler.plan.build import Selection

        return Selection(self.common.select, self.common.exclude)

    @property
    def desired(self) -> DesiredState:
        return self.loaded.desired

    @property
    def flags(self) -> list[str]:
        """The options without which the same command would be about something else."""
        project = ["-C", str(self.common.project)] if self.common.project else []
        return project + [
            word for n, v in (self.common.variables or {}).items() for word in ("--var", f"{n}={v}")
        ]


def load_run(common: Common) -> Run:
    """Load and check everything that needs no network. Raises `ProjectError`, `InvalidProject`."""
    from reconciler.manifest import load
    from reconciler.plan.change import PlanWarning
    from reconciler.project import check_workspace, find_project, load_project, pick_target, with_overrides
    from reconciler.secrets import recognise

    project = load_project(find_project(common.project))
    target, ignored = with_overrides(
        pick_target(project, common.target), dict(common.variables or {}), os.environ
    )
    check_workspace(target, os.environ)
    loaded = load(project, target)
    references = (ref for declared in loaded.desired.resources.values() for ref in declared.secrets.values())
    recognise((ref for ref in references if ref is not None), os.environ)
    warnings = [PlanWarning("WS030", message) for message in ignored]
    warnings += [_warning(problem) for problem in loaded.warnings]
    return Run(common, project, target, loaded, tuple(warnings))


def _limits(run: Run) -> dict[str, Any]:
    """The limits of every request, and where each is logged with `-v`."""
    log = run.output.note if run.output.verbose else None

    def pause(seconds: float) -> None:
        if seconds >= _WORTH_A_WORD:  # or the run would seem to hang
            run.output.note(f"Waiting {seconds:.0f} s: the service asks to, or does not answer as it should.")
        time.sleep(seconds)

    return {"parallelism": run.common.parallelism, "timeout": run.common.timeout, "log": log, "pause": pause}


_WORTH_A_WORD: Final = 3.0  # seconds of waiting


def _warning(problem: Problem) -> PlanWarning:
    from reconciler.plan.change import PlanWarning
    from reconciler.resource import Address

    address = Address(*problem.address.split("/", 1)) if problem.address else None
    hint = f" ({problem.hint})" if problem.hint else ""
    return PlanWarning(problem.code, f"{problem.place}: {problem.message}{hint}", address)


# ------------------------------------------------------------------------ the way to the API


@contextlib.contextmanager
def reading(run: Run) -> Iterator[ReadClient]:
    """A client that can only read."""
    from reconciler.client import reader

    with (
        _endpoint(run) as (api, auth, environ),
        reader(api, auth, run.target.workspace_id, environ, **_limits(run)) as client,
    ):
        yield client


@contextlib.contextmanager
def writing(run: Run) -> Iterator[WriteClient]:
    """A client that can write, for `apply` alone."""
    from reconciler.client import writer

    with (
        _endpoint(run) as (api, auth, environ),
        writer(api, auth, run.target.workspace_id, environ, **_limits(run)) as client,
    ):
        yield client


@contextlib.contextmanager
def _endpoint(run: Run) -> Iterator[tuple[str, str, dict[str, str]]]:
    """API base, token endpoint and environment: of the target, or of an emulator that lives as long as the run."""
    if not run.target.emulator:
        yield run.target.api, run.target.auth, dict(os.environ)
        return
    from reconciler.emulator import serve

    run.output.progress("Starting the emulator …")
    state = run.project.root / ".wsync" / "emulator.db"
    with serve(state) as server:
        yield server.base_url, server.auth_url, {"WSYNC_TOKEN": server.token}


# --------------------------------------------------------------------------------- planning


@dataclass(frozen=True)
class Planned:
    """A plan and the two snapshots it was made from."""

    plan: Plan
    desired: DesiredState
    live: LiveState


def plan_run(
    run: Run,
    client: ReadClient,
    *,
    max_deletes: int | None = None,
    resend: bool = True,
    doing: str | None = None,
) -> Planned:
    """Read everything and plan. Raises `ApiError`. `doing` is told to who watches."""
    from reconciler.plan.build import build_plan

    common = run.common
    run.output.progress(doing or f"Reading {run.target.host} …")
    live = client.fetch()
    plan = build_plan(
        run.desired,
        live,
        run.target,
        selection=run.selection,
        resend=common.resend if resend else (),
        max_deletes=max_deletes,
        warnings=run.warnings,
    )
    if run.output.verbose:
        for address in sorted(a for a, r in live.resources.items() if r.unknown):
            unknown = ", ".join(live.resources[address].unknown)
            run.output.note(f"{inert(str(address))} holds fields that wsync does not know: {unknown}")
    return Planned(plan, run.desired, live)


# -------------------------------------------------------------------------------- rendering


def render_plan(
    plan: Plan, output: Output, *, drift: bool = False, suggest: bool = True, flags: Sequence[str] = ()
) -> str:
    """A plan in the format that was asked for. `suggest` and `flags`: see `render.text.plan`."""
    match output.format:
        case "json":
            from reconciler.render import document

            return document.json_document(document.plan(plan))
        case "markdown":
            from reconciler.render import markdown

            return markdown.plan(plan, drift=drift)
        case _:
            from reconciler.render import text

            return text.plan(
                plan,
                verbose=output.verbose,
                quiet=output.quiet,
                width=output.width,
                color=output.colored,
                drift=drift,
                suggest=suggest,
                flags=flags,
            )


def render_report(report: Report, output: Output) -> str:
    """The end of an apply in the format that was asked for."""
    match output.format:
        case "json":
            from reconciler.render import document

            return document.json_document(document.report(report))
        case "markdown":
            from reconciler.render import markdown

            return markdown.report(report)
        case _:
            from reconciler.render import ending

            return ending.report(report, width=output.width, color=output.colored)


def read_plan_file(path: Path) -> Plan:
    """A saved plan. Raises `PlanFileError`, or `Refused` for another format version."""
    from reconciler.plan.document import MAX_BYTES, from_bytes

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)  # one more is too large
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PlanFileError(f"{path}: {reason}", hint="make it: wsync plan --out FILE") from None
    return from_bytes(raw, str(path))
