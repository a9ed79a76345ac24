"""How the lines of a change are delivered: as requested, or as the order leaves no doubt."""

from collections.abc import Sequence

from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes.draft import Slot
from oms_ledger.orders.events import Json
from oms_ledger.orders.order import Order
from oms_ledger.orders.totals import charged, shipping_price

_OPTION = ("selectedSla", "selectedDeliveryChannel", "addressId", "pickupPointId")


def address_of(order: Order, delivery: Json | None) -> str | None:
    """Where a line goes: its own address, else the order's."""
    own = (delivery or {}).get("addressId") or order.placed.address.get("addressId")
    return None if own is None else str(own)


def known_addresses(order: Order, slots: Sequence[Slot]) -> set[str]:
    """Ids of the addresses that a line may be sent to: the order's, and those of its lines."""
    address = order.placed.address
    fields = [
        address,
        *address.get("selectedAddresses", []),
        *address.get("availableAddresses", []),
    ]
    known = {str(one["addressId"]) for one in fields if one.get("addressId")}
    return known | {str(a) for slot in slots if (a := address_of(order, slot.delivery))}


def used_addresses(order: Order, slots: Sequence[Slot]) -> set[str]:
    """Ids of the addresses that lines are sent to now; lines without delivery count for none."""
    used = {address_of(order, slot.delivery) for slot in slots if slot.delivery is not None}
    return {one for one in used if one}


def unambiguous(order: Order, slots: Sequence[Slot]) -> Json | None:
    """The only way of delivery that the order has, free of charge; None when it has none."""
    options: dict[tuple[object, ...], Json] = {}
    for slot in slots:
        if slot.delivery is not None:
            key = tuple(slot.delivery.get(name) for name in _OPTION[:2])
            options[*key, address_of(order, slot.delivery)] = slot.delivery
    if len(options) > 1:
        raise refusals.ChangeLogisticsUnclear()
    for delivery in options.values():
        return charged(delivery, 0)
    return None


def as_requested(order: Order, slots: Sequence[Slot], requested: Json, own: Json | None) -> Json:
    """The delivery that was named, out of those the order knows; its price as requested, else kept.

    `own` is the delivery of the line that is changed or replaced.
    """
    address = requested.get("addressId")
    if address is not None and str(address) not in known_addresses(order, slots):
        raise refusals.InvalidChangeAddress()
    found = _named(slots, requested, own)
    if found is None:
        raise refusals.ChangeLogisticsNotFound()
    chosen = {name: requested[name] for name in _OPTION if requested.get(name) is not None}
    price = requested.get("price")
    if price is None:
        price = shipping_price(own) if own else 0
    return charged({**found, **chosen}, price)


def _named(slots: Sequence[Slot], requested: Json, own: Json | None) -> Json | None:
    """A delivery of the order by that service and channel, the line's own before others."""
    known = [own, *(slot.delivery for slot in slots)]
    for delivery in known:
        if delivery is None:
            continue
        if _same(requested, delivery):
            return delivery
        for sla in delivery.get("slas") or ():
            channel = sla.get("deliveryChannel") or delivery.get("selectedDeliveryChannel")
            if _same(requested, {"selectedSla": sla.get("id"), "selectedDeliveryChannel": channel}):
                return {**delivery, "selectedSla": sla.get("id")}
    return None


def _same(requested: Json, delivery: Json) -> bool:
    channel = requested.get("selectedDeliveryChannel")
    known = delivery.get("selectedDeliveryChannel") or "delivery"
    return requested.get("selectedSla") in (None, delivery.get("selectedSla")) and (
        channel is None or channel == known
    )


def require_same_address(order: Order, before: Json | None, after: Json | None, same: bool) -> None:
    """An address changes only with the line itself, and before anything was packed."""
    was, now = address_of(order, before), address_of(order, after)
    if was == now or now is None:
        return
    if not same:
        raise refusals.ChangeOfAddressNotAllowed()
    if order.invoices:
        raise refusals.ChangeOfAddressWithPackages()


def require_one_dock(slots: Sequence[Slot]) -> None:
    """The tax hub cannot tell taxes of several docks apart."""
    docks = {
        ids.get("dockId")
        for slot in slots
        for ids in (slot.delivery or {}).get("deliveryIds") or ()
    }
    if len(docks - {None}) > 1:
        raise refusals.ChangeWithTaxHub()
