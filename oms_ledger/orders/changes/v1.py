"""v1 modifications: registered at once, beside the items as placed (contract 03 §2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2s

from oms_ledger.orders import events as e
from oms_ledger.orders.changes import refusals as no
from oms_ledger.orders.changes.payments import growing_payment, has_own_payment, parts_of
from oms_ledger.orders.changes.rules import IN_HANDLING
from oms_ledger.orders.decide import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import line_total
from oms_ledger.orders.status import Status
from oms_ledger.orders.totals import rule_of

LIMIT = 50


@dataclass(frozen=True, slots=True)
class AskedUnits:
    """Units of a SKU to add or remove; `price` of one in cents."""

    id: str
    quantity: int
    price: int
    unit_multiplier: Decimal | None = None

    def value(self, line: e.Item | None) -> int:
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
    removed: tuple[AskedUnits, ...] = ()
    added: tuple[AskedUnits, ...] = ()

    def net(self, lines: Sequence[e.Item]) -> int:
        """By how much the order's value moves."""
        added = sum(one.value(_known(lines, one)) for one in self.added)
        removed = sum(one.value(_known(lines, one)) for one in self.removed)
        return added - removed + self.increment_value - self.discount_value


def registered(order: Order, request_id: str) -> bool:
    return any(one.change.request_id == request_id for one in order.registered_changes)


def register_change(
    order: Order,
    facts: Facts,
    *,
    asked: Modification,
    trust_prices: bool = True,
    payment_systems: Sequence[str] = (),
) -> list[e.OrderEvent]:
    """Register a modification; the same request id again changes nothing.

    Items that the order does not know yet are taken with the price of the request while
    `trust_prices`; `payment_systems` are custom ones that may pay more.
    """
    if registered(order, asked.request_id):
        return []
    _well_formed(asked)
    _allowed(order)
    lines = order.lines
    taken = _taken(order, lines, asked.removed)
    new_lines = tuple(
        _line(order, lines, asked, place, trust_prices) for place in range(len(asked.added))
    )
    net = asked.net(lines)
    _affordable(order, asked.discount_value, net, payment_systems)
    _undisturbed(order, asked.request_id, net)
    own = has_own_payment(order)
    change = e.ChangeRegistered(
        request_id=asked.request_id,
        receipt=facts.receipt,
        discount_value=max(-net, 0),
        increment_value=max(net, 0),
        added=tuple(_told(one, line) for one, line in zip(asked.added, new_lines, strict=True)),
        removed=tuple(_told(one, _known(lines, one)) for one in asked.removed),
        lines=new_lines,
        taken=taken,
        paid=parts_of(order, net, payment_systems) if net > 0 and own else (),
        reason=asked.reason,
    )
    return completed(order, facts, change, net)


def completed(
    order: Order, facts: Facts, change: e.ChangeRegistered, net: int
) -> list[e.OrderEvent]:
    """The change, and the end of an order that it leaves nothing to invoice of."""
    complete = order.invoiced_value and order.value + net == order.invoiced_value
    if complete and order.allows(e.InvoiceVerified):
        # It would wait for an invoice that cannot come (G22).
        return follow_through(order, [change, e.InvoiceVerified()], facts)
    return [change]


def _well_formed(asked: Modification) -> None:
    if asked.discount_value < 0 or asked.increment_value < 0:
        raise no.NegativeModification()
    if not asked.reason.strip():
        raise no.ReasonNotSet()
    if any(not one.id for one in (*asked.added, *asked.removed)):
        raise no.InvalidModificationItem()
    same = asked.discount_value == asked.increment_value
    if same and not asked.added and not asked.removed:
        raise no.InvalidModification()


def _allowed(order: Order) -> None:
    if order.flow == "chain":
        raise no.ModificationOfChain()
    if order.status is None:
        raise no.ModificationWithoutWorkflow(order.order_id)
    if order.change_in_progress:
        raise no.ChangeInProgress()
    if any(request.ended == "done" for request in order.change_requests):
        raise no.ChangedByV2()
    if order.flow == "marketplace":
        if order.status is not Status.PAYMENT_APPROVED:
            raise no.ModificationNotApproved()
    elif order.status not in IN_HANDLING:
        raise no.ModificationNotInHandling()
    if len(order.registered_changes) >= LIMIT:
        raise no.TooManyModifications(LIMIT)
    if has_own_payment(order) and not order.placed.transaction_id:
        raise no.ModificationWithoutPayment(order.order_id)


def _affordable(order: Order, discount: int, net: int, payment_systems: Sequence[str]) -> None:
    after = order.value + net
    if discount > order.value or after < max(order.invoiced_value, 0):
        raise no.ModificationExceedsPrice()  # of what is not invoiced yet
    if net < 0 and order.captured > after + order.interest:
        raise no.ModificationSettled()
    if net > 0 and has_own_payment(order) and not growing_payment(order, payment_systems):
        raise no.ModificationPaymentCannotIncrease()


def _undisturbed(order: Order, request_id: str, net: int) -> None:
    """While the gateway is asked for an increase, nothing but that increase is registered."""
    prepared = order.change_prepared
    if prepared and (prepared.asked.request_id, prepared.asked.value) != (request_id, net):
        raise no.ChangeInProgress()


def _known(lines: Sequence[e.Item], units: AskedUnits) -> e.Item | None:
    """The line of the same SKU, that of the same price first."""
    same = [line for line in lines if line.id == units.id]
    return min(same, key=lambda line: line.price != units.price, default=None)


def _taken(
    order: Order, lines: Sequence[e.Item], removed: Sequence[AskedUnits]
) -> tuple[e.TakenUnits, ...]:
    """Where removed units come from: lines of the SKU in order, those of that price first."""
    left = order.units_left()
    taken: dict[int, int] = {}
    for asked in removed:
        places = [place for place, line in enumerate(lines) if line.id == asked.id]
        if not places:
            raise no.ModificationItemNotFound()
        wanted = asked.quantity
        if wanted > sum(left[place] for place in places):
            raise no.InvalidQuantityToRemove(asked.id)
        price = asked.price
        for place in sorted(places, key=lambda place: (lines[place].price != price, place)):
            units = min(wanted, left[place])
            if units:
                taken[place] = taken.get(place, 0) + units
                left[place] -= units
                wanted -= units
    return tuple(e.TakenUnits(place, units) for place, units in sorted(taken.items()))


def _line(
    order: Order, lines: Sequence[e.Item], asked: Modification, place: int, trust_prices: bool
) -> e.Item:
    """An added line as it will be invoiced, named as the order knows the SKU already."""
    units = asked.added[place]
    known = _known(lines, units)
    if known is None and not trust_prices:
        raise no.ModificationItemNotFound()
    details = known.details if known else {}
    shown = ("name", "imageUrl", "detailUrl")
    told: e.Json = {name: details[name] for name in shown if name in details}
    name = f"{order.account}/{order.order_id}/{asked.request_id}/{place}".encode()
    return e.Item(
        unique_id=blake2s(name, digest_size=16).hexdigest().upper(),
        id=units.id,
        seller=known.seller if known else order.seller,
        quantity=units.quantity,
        price=units.price,
        unit_multiplier=units.unit_multiplier or (known.unit_multiplier if known else Decimal(1)),
        details={"name": units.id, **told},
        arithmetic=rule_of(order.items),
    )


def _told(asked: AskedUnits, line: e.Item | None) -> e.ChangedItem:
    name = line.details.get("name") if line else None
    return e.ChangedItem(
        asked.id, str(name or asked.id), asked.quantity, asked.price, asked.unit_multiplier
    )
