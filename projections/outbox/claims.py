"""Who sends a message: claimed for a while, and what came of it recorded by that claim alone.

Recipients take turns. One that answers gets several messages at a time; one that did not answer
last, or never was tried, gets one, and all of these together have room of their own: whoever is
silent delays nobody that answers. Nothing is lost when who claimed a message dies: the claim runs
out, and the message is sent again.
"""

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from oms_ledger.notifications.channel import CHANNELS, Channel
from projections.outbox import circuit
from projections.outbox.messages import (
    COLUMNS,
    DEAD,
    DONE,
    SKIPPED,
    WAITING,
    StoredMessage,
    stored_message,
)
from projections.outbox.tables import outbox_attempts
from projections.outbox.tables import outbox_messages as t
from projections.outbox.tables import outbox_recipients as r

ANSWERING, UNTRIED, FAILING = "answering", "untried", "failing"
MICROSECOND = timedelta(microseconds=1)
CLAIM_DURATION = timedelta(seconds=60)
ATTEMPTS_KEPT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when it began and how long it took (microseconds), and what came of it.

    `answered`: whether the recipient answered at all; None where that cannot be said.
    """

    at: int
    duration: int
    status: int | None = None
    outcome: str | None = None
    answered: bool | None = True


def _startable(channel: Channel, now: int) -> ColumnElement[bool]:
    """Due, nobody's, and with nothing older before it that waits."""
    older = t.alias()
    waits = (WAITING, DEAD) if channel.dead_blocks else (WAITING,)
    blocked = (
        select(older.c.id)
        .where(
            older.c.ordering_key == t.c.ordering_key,
            older.c.channel == channel.name,
            older.c.recipient == t.c.recipient,
            # By the key's index alone: by state there may be any number to look through.
            older.c.state.concat("").in_(waits),
            or_(
                older.c.position < t.c.position,
                and_(older.c.position == t.c.position, older.c.number < t.c.number),
            ),
        )
        .exists()
    )
    return and_(t.c.state == WAITING, t.c.due_at <= now, t.c.claimed_until <= now, ~blocked)


def _served(channel: Channel, now: int) -> ColumnElement[bool]:
    """Recipients that have something they may be sent."""
    due = (
        select(t.c.id)
        .where(
            t.c.channel == channel.name,
            t.c.account == r.c.account,
            t.c.recipient == r.c.recipient,
            _startable(channel, now),
        )
        .limit(1)  # looked up for each recipient: never all messages at once
        .scalar_subquery()
    )
    return and_(r.c.channel == channel.name, r.c.circuit_open_until <= now, due.is_not(None))


def _recipients(connection: Connection, channel: Channel, now: int) -> list[Row[tuple[object]]]:
    """Those that may be sent something, whoever waits longest for a turn first."""
    query = select(r).where(_served(channel, now)).order_by(r.c.turn_at)
    return list(connection.execute(query))


def _standing(recipient: Row[tuple[object]]) -> str:
    if recipient.consecutive_failures:
        return FAILING
    return ANSWERING if recipient.answered_at else UNTRIED


def any_due(connection: Connection, now: int) -> bool:
    served = (select(r.c.channel).where(_served(one, now)).exists() for one in CHANNELS.values())
    return bool(connection.execute(select(or_(*served))).scalar_one())


