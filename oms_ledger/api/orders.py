"""What integrations may ask of single orders: one, and a group (contract 02 §§2, 3, 6)."""

import asyncio
import re
from datetime import timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.addressing import segment
from oms_ledger.api.dependencies import Caller, TheCell, requires
from oms_ledger.orders.account import Account
from oms_ledger.orders.documents import oms_document, pii_document
from oms_ledger.orders.refusals import OrderGroupNotFound, OrderNotFound
from oms_ledger.wiring import Cell
from projections import order_views

router = APIRouter(tags=["Orders"])
JSON = "application/json; charset=utf-8"

MayGet = Annotated[Caller, Depends(requires("get_order"))]
MayGroup = Annotated[Caller, Depends(requires("order_group"))]


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(body, status, headers, media_type=JSON)


@router.get("/api/oms/pvt/orders/order-group/{order_group}")
async def get_order_group(
    order_group: str, request: Request, cell: TheCell, caller: MayGroup
) -> Response:
    await request.app.state.freshness.wait()
    group = segment(order_group)

    def ids() -> list[str]:
        with cell.database.reading() as connection:
            return list(order_views.group_ids(connection, caller.account, group))

    language = await _language(request, cell, caller)
    documents = [
        await _document(cell, caller.account, order_id, language)
        for order_id in await asyncio.to_thread(ids)
        if await _is_reachable(cell, caller.account, order_id)
    ]
    if not documents:
        raise OrderGroupNotFound(group)
    return json_response(b"[" + b",".join(documents) + b"]")


@router.get("/api/oms/pvt/orders/{order_id}")
async def get_order(order_id: str, request: Request, cell: TheCell, caller: MayGet) -> Response:
    order_id = segment(order_id)
    if sequence := re.fullmatch(r"seq(\d{1,15})", order_id):
        await request.app.state.freshness.wait()
        order_id = await asyncio.to_thread(_by_sequence, cell, caller, int(sequence[1]))
    if not await _is_reachable(cell, caller.account, order_id):
        raise OrderNotFound()
    language = await _language(request, cell, caller)
    return json_response(await _document(cell, caller.account, order_id, language))


@router.get("/api/orders/pvt/document/{order_id}")
async def get_document(order_id: str, cell: TheCell, caller: MayGet) -> Response:
    if not await _is_reachable(cell, caller.account, segment(order_id)):
        raise OrderNotFound()
    order = await cell.ledger.order(caller.account, segment(order_id))
    return json_response(orjson.dumps(pii_document(order)))


def _by_sequence(cell: Cell, caller: Caller, sequence: int) -> str:
    with cell.database.reading() as connection:
        found = order_views.by_sequence(connection, caller.account, sequence)
    if found is None:
        raise OrderNotFound()
    return found


async def _is_reachable(cell: Cell, name: str, order_id: str) -> bool:
    """Whether the order is not older than the account lets its orders be seen."""
    days = (await cell.ledger.account(name)).setting("order_access_days")
    if not days:
        return True
    order = await cell.ledger.order(name, order_id)
    return order.created_at >= cell.ledger.now() - timedelta(days=days)


def language_of(request: Request, account: Account) -> str:
    """The language asked for, else the account's."""
    asked_for = request.headers.get("accept-language", "").split(",")[0].strip()
    language: str = asked_for if asked_for not in ("", "*") else account.setting("language")
    return language


async def _language(request: Request, cell: Cell, caller: Caller) -> str | None:
    """The language asked for, or None for the stored documents' own."""
    language = language_of(request, await cell.ledger.account(caller.account))
    return None if not language.lower().startswith("pt") else language


async def _document(cell: Cell, account: str, order_id: str, language: str | None) -> bytes:
    """The stored bytes when they are as new as the ledger; else folded from it."""

    def stored() -> tuple[bytes | None, bool]:
        with cell.database.reading() as connection:
            return order_views.document(connection, account, order_id)

    document, exists = await asyncio.to_thread(stored)
    if not exists:
        raise OrderNotFound()
    if document is not None and language is None:
        return document
    order = await cell.ledger.order(account, order_id)
    return orjson.dumps(oms_document(order, language or "en-US"))
