"""From what a v2 request asks to what the order would be (contract 03 §§3, 6).

Nothing is decided here: `plan` answers the lines, deliveries and totals after the change, what
left and what came, or refuses with the published code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import blake2s

from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.arithmetic import repriced, totals_after
from oms_ledger.orders.changes.deliveries import (
    as_requested,
    require_one_dock,
    require_same_address,
    unambiguous,
    used_addresses,
)
from oms_ledger.orders.changes.draft import (
    Slot,
    Slots,
    in_proportion,
    priced,
)
from oms_ledger.orders.changes.payments import growing_payment, has_own_payment
from oms_ledger.orders.changes.request import ChangeInput, LineInput, Side
from oms_ledger.orders.events import ChangedItem, Item, Json, Total
from oms_ledger.orders.order import Order
from oms_ledger.orders.totals import charged, figures, rule_of, shipping_price

Moved = tuple[Item, Json | None]
"""Units of a line, and the delivery that goes with them."""


@dataclass
class Plan:
    """What the order will be, and the operations as they were understood."""

    items: tuple[Item, ...] = ()
    logistics: tuple[Json, ...] = ()
    totals: tuple[Total, ...] = ()
    value: int = 0
    added: list[list[Moved]] = field(default_factory=list)
    removed: list[list[Moved]] = field(default_factory=list)
    replaced: list[tuple[list[Moved], list[Moved]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    client_profile: Json = field(default_factory=dict)
    custom_data: Json = field(default_factory=dict)

    def changed_items(self) -> tuple[tuple[ChangedItem, ...], tuple[ChangedItem, ...]]:
        """What came and what left, as filters see it."""
        came = [*self.added, *(after for _, after in self.replaced)]
        left = [*self.removed, *(before for before, _ in self.replaced)]
        return _changed(came), _changed(left)


def _changed(moved: Sequence[Sequence[Moved]]) -> tuple[ChangedItem, ...]:
    return tuple(
        ChangedItem(
            item.id,
            str(item.details.get("name") or item.id),
            item.quantity,
            item.price,
            item.unit_multiplier,
        )
        for side in moved
        for item, _ in side
    )


@dataclass
class _Planner:
    order: Order
    requested: ChangeInput
    request_id: str
    settings: Json
    trust_prices: bool
    slots: Slots
    plan: Plan
    new_lines: int = 0

    def remove(self, side: Side) -> None:
        gone = []
        for line in side.lines:
            slot = self.slots.find(line, "Remove")
            self._note_tags(slot)
            gone.append(self.slots.take(slot, line.quantity))
        self.plan.removed.append(gone)

    def add(self, side: Side) -> None:
        self.plan.added.append([self._added(side, n, line) for n, line in enumerate(side.lines)])

    def replace(self, before: Side, after: Side) -> None:
        found = [self.slots.find(line, "Replace From") for line in before.lines]
        if not before.lines or not after.lines:
            raise refusals.InvalidChange()
        for slot in found:
            self._note_tags(slot)
        if len(found) == 1 and len(after.lines) == 1:
            slot, old, new = found[0], before.lines[0], after.lines[0]
            if old.quantity == slot.item.quantity and slot.left == slot.item.quantity:
                pair = self._in_place(slot, new, after)
                self.plan.replaced.append(pair)
                return
        own = found[0].delivery
        gone = [
            self.slots.take(slot, line.quantity)
            for slot, line in zip(found, before.lines, strict=True)
        ]
        freight = sum(int((delivery or {}).get("sellingPrice") or 0) for _, delivery in gone)
        came = []
        for number, line in enumerate(after.lines):
            item = self._new_item(line, found[0].item)
            delivery = None if own is None else charged(own, freight)
            delivery = self._delivered(after, number, delivery, item.id == found[0].item.id, own)
            freight = 0  # the first one takes what left with the replaced units
            self.slots.insert(item, delivery, at=found[0])
            came.append((item, delivery))
        self.plan.replaced.append((gone, came))

    def _in_place(self, slot: Slot, new: LineInput, side: Side) -> tuple[list[Moved], list[Moved]]:
        """A whole line becomes another one where it stands; the same SKU keeps its tags."""
        before: Moved = (slot.item, slot.delivery)
        if new.quantity < 1:
            raise refusals.InvalidChangeQuantity()
        same = new.id == slot.item.id
        if same and _only_fewer(new, slot.item):
            self.slots.take(slot, slot.item.quantity - new.quantity)
        elif same:
            line = repriced(
                slot.item,
                quantity=new.quantity,
                price=slot.item.price if new.price is None else new.price,
                unit_multiplier=new.unit_multiplier or slot.item.unit_multiplier,
            )
            slot.item = _measured(in_proportion(line, slot.item), new)
        else:
            if new.unique_id == slot.item.unique_id and priced(self.slots.slots, new.id) is None:
                # The same line, weighed or packed otherwise: its unit price stays, if none is
                # given.
                new = replace(new, price=slot.item.price if new.price is None else new.price)
            item = self._new_item(new, slot.item)
            slot.item = replace(item, unique_id=new.unique_id or item.unique_id)
        slot.left = slot.item.quantity
        slot.delivery = self._delivered(side, 0, slot.delivery, same, before[1])
        return [before], [(slot.item, slot.delivery)]

    def _added(self, side: Side, number: int, line: LineInput) -> Moved:
        if line.quantity < 1:
            raise refusals.InvalidChangeQuantity()
        if not (line.id or line.unique_id):
            raise refusals.InvalidChangeItem()
        known = self._grown(line)
        if known is not None:
            unit = known.item.details.get("measurementUnit") or "un"
            if line.measurement_unit not in (None, unit):
                raise refusals.ChangeOfMeasurementUnit()
        if known is not None and _same_terms(line, known.item) and not side.deliveries:
            known.item = repriced(known.item, quantity=known.item.quantity + line.quantity)
            known.left += line.quantity
            came = replace(known.item, quantity=line.quantity, price_tags=(), difference=0)
            return came, known.delivery
        if known is None and len(used_addresses(self.order, self.slots.slots)) > 1:
            raise refusals.ChangeWithManyAddresses()
        item = self._new_item(line, known.item if known else None)
        delivery = None
        if not side.deliveries:
            delivery = unambiguous(self.order, self.slots.slots)
        delivery = self._delivered(side, number, delivery, known is not None, None)
        self.slots.insert(item, delivery)
        return item, delivery

    def _grown(self, line: LineInput) -> Slot | None:
        """The line that units are added to, if the order has the SKU."""
        present = [slot for slot in self.slots.slots if slot.item.quantity]
        if line.unique_id:
            named = [slot for slot in present if slot.item.unique_id == line.unique_id]
            if named:
                return named[0]
        same = [slot for slot in present if slot.item.id == line.id]
        return (
            next((slot for slot in same if _same_terms(line, slot.item)), same[0]) if same else None
        )

    def _new_item(self, line: LineInput, instead_of: Item | None) -> Item:
        """A line of its own; name and price as the order knows the SKU, where it does."""
        if not line.id and instead_of is None:
            raise refusals.InvalidChangeItem()
        if line.quantity < 1:
            raise refusals.InvalidChangeQuantity()
        sku = line.id or (instead_of.id if instead_of else "")
        known = priced(self.slots.slots, sku)
        price = line.price
        if price is None:
            if known is None:
                raise refusals.ChangePriceMissing(sku)
            price = known.price
        if known is None and not self.trust_prices:
            raise refusals.InvalidChangeItem()
        name = f"{self.order.account}/{self.order.order_id}/{self.request_id}/{self.new_lines}"
        self.new_lines += 1
        details = dict(known.details) if known else {"name": sku}
        for fields in ("priceDefinition", "sellingPrice"):
            details.pop(fields, None)
        multiplier = line.unit_multiplier or (known.unit_multiplier if known else Decimal(1))
        item = Item(
            unique_id=blake2s(name.encode(), digest_size=16).hexdigest().upper(),
            id=sku,
            seller=known.seller if known else self.order.seller,
            quantity=line.quantity,
            price=price,
            unit_multiplier=multiplier,
            tax=known.tax if known else 0,
            details=details,
            arithmetic=rule_of(self.order.items),
        )
        return _measured(item, line)

    def _delivered(
        self, side: Side, number: int, otherwise: Json | None, same: bool, own: Json | None
    ) -> Json | None:
        """The delivery of a line: as its side names it, else `otherwise`."""
        requested = _requested_delivery(side, number)
        if requested is None:
            return otherwise
        fields = requested if not self.slots.compensate else {**requested, "price": None}
        delivery = as_requested(self.order, self.slots.slots, fields, otherwise or own)
        if own is not None:
            require_same_address(self.order, own, delivery, same)
        if otherwise is not None and fields.get("price") is None:
            delivery = charged(delivery, shipping_price(otherwise))
        return delivery

    def _note_tags(self, slot: Slot) -> None:
        """Say what becomes of promotions: nobody reckons again whether they are still due."""
        if slot.item.price_tags:
            line = slot.item.unique_id
            self._note(f"The promotions of {line} are kept in proportion to its units")
        for other in self.slots.slots:
            if other is not slot and other.item.quantity and figures(other.item).price_tags < 0:
                line = other.item.unique_id
                self._note(f"The promotions of {line} stay, though units of another line leave")

    def _note(self, note: str) -> None:
        if note not in self.plan.notes:
            self.plan.notes.append(note)


def _requested_delivery(side: Side, number: int) -> Json | None:
    """What a side says of its line: by its index there, or the only one there is."""
    for delivery in side.deliveries:
        if delivery.get("itemIndex") == number:
            return delivery
    return side.deliveries[0] if len(side.deliveries) == 1 else None


def _same_terms(line: LineInput, item: Item) -> bool:
    return line.price in (None, item.price) and line.unit_multiplier in (
        None,
        item.unit_multiplier,
    )


def _only_fewer(line: LineInput, item: Item) -> bool:
    return _same_terms(line, item) and line.quantity < item.quantity


def _measured(item: Item, line: LineInput) -> Item:
    if line.measurement_unit is None:
        return item
    return replace(item, details={**item.details, "measurementUnit": line.measurement_unit})


def plan(
    order: Order,
    requested: ChangeInput,
    *,
    request_id: str,
    settings: Json,
    trust_prices: bool = True,
) -> Plan:
    """What the order would be; `settings` are the effective ones."""
    if requested.manual_discount < 0 or requested.manual_increment < 0:
        raise refusals.NegativeChange()
    if not (
        requested.manual_discount
        or requested.manual_increment
        or any(side.lines for side in requested.sides())
    ):
        raise refusals.InvalidChange()
    slots = Slots.of(
        order, compensate=changes_settings.pipeline(settings, "compensateShippingChanges")
    )
    if changes_settings.pipeline(settings, "enableTaxHubRecalculation"):
        require_one_dock(slots.slots)
    planner = _Planner(order, requested, request_id, settings, trust_prices, slots, Plan())
    for side in requested.remove:
        planner.remove(side)
    for before, after in requested.replace:
        planner.replace(before, after)
    for side in requested.add:
        planner.add(side)
    return _whole(planner)


def _whole(planner: _Planner) -> Plan:
    order, requested, result = planner.order, planner.requested, planner.plan
    result.items, result.logistics = planner.slots.settled()
    result.totals = totals_after(
        order.totals,
        (order.items, order.logistics),
        (result.items, result.logistics),
        requested.manual_increment - requested.manual_discount,
    )
    result.value = sum(total.value for total in result.totals) - order.value
    for side in requested.sides():
        result.client_profile.update(side.client_profile)
    result.custom_data = _custom_data(order, requested)
    after = order.value + result.value
    if requested.manual_discount > order.value or after < max(order.invoiced_value, 0):
        raise refusals.ChangeExceedsPrice()  # of what is not invoiced yet
    if not result.items:
        raise refusals.InvalidChange()  # nothing would be left: that is a cancellation
    if order.captured > after + order.interest:
        raise refusals.ChangeSettled()
    allowed = changes_settings.payment_systems(planner.settings)
    if result.value > 0 and has_own_payment(order) and not growing_payment(order, allowed):
        raise refusals.ChangePaymentCannotIncrease()
    return result


def _custom_data(order: Order, requested: ChangeInput) -> Json:
    """The custom fields after the change; {} when it says nothing of them."""
    gone = [one for before, _ in requested.replace for one in before.custom_fields]
    came = [
        one
        for after in (*requested.add, *(to for _, to in requested.replace))
        for one in after.custom_fields
    ]
    if not gone and not came:
        return {}
    entities = [one.get("linkedEntity") for one in (*gone, *came)]
    kept = order.placed.custom_data.get("customFields") or []
    return {
        "customFields": [
            *(one for one in kept if one.get("linkedEntity") not in entities),
            *came,
        ]
    }
