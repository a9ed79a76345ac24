"""Exports of orders: at once, or made in the background and fetched (contract 02 §16)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import ApiError, bad_request, shown
from oms_ledger.api.orders.documents import json_response, language_of
from oms_ledger.api.orders.queries import of_body, of_query, requested
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import instant, micros
from oms_ledger.orders.instants import PII_ZONE, spell, zone_of
from oms_ledger.services.exports import exporting
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from projections.exports import exports
from projections.exports import rows as exports_rows
from projections.exports.exports import FORMATS, Export
from projections.exports.rows import ExportFormat
from projections.exports.spreadsheets import csv_file, xlsx_file
from projections.orders import query as orders_query
from projections.orders.query import OrderQuery

router = APIRouter(tags=["Export"])

MayExport = Annotated[Caller, Depends(requires("export_orders"))]

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def question_of(
    account: Account, given: Mapping[str, list[str]], language: str, now: datetime
) -> tuple[OrderQuery, ExportFormat]:
    """What is exported, and how it is written: `zone` is an IANA name, `utc` an offset."""
    wanted = requested(account, {**given, "page": ["1"], "per_page": ["1"]}, now)
    named = next(iter(given.get("zone", ())), "")
    zone = str(zone_of(named) if named else wanted.zone)
    exported = next(iter(given.get("language", ())), "") or language
    order_query = exports_rows.until(wanted.order_query, micros(now))
    return order_query, ExportFormat(zone, exported, bool(account.setting("pii")))


@router.get("/api/ledger/orders.csv")
@router.get("/api/ledger/orders.jsonl")
@router.get("/api/ledger/orders.xlsx")
async def get_orders(request: Request, cell: TheCell, caller: MayExport) -> Response:
    """The orders that match, in the answer itself; filters as in List orders."""
    format = request.scope["path"].rpartition(".")[2]
    account = await cell.ledger.account(caller.account)
    given = of_query(request.query_params.multi_items())
    language = language_of(request, account)
    order_query, export_format = question_of(account, given, language, cell.clock.now())
    behind = await request.app.state.freshness.wait()
    exported = exports_rows.pages(cell.database, order_query)
    if format == "jsonl":
        content: Iterator[bytes] = (b"".join(map(export_format.line, page)) for page in exported)
    else:
        rows = ([row for order in page for row in export_format.rows(order)] for page in exported)
        content = csv_file(rows) if format == "csv" else xlsx_file(rows)
    return _download(content, format, {"X-Ledger-Lag": str(behind)} if behind else {})


def _download(content: Iterator[bytes], format: str, headers: dict[str, str]) -> Response:
    name = {"Content-Disposition": f'attachment; filename="orders.{format}"'}
    return StreamingResponse(_in_thread(content), headers=headers | name, media_type=MEDIA[format])


async def _in_thread(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await asyncio.to_thread(next, content, None)) is not None:
        if chunk:
            yield chunk


# Made in the background


@router.post("/api/ledger/exports", status_code=202)
async def post_export(request: Request, cell: TheCell, caller: MayExport) -> Response:
    """Begin an export: the filters of List orders, `format`, `language`, `zone` or `utc`."""
    body = await json_body(request) or {}
    if not isinstance(body, dict):
        raise bad_request("The body: expected an object of filters")
    format = body.get("format", "csv")
    if format not in FORMATS:
        raise bad_request(f"format: found {shown(format)}, expected one of {', '.join(FORMATS)}")
    account, now = await cell.ledger.account(caller.account), cell.clock.now()
    given = {**of_query(request.query_params.multi_items()), **of_body(body)}
    language = language_of(request, account)
    order_query, export_format = question_of(account, given, language, now)
    await request.app.state.freshness.wait()

    most = account.setting("concurrent_exports")

    def require_few(connection: Connection) -> None:
        exporting.require_few(connection, account.name, most)

    await cell.read(require_few)  # before the orders are counted
    total = (await cell.read(orders_query.totals, order_query)).count
    export_id = await runner.ask(
        cell,
        caller.context,
        KINDS[exports.KIND],
        exporting.arguments_of(order_query, export_format, format),
        total=total,
        fills=[require_few],
    )
    await asyncio.to_thread(runner.signal, cell, [export_id])
    return json_response(_shown(await _found(cell, caller, export_id)), 202)


@router.get("/api/ledger/exports")
async def get_exports(cell: TheCell, caller: MayExport) -> Response:
    """Answer the exports of the account."""
    return json_response(
        [_shown(export) for export in await cell.read(exports.of_account, caller.account)]
    )


@router.get("/api/ledger/exports/{export_id}")
async def get_export(export_id: PathId, cell: TheCell, caller: MayExport) -> Response:
    """Answer how far an export is."""
    return json_response(_shown(await _found(cell, caller, export_id)))


@router.delete("/api/ledger/exports/{export_id}", status_code=204)
async def delete_export(export_id: PathId, cell: TheCell, caller: MayExport) -> Response:
    """Delete an export and its file."""
    export = await _found(cell, caller, export_id)

    await cell.write(exports.drop, export.id)
    return Response(status_code=204)


@router.get("/api/ledger/exports/{export_id}/download")
async def download_export(
    export_id: PathId, request: Request, cell: TheCell, caller: MayExport
) -> Response:
    """The file. Whoever was erased meanwhile is in none: exports made before are gone."""
    await request.app.state.freshness.wait()
    export = await _found(cell, caller, export_id)
    if export.state in (exports.FAILED, exports.CANCELLED):
        raise ApiError(409, "OMS004", f"The export is {export.state}: ask for another one")
    if export.state != exports.COMPLETE:
        message = f"The export has {export.orders} of {export.total} orders: fetch it when complete"
        raise ApiError(409, "OMS004", message, {"Retry-After": "5"})
    if export.format == "jsonl":
        content = exports.stored(cell.database, export)
    else:
        rows = exports.rows_of(cell.database, export)
        content = csv_file(rows) if export.format == "csv" else xlsx_file(rows)
    return _download(content, export.format, {})


async def _found(cell: Cell, caller: Caller, export_id: str) -> Export:
    export = await cell.read(exports.get, caller.account, export_id)
    if export is None:
        raise ApiError(404, "OMS404", "There is no such export; it may have expired")
    return export


def _shown(export: Export) -> dict[str, Any]:
    """`missing` are orders that could not be given; the total is of when it was requested."""
    expires = export.expires_at
    return {
        "id": export.id,
        "format": export.format,
        "state": export.state,
        "progress": {"orders": export.orders, "total": export.total},
        "failedOrders": export.failed_orders,
        "createdAt": spell(instant(export.created_at), PII_ZONE),
        "expiresAt": None if expires is None else spell(instant(expires), PII_ZONE),
        "download": f"/api/ledger/exports/{export.id}/download",
    }
