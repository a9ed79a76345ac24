"""v1 modifications: registered at once, beside the items as placed (contract 03 §2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2s

from oms_ledger.orders import events
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes.payments import growing_payment, has_own_payment, parts_of
from oms_ledger.orders.changes.rules import IN_HANDLING
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.marketplace.levels import marketplace_endpoint
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import line_total
from oms_ledger.orders.status import Status
from oms_ledger.orders.totals import rule_of

LIMIT = 50


@dataclass(frozen=True, slots=True)
class UnitsInput:
    """Units of a SKU to add or remove; `price` of one in cents."""

    id: str
    quantity: int
    price: int
    unit_multiplier: Decimal | None = None

    def value(self, line: events.Item | None) -> int:
        """In cents; without a multiplier of its own, by that of the line of the same SKU."""
        multiplier = self.unit_multiplier or (line.unit_multiplier if line else Decimal(1))
        return line_total(self.price, self.quantity, multiplier)


@dataclass(frozen=True, slots=True)
class Modification:
    """What a v1 change asks for; values in cents."""

    request_id: str
    reason: str
    discount_value: int = 0
    increment_value: int = 0
    removed: tuple[UnitsInput, ...] = ()
    added: tuple[UnitsInput, ...] = ()

    def net(self, lines: Sequence[events.Item]) -> int:
        """By how much the order's value moves."""
        added = sum(one.value(_known(lines, one)) for one in self.added)
        removed = sum(one.value(_known(lines, one)) for one in self.removed)
        return added - removed + self.increment_value - self.discount_value


def registered(order: Order, request_id: str) -> bool:
    """Whether a change of that id was registered before, so that it is not again."""
    return any(one.change.request_id == request_id for one in order.registered_changes)


def register_change(
    order: Order,
    context: DecisionContext,
    *,
    requested: Modification,
    trust_prices: bool = True,
    payment_systems: Sequence[str] = (),
) -> list[events.OrderEvent]:
    """Register a modification; the same request id again changes nothing.

    Items that the order does not know yet are taken with the price of the request while
    `trust_prices`; `payment_systems` are custom ones that may pay more.
    """
    if registered(order, requested.request_id):
        return []
    _well_formed(requested)
    _allowed(order)
    lines = order.lines
    taken = _taken(order, lines, requested.removed)
    new_lines = tuple(
        _line(order, lines, requested, place, trust_prices) for place in range(len(requested.added))
    )
    net = requested.net(lines)
    _affordable(order, requested.discount_value, net, payment_systems)
    _undisturbed(order, requested.request_id, net)
    own = has_own_payment(order)
    change = events.ChangeRegistered(
        request_id=requested.request_id,
        receipt=context.receipt,
        discount_value=max(-net, 0),
        increment_value=max(net, 0),
        added=tuple(
            _serialized(one, line) for one, line in zip(requested.added, new_lines, strict=True)
        ),
        removed=tuple(_serialized(one, _known(lines, one)) for one in requested.removed),
        lines=new_lines,
        taken=taken,
        paid=parts_of(order, net, payment_systems) if net > 0 and own else (),
        reason=requested.reason,
    )
    return completed(order, context, change, net)


def completed(
    order: Order, context: DecisionContext, change: events.ChangeRegistered, net: int
) -> list[events.OrderEvent]:
    """The change, and the end of an order that it leaves nothing to invoice of."""
    complete = order.invoiced_value and order.value + net == order.invoiced_value
    if complete and order.allows(events.InvoiceVerified):
        # It would wait for an invoice that cannot come (G22).
        return with_automatic_transitions(order, [change, events.InvoiceVerified()], context)
    return [change]


def _well_formed(requested: Modification) -> None:
    if requested.discount_value < 0 or requested.increment_value < 0:
        raise refusals.NegativeModification()
    if not requested.reason.strip():
        raise refusals.ReasonNotSet()
    if any(not one.id for one in (*requested.added, *requested.removed)):
        raise refusals.InvalidModificationItem()
    same = requested.discount_value == requested.increment_value
    if same and not requested.added and not requested.removed:
        raise refusals.InvalidModification()


_APPROVED = {
    "marketplace": Status.PAYMENT_APPROVED,
    "chain": Status.WAITING_SELLER_HANDLING,
}
"""Where an order that others deliver takes a change."""


