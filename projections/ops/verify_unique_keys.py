"""Are the unique keys what the events took? Those of groups, transactions, payments, carts (G8).

A key that is gone lets a purchase be made again, one that is altered leads a payment to another
order. An order says which keys were taken with it; a key has to lead to what is in the ledger. Of
a client's own key, which is forgotten after its time, only what it stands for can be looked up.
"""

from collections.abc import Iterator, Sequence

import orjson
from sqlalchemy import Connection, func, select, tuple_

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.sequences import FIRST
from oms_ledger.eventstore.tables import account_heads, events, sequences
from oms_ledger.eventstore.tables import unique_keys as t
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.systems import NO_PAYMENT
from projections.ops.differences import Difference
from projections.sql.keys import among

PAGE = 1000
_PLACED_HERE = ("complete", "marketplace")
"""Flows of purchases; orders of others are sent here, with payments that are not ours."""
_OF_A_GROUP = ("transaction", "payment", "filling", "import")

Keys = dict[tuple[str, str], bytes]


def verify_keys_of_orders(
    database: Database, loader: StreamLoader, streams: Sequence[tuple[str, str]]
) -> Iterator[Difference]:
    """The keys that were taken with some orders: those that are gone, or say something else."""
    states = [loader.load(stream).state for _, stream in streams]
    orders = [order for order in states if isinstance(order, Order)]
    expected = [((order.account, key), order) for order in orders for key in _taken_with(order)]
    with database.snapshot() as connection:
        stored = _stored(connection, [key for key, _ in expected])
        numbers = dict(connection.execute(select(sequences.c.account, sequences.c.next)).all())
    for (account, key), order in expected:
        if not _names(key, stored.get((account, key)), order):
            yield Difference(0, t.name, account, key)
    for order in orders:
        used = order.placed.sequence
        numbered = not order.imported and order.flow in _PLACED_HERE and used >= FIRST
        if numbered and used >= numbers.get(order.account, FIRST):
            yield Difference(0, sequences.name, order.account, order.order_id)


def verify_no_unknown_keys(connection: Connection) -> Iterator[Difference]:
    """Keys that lead to nothing in the ledger."""
    elsewhere = hosting.elsewhere()
    query = select(t.c.account, t.c.key, t.c.value).where(t.c.account.not_in(elsewhere))
    query = query.order_by(t.c.account, t.c.key).limit(PAGE)
    page = connection.execute(query).all()
    while page:
        rows = [(account, key, bytes(value)) for account, key, value in page]
        yield from _leading_nowhere(connection, rows)
        beyond = tuple_(t.c.account, t.c.key) > tuple_(page[-1].account, page[-1].key)
        page = connection.execute(query.where(beyond)).all()


def verify_heads(connection: Connection) -> Iterator[Difference]:
    """Last positions of accounts that are not those of their last events."""
    last = select(events.c.account, func.max(events.c.position)).group_by(events.c.account)
    h = account_heads.c
    expected = {account: position for account, position in connection.execute(last)}
    stored = {
        row.account: row.position for row in connection.execute(select(h.account, h.position))
    }
    for account in sorted(expected.keys() | stored.keys()):
        if expected.get(account) != stored.get(account):
            yield Difference(expected.get(account, 0), account_heads.name, account, "")


def _taken_with(order: Order) -> Iterator[str]:
    placed = order.placed
    if order.imported:
        yield f"order:{order.order_id}"
        return
    yield f"group:{placed.order_group}"
    if placed.flow not in _PLACED_HERE:
        return
    if placed.transaction_id != NO_PAYMENT and _ours(placed.transaction_id or ""):
        yield f"transaction:{placed.transaction_id}"
    yield from (f"payment:{payment.id}" for payment in placed.payments if _ours(payment.id))


def _ours(name: str) -> bool:
    """Whether an id is one that the ledger made: 32 hexadecimal digits."""
    return len(name) == 32


def _names(key: str, value: bytes | None, order: Order) -> bool:
    if value is None:
        return False
    match key.partition(":")[0]:
        case "group":
            return order.order_id in _listed(value)
        case "order":
            return value == b"imported"
        case _:
            return value == order.placed.order_group.encode()


def _leading_nowhere(
    connection: Connection, rows: Sequence[tuple[str, str, bytes]]
) -> Iterator[Difference]:
    """Of a page of keys, those whose orders, groups or streams there are not."""
    wanted = {(account, key): _leads_to(account, key, value) for account, key, value in rows}
    groups = {
        (account, f"group:{value.decode(errors='replace')}")
        for account, key, value in rows
        if key.partition(":")[0] in _OF_A_GROUP
    }
    known_groups = _stored(connection, list(groups)).keys()
    versions = _versions(connection, {s for found in wanted.values() for s in found or ()})
    for account, key, value in rows:
        leads = wanted[account, key]
        if key.partition(":")[0] in _OF_A_GROUP:
            group = f"group:{value.decode(errors='replace')}"
            there = (account, group) in known_groups
        else:
            there = leads is not None and all(versions.get(s, 0) >= n for s, n in leads.items())
        if not there:
            yield Difference(0, t.name, account, key)


def _leads_to(account: str, key: str, value: bytes) -> dict[str, int] | None:
    """The streams that a key stands for, and how long each is at least; None for nonsense."""
    kind, _, rest = key.partition(":")
    match kind:
        case "group":
            listed = _listed(value)
            return {order_stream(account, one): 1 for one in listed} if listed else None
        case "order":
            return {order_stream(account, rest): 1}
        case "run":
            return {order_stream(account, rest.partition(":")[2]): 1}
        case "idempotency":
            return _claimed(value)
        case _:
            return {} if kind in _OF_A_GROUP else None


def _listed(value: bytes) -> list[str]:
    try:
        listed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return []
    texts = isinstance(listed, list) and all(isinstance(one, str) for one in listed)
    return listed if texts else []


def _claimed(value: bytes) -> dict[str, int] | None:
    try:
        versions = orjson.loads(value)["versions"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    whole = isinstance(versions, dict) and all(isinstance(n, int) for n in versions.values())
    return versions if whole else None


def _stored(connection: Connection, keys: Sequence[tuple[str, str]]) -> Keys:
    stored: Keys = {}
    for at in range(0, len(keys), PAGE):
        of_keys = among(connection, (t.c.account, t.c.key), keys[at : at + PAGE])
        for account, key, value in connection.execute(
            select(t.c.account, t.c.key, t.c.value).where(of_keys)
        ):
            stored[account, key] = bytes(value)
    return stored


def _versions(connection: Connection, streams: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    listed = sorted(streams)
    for at in range(0, len(listed), PAGE):
        query = select(events.c.stream, func.max(events.c.version)).where(
            events.c.stream.in_(listed[at : at + PAGE])
        )
        found.update(
            {stream: version for stream, version in connection.execute(query.group_by("stream"))}
        )
    return found
