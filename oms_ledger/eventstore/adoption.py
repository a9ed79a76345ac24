"""Takes an account's events over from the cell that recorded them, as they are.

Stream, version, instant, actor, cause, bytes and digest stay; positions and seals are this cell's.
What the ids of notifications are made of goes along (`RecordedEvent.identity`), and where each
event stood before is kept, for whoever comes with a position of another cell. Events that are here
already, because the account was here before or the copy began twice, are passed over.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.records import RECORDED, RecordedEvent
from oms_ledger.eventstore.store import last_position
from oms_ledger.eventstore.tables import data_keys, events, former_positions, seals


class DivergedEvent(Exception):
    """An event of the same stream and version is here, and says something else."""

    def __init__(self, stream: str, version: int) -> None:
        super().__init__(stream, version)

    def __str__(self) -> str:
        return f"The cells have different events {self.args[1]} of {self.args[0]}: nothing moves."


@dataclass(frozen=True)
class Parcel:
    """A page of an account's events, as their cell has them: `former` are rows of places before.

    Of the streams in it `keys` are the data keys there are; one without was erased.
    """

    rows: Sequence[RecordedEvent]
    digests: Sequence[bytes]
    keys: Mapping[str, bytes]
    former: Sequence[tuple[str, int, int]]


_PAGE = (
    select(*(events.c[name] for name in RecordedEvent._fields), events.c.digest)
    .where(events.c.account == bindparam("account"), events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)


def pack(database: Database, account: str, after: int, limit: int) -> Parcel:
    """The account's next events after a position of this cell."""
    with database.snapshot() as connection:
        given = {"account": account, "after": after, "limit": limit}
        found = connection.execute(_PAGE, given).all()
        rows = [RecordedEvent._make(row[:-1]) for row in found]
        if not rows:
            return Parcel((), (), {}, ())
        streams = sorted({row.stream for row in rows})
        kept = select(data_keys.c.stream, data_keys.c.wrapped).where(
            data_keys.c.stream.in_(streams)
        )
        keys = {stream: bytes(wrapped) for stream, wrapped in connection.execute(kept)}
        t = former_positions.c
        places = select(t.cell, t.former, t.position).where(
            t.account == account, t.position.between(rows[0].position, rows[-1].position)
        )
        former = [(cell, before, at) for cell, before, at in connection.execute(places)]
    clean = [
        row._replace(body=bytes(row.body), personal=row.personal and bytes(row.personal))
        for row in rows
    ]
    return Parcel(clean, [bytes(row[-1]) for row in found], keys, former)


def adopt(
    connection: Connection, account: str, parcel: Parcel, *, source: str, target: str
) -> None:
    """Append a page of events of another cell, in a transaction of their own.

    The account has to be arriving here: whoever gave up, or was late, changes nothing.
    """
    hosting.lock_appends(connection)
    hosting.require(connection, account, hosting.ARRIVING)
    known = _known(connection, parcel)
    head = last_position(connection)
    new, at = list[dict[str, Any]](), dict[int, int]()
    for row, digest in zip(parcel.rows, parcel.digests, strict=True):
        if (found := known.get((row.stream, row.version))) is not None:
            position, stored = found
            if stored != digest:
                raise DivergedEvent(row.stream, row.version)
        else:
            position = head + len(new) + 1
            fields = dict(zip(RECORDED, row, strict=False))
            fields |= {"position": position, "digest": digest, "origin_position": row.identity}
            new.append(fields)
        at[row.position] = position
    if new:
        connection.execute(insert(events), new)
        _seal(connection, head, new)
    _keep_places(connection, account, parcel, at, source=source, target=target)
    _keep_keys(connection, parcel)
    if new and connection.dialect.name == "postgresql":
        notify = text("SELECT pg_notify('ledger', :head)")
        connection.execute(notify, {"head": str(head + len(new))})


