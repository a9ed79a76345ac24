"""Modifications as the documents show them.

Readers of a document apply the deltas of `changesAttachment` to its items. So it has those of
v1, whose items stay as placed; v2 has changed the items, and only filters see it here too.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from oms_ledger.orders.changes.state import DONE
from oms_ledger.orders.documents.shape_parts import CHANGES
from oms_ledger.orders.documents.shapes import cut
from oms_ledger.orders.events import ChangedItem
from oms_ledger.orders.instants import PII_ZONE
from oms_ledger.orders.order import Order

Fields = dict[str, Any]

_cut = cut({"changesAttachment": CHANGES})


def changes_attachment(order: Order, content: Fields | None) -> Fields | None:
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
    return _attachment(content, changes) if changes else content


def every_change(order: Order, shown: Fields | None) -> Fields | None:
    """The attachment of the document with v2 changes in it, for filters."""
    changes = [
        _change(
            order,
            request.receipt,
            request.ended_at or request.at,
            reason=request.requested.reason,
            discount=max(-request.requested.value, 0),
            increment=max(request.requested.value, 0),
            added=request.requested.added,
            removed=request.requested.removed,
        )
        for request in order.change_requests
        if request.ended == DONE
    ]
    if not changes:
        return shown
    attachment: Fields = _cut({"changesAttachment": _attachment(None, changes)}, PII_ZONE)
    whole: Fields = attachment["changesAttachment"]
    before = list((shown or {}).get("changesData") or [])
    return {**whole, "changesData": before + whole["changesData"]}


def _attachment(content: Fields | None, changes: list[Fields]) -> Fields:
    before = list((content or {}).get("changesData") or [])
    return {"id": "changeAttachment", **(content or {}), "changesData": before + changes}


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
) -> Fields:
    return {
        "reason": reason,
        "discountValue": discount,
        "incrementValue": increment,
        "itemsAdded": [_item(one) for one in added],
        "itemsRemoved": [_item(one) for one in removed],
        "receipt": {"date": at, "orderId": order.order_id, "receipt": receipt},
    }


def _item(item: ChangedItem) -> Fields:
    multiplier = item.unit_multiplier
    return {
        "id": item.id,
        "name": item.name,
        "quantity": item.quantity,
        "price": item.price,
        "unitMultiplier": None if multiplier is None else float(multiplier),
    }
