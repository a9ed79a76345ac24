"""What a v2 request makes the system do: go on with its steps, or set a payment back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.changes.state import CANCELED, ChangeRequest
from oms_ledger.orders.changes.v2 import known
from oms_ledger.orders.marketplace.levels import delegated, id_below
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import Call

PARTY = "changes"
ADVANCE, RESTORE = "advance-change", "restore-payment"
WITHDRAW = "withdraw-change"
ASK, SETTLE, TELL = "ask-change", "settle-change", "tell-registered-change"
ASK_OUTSIDE = "ask-agreement"


def _advance(before: Order, event: Any, after: Order) -> Iterable[Call]:
    """Once for the request, and once more for whatever lets it go on."""
    request = known(after, event.request_id)
    if request is None or not request.in_progress:
        return ()
    key = f"{event.request_id}/{len(request.logs)}"
    return (Call(PARTY, ADVANCE, key, {"requestId": event.request_id}),)


def _agreed(before: Order, event: Any, after: Order) -> Iterable[Call]:
    """A participant agreed; where the system agrees by itself it goes on anyway."""
    return _advance(before, event, after) if event.participant else ()


def _restore(before: Order, event: Any, after: Order) -> Iterable[Call]:
    """When it ended without effect, and the gateway was asked or may have been."""
    request = known(after, event.request_id)
    if request is None or request.ended != CANCELED:
        return ()
    if request.paid is None and not request.payment_asked:
        return ()
    key = f"{event.request_id}/restore"
    return (Call(PARTY, RESTORE, key, {"requestId": event.request_id}),)


def _between(order: Order, request: ChangeRequest, kind: str, key: str) -> Iterable[Call]:
    """To the other side of the sale, where that is an account of the deployment."""
    body = {"order": _id_there(order), "requestId": request.id}
    return [Call(one, kind, key, body) for one in request.asked.participants if ":" in one]


def _id_there(order: Order) -> str:
    return (
        id_below(order) if order.flow == "marketplace" else order.placed.marketplace_order_id or ""
    )


def _asked(before: Order, event: Any, after: Order) -> Iterable[Call]:
    """The other side is asked by whom the request came to first, until it has agreed."""
    yield from _advance(before, event, after)
    request = known(after, event.request_id)
    if request is None or not request.in_progress or request.asked.origin_account:
        return
    if not request.acknowledged.issuperset(request.parties):
        key = f"{request.id}/{len(request.logs)}"
        yield from _between(after, request, ASK, key)
        for name in request.asked.participants:
            if ":" not in name and name not in request.acknowledged:
                yield Call(f"outside:{name}", ASK_OUTSIDE, key, {"requestId": request.id})


def _ended(before: Order, event: Any, after: Order) -> Iterable[Call]:
    """The marketplace tells its seller how it ended, and a seller that it gave up."""
    request = known(after, event.request_id)
    if request is not None and (after.flow != "seller" or request.ended == CANCELED):
        yield from _between(after, request, SETTLE, f"{request.id}/ended")


def _canceled(before: Order, event: e.ChangeCanceled, after: Order) -> Iterable[Call]:
    yield from _restore(before, event, after)
    yield from _ended(before, event, after)


def _abandoned(before: Order, event: e.ChangeAbandoned, after: Order) -> Iterable[Call]:
    """What the gateway authorized for a v1 change that is not registered goes back."""
    return [Call(PARTY, WITHDRAW, event.asked_as, {"askedAs": event.asked_as})]


def _registered(before: Order, event: e.ChangeRegistered, after: Order) -> Iterable[Call]:
    """A v1 change, to the other side; what a chain order heard goes on to its other neighbour."""
    if event.heard and after.flow != "chain":
        return []
    told: list[Call] = []
    if delegated(after):
        told.append(_told(f"seller:{after.seller}", id_below(after), event))
    if after.placed.sold_by:
        party = f"marketplace:{after.placed.sold_by}"
        told.append(_told(party, after.placed.marketplace_order_id or "", event))
    return told


def _told(party: str, order_id: str, event: e.ChangeRegistered) -> Call:
    return Call(party, TELL, event.request_id, {"order": order_id, "requestId": event.request_id})


CALLS: Mapping[type, Callable[[Order, Any, Order], Iterable[Call]]] = {
    e.ChangeRegistered: _registered,
    e.ChangeAbandoned: _abandoned,
    e.ChangeRequested: _asked,
    e.ChangeRetried: _asked,
    e.ChangeAcknowledged: _agreed,
    e.ChangeConfirmed: _agreed,
    e.ChangePaymentAdjusted: _restore,
    e.ChangeApplied: _ended,
    e.ChangeCanceled: _canceled,
}
