"""Canceling an order, by the store or its shopper, and denying that (contract 01 §3.6, 02 §8)."""

import re
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
    shopper_or,
)
from oms_ledger.api.auth.ownership import require_own
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.http.receipts import cancellation_receipt, receipt
from oms_ledger.api.marketplace.partner_cancellations import cancel_as_partner
from oms_ledger.orders.cancellation.decide import cancel, deny_cancellation

router = APIRouter(tags=["Cancellation"])

MayCancel = Annotated[Caller, Depends(requires("cancel_order"))]
MayDeny = Annotated[Caller, Depends(requires("deny_cancellation"))]
Shopper = Annotated[Caller, Depends(shopper_or("cancel_own_order"))]

LONGEST = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Cancellation(Body):
    """Why, and whether the customer wants it."""

    reason: str | None = None
    requested_by_user: bool | None = False


def _checked(reason: str | None, field: str = "reason") -> str | None:
    if reason is not None and len(reason) > LONGEST:
        raise ApiError(400, "CHK0099", f"Field {field} has exceeded limit of characters")
    if reason is not None and _CONTROL.search(reason):
        raise ApiError(400, "CHK0158", f"Invalid {field} characters")
    return reason


@router.post("/api/oms/pvt/orders/{order_id}/cancel")
@router.post("/api/oms/pub/orders/{order_id}/cancel", include_in_schema=False)
@router.post("/api/orders/pvt/document/{order_id}/cancel")
async def post_cancel(
    order_id: PathId, request: Request, cell: TheCell, caller: MayCancel
) -> Response:
    """200 says that the request was taken; whether the order is canceled, its status says.

    A key that is bound to a partner cancels as that partner.
    """
    if caller.party is not None:
        order = await cancel_as_partner(cell, caller, order_id, request)
        return receipt(order, request, *cancellation_receipt(order))
    requested = parse(Cancellation, await json_body(request) or {})
    decision = partial(
        cancel,
        reason=_checked(requested.reason),
        requested_by_user=bool(requested.requested_by_user),
        called_by=caller.app_key,
    )
    order = await cell.ledger.change(caller.context, order_id, decision)
    return receipt(order, request, *cancellation_receipt(order))


@router.post("/api/checkout/pub/orders/{order_id}/user-cancel-request")
async def post_user_cancel_request(
    order_id: PathId, request: Request, cell: TheCell, caller: Shopper
) -> Response:
    """A shopper cancels an order of their own."""
    requested = parse(Cancellation, await json_body(request) or {})
    reason = _checked(requested.reason)
    order = await cell.ledger.order(caller.account, order_id)
    if caller.shopper is not None:
        await require_own(request, order, caller.shopper)

    decision = partial(cancel, reason=reason, requested_by_user=True, called_by=caller.app_key)
    order = await cell.ledger.change(caller.context, order_id, decision)
    return receipt(order, request, *cancellation_receipt(order))


class Denial(Body):
    """Which request is denied, and why: the customer reads it."""

    cancellation_request_id: Annotated[str, Field(min_length=1, max_length=256)]
    deny_reason: Annotated[str, Field(min_length=1)]


@router.post("/api/orders/pvt/document/{order_id}/deny-cancellation-request", status_code=200)
async def post_deny_cancellation_request(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayDeny
) -> Response:
    """Deny a cancellation that was requested; the order goes on where it was."""
    fields = parse(Denial, await json_body(request))
    decision = partial(
        deny_cancellation,
        request_id=fields.cancellation_request_id,
        reason=_checked(fields.deny_reason, "denyReason") or "",
    )
    await ledger.change(caller.context, order_id, decision)
    return Response(status_code=200)