def _require_sides(order: Order) -> None:
    """A chain order is changed for an outsider that pays; a seller outside agrees to v2 alone."""
    if order.flow == "chain" and marketplace_endpoint(order) is None:
        raise refusals.ModificationOfChain()
    if order.placed.seller_outside:
        raise refusals.ModificationOfExternalSeller()


def _allowed(order: Order) -> None:
    _require_sides(order)
    if order.status is None:
        raise refusals.ModificationWithoutWorkflow(order.order_id)
    if order.change_in_progress:
        raise refusals.ChangeInProgress()
    if any(request.ended == "done" for request in order.change_requests):
        raise refusals.ChangedByV2()
    if order.flow in _APPROVED:
        if order.status is not _APPROVED[order.flow]:
            raise refusals.ModificationNotApproved()
    elif order.status not in IN_HANDLING:
        raise refusals.ModificationNotInHandling()
    if len(order.registered_changes) >= LIMIT:
        raise refusals.TooManyModifications(LIMIT)
    if has_own_payment(order) and not order.placed.transaction_id:
        raise refusals.ModificationWithoutPayment(order.order_id)


def _affordable(order: Order, discount: int, net: int, payment_systems: Sequence[str]) -> None:
    after = order.value + net
    if discount > order.value or after < max(order.invoiced_value, 0):
        raise refusals.ModificationExceedsPrice()  # of what is not invoiced yet
    if net < 0 and order.captured > after + order.interest:
        raise refusals.ModificationSettled()
    if net > 0 and has_own_payment(order) and not growing_payment(order, payment_systems):
        raise refusals.ModificationPaymentCannotIncrease()


def _undisturbed(order: Order, request_id: str, net: int) -> None:
    """While the gateway is asked for an increase, nothing but that increase is registered."""
    prepared = order.change_prepared
    if prepared and (prepared.requested.request_id, prepared.requested.value) != (request_id, net):
        raise refusals.ChangeInProgress()


def _known(lines: Sequence[events.Item], units: UnitsInput) -> events.Item | None:
    """The line of the same SKU, that of the same price first."""
    same = [line for line in lines if line.id == units.id]
    return min(same, key=lambda line: line.price != units.price, default=None)


def _taken(
    order: Order, lines: Sequence[events.Item], removed: Sequence[UnitsInput]
) -> tuple[events.TakenUnits, ...]:
    """Where removed units come from: lines of the SKU in order, those of that price first."""
    left = order.units_left()
    taken: dict[int, int] = {}
    for requested in removed:
        places = [place for place, line in enumerate(lines) if line.id == requested.id]
        if not places:
            raise refusals.ModificationItemNotFound()
        wanted = requested.quantity
        if wanted > sum(left[place] for place in places):
            raise refusals.InvalidQuantityToRemove(requested.id)
        price = requested.price
        for place in sorted(places, key=lambda place: (lines[place].price != price, place)):
            units = min(wanted, left[place])
            if units:
                taken[place] = taken.get(place, 0) + units
                left[place] -= units
                wanted -= units
    return tuple(events.TakenUnits(place, units) for place, units in sorted(taken.items()))


def _line(
    order: Order,
    lines: Sequence[events.Item],
    requested: Modification,
    place: int,
    trust_prices: bool,
) -> events.Item:
    """An added line as it will be invoiced, named as the order knows the SKU already."""
    units = requested.added[place]
    known = _known(lines, units)
    if known is None and not trust_prices:
        raise refusals.ModificationItemNotFound()
    details = known.details if known else {}
    shown = ("name", "imageUrl", "detailUrl")
    fields: events.Json = {name: details[name] for name in shown if name in details}
    name = f"{order.account}/{order.order_id}/{requested.request_id}/{place}".encode()
    return events.Item(
        unique_id=blake2s(name, digest_size=16).hexdigest().upper(),
        id=units.id,
        seller=known.seller if known else order.seller,
        quantity=units.quantity,
        price=units.price,
        unit_multiplier=units.unit_multiplier or (known.unit_multiplier if known else Decimal(1)),
        details={"name": units.id, **fields},
        arithmetic=rule_of(order.items),
    )


def _serialized(requested: UnitsInput, line: events.Item | None) -> events.ChangedItem:
    name = line.details.get("name") if line else None
    return events.ChangedItem(
        requested.id,
        str(name or requested.id),
        requested.quantity,
        requested.price,
        requested.unit_multiplier,
    )
