"""What the answer to a write, and the readings after it, mean: the right half of the outcome table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.apply.outcome import Outcome, State
from reconciler.apply.settle import Settled, Sight
from reconciler.client import Answered, Verdict
from reconciler.plan.change import Change
from reconciler.resource import Live


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a write stands: the last answer to it, and what was seen afterwards.

    `seen` is None where the answer alone tells. `unclear` is whether any sending of it may have been
    executed. `tells` is whether a reading can show that it was: it cannot where only a secret is new.
    """

    change: Change
    answer: Answered
    seen: Settled | None = None
    unclear: bool = False
    tells: bool = True
    deletes: bool = False

    @property
    def sight(self) -> Sight | None:
        return self.seen.sight if self.seen else None

    @property
    def found(self) -> Live | None:
        """What landed although the answer to it was lost, so that its secrets are not certain."""
        sure = self.seen is None or self.answer.verdict is Verdict.WAREHOUSE
        return self.seen.read if not sure and self.seen and self.sight is Sight.LANDED else None


def outcome_of(attempt: Attempt) -> Outcome:
    """What an answer, and what was seen after it, mean."""
    answer = attempt.answer
    outcome = _told(attempt) if attempt.seen is None else _shown(attempt, attempt.seen)
    mute = answer.verdict in (Verdict.UNKNOWN, Verdict.NOT_SENT) or answer.status in (425, 429)
    return replace(outcome, unanswered=mute and outcome.state is not State.DONE)


def _told(attempt: Attempt) -> Outcome:
    """Where the answer alone tells."""
    answer = attempt.answer
    if answer.verdict is Verdict.DONE:
        already_gone = answer.status == 404 and not attempt.unclear
        return Outcome(attempt.change, State.DONE, wrote=not already_gone)
    gone = answer.verdict is Verdict.GONE
    error = f"conflict: it is gone since the plan was made ({answer.message})" if gone else answer.message
    return Outcome(attempt.change, State.FAILED, error, stops=answer.verdict is Verdict.STOP)


def _shown(attempt: Attempt, seen: Settled) -> Outcome:
    """Where a reading tells, or should have."""
    change, said = attempt.change, attempt.answer.message
    warehouse = attempt.answer.verdict is Verdict.WAREHOUSE
    match seen.sight:
        case Sight.LANDED if warehouse:
            # Were only its secret wrong, the next plan would see no difference.
            again = f", with that secret: send another with --resend-secrets {change.address}"
            error = f"{said}; it was stored all the same{again if change.secrets else ''}"
            return Outcome(change, State.FAILED, error, wrote=True, stored=True)
        case Sight.LANDED:
            return Outcome(change, State.DONE, wrote=True)
        case Sight.FOREIGN:
            error = f"conflict: {said}; {_foreign(attempt, seen)}"
            return Outcome(change, State.FAILED, error, wrote=attempt.unclear)
        case Sight.NOT_YET if attempt.tells:
            error = f"{said}; it {'is still there' if attempt.deletes else 'was not stored'}"
            return Outcome(change, State.FAILED, error)
        case _:
            cause = f"; reading it failed, too: {seen.error}" if seen.error else ""
            if not attempt.unclear:  # refused, so this run has not written it
                return Outcome(change, State.FAILED, f"{said}{cause}")
            error = f"{said}; whether it was carried out is unknown{cause}"
            return Outcome(change, State.FAILED if warehouse else State.UNKNOWN, error, wrote=True)


def _foreign(attempt: Attempt, seen: Settled) -> str:
    if seen.read is None:
        return "it is gone now"
    if attempt.deletes:
        return "it was changed meanwhile, and left alone"
    return "live holds something else than was sent, which was left alone"


def after_delete(outcome: Outcome, sight: Sight | None) -> Outcome:
    """What a create that is not done leaves of a replace whose delete is done. `sight` None: nothing was seen."""
    address = outcome.change.address
    match sight:
        case None | Sight.NOT_YET:
            said = f"deleted, but not created again: {outcome.error}; {address} is gone, and the same command finishes it"
            return replace(outcome, error=said, wrote=True, gone=True)
        case Sight.UNREADABLE:
            said = f"deleted, and whether it was created again is unknown: {outcome.error}; the same command settles it"
        case _:
            said = f"deleted, then: {outcome.error}"
    return replace(outcome, error=said, wrote=True)
