"""The benchmark: whole processes, medians, and ratios taken within this one run. Prints a Markdown table.

    .venv/bin/python tests/bench/run.py [--quick]

Every row is measured from outside: wall time, and the CPU and memory that the operating system accounts to the
process. Quote ratios, never bare times: machines differ, and are shared.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from world import write_project

from reconciler.diff import FieldChange
from reconciler.plan.change import Action, Change, Plan
from reconciler.plan.document import to_document
from reconciler.resource import Address

PYTHON = sys.executable
WSYNC = str(Path(PYTHON).with_name("wsync"))
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cost:
    """Medians over the runs: seconds of wall and CPU, MB at most."""

    wall: float
    cpu: float
    memory: float


def measure(command: Sequence[str], *, runs: int, warm: bool = True) -> Cost:
    """Run a command several times, after one run that does not count unless `warm` is False."""
    environment = {"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), "WSYNC_TOKEN": "bench"}
    environment |= {f"PASSWORD_{n}": f"secret-{n}-value" for n in range(300)}
    found = []
    for n in range(runs + warm):
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} exited {process.returncode}")
        if n or not warm:
            found.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return Cost(*(statistics.median(column) for column in zip(*found, strict=True)))


@contextlib.contextmanager
def stub(latency: float, count: int) -> Iterator[str]:
    """A fresh stub server; its base URL."""
    process = subprocess.Popen(
        [PYTHON, str(HERE / "stub.py"), str(latency), str(count)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def row(name: str, measured: str, target: str, *, good: bool) -> None:
    print(f"| {name} | {measured} | {target} | {'yes' if good else '**no**'} |", flush=True)


def main() -> None:
    quick = "--quick" in sys.argv
    runs = 3 if quick else 5
    print("| what | measured | target | met |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bare = measure([PYTHON, "-c", "pass"], runs=2 * runs + 1)
        start_up(bare, folder, runs)
        plans(folder, runs, (300, 3000) if quick else (300, 3000, 30000))
        applies(folder, 1 if quick else 3, 200 if quick else 1000)
        markdown(folder, runs, 200 if quick else 1000)


def start_up(bare: Cost, folder: Path, runs: int) -> None:
    for name, arguments, limit in (("--version", ["--version"], 5), ("--help", ["--help"], 6)):
        cost = measure([WSYNC, *arguments], runs=2 * runs + 1)
        ratio = cost.wall / bare.wall
        row(
            f"`wsync {name}`",
            f"{ratio:.1f} × `python -c pass` ({cost.wall * 1000:.0f} ms)",
            f"≤ {limit} ×",
            good=ratio <= limit,
        )
    with stub(0, 3) as url:
        project = folder / "three"
        write_project(project, url, 3)
        cost = measure([WSYNC, "plan", "-C", str(project)], runs=2 * runs + 1)
    ratio = cost.wall / bare.wall
    row(
        "`plan` of 3 manifests",
        f"{ratio:.1f} × `python -c pass` ({cost.wall * 1000:.0f} ms)",
        "≤ 25 ×",
        good=ratio <= 25,
    )


def plans(folder: Path, runs: int, sizes: Sequence[int]) -> None:
    base: dict[str, float] = {}
    with stub(0, 3) as url:
        write_project(folder / "base", url, 3)
        for command in ("plan", "validate"):
            base[command] = measure([WSYNC, command, "-C", str(folder / "base")], runs=runs).cpu
    for size in sizes:
        project = folder / f"plan-{size}"
        with stub(0, size) as url:
            write_project(project, url, size)
            at_once = measure([WSYNC, "plan", "-q", "-C", str(project)], runs=runs)
            checked = measure([WSYNC, "validate", "-C", str(project)], runs=runs)
        own = (at_once.cpu - base["plan"]) / size * 1000
        if size >= 3000:
            row(f"`plan`, {size} resources: own CPU", f"{own:.3f} ms a resource, {at_once.memory:.0f} MB", "≤ 0.12 ms, ≤ 220 MB",
                good=own <= 0.12 and at_once.memory <= 220)  # fmt: skip
            each = (checked.cpu - base["validate"]) / size * 1000
            row(
                f"`validate`, {size} resources: own CPU",
                f"{each:.3f} ms a resource",
                "≤ 0.12 ms",
                good=each <= 0.12,
            )
        with stub(0.1, size) as url:
            _repoint(project, url)
            far = measure([WSYNC, "plan", "-q", "-C", str(project)], runs=runs)
        trips = (far.wall - at_once.wall) / 0.1
        row(
            f"`plan`, {size} resources at L = 100 ms",
            f"{trips:.2f} L more than at L = 0 ({far.wall:.2f} s)",
            "≤ 1.3 L",
            good=trips <= 1.3,
        )


def _repoint(project: Path, url: str) -> None:
    settings = project / "wsync.yaml"
    text = settings.read_text()
    old = text.split('"api": "')[1].split('"')[0]
    settings.write_text(text.replace(old, url))


def applies(folder: Path, runs: int, count: int) -> None:
    for latency in (0.0, 0.1):
        costs = []
        for n in range(runs):  # each on an empty workspace, so not several on one
            project = folder / f"apply-{latency}-{n}"
            with stub(latency, 0) as url:
                write_project(project, url, count)
                command = [WSYNC, "apply", "-q", "--auto-approve", "--parallelism", "10", "-C", str(project)]
                costs.append(measure(command, runs=1, warm=False))
        wall, cpu = statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs)
        name = f"`apply`, {count} creates, p = 10"
        if latency:
            ratio = wall / (count * latency / 10 + 2 * latency)
            row(
                f"{name}, L = 100 ms",
                f"{ratio:.3f} × the limit ({wall:.1f} s)",
                "≤ 1.08 ×",
                good=ratio <= 1.08,
            )
        else:
            each = cpu / (count + 6) * 1000
            row(
                f"{name}, L = 0",
                f"{each:.2f} ms of CPU a request ({wall:.1f} s)",
                "≤ 1.3 ms",
                good=each <= 1.3,
            )


def markdown(folder: Path, runs: int, count: int) -> None:
    sql = "\n".join(f"  column_number_{n} AS attribute_{n}," for n in range(100))
    changes = tuple(
        Change(
            Address("model", f"orders-{n}"),
            Action.UPDATE,
            (FieldChange("config.sql_query", sql, sql.replace(f"column_number_{n % 97} ", f"new_{n} ")),),
            {},
        )
        for n in range(count)
    )
    file = folder / "plan.json"
    file.write_text(json.dumps(to_document(Plan("bench", "1", "127.0.0.1", changes))))
    small = folder / "small.json"
    small.write_text(json.dumps(to_document(Plan("bench", "1", "127.0.0.1", changes[:1]))))
    cost = measure([WSYNC, "show", str(file), "-f", "markdown"], runs=runs)
    start = measure([WSYNC, "show", str(small), "-f", "markdown"], runs=runs)
    own = cost.cpu - start.cpu
    row(f"Markdown of {count} changes, 100 lines of SQL each", f"{own:.2f} s of CPU", "≤ 2 s", good=own <= 2)


if __name__ == "__main__":
    main()
