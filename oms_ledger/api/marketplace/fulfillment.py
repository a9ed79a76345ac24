"""What marketplaces ask of a seller by the published protocol: place, and authorize the dispatch.

The same paths answer outsiders and, in the order of the protocol, accounts of the deployment.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
)
from oms_ledger.api.auth.ownership import identified
from oms_ledger.api.carts.access import get_carts
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.ledger import Ledger
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.instants import spell
from oms_ledger.orders.marketplace.as_seller import authorize_fulfillment, authorize_manually
from oms_ledger.orders.marketplace.key_spelling import as_published
from oms_ledger.orders.marketplace.levels import marketplace_group
from oms_ledger.orders.marketplace.shared_payments import read_shared
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import InvalidMarketplaceOrder, OtherMarketplaceOrder
from oms_ledger.orders.status import Status
from oms_ledger.services.marketplace.reception import Reception, receive_orders

router = APIRouter(tags=["Marketplaces and sellers"])

MayPlace = Annotated[Caller, Depends(requires("place_fulfillment"))]
MayAuthorize = Annotated[Caller, Depends(requires("authorize_fulfillment"))]

UNREACHABLE = '199 - "marketplaceServicesEndpoint is no https address: nothing is sent there"'


def affiliate_of(request: Request, caller: Caller) -> str:
    """The affiliate that the query names, its name matched without case; else the key's own."""
    named = next((v for k, v in request.query_params.items() if k.lower() == "affiliateid"), "")
    return named or (caller.party.id if caller.party else "")


@router.post("/api/fulfillment/pvt/orders")
@router.post("/pvt/orders")
@router.post("/api/fulfillment/pub/orders", include_in_schema=False)
async def post_orders(request: Request, cell: TheCell, caller: MayPlace) -> Response:
    """Place orders that a marketplace sold, or one; the same again answers as before."""
    body = await json_body(request)
    if body == []:
        raise InvalidMarketplaceOrder("FMT0026", "Cannot be created an empty order")
    bodies = body if isinstance(body, list) else [body]
    reception = await place_received(request, cell, caller, bodies)
    answers = [_answer(order) for order in reception.orders]
    headers = {"Warning": UNREACHABLE} if reception.unreachable else {}
    if isinstance(body, list):
        return json_response(answers, headers=headers)
    answer = {
        **answers[0],
        "status": "success",
        "message": "Order placed successfully",
        "orderData": as_published(body),
    }
    return json_response(answer, headers=headers)


async def place_received(
    request: Request, cell: Cell, caller: Caller, bodies: Sequence[Any], *, chain: bool = False
) -> Reception:
    """Place orders, those that are there already aside: all of them, or none."""
    if not all(isinstance(one, dict) for one in bodies):
        raise bad_request("The body: expected an order, or a list of orders")
    return await receive_orders(
        cell,
        caller.context,
        affiliate_of(request, caller),
        [identified(cell, caller, as_published(one)) for one in bodies],
        (await get_carts(request)).offers,
        sales_channel=request.query_params.get("sc") or "1",
        chain=chain,
    )


def _answer(order: Order) -> dict[str, Any]:
    shown = placed_order(order)
    profile = {**shown["clientProfileData"], "email": shown["followUpEmail"]}
    return {
        **shown,
        "marketplaceOrderId": order.placed.marketplace_order_id,
        "clientProfileData": profile,
        "paymentData": None,
        "allowMultipleDeliveries": False,
    }


class Fulfill(Body):
    """The marketplace's own id of the order, and how it was paid."""

    marketplace_order_id: str | None = None
    payment_data: Any = None


@router.post("/api/fulfillment/pvt/orders/{order_id}/fulfill", status_code=201)
@router.post(
    "/api/fulfillment/pub/orders/{order_id}/fulfill", status_code=201, include_in_schema=False
)
async def post_fulfill(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """The marketplace is paid: the dispatch of its order is authorized."""
    return await _fulfill(order_id, request, ledger, caller, 201)


@router.post("/pvt/orders/{order_id}/fulfill")
@router.post("/pub/orders/{order_id}/fulfill", include_in_schema=False)
async def post_protocol_fulfill(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """Authorize the dispatch of an order that a marketplace placed."""
    return await _fulfill(order_id, request, ledger, caller, 200)


async def _fulfill(
    order_id: str, request: Request, ledger: Ledger, caller: Caller, status: int
) -> Response:
    body = await json_body(request)
    if isinstance(body, list) and len(body) == 1:  # as a guide's example sends it
        (body,) = body
    requested = parse(Fulfill, as_published(body) or {})
    named = requested.marketplace_order_id
    order = await ledger.order(caller.account, order_id)
    if named not in (None, order.placed.marketplace_order_id, marketplace_group(order)):
        raise OtherMarketplaceOrder(order_id, named[:100])
    shared = read_shared(requested.payment_data)
    order = await ledger.change(
        caller.context, order_id, partial(authorize_fulfillment, shared_payments=shared)
    )
    receipt = marketplace_receipt(order, authorization_of(order))
    details = {
        "createdAt": receipt["date"],
        "marketplaceOrderId": order.placed.marketplace_order_id,
        "status": order.status,
    }
    answer = {"status": "success", "message": "Fulfillment authorized", "details": details}
    return json_response({**receipt, **answer}, status)


def authorization_of(order: Order) -> tuple[str, Any]:
    """A stable receipt of the authorization: the fact has none of its own."""
    at = next(
        (
            at
            for status, at in order.timeline
            if status in (Status.AUTHORIZE_FULFILLMENT, Status.PAYMENT_APPROVED)
        ),
        order.changed_at,
    )
    return placed_order(order)["followUpEmail"].partition("@")[0], at


def marketplace_receipt(order: Order, fields: tuple[str, Any]) -> dict[str, Any]:
    """A receipt as the published protocol of marketplaces has it."""
    number, at = fields
    return {
        "date": spell(at, "Z"),
        "marketplaceOrderId": order.placed.marketplace_order_id,
        "orderId": order.order_id,
        "receipt": number,
    }


@router.post("/api/ledger/orders/{order_id}/authorize-fulfillment")
async def post_authorize_manually(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """A person takes a divergent price, or dispatches before the marketplace authorized it."""
    order = await ledger.change(
        caller.context,
        order_id,
        authorize_manually,
    )
    return json_response({"orderId": order.order_id, "status": order.status})
