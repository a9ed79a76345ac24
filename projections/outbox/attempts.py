"""What came of sending messages: recorded, tried again after a wait, given up, or left out.

One way for every channel. Whoever records holds a claim: on each message, or on the recipient by a
lease that is renewed in the same transaction.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from oms_ledger.notifications.channel import CHANNELS, Channel
from projections.outbox import circuit
from projections.outbox.messages import DEAD, DONE, SKIPPED, WAITING, StoredMessage
from projections.outbox.tables import outbox_attempts as a
from projections.outbox.tables import outbox_messages as t
from projections.outbox.tables import outbox_recipients as r

ATTEMPTS_KEPT = timedelta(days=14)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when it began and how long it took (microseconds), and what came of it.

    `answered`: whether the recipient answered at all; None where that cannot be said.
    `quiet_until`: before when it asked not to be sent anything, else 0.
    """

    at: int
    duration: int
    status: int | None = None
    outcome: str | None = None
    answered: bool | None = True
    quiet_until: int = 0

    @property
    def end(self) -> int:
        """When it was over, in microseconds."""
        return self.at + self.duration


@dataclass(frozen=True, slots=True)
class Tried:
    """A message that was tried, and its state after it; `due_at` when it waits on."""

    message: StoredMessage
    attempt: Attempt
    state: str = DONE
    due_at: int = 0


def delivered(message: StoredMessage, attempt: Attempt) -> Tried:
    """The outcome of a message that the other side took."""
    return Tried(message, attempt)


def failed(message: StoredMessage, attempt: Attempt, after: timedelta | None = None) -> Tried:
    """Try again after a wait, which whoever was to get it may have asked to be longer."""
    wait = CHANNELS[message.channel].retry.wait(message.attempts + 1, _chance(message))
    due_at = attempt.end + max(wait, after or timedelta(0)) // MICROSECOND
    return Tried(message, attempt, WAITING, due_at)


def dead(message: StoredMessage, attempt: Attempt) -> Tried:
    """The outcome of a message that is not sent again by itself."""
    return Tried(message, attempt, DEAD)


def _chance(message: StoredMessage) -> float:
    """Spread what failed at once over time: another number for each message and attempt."""
    return zlib.crc32(f"{message.id}/{message.attempts}".encode()) / 2**32


_HELD = (
    select(t.c.id, t.c.claim)
    .where(t.c.id.in_(bindparam("ids", expanding=True)), t.c.state == WAITING)
    .order_by(t.c.id)
    .with_for_update()
)
_FREE: dict[Any, Any] = {"claim": None, "claimed_until": 0}
_DELIVERED = (
    update(t)
    .where(t.c.id == bindparam("message"))
    .values(
        state=DONE,
        completed_at=bindparam("ended"),
        attempts=bindparam("tries"),
        last_error=bindparam("said"),
        **_FREE,
    )
)
_GONE = delete(t).where(t.c.id.in_(bindparam("ids", expanding=True)))
_FAILED = (
    update(t)
    .where(t.c.id == bindparam("message"))
    .values(
        state=bindparam("after", type_=Text()),
        due_at=bindparam("due", type_=BigInteger()),
        completed_at=bindparam("ended", type_=BigInteger()),
        attempts=bindparam("tries"),
        last_error=bindparam("said"),
        **_FREE,
    )
)


def record(connection: Connection, tried: Sequence[Tried]) -> set[str]:
    """Write down what came of messages of one recipient; the ids of those that were claimed still.

    Whoever claims by recipients has made sure of the lease.
    """
    channel = CHANNELS[tried[0].message.channel]
    ours = tried if channel.by_recipient else _held(connection, tried)
    if not ours:
        return set()
    done = [one for one in ours if one.state == DONE]
    if done and channel.keeps_delivered:
        connection.execute(_DELIVERED, [_fields(one) for one in _sorted(done)])
    elif done:
        connection.execute(_GONE, {"ids": [one.message.id for one in done]})
    if len(done) < len(ours):
        others = _sorted([one for one in ours if one.state != DONE])
        connection.execute(_FAILED, [_fields(one) | _after(one) for one in others])
    _note(connection, channel, ours)
    _recipient_did(connection, channel, ours)
    return {one.message.id for one in ours}


