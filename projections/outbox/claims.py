"""Who sends a message: claimed for a while, and what came of it recorded by that claim alone.

Recipients take turns. One that answers gets several messages at a time; one that did not answer
last, or never was tried, gets one, and all of these together have room of their own: whoever is
silent delays nobody that answers. Nothing is lost when who claimed a message dies: the claim runs
out, and the message is sent again.
"""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from oms_ledger.eventstore import hosting
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
CLAIM_DURATION = timedelta(seconds=20)
"""How long a claim holds that is not renewed: what a dead process held is sent by others then."""
RENEWAL = CLAIM_DURATION / 4
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


def _startable(channel: Channel, now: ColumnElement[int]) -> ColumnElement[bool]:
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


def _served(channel: Channel, now: ColumnElement[int]) -> ColumnElement[bool]:
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
    return and_(
        r.c.channel == channel.name,
        r.c.circuit_open_until <= now,
        hosting.is_live(r.c.account),
        due.is_not(None),
    )


# Statements are made once for each channel: every look of every dispatcher runs them.
_NOW: BindParameter[int] = bindparam("now", type_=BigInteger())


@cache
def _recipients(channel: Channel) -> Select[Any]:
    """Those that may be sent something, whoever waits longest for a turn first."""
    return select(r).where(_served(channel, _NOW)).order_by(r.c.turn_at)


@cache
def _next(channel: Channel) -> Select[Any]:
    """What a recipient may be sent next."""
    found = select(t.c.id).where(
        t.c.channel == channel.name,
        t.c.account == bindparam("account"),
        t.c.recipient == bindparam("recipient"),
        _startable(channel, _NOW),
    )
    found = found.order_by(t.c.due_at, t.c.position, t.c.number)
    return found.limit(bindparam("most", type_=Integer()))


@cache
def _due(channels: tuple[Channel, ...]) -> Select[*tuple[Any, ...]]:
    served = (select(r.c.channel).where(_served(one, _NOW)).exists() for one in channels)
    return select(*(one.label(channel.name) for one, channel in zip(served, channels, strict=True)))


_TAKE = (
    update(t)
    .where(
        t.c.id.in_(bindparam("ids", expanding=True)),
        t.c.state == WAITING,
        t.c.claimed_until <= _NOW,
    )
    .values(claim=bindparam("claimant"), claimed_until=bindparam("until"))
    .returning(*COLUMNS)
)
_TURN = (
    update(r)
    .where(
        r.c.channel == bindparam("of"),
        r.c.account == bindparam("whose"),
        r.c.recipient == bindparam("name"),
    )
    .values(turn_at=_NOW)
)


def _standing(recipient: Row[tuple[object]]) -> str:
    if recipient.consecutive_failures:
        return FAILING
    return ANSWERING if recipient.answered_at else UNTRIED


def due(connection: Connection, now: int) -> list[Channel]:
    """Channels that have something to send to somebody."""
    channels = tuple(CHANNELS.values())
    found = connection.execute(_due(channels), {"now": now}).one()
    return [channel for channel, some in zip(channels, found, strict=True) if some]


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
    for recipient in connection.execute(_recipients(channel), {"now": now}).all():
        standing = _standing(recipient)
        most = channel.room.recipient if standing == ANSWERING else 1
        most -= busy[recipient.account, recipient.recipient]
        take = min(most, left[standing], limit - len(standings))
        if take <= 0:
            continue
        its = {"account": recipient.account, "recipient": recipient.recipient}
        found = connection.execute(_next(channel), {**its, "now": now, "most": take})
        ids = list(found.scalars())
        standings |= dict.fromkeys(ids, standing)
        left[standing] -= len(ids)
        served.append((recipient.account, recipient.recipient))
    if not standings:
        return []
    until = now + CLAIM_DURATION // MICROSECOND
    claiming = {"ids": list(standings), "now": now, "claimant": claimant, "until": until}
    messages = [stored_message(row) for row in connection.execute(_TAKE, claiming)]
    turns = [  # whoever locks several does so in this order
        {"of": channel.name, "whose": account, "name": name, "now": now}
        for account, name in sorted(served)
    ]
    connection.execute(_TURN, turns)
    messages.sort(key=lambda one: (one.due_at, one.position))
    return [(standings[message.id], message) for message in messages]


