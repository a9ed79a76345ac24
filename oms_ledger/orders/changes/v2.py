"""v2 modifications: a request, its steps, and its end (contract 03 §§3, 4).

A request is validated when it is taken; then it advances by itself as far as nobody else is
needed. The gateway is called outside, and its answer brought as a fact. Every step may be
decided again: what is recorded already decides nothing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from oms_ledger.orders import events as e
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.payments import has_own_payment, parts_of
from oms_ledger.orders.changes.planning import Plan, plan
from oms_ledger.orders.changes.request import ChangeInput
from oms_ledger.orders.changes.rules import require_changeable, require_undisturbed
from oms_ledger.orders.changes.state import CANCELED, DONE, ChangeRequest
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.documents.modifications import operations
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order

TIME_TO_APPLY = timedelta(hours=24)
ACKNOWLEDGMENT, CONFIRMATION = "Acknowledgment", "Confirmation"


def planned(
    order: Order, *, request_id: str, requested: ChangeInput, settings: e.Json, trust_prices: bool
) -> Plan:
    """What a request would make of the order; refuses what may not be."""
    require_changeable(order)
    require_undisturbed(order)
    if not settings["rolloutConfiguration"]["enableApi"]:
        raise refusals.InvalidChange()
    return plan(
        order, requested, request_id=request_id, settings=settings, trust_prices=trust_prices
    )


def request_change(
    order: Order,
    context: DecisionContext,
    *,
    request_id: str,
    workflow_id: str,
    requested: ChangeInput,
    settings: e.Json,
    trust_prices: bool = True,
    outside: Collection[str] = (),
) -> list[e.OrderEvent]:
    """Take a request; the same id again changes nothing.

    `outside` are sellers of the account that are no accounts of the deployment, and called by HTTP.
    """
    if known(order, request_id):
        return []
    result = planned(
        order,
        request_id=request_id,
        requested=requested,
        settings=settings,
        trust_prices=trust_prices,
    )
    added, removed = result.changed_items()
    return [
        e.ChangeRequested(
            request_id=request_id,
            workflow_id=workflow_id,
            value=result.value,
            items=result.items,
            totals=result.totals,
            logistics=result.logistics,
            added=added,
            removed=removed,
            manual_discount=requested.manual_discount,
            manual_increment=requested.manual_increment,
            operations=operations(order, result),
            settings=settings,
            participants=_counterparts(order, outside),
            reason=requested.reason,
            client_profile=result.client_profile,
            custom_data=result.custom_data,
        )
    ]


def _counterparts(order: Order, outside: Collection[str] = ()) -> tuple[str, ...]:
    """Who else has the same sale: accounts of the deployment as calls name them, others by name."""
    if order.flow == "marketplace":
        return (order.seller if order.seller in outside else f"seller:{order.seller}",)
    sold_by = order.placed.sold_by
    return (f"marketplace:{sold_by}",) if sold_by else ()


def bound(order: Order, request: ChangeRequest) -> bool:
    """Whether a seller has agreed with its marketplace, which alone can end the request now."""
    return order.flow == "seller" and bool(request.acknowledged)


def known(order: Order, request_id: str) -> ChangeRequest | None:
    """The order's request of that id, ended or not."""
    return next((one for one in order.change_requests if one.id == request_id), None)


def request_of(order: Order, request_id: str) -> ChangeRequest:
    """The order's request of that id; `ChangeRequestNotFound` where there is none."""
    request = known(order, request_id)
    if request is None:
        raise refusals.ChangeRequestNotFound(request_id)
    return request


def awaits_payment(order: Order, request: ChangeRequest) -> bool:
    """Whether the next step is to have the payment adjusted."""
    return (
        request.in_progress
        and request.acknowledged.issuperset(request.recipients)
        and request.requested.value != 0
        and has_own_payment(order)
        and request.paid is None
    )


def advance(order: Order, context: DecisionContext, *, request_id: str) -> list[e.OrderEvent]:
    """As far as nobody else is needed: what the system itself agrees to, and the order changes."""
    done: list[e.OrderEvent] = []
    while step := _next_step(order, request_id, context):
        for event in step:
            done.append(event)
            order = evolve(order, event, context.now, order.order_id, order.account)
    return done


def _next_step(order: Order, request_id: str, context: DecisionContext) -> Sequence[e.OrderEvent]:
    request = known(order, request_id)
    if request is None or not request.in_progress or request.aborted:
        return ()
    alone = not request.requested.participants
    if not request.acknowledged.issuperset(request.recipients):
        return (e.ChangeAcknowledged(request_id),) if alone else ()
    if awaits_payment(order, request):
        return ()
    if not request.confirmed.issuperset(request.recipients):
        return (e.ChangeConfirmed(request_id),) if alone else ()
    return _applied(order, request, context)


