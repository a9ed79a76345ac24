"""What a message does at the other side, and what its answer does here (contract 01 §3.6, 06).

A message may come again, or when the other side has moved on: it finds out what is left to do.
"""

from collections.abc import Callable
from datetime import timedelta

from tests.model.reference.sale import (
    FINAL,
    Sale,
    asks_first,
    takes_output,
)
from tests.model.reference.side import (
    Change,
    Message,
    Refused,
    Request,
    Side,
    worth,
)

TIME_TO_TAKE_UP = timedelta(minutes=2)


class RetryLater(Exception):
    """Not now: the message stays where it is."""


class GivenUp(Exception):
    """The other side says no for good: a person has to look."""


def deliver(sale: Sale, side: Side, message: Message, *, late: bool) -> str:
    """`done`, `waiting` or `dead`; `late` when it has been tried for three days already."""
    outcome = effect(sale, side, message)
    if outcome == "pending" and late:
        outcome = "dead"
    message.dead = outcome == "dead"
    if outcome == "delivered":
        side.outbox.remove(message)
    return outcome


def effect(sale: Sale, side: Side, message: Message) -> str:
    """What the message does, whether or not anybody hears that it was done."""
    try:
        _HANDLERS[message.kind](sale, side, message)
    except RetryLater:
        return "pending"
    except (GivenUp, Refused):
        return "dead"
    return "delivered"


# Down


def _place(sale: Sale, side: Side, message: Message) -> None:
    if side.status != "waiting-for-authorization" or side.seller_side != message.to:
        return
    seller_side = sale.sides.get(message.to)
    if seller_side is None:
        seller, rest = message.to[0], side.chain[1:]
        flow = "chain" if rest else "seller"
        seller_side = sale.placed(seller, message.to[1], flow, rest, side.key, side.units)
        sale.come(seller_side, "order-created" if rest else "order-accepted")
    if seller_side.flow == "seller" or seller_side.confirmed:
        _confirmed(sale, side, seller_side)


def _confirmed(sale: Sale, side: Side, seller_side: Side) -> None:
    if side.status != "waiting-for-authorization" or side.seller_side != seller_side.key:
        return
    side.confirmed = True
    if side.flow == "marketplace":
        sale.come(side, "payment-pending")
    else:
        sale.come(side, "waiting-for-mkt-authorization")
        sale.tell_above(side, "confirmed", "confirmed")


def _authorize(sale: Sale, side: Side, message: Message) -> None:
    seller_side = sale.sides[message.to]
    if side.status in FINAL or side.seller_side != message.to or seller_side.status in FINAL:
        return
    if seller_side.status == "waiting-for-authorization":
        raise RetryLater
    if seller_side.status == "waiting-ffmt-authorization":
        sale.come(seller_side, "authorize-fulfillment")
    elif seller_side.status == "waiting-for-mkt-authorization":
        sale.come(seller_side, "payment-approved")


def _ask(sale: Sale, side: Side, message: Message) -> None:
    requested = next(one for one in side.requests if one.id == message.key)
    if side.status != "waiting-for-seller-decision" or requested.denied:
        return
    seller_side = sale.sides[message.to]
    if seller_side.status not in FINAL:
        if seller_side.invoiced:  # it goes on: the invoice is on its way
            sale.denied(side)
            return
        _cancellation_requested(sale, seller_side, Request(requested.id, marketplace_order=True))
    if seller_side.status in FINAL and not seller_side.invoices:
        _canceled_below(sale, side, seller_side)


def _cancellation_requested(sale: Sale, side: Side, request: Request) -> None:
    """The level above asks this side, which cancels at once while it has not begun."""
    if any(one.id == request.id for one in side.requests):
        return
    if side.status in ("cancellation-requested", "waiting-for-seller-decision"):
        of_above = all(one.marketplace_order for one in side.pending)
        if side.delegated or of_above:
            side.requests.append(request)
        else:
            sale.canceled(side)  # its own client had asked: this confirms it
    elif asks_first(side):
        sale.ask_to_cancel(side, request)
    else:
        sale.canceled(side)


def _cancel(sale: Sale, side: Side, message: Message) -> None:
    """Nothing is left to decide: canceled above, another seller, or nobody decided in time."""
    seller_side = sale.sides.get(message.to)
    left = side.status in FINAL or side.seller_side != message.to
    if seller_side and seller_side.status not in FINAL:
        returned = seller_side.status == "invoiced" and seller_side.returned >= seller_side.invoiced
        if seller_side.invoiced and not (returned and side.status in FINAL):
            if left:
                raise GivenUp
            return
        _must_cancel(sale, seller_side, message)
    if not left and (
        seller_side is None or (seller_side.status in FINAL and not seller_side.invoices)
    ):
        _canceled_below(sale, side, seller_side)


def _must_cancel(sale: Sale, side: Side, message: Message) -> None:
    if side.status == "waiting-for-seller-decision":
        if not side.overdue:
            sale.insist(side)
    elif side.status == "cancellation-requested":
        sale.canceled(side)
    elif side.status == "waiting-seller-handling":
        sale.ask_to_cancel(side, _same_request(side, message))
        sale.insist(side)
    elif not side.delegated and asks_first(side):
        sale.ask_to_cancel(side, _same_request(side, message))
        sale.canceled(side)
    else:
        sale.canceled(side)


def _same_request(side: Side, message: Message) -> Request:
    """What the level above asked last is what it insists on."""
    known = side.requests[-1].id if side.requests else f"final/{message.key}"
    return Request(known, marketplace_order=True)


