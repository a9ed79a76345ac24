"""Cancel, in two steps once handling may have begun, and the denial of it (contract 01 §3.6)."""

from oms_ledger.orders import events
from oms_ledger.orders.cancellation.rules import CANCELED_ALREADY, cancel_refusal
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.orders.refusals import DenialNotAllowed, NoWorkflow, UnknownCancellationRequest
from oms_ledger.orders.status import Status

_UNDECIDED = (Status.CANCELLATION_REQUESTED, Status.WAITING_FOR_SELLER_DECISION)


def cancel(
    order: Order,
    context: DecisionContext,
    *,
    reason: str | None = None,
    requested_by_user: bool = False,
    actor: str = "store",
    request_id: str | None = None,
    called_by: str | None = None,
) -> list[events.OrderEvent]:
    """Request a cancellation, confirm a requested one, or cancel at once: as the status says.

    `by` is the cause when it is not the shopper; `request_id` names the request when the other
    side of the sale has named it already; `called_by` is the caller, for the document.
    """
    if refusal := cancel_refusal(order):
        raise refusal
    if order.status in CANCELED_ALREADY:
        return []  # requested again: answered as the first time
    if order.allows(events.CancellationRequested):
        request = events.CancellationRequested(
            request_id=request_id or context.receipt,
            requested_by_user=requested_by_user,
            receipt=context.receipt,
            reason=reason,
        )
        return with_automatic_transitions(order, [request], context)
    cause, first_reason = "user" if requested_by_user else actor, reason
    if pending := pending_requests(order):  # the first cause stays (G17)
        first = pending[0]
        cause, first_reason = "user" if first.requested_by_user else actor, first.reason
    started = events.CancellationStarted(
        by=cause,
        receipt=context.receipt,
        reason=first_reason,
        called_by_user=requested_by_user,
        call_reason=reason,
        called_by=called_by,
    )
    return with_automatic_transitions(order, [started], context)


def deny_cancellation(
    order: Order, context: DecisionContext, *, request_id: str, reason: str
) -> list[events.OrderEvent]:
    """The seller keeps the order; `reason` is shown to the customer."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    requested = next((request for request in order.requests if request.id == request_id), None)
    if requested is None:
        raise UnknownCancellationRequest(request_id)
    if requested.denied_at is not None and order.cancellation is None:
        return []  # denied again: answered as the first time
    if order.status not in _UNDECIDED:
        raise DenialNotAllowed(order.order_id, order.status)
    waiting = [one.id for one in pending_requests(order)]  # one decision ends all that wait
    denied = [events.CancellationDenied(request_id=one, reason=reason) for one in waiting]
    return with_automatic_transitions(order, denied, context)


def pending_requests(order: Order) -> list[CancellationRequest]:
    """The requests that wait for a decision, the first one first."""
    if order.status not in _UNDECIDED:
        return []
    return [one for one in order.requests if one.denied_at is None]
