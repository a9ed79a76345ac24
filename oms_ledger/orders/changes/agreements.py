"""A change of an order that two accounts have: both take it, one pays, both apply it or neither.

The side that took the shopper's money, the marketplace, decides: it asks the seller, or the seller
asks it, has the payment adjusted, applies the change and says the seller how it ended. A seller
that has agreed waits for that: it can cancel its order meanwhile, but not the request alone.
"""

from dataclasses import replace

from oms_ledger.orders import events as e
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.arithmetic import moved_totals
from oms_ledger.orders.changes.payments import growing_payment, has_own_payment
from oms_ledger.orders.changes.rules import require_changeable, require_undisturbed
from oms_ledger.orders.changes.state import DONE
from oms_ledger.orders.changes.v1 import completed, registered
from oms_ledger.orders.changes.v2 import advance, agree, known
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

# Where a seller has nothing left that could be changed.
_OVER = frozenset({Status.INVOICED, Status.CANCELED, Status.REPLACED})


def accept_change(
    order: Order,
    context: DecisionContext,
    *,
    change: e.ChangeRequested,
    totals_before: tuple[e.Total, ...],
    participant: str,
    origin: tuple[str, str],
    settings: e.Json,
) -> list[e.OrderEvent]:
    """Take a request that the other side's order has; refuses what this side does not allow.

    `totals_before` are those of that order before the change; `origin` is its account and id.
    """
    request_id = change.request_id
    if known(order, request_id):
        return []
    require_changeable(order)
    require_undisturbed(order)
    _still_there(order, change)
    pays_more = change.value > 0 and has_own_payment(order)
    if pays_more and growing_payment(order, changes_settings.payment_systems(settings)) is None:
        raise refusals.ChangePaymentCannotIncrease()
    taken = replace(
        change,
        items=tuple(_own(order, item) for item in change.items),
        totals=_moved(order, moved_totals(totals_before, change.totals)),
        settings=settings,
        participants=(participant,),
        origin_account=origin[0],
        origin_order_id=origin[1],
    )
    return [taken, e.ChangeAcknowledged(request_id, participant)] if _waits(order) else [taken]


def _waits(order: Order) -> bool:
    """A seller that takes a request is ready at once, and waits for the marketplace."""
    return order.flow == "seller"


def _still_there(order: Order, change: e.ChangeRequested) -> None:
    """Units may have been invoiced here that the other side does not know of yet."""
    after = {item.unique_id: item.quantity for item in change.items}
    for item, left in zip(order.lines, order.units_left(), strict=True):
        if after.get(item.unique_id, 0) < item.quantity - left:
            raise refusals.ChangeAlreadyInvoiced()
    if order.value + change.value < order.invoiced_value:
        raise refusals.ChangeExceedsPrice()


def _own(order: Order, item: e.Item) -> e.Item:
    """The line as this account has it: its own seller, and what it knows of the SKU."""
    mine = next((one for one in order.items if one.unique_id == item.unique_id), None)
    seller = mine.seller if mine else order.seller
    details = {**(mine.details if mine else {}), **item.details}
    if mine is None or "sellerChain" not in mine.details:
        details.pop("sellerChain", None)
    return replace(item, seller=seller, details=details)


def _moved(order: Order, moved: tuple[e.Total, ...]) -> tuple[e.Total, ...]:
    news = {total.id: total.value for total in moved}
    known_ids = {total.id for total in order.totals}
    return (
        *(replace(one, value=one.value + news.get(one.id, 0)) for one in order.totals),
        *(total for total in moved if total.id not in known_ids),
    )


def complete_change(
    order: Order, context: DecisionContext, *, request_id: str, participant: str, done: bool
) -> list[e.OrderEvent]:
    """The other side applied the change, or gave it up; this side does the same."""
    request = known(order, request_id)
    if request is None or not request.in_progress:
        return []
    if not done:
        reason = "The other side canceled the request"
        return [e.ChangeCanceled(request_id=request_id, receipt=context.receipt, reason=reason)]
    events = agree(
        order, context, request_id=request_id, participant=participant, agreement="Confirmation"
    )
    after = order
    for event in events:
        after = evolve(after, event, context.now, order.order_id, order.account)
    return [*events, *advance(after, context, request_id=request_id)]


def record_registered_change(
    order: Order,
    context: DecisionContext,
    *,
    change: e.ChangeRegistered,
    paid: tuple[e.PaidPart, ...] = (),
    first: bool = False,
) -> list[e.OrderEvent]:
    """A v1 change that was requested of the other side: the same deltas here, an increase `paid`.

    A seller records `first` what was requested of its marketplace, and sends it once more:
    the process that carries the change up may die over it.
    """
    if registered(order, change.request_id):
        return []
    if any(request.ended == DONE for request in order.change_requests):
        raise refusals.ChangedByV2()
    if order.flow == "seller" and order.status in _OVER:
        raise refusals.ModificationNotInHandling()
    left = order.units_left()
    if any(taken.line >= len(left) or left[taken.line] < taken.quantity for taken in change.taken):
        raise refusals.InvalidQuantityToRemove(change.removed[0].id)
    net = change.increment_value - change.discount_value
    if order.value + net < order.invoiced_value:
        raise refusals.ModificationExceedsPrice()
    lines = tuple(replace(line, seller=order.items[0].seller) for line in change.lines)
    result = replace(change, receipt=context.receipt, lines=lines, paid=paid, heard=not first)
    return completed(order, context, result, net)
