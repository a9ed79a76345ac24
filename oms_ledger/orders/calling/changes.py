"""What a v2 request makes the system do: go on with its steps, or set a payment back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms_ledger.orders import events as e
from oms_ledger.orders.calls import Call
from oms_ledger.orders.changes.state import CANCELED
from oms_ledger.orders.decisions.modifying import known
from oms_ledger.orders.order import Order

PARTY = "changes"
ADVANCE, RESTORE = "advance-change", "restore-payment"


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


CALLS: Mapping[type, Callable[[Order, Any, Order], Iterable[Call]]] = {
    e.ChangeRequested: _advance,
    e.ChangeRetried: _advance,
    e.ChangeAcknowledged: _agreed,
    e.ChangeConfirmed: _agreed,
    e.ChangePaymentAdjusted: _restore,
    e.ChangeCanceled: _restore,
}
