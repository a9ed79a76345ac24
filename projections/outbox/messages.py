"""The outbox: what others have to be sent, each message kept until it is delivered or given up.

A message has a channel, which says how it is tried (`oms_ledger.notifications.channel`), and an
ordering key: of a recipient's messages with the same key only the oldest is in flight.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, update

from oms_ledger.eventstore.records import order_stream
from oms_ledger.notifications.channel import (
    BY_MESSAGE,
    CHANNELS,
    GATEWAY,
    INTERNAL,
    MAIL,
    PARTNER,
    WEBHOOK,
)
from projections.outbox.tables import outbox_attempts, outbox_recipients
from projections.outbox.tables import outbox_messages as t
from projections.subscriptions.notification import insert_missing

SUBSCRIPTION = "outbox"
WAITING, DONE, DEAD, SKIPPED = "pending", "delivered", "dead", "skipped"
STATES = (WAITING, DONE, DEAD, SKIPPED)
OF_ORDERS = (PARTNER.name, GATEWAY.name, INTERNAL.name)
"""Channels of what an order is in error for when it does not come through."""
SHOWN = (*OF_ORDERS, MAIL.name)
"""Channels whose messages are shown and mended in the outbox; others have their own pages."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as stored; instants in microseconds. `version` is the event that led to it."""

    id: str
    channel: str
    account: str
    recipient: str
    ordering_key: str
    position: int
    order_id: str
    """Empty where no order sent it."""
    version: int
    kind: str
    key: str
    content: bytes
    state: str
    produced_at: int
    since: int
    due_at: int
    attempts: int
    last_error: str | None
    skip_reason: str | None
    completed_at: int | None
    claim: str | None

    @property
    def body(self) -> Any:
        """What its content says; parsed each time."""
        return json.loads(self.content)

    @property
    def cause(self) -> str:
        """The event that led to the message, as a cause of what follows from it."""
        return f"{self.ordering_key}@{self.version}"

    @property
    def other(self) -> str:
        """The recipient's own name: `acme` of `seller:acme`."""
        return self.recipient.partition(":")[2]


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try to send a message; `at` and `duration` in microseconds."""

    attempt: int
    at: int
    duration: int
    status: int | None
    outcome: str | None


COLUMNS = [t.c["body" if name == "content" else name] for name in StoredMessage.__slots__]


def stored_message(row: Row[Any]) -> StoredMessage:
    """Read a row of `COLUMNS`: `order_id` is the seventh, `content` the eleventh."""
    values: list[Any] = list(row)
    values[6], values[10] = values[6] or "", bytes(values[10])
    return StoredMessage(*values)


def enqueue(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store new messages with their recipients; those that are known by their ids stay."""
    insert_missing(connection, t, list(rows))
    recipients = sorted({(row["channel"], row["account"], row["recipient"]) for row in rows})
    names = ("channel", "account", "recipient")
    found = [dict(zip(names, recipient, strict=True)) for recipient in recipients]
    insert_missing(connection, outbox_recipients, found)


def exhausted(message: StoredMessage, now: int, resumed_at: int = 0) -> bool:
    """Say whether it was tried for as long as its channel tries, since its recipient was resumed
    at the earliest.
    """
    deadline, since = CHANNELS[message.channel].deadline, max(message.since, resumed_at)
    return deadline is not None and now - since >= deadline.total_seconds() * 1_000_000


def next_due(connection: Connection) -> int | None:
    """When the next message that waits is due; None when none waits."""
    query = select(func.min(t.c.due_at)).where(t.c.state == WAITING)
    return connection.execute(query).scalar_one_or_none()


def resume(connection: Connection, message: StoredMessage, now: int) -> bool:
    """Have a message sent at once, from its first attempt on; False when it is settled.

    A skipped one is sent again where its channel keeps none waiting for it.
    """
    channel = CHANNELS[message.channel]
    again = (DEAD, WAITING) if channel.dead_blocks else (DEAD, WAITING, SKIPPED)
    ours = (t.c.id == message.id, t.c.state.in_(again))
    values = {**_as_new(now), "attempts": 0}
    return connection.execute(update(t).where(*ours).values(values)).rowcount == 1


