"""What a seller's order decides: to be taken, to be dispatched, to be canceled by its marketplace.

Every one of these may be requested more than once, and answers the second time as the first.
"""

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.marketplace.evolve import AUTHORIZATION
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    AuthorizationNotAllowed,
    Busy,
    CancellationNotAllowed,
    IncompleteFulfillment,
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


def accept_order(
    order: Order, context: DecisionContext, *, difference: int = 0
) -> list[events.OrderEvent]:
    """The seller takes the order; a chain order begins its own workflow.

    With a difference in price, in cents, a person has to authorize it.
    """
    if order.status is not None:
        return []
    if order.flow == "chain":
        return with_automatic_transitions(order, [events.WorkflowCreated()], context)
    if not difference:
        return with_automatic_transitions(order, [events.OrderAccepted()], context)
    diverging = events.ManualAuthorizationAwaited(difference)
    return with_automatic_transitions(
        order, [events.OrderAccepted(), events.PurchaseCompleted(), diverging], context
    )


def move_marketplace(
    order: Order, context: DecisionContext, *, endpoint: str, sold_outside: bool
) -> list[events.OrderEvent]:
    """The marketplace is notified at another address from now on."""
    if endpoint == order.placed.details.get("marketplaceServicesEndpoint"):
        return []
    return [events.MarketplaceMoved(endpoint, sold_outside)]


def authorize_fulfillment(
    order: Order, context: DecisionContext, *, shared_payments: tuple[events.Json, ...] = ()
) -> list[events.OrderEvent]:
    """The level above is paid: dispatch is authorized, or passed on to the level below."""
    if order.status is None:
        raise IncompleteFulfillment(order.order_id)
    if order.flow not in ("seller", "chain"):
        raise AuthorizationNotAllowed(order.order_id)
    if order.status in (Status.CANCEL, Status.CANCELED):
        raise OrderIsCanceled(order.order_id)
    if order.status is Status.WAITING_FOR_MANUAL_AUTHORIZATION:
        raise ManualAuthorizationNeeded(order.order_id)
    if order.status in BEFORE_AUTHORIZATION:
        raise Busy(order.status)
    if order.status is Status.WAITING_FFMT_AUTHORIZATION:
        authorized = events.FulfillmentAuthorized(shared_payments)
        return with_automatic_transitions(order, [authorized], context)
    if order.status is Status.WAITING_FOR_MKT_AUTHORIZATION:
        return with_automatic_transitions(order, [events.PaymentApproved()], context)
    return []


def authorize_with_receipt(
    order: Order, context: DecisionContext, *, receipt: str, given_at: str
) -> list[events.OrderEvent]:
    """Authorize the order, and keep the receipt of whoever sold it, once."""
    authorized = authorize_fulfillment(order, context)
    if any(kind == AUTHORIZATION and number == receipt for kind, number, _ in order.receipts):
        return authorized
    return [events.AuthorizationReceived(receipt, given_at), *authorized]


def authorize_manually(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """A person takes a divergent price, or dispatches before the marketplace paid.

    Who it was stands in the event; the seller bears the risk.
    """
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status is Status.WAITING_FOR_MANUAL_AUTHORIZATION:
        return with_automatic_transitions(order, [events.DispatchAuthorizationAwaited()], context)
    if order.status is Status.WAITING_FFMT_AUTHORIZATION:
        return with_automatic_transitions(order, [events.FulfillmentAuthorized()], context)
    raise NotAwaitingAuthorization(order.status)


def cancel_by_marketplace(
    order: Order,
    context: DecisionContext,
    *,
    request_id: str,
    reason: str | None = None,
    requested_by_user: bool = False,
    actor: str = "store",
    final: bool = False,
    returned: bool = False,
) -> list[events.OrderEvent]:
    """The level above asks for a cancellation: done at once, or to be decided here.

    `final` leaves nothing to decide: the marketplace order is canceled, or the decision is overdue.
    Refuses when something was invoiced, unless all of it `returned` to the level above.
    """
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if order.status in (Status.CANCELED, Status.REPLACED):
        return []
    if order.invoiced_value and not (returned and order.status is Status.INVOICED):
        raise CancellationNotAllowed(order.order_id, order.status)
    request = events.CancellationRequested(
        request_id=request_id,
        requested_by_user=requested_by_user,
        receipt=context.receipt,
        reason=reason,
        from_above=True,
    )
    if order.status in (Status.CANCELLATION_REQUESTED, Status.WAITING_FOR_SELLER_DECISION):
        return _requested_again(order, context, request, actor, final=final)
    cause = "user" if requested_by_user else actor
    started = events.CancellationStarted(
        by=cause, receipt=context.receipt, reason=reason, request_id=request_id
    )
    unauthorized = order.status is Status.WAITING_FOR_MKT_AUTHORIZATION
    if order.allows(events.CancellationRequested) and not (final and unauthorized):
        return _requested_first(order, context, request, started, final=final)
    if not order.allows(events.CancellationStarted):
        raise Busy(order.status)
    return with_automatic_transitions(order, [started], context)


def _requested_first(
    order: Order,
    context: DecisionContext,
    request: events.CancellationRequested,
    started: events.CancellationStarted,
    *,
    final: bool,
) -> list[events.OrderEvent]:
    if not final and any(one.id == request.request_id for one in order.requests):
        return []  # recorded before, and decided
    if not final:
        return with_automatic_transitions(order, [request], context)
    if order.flow == "chain":  # the level below has to learn that nothing is left to decide
        return [
            *with_automatic_transitions(order, [request], context),
            events.SellerDecisionOverdue(),
        ]
    return with_automatic_transitions(order, [request, started], context)


def _requested_again(
    order: Order,
    context: DecisionContext,
    request: events.CancellationRequested,
    actor: str,
    *,
    final: bool,
) -> list[events.OrderEvent]:
    """While a cancellation is undecided here: it is confirmed, or one more side waits for it."""
    pending = [one for one in order.requests if one.denied_at is None]
    known = any(one.id == request.request_id for one in order.requests)
    if order.status is Status.WAITING_FOR_SELLER_DECISION:
        if final:
            return [] if order.overdue else [events.SellerDecisionOverdue()]
        return [] if known else [request]
    if not final and all(one.from_above for one in pending):
        return [] if known else [request]
    first = pending[0] if pending else None  # the first cause stays (G17)
    started = events.CancellationStarted(
        by="user" if first and first.requested_by_user else actor,
        receipt=context.receipt,
        reason=first.reason if first else None,
    )
    return with_automatic_transitions(order, [started], context)