_RENEW = (
    update(t)
    .where(
        t.c.id.in_(bindparam("ids", expanding=True)),
        t.c.claim == bindparam("claimant"),
        t.c.state == WAITING,
    )
    .values(claimed_until=bindparam("until"))
)


def renew(connection: Connection, held: Sequence[StoredMessage], now: int) -> None:
    """Hold messages on, as far as they are still theirs who claimed them."""
    by_claim: dict[str | None, list[str]] = {}
    for message in sorted(held, key=lambda one: one.id):
        by_claim.setdefault(message.claim, []).append(message.id)
    until = now + CLAIM_DURATION // MICROSECOND
    for claimant, ids in by_claim.items():
        connection.execute(_RENEW, {"ids": ids, "claimant": claimant, "until": until})


_IN_FLIGHT = (
    select(t.c.account, t.c.recipient, func.count())
    .where(
        t.c.channel == bindparam("channel"),
        text("claimed_until > 0"),  # as the index has it
        t.c.claimed_until > _NOW,
    )
    .group_by(t.c.account, t.c.recipient)
)


def _in_flight(connection: Connection, channel: Channel, now: int) -> Counter[tuple[str, str]]:
    """How many messages each recipient is being sent, by whomever."""
    rows = connection.execute(_IN_FLIGHT, {"channel": channel.name, "now": now})
    return Counter({(account, recipient): count for account, recipient, count in rows})


_HELD = (
    select(t.c.id, t.c.claim)
    .where(t.c.id.in_(bindparam("ids", expanding=True)), t.c.state == WAITING)
    .order_by(t.c.id)
    .with_for_update()
)
_DELIVERED = (
    update(t)
    .where(t.c.id == bindparam("message"))
    .values(
        state=DONE,
        completed_at=bindparam("ended"),
        attempts=bindparam("tries"),
        last_error=bindparam("said"),
        claim=None,
        claimed_until=0,
    )
)


def record_success(connection: Connection, message: StoredMessage, attempt: Attempt) -> bool:
    """It was delivered; False when the claim went to somebody else meanwhile."""
    return bool(record_successes(connection, [(message, attempt)]))


def record_successes(
    connection: Connection, delivered: Sequence[tuple[StoredMessage, Attempt]]
) -> set[str]:
    """Messages of one recipient were delivered; the ids of those whose claims were ours still."""
    ids = [message.id for message, _ in delivered]
    held = {row.id: row.claim for row in connection.execute(_HELD, {"ids": ids})}
    ours = [(one, attempt) for one, attempt in delivered if held.get(one.id) == one.claim]
    if not ours:
        return set()
    done = [
        {
            "message": message.id,
            "ended": _end(attempt),
            "tries": message.attempts + 1,
            "said": attempt.outcome,
        }
        for message, attempt in sorted(ours, key=lambda one: one[0].id)
    ]
    connection.execute(_DELIVERED, done)
    _tried(connection, ours)
    return {message.id for message, _ in ours}


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
    _tried(connection, [(message, attempt)])
    return True


_ATTEMPTS = (
    select(outbox_attempts.c.message, func.max(outbox_attempts.c.attempt))
    .where(outbox_attempts.c.message.in_(bindparam("ids", expanding=True)))
    .group_by(outbox_attempts.c.message)
)


def _tried(connection: Connection, tried: Sequence[tuple[StoredMessage, Attempt]]) -> None:
    """Note attempts to send messages of one recipient, and how it did last."""
    ids = [message.id for message, _ in tried]
    before = {one: most for one, most in connection.execute(_ATTEMPTS, {"ids": ids})}
    rows = [
        {
            "message": message.id,
            "attempt": before.get(message.id, 0) + 1,
            "at": attempt.at,
            "duration": attempt.duration,
            "status": attempt.status,
            "outcome": attempt.outcome,
        }
        for message, attempt in tried
    ]
    connection.execute(insert(outbox_attempts), rows)
    answers = [one for one in tried if one[1].answered is not None]
    if answers:
        _recipient_did(connection, *max(answers, key=lambda one: _end(one[1])))


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