def revive(connection: Connection, *ours: ColumnElement[bool], now: int, **values: Any) -> None:
    """Have those that are dead wait again as if they were new; their attempts are counted on."""
    fresh = {**_as_new(now), "produced_at": now, **values}
    connection.execute(update(t).where(*ours, t.c.state == DEAD).values(fresh))


def _as_new(now: int) -> dict[str, Any]:
    again = {"state": WAITING, "due_at": now, "since": now}
    return {**again, "completed_at": None, "skip_reason": None}


def close_circuit(connection: Connection, message: StoredMessage) -> None:
    """Have its recipient tried again at once."""
    r = outbox_recipients
    mine = (
        r.c.channel == message.channel,
        r.c.account == message.account,
        r.c.recipient == message.recipient,
    )
    connection.execute(update(r).where(*mine).values(circuit_open_until=0))


def skip(connection: Connection, message_id: str, reason: str, now: int) -> bool:
    """Leave out a message that was not delivered; False when it was, or is in flight."""
    ours = (t.c.id == message_id, t.c.state.in_((DEAD, WAITING)), t.c.claimed_until <= now)
    gone = {"state": SKIPPED, "skip_reason": reason, "completed_at": now}
    return connection.execute(update(t).where(*ours).values(gone)).rowcount == 1


def get(connection: Connection, message_id: str) -> StoredMessage | None:
    """The message of that id, of whatever channel and account."""
    row = connection.execute(select(*COLUMNS).where(t.c.id == message_id)).one_or_none()
    return None if row is None else stored_message(row)


def listed(
    connection: Connection,
    account: str | None = None,
    order_id: str | None = None,
    state: str | None = None,
    limit: int = 100,
    channels: Collection[str] = OF_ORDERS,
    recipient: str | None = None,
) -> list[StoredMessage]:
    """Messages, the newest first; those of an order in the order they are sent."""
    query = select(*COLUMNS).where(t.c.channel.in_(channels)).limit(limit)
    query = query.where(t.c.state.in_(STATES if state is None else (state,)))
    if account is not None:
        query = query.where(t.c.account == account)
    if order_id is not None:
        query = query.where(t.c.order_id == order_id)
    if recipient is not None:
        query = query.where(t.c.recipient == recipient)
    if order_id is not None and account is not None:
        query = query.where(t.c.ordering_key == order_stream(account, order_id))
    forth = (t.c.position, t.c.number)
    order = forth if order_id else [column.desc() for column in forth]
    return [stored_message(row) for row in connection.execute(query.order_by(*order))]


def attempts_of(
    connection: Connection, message_ids: Collection[str]
) -> dict[str, list[AttemptRecord]]:
    """The attempts of each message, the first one first."""
    content: dict[str, list[AttemptRecord]] = {one: [] for one in message_ids}
    a = outbox_attempts
    columns = [a.c[name] for name in AttemptRecord.__slots__]
    query = select(a.c.message, *columns).where(a.c.message.in_(content))
    for row in connection.execute(query.order_by(a.c.message, a.c.attempt)):
        content[row.message].append(AttemptRecord(*row[1:]))
    return content


def counted(connection: Connection) -> dict[tuple[str, str, str], int]:
    """How many there are by channel, kind and state, settled ones left out, and those of hooks."""
    key, names = (t.c.channel, t.c.kind, t.c.state), [channel.name for channel in BY_MESSAGE]
    ours = (t.c.state.in_((WAITING, DEAD)), t.c.channel.in_(names))
    query = select(*key, func.count()).where(*ours).group_by(*key)
    return {(c, k, s): n for c, k, s, n in connection.execute(query)}


def forget_errors(connection: Connection, streams: Iterable[str]) -> None:
    """Take out what errors of messages about these streams may repeat of a person."""
    about = and_(t.c.ordering_key.in_(list(streams)), t.c.channel != WEBHOOK.name)
    a = outbox_attempts
    connection.execute(
        update(a).where(a.c.message.in_(select(t.c.id).where(about))).values(outcome=None)
    )
    connection.execute(update(t).where(about).values(last_error=None))
