"""One change, carried out: read again, write, and find out what became of it when that is not plain.

The outcome table of the design, per verb. Nothing is repeated without a reading between, and nothing
that somebody else wrote is overwritten. Every path ends in an `Outcome`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from reconciler.apply.body import holds, moved, to_create, to_update, values_of_update
from reconciler.apply.meaning import Attempt, after_delete, outcome_of
from reconciler.apply.outcome import Outcome, State
from reconciler.apply.settle import Judge, Sight, look, settle
from reconciler.client import Answered, Verdict, WriteClient
from reconciler.errors import ApiError, WsyncError
from reconciler.plan.change import Action, Change
from reconciler.plan.order import referrers
from reconciler.resource import Address, DesiredState, Live, LiveState, kinds
from reconciler.secrets import Secrets

_CREDENTIALS: Final = frozenset({"WS402", "WS403"})
"""Codes of the failures after which no other request has a chance."""


class Conflict(ApiError):
    """A resource is no longer what the plan saw. Raised before anything is sent."""

    default_code = "WS421"


@dataclass(frozen=True)
class Writer:
    """What a change is carried out with. `live` is the snapshot that the plan was made from."""

    client: WriteClient
    desired: DesiredState
    live: LiveState
    secrets: Secrets

    def carry_out(self, change: Change) -> Outcome:
        """Never raises for what the service or the network does."""
        started = time.monotonic()
        try:
            outcome = self._carry_out(change)
        except Conflict as conflict:
            outcome = Outcome(change, State.FAILED, conflict.message)
        except ApiError as error:  # a reading before the write failed, so nothing was sent
            outcome = Outcome(change, State.FAILED, f"not sent: {error.message}", unanswered=True)
            outcome = replace(outcome, stops=error.code in _CREDENTIALS)
        except WsyncError as error:  # the client refused the body
            outcome = Outcome(change, State.FAILED, error.message)
        return replace(outcome, seconds=time.monotonic() - started)

    def _carry_out(self, change: Change) -> Outcome:
        match change.action:
            case Action.CREATE:
                return self._create(change)
            case Action.UPDATE:
                return self._update(change)
            case Action.DELETE:
                if user := self._not_repointed(change.address):
                    return Outcome(change, State.FAILED, f"not sent: {user} still refers to it")
                read = self.client.get(change.address)
                self._demand_unmoved(change, read)
                return Outcome(change, State.DONE) if read is None else self._delete(change, read)
            case Action.REPLACE:
                return self._replace(change)

    # ------------------------------------------------------------------------------- create

    def _create(self, change: Change, deleted: Live | None = None) -> Outcome:
        """`deleted` is what stood there before a replace: lagging reads may still show it."""
        declared = self.desired.resources[change.address]
        kind, body = kinds()[change.address.kind], to_create(declared, self.secrets)
        wanted = self._sent_by_create(change)

        def judge(read: Live | None) -> Sight:
            if read is None:
                return Sight.NOT_YET
            if holds(read, wanted, declared.model) and not read.held - declared.secrets.keys():
                return Sight.LANDED
            return Sight.NOT_YET if deleted and not moved(deleted, read) else Sight.FOREIGN

        attempt = self._send(change, lambda: self.client.create(kind, body), judge, creates=True)
        if change.secrets and attempt.found:
            # A secret cannot be read back: only sending it again makes it certain.
            return self._send_secrets(change, attempt.found)
        outcome = outcome_of(attempt)
        if deleted is None or outcome.state is State.DONE:
            return outcome
        return after_delete(outcome, attempt.sight)

    def _sent_by_create(self, change: Change) -> Mapping[str, object]:
        values = self.desired.resources[change.address].values
        return {path: value for path, value in values.items() if value is not None}

    def _send_secrets(self, change: Change, found: Live) -> Outcome:
        """A PUT of what is there already, for the sake of its secrets."""
        declared = self.desired.resources[change.address]

        def judge(read: Live | None) -> Sight:
            return Sight.NOT_YET if read and not moved(found, read) else Sight.FOREIGN

        try:
            body = to_update(declared, found, self.secrets)
            attempt = self._send(change, lambda: self.client.update(change.address, body), judge)
        except WsyncError as refusal:
            said, stops = refusal.message, False
        else:
            if attempt.answer.verdict is Verdict.DONE:
                return Outcome(change, State.DONE, wrote=True)
            said, stops = attempt.answer.message, attempt.answer.verdict is Verdict.STOP
        error = f"created, but whether its secret arrived is unclear: {said}; send it with --resend-secrets {change.address}"
        return Outcome(change, State.FAILED, error, wrote=True, stored=True, stops=stops)

    # ------------------------------------------------------------------------------- update

    def _update(self, change: Change) -> Outcome:
        declared = self.desired.resources[change.address]
        before = self.client.get(change.address)
        if before is None:
            raise Conflict("conflict: it is gone since the plan was made; plan again")
        if lost := sorted(before.held - declared.secrets.keys()):
            raise Conflict(f"conflict: it holds {lost[0]} now, which the update would clear; plan again")
        wanted = values_of_update(declared, before)
        unset = {path for path, ref in declared.secrets.items() if ref is None}

        def is_so(read: Live) -> bool:
            return holds(read, wanted, declared.model) and not read.held & unset

        # Where it is so already, only secrets are new, or somebody made the very same change meanwhile.
        tells = not is_so(before)
        self._demand_unmoved(
            change, before, but=frozenset() if tells else frozenset(f.path for f in change.fields)
        )
        if not tells and not change.secrets:
            return Outcome(change, State.DONE)

        def judge(read: Live | None) -> Sight:
            if tells and read and is_so(read):
                return Sight.LANDED
            return Sight.NOT_YET if read and not moved(before, read) else Sight.FOREIGN

        body = to_update(declared, before, self.secrets)
        attempt = self._send(change, lambda: self.client.update(change.address, body), judge)
        return outcome_of(replace(attempt, tells=tells))

    # ---------------------------------------------------------------------- delete, replace

    def _delete(self, change: Change, before: Live) -> Outcome:
        def judge(read: Live | None) -> Sight:
            if read is None:
                return Sight.LANDED
            return Sight.NOT_YET if not moved(before, read) else Sight.FOREIGN

        attempt = self._send(change, lambda: self.client.delete(change.address), judge)
        outcome = outcome_of(replace(attempt, deletes=True))
        if attempt.answer.verdict is Verdict.REFUSED and (users := self._users(change.address)):
            outcome = replace(outcome, error=f"{outcome.error} (referred to by {', '.join(map(str, users))})")
        return outcome

    def _replace(self, change: Change) -> Outcome:
        if user := self._not_repointed(change.address):
            return Outcome(change, State.FAILED, f"not sent: {user} still refers to it")
        declared = self.desired.resources[change.address]
        was, read = self.live.resources[change.address], self.client.get(change.address)
        if read and moved(was, read) and holds(read, self._sent_by_create(change), declared.model):
            # Somebody carried out the very same change meanwhile.
            return self._send_secrets(change, read) if change.secrets else Outcome(change, State.DONE)
        self._demand_unmoved(change, read)
        if read is not None:
            deleted = self._delete(change, read)
            if deleted.state is not State.DONE:
                return deleted
        try:
            return self._create(change, was)
        except WsyncError as failure:
            return after_delete(Outcome(change, State.FAILED, failure.message), None)

    def _not_repointed(self, address: Address) -> Address | None:
        """One of those that referred to an address when the plan was made, and that do so still.

        The answers to the updates that re-pointed them are no proof that the service holds what was sent.
        """
        for user in self._referrers.get(address, ()):
            if user.address in self.desired.resources:

                def judge(read: Live | None) -> Sight:
                    used = read is not None and any(target == address for _, target in read.refs())
                    return Sight.NOT_YET if used else Sight.LANDED

                if settle(self.client, user.address, judge).sight is not Sight.LANDED:
                    return user.address
        return None

    @cached_property
    def _referrers(self) -> dict[Address, list[Live]]:
        return referrers(self.live)

    def _users(self, address: Address) -> list[Address]:
        """Who refers to an address now; nobody, where that cannot be read."""
        try:
            return sorted(user.address for user in referrers(self.client.fetch()).get(address, ()))
        except ApiError:
            return []

    # ----------------------------------------------------------------------- what they share

    def _demand_unmoved(
        self, change: Change, read: Live | None, *, but: frozenset[str] = frozenset()
    ) -> None:
        """Raises `Conflict` when a resource is no longer what the plan saw, at other paths than those in `but`."""
        was = self.live.resources[change.address]
        if read and (paths := [path for path in moved(was, read) if path not in but]):
            what = ", ".join(paths)
            raise Conflict(f"conflict: {what} changed underneath since the plan was made; plan again")

    def _send(
        self, change: Change, send: Callable[[], Answered], judge: Judge, *, creates: bool = False
    ) -> Attempt:
        """Send; where the outcome is unknown, look; where it did not land, send once more and look again."""
        unclear = False
        for last in (False, True):
            answer = send()
            if answer.verdict is Verdict.UNKNOWN:
                unclear, seen = True, settle(self.client, change.address, judge)
            elif answer.verdict is Verdict.WAREHOUSE:
                return Attempt(change, answer, look(self.client, change.address, judge), unclear=True)
            elif creates and answer.verdict is Verdict.REFUSED and answer.status in (400, 409, 422):
                # Refused because it is there, perhaps: made by this run's lost request, or by another run.
                look_again = settle if unclear else look
                return Attempt(change, answer, look_again(self.client, change.address, judge), unclear)
            else:
                return Attempt(change, answer, None, unclear)
            if last or seen.sight is not Sight.NOT_YET:
                return Attempt(change, answer, seen, unclear)
        raise AssertionError("unreachable")
