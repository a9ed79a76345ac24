"""Placing: an order in one body, its payments, and the processing of the order (contract 05)."""

import orjson
from fastapi import APIRouter, Request, Response

from oms_ledger.accounts.roles import KEY
from oms_ledger.api.auth import checkout_cookies
from oms_ledger.api.auth.checkout_access import ANONYMOUS, MayPlace
from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.auth.ownership import identified
from oms_ledger.api.carts.access import TheCarts
from oms_ledger.api.carts.answers import document
from oms_ledger.api.checkout.answers import transaction_data
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.http.origin import origin_of
from oms_ledger.api.orders.documents import JSON, json_response
from oms_ledger.cell import Cell
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.reading import raw_items
from oms_ledger.services.carts.offered_body import body_with_offers, with_price_sources
from oms_ledger.services.carts.workspace import Answer, store_of
from oms_ledger.services.placement.purchase import Origin, new_id, place_purchase
from oms_ledger.services.placement.sellers import require_sellers

router = APIRouter(tags=["Checkout"])


@router.put("/api/checkout/pub/orders", status_code=201)
async def put_orders(
    request: Request, cell: TheCell, carts: TheCarts, caller: MayPlace
) -> Response:
    """Place an order in one body; 200 with a cart that says what moved places nothing."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body: expected a JSON object with items, clientProfileData, …")
    orders = await cell.ledger.repeated(caller.context)
    if orders:
        return _placed(cell, orders, request, caller)
    account = await cell.ledger.account(caller.account)
    body = identified(cell, caller, body)
    await require_sellers(cell, account, body)
    channel = request.query_params.get("sc", "1")
    trusted = KEY in caller.resources
    offered = await carts.offers.quoting(
        body_with_offers,
        carts,
        account,
        body,
        trusted=trusted and account.setting("trust_request_prices"),
        sales_channel=channel,
    )
    if offered.mendable is not None:
        answer = Answer(offered.mendable, store_of(account), 0)
        cart = document(request, cell, caller, answer)
        return json_response({"orderForm": cart, "transactionData": None, "orders": None})
    ids = [new_id() for _ in raw_items(offered.body)]
    sources = {ids[index] for index in offered.from_offers}
    origin = Origin(
        sales_channel=channel,
        trusted=trusted,
        offered=len(sources) == len(ids),
        line_ids=ids,
    )
    orders = await place_purchase(
        cell,
        caller.context,
        account,
        offered.body,
        origin,
        finish=lambda placed: with_price_sources(placed, sources),
    )
    return _placed(cell, orders, request, caller)


def _placed(cell: Cell, orders: list[Order], request: Request, caller: Caller) -> Response:
    answer = {
        "orderForm": None,
        "transactionData": transaction_data(request, orders),
        "orders": [placed_order(order) for order in orders],
    }
    response = Response(orjson.dumps(answer), 201, media_type=JSON)
    secure = origin_of(request).scheme == "https"
    if caller.app_key != ANONYMOUS or not _is_replayed(
        caller
    ):  # it may be another anonymous caller's
        response.raw_headers.extend(checkout_cookies.headers(cell, orders[0], secure=secure))
    return response


def _is_replayed(caller: Caller) -> bool:
    return caller.idempotency is not None and caller.idempotency.replayed
