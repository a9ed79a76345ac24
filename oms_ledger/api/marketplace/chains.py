"""Orders of the account between a marketplace and a seller (contract 05 §8, 01 §3.5)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.roles import OPERATIONS
from oms_ledger.api.auth.checkout_access import MayPlace
from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
)
from oms_ledger.api.carts.access import carts_of
from oms_ledger.api.checkout.placement import put_orders
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import forbidden
from oms_ledger.api.marketplace.fulfillment import authorization_of, place_received
from oms_ledger.api.orders.documents import json_response
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.instants import spell
from oms_ledger.orders.marketplace.as_seller import authorize_fulfillment
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.reading import refuse
from oms_ledger.orders.refusals import OtherMarketplaceGroup

router = APIRouter(tags=["Marketplaces and sellers"])
MayAuthorize = Annotated[Caller, Depends(requires("authorize_chain"))]


@router.put("/api/checkout/pvt/orders")
async def put_chain_orders(request: Request, cell: TheCell, caller: MayPlace) -> Response:
    """Place what the level above sold: one order per seller of its lines.

    Without `marketplaceOrderGroup` it is a purchase like any other.
    """
    body = await json_body(request)
    if not isinstance(body, dict) or "marketplaceOrderGroup" not in body:
        return await put_orders(request, cell, carts_of(request), caller)
    if not caller.resources & OPERATIONS["authorize_chain"]:
        raise forbidden(OPERATIONS["authorize_chain"])
    group = body["marketplaceOrderGroup"]
    if not isinstance(group, str) or not group.strip() or len(group) > 80:
        raise refuse("CHK0144", "marketplaceOrderGroup: expected a text")
    endpoint = body.get("marketplaceServicesEndpoint")
    if not isinstance(endpoint, str) or not endpoint.strip():
        raise refuse("CHK0146", "marketplaceServicesEndpoint is required")
    named = {**body, "marketplaceOrderId": f"{group.strip()}-01"}
    reception = await place_received(request, cell, caller, [named], chain=True)
    orders = [placed_order(order) for order in reception.orders]
    return json_response({"orderForm": None, "transactionData": None, "orders": orders})


class AuthorizationReceipt(Body):
    date: str
    receipt: str


class Authorization(Body):
    marketplace_order_group: str
    authorization_receipt: AuthorizationReceipt


def _groups_of(order: Order) -> set[str]:
    """What the level above may call the sale by: its group, its order, or the order here."""
    marketplace_order = order.placed.marketplace_order_id or ""
    group = order.placed.details.get("marketplaceOrderGroup")
    named = {marketplace_order, marketplace_order.rpartition("-")[0], order.order_id, group}
    return {one for one in named if isinstance(one, str) and one}


@router.post("/api/checkout/pvt/orders/{order_id}/receipts/marketplace-order-authorization")
async def post_authorization(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """The sale above is paid; given again, the answer has the same receipt."""
    fields = parse(Authorization, await json_body(request)).marketplace_order_group
    known = await ledger.order(caller.account, order_id)
    if fields not in _groups_of(known):
        raise OtherMarketplaceGroup(known.order_id, fields[:100])
    order = await ledger.change(
        caller.context,
        order_id,
        authorize_fulfillment,
    )
    number, at = authorization_of(order)
    return json_response({"date": spell(at, "Z"), "orderId": order.order_id, "receipt": number})