def _held(connection: Connection, tried: Sequence[Tried]) -> list[Tried]:
    ids = [one.message.id for one in tried]
    held = {row.id: row.claim for row in connection.execute(_HELD, {"ids": ids})}
    claimed = [one for one in tried if one.message.id in held]
    return [one for one in claimed if held[one.message.id] == one.message.claim]


def _sorted(tried: Sequence[Tried]) -> list[Tried]:
    """Whoever locks several rows does so in this order."""
    return sorted(tried, key=lambda one: one.message.id)


def _fields(one: Tried) -> dict[str, Any]:
    return {
        "message": one.message.id,
        "ended": None if one.state == WAITING else one.attempt.end,
        "tries": one.message.attempts + 1,
        "said": one.attempt.outcome,
    }


def _after(one: Tried) -> dict[str, Any]:
    return {"after": one.state, "due": one.due_at or one.message.due_at}


def record_success(connection: Connection, message: StoredMessage, attempt: Attempt) -> bool:
    """It was delivered; False when the claim went to somebody else meanwhile."""
    return bool(record(connection, [delivered(message, attempt)]))


def record_failure(
    connection: Connection,
    message: StoredMessage,
    attempt: Attempt,
    after: timedelta | None = None,
) -> bool:
    """Have it tried again; False when the claim went to somebody else meanwhile."""
    return bool(record(connection, [failed(message, attempt, after)]))


def record_skip(connection: Connection, message: StoredMessage, reason: str, now: int) -> bool:
    """What it was about is gone; no attempt was made."""
    ours = (t.c.id == message.id, t.c.claim == message.claim, t.c.state == WAITING)
    values = {"state": SKIPPED, "skip_reason": reason, "completed_at": now, **_FREE}
    return connection.execute(update(t).where(*ours).values(values)).rowcount == 1


_ATTEMPTS = (
    select(a.c.message, func.max(a.c.attempt))
    .where(a.c.message.in_(bindparam("ids", expanding=True)))
    .group_by(a.c.message)
)


def numbers(connection: Connection, message_ids: Sequence[str]) -> dict[str, int]:
    """The number of the last attempt of each message that had any."""
    found = connection.execute(_ATTEMPTS, {"ids": list(message_ids)})
    return {message: number for message, number in found}


def _note(connection: Connection, channel: Channel, tried: Sequence[Tried]) -> None:
    """Add the attempts: numbered on, however often a message was resumed.

    Those of messages that do not stay say what they were about.
    """
    if channel.keeps_delivered:
        before = numbers(connection, [one.message.id for one in tried])
    else:
        before = {one.message.id: one.message.attempts for one in tried}
    rows = [
        {
            "message": one.message.id,
            "attempt": before.get(one.message.id, 0) + 1,
            "at": one.attempt.at,
            "duration": one.attempt.duration,
            "status": one.attempt.status,
            "outcome": one.attempt.outcome,
        }
        for one in tried
    ]
    if not channel.keeps_delivered:
        for row, one in zip(rows, tried, strict=True):
            row["recipient"], row["position"] = one.message.recipient, one.message.position
            row["order_id"], row["next_at"] = one.message.order_id, one.due_at or None
    connection.execute(insert(a), rows)


def _recipient_did(connection: Connection, channel: Channel, tried: Sequence[Tried]) -> None:
    """Who answered once is well; who did not is left in peace after a number of attempts."""
    attempts = [one.attempt for one in tried if one.attempt.answered is not None]
    if not attempts:
        return
    message, last = tried[0].message, max(one.end for one in attempts)
    mine = and_(
        r.c.channel == message.channel,
        r.c.account == message.account,
        r.c.recipient == message.recipient,
    )
    quiet_until = max(one.quiet_until for one in attempts)
    if any(one.answered for one in attempts):
        circuit.record_answer(connection, mine, at=last, quiet_until=quiet_until)
        return
    circuit.record_silence(
        connection,
        mine,
        channel.circuit,
        now=last,
        attempts=len(attempts),
        quiet_until=quiet_until,
    )


def forget_attempts(connection: Connection, now: int) -> int:
    """Delete attempts older than two weeks, but those of what still waits or is dead; how many."""
    settled = select(t.c.id).where(t.c.id == a.c.message, t.c.state.in_((WAITING, DEAD))).exists()
    old = delete(a).where(a.c.at < now - ATTEMPTS_KEPT // MICROSECOND, ~settled)
    return connection.execute(old).rowcount
