"""Every command that an order knows, as a request that may be sent, with the decision behind it.

For *why not*: a command is tried with a body that fits the order, and the body gets with it.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from oms_ledger.accounts.account import Account
from oms_ledger.api.changes.bodies import ChangeBody
from oms_ledger.api.changes.v2 import modifying
from oms_ledger.api.http.bodies import parse
from oms_ledger.api.marketplace.change_seller import require_taker
from oms_ledger.api.orders.invoices import Invoice, invoicing
from oms_ledger.api.payments.transactions import shares_of
from oms_ledger.cell import Cell
from oms_ledger.orders.cancellation.decide import cancel, deny_cancellation, pending_requests
from oms_ledger.orders.changes.v1 import Modification, register_change
from oms_ledger.orders.changes.v2 import cancel_change, retry_change
from oms_ledger.orders.decide import Decision, DecisionContext
from oms_ledger.orders.events import OrderEvent
from oms_ledger.orders.handling.decide import OPTIONAL, start_handling, take_step
from oms_ledger.orders.invoices.tracking import change_tracking, report_delivery
from oms_ledger.orders.marketplace.as_seller import authorize_fulfillment, authorize_manually
from oms_ledger.orders.marketplace.change_seller import propose_seller
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.decide import notify_payment
from oms_ledger.orders.payments.manual import available, request_manually
from oms_ledger.orders.refusals import TransactionNotFound
from oms_ledger.services.placement.groups import orders_of_transaction

Check = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """Nothing but the order decides."""


@dataclass(frozen=True, slots=True)
class Command:
    """`check` refuses, after the decision did not, what depends on more than the order."""

    name: str
    operation: str
    method: str
    path: str
    body: dict[str, Any]
    decision: Decision
    check: Check = _nothing


ORDERS, DOCUMENTS = "/api/oms/pvt/orders", "/api/orders/pvt/document"


async def commands(
    cell: Cell, account: Account, order: Order, context: DecisionContext, seller: str | None
) -> list[Command]:
    """Each with arguments that fit: what is left to invoice, went out, or was captured; a change
    by one cent; the pending request, the last invoice. `seller` is the one to change to.
    """
    found = [
        *_handling(account, order),
        *_invoices(account, order, context),
        *_changes(account, order, context),
        _change_of_seller(cell, order, seller),
        *_cancellation(order, context),
    ]
    if order.placed.transaction_id and order.flow not in ("seller", "chain"):
        found.append(await _refund(cell, order, context))
    return found


def _post(order: Order, name: str, operation: str, tail: str, decision: Decision) -> Command:
    path = f"{ORDERS}/{quote(order.order_id)}/{tail}"
    return Command(name, operation, "POST", path, {}, decision)


def _handling(account: Account, order: Order) -> Iterator[Command]:
    for payment in order.payments:
        tail = f"payments/{payment.id}/payment-notification"
        decision = partial(notify_payment, payment_id=payment.id)
        yield _post(order, "payment-notification", "notify_payment", tail, decision)
    by_hand = f"/api/ledger/orders/{quote(order.order_id)}"
    fulfill = _post(order, "fulfill", "authorize_fulfillment", "", authorize_fulfillment)
    yield replace(fulfill, path=f"/pvt/orders/{quote(order.order_id)}/fulfill")
    hand = replace(fulfill, name="authorize-fulfillment", decision=authorize_manually)
    yield replace(hand, path=f"{by_hand}/authorize-fulfillment")
    yield _post(order, "start-handling", "start_handling", "start-handling", start_handling)
    for status in OPTIONAL:
        chosen = bool(account.setting(status.replace("-", "_")))
        step = partial(take_step, status=status, chosen=chosen)
        yield Command(status, "start_handling", "POST", f"{by_hand}/{status}", {}, step)


def _invoices(account: Account, order: Order, context: DecisionContext) -> Iterator[Command]:
    left = order.value - order.invoiced_value
    for kind, value in (("Output", max(left, 1)), ("Input", max(order.invoiced_value, 1))):
        body = {
            "type": kind,
            "invoiceNumber": context.receipt,
            "invoiceValue": value,
            "issuanceDate": f"{context.now:%Y-%m-%d}",
        }
        requested = Invoice.model_validate(body)
        decision = invoicing(requested, body, account, totals=False, once=False)
        fields = _post(order, f"invoice ({kind})", "invoice_order", "invoice", decision)
        yield replace(fields, body=body)
    number = order.invoices[-1].number if order.invoices else "none"
    package = f"{ORDERS}/{quote(order.order_id)}/invoice/{quote(number, safe='')}"
    carrier = {"courier": context.receipt}
    decision = partial(change_tracking, number=number, details=carrier)
    yield Command("tracking number", "update_invoice", "PATCH", package, carrier, decision)
    arrived = {"isDelivered": True}
    decision = partial(report_delivery, number=number, is_delivered=True)
    yield Command("tracking", "track_invoice", "PUT", f"{package}/tracking", arrived, decision)


def _changes(account: Account, order: Order, context: DecisionContext) -> Iterator[Command]:
    v1 = Modification(context.receipt, "reason", discount_value=1)
    trusted = account.setting("trust_request_prices")
    decision = partial(register_change, requested=v1, trust_prices=trusted)
    fields = _post(order, "change (v1)", "change_order", "changes", decision)
    yield replace(
        fields, body={"requestId": context.receipt, "reason": "reason", "discountValue": 1}
    )
    path = f"/api/order-system/orders/{quote(order.order_id)}/changes"
    body = {"reason": "reason", "manualDiscountValue": 1}
    requested = modifying(account, parse(ChangeBody, body).to_domain(), context.receipt)
    yield Command("change (v2)", "modify_order", "PATCH", path, body, requested)
    last = order.change_requests[-1].id if order.change_requests else "none"
    again = partial(retry_change, request_id=last)
    yield Command("retry change (v2)", "modify_order", "POST", f"{path}/{last}/retry", {}, again)
    stop = partial(cancel_change, request_id=last, reason=None)
    yield Command("cancel change (v2)", "modify_order", "POST", f"{path}/{last}/cancel", {}, stop)


def _change_of_seller(cell: Cell, order: Order, seller: str | None) -> Command:
    """Without a seller that is named, only what the order itself is in the way of is found."""
    lines = [
        {"itemIndex": i, "selectedSla": "Normal", "selectedDeliveryChannel": "delivery"}
        for i in range(len(order.items))
    ]
    body = {"newSellerId": seller or "none", "shippingData": {"logisticsInfo": lines}}
    decision = partial(
        propose_seller, seller=seller or "none", payment_value=None, deliveries=lines
    )
    path = f"/api/checkout/pvt/orders/{quote(order.order_id)}/sellers"

    async def check() -> None:
        if seller is not None:
            await require_taker(cell, order, seller)

    return Command("change seller", "change_seller", "PUT", path, body, decision, check)


def _cancellation(order: Order, context: DecisionContext) -> Iterator[Command]:
    yield _post(order, "cancel", "cancel_order", "cancel", cancel)
    waiting = pending_requests(order) or order.requests[-1:]
    requested = waiting[0].id if waiting else context.receipt
    path = f"{DOCUMENTS}/{quote(order.order_id)}/deny-cancellation-request"
    body = {"cancellationRequestId": requested, "denyReason": "reason"}
    decision = partial(deny_cancellation, request_id=requested, reason="reason")
    yield Command("deny cancellation", "deny_cancellation", "POST", path, body, decision)


async def _refund(cell: Cell, order: Order, context: DecisionContext) -> Command:
    """Of the transaction, divided among its orders as the command divides it."""
    transaction = str(order.placed.transaction_id)
    try:
        orders = await orders_of_transaction(cell, order.account, transaction)
    except TransactionNotFound:
        orders = []  # imported: its transaction was never here
    value = sum(available(one, Kind.REFUND) for one in orders) or 1

    def decide(order: Order, context: DecisionContext) -> list[OrderEvent]:
        if not orders:
            raise TransactionNotFound(transaction)
        shares = zip(orders, shares_of(Kind.REFUND, value, orders), strict=True)
        mine = next(share for one, share in shares if one.order_id == order.order_id)
        return request_manually(
            order, context, kind=Kind.REFUND, value=mine, asked_as=context.receipt
        )

    path = f"/api/pvt/transactions/{transaction}/refunding-request"
    return Command("refund", "refund_transaction", "POST", path, {"value": value}, decide)
