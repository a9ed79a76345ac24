"""Modifications as the documents show them.

Readers of a document apply the deltas of `changesAttachment` to its items. So it has those of
v1, whose items stay as placed; v2 has changed the items, and only filters see it here too.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from oms_ledger.orders.changes.state import DONE
from oms_ledger.orders.documents.common import CHANGES
from oms_ledger.orders.documents.shapes import cut
from oms_ledger.orders.events import ChangedItem
from oms_ledger.orders.instants import PII_ZONE
from oms_ledger.orders.order import Order

Facts = dict[str, Any]

_cut = cut({"changesAttachment": CHANGES})


def changes_attachment(order: Order, told: Facts | None) -> Facts | None:
    """v1 changes in order, after those that an imported order came with; None before any."""
    changes = [
        _change(
            order,
            one.change.receipt,
            one.at,
            reason=one.change.reason,
            discount=one.change.discount_value,
            increment=one.change.increment_value,
            added=one.change.added,
            removed=one.change.removed,
        )
        for one in order.registered_changes
        if not one.imported
    ]
    return _attachment(told, changes) if changes else told


def every_change(order: Order, shown: Facts | None) -> Facts | None:
    """The attachment of the document with v2 changes in it, for filters."""
    changes = [
        _change(
            order,
            request.receipt,
            request.ended_at or request.at,
            reason=request.asked.reason,
            discount=max(-request.asked.value, 0),
            increment=max(request.asked.value, 0),
            added=request.asked.added,
            removed=request.asked.removed,
        )
        for request in order.change_requests
        if request.ended == DONE
    ]
    if not changes:
        return shown
    attachment: Facts = _cut({"changesAttachment": _attachment(None, changes)}, PII_ZONE)
    whole: Facts = attachment["changesAttachment"]
    before = list((shown or {}).get("changesData") or [])
    return {**whole, "changesData": before + whole["changesData"]}


def _attachment(told: Facts | None, changes: list[Facts]) -> Facts:
    before = list((told or {}).get("changesData") or [])
    return {"id": "changeAttachment", **(told or {}), "changesData": before + changes}


def _change(
    order: Order,
    receipt: str,
    at: datetime,
    *,
    reason: str | None,
    discount: int,
    increment: int,
    added: Iterable[ChangedItem],
    removed: Iterable[ChangedItem],
) -> Facts:
    return {
        "reason": reason,
        "discountValue": discount,
        "incrementValue": increment,
        "itemsAdded": [_item(one) for one in added],
        "itemsRemoved": [_item(one) for one in removed],
        "receipt": {"date": at, "orderId": order.order_id, "receipt": receipt},
    }


def _item(item: ChangedItem) -> Facts:
    multiplier = item.unit_multiplier
    return {
        "id": item.id,
        "name": item.name,
        "quantity": item.quantity,
        "price": item.price,
        "unitMultiplier": None if multiplier is None else float(multiplier),
    }
