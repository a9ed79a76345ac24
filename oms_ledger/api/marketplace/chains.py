"""Orders of the account between a marketplace and a seller (contract 05 §8, 01 §3.5)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

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
from oms_ledger.api.marketplace.fulfillment import UNREACHABLE, authorization_of, place_received
from oms_ledger.api.orders.documents import json_response
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.documents.deliveries import estimate_of
from oms_ledger.orders.instants import instant, spell
from oms_ledger.orders.marketplace.as_seller import authorize_with_receipt
from oms_ledger.orders.marketplace.levels import marketplace_group
from oms_ledger.orders.marketplace.split import split_group
from oms_ledger.orders.order import Order
from oms_ledger.orders.order_ids import is_path_segment
from oms_ledger.orders.placement.reading import refuse
from oms_ledger.orders.refusals import OtherMarketplaceGroup

router = APIRouter(tags=["Marketplaces and sellers"])
_LONGEST_GROUP = 80
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
    if not isinstance(group, str) or not group.strip() or len(group) > _LONGEST_GROUP:
        raise refuse("CHK0144", "marketplaceOrderGroup: expected a text of up to 80 characters")
    if not is_path_segment(group):
        raise refuse("CHK0144", "marketplaceOrderGroup: expected what a path can name")
    account = await cell.ledger.account(caller.account)
    bodies = split_group(body, account, group.strip())
    reception = await place_received(request, cell, caller, bodies, chain=True)
    orders = [placed_order(order) for order in reception.orders]
    headers = {"Warning": UNREACHABLE} if reception.unreachable else {}
    answer = {"orderForm": None, "transactionData": None, "orders": orders}
    return json_response(answer, headers=headers)


class AuthorizationReceipt(Body):
    """When the dispatch was authorized, and under which receipt."""

    date: Annotated[str, Field(max_length=100)]
    receipt: Annotated[str, Field(min_length=1, max_length=200)]


class Authorization(Body):
    """A marketplace's yes to the dispatch of an order."""

    marketplace_order_group: str | None = None
    authorization_receipt: AuthorizationReceipt


def _require_group(order: Order, named: str | None) -> None:
    """The level above calls the sale by its group, by its own order, or by the order here."""
    group = marketplace_group(order)
    if order.flow not in ("seller", "chain") or not group:
        raise refuse(
            "CHK0092",
            "Orders without marketplace order group cannot be authorized by marketplaces",
        )
    if named not in (group, order.placed.marketplace_order_id, order.order_id):
        raise OtherMarketplaceGroup(order.order_id, (named or "")[:100])


@router.post("/api/checkout/pvt/orders/{order_id}/receipts/marketplace-order-authorization")
async def post_authorization(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """The marketplace order is paid; given again, the answer has the same receipt."""
    fields = parse(Authorization, await json_body(request))
    known = await ledger.order(caller.account, order_id)
    _require_group(known, fields.marketplace_order_group)
    given = fields.authorization_receipt
    order = await ledger.change(
        caller.context,
        order_id,
        partial(authorize_with_receipt, receipt=given.receipt, given_at=given.date),
    )
    number, at = authorization_of(order)
    return json_response(
        {
            "date": spell(at, "Z"),
            "orderId": order.order_id,
            "marketplaceOrderId": order.placed.marketplace_order_id,
            "receipt": number,
            "items": [{"id": item.id} for item in order.items],
            "shippingData": {
                "logisticsInfo": [
                    {
                        "itemIndex": line.get("itemIndex") or 0,
                        "selectedSLAId": line.get("selectedSla"),
                        "selectedDeliveryChannel": line.get("selectedDeliveryChannel"),
                        "shippingEstimateDate": instant(estimate_of(order, line), "Z"),
                    }
                    for line in order.logistics
                ]
            },
        }
    )