def _applied(order: Order, request: ChangeRequest, context: DecisionContext) -> list[e.OrderEvent]:
    change = e.ChangeApplied(request.id, context.receipt)
    after = order.value + request.requested.value
    if order.invoiced_value and order.invoiced_value == after and order.allows(e.InvoiceVerified):
        # Nothing is left to invoice: the order would wait for an invoice that cannot come (G22).
        return with_automatic_transitions(order, [change, e.InvoiceVerified()], context)
    return [change]


def agree(
    order: Order, context: DecisionContext, *, request_id: str, participant: str, agreement: str
) -> list[e.OrderEvent]:
    """A participant's agreement; repeated, late or early ones do no harm."""
    if agreement not in (ACKNOWLEDGMENT, CONFIRMATION):
        raise refusals.InvalidAgreementType(agreement)
    request = request_of(order, request_id)
    # Accounts of the deployment agree by messages, under their recipient; others by name.
    outside = (one for one in request.requested.participants if ":" not in one)
    participant = participant or next(outside, "")
    if not request.in_progress or participant not in request.requested.participants:
        return []
    events: list[e.OrderEvent] = []
    if participant not in request.acknowledged:
        events.append(e.ChangeAcknowledged(request_id, participant))
    if agreement == CONFIRMATION and participant not in request.confirmed:
        events.append(e.ChangeConfirmed(request_id, participant))
    return events


def ask_payment(order: Order, context: DecisionContext, *, request_id: str) -> list[e.OrderEvent]:
    """Put on record that the gateway is about to be called."""
    request = request_of(order, request_id)
    if not awaits_payment(order, request) or request.payment_requested or request.aborted:
        return []
    return [e.ChangePaymentRequested(request_id)]


def adjust_payment(
    order: Order, context: DecisionContext, *, request_id: str, receipt: str
) -> list[e.OrderEvent]:
    """The gateway adjusted the payment. A second answer records nothing; also of a request that
    was canceled meanwhile, for then it has to be set back."""
    request = request_of(order, request_id)
    if request.paid is not None or request.ended == DONE:
        return []
    value = request.requested.value
    allowed = changes_settings.payment_systems(request.requested.settings)
    return [
        e.ChangePaymentAdjusted(
            request_id=request_id,
            value=value,
            receipt=receipt,
            parts=parts_of(order, value, allowed),
        )
    ]


def fail_step(
    order: Order,
    context: DecisionContext,
    *,
    request_id: str,
    step: str,
    code: str,
    message: str,
    final: bool = False,
) -> list[e.OrderEvent]:
    """A step could not be done; after five times, or a final no, the request waits for somebody."""
    request = known(order, request_id)
    if request is None or not request.in_progress or request.aborted:
        return []
    return [e.ChangeStepFailed(request_id, step, code, message, final)]


def retry_change(order: Order, context: DecisionContext, *, request_id: str) -> list[e.OrderEvent]:
    """Begin the tries anew; `CannotRetryChange` for a request that has ended."""
    if request_of(order, request_id).ended in (DONE, CANCELED):
        raise refusals.CannotRetryChange()
    return [e.ChangeRetried(request_id)]


def cancel_change(
    order: Order, context: DecisionContext, *, request_id: str, reason: str | None
) -> list[e.OrderEvent]:
    """End a request without effect; one that was canceled stays so, one that is done too."""
    request = request_of(order, request_id)
    if request.ended == DONE:
        raise refusals.InvalidChange()
    if request.ended == CANCELED:
        return []
    if bound(order, request):
        raise refusals.ChangeInProgress()
    return [e.ChangeCanceled(request_id=request_id, receipt=context.receipt, reason=reason)]


def expires_at(order: Order) -> datetime | None:
    """When the request in progress is given up; None when there is none, or others end it."""
    request = order.change_in_progress
    if request is None or bound(order, request):
        return None
    return request.at + TIME_TO_APPLY


def expire_change(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
    """A day passed: the system gives the request up."""
    expires = expires_at(order)
    request = order.change_in_progress
    if request is None or expires is None or context.now < expires:
        return []
    given_up = refusals.ChangeGivenUp()
    return [
        e.ChangeCanceled(
            request_id=request.id,
            receipt=context.receipt,
            code=given_up.code,
            reason=given_up.message,
        )
    ]


def restore_payment(
    order: Order, context: DecisionContext, *, request_id: str, receipt: str
) -> list[e.OrderEvent]:
    """The gateway set back what it had adjusted for a request that was canceled."""
    request = request_of(order, request_id)
    if request.ended != CANCELED or request.restored:
        return []
    return [e.ChangePaymentRestored(request_id, receipt)]
