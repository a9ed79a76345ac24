"""Paying a purchase and processing its orders (contract 05 §§1, 5)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from oms_ledger.accounts.roles import KEY
from oms_ledger.api.auth.checkout_access import MayProcess, MaySend
from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.carts.access import TheCarts
from oms_ledger.api.carts.answers import with_cookies
from oms_ledger.api.checkout.pages import CHECKOUT, ORDER_PLACED, placed_page
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.orders.documents import JSON
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import (
    AuthorizationResult,
    GatewayRejected,
    GatewayUnavailable,
)
from oms_ledger.orders.payments.submission import require_placed_cards
from oms_ledger.orders.refusals import PaymentDenied
from oms_ledger.refusal import Refusal
from oms_ledger.services.carts.transaction import empty_after_purchase
from oms_ledger.services.carts.workspace import Carts
from oms_ledger.services.payments import authorization
from oms_ledger.services.placement.groups import orders_of_group, orders_of_transaction

router = APIRouter(tags=["Checkout"])
PAYMENT_PAGE = f"{CHECKOUT}#/payment"


@router.post("/api/payments/transactions/{transaction_id}/payments", status_code=201)
@router.post("/api/pub/transactions/{transaction_id}/payments", status_code=201)
@router.post("/api/payments/pub/transactions/{transaction_id}/payments", status_code=201)
async def post_payments(
    transaction_id: PathId, request: Request, cell: TheCell, caller: MaySend
) -> Response:
    """Send the payments of a transaction to the gateway; 201 when it has them."""
    body = await json_body(request)
    for sent in body if isinstance(body, list) else [body]:
        if (named := _transaction_named(sent)) and named != transaction_id:
            raise bad_request(
                f"transaction.id: found {named!r}, but the path names {transaction_id!r}"
            )
    orders = await orders_of_transaction(cell, caller.account, transaction_id)
    return await _send(cell, caller, orders, body, request)


async def _send(
    cell: Cell, caller: Caller, orders: Sequence[Order], body: Any, request: Request
) -> Response:
    """Take payments; only a key may pay by a gift card that the placement did not have (G57)."""
    if KEY not in caller.resources:
        require_placed_cards(body, orders)
    with answering_for_gateways(caller.context) as ctx:
        await authorization.send(cell, ctx, orders, body)
    return Response(status_code=201)


@router.post("/split/{order_group}/payments", status_code=201)
async def post_split_payments(
    order_group: PathId, request: Request, cell: TheCell, caller: MaySend
) -> Response:
    """Send the payments of a purchase, named by its order group, to the gateway."""
    body = await json_body(request)
    orders = await orders_of_group(cell, caller.account, order_group)
    return await _send(cell, caller, orders, body, request)


@contextmanager
def answering_for_gateways(ctx: CommandContext) -> Iterator[CommandContext]:
    """Answer over HTTP that a gateway is unavailable, or rejects requests.

    What is done meanwhile is done once by the state of the orders, not by an Idempotency-Key: a
    denial may be followed by another try.
    """
    try:
        yield ctx.without_idempotency()
    except GatewayUnavailable as away:
        message = f"A communication error with payment system has occurred: {away}"
        raise ApiError(503, "CHK0076", message, {"Retry-After": "1"}) from away
    except GatewayRejected as refused:
        raise ApiError(500, "CHK0206", f"Payment cannot be authorized: {refused}") from refused


def _transaction_named(sent: Any) -> str | None:
    fields = sent.get("transaction") if isinstance(sent, dict) else None
    named = fields.get("id") if isinstance(fields, dict) else None
    return named if isinstance(named, str) else None


@router.post("/api/checkout/pub/gatewayCallback/{order_group}", status_code=204)
async def post_gateway_callback(
    order_group: PathId, request: Request, cell: TheCell, carts: TheCarts, processor: MayProcess
) -> Response:
    """Have the purchase's payments authorized; its cart is empty then."""
    orders = await orders_of_group(cell, processor.account, order_group)
    result = await _processed(request, cell, orders, processor)
    return await _after_purchase(callback_answer(result), request, carts, orders)


@router.get("/checkout/gatewayCallback/{order_group}/{message_code}")
@router.post("/checkout/gatewayCallback/{order_group}/{message_code}")
@router.get("/api/checkout/pub/gatewayCallback/{order_group}/{message_code}")
@router.post("/api/checkout/pub/gatewayCallback/{order_group}/{message_code}")
async def get_gateway_callback(
    order_group: PathId, request: Request, cell: TheCell, carts: TheCarts, processor: MayProcess
) -> Response:
    """The same for a browser that comes back from a payment page: it is sent on."""
    orders = await orders_of_group(cell, processor.account, order_group)
    account = await cell.ledger.account(processor.account)
    try:
        answer = callback_answer(await _processed(request, cell, orders, processor))
    except (ApiError, Refusal):
        return Response(status_code=302, headers={"Location": PAYMENT_PAGE})
    if answer.status_code != 204:
        return Response(status_code=302, headers={"Location": PAYMENT_PAGE})
    page = account.setting("order_placed_url") or ORDER_PLACED
    location = placed_page(page, orders[0].placed.order_group)
    sent_on = Response(status_code=302, headers={"Location": location})
    return await _after_purchase(sent_on, request, carts, orders)


async def _processed(
    request: Request, cell: Cell, orders: list[Order], processor: Caller
) -> AuthorizationResult | None:
    with answering_for_gateways(processor.context) as ctx:
        return await authorization.process(cell, ctx, orders)


async def _after_purchase(
    answer: Response, request: Request, carts: Carts, orders: list[Order]
) -> Response:
    """The answer with the cookie of an empty cart, when the purchase is done and came from one."""
    if answer.status_code not in (204, 302) or orders[0].placed.filling is None:
        return answer
    account = await carts.cell.ledger.account(orders[0].account)
    fresh = await empty_after_purchase(carts, account, orders)
    return answer if fresh is None else with_cookies(answer, request, fresh, "")


def callback_answer(result: AuthorizationResult | None) -> Response:
    """204 when the order goes on; 428 when the shopper has to go elsewhere; 500 when denied."""
    if result is not None and result.denied:
        raise ApiError(500, PaymentDenied.code, PaymentDenied.text)
    if result is not None and result.must_go_elsewhere:
        fields = {
            "RedirectResponseCollection": list(result.redirects),
            "paymentAuthorizationAppCollection": list(result.apps),
        }
        return Response(orjson.dumps(fields), 428, media_type=JSON)
    return Response(status_code=204)
