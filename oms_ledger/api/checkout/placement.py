"""Placing: an order in one body, its payments, and the processing of the order (contract 05)."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from oms_ledger.accounts.roles import KEY
from oms_ledger.api.auth import checkout_cookies
from oms_ledger.api.auth.checkout_access import ANONYMOUS, MayPlace
from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.auth.ownership import identified
from oms_ledger.api.checkout.answers import transaction_data
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.http.origin import origin_of
from oms_ledger.api.http.receipts import request_id
from oms_ledger.api.orders.documents import JSON
from oms_ledger.cell import Cell
from oms_ledger.eventstore.idempotency import is_replayed
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.order import Order
from oms_ledger.services.placement.purchase import Origin, place_purchase
from oms_ledger.services.placement.sellers import require_sellers

router = APIRouter(tags=["Checkout"])


@router.put("/api/checkout/pub/orders", status_code=201)
async def put_orders(request: Request, cell: TheCell, caller: MayPlace) -> Response:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body: expected a JSON object with items, clientProfileData, …")
    orders = await cell.ledger.repeated(caller.account, actor=caller.app_key)
    orders = orders or await _place(request, cell, caller, body)
    return _placed(cell, orders, request, caller)


async def _place(request: Request, cell: Cell, caller: Caller, body: dict[str, Any]) -> list[Order]:
    account = await cell.ledger.account(caller.account)
    body = identified(cell, caller, body)
    await require_sellers(cell, account, body)
    origin = Origin(
        actor=caller.app_key,
        cause=request_id(request),
        sales_channel=request.query_params.get("sc", "1"),
        trusted=KEY in caller.resources,
    )
    return await place_purchase(cell, account, body, origin)


def _placed(cell: Cell, orders: list[Order], request: Request, caller: Caller) -> Response:
    answer = {
        "orderForm": None,
        "transactionData": transaction_data(request, orders),
        "orders": [placed_order(order) for order in orders],
    }
    response = Response(orjson.dumps(answer), 201, media_type=JSON)
    secure = origin_of(request).scheme == "https"
    if caller.app_key != ANONYMOUS or not is_replayed():  # it may be another anonymous caller's
        response.raw_headers.extend(checkout_cookies.headers(cell, orders[0], secure=secure))
    return response
