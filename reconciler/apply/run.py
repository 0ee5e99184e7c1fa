"""Carries out a plan over the graph of its references: a change starts as soon as all it needs is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from reconciler.apply.outcome import Outcome, State
from reconciler.apply.write import Writer
from reconciler.plan.change import Change, Plan
from reconciler.plan.order import Queue, graph
from reconciler.resource import Address

TROUBLE = 10
"""After so many changes in a row without a usable answer, the service is taken to be down and nothing more is started."""


def carry_out(plan: Plan, writer: Writer, *, parallelism: int, stop: threading.Event) -> Iterator[Outcome]:
    """One outcome for each change of the plan, as they end; at most `parallelism` requests in flight.

    Once `stop` is set, what is in flight is finished and nothing more is started. A failed change skips
    what waits for it and nothing else, unless its outcome `stops`.
    """
    changes = {change.address: change for change in plan.changes}
    needs = graph(changes, writer.desired, writer.live)
    queue = Queue(changes, needs)
    ended: dict[Address, Outcome] = {}
    running: dict[Future[Outcome], Change] = {}
    halted, trouble = False, 0
    with ThreadPoolExecutor(max_workers=parallelism, thread_name_prefix="apply") as pool:
        while running or (queue and not halted and not stop.is_set()):
            while queue and len(running) < parallelism and not halted and not stop.is_set():
                change = queue.pop()
                running[pool.submit(writer.carry_out, change)] = change
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                outcome = _result(future, running.pop(future))
                ended[outcome.change.address] = outcome
                if outcome.state is State.DONE:
                    queue.done(outcome.change.address)
                trouble = trouble + 1 if outcome.unanswered else 0
                halted = halted or outcome.stops or trouble >= TROUBLE
                yield outcome
    yield from _rest(plan, needs, ended, halted=halted)


def _result(future: Future[Outcome], change: Change) -> Outcome:
    """A bug in carrying out one change must not hide what became of the others."""
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    message = f"an unexpected error ({type(error).__name__}): whether it was carried out is unknown"
    return Outcome(change, State.UNKNOWN, message, wrote=True, stops=True)


def _rest(
    plan: Plan, needs: dict[Address, set[Address]], ended: dict[Address, Outcome], *, halted: bool
) -> Iterator[Outcome]:
    """What was never started: skipped where something it needs is not done, else stopped before its turn."""
    ended = dict(ended)
    for change in plan.changes:  # in order, so that what a change needs comes before it
        if change.address in ended:
            continue
        missing = sorted(
            a for a in needs[change.address] if ended[a].state not in (State.DONE, State.NOT_STARTED)
        )
        if missing:
            outcome = Outcome(change, State.SKIPPED, f"needs {', '.join(map(str, missing))}")
        else:
            why = (
                "stopped: the service does not answer as it should"
                if halted
                else "interrupted before its turn"
            )
            outcome = Outcome(change, State.NOT_STARTED, why)
        ended[change.address] = outcome
        yield outcome
