"""Another seller for an order, and how long the choice may take (contract 02 §15)."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import (
    Body,
    Cents,
    Count,
    json_body,
    parse,
)
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.http.receipts import receipt
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.orders.amounts import count
from oms_ledger.orders.marketplace.change_seller import (
    change_seller,
    propose_seller,
    require_change,
)
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import SellerInactive, SellerNotChanged, SellerRefusedOrder
from oms_ledger.services.marketplace.account_calls import is_account
from oms_ledger.services.marketplace.other_account import place_at
from oms_ledger.services.marketplace.partnership import partner

router = APIRouter(tags=["Change seller"])
MayChange = Annotated[Caller, Depends(requires("change_seller"))]
MaySet = Annotated[Caller, Depends(requires("window_to_change_seller"))]
_SETTING = "window_to_change_seller_days"


@router.get("/api/checkout/pvt/configuration/window-to-change-seller")
async def get_window(cell: TheCell, caller: MaySet) -> Response:
    """The window in days, as a bare number."""
    account = await cell.ledger.account(caller.account)
    return json_response(account.setting(_SETTING))


@router.post("/api/checkout/pvt/configuration/window-to-change-seller", status_code=201)
async def post_window(request: Request, cell: TheCell, caller: MaySet) -> Response:
    """`waitingTime` in days, 0 to 30, for windows that open from now on."""
    body = await json_body(request)
    days = count(body.get("waitingTime"), text=True) if isinstance(body, dict) else None
    if days is None or not 0 <= days <= 30:
        raise ApiError(
            400, "CHK0228", "Invalid value for time configuration in days. Max value: 31 days."
        )

    def decide(account: Account | None) -> list[AccountEvent]:
        if account is None:
            raise AccountNotFound(caller.account)
        if account.setting(_SETTING) == days:
            return []
        return [AccountSettingsChanged({_SETTING: days})]

    await cell.ledger.change_account(caller.context, decide)
    return Response(status_code=201)


class Delivery(Body):
    """How a line is delivered by the new seller, by its index."""

    item_index: Annotated[Count, Field(ge=0)]
    selected_sla: str
    selected_delivery_channel: Literal["delivery", "pickup-in-point"]


class Shipping(Body):
    """How the lines are delivered by the new seller."""

    logistics_info: list[Delivery]


class NewSeller(Body):
    """Who is to sell the order instead; the value of its payment in cents."""

    new_seller_id: Annotated[str, Field(min_length=1, max_length=100)]
    marketplace_payment_value: Cents | None = None
    shipping_data: Shipping


@router.put("/api/checkout/pvt/orders/{order_id}/sellers")
async def put_seller(
    order_id: PathId, request: Request, cell: TheCell, caller: MayChange
) -> Response:
    """Ask another seller to take the order, and change to it if it does."""
    requested = parse(NewSeller, await json_body(request))
    fields: dict[str, Any] = {
        "seller": requested.new_seller_id,
        "deliveries": [
            {
                "itemIndex": one.item_index,
                "selectedSla": one.selected_sla,
                "selectedDeliveryChannel": one.selected_delivery_channel,
            }
            for one in requested.shipping_data.logistics_info
        ],
    }
    account = caller.account
    order = await cell.ledger.order(account, order_id)
    require_change(order, payment_value=requested.marketplace_payment_value, **fields)
    name = await require_taker(cell, order, requested.new_seller_id)
    proposal = partial(propose_seller, payment_value=requested.marketplace_payment_value, **fields)
    order = await cell.ledger.change(caller.context, order_id, proposal)
    seller_order = order.proposals[-1][1]
    await place_at(
        cell,
        caller.context,
        replace(order, logistics=_deliveries(order, fields["deliveries"])),
        requested.new_seller_id,
        seller_order,
    )
    change = partial(change_seller, seller_name=name, seller_order_id=seller_order, **fields)
    order = await cell.ledger.change(caller.context, order_id, change)
    number, at = next((n, at) for kind, n, at in reversed(order.receipts) if kind == "changeSeller")
    return receipt(order, request, number, at)


def _deliveries(order: Order, fields: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    by_index = {one["itemIndex"]: one for one in fields}
    return tuple(
        {**line, **by_index[i], "deliveryIds": []} for i, line in enumerate(order.logistics)
    )


async def require_taker(cell: Cell, order: Order, seller: str) -> str:
    """What the new seller is called; refuses one that cannot take the order over."""
    if order.flow == "marketplace" and not await is_account(cell, order.seller):
        raise SellerNotChanged("CHK0188", f"{order.seller} is no account here")
    try:
        terms = await partner(cell, order.account, seller)
    except AccountNotFound:
        raise SellerRefusedOrder(f"there is no seller {seller}") from None
    if not terms.accepts_orders or seller == order.account:
        raise SellerInactive(seller)
    return terms.seller_name
