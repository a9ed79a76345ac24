"""Which units of which lines an invoice is about (contract 02 §10, G24).

A line is addressed by its index, its unique id, or a name that several lines may share: SKU,
seller's SKU, reference. Units of such a name are taken from the lines that have some left, those
with the unit price that got first, then in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import InvalidItemIndex, TooManyInvoiceItems, UnknownInvoiceItem
from oms_ledger.orders.totals import figures, line_value


@dataclass(frozen=True, slots=True)
class InvoiceItemInput:
    """An item as an invoice names it: by `id` (SKU, unique id, seller's SKU, reference) and the
    `price` of one unit, or by `index` and the `total` of all units. In cents."""

    id: str
    quantity: int
    price: int | None = None
    description: str | None = None
    index: int | None = None
    total: int | None = None


def to_invoice(order: Order, items: Sequence[InvoiceItemInput]) -> tuple[events.InvoicedItem, ...]:
    """The requested units, out of those that no Output invoice has yet."""
    return _spread(order, order.units_left(), items)


def to_return(order: Order, items: Sequence[InvoiceItemInput]) -> tuple[events.InvoicedItem, ...]:
    """The requested units, out of those that were invoiced and did not come back."""
    return _spread(order, order.units_out(), items, returned=True)


def _spread(
    order: Order, left: list[int], items: Sequence[InvoiceItemInput], *, returned: bool = False
) -> tuple[events.InvoicedItem, ...]:
    spread: list[events.InvoicedItem] = []
    for requested in items:
        lines = _lines(order, requested)
        if returned and (
            requested.price or requested.total
        ):  # what was a gift is not what is paid back
            lines = [i for i in lines if order.lines[i].price] or lines
        available = sum(left[i] for i in lines)
        if not 0 < requested.quantity <= available:
            raise TooManyInvoiceItems(requested.id, available)
        wanted = requested.quantity
        for i in lines:
            taken = min(wanted, left[i])
            if taken:
                spread += _units(order.lines[i], i, left[i], taken, requested)
                left[i] -= taken
                wanted -= taken
    return tuple(spread)


def _lines(order: Order, requested: InvoiceItemInput) -> list[int]:
    if requested.index is not None:
        if not 0 <= requested.index < len(order.lines):
            raise InvalidItemIndex(requested.index)
        return [requested.index]
    lines = [i for i, item in enumerate(order.lines) if requested.id == item.unique_id]
    lines = lines or [i for i, item in enumerate(order.lines) if requested.id in _names(item)]
    if not lines:
        raise UnknownInvoiceItem(requested.id)
    return sorted(lines, key=lambda i: (requested.price not in _prices(order.lines[i]), i))


def _names(item: events.Item) -> set[str]:
    others = (item.details.get("sellerSku"), item.details.get("refId"))
    return {item.id, *(str(o) for o in others if o)}


def _prices(item: events.Item) -> set[int]:
    """What one unit costs: as listed in the line, or after its discounts."""
    fields = figures(item)
    return {item.price, fields.selling_price, *(price for price, _ in fields.selling_prices)}


def _units(
    item: events.Item, index: int, left: int, quantity: int, requested: InvoiceItemInput
) -> list[events.InvoicedItem]:
    """Units of a line at the requested price, else at what they cost."""
    if requested.price is None and requested.total is None:
        return _at_own_prices(item, index, left, quantity, requested.description)
    price, total = requested.price or 0, None
    if requested.total is not None and requested.quantity:
        price, rest = divmod(requested.total, requested.quantity)
        total = requested.total if rest else None
    return [
        events.InvoicedItem(
            item_index=index,
            quantity=quantity,
            price=price,
            description=requested.description,
            unique_id=item.unique_id,
            total=total,
        )
    ]


def _at_own_prices(
    item: events.Item, index: int, left: int, quantity: int, description: str | None = None
) -> list[events.InvoicedItem]:
    """The next units of a line, one part for each price that it has.

    All units of the line together come to what the line costs, however they are parted.
    """
    first = item.quantity - left
    parts: list[events.InvoicedItem] = []
    for price, count in figures(item).selling_prices:
        units = min(max(count - first, 0), quantity)
        first, quantity = max(first - count, 0), quantity - units
        if units:
            parts.append(
                events.InvoicedItem(index, units, price, description, unique_id=item.unique_id)
            )
    return parts


def inferred(order: Order, value: int, *, closing: bool) -> tuple[events.InvoicedItem, ...]:
    """Without items: all that is left when the invoice completes the order, else the first whole
    lines in order that add up to its value exactly, else nothing."""
    left, chosen, total = order.units_left(), list[events.InvoicedItem](), 0
    for i, item in enumerate(order.lines):
        if closing:
            if left[i] > 0:
                chosen += _at_own_prices(item, i, left[i], left[i])
        elif total < value and left[i] == item.quantity > 0:
            chosen += _at_own_prices(item, i, left[i], left[i])
            total += line_value(item)
    return tuple(chosen) if closing or total == value else ()
