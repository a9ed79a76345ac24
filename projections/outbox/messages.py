"""Messages of orders to partners and gateways, each kept until it is delivered.

A message is claimed for a while by its sender, so that of an order and a recipient only the oldest
one is under way. What came of it is recorded only by the claim that made it. Nothing is lost when
the one who claimed it dies: the claim runs out, and the call is made again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.serialization import stored_name
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import GIVEN_UP_AFTER, OutboxMessage, wait_after
from oms_ledger.orders.outbox.rules import messages_after, outbox_events
from projections.tables import outbox_messages as t

SUBSCRIPTION = "outbox"
WAITING, DONE, DEAD, SKIPPED = "pending", "delivered", "dead", "skipped"
CLAIM_DURATION = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A call as stored; instants in microseconds. `version` is the event that led to it."""

    id: str
    account: str
    order_id: str
    version: int
    recipient: str
    kind: str
    key: str
    body: dict[str, Any]
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
    def cause(self) -> str:
        """The event that led to the call, as a cause of what follows from it."""
        return f"{self.account}/{self.order_id}@{self.version}"

    @property
    def other(self) -> str:
        """The recipient's own name: `acme` of `seller:acme`."""
        return self.recipient.partition(":")[2]


class OutboxProjection:
    """Destination of the subscription `calls`: what the events of a page make the ledger tell
    others.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.found = False
        """Whether something became pending; for who has to tell others of it, and takes it back."""

    def produce(self, page: Page) -> list[dict[str, Any]]:
        telling = {stored_name(event) for event in outbox_events()}
        streams = {row.stream for row in page.rows if row.name in telling}
        return [
            self._stored_message(row, number, outbox_message)
            for row, event, before, after in page.transitions_of(streams)
            if isinstance(after.state, Order) and row.name in telling
            for number, outbox_message in enumerate(
                messages_after(
                    before.state if isinstance(before.state, Order) else None,
                    event,
                    after.state,
                )
            )
        ]

    def store(self, connection: Connection, produced: object) -> None:
        assert isinstance(produced, list)
        if produced:
            self.found = True
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(dialect.insert(t).on_conflict_do_nothing(), produced)

    def _stored_message(
        self, row: RecordedEvent, number: int, outbox_message: OutboxMessage
    ) -> dict[str, Any]:
        outbox_message, now = (
            replace(outbox_message, key=outbox_message.key or f"v{row.version}"),
            self._now(),
        )
        return {
            "id": message_id(row.stream, outbox_message),
            "account": row.account,
            "order_id": row.order_id,
            "version": row.version,
            "position": row.position,
            "number": number,
            "recipient": outbox_message.recipient,
            "kind": outbox_message.kind,
            "key": outbox_message.key,
            "body": json.dumps(outbox_message.body).encode(),
            "state": WAITING,
            "produced_at": now,
            "since": now,
            "due_at": now,
        }


def message_id(stream: str, outbox_message: OutboxMessage) -> str:
    """The same for the same call of the same order: whoever is called may know it by this."""
    name = "\x1f".join((stream, outbox_message.recipient, outbox_message.kind, outbox_message.key))
    return hashlib.sha256(name.encode()).hexdigest()[:32]


_COLUMNS = [t.c[name] for name in StoredMessage.__slots__]


def _stored_message(row: Any) -> StoredMessage:
    return StoredMessage(**{**row._mapping, "body": json.loads(bytes(row.body))})


def _may_be_made(now: int) -> ColumnElement[bool]:
    """Due, nobody's, and the oldest of its order and recipient that is not settled."""
    older = t.alias()
    waits = (
        select(older.c.id)
        .where(
            older.c.account == t.c.account,
            older.c.order_id == t.c.order_id,
            older.c.recipient == t.c.recipient,
            older.c.state.in_((WAITING, DEAD)),
            or_(
                older.c.position < t.c.position,
                and_(older.c.position == t.c.position, older.c.number < t.c.number),
            ),
        )
        .exists()
    )
    return and_(t.c.state == WAITING, t.c.due_at <= now, t.c.claimed_until <= now, ~waits)


