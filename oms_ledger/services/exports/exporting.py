"""Exports that are made beside the traffic: a job, a page of orders a step."""

import asyncio
import zlib

import msgspec
import orjson
import structlog
from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.refusal import Refusal
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.exports import exports, rows
from projections.exports.rows import ExportedOrder, ExportFormat
from projections.jobs.jobs import Job
from projections.orders.query import OrderQuery

log = structlog.get_logger(__name__)


class TooManyExports(Refusal):
    """429: the account's exports take all the room there is for them."""

    status, code, retry_after = 429, "OMS429", 10
    text = "{0} exports of the account are being made: ask again when one is complete"


class ExportArguments(Arguments):
    """Which orders and how they are rendered; `order_query` is an `OrderQuery` as JSON."""

    format: str
    order_query: str
    zone: str
    language: str
    masked: bool


def arguments_of(
    order_query: OrderQuery, export_format: ExportFormat, format: str
) -> ExportArguments:
    """The arguments of the job that makes an export: plain values, as rows keep them."""
    return ExportArguments(
        format=format,
        order_query=msgspec.json.encode(order_query).decode(),
        zone=export_format.zone,
        language=export_format.language,
        masked=export_format.masked,
    )


def require_few(connection: Connection, account: str, most: int) -> None:
    """Refuse one more export of an account of which so many are being made."""
    if exports.count_unfinished(connection, account) >= most:
        raise TooManyExports(most)


async def step(run: JobRun, arguments: ExportArguments) -> Step:
    """One more piece."""
    return await asyncio.to_thread(_step, run.cell, run.job, arguments)


def _step(cell: Cell, job: Job, arguments: ExportArguments) -> Step:
    export = exports.export_of(job)
    order_query = msgspec.json.decode(arguments.order_query, type=OrderQuery)
    with cell.database.snapshot() as connection:
        found = rows.page(connection, order_query, export.place)
    if not found:
        result = {"orders": export.orders, "failed": len(export.failed_orders)}
        return Step(job.done, job.total, job.place, result=result)
    exported, failed = _exported(export.id, arguments, found)
    content = zlib.compress(_chunk(arguments.format, exported), 1)
    place = {
        "after": found[-1].place,
        "chunks": export.chunks + 1,
        "orders": export.orders + len(exported),
        "failedOrders": [*export.failed_orders, *failed],
    }

    def store(connection: Connection) -> None:
        exports.add_chunk(connection, export.id, export.chunks, content)

    return Step(job.done + len(found), job.total, place, store=store)


def _exported(
    export_id: str, arguments: ExportArguments, found: list[ExportedOrder]
) -> tuple[list[bytes], list[str]]:
    """The orders as they are stored, and the ids of those that cannot be rendered."""
    export_format = ExportFormat(arguments.zone, arguments.language, arguments.masked)
    exported, failed = list[bytes](), list[str]()
    for order in found:
        try:
            exported.append(
                export_format.line(order)
                if arguments.format == "jsonl"
                else orjson.dumps(export_format.rows(order))
            )
        except (LookupError, TypeError, AttributeError, ValueError):
            # It stops nothing, and is named: to who asked, and to who mends it.
            log.exception("order_not_exported", export=export_id, order_id=order.place[1])
            failed.append(order.place[1])
    return exported, failed


def _chunk(format: str, exported: list[bytes]) -> bytes:
    return b"".join(exported) if format == "jsonl" else b"[" + b",".join(exported) + b"]"
