"""Exports that are made beside the traffic: jobs, and the pieces that they stored until now.

A piece, compressed, and the place that it ends at are stored in one transaction, as a step of the
job: a worker that dies, or two at once, leave nothing out and nothing twice.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, delete, insert, select

from oms_ledger.eventstore.database import Database
from projections.exports.rows import Place
from projections.jobs import jobs
from projections.jobs.jobs import Job
from projections.tables import export_chunks as chunks

KIND = "export"
KEPT = 72 * 3_600_000_000  # microseconds that a finished export can be fetched
FORMATS = ("csv", "jsonl", "xlsx")
RUNNING, COMPLETE, FAILED, CANCELLED = "running", "complete", "failed", "cancelled"

_STATES = {
    jobs.WAITING: RUNNING,
    jobs.RUNNING: RUNNING,
    jobs.DONE: COMPLETE,
    jobs.FAILED: FAILED,
    jobs.CANCELLED: CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Export:
    """How far an export has come; `total` is of when it was asked."""

    id: str
    format: str
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
        """When what it made is deleted, in microseconds; None while it is being made."""
        return None if self.finished_at is None else self.finished_at + KEPT


def export_of(job: Job) -> Export:
    """The export that a job of the kind is."""
    after = job.place.get("after")
    return Export(
        id=job.id,
        format=job.arguments["format"],
        state=_STATES[job.state],
        total=job.total or 0,
        orders=job.place.get("orders", 0),
        failed_orders=job.place.get("failedOrders", []),
        place=None if after is None else (after[0], after[1]),
        chunks=job.place.get("chunks", 0),
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


def get(connection: Connection, account: str, export_id: str) -> Export | None:
    """The account's export of that id, however far it is."""
    job = jobs.get(connection, export_id, account)
    return export_of(job) if job is not None and job.kind == KIND else None


def of_account(connection: Connection, account: str) -> list[Export]:
    """The account's exports, as jobs are listed."""
    return [export_of(job) for job in jobs.of_account(connection, account, [KIND])]


def count_unfinished(connection: Connection, account: str) -> int:
    """How many exports of the account are being made."""
    return len(jobs.unfinished(connection, KIND, account=account))


def add_chunk(connection: Connection, export_id: str, number: int, content: bytes) -> None:
    """Store a piece, in the transaction that moves the export on."""
    connection.execute(insert(chunks).values(id=export_id, chunk=number, content=content))


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


def forget_chunks(connection: Connection, export_ids: Sequence[str]) -> None:
    """Delete what exports have stored; their jobs stay."""
    if export_ids:
        connection.execute(delete(chunks).where(chunks.c.id.in_(export_ids)))


def drop(connection: Connection, export_id: str) -> None:
    """Forget an export; of one that is being made nothing more is stored."""
    jobs.drop(connection, [export_id])
    forget_chunks(connection, [export_id])


def forget(connection: Connection, account: str) -> None:
    """Drop all exports of an account: a person that they may tell of was erased."""
    ours = jobs.ids_of(connection, account, KIND)
    jobs.drop(connection, ours)
    forget_chunks(connection, ours)
