"""What a seller's order decides: to be taken, to be dispatched, to be canceled from above.

Every one of these may be asked more than once, and answers the second time as the first.
"""

from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    AuthorizationNotAllowed,
    Busy,
    CancellationNotAllowed,
    ManualAuthorizationNeeded,
    NotAwaitingAuthorization,
    NoWorkflow,
    OrderIsCanceled,
)
from oms_ledger.orders.status import Status

BEFORE_AUTHORIZATION = frozenset(
    {
        Status.WAITING_FOR_AUTHORIZATION,
        Status.PAYMENT_PENDING,
        Status.APPROVE_PAYMENT,
        Status.ORDER_CREATION_ERROR,
    }
)


def accept_order(order: Order, facts: Facts, *, difference: int = 0) -> list[e.OrderEvent]:
    """The seller takes the order; a chain order begins its own workflow.

    With a difference in price, in cents, a person has to authorize it.
    """
    if order.status is not None:
        return []
    if order.flow == "chain":
        return follow_through(order, [e.WorkflowCreated()], facts)
    if not difference:
        return follow_through(order, [e.OrderAccepted()], facts)
    diverging = e.ManualAuthorizationAwaited(difference)
    return follow_through(order, [e.OrderAccepted(), e.PurchaseCompleted(), diverging], facts)


def authorize_fulfillment(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """The level above is paid: dispatch is authorized, or passed on to the level below."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.flow not in ("seller", "chain"):
        raise AuthorizationNotAllowed(order.order_id)
    if order.status in (Status.CANCEL, Status.CANCELED):
        raise OrderIsCanceled(order.order_id)
    if order.status is Status.WAITING_FOR_MANUAL_AUTHORIZATION:
        raise ManualAuthorizationNeeded(order.order_id)
    if order.status in BEFORE_AUTHORIZATION:
        raise Busy(order.status)
    if order.status is Status.WAITING_FFMT_AUTHORIZATION:
        return follow_through(order, [e.FulfillmentAuthorized()], facts)
    if order.status is Status.WAITING_FOR_MKT_AUTHORIZATION:
        return follow_through(order, [e.PaymentApproved()], facts)
    return []


def authorize_by_hand(order: Order, facts: Facts) -> list[e.OrderEvent]:
    """A person takes a divergent price, or dispatches before the marketplace paid.

    Who it was stands in the entry; the seller bears the risk.
    """
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status is Status.WAITING_FOR_MANUAL_AUTHORIZATION:
        return follow_through(order, [e.DispatchAuthorizationAwaited()], facts)
    if order.status is Status.WAITING_FFMT_AUTHORIZATION:
        return follow_through(order, [e.FulfillmentAuthorized()], facts)
    raise NotAwaitingAuthorization(order.status)


def cancel_from_above(
    order: Order,
    facts: Facts,
    *,
    request_id: str,
    reason: str | None = None,
    requested_by_user: bool = False,
    by: str = "store",
    final: bool = False,
    returned: bool = False,
) -> list[e.OrderEvent]:
    """The level above asks for a cancellation: done at once, or to be decided here.

    `final` leaves nothing to decide: above, the order is canceled, or its decision is overdue.
    Refuses when something was invoiced, unless all of it `returned` to the level above.
    """
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status in (Status.CANCELED, Status.REPLACED):
        return []
    if order.invoiced_value and not (returned and order.status is Status.INVOICED):
        raise CancellationNotAllowed(order.order_id, order.status)
    request = e.CancellationRequested(
        request_id=request_id,
        requested_by_user=requested_by_user,
        receipt=facts.receipt,
        reason=reason,
        from_above=True,
    )
    if order.status in (Status.CANCELLATION_REQUESTED, Status.WAITING_FOR_SELLER_DECISION):
        return _asked_again(order, facts, request, by, final=final)
    cause = "user" if requested_by_user else by
    started = e.CancellationStarted(by=cause, receipt=facts.receipt, reason=reason)
    unauthorized = order.status is Status.WAITING_FOR_MKT_AUTHORIZATION
    if order.allows(e.CancellationRequested) and not (final and unauthorized):
        return _asked_first(order, facts, request, started, final=final)
    if not order.allows(e.CancellationStarted):
        raise Busy(order.status)
    return follow_through(order, [started], facts)


def _asked_first(
    order: Order,
    facts: Facts,
    request: e.CancellationRequested,
    started: e.CancellationStarted,
    *,
    final: bool,
) -> list[e.OrderEvent]:
    if not final and any(one.id == request.request_id for one in order.requests):
        return []  # heard before, and decided
    if not final:
        return follow_through(order, [request], facts)
    if order.flow == "chain":  # the level below has to be told that nothing is left to decide
        return [*follow_through(order, [request], facts), e.SellerDecisionOverdue()]
    return follow_through(order, [request, started], facts)


def _asked_again(
    order: Order, facts: Facts, request: e.CancellationRequested, by: str, *, final: bool
) -> list[e.OrderEvent]:
    """While a cancellation is undecided here: it is confirmed, or one more side waits for it."""
    pending = [one for one in order.requests if one.denied_at is None]
    known = any(one.id == request.request_id for one in order.requests)
    if order.status is Status.WAITING_FOR_SELLER_DECISION:
        if final:
            return [] if order.overdue else [e.SellerDecisionOverdue()]
        return [] if known else [request]
    if not final and all(one.from_above for one in pending):
        return [] if known else [request]
    first = pending[0] if pending else None  # the first cause stays (G17)
    started = e.CancellationStarted(
        by="user" if first and first.requested_by_user else by,
        receipt=facts.receipt,
        reason=first.reason if first else None,
    )
    return follow_through(order, [started], facts)