def _known(connection: Connection, parcel: Parcel) -> dict[tuple[str, int], tuple[int, bytes]]:
    e = events.c
    first, last = dict[str, int](), dict[str, int]()
    for row in parcel.rows:
        first.setdefault(row.stream, row.version)
        last[row.stream] = row.version
    query = select(e.stream, e.version, e.position, e.digest).where(e.stream.in_(sorted(first)))
    if len(first) == 1:
        ((stream, version),) = first.items()
        query = query.where(e.version.between(version, last[stream]))
    return {
        (stream, version): (position, bytes(digest))
        for stream, version, position, digest in connection.execute(query)
    }


def _seal(connection: Connection, head: int, new: Sequence[Mapping[str, Any]]) -> None:
    query = select(seals.c.seal).order_by(seals.c.position_to.desc()).limit(1)
    last = connection.execute(query).scalar_one_or_none()
    seal = hashlib.sha256(bytes(last or b"") + b"".join(row["digest"] for row in new)).digest()
    sealed = {"position_to": head + len(new), "position_from": head + 1, "seal": seal}
    connection.execute(insert(seals).values(sealed))


def _keep_places(
    connection: Connection,
    account: str,
    parcel: Parcel,
    at: Mapping[int, int],
    *,
    source: str,
    target: str,
) -> None:
    places = [(source, before, position) for before, position in at.items()]
    places += [
        (cell, before, at[there])
        for cell, before, there in parcel.former
        if cell != target and there in at
    ]
    names = ("account", "cell", "former", "position")
    rows = [dict(zip(names, (account, *place), strict=True)) for place in places]
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(former_positions).on_conflict_do_nothing(), rows)


def _keep_keys(connection: Connection, parcel: Parcel) -> None:
    """The data keys of the page's streams as their cell has them now; erased is erased."""
    streams = sorted({row.stream for row in parcel.rows})
    connection.execute(delete(data_keys).where(data_keys.c.stream.in_(streams)))
    rows = [{"stream": stream, "wrapped": wrapped} for stream, wrapped in parcel.keys.items()]
    if rows:
        connection.execute(insert(data_keys), rows)


def copied_until(connection: Connection, account: str, source: str) -> int:
    """The last position of the other cell up to which the account's events are here."""
    t = former_positions.c
    query = select(func.max(t.former)).where(t.account == account, t.cell == source)
    return connection.execute(query).scalar_one() or 0


def positions_here(
    connection: Connection, account: str, cell: str, former: Sequence[int]
) -> dict[int, int]:
    """Where events are that stood at these positions of another cell."""
    t = former_positions.c
    query = select(t.former, t.position).where(
        t.account == account, t.cell == cell, t.former.in_(list(former))
    )
    return {before: position for before, position in connection.execute(query)}


def position_here(connection: Connection, account: str, cell: str, former: int) -> int:
    """Up to where events of the account are those up to a position of another cell; 0 for none."""
    t = former_positions.c
    query = (
        select(t.position)
        .where(t.account == account, t.cell == cell, t.former <= former)
        .order_by(t.former.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or 0


class Comparison:
    """Whether two cells have the same events of an account: number and digest over digests.

    Walked in pieces: what was compared before the account was fenced is not read again.
    """

    def __init__(self, database: Database, account: str) -> None:
        self._database, self._account = database, account
        self._digest, self._after, self.count = hashlib.sha256(), 0, 0

    def walk(self) -> None:
        """Go on to the account's last event."""
        e = events.c
        while True:
            query = select(e.position, e.digest).where(
                e.account == self._account, e.position > self._after
            )
            with self._database.reading() as connection:
                page = connection.execute(query.order_by(e.position).limit(10_000)).all()
            if not page:
                return
            self._digest.update(b"".join(bytes(row.digest) for row in page))
            self._after, self.count = page[-1].position, self.count + len(page)

    @property
    def outcome(self) -> tuple[int, str]:
        """How many events, and the digest over all of them in their order."""
        return self.count, self._digest.hexdigest()
