"""What came of messages that were sent, written down as far as they were ours to send."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection

from oms_ledger.plain_text import plain
from oms_ledger.services.outbox.outcomes import (
    Besides,
    Delivered,
    Outcome,
    PermanentFailure,
    RetryLater,
    Skipped,
)
from projections.outbox import attempts, messages
from projections.outbox.attempts import MICROSECOND, Attempt, Tried
from projections.outbox.messages import StoredMessage


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent, and what came of it; instants in microseconds."""

    message: StoredMessage
    outcome: Outcome
    began: int
    ended: int
    besides: Besides | None = None

    @property
    def recipient(self) -> tuple[str, str, str]:
        """Channel, account and name of who was to get it."""
        return self.message.channel, self.message.account, self.message.recipient


def given_up(message: StoredMessage, outcome: Outcome, at: int, resumed_at: int = 0) -> Outcome:
    """What was tried for as long as its channel tries has failed for good."""
    if (
        not isinstance(outcome, RetryLater)
        or outcome.lasting
        or not messages.exhausted(message, at, resumed_at)
    ):
        return outcome
    return PermanentFailure(str(outcome), status=outcome.status, answered=outcome.answered)


def tried(sent: Sent) -> Tried:
    """What is recorded of a message that was not skipped."""
    message, outcome, took = sent.message, sent.outcome, sent.ended - sent.began
    match outcome:
        case Delivered():
            return attempts.delivered(
                message,
                Attempt(sent.began, took, outcome.status, outcome.note and plain(outcome.note)),
            )
        case PermanentFailure():
            return attempts.dead(message, _attempt(sent, outcome))
        case RetryLater():
            quiet = outcome.after if outcome.quiets else None
            until = sent.ended + quiet // MICROSECOND if quiet else 0
            return attempts.failed(message, _attempt(sent, outcome, until), outcome.after)
    raise AssertionError(f"{message.id} was skipped, not tried")


def _attempt(sent: Sent, outcome: RetryLater | PermanentFailure, quiet_until: int = 0) -> Attempt:
    took, why = sent.ended - sent.began, plain(str(outcome)[:2000])
    return Attempt(sent.began, took, outcome.status, why, outcome.answered, quiet_until)


def record_together(connection: Connection, sent: Sequence[Sent]) -> list[bool]:
    """Write down what came of messages, as far as their claims are ours.

    Rows of recipients are locked in the order of their names.
    """
    recorded = set[str]()
    by_name = sorted(sent, key=lambda one: one.recipient)
    for _, group in groupby(by_name, lambda one: one.recipient):
        of_one = list(group)
        made = [tried(one) for one in of_one if not isinstance(one.outcome, Skipped)]
        if made:
            recorded |= attempts.record(connection, made)
        for one in of_one:
            if isinstance(one.outcome, Skipped) and attempts.record_skip(
                connection, one.message, one.outcome.reason, one.ended
            ):
                recorded.add(one.message.id)
    for one in sorted(sent, key=lambda one: one.message.id):
        if one.besides is not None and one.message.id in recorded:
            one.besides(connection)
    return [one.message.id in recorded for one in sent]
