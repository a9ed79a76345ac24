"""What moves an order on: the start of its handling, the notification that it is paid."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
)
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.partner_paths import on_partner_paths
from oms_ledger.ledger import Ledger
from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.handling.decide import start_handling, take_step
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import notify_payment
from oms_ledger.orders.status import Status
from oms_ledger.services.placement.groups import siblings

router = APIRouter(tags=["Order actions"])

MayHandle = Annotated[Caller, Depends(requires("start_handling"))]
MayNotify = Annotated[Caller, Depends(requires("notify_payment"))]


@router.post("/api/oms/pvt/orders/{order_id}/start-handling", status_code=204)
@router.post("/api/orders/pvt/document/{order_id}/actions/start-handling", status_code=204)
@on_partner_paths(router, "POST", "/start-handling", but=("/api/oms/pvt",), status_code=204)
async def post_start_handling(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayHandle
) -> Response:
    """Start handling an order that is ready for it."""
    await ledger.change(
        caller.context,
        order_id,
        start_handling,
    )
    return Response(status_code=204)


@router.post("/api/ledger/orders/{order_id}/waiting-for-fulfillment", status_code=204)
async def post_waiting_for_fulfillment(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayHandle
) -> Response:
    """A warehouse prepares the order. Only of accounts with the setting of that name."""
    return await _step(order_id, request, ledger, caller, Status.WAITING_FOR_FULFILLMENT)


@router.post("/api/ledger/orders/{order_id}/ready-for-invoicing", status_code=204)
async def post_ready_for_invoicing(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayHandle
) -> Response:
    """The order is packed and waits for its invoice. Only of accounts with that setting."""
    return await _step(order_id, request, ledger, caller, Status.READY_FOR_INVOICING)


async def _step(
    order_id: str, request: Request, ledger: Ledger, caller: Caller, status: Status
) -> Response:
    account = await ledger.account(caller.account)
    chosen = bool(account.setting(status.replace("-", "_")))
    decision = partial(take_step, status=status, chosen=chosen)
    await ledger.change(caller.context, order_id, decision)
    return Response(status_code=204)


@router.post("/api/oms/pvt/orders/{order_id}/payments/{payment_id}/payment-notification")
@router.post("/api/orders/pvt/document/{order_id}/payment/{payment_id}/notify-payment")
async def post_payment_notification(
    order_id: PathId, payment_id: PathId, request: Request, cell: TheCell, caller: MayNotify
) -> Response:
    """Recorded for every order that the payment pays: a purchase of several sellers has several."""
    ledger = cell.ledger
    order = await ledger.order(caller.account, order_id)

    def decide(one: Order, context: DecisionContext) -> list[events.OrderEvent]:
        sibling = one.order_id != order.order_id
        return notify_payment(one, context, payment_id=payment_id, sibling=sibling)

    ids = [one.order_id for one in await siblings(cell, order)]
    await ledger.change_together(caller.context, ids, decide)
    return Response(status_code=200)
