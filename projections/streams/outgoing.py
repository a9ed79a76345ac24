"""Outgoing streams: where an account's events are sent, and how far each is.

The position of a stream's subscription is the last that its destination has acknowledged.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, literal, select, update

from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.tables import account_heads
from projections.streams.tables import outgoing_streams as t
from projections.subscriptions import checkpoints
from projections.tables import subscriptions

KIND = "stream"
SECOND = 1_000_000
LONGEST_PAUSE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class OutgoingStream:
    """`start` is the position after which it begins; instants in microseconds."""

    name: str
    account: str
    url: str = field(repr=False)
    target: str
    keep: int
    start: int
    created_at: int
    failures: int = 0
    retry_at: int = 0
    last_error: str | None = None

    @property
    def subscription(self) -> str:
        """The subscription whose position is how far the stream is."""
        return subscription_of(self.name)


def subscription_of(name: str) -> str:
    """The subscription of a stream, by its name."""
    return f"{KIND}:{name}"


def create(connection: Connection, stream: OutgoingStream, encryption: Encryption) -> bool:
    """Add a stream; False when there is one of this name."""
    if connection.execute(select(t.c.name).where(t.c.name == stream.name)).first():
        return False
    row = {
        "name": stream.name,
        "account": stream.account,
        "url": encryption.seal(stream.url.encode(), place(stream.name)),
        "target": stream.target,
        "keep": stream.keep,
        "start": stream.start,
        "created_at": stream.created_at,
    }
    connection.execute(insert(t).values(row))
    checkpoints.create(connection, stream.subscription, stream.start, kind=KIND)
    return True


def remove(connection: Connection, name: str) -> bool:
    """Forget a stream; what it sent stays where it is."""
    checkpoints.drop(connection, subscription_of(name))
    return bool(connection.execute(delete(t).where(t.c.name == name)).rowcount)


def get(connection: Connection, name: str, encryption: Encryption) -> OutgoingStream | None:
    """The stream of that name, its secrets in plain."""
    row = connection.execute(select(t).where(t.c.name == name)).one_or_none()
    return None if row is None else _stream(row, encryption)


def every(connection: Connection, encryption: Encryption) -> list[OutgoingStream]:
    """All streams, by name."""
    return [_stream(row, encryption) for row in connection.execute(select(t).order_by(t.c.name))]


def _stream(row: Row[Any], encryption: Encryption) -> OutgoingStream:
    fields = dict(row._mapping)
    fields["url"] = encryption.open(bytes(row.url), place(row.name)).decode()
    return OutgoingStream(**fields)


def place(name: str) -> str:
    """What the stored address is bound to."""
    return f"outgoing-stream:{name}"


def failed(connection: Connection, stream: OutgoingStream, error: str, now: int) -> None:
    """Remember a failure; the stream is tried again after a pause that grows to a minute."""
    pause = min(LONGEST_PAUSE, SECOND << min(stream.failures, 6))
    values = {"failures": t.c.failures + 1, "last_error": error[:500], "retry_at": now + pause}
    connection.execute(update(t).where(t.c.name == stream.name).values(values))


def worked(connection: Connection, name: str) -> None:
    """Forget that it failed before."""
    values = {"failures": 0, "last_error": None, "retry_at": 0}
    connection.execute(update(t).where(t.c.name == name).values(values))


def behind(connection: Connection, now: int) -> list[str]:
    """The subscriptions of streams that have something to send, and may be tried now."""
    query = select(subscriptions.c.id).where(
        subscriptions.c.id == literal(f"{KIND}:") + t.c.name,
        account_heads.c.account == t.c.account,
        subscriptions.c.position < account_heads.c.position,
        t.c.retry_at <= now,
    )
    return list(connection.execute(query).scalars())


def counted(connection: Connection) -> tuple[int, int]:
    """How many streams there are, and how many of them failed the last time."""
    failing = func.count().filter(t.c.failures > 0)
    count, failed = connection.execute(select(func.count(), failing)).one()
    return count, failed
