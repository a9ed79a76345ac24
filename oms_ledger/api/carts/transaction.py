"""Placing from a cart over HTTP, and the orders just placed as the page after it reads them."""

import orjson
from fastapi import APIRouter, Request, Response

from oms_ledger.accounts.roles import FULL, VIEW
from oms_ledger.api.auth import checkout_cookies
from oms_ledger.api.auth.checkout_access import holds_cookie
from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.auth.ownership import identified, require_own
from oms_ledger.api.carts.access import (
    MayReadPlaced,
    MayUseCart,
    TheCarts,
    cart_caller,
    cart_id_of,
)
from oms_ledger.api.carts.answers import document, with_cookies
from oms_ledger.api.checkout.answers import transaction_data
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import unauthorized
from oms_ledger.api.http.origin import origin_of
from oms_ledger.api.orders.documents import JSON, json_response
from oms_ledger.carts.cart import Json
from oms_ledger.cell import Cell
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.systems import NO_PAYMENT
from oms_ledger.services.carts.transaction import Transaction, place_cart
from oms_ledger.services.placement.groups import orders_of_group

router = APIRouter(tags=["Carts"])


@router.post("/api/checkout/pub/orderForm/{order_form_id}/transaction")
async def post_transaction(
    order_form_id: PathId, request: Request, cell: TheCell, carts: TheCarts, caller: MayUseCart
) -> Response:
    """Place what is in the cart; where offers moved, answer the cart that says so."""
    account = await cell.ledger.account(caller.account)
    transaction = await place_cart(
        carts,
        account,
        cart_id_of(order_form_id),
        cart_caller(request, caller),
        await json_body(request),
        ctx=caller.context,
        identify=lambda body: identified(cell, caller, body),
    )
    cart = document(request, cell, caller, transaction.answer)
    if not transaction.orders:
        return json_response({**cart, **_NOT_PLACED})
    response = json_response({**cart, **_placed(request, transaction)})
    first = transaction.orders[0]
    secure = origin_of(request).scheme == "https"
    response.raw_headers.extend(checkout_cookies.headers(cell, first, secure=secure))
    if transaction.next_cart is not None:
        with_cookies(response, request, transaction.next_cart, "")
    return response


_NOT_PLACED: Json = {
    "id": None,
    "merchantTransactions": [],
    "receiverUri": None,
    "gatewayCallbackTemplatePath": None,
    "orderGroup": None,
    "transactionData": None,
    "orders": [],
}


def _placed(request: Request, transaction: Transaction) -> Json:
    """The transaction beside the cart, in both forms that clients read."""
    fields, first = transaction_data(request, transaction.orders), transaction.orders[0].placed
    return {
        "id": first.transaction_id or NO_PAYMENT,
        **fields,
        "orderGroup": first.order_group,
        "transactionData": fields,
        "orders": [placed_order(order) for order in transaction.orders],
    }


@router.get("/api/checkout/pub/orders/order-group/{order_group}")
async def get_placed_group(
    order_group: PathId, request: Request, cell: TheCell, caller: MayReadPlaced
) -> Response:
    """The orders of a purchase as its placement showed them."""
    await _require_reader(request, cell, caller, order_group)
    orders = await orders_of_group(cell, caller.account, order_group)
    await _require_shopper(request, cell, caller, orders[0])
    return json_response([placed_order(order) for order in orders])


@router.get("/api/checkout/pub/orders/{order_id}")
async def get_placed_order(
    order_id: PathId, request: Request, cell: TheCell, caller: MayReadPlaced
) -> Response:
    """One order of a purchase as its placement showed it."""
    await _require_reader(request, cell, caller, order_id.rpartition("-")[0])
    order = await cell.ledger.order(caller.account, order_id)
    await _require_shopper(request, cell, caller, order)
    return Response(orjson.dumps(placed_order(order)), media_type=JSON)


async def _require_reader(request: Request, cell: Cell, caller: Caller, group: str) -> None:
    """Let in who has the purchase's cookie, a shopper, or a key that may read orders."""
    if caller.shopper is not None or caller.resources & {VIEW, FULL}:
        return
    if not await holds_cookie(cell, request, caller.account, group):
        raise unauthorized(request.scope["path"])


async def _require_shopper(request: Request, cell: Cell, caller: Caller, order: Order) -> None:
    """A shopper reads own orders alone, unless the purchase's cookie came along."""
    if caller.shopper is None:
        return
    if await holds_cookie(cell, request, caller.account, order.placed.order_group):
        return
    await require_own(request, order, caller.shopper)
