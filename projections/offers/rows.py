"""Loading, listing and removing the rows of an account's offers."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.offers.catalog import Delivery
from oms_ledger.offers.reading import KINDS, StoredRow
from oms_ledger.offers.reading import key as key_of
from projections.offers.tables import offers as t
from projections.sql.upserts import upsert

CHUNK = 500
MANY = 1_000
"""Changes after which PostgreSQL looks at the table anew.

It would do so by itself a minute later; until then each look-up would read all of the account.
"""
_ANALYZE = text("ANALYZE offers")
REACH = "reach"
"""Rows made from the deliveries: the countries and channels that each seller delivers by."""
EDITION = "edition"
"""One row that is another whenever the table is: whoever remembers rows looks at it alone."""
COUNT = "count"
"""Rows that say how many rows of a kind, their key, there are: nobody has to count them."""
_DERIVED = (REACH, EDITION, COUNT)
_REMOVE = delete(t).where(
    t.c.account == bindparam("whose"), t.c.kind == bindparam("of"), t.c.key == bindparam("named")
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file changed: rows that are new or differ, rows as they were, rows taken away."""

    changed: int
    unchanged: int
    removed: int


def load(
    connection: Connection,
    account: str,
    rows: Iterable[StoredRow],
    *,
    replace: bool,
    advance: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Set the rows by their keys; with `replace`, whatever else the account had goes."""
    latest = {(row.kind, row.key): row for row in rows}
    _take_turn(connection, account)
    changed = 0
    for chunk in _chunks(list(latest.values())):
        fields = [_columns(account, row) for row in chunk]
        changed += connection.execute(_set_differing(connection.dialect.name), fields).rowcount
        advance(len(chunk))
    removed = _remove_others(connection, account, latest.keys()) if replace else 0
    if changed or removed:
        _keep_counts(connection, account)
        _refresh_derived(connection, account)
    if changed + removed >= MANY and connection.dialect.name == "postgresql":
        connection.execute(_ANALYZE)
    return Loaded(changed, len(latest) - changed, removed)


@cache
def _set_differing(dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Add a row, or set it where it differs: found by its key, whatever statistics a server has."""
    insertion = sqlite.insert(t) if dialect == "sqlite" else postgresql.insert(t)
    new = insertion.excluded
    return insertion.on_conflict_do_update(
        index_elements=list(t.primary_key),
        set_={column.name: new[column.name] for column in t.c if not column.primary_key},
        where=t.c.body != new.body,
    ).execution_options(preserve_rowcount=True)


def remove(
    connection: Connection, account: str, *, kind: str | None, sku: str | None, seller: str | None
) -> int:
    """Take rows away: of a kind, of a SKU, of a seller, or all; how many."""
    _take_turn(connection, account)
    query = delete(t).where(t.c.account == account, t.c.kind.not_in(_DERIVED))
    if kind is not None:
        query = query.where(t.c.kind == kind)
    if sku is not None:
        query = query.where(t.c.kind == "offer", t.c.key.like(_like(sku), escape="\\"))
    if seller is not None:
        query = query.where(t.c.seller == seller)
    removed = connection.execute(query).rowcount
    _keep_counts(connection, account)
    _refresh_derived(connection, account)
    return removed


def counts(connection: Connection, account: str) -> dict[str, int]:
    """How many rows of each kind the account has, as it was kept when they were written."""
    query = select(t.c.key, t.c.body).where(t.c.account == account, t.c.kind == COUNT)
    found = {kind: int(bytes(body)) for kind, body in connection.execute(query)}
    return {kind: found[kind] for kind in KINDS if found.get(kind)}


def _take_turn(connection: Connection, account: str) -> None:
    """Writers of one table come one after another: each counts on from where the last one left."""
    edition = select(t.c.body).where(t.c.account == account, t.c.kind == EDITION)
    connection.execute(edition.with_for_update()).all()


def _keep_counts(connection: Connection, account: str) -> None:
    query = select(t.c.kind, func.count()).where(t.c.account == account, t.c.kind.not_in(_DERIVED))
    found = sorted((kind, count) for kind, count in connection.execute(query.group_by(t.c.kind)))
    connection.execute(delete(t).where(t.c.account == account, t.c.kind == COUNT))
    rows = [StoredRow(COUNT, kind, "", "", "", "", str(count).encode()) for kind, count in found]
    if rows:
        connection.execute(upsert(connection, t), [_columns(account, row) for row in rows])


def listed(
    connection: Connection, account: str, *, kind: str, sku: str | None, limit: int
) -> list[bytes]:
    """The bodies of rows, by their keys."""
    return [body for _, body in page(connection, account, kind=kind, sku=sku, limit=limit)]


def page(
    connection: Connection,
    account: str,
    *,
    kind: str,
    sku: str | None,
    limit: int,
    after: str = "",
) -> list[tuple[str, bytes]]:
    """Keys and bodies of rows of a kind behind a key; of a SKU where one is named."""
    query = select(t.c.key, t.c.body).where(
        t.c.account == account, t.c.kind == kind, t.c.key > after
    )
    if sku is not None:
        query = query.where(t.c.key.like(_like(sku), escape="\\"))
    rows = connection.execute(query.order_by(t.c.key).limit(limit))
    return [(key, bytes(body)) for key, body in rows]


def _like(sku: str) -> str:
    start = key_of(sku)[:-1]  # without the closing bracket
    for sign in "\\%_":
        start = start.replace(sign, f"\\{sign}")
    return f"{start},%"


def _chunks(rows: Sequence[StoredRow]) -> Iterator[Sequence[StoredRow]]:
    for at in range(0, len(rows), CHUNK):
        yield rows[at : at + CHUNK]


def _columns(account: str, row: StoredRow) -> dict[str, object]:
    return {
        "account": account,
        "kind": row.kind,
        "key": row.key,
        "seller": row.seller,
        "country": row.country,
        "low": row.low,
        "high": row.high,
        "body": row.body,
    }


def _remove_others(connection: Connection, account: str, kept: Iterable[tuple[str, str]]) -> int:
    kept = set(kept)
    query = select(t.c.kind, t.c.key).where(t.c.account == account, t.c.kind.not_in(_DERIVED))
    gone = [found for found in connection.execute(query) if found not in kept]
    for at in range(0, len(gone), CHUNK):
        some = [{"whose": account, "of": kind, "named": key} for kind, key in gone[at : at + CHUNK]]
        connection.execute(_REMOVE, some)
    return len(gone)


def _refresh_derived(connection: Connection, account: str) -> None:
    _refresh_reach(connection, account)
    row = StoredRow(EDITION, "", "", "", "", "", os.urandom(16))
    connection.execute(upsert(connection, t), [_columns(account, row)])


def _refresh_reach(connection: Connection, account: str) -> None:
    """Write again which countries and channels each seller delivers by."""
    query = select(t.c.body).where(t.c.account == account, t.c.kind == "delivery")
    decoder = msgspec.json.Decoder(Delivery)
    reach = set()
    for body in connection.execute(query.order_by(t.c.key)).scalars():
        delivery = decoder.decode(body)
        reach.add((delivery.seller, delivery.country.upper(), delivery.channel))
    connection.execute(delete(t).where(t.c.account == account, t.c.kind == REACH))
    fields = [
        {
            "account": account,
            "kind": REACH,
            "key": key_of(*one),
            "seller": one[0],
            "country": one[1],
            "low": "",
            "high": "",
            "body": msgspec.json.encode(one),
        }
        for one in sorted(reach)
    ]
    if fields:
        connection.execute(insert(t), fields)