def _settle_proposal(sale: Sale, side: Side, message: Message) -> None:
    if side.seller_order == message.to[1]:
        return
    if sale.now - message.at < TIME_TO_TAKE_UP:
        raise RetryLater
    seller_side = sale.sides.get(message.to)
    if seller_side and seller_side.status not in FINAL:
        _must_cancel(sale, seller_side, message)


# Up: `side` says, `above` hears


def _recipient(sale: Sale, side: Side, message: Message) -> Side | None:
    """The side above, if this is still the order that delivers it."""
    marketplace_order = sale.sides[message.to]
    return marketplace_order if marketplace_order.seller_side == side.key else None


def _tell_confirmed(sale: Sale, side: Side, message: Message) -> None:
    _confirmed(sale, sale.sides[message.to], side)


def _tell_canceled(sale: Sale, side: Side, message: Message) -> None:
    if marketplace_order := _recipient(sale, side, message):
        _canceled_below(sale, marketplace_order, side)


def _canceled_below(sale: Sale, side: Side, seller_side: Side | None) -> None:
    """As was asked for here, or by the seller itself: then another one may be chosen."""
    if side.status in (*FINAL, "window-to-change-seller"):
        return
    if side.status == "waiting-for-seller-decision" and side.pending:
        sale.canceled(side)
        return
    changed = side.v1 or any(one.ended == "done" for one in side.changes)
    resellable = side.flow == "marketplace" and not side.invoices and not changed
    if resellable and sale.window > timedelta(0):
        sale.drop_change(side)
        was = side.status or ""
        # The next seller confirms by taking the order: nobody is waited for any more.
        side.before = "payment-pending" if was == "waiting-for-authorization" else was
        sale.come(side, "window-to-change-seller")
        return
    if side.invoiced > side.returned:
        raise GivenUp
    sale.canceled(side)


def _tell_denied(sale: Sale, side: Side, message: Message) -> None:
    marketplace_order = sale.sides[message.to]
    pending = [one.id for one in marketplace_order.pending]
    if marketplace_order.status == "waiting-for-seller-decision" and message.key in pending:
        sale.denied(marketplace_order)


def _tell_invoice(sale: Sale, side: Side, message: Message) -> None:
    assert message.what is not None
    marketplace_order = _recipient(sale, side, message)
    if marketplace_order is None:
        raise GivenUp
    number, kind, value, units = message.what
    if number in marketplace_order.invoices:
        return
    if marketplace_order.change or (kind == "Output" and not takes_output(marketplace_order)):
        raise RetryLater
    sale.invoice(marketplace_order, number, kind, value, units)


# Changes


def _tell_v1(sale: Sale, side: Side, message: Message) -> None:
    other = sale.sides[message.to]
    if message.key in other.v1:
        return
    units = side.v1[message.key]
    sale.may_take_v1(other, units)
    sale.changed_v1(other, message.key, units, result=True)


def _named(side: Side, message: Message) -> Change | None:
    assert message.what is not None
    return next((one for one in side.changes if one.id == message.what[0]), None)


def _ask_change(sale: Sale, side: Side, message: Message) -> None:
    change, other = _named(side, message), sale.sides.get(message.to)
    if change is None or change.ended or change.aborted:
        return
    taken = _named(other, message) if other else None
    if taken is None:
        try:
            if other is None:
                raise Refused("SalesOrderSystem018")
            taken = _taken(sale, other, change)
        except Refused as refused:
            final = str(refused) not in ("SalesOrderSystem014", "SalesOrderSystem018")
            change.tries = 5 if final else change.tries + 1
            if change.aborted:
                return
            raise RetryLater from None
    marketplace, seller = (change, taken) if side.flow == "marketplace" else (taken, change)
    change.tries = 0
    if marketplace.ended is None:
        seller.agreed = marketplace.agreed = True


def _taken(sale: Sale, other: Side, change: Change) -> Change:
    sale.may_change_v2(other)
    if any(number < 0 and other.left[sku] < -number for sku, number in change.units.items()):
        raise Refused("SalesOrderSystem046")
    if other.value + worth(change.units) < other.invoiced:
        raise Refused("CHK0034")
    taken = Change(change.id, change.units, here=False, at=sale.now)
    taken.agreed = other.flow == "seller"
    other.changes.append(taken)
    return taken


def advance_change_request(sale: Sale, side: Side, request: str) -> None:
    """The side that has the money pays and applies a change that all agreed to."""
    change = next(one for one in side.changes if one.id == request)
    alone = side.flow == "complete"
    if change.ended or change.aborted or side.flow == "seller" or not (alone or change.agreed):
        return
    sale.apply(side, change)


def _settle_change(sale: Sale, side: Side, message: Message) -> None:
    assert message.what is not None
    other = sale.sides.get(message.to)
    taken = _named(other, message) if other else None
    if other is None or taken is None or taken.ended:
        return
    if message.what[1] == "done":
        sale.apply(other, taken)
    else:
        sale.end_change(other, taken)


_HANDLERS: dict[str, Callable[[Sale, Side, Message], None]] = {
    "place": _place,
    "authorize": _authorize,
    "ask": _ask,
    "cancel": _cancel,
    "settle-proposal": _settle_proposal,
    "confirmed": _tell_confirmed,
    "canceled": _tell_canceled,
    "denied": _tell_denied,
    "invoice": _tell_invoice,
    "v1": _tell_v1,
    "ask-change": _ask_change,
    "settle-change": _settle_change,
}
