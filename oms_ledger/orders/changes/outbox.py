"""What a v2 request makes the system do: go on with its steps, or set a payment back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.changes.state import CANCELED, ChangeRequest
from oms_ledger.orders.changes.v2 import awaits_payment, known
from oms_ledger.orders.marketplace.levels import delegated, seller_order_id_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage

RECIPIENT = "changes"
ADVANCE, RESTORE = "advance-change", "restore-payment"
WITHDRAW = "withdraw-change"
ASK, SETTLE, TELL = "ask-change", "settle-change", "tell-registered-change"
REQUEST_EXTERNAL = "ask-agreement"
CONFIRM_EXTERNAL, CANCEL_EXTERNAL = "confirm-agreement", "cancel-agreement"


def _advance(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    """Once for the request, and once more for whatever lets it go on."""
    request = known(after, event.request_id)
    if request is None or not request.in_progress:
        return ()
    key = f"{event.request_id}/{len(request.logs)}"
    return (OutboxMessage(RECIPIENT, ADVANCE, key, {"requestId": event.request_id}),)


def _agreed(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    """A participant agreed; where the system agrees by itself it goes on anyway."""
    if event.participant:
        yield from _advance(before, event, after)
        yield from _confirmed(after, event.request_id, event.request_id)


def _adjusted(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    yield from _restore(before, event, after)
    yield from _confirmed(after, event.request_id, event.request_id)


def _confirmed(order: Order, request_id: str, key: str) -> Iterable[OutboxMessage]:
    """Sellers outside learn that we confirm, once all know of it and the payment is adjusted."""
    request = known(order, request_id)
    if request is None or not request.in_progress or awaits_payment(order, request):
        return
    if request.acknowledged.issuperset(request.recipients):
        yield from _outside(request, CONFIRM_EXTERNAL, key)


def _outside(request: ChangeRequest, kind: str, key: str) -> Iterable[OutboxMessage]:
    """To sellers that are no accounts of the deployment."""
    for name in request.requested.participants:
        if ":" not in name:
            yield OutboxMessage(f"seller:{name}", kind, key, {"requestId": request.id})


def _restore(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    """When it ended without effect, and the gateway was called or may have been."""
    request = known(after, event.request_id)
    if request is None or request.ended != CANCELED:
        return ()
    if request.paid is None and not request.payment_requested:
        return ()
    key = f"{event.request_id}/restore"
    return (OutboxMessage(RECIPIENT, RESTORE, key, {"requestId": event.request_id}),)


def _between(order: Order, request: ChangeRequest, kind: str, key: str) -> Iterable[OutboxMessage]:
    """To the other side of the sale, where that is an account of the deployment."""
    body = {"order": _id_there(order), "requestId": request.id}
    return [
        OutboxMessage(one, kind, key, body) for one in request.requested.participants if ":" in one
    ]


def _id_there(order: Order) -> str:
    return (
        seller_order_id_of(order)
        if order.flow == "marketplace"
        else order.placed.marketplace_order_id or ""
    )


def _requested(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    """The side that the request came to first asks the other, until it has agreed."""
    yield from _advance(before, event, after)
    request = known(after, event.request_id)
    if request is None or not request.in_progress or request.requested.origin_account:
        return
    key = f"{request.id}/{len(request.logs)}"
    if not request.acknowledged.issuperset(request.recipients):
        yield from _between(after, request, ASK, key)
        yield from _outside(request, REQUEST_EXTERNAL, key)
    else:
        yield from _confirmed(after, request.id, key)


def _ended(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    """The marketplace says its seller how it ended, and a seller that it gave up."""
    request = known(after, event.request_id)
    if request is not None and (after.flow != "seller" or request.ended == CANCELED):
        yield from _between(after, request, SETTLE, f"{request.id}/ended")


def _canceled(before: Order, event: events.ChangeCanceled, after: Order) -> Iterable[OutboxMessage]:
    yield from _restore(before, event, after)
    yield from _ended(before, event, after)
    if request := known(after, event.request_id):
        yield from _outside(request, CANCEL_EXTERNAL, f"{event.request_id}/canceled")


def _abandoned(
    before: Order, event: events.ChangeAbandoned, after: Order
) -> Iterable[OutboxMessage]:
    """What the gateway authorized for a v1 change that is not registered goes back."""
    return [OutboxMessage(RECIPIENT, WITHDRAW, event.asked_as, {"askedAs": event.asked_as})]


def _registered(
    before: Order, event: events.ChangeRegistered, after: Order
) -> Iterable[OutboxMessage]:
    """A v1 change, to the other side; what a chain order learned goes on to its other neighbor."""
    if event.heard and after.flow != "chain":
        return []
    fields: list[OutboxMessage] = []
    if delegated(after):
        fields.append(_serialized(f"seller:{after.seller}", seller_order_id_of(after), event))
    if after.placed.sold_by:
        recipient = f"marketplace:{after.placed.sold_by}"
        fields.append(_serialized(recipient, after.placed.marketplace_order_id or "", event))
    return fields


def _serialized(recipient: str, order_id: str, event: events.ChangeRegistered) -> OutboxMessage:
    return OutboxMessage(
        recipient, TELL, event.request_id, {"order": order_id, "requestId": event.request_id}
    )


MESSAGES: Mapping[type, Callable[[Order, Any, Order], Iterable[OutboxMessage]]] = {
    events.ChangeRegistered: _registered,
    events.ChangeAbandoned: _abandoned,
    events.ChangeRequested: _requested,
    events.ChangeRetried: _requested,
    events.ChangeAcknowledged: _agreed,
    events.ChangeConfirmed: _agreed,
    events.ChangePaymentAdjusted: _adjusted,
    events.ChangeApplied: _ended,
    events.ChangeCanceled: _canceled,
}
