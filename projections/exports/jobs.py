"""Exports that are made beside the traffic: asked for, carried on piece by piece, fetched.

An export is a row that says how far it has come, and pieces of what it found, compressed. A piece
and the place it ends at are stored in one transaction, and only by who began where the last piece
ended: so a worker that dies, or two at once, leave nothing out and nothing twice.
"""

import secrets
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
import structlog
from sqlalchemy import Connection, delete, func, insert, select, update

from oms_ledger.eventstore.database import Database
from projections.exports import rows as exports_rows
from projections.exports.rows import ExportFormat, Place
from projections.orders import query as orders_query
from projections.orders.query import OrderQuery
from projections.tables import export_chunks as chunks
from projections.tables import exports as t

KEPT = 72 * 3_600_000_000  # microseconds that a finished export can be fetched
FORMATS = ("csv", "jsonl", "xlsx")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """What was requested, and how far it has come."""

    id: str
    account: str
    actor: str
    format: str
    order_query: OrderQuery
    export_format: ExportFormat
    state: str
    total: int
    orders: int
    failed_orders: list[str]
    place: Place | None
    chunks: int
    created_at: int
    finished_at: int | None

    @property
    def expires_at(self) -> int | None:
        return None if self.finished_at is None else self.finished_at + KEPT


def ask(
    database: Database,
    order_query: OrderQuery,
    export_format: ExportFormat,
    format: str,
    *,
    actor: str,
    at_most: int | None = None,
) -> str | None:
    """A new export's id; how many orders it will have is counted at once.

    None when `at_most` exports of the account are being made already.
    """
    with database.snapshot() as connection:
        if at_most is not None and running(connection, order_query.account) >= at_most:
            return None
        total = orders_query.totals(connection, order_query).count
    new = secrets.token_hex(16)
    with database.writing() as connection:
        if at_most is not None and running(connection, order_query.account) >= at_most:
            return None
        connection.execute(
            insert(t).values(
                id=new,
                account=order_query.account,
                actor=actor,
                format=format,
                order_query=msgspec.json.encode(order_query).decode(),
                export_format=msgspec.json.encode(export_format).decode(),
                state="running",
                total=total,
                orders=0,
                failed_orders="[]",
                chunks=0,
                created_at=database.clock.micros(),
            )
        )
    return new


def get(connection: Connection, account: str | None, id: str) -> Export | None:
    query = select(t).where(t.c.id == id)
    if account is not None:
        query = query.where(t.c.account == account)
    row = connection.execute(query).one_or_none()
    return None if row is None else _export(row)


def of_account(connection: Connection, account: str) -> list[Export]:
    query = select(t).where(t.c.account == account).order_by(t.c.created_at.desc(), t.c.id)
    return [_export(row) for row in connection.execute(query.limit(100))]


def running(connection: Connection, account: str) -> int:
    """How many exports of the account are being made."""
    query = select(func.count()).where(t.c.account == account, t.c.state == "running")
    return int(connection.execute(query).scalar_one())


def unfinished(connection: Connection) -> list[str]:
    query = select(t.c.id).where(t.c.state == "running").order_by(t.c.created_at)
    return list(connection.execute(query).scalars())


def _export(row: Any) -> Export:
    return Export(
        id=row.id,
        account=row.account,
        actor=row.actor,
        format=row.format,
        order_query=msgspec.json.decode(row.order_query, type=OrderQuery),
        export_format=msgspec.json.decode(row.export_format, type=ExportFormat),
        state=row.state,
        total=row.total,
        orders=row.orders,
        failed_orders=orjson.loads(row.failed_orders),
        place=None if row.after_created is None else (row.after_created, row.after_id),
        chunks=row.chunks,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def carry_on(database: Database, export: Export) -> bool:
    """One more piece; whether there is more to do. Nothing when somebody else was faster."""
    with database.snapshot() as connection:
        found = exports_rows.page(connection, export.order_query, export.place)
    exported, failed_orders = [], list(export.failed_orders)
    for order in found:
        try:
            rows = export.format != "jsonl"
            export_format = export.export_format
            exported.append(
                orjson.dumps(export_format.rows(order)) if rows else export_format.line(order)
            )
        except (LookupError, TypeError, AttributeError, ValueError):
            # It stops nothing, and is named to whoever asked for the export, and to whoever mends
            # it.
            log.exception("order_not_exported", export=export.id, order_id=order.place[1])
            failed_orders.append(order.place[1])
    ended = {} if found else {"state": "complete", "finished_at": database.clock.micros()}
    last: dict[str, Any] = {}
    if found:
        last = {"after_created": found[-1].place[0], "after_id": found[-1].place[1]}
    ours = (t.c.id == export.id, t.c.chunks == export.chunks, t.c.state == "running")
    changed = update(t).where(*ours)
    changed = changed.values(
        chunks=t.c.chunks + int(bool(found)),
        orders=t.c.orders + len(exported),
        failed_orders=orjson.dumps(failed_orders).decode(),
        **last,
        **ended,
    )
    with database.writing() as connection:
        if connection.execute(changed).rowcount and found:
            content = zlib.compress(_chunk(export.format, exported), 1)
            connection.execute(
                insert(chunks).values(id=export.id, chunk=export.chunks, content=content)
            )
    return bool(found)


def _chunk(format: str, exported: list[bytes]) -> bytes:
    return b"".join(exported) if format == "jsonl" else b"[" + b",".join(exported) + b"]"


def stored(database: Database, export: Export) -> Iterator[bytes]:
    """The pieces of an export in their order."""
    for number in range(export.chunks):
        query = select(chunks.c.content).where(chunks.c.id == export.id, chunks.c.chunk == number)
        with database.reading() as connection:
            yield zlib.decompress(bytes(connection.execute(query).scalar_one()))


def rows_of(database: Database, export: Export) -> Iterator[list[list[str]]]:
    """The rows of a table's export, a page each."""
    for content in stored(database, export):
        yield [row for order in orjson.loads(content) for row in order]


def drop(connection: Connection, id: str) -> None:
    connection.execute(delete(chunks).where(chunks.c.id == id))
    connection.execute(delete(t).where(t.c.id == id))


def forget(connection: Connection, account: str) -> None:
    """Drop all exports of an account: a person that they may name was erased."""
    own = select(t.c.id).where(t.c.account == account)
    connection.execute(delete(chunks).where(chunks.c.id.in_(own)))
    connection.execute(delete(t).where(t.c.account == account))


def expire(connection: Connection, now: int) -> int:
    """Drop what was finished too long ago; how many."""
    query = select(t.c.id).where(t.c.finished_at < now - KEPT)
    old = list(connection.execute(query).scalars())
    for id in old:
        drop(connection, id)
    return len(old)
