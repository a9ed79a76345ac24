"""Cancellations by the other side of a sale: a marketplace asks its seller, or a seller is out."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.parties import SELLER, Party
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.http.receipts import cancellation_receipt, request_id
from oms_ledger.api.marketplace.fulfillment import marketplace_receipt
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.marketplace.as_marketplace import record_seller_cancellation
from oms_ledger.orders.marketplace.as_seller import cancel_by_marketplace
from oms_ledger.orders.marketplace.key_spelling import as_published
from oms_ledger.orders.marketplace.levels import delegated, seller_order_id_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    OnlySellerCancels,
    OtherMarketplaceOrder,
    PartnerTellsItself,
)
from oms_ledger.orders.status import Status
from oms_ledger.services.marketplace.account_calls import is_account

router = APIRouter(tags=["Marketplaces and sellers"])
MayCancel = Annotated[Caller, Depends(requires("cancel_order"))]


class Cancellation(Body):
    """A request of the other side, under its own id, and whether the customer made it."""

    marketplace_order_id: str | None = None
    cancellation_request_id: str | None = None
    reason: str | None = None
    requested_by_user: bool | None = False


@router.post("/api/fulfillment/pvt/orders/{order_id}/cancel")
@router.post("/api/fulfillment/pub/orders/{order_id}/cancel", include_in_schema=False)
async def post_fulfillment_cancel(
    order_id: PathId, request: Request, cell: TheCell, caller: MayCancel
) -> Response:
    """The other side of the sale cancels; a seller that has to think about it says so."""
    order = await cancel_as_partner(cell, caller, order_id, request)
    fields = marketplace_receipt(order, cancellation_receipt(order))
    canceled = order.status is Status.CANCELED
    answer = fields if canceled else {**fields, "receipt": None}
    return json_response({**answer, "isCancelled": canceled})


@router.post("/pvt/orders/{order_id}/cancel")
@router.post("/pub/orders/{order_id}/cancel", include_in_schema=False)
async def post_cancel(
    order_id: PathId, request: Request, cell: TheCell, caller: MayCancel
) -> Response:
    """The other side of the sale cancels: the marketplace asks its seller, or a seller is out.

    A seller that has to think about it answers with an empty body.
    """
    order = await cancel_as_partner(cell, caller, order_id, request)
    from_above = not _by_seller(order, caller.party)
    if from_above and order.status is not Status.CANCELED:
        return Response(status_code=200)
    fields = marketplace_receipt(order, cancellation_receipt(order))
    return json_response(
        fields if from_above else {k: fields[k] for k in ("date", "orderId", "receipt")}
    )


async def cancel_as_partner(cell: Cell, caller: Caller, order_id: str, request: Request) -> Order:
    """Cancel for the other side of the sale: whose key it is, or the marketplace."""
    body = await json_body(request)
    if isinstance(body, list) and len(body) == 1:
        (body,) = body
    requested = parse(Cancellation, as_published(body) or {})
    if requested.reason is not None and len(requested.reason) > 500:
        raise ApiError(400, "CHK0099", "The reason is longer than 500 characters")
    order = await cell.ledger.order(caller.account, order_id)
    decision = await _decision(cell, caller, order, requested, request_id(request))
    return await cell.ledger.change(caller.context, order.order_id, decision)


async def _decision(
    cell: Cell, caller: Caller, order: Order, requested: Cancellation, fallback_id: str
) -> Decision:
    if _by_seller(order, caller.party):
        if await is_account(cell, order.seller):
            raise PartnerTellsItself(order.seller)
        if caller.party is None:
            raise OnlySellerCancels(order.seller, order.order_id)
        return partial(
            record_seller_cancellation,
            seller=order.seller,
            seller_order_id=seller_order_id_of(order),
            reason=requested.reason,
        )
    if order.placed.sold_by is not None:
        raise PartnerTellsItself(order.placed.sold_by)
    named = requested.marketplace_order_id
    if named is not None and named != (order.placed.marketplace_order_id or order.order_id):
        raise OtherMarketplaceOrder(order.order_id, named[:100])
    return partial(
        cancel_by_marketplace,
        request_id=requested.cancellation_request_id or fallback_id,
        reason=requested.reason,
        requested_by_user=bool(requested.requested_by_user),
    )


def _by_seller(order: Order, party: Party | None) -> bool:
    """Whether it is the seller that speaks: by its key, or as nobody sold the order to us."""
    if party is not None:
        return party.kind == SELLER
    return delegated(order) and order.flow == "marketplace"
