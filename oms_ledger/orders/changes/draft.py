"""An order's lines and deliveries while a change is planned, and what left and came to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes.arithmetic import (
    revalued,
    shipping_without,
    units_of,
    without_units,
)
from oms_ledger.orders.changes.request import LineInput
from oms_ledger.orders.events import Item, Json
from oms_ledger.orders.order import Order
from oms_ledger.orders.pricing import line_total, round_cents
from oms_ledger.orders.totals import charged, shipping_price


@dataclass
class Slot:
    """A line, its delivery, and how many of its units are not invoiced yet."""

    item: Item
    delivery: Json | None
    left: int

    @property
    def freight(self) -> int:
        """What the delivery of the line costs, in cents; 0 without one."""
        return shipping_price(self.delivery) if self.delivery else 0

    def charge(self, price: int) -> None:
        """The delivery of the line costs this much."""
        self.delivery = charged(self.delivery or {}, price)
        if self.delivery.get("listPrice") is not None:
            self.delivery["listPrice"] = price


@dataclass
class Slots:
    """The lines in their order; one that lost all units is gone at the end."""

    slots: list[Slot]
    compensate: bool = False
    freight: int = field(init=False)

    def __post_init__(self) -> None:
        self.freight = sum(slot.freight for slot in self.slots)

    @classmethod
    def of(cls, order: Order, *, compensate: bool) -> "Slots":
        """The order as it is before the change, each line with its delivery.

        `compensate` is the setting `compensateShippingChanges`.
        """
        deliveries: dict[int, Json] = {}
        for place, delivery in enumerate(order.logistics):
            index = delivery.get("itemIndex")
            deliveries[place if index is None else index] = delivery
        left = order.units_left()
        return cls(
            [
                Slot(item, deliveries.get(index), left[index])
                for index, item in enumerate(order.items)
            ],
            compensate,
        )

    def find(self, requested: LineInput, operation: str) -> Slot:
        """The line that is meant: by unique id, else by SKU when one line alone has it."""
        if requested.quantity < 1:
            raise refusals.InvalidChangeQuantity()
        named = requested.unique_id or requested.id
        if not named:
            raise refusals.InvalidChangeItem()
        present = [slot for slot in self.slots if slot.item.quantity]
        if requested.unique_id:
            found = [slot for slot in present if slot.item.unique_id == requested.unique_id]
            if any(requested.id and slot.item.id != requested.id for slot in found):
                raise refusals.ChangeItemAmbiguous()
        else:
            found = [slot for slot in present if slot.item.id == requested.id]
        if not found:
            raise refusals.ChangeItemNotInOrder(named, operation)
        if len(found) > 1:
            raise refusals.ChangeItemAmbiguous()
        slot = found[0]
        if requested.quantity > slot.item.quantity:
            raise refusals.ChangeTooManyUnits(slot.item.quantity, named)
        if requested.quantity > slot.left:
            raise refusals.ChangeAlreadyInvoiced()
        return slot

    def take(self, slot: Slot, units: int) -> tuple[Item, Json | None]:
        """Take units out of a line; they and the part of the delivery that left with them."""
        if units > slot.left:  # named twice, and more than there is altogether
            raise refusals.ChangeTooManyUnits(slot.left, slot.item.unique_id)
        gone, before = units_of(slot.item, units), slot.freight
        delivery = slot.delivery
        if delivery is not None:
            slot.delivery = shipping_without(delivery, slot.item.quantity, units)
            freight = before - slot.freight
            delivery = charged(delivery, freight)
        slot.item = without_units(slot.item, units)
        slot.left -= units
        return gone, delivery

    def insert(self, item: Item, delivery: Json | None, *, at: Slot | None = None) -> Slot:
        """A new line, where another one stood or at the end."""
        slot = Slot(item, delivery, item.quantity)
        place = self.slots.index(at) + 1 if at else len(self.slots)
        self.slots.insert(place, slot)
        return slot

    def settled(self) -> tuple[tuple[Item, ...], tuple[Json, ...]]:
        """Lines and deliveries at the end; with `compensate` the freight is what it was."""
        kept = [slot for slot in self.slots if slot.item.quantity]
        if self.compensate and kept:
            missing = self.freight - sum(slot.freight for slot in kept)
            if missing:
                kept[0].charge(kept[0].freight + missing)
        deliveries = tuple(
            {**slot.delivery, "itemIndex": index}
            for index, slot in enumerate(kept)
            if slot.delivery is not None
        )
        return tuple(slot.item for slot in kept), deliveries


def in_proportion(item: Item, before: Item) -> Item:
    """A line that changed in its place, with the price tags it had in proportion to its price."""
    was = line_total(before.price, before.quantity, before.unit_multiplier)
    now = line_total(item.price, item.quantity, item.unit_multiplier)
    if was == now or not was:
        return item
    tags = tuple(
        revalued(tag, round_cents(Decimal(tag.value) * now / was)) for tag in item.price_tags
    )
    difference = round_cents(Decimal(item.difference) * now / was)
    return replace(item, price_tags=tags, difference=difference)


def priced(slots: Iterable[Slot], sku: str) -> Item | None:
    """A line of the same SKU, which says what it costs and is called."""
    return next((slot.item for slot in slots if slot.item.id == sku), None)
