"""One line of the ledger: an event, with whose it is, when, by whom and why it was recorded."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, literal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def instant(micros: int) -> datetime:
    """The instant in UTC of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


_ORDER = "order/"


def order_stream(account: str, order_id: str) -> str:
    """Name the stream of an order, or of the account itself for an empty id.

    An id with a slash takes the long form, so that no id names a stream of another category.
    """
    return f"{account}/{_ORDER if '/' in order_id else ''}{order_id}"


def order_stream_in_sql(
    account: ColumnElement[str], order_id: ColumnElement[str]
) -> ColumnElement[str]:
    """Name the stream of an order in a statement, as `order_stream` does."""
    long = order_id.contains("/", autoescape=True)
    return account + case((long, literal(f"/{_ORDER}")), else_=literal("/")) + order_id


def order_of(account: str, stream: str) -> str | None:
    """Give the id of the order that a stream is of; None for a stream of something else."""
    rest = stream[len(account) + 1 :]
    if rest.startswith(_ORDER):
        return rest[len(_ORDER) :]
    return rest if rest and "/" not in rest else None


class RecordedEvent(NamedTuple):
    """An event as it is stored; like a running balance it says the status before and after."""

    account: str
    stream: str
    version: int
    name: str
    at: int
    actor: str
    cause: str | None
    status_before: str | None
    status: str | None
    domain: str | None
    moved_before_at: int | None
    body: bytes
    personal: bytes | None
    position: int = 0
    origin_position: int | None = None

    @property
    def identity(self) -> int:
        """What ids of notifications are made of: the same in each cell that has the event.

        It is the position, but for events of an account that moved: those from before keep their
        number, and those from after have one that no event from before can have.
        """
        return self.position if self.origin_position is None else self.origin_position

    @property
    def order_id(self) -> str | None:
        """The order's id, or None for an event of something else."""
        return order_of(self.account, self.stream)

    @property
    def moved(self) -> bool:
        """Whether the order's status is another than before the event."""
        return self.status != self.status_before

    def digest(self) -> bytes:
        """What the chain of seals runs over: every stored field but the position."""
        parts = (*self[:11], len(self.body), len(self.personal or b""))
        head = "\x1f".join("" if part is None else str(part) for part in parts).encode()
        return hashlib.sha256(head + b"\x1e" + self.body + (self.personal or b"")).digest()


RECORDED = RecordedEvent._fields[:-2]
"""The fields that whoever appends gives; the positions are the ledger's."""

Fill = Callable[[Connection], None]
"""What else is written in the transaction of an append; what it raises undoes the append too."""


class Key(NamedTuple):
    """A name that can be taken once per account, and what it stands for."""

    account: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """What one command appends, all or nothing: events, and the keys that it takes.

    `data_keys` are those of new orders, by stream; those of the streams `erased` are deleted.
    `fills` write tables that are made from the events, in their transaction, in this order.
    """

    rows: tuple[RecordedEvent, ...]
    keys: tuple[Key, ...] = ()
    data_keys: tuple[tuple[str, bytes], ...] = ()
    erased: tuple[str, ...] = ()
    fills: tuple[Fill, ...] = ()

    def claims(self) -> set[str]:
        """What no other write of the same group may touch."""
        return {row.stream for row in self.rows} | {f"{k.account}\x1f{k.key}" for k in self.keys}


@dataclass(frozen=True, slots=True)
class Conflict:
    """A write that was not made: somebody else wrote the stream, or took the key before."""

    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A write that was not made: this cell does not host the account, or not for the moment."""

    account: str


Outcome = int | Conflict | Moved
"""What became of a write: its last position, or why it was not made."""
