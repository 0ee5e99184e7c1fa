"""One change, carried out: read again, write, and find out what became of it when that is not plain.

The outcome table of the design, per verb. Nothing is repeated without a reading between, and nothing
that somebody else wrote is overwritten. Every path ends in an `Outcome`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.apply.body import holds, moved, to_create, to_update, values_of_update
from reconciler.apply.outcome import Outcome, State
from reconciler.apply.settle import WINDOW, Judge, Settled, Sight, look, settle
from reconciler.client import Answered, Verdict, WriteClient
from reconciler.errors import ApiError, WsyncError
from reconciler.plan.change import Action, Change
from reconciler.plan.order import referrers
from reconciler.resource import Address, DesiredState, Live, LiveState, kinds
from reconciler.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Writer:
    """What a change is carried out with. `live` is the snapshot that the plan was made from."""

    client: WriteClient
    desired: DesiredState
    live: LiveState
    secrets: Secrets
    window: tuple[float, ...] = WINDOW
    sleep: Callable[[float], None] = time.sleep

    def carry_out(self, change: Change) -> Outcome:
        """Never raises for what the service or the network does."""
        started = time.monotonic()
        try:
            outcome = self._carry_out(change)
        except (
            WsyncError
        ) as error:  # a read before the write failed, or a guard refused the body: nothing was sent
            outcome = Outcome(change, State.FAILED, error.message)
        return replace(outcome, seconds=time.monotonic() - started)

    def _carry_out(self, change: Change) -> Outcome:
        match change.action:
            case Action.CREATE:
                return self._create(change, None)
            case Action.UPDATE:
                return self._update(change)
            case Action.DELETE:
                return self._delete(change, self._read_again(change))
            case Action.REPLACE:
                return self._replace(change)

    # ------------------------------------------------------------------------------- create

    def _create(self, change: Change, gone: Live | None = None) -> Outcome:
        """`gone` is what was deleted just before, which lagging reads may still show."""
        declared = self.desired.resources[change.address]
        kind, body = kinds()[change.address.kind], to_create(declared, self.secrets)
        wanted = {path: value for path, value in declared.values.items() if value is not None}

        def judge(read: Live | None) -> Sight:
            if read is None:
                return Sight.NOT_YET
            if holds(read, wanted, declared.model):
                return Sight.LANDED
            return Sight.NOT_YET if gone and not moved(gone, read) else Sight.FOREIGN

        answer, seen = self._until_seen(change, lambda: self.client.create(kind, body), judge)
        landed = seen is not None and seen.sight is Sight.LANDED and answer.verdict is not Verdict.WAREHOUSE
        if landed and change.secrets and seen and seen.read:
            # Its answer was lost, and a secret cannot be read back: only sending it again makes it certain.
            answer = self.client.update(change.address, to_update(declared, seen.read, self.secrets))
            if answer.verdict is not Verdict.DONE:
                again = f"send it with --resend-secrets {change.address}"
                error = f"created, but whether its secret arrived is unclear: {answer.message}; {again}"
                return Outcome(change, State.FAILED, error, wrote=True, stops=answer.verdict is Verdict.STOP)
        return _outcome(change, answer, seen)

    # ------------------------------------------------------------------------------- update

    def _update(self, change: Change) -> Outcome:
        declared = self.desired.resources[change.address]
        before = self._read_again(change)
        if before is None:
            return Outcome(change, State.FAILED, "conflict: it is gone since the plan was made; plan again")
        if lost := sorted(before.held - declared.secrets.keys()):
            return Outcome(
                change, State.FAILED, f"conflict: it holds {lost[0]} now, which the update would clear"
            )
        body = to_update(declared, before, self.secrets)
        wanted = values_of_update(declared, before)

        def judge(read: Live | None) -> Sight:
            if read is None:
                return Sight.FOREIGN
            if change.fields and holds(read, wanted, declared.model):
                return Sight.LANDED
            # Where only a secret was sent, nothing that can be read tells whether it arrived.
            return Sight.NOT_YET if not moved(before, read) else Sight.FOREIGN

        return _outcome(
            change, *self._until_seen(change, lambda: self.client.update(change.address, body), judge)
        )

    # ---------------------------------------------------------------------- delete, replace

    def _delete(self, change: Change, before: Live | None) -> Outcome:
        if before is None:
            return Outcome(change, State.DONE)

        def judge(read: Live | None) -> Sight:
            if read is None:
                return Sight.LANDED
            return Sight.NOT_YET if not moved(before, read) else Sight.FOREIGN

        outcome = _outcome(
            change, *self._until_seen(change, lambda: self.client.delete(change.address), judge)
        )
        if outcome.state is State.FAILED and not outcome.stops and (users := self._users(change.address)):
            outcome = replace(outcome, error=f"{outcome.error} (referred to by {', '.join(map(str, users))})")
        return outcome

    def _replace(self, change: Change) -> Outcome:
        before = self._read_again(change)
        if before is None:
            return Outcome(change, State.FAILED, "conflict: it is gone since the plan was made; plan again")
        deleted = self._delete(change, before)
        if deleted.state is not State.DONE:
            return deleted
        try:
            made = self._create(change, before)
        except WsyncError as failure:
            made = Outcome(change, State.FAILED, failure.message)
        if made.state is State.DONE:
            return made
        error = f"deleted, but not created again: {made.error}; {change.address} is gone, and the same command creates it"
        return replace(made, error=error, wrote=True, gone=True)

    def _users(self, address: Address) -> list[Address]:
        """Who refers to an address now; nobody, where that cannot be read."""
        try:
            return sorted(user.address for user in referrers(self.client.fetch()).get(address, ()))
        except ApiError:
            return []

    # ----------------------------------------------------------------------- what they share

    def _read_again(self, change: Change) -> Live | None:
        """The resource just before a write. Raises when it is no longer what the plan saw."""
        read = self.client.get(change.address)
        was = self.live.resources[change.address]
        if read is not None and (paths := moved(was, read)):
            raise Conflict(f"conflict: {', '.join(paths)} changed since the plan was made; plan again")
        return read

    def _until_seen(
        self, change: Change, send: Callable[[], Answered], judge: Judge
    ) -> tuple[Answered, Settled | None]:
        """Send; where the outcome is unknown, look; where it did not land, send once more and look again.

        The second of the pair is what was seen; None where the answer alone tells.
        """
        answer, seen = send(), None
        for last in (False, True):
            if answer.verdict is Verdict.UNKNOWN:
                seen = settle(self.client, change.address, judge, window=self.window, sleep=self.sleep)
            elif answer.verdict is Verdict.WAREHOUSE or _may_be_an_echo(change, answer):
                return answer, look(self.client, change.address, judge)
            else:
                return answer, None
            if last or seen.sight is not Sight.NOT_YET:
                return answer, seen
            answer = send()
        raise AssertionError("unreachable")


class Conflict(ApiError):
    """A resource is no longer what the plan saw."""

    default_code = "WS420"


def _may_be_an_echo(change: Change, answer: Answered) -> bool:
    """A create refused because the resource is there: made by an earlier, lost request perhaps."""
    creates = change.action in (Action.CREATE, Action.REPLACE)
    return creates and answer.verdict is Verdict.REFUSED and answer.status in (400, 409, 422)


def _outcome(change: Change, answer: Answered, seen: Settled | None) -> Outcome:
    """What an answer, and what was seen after it, mean."""
    outcome = _meaning(change, answer, seen)
    mute = outcome.state is not State.DONE and answer.verdict in (Verdict.UNKNOWN, Verdict.NOT_SENT)
    return replace(outcome, unanswered=mute)


def _meaning(change: Change, answer: Answered, seen: Settled | None) -> Outcome:
    if seen is None:
        if answer.verdict is Verdict.DONE:
            return Outcome(change, State.DONE)
        gone = answer.verdict is Verdict.GONE
        error = f"conflict: it is gone since the plan was made ({answer.message})" if gone else answer.message
        return Outcome(change, State.FAILED, error, stops=answer.verdict is Verdict.STOP)
    unclear = answer.verdict is Verdict.UNKNOWN
    # Where only a secret was sent, nothing that can be read tells whether it arrived.
    tells = bool(change.fields)
    match seen.sight:
        case Sight.LANDED if answer.verdict is Verdict.WAREHOUSE:
            return Outcome(change, State.FAILED, f"{answer.message}; it was stored all the same", wrote=True)
        case Sight.LANDED:
            return Outcome(change, State.DONE)
        case Sight.FOREIGN:
            error = f"conflict: {answer.message}; live is something else than was sent, and was left alone"
            return Outcome(change, State.FAILED, error, wrote=unclear)
        case Sight.NOT_YET if tells:
            return Outcome(change, State.FAILED, f"{answer.message}; it was not stored")
        case _:
            cause = f"; reading it failed, too: {seen.error}" if seen.error else ""
            error = f"{answer.message}; whether it was carried out is unknown{cause}"
            return Outcome(change, State.UNKNOWN if unclear else State.FAILED, error, wrote=True)
