"""What a marketplace order learns of its seller order: taken, refused, canceled, denied, invoiced.

Messages may come twice and cross each other. What is no news, or comes from a seller that the
order left, decides nothing.
"""

from dataclasses import replace

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.invoices.tracking import unknown_events
from oms_ledger.orders.marketplace.change_seller import change_seller_refusal
from oms_ledger.orders.marketplace.levels import fulfills
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.orders.refusals import Busy, CancellationNotAllowed, NotYourOrder
from oms_ledger.orders.status import Status


def record_seller_confirmation(
    order: Order,
    context: DecisionContext,
    *,
    seller: str,
    seller_order_id: str,
    asked_as: str | None = None,
) -> list[events.OrderEvent]:
    """The seller has the order; `asked_as` is the id of our request, if it has an id of its own."""
    if not fulfills(order, seller, asked_as or seller_order_id):
        return []
    if order.status in (Status.CANCEL, Status.CANCELED) and order.seller_order_id is None:
        return [events.SellerOrderNamed(seller_order_id)] if order.placed.seller_outside else []
    if order.status is not Status.WAITING_FOR_AUTHORIZATION:
        return []
    return with_automatic_transitions(order, [events.SellerConfirmed(seller_order_id)], context)


def record_seller_refusal(
    order: Order, context: DecisionContext, *, seller: str, seller_order_id: str, reason: str | None
) -> list[events.OrderEvent]:
    """Record that the seller does not take the order, which had still to say so.

    Nothing new for a seller that no longer has the order.
    """
    if order.status is not Status.WAITING_FOR_AUTHORIZATION:
        return []
    if not fulfills(order, seller, seller_order_id):
        return []
    return with_automatic_transitions(order, [events.SellerRefused(reason)], context)


def record_seller_cancellation(
    order: Order, context: DecisionContext, *, seller: str, seller_order_id: str, reason: str | None
) -> list[events.OrderEvent]:
    """The seller order is canceled: as was requested here, or by the seller itself.

    Then another seller may be chosen, if that is possible at all and the account leaves time.
    """
    if order.status in (None, Status.CANCELED, Status.REPLACED, Status.WINDOW_TO_CHANGE_SELLER):
        return []
    if not fulfills(order, seller, seller_order_id):
        return []
    if order.status is Status.WAITING_FOR_SELLER_DECISION and (pending := _pending(order)):
        first = pending[0]  # the first cause stays (G17)
        cause = "user" if first.requested_by_user else "store"
        started = events.CancellationStarted(by=cause, receipt=context.receipt, reason=first.reason)
        return with_automatic_transitions(order, [started], context)
    if _may_resell(order, context):
        closes_at = context.now + context.seller_window
        return with_automatic_transitions(
            order, [events.SellerCanceled(closes_at, reason)], context
        )
    if order.invoiced_value > sum(one.value for one in order.invoices if one.type == "Input"):
        raise CancellationNotAllowed(order.order_id, order.status)
    if not order.allows(events.CancellationStarted):
        assert order.status is not None
        raise Busy(order.status)
    started = events.CancellationStarted(
        by="seller-notification", receipt=context.receipt, reason=reason
    )
    return with_automatic_transitions(order, [started], context)


def _may_resell(order: Order, context: DecisionContext) -> bool:
    allowed = order.allows(events.SellerCanceled) and context.seller_window.total_seconds() > 0
    return allowed and not order.invoiced_value and change_seller_refusal(order) is None


def record_seller_denial(
    order: Order, context: DecisionContext, *, request_id: str, reason: str | None
) -> list[events.OrderEvent]:
    """The seller goes on with the order: all that waited for its decision are denied.

    Void when something else was decided before.
    """
    if order.status is not Status.WAITING_FOR_SELLER_DECISION:
        return []
    pending = _pending(order)
    if request_id not in [one.id for one in pending]:
        return []
    denied = [events.CancellationDenied(request_id=one.id, reason=reason) for one in pending]
    return with_automatic_transitions(order, denied, context)


def _pending(order: Order) -> list[CancellationRequest]:
    return [one for one in order.requests if one.denied_at is None]


def record_seller_invoice(
    order: Order,
    context: DecisionContext,
    *,
    seller: str,
    seller_order_id: str,
    event: events.InvoiceIssued,
) -> list[events.OrderEvent]:
    """An invoice of the seller, Output or Input, counts here as it does there."""
    if not fulfills(order, seller, seller_order_id):
        raise NotYourOrder(order.order_id, seller)
    return issue_invoice(
        order,
        context,
        number=event.number,
        type=event.type,
        value=event.value,
        issued_at=event.issued_at,
        items=[
            InvoiceItemInput(one.unique_id, one.quantity, one.price, one.description)
            for one in event.items
        ],
        details=event.details,
    )


def record_seller_tracking(
    order: Order,
    context: DecisionContext,
    *,
    seller: str,
    seller_order_id: str,
    event: events.OrderEvent,
) -> list[events.OrderEvent]:
    """News of an invoice that the order has: where its package is, and under which number."""
    if not fulfills(order, seller, seller_order_id):
        raise NotYourOrder(order.order_id, seller)
    if isinstance(event, events.TrackingReported) and (invoice := order.invoice(event.number)):
        event = replace(event, events=tuple(unknown_events(invoice, event.events)))
    after = evolve(order, event, context.now, order.order_id, order.account)
    return [] if _same(order, after) else [event]


def _same(before: Order, after: Order) -> bool:
    def content(order: Order) -> list[events.InvoiceIssued]:
        return [
            replace(one, details={k: v for k, v in one.details.items() if k != "lastChange"})
            for one in order.invoices
        ]

    return content(before) == content(after)
