"""`wsync demo`: the whole loop in a temporary folder, on the emulator, without any credential."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from reconciler.cli import signals
from reconciler.cli.output import Output, start_output
from reconciler.errors import Exit, WsyncError


@click.command(
    "demo",
    epilog="\b\nExamples:\n  wsync demo",
)
def command() -> int:
    """Run the example project through its life in a temporary folder: plan, apply, a change made behind
    its back, drift, repair. Needs no account; sends nothing beyond this machine; leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="wsync-demo-") as folder:
        signals.tidy_up.append(lambda: shutil.rmtree(folder, ignore_errors=True))
        project = Path(folder) / "manifests"
        shutil.copytree(example_project(), project, ignore=shutil.ignore_patterns(".*"))
        started = time.monotonic()
        with _secrets(project):
            _tell(project)
        _say(f"That was the whole loop, in {time.monotonic() - started:.1f} s. The folder is gone again.")
        _say("Now with your own workspace: README.md, `From nothing to a real workspace`.")
    return Exit.OK


def _tell(project: Path) -> None:
    _step("1. Plan: nothing is live yet, so everything is a create. No secret was needed for this.")
    _wsync(project, "plan", "-q", expect=Exit.OK)
    _step("2. Apply: in the order of references, a few at a time. Look at the last line.")
    _wsync(project, "apply", "--auto-approve", expect=Exit.OK)
    _step("3. Plan again: nothing left to do.")
    _wsync(project, "plan", "--detailed-exitcode", expect=Exit.OK)
    address, field = _change_by_hand(project)
    _step(
        f"4. Somebody changes {field} of {address} by hand. Drift: what, who and when. On cron, it exits 2."
    )
    _wsync(project, "drift", expect=Exit.CHANGES)
    _step("5. Repair: apply what is declared, and only that.")
    _wsync(project, "apply", "--auto-approve", expect=Exit.OK)
    _step("6. And no drift any more.")
    _wsync(project, "drift", expect=Exit.OK)


def example_project() -> Path:
    """The example project: of this checkout, or as installed."""
    package = Path(__file__).parent.parent
    for folder in (package / "example", package.parent / "manifests"):
        if (folder / "wsync.yaml").is_file():
            return folder
    raise WsyncError("the example project is not installed", hint="reinstall wsync-reconciler", code="WS022")


def _wsync(project: Path, *arguments: str, expect: int) -> None:
    from reconciler.cli.app import run

    _say(f"$ wsync {' '.join(arguments)}\n")
    code = run([arguments[0], "-C", str(project), *arguments[1:]])
    start_output(Output())
    if code == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if code != expect:
        raise WsyncError(
            f"the demo went wrong: `wsync {arguments[0]}` exited {code}, not {expect}",
            hint="please report what is shown above",
            code="WS023",
        )


@contextlib.contextmanager
def _secrets(project: Path) -> Iterator[None]:
    """Made-up values for the secrets that the example refers to, for as long as the demo runs."""
    from reconciler.manifest import load
    from reconciler.project import load_project, pick_target

    found = load_project(project)
    desired = load(found, pick_target(found, None)).desired
    names = {
        ref.reference for d in desired.resources.values() for ref in d.secrets.values() if ref is not None
    }
    before = dict(os.environ)
    os.environ.update(
        {name: os.environ.get(name) or f'{{"made-up": "{name}"}}' for name in names if ":" not in name}
    )
    for name in [n for n in os.environ if n.startswith("WSYNC_")]:
        del os.environ[name]  # the demo is the same for everybody
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _change_by_hand(project: Path) -> tuple[str, str]:
    """Change one pipeline behind the project's back, as a colleague in the web pages would."""
    from reconciler.emulator import serve
    from reconciler.project import load_project, pick_target

    workspace = pick_target(load_project(project), None).workspace_id
    with serve(project / ".wsync" / "emulator.db") as server:
        live = server.admin("GET", f"/workspaces/{workspace}")
        address, field, value = _victim(sorted(live))
        server.admin("PATCH", f"/workspaces/{workspace}/{address}", {field: value})
    return address, field


def _victim(addresses: Sequence[str]) -> tuple[str, str, str]:
    return next(a for a in addresses if a.startswith("pipeline/")), "name", "Do not touch (Ana)"


def _step(text: str) -> None:
    _say(f"\n\n── {text}\n")


def _say(text: str) -> None:
    sys.stderr.flush()
    print(text, flush=True)
