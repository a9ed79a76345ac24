"""v1 changes that an imported order came with: what they leave to invoice (contract 03 §7)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_ledger.decimal_numbers import decimal_number
from oms_ledger.orders.changes.invoiceable import lines_to_invoice
from oms_ledger.orders.changes.state import RegisteredChange
from oms_ledger.orders.events import (
    ChangedItem,
    ChangeRegistered,
    Item,
    Json,
    OrderPlaced,
    TakenUnits,
)
from oms_ledger.orders.totals import rule_of


def imported_changes(placed: OrderPlaced, at: datetime) -> tuple[RegisteredChange, ...]:
    """The deltas of the document, by the lines they are about; what names no line is left out."""
    fields = placed.details.get("changesAttachment")
    listed = fields.get("changesData") if isinstance(fields, dict) else None
    lines: list[Item] = list(placed.items)
    found: list[RegisteredChange] = []
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(one, dict):
            continue
        added, removed = _items(one.get("itemsAdded")), _items(one.get("itemsRemoved"))
        change = ChangeRegistered(
            request_id=f"imported-{number}",
            receipt="",
            added=added,
            removed=removed,
            lines=tuple(
                _line(item, lines, f"IMPORTED-{number}-{place}") for place, item in enumerate(added)
            ),
            taken=_taken(lines, removed),
        )
        lines = lines_to_invoice(lines, [change])
        found.append(RegisteredChange(change, at, imported=True))
    return tuple(found)


def _items(fields: Any) -> tuple[ChangedItem, ...]:
    listed = fields if isinstance(fields, list) else ()
    return tuple(_item(one) for one in listed if isinstance(one, dict) and one.get("id"))


def _item(fields: Json) -> ChangedItem:
    quantity, price = fields.get("quantity"), fields.get("price")
    multiplier = decimal_number(fields.get("unitMultiplier"))
    return ChangedItem(
        str(fields["id"]),
        str(fields.get("name") or fields["id"]),
        quantity if isinstance(quantity, int) and quantity > 0 else 0,
        price if isinstance(price, int) else 0,
        multiplier,
    )


def _line(item: ChangedItem, lines: Sequence[Item], unique_id: str) -> Item:
    known = next((line for line in lines if line.id == item.id), None)
    return Item(
        unique_id=unique_id,
        id=item.id,
        seller=known.seller if known else lines[0].seller if lines else "1",
        quantity=item.quantity,
        price=item.price,
        unit_multiplier=item.unit_multiplier or Decimal(1),
        details={"name": item.name},
        arithmetic=rule_of(lines),
    )


def _taken(lines: Sequence[Item], removed: Sequence[ChangedItem]) -> tuple[TakenUnits, ...]:
    """Units of lines of the SKU in order, those of that price first; never more than there are."""
    left = [line.quantity for line in lines]
    for item in removed:
        wanted = item.quantity
        same = [place for place, line in enumerate(lines) if line.id == item.id]
        price = item.price
        for place in sorted(same, key=lambda place: (lines[place].price != price, place)):
            units = min(wanted, left[place])
            left[place] -= units
            wanted -= units
    return tuple(
        TakenUnits(place, line.quantity - left[place])
        for place, line in enumerate(lines)
        if left[place] != line.quantity
    )
