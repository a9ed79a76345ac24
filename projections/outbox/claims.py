"""Who sends a message: claimed for a while, one by one or with all that its recipient has waiting.

What came of it is recorded by that claim alone (`projections.outbox.attempts`). Recipients take
turns. One that answers gets several messages at a time; one that did not answer
last, or never was tried, gets one, and all of these together have room of their own: whoever is
silent delays nobody that answers. Nothing is lost when who claimed a message dies: the claim runs
out, and the message is sent again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from oms_ledger.eventstore import hosting
from oms_ledger.notifications.channel import BY_MESSAGE, Channel
from projections.outbox.messages import (
    COLUMNS,
    DEAD,
    WAITING,
    StoredMessage,
    stored_message,
)
from projections.outbox.tables import outbox_messages as t
from projections.outbox.tables import outbox_recipients as r

ANSWERING, UNTRIED, FAILING = "answering", "untried", "failing"
MICROSECOND = timedelta(microseconds=1)
CLAIM_DURATION = timedelta(seconds=20)
"""How long a claim holds that is not renewed: what a dead process held is sent by others then."""
RENEWAL = CLAIM_DURATION / 4


def _blocked(channel: Channel, now: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether something older waits that is before it.

    Who claimed the whole recipient has what is before it too, unless that is not due yet.
    """
    older = t.alias()
    waits = (WAITING, DEAD) if channel.dead_blocks else (WAITING,)
    before = select(older.c.id).where(
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
    if channel.by_recipient:
        before = before.where(older.c.due_at > now)
    return before.exists()


def _startable(channel: Channel, now: ColumnElement[int]) -> ColumnElement[bool]:
    """Due, nobody's, and with nothing older before it that waits."""
    startable = and_(t.c.state == WAITING, t.c.due_at <= now, ~_blocked(channel, now))
    return startable if channel.by_recipient else and_(startable, t.c.claimed_until <= now)


def served(channel: Channel, now: ColumnElement[int]) -> ColumnElement[bool]:
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
NOW: BindParameter[int] = bindparam("now", type_=BigInteger())


@cache
def _recipients(channel: Channel) -> Select[Any]:
    """Those that may be sent something, whoever waits longest for a turn first."""
    return select(r).where(served(channel, NOW)).order_by(r.c.turn_at)


@cache
def _next(channel: Channel) -> Select[Any]:
    """What a recipient may be sent next."""
    found = select(t.c.id).where(
        t.c.channel == channel.name,
        t.c.account == bindparam("account"),
        t.c.recipient == bindparam("recipient"),
        _startable(channel, NOW),
    )
    found = found.order_by(t.c.due_at, t.c.position, t.c.number)
    return found.limit(bindparam("most", type_=Integer()))


@cache
def _due(channels: tuple[Channel, ...]) -> Select[*tuple[Any, ...]]:
    some = (select(r.c.channel).where(served(one, NOW)).exists() for one in channels)
    return select(*(one.label(channel.name) for one, channel in zip(some, channels, strict=True)))


_TAKE = (
    update(t)
    .where(
        t.c.id.in_(bindparam("ids", expanding=True)),
        t.c.state == WAITING,
        t.c.claimed_until <= NOW,
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
    .values(turn_at=NOW)
)


def _standing(recipient: Row[tuple[object]]) -> str:
    if recipient.consecutive_failures:
        return FAILING
    return ANSWERING if recipient.answered_at else UNTRIED


def due(connection: Connection, now: int) -> list[Channel]:
    """Channels that have something to send to somebody."""
    found = connection.execute(_due(BY_MESSAGE), {"now": now}).one()
    return [channel for channel, some in zip(BY_MESSAGE, found, strict=True) if some]


def of_recipients(channel: Channel) -> ColumnElement[bool]:
    """Messages of a channel that is claimed by recipients, as the index in their order has it."""
    of_channel = t.c.channel == literal_column(f"'{channel.name}'")
    return and_(of_channel, t.c.claimed_until == literal_column("0"))


@cache
def _in_order(channel: Channel) -> Select[Any]:
    """What a recipient has waiting that is due, in the order of the ledger."""
    query = select(*COLUMNS).where(
        of_recipients(channel),
        t.c.recipient == bindparam("recipient"),
        t.c.state == WAITING,
        t.c.due_at + 0 <= NOW,
        ~_blocked(channel, NOW),
    )
    return query.order_by(t.c.position).limit(bindparam("most", type_=Integer()))


def waiting(
    connection: Connection, channel: Channel, recipient: str, now: int, limit: int
) -> list[StoredMessage]:
    """What whoever claimed a recipient may send it now, the oldest first.

    Later messages of the same ordering key are among them, for who sends them one after another.
    """
    pick = {"recipient": recipient, "now": now, "most": limit}
    return [stored_message(row) for row in connection.execute(_in_order(channel), pick)]


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
        t.c.claimed_until > NOW,
    )
    .group_by(t.c.account, t.c.recipient)
)


def _in_flight(connection: Connection, channel: Channel, now: int) -> Counter[tuple[str, str]]:
    """How many messages each recipient is being sent, by whomever."""
    rows = connection.execute(_IN_FLIGHT, {"channel": channel.name, "now": now})
    return Counter({(account, recipient): count for account, recipient, count in rows})


def failing(connection: Connection, now: int) -> list[tuple[str, str, str, int, bool]]:
    """Recipients that did not answer last: channel, account, name, how often, circuit open."""
    names = [channel.name for channel in BY_MESSAGE]
    query = select(r).where(r.c.channel.in_(names), r.c.consecutive_failures > 0)
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
