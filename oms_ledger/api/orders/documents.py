"""What integrations may ask of single orders: one, and a group (contract 02 §§2, 3, 6)."""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.account import Account
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import micros, order_stream
from oms_ledger.orders.documents import oms_document, pii_document
from oms_ledger.orders.documents.masking import mask_document, reason_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.privacy.disclose import disclose
from oms_ledger.orders.refusals import OrderGroupNotFound, OrderNotFound
from oms_ledger.orders.status import language_of as labels_in
from oms_ledger.services.replica import NotServed, Replica
from projections.orders import views
from projections.orders.views import GroupedOrder

router = APIRouter(tags=["Orders"])
JSON = "application/json; charset=utf-8"

MayGet = Annotated[Caller, Depends(requires("get_order"))]
MayGroup = Annotated[Caller, Depends(requires("order_group"))]


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of JSON; `bytes` are sent as they are."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(body, status, headers, media_type=JSON)


@router.get("/api/oms/pvt/orders/order-group/{order_group}")
async def get_order_group(
    order_group: PathId, request: Request, cell: TheCell, caller: MayGroup
) -> Response:
    """All orders of a group, as they were at one moment."""
    account = await cell.ledger.account(caller.account)
    found, behind = await request.app.state.freshness.list(views.group, caller.account, order_group)
    language, since = language_of(request, account), _reachable_since(cell, account)
    documents = [
        await _of_group(cell, account, one, language) for one in found if one.created_at >= since
    ]
    if not documents:
        raise OrderGroupNotFound(order_group)
    headers = {"X-Ledger-Lag": str(behind)} if behind else None
    return json_response(b"[" + b",".join(documents) + b"]", headers=headers)


def _reachable_since(cell: Cell, account: Account) -> int:
    """The instant, in microseconds, that the account lets its orders be seen back to."""
    days = account.setting("order_access_days")
    return micros(cell.clock.now() - timedelta(days=days)) if days else 0


async def _of_group(cell: Cell, account: Account, one: GroupedOrder, language: str) -> bytes:
    """The stored document, or what it takes to be translated or masked, of the same version."""
    mask = account.setting("pii")
    if labels_in(language) == "en" and not mask:
        return one.document
    stream = order_stream(account.name, one.order_id)
    state = (await asyncio.to_thread(cell.ledger.loader.load, stream, one.version)).state
    assert isinstance(state, Order)
    document = oms_document(state, language)
    return orjson.dumps(mask_document(document) if mask else document)


@router.get("/api/oms/pvt/orders/{order_id}")
async def get_order(order_id: PathId, request: Request, cell: TheCell, caller: MayGet) -> Response:
    """Answer an order, by its id or, as `seq…`, by its sequence."""
    if sequence := re.fullmatch(r"seq(\d{1,15})", order_id):
        await request.app.state.freshness.wait()
        order_id = await asyncio.to_thread(_by_sequence, cell, caller, int(sequence[1]))
    order_id = await cell.ledger.order_id_of(caller.account, order_id)
    account = await cell.ledger.account(caller.account)
    if not await is_reachable(cell, account, order_id):
        raise OrderNotFound()
    return json_response(await shown(request, account, order_id, language_of(request, account)))


@router.get("/api/orders/pvt/document/{order_id}")
async def get_document(
    order_id: PathId, request: Request, cell: TheCell, caller: MayGet, reason: str | None = None
) -> Response:
    """With `reason`, and that recorded, personal data is shown that the account masks else."""
    account = await cell.ledger.account(caller.account)
    if not await is_reachable(cell, account, order_id):
        raise OrderNotFound()
    if not account.setting("pii"):
        order = await cell.ledger.order(account.name, order_id)
        return json_response(orjson.dumps(pii_document(order)))
    why = reason_of(reason)
    if why is None:
        order = await cell.ledger.order(account.name, order_id)
        return json_response(orjson.dumps(mask_document(pii_document(order))))
    order = await cell.ledger.change(
        caller.context,
        order_id,
        partial(disclose, reason=why),
    )
    return json_response(orjson.dumps(pii_document(order)))


def _by_sequence(cell: Cell, caller: Caller, sequence: int) -> str:
    with cell.database.reading() as connection:
        found = views.by_sequence(connection, caller.account, sequence)
    if found is None:
        raise OrderNotFound()
    return found


async def is_reachable(cell: Cell, account: Account, order_id: str) -> bool:
    """Whether the order is not older than the account lets its orders be seen."""
    days = account.setting("order_access_days")
    if not days:
        return True
    order = await cell.ledger.order(account.name, order_id)
    return order.created_at >= cell.clock.now() - timedelta(days=days)


def language_of(request: Request, account: Account) -> str:
    """The language asked for, else the account's."""
    requested = request.headers.get("accept-language", "").split(",")[0].strip()
    language: str = requested if requested not in ("", "*") else account.setting("language")
    return language


async def shown(
    request: Request, account: Account, order_id: str, language: str, *, to_its_owner: bool = False
) -> bytes:
    """The OMS document: the stored bytes where they are new and need no change, else rendered.

    The shopper whose order it is sees it unmasked.
    """
    cell: Cell = request.app.state.cell
    replica: Replica = request.app.state.replica
    translated = labels_in(language) != "en"
    mask = account.setting("pii") and not to_its_owner
    if not translated and not mask:
        stream = order_stream(account.name, order_id)
        with suppress(NotServed):
            return await replica.read_version(
                stream, views.versioned_document, account.name, order_id
            )
    found, exists = await cell.read(views.document, account.name, order_id)
    if not exists:
        raise OrderNotFound()
    if found is not None and not translated and not mask:
        return found
    document = oms_document(await cell.ledger.order(account.name, order_id), language)
    return orjson.dumps(mask_document(document) if mask else document)