def claim(
    connection: Connection,
    channel: Channel,
    claimant: str,
    now: int,
    free: Mapping[str, int],
    limit: int,
) -> list[tuple[str, StoredMessage]]:
    """Take up to `limit` messages that are due, with the standing of their recipients.

    `free` says how many may be taken by standing.
    """
    left = dict(free)
    busy = _in_flight(connection, channel, now)
    standings: dict[str, str] = {}
    served: list[tuple[str, str]] = []
    for recipient in _recipients(connection, channel, now):
        standing = _standing(recipient)
        most = channel.room.recipient if standing == ANSWERING else 1
        most -= busy[recipient.account, recipient.recipient]
        take = min(most, left[standing], limit - len(standings))
        if take <= 0:
            continue
        found = (
            select(t.c.id)
            .where(
                t.c.channel == channel.name,
                t.c.account == recipient.account,
                t.c.recipient == recipient.recipient,
                _startable(channel, now),
            )
            .order_by(t.c.due_at, t.c.position, t.c.number)
            .limit(take)
        )
        ids = list(connection.execute(found).scalars())
        standings |= dict.fromkeys(ids, standing)
        left[standing] -= len(ids)
        served.append((recipient.account, recipient.recipient))
    if not standings:
        return []
    taken = (
        update(t)
        .where(t.c.id.in_(list(standings)), t.c.state == WAITING, t.c.claimed_until <= now)
        .values(claim=claimant, claimed_until=now + CLAIM_DURATION // MICROSECOND)
        .returning(*COLUMNS)
    )
    messages = [stored_message(row) for row in connection.execute(taken)]
    for account, name in sorted(served):  # whoever locks several does so in this order
        turn = (r.c.channel == channel.name, r.c.account == account, r.c.recipient == name)
        connection.execute(update(r).where(*turn).values(turn_at=now))
    messages.sort(key=lambda one: (one.due_at, one.position))
    return [(standings[message.id], message) for message in messages]


def _in_flight(connection: Connection, channel: Channel, now: int) -> Counter[tuple[str, str]]:
    """How many messages each recipient is being sent, by whomever."""
    claimed = text("claimed_until > 0")  # as the index has it
    query = select(t.c.account, t.c.recipient, func.count()).where(
        t.c.channel == channel.name, claimed, t.c.claimed_until > now
    )
    rows = connection.execute(query.group_by(t.c.account, t.c.recipient))
    return Counter({(account, recipient): count for account, recipient, count in rows})


def record_success(connection: Connection, message: StoredMessage, attempt: Attempt) -> bool:
    """It was delivered; False when the claim went to somebody else meanwhile."""
    if not CHANNELS[message.channel].keeps_delivered:
        gone = connection.execute(delete(t).where(*_ours(message))).rowcount == 1
        return gone and _tried(connection, message, attempt)
    return _record(connection, message, attempt, state=DONE, completed_at=_end(attempt))


def record_failure(
    connection: Connection,
    message: StoredMessage,
    attempt: Attempt,
    after: timedelta | None = None,
) -> bool:
    """Try again after a wait, which whoever was to get it may have asked to be longer."""
    wait = CHANNELS[message.channel].retry.wait(message.attempts + 1, _chance(message))
    due = _end(attempt) + max(wait, after or timedelta(0)) // MICROSECOND
    return _record(connection, message, attempt, due_at=due)


def record_death(connection: Connection, message: StoredMessage, attempt: Attempt) -> bool:
    return _record(connection, message, attempt, state=DEAD, completed_at=_end(attempt))


def record_skip(connection: Connection, message: StoredMessage, reason: str, now: int) -> bool:
    """What it was about is gone; no attempt was made."""
    values = {"state": SKIPPED, "skip_reason": reason, "completed_at": now}
    values |= {"claim": None, "claimed_until": 0}
    return connection.execute(update(t).where(*_ours(message)).values(values)).rowcount == 1


def _chance(message: StoredMessage) -> float:
    """Spread what failed at once over time: another number for each message and attempt."""
    return zlib.crc32(f"{message.id}/{message.attempts}".encode()) / 2**32


def _end(attempt: Attempt) -> int:
    return attempt.at + attempt.duration


def _ours(message: StoredMessage) -> tuple[ColumnElement[bool], ...]:
    return (t.c.id == message.id, t.c.claim == message.claim, t.c.state == WAITING)


def _record(
    connection: Connection, message: StoredMessage, attempt: Attempt, **values: object
) -> bool:
    fields = {
        **values,
        "attempts": message.attempts + 1,
        "last_error": attempt.outcome,
        "claim": None,
        "claimed_until": 0,
    }
    if connection.execute(update(t).where(*_ours(message)).values(fields)).rowcount != 1:
        return False
    return _tried(connection, message, attempt)


def _tried(connection: Connection, message: StoredMessage, attempt: Attempt) -> bool:
    """Note the attempt, and how the recipient did."""
    a = outbox_attempts
    number = select(func.coalesce(func.max(a.c.attempt), 0) + 1).where(a.c.message == message.id)
    row = insert(a).values(
        message=message.id,
        attempt=number.scalar_subquery(),
        at=attempt.at,
        duration=attempt.duration,
        status=attempt.status,
        outcome=attempt.outcome,
    )
    connection.execute(row)
    if attempt.answered is not None:
        _recipient_did(connection, message, attempt)
    return True


def _recipient_did(connection: Connection, message: StoredMessage, attempt: Attempt) -> None:
    mine = and_(
        r.c.channel == message.channel,
        r.c.account == message.account,
        r.c.recipient == message.recipient,
    )
    if attempt.answered:
        circuit.record_answer(
            connection, r, mine, first=r.c.answered_at == 0, answered_at=_end(attempt)
        )
    else:
        of_channel = CHANNELS[message.channel].circuit
        circuit.record_silence(connection, r, mine, of_channel, now=_end(attempt))


def forget_attempts(connection: Connection, now: int) -> int:
    """Delete attempts older than two weeks, but those of what still waits or is dead; how many."""
    a = outbox_attempts
    settled = select(t.c.id).where(t.c.id == a.c.message, t.c.state.in_((WAITING, DEAD))).exists()
    old = delete(a).where(a.c.at < now - ATTEMPTS_KEPT // MICROSECOND, ~settled)
    return connection.execute(old).rowcount


def failing(connection: Connection, now: int) -> list[tuple[str, str, str, int, bool]]:
    """Recipients that did not answer last: channel, account, name, how often, circuit open."""
    query = select(r).where(r.c.consecutive_failures > 0)
    return [
        (
            row.channel,
            row.account,
            row.recipient,
            row.consecutive_failures,
            row.circuit_open_until > now,
        )
        for row in connection.execute(query.order_by(r.c.channel, r.c.account, r.c.recipient))
    ]