def claim(connection: Connection, claimant: str, now: int, limit: int) -> list[StoredMessage]:
    """Take up to `limit` calls that are due; nobody else makes them until the claim runs out."""
    found = select(t.c.id).where(_may_be_made(now)).order_by(t.c.due_at, t.c.position).limit(limit)
    ids = list(connection.execute(found).scalars())
    if not ids:
        return []
    taken = (
        update(t)
        .where(t.c.id.in_(ids), t.c.state == WAITING, t.c.claimed_until <= now)
        .values(claim=claimant, claimed_until=now + CLAIM_DURATION // timedelta(microseconds=1))
        .returning(*_COLUMNS)
    )
    claimed = [_stored_message(row) for row in connection.execute(taken)]
    return sorted(claimed, key=lambda pending: (pending.due_at, pending.produced_at))


def any_due(connection: Connection, now: int) -> bool:
    return connection.execute(select(t.c.id).where(_may_be_made(now)).limit(1)).first() is not None


def next_due(connection: Connection) -> int | None:
    """When the next call that waits is due; None when none waits."""
    query = select(func.min(t.c.due_at)).where(t.c.state == WAITING)
    return connection.execute(query).scalar_one_or_none()


def record_success(connection: Connection, pending: StoredMessage, now: int) -> bool:
    """It came through; False when the claim went to somebody else meanwhile."""
    return _settle(connection, pending, state=DONE, completed_at=now, last_error=None)


def record_failure(
    connection: Connection,
    pending: StoredMessage,
    now: int,
    why: str,
    after: timedelta | None = None,
) -> bool:
    """Try again after a wait, which whoever was called may have asked to be longer."""
    wait = max(wait_after(pending.attempts + 1), after or timedelta(0))
    due = now + wait // timedelta(microseconds=1)
    return _settle(connection, pending, state=WAITING, due_at=due, last_error=why[:2000])


def record_death(connection: Connection, pending: StoredMessage, why: str) -> bool:
    return _settle(connection, pending, state=DEAD, last_error=why[:2000])


def _settle(connection: Connection, pending: StoredMessage, **values: Any) -> bool:
    ours = (t.c.id == pending.id, t.c.claim == pending.claim, t.c.state == WAITING)
    fields = {**values, "attempts": pending.attempts + 1, "claim": None, "claimed_until": 0}
    return connection.execute(update(t).where(*ours).values(fields)).rowcount == 1


def exhausted(pending: StoredMessage, now: int) -> bool:
    return now - pending.since >= GIVEN_UP_AFTER // timedelta(microseconds=1)


def resume(connection: Connection, outbox_message: str, now: int) -> None:
    """Have a dead call made again, at once; one that waits is made now."""
    again = {"state": WAITING, "due_at": now, "since": now, "attempts": 0}
    query = update(t).where(t.c.id == outbox_message, t.c.state.in_((DEAD, WAITING)))
    connection.execute(query.values(again))


def skip(connection: Connection, outbox_message: str, reason: str, now: int) -> bool:
    """Leave out a call that has not come through; False when it has, or is under way."""
    ours = (t.c.id == outbox_message, t.c.state.in_((DEAD, WAITING)), t.c.claimed_until <= now)
    gone = {"state": SKIPPED, "skip_reason": reason, "completed_at": now}
    return connection.execute(update(t).where(*ours).values(gone)).rowcount == 1


def get(connection: Connection, outbox_message: str) -> StoredMessage | None:
    row = connection.execute(select(*_COLUMNS).where(t.c.id == outbox_message)).one_or_none()
    return None if row is None else _stored_message(row)


def listed(
    connection: Connection,
    account: str | None = None,
    order_id: str | None = None,
    state: str | None = None,
    limit: int = 100,
) -> list[StoredMessage]:
    """Calls, the newest first; those of an order in the order they are made."""
    query = select(*_COLUMNS).limit(limit)
    for column, value in ((t.c.account, account), (t.c.order_id, order_id), (t.c.state, state)):
        if value is not None:
            query = query.where(column == value)
    forth = (t.c.position, t.c.number)
    order = forth if order_id else [column.desc() for column in forth]
    return [_stored_message(row) for row in connection.execute(query.order_by(*order))]


def counted(connection: Connection) -> dict[tuple[str, str], int]:
    """How many there are by kind and state, settled ones left out."""
    query = select(t.c.kind, t.c.state, func.count()).where(t.c.state.in_((WAITING, DEAD)))
    return {(k, s): n for k, s, n in connection.execute(query.group_by(t.c.kind, t.c.state))}
