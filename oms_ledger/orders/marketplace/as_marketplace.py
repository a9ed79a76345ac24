"""What the order above learns of the order below: taken, refused, canceled, denied, invoiced.

Messages may come twice and cross each other. What is no news, or comes from a seller that the
order left, decides nothing.
"""

from dataclasses import replace

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.invoices.decide import AskedItem, issue_invoice
from oms_ledger.orders.marketplace.change_seller import why_not_change
from oms_ledger.orders.marketplace.levels import fulfills
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.orders.refusals import Busy, CancellationNotAllowed, NotYourOrder
from oms_ledger.orders.status import Status


def hear_confirmation(
    order: Order, facts: Facts, *, seller: str, seller_order_id: str
) -> list[e.OrderEvent]:
    if order.status is not Status.WAITING_FOR_AUTHORIZATION:
        return []
    if not fulfills(order, seller, seller_order_id):
        return []
    return follow_through(order, [e.SellerConfirmed(seller_order_id)], facts)


def hear_refusal(
    order: Order, facts: Facts, *, seller: str, seller_order_id: str, reason: str | None
) -> list[e.OrderEvent]:
    if order.status is not Status.WAITING_FOR_AUTHORIZATION:
        return []
    if not fulfills(order, seller, seller_order_id):
        return []
    return follow_through(order, [e.SellerRefused(reason)], facts)


def hear_cancellation(
    order: Order, facts: Facts, *, seller: str, seller_order_id: str, reason: str | None
) -> list[e.OrderEvent]:
    """The order below is canceled: as was asked for here, or by the seller itself.

    Then another seller may be chosen, if that is possible at all and the account leaves time.
    """
    if order.status in (None, Status.CANCELED, Status.REPLACED, Status.WINDOW_TO_CHANGE_SELLER):
        return []
    if not fulfills(order, seller, seller_order_id):
        return []
    if order.status is Status.WAITING_FOR_SELLER_DECISION and (pending := _pending(order)):
        first = pending[0]  # the first cause stays (G17)
        cause = "user" if first.requested_by_user else "store"
        started = e.CancellationStarted(by=cause, receipt=facts.receipt, reason=first.reason)
        return follow_through(order, [started], facts)
    if _may_resell(order, facts):
        closes_at = facts.now + facts.seller_window
        return follow_through(order, [e.SellerCanceled(closes_at, reason)], facts)
    if order.invoiced_value > sum(one.value for one in order.invoices if one.type == "Input"):
        raise CancellationNotAllowed(order.order_id, order.status)
    if not order.allows(e.CancellationStarted):
        assert order.status is not None
        raise Busy(order.status)
    started = e.CancellationStarted(by="seller-notification", receipt=facts.receipt, reason=reason)
    return follow_through(order, [started], facts)


def _may_resell(order: Order, facts: Facts) -> bool:
    allowed = order.allows(e.SellerCanceled) and facts.seller_window.total_seconds() > 0
    return allowed and not order.invoiced_value and why_not_change(order) is None


def hear_denial(
    order: Order, facts: Facts, *, request_id: str, reason: str | None
) -> list[e.OrderEvent]:
    """The seller goes on with the order: all that waited for its decision are denied.

    Void when something else was decided before.
    """
    if order.status is not Status.WAITING_FOR_SELLER_DECISION:
        return []
    pending = _pending(order)
    if request_id not in [one.id for one in pending]:
        return []
    denied = [e.CancellationDenied(request_id=one.id, reason=reason) for one in pending]
    return follow_through(order, denied, facts)


def _pending(order: Order) -> list[CancellationRequest]:
    return [one for one in order.requests if one.denied_at is None]


def hear_invoice(
    order: Order, facts: Facts, *, seller: str, seller_order_id: str, event: e.InvoiceIssued
) -> list[e.OrderEvent]:
    """An invoice of the seller, Output or Input, counts here as it does there."""
    if not fulfills(order, seller, seller_order_id):
        raise NotYourOrder(order.order_id, seller)
    return issue_invoice(
        order,
        facts,
        number=event.number,
        type=event.type,
        value=event.value,
        issued_at=event.issued_at,
        items=[
            AskedItem(one.unique_id, one.quantity, one.price, one.description)
            for one in event.items
        ],
        details=event.details,
    )


def hear_news(
    order: Order, facts: Facts, *, seller: str, seller_order_id: str, event: e.OrderEvent
) -> list[e.OrderEvent]:
    """News of an invoice that the order has: where its package is, and under which number."""
    if not fulfills(order, seller, seller_order_id):
        raise NotYourOrder(order.order_id, seller)
    after = evolve(order, event, facts.now, order.order_id, order.account)
    return [] if _same(order, after) else [event]


def _same(before: Order, after: Order) -> bool:
    def told(order: Order) -> list[e.InvoiceIssued]:
        return [
            replace(one, details={k: v for k, v in one.details.items() if k != "lastChange"})
            for one in order.invoices
        ]

    return told(before) == told(after)
