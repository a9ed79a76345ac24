"""Does each authorization of a buying policy lead to its order, and to no other? (G8)

The row of an authorization is written before the event that names it, so an order may have one
that no event names yet; its id follows from the order then, too.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, exists, select

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import order_of, order_stream_in_sql
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.order import Order
from projections.ops.differences import Difference
from projections.policies.dimensions import authorization_id
from projections.policies.tables import order_authorizations as t
from projections.sql.keys import among

LOOKS = 5  # at what differs: an order may be authorized meanwhile


def verify_authorizations(
    database: Database, loader: StreamLoader, streams: Sequence[tuple[str, str]]
) -> list[Difference]:
    """What differs of some orders, by account and stream."""
    found: list[tuple[tuple[str, str], Difference]] = []
    for _ in range(LOOKS):
        found = list(_look(database, loader, streams))
        streams = [stream for stream, _ in found]
        if not streams:
            break
    return [difference for _, difference in found]


def verify_no_unknown_authorizations(connection: Connection) -> Iterator[Difference]:
    """Rows about orders that the ledger does not know."""
    known = exists().where(
        events.c.stream == order_stream_in_sql(t.c.account, t.c.order_id), events.c.version == 1
    )
    for account, order_id in connection.execute(select(t.c.account, t.c.order_id).where(~known)):
        yield Difference(0, t.name, account, order_id)


def _look(
    database: Database, loader: StreamLoader, streams: Sequence[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], Difference]]:
    keys = [(account, order_of(account, stream) or "") for account, stream in streams]
    stored: dict[tuple[str, str], set[str]] = {}
    with database.snapshot() as connection:
        for row in connection.execute(select(t).where(among(connection, _KEY, keys))):
            stored.setdefault((row.account, row.order_id), set()).add(row.id)
    for (account, stream), key in zip(streams, keys, strict=True):
        order = loader.load(stream).state
        if not isinstance(order, Order):
            continue
        ids, named = stored.get(key, set()), order.authorization
        possible = (
            [{named.id}]
            if named is not None
            else [set(), {authorization_id(loader.encryption, *key)}]
        )
        if ids not in possible:
            yield (account, stream), Difference(0, t.name, account, key[1])


_KEY = (t.c.account, t.c.order_id)
