"""Requests to a marketplace outside the deployment, by the published protocol for marketplaces."""

from oms_ledger.orders.changes.events import ChangedItem, ChangeRegistered
from oms_ledger.orders.documents.lines import item_facts
from oms_ledger.orders.events import InvoiceIssued, Json
from oms_ledger.orders.instants import instant, spell
from oms_ledger.orders.order import Order

_TRACKING = ("courier", "trackingNumber", "trackingUrl")


def invoice(order: Order, issued: InvoiceIssued) -> Json:
    """An invoice as it is known now; every key is there, null where it has no value."""
    details = issued.details
    return {
        "type": issued.type,
        "invoiceNumber": issued.number,
        "invoiceValue": issued.value,
        "issuanceDate": spell(issued.issued_at, "Z"),
        **{name: details.get(name) for name in ("invoiceKey", "invoiceUrl", "embeddedInvoice")},
        **{name: details.get(name) for name in _TRACKING},
        "dispatchedDate": instant(details.get("dispatchedDate"), "Z"),
        "items": [
            {"id": order.lines[line].id, "quantity": one.quantity, "price": one.price}
            for one in issued.items
            if (line := order.line_of(one)) is not None
        ],
    }


def cancellation(order: Order) -> Json:
    """The order is canceled, whoever asked for it."""
    started = order.cancellation
    at_once = started.request_id if started else None
    return {
        "marketplaceOrderId": order.placed.marketplace_order_id,
        "orderId": order.order_id,
        "cancellationRequestId": order.requests[-1].id if order.requests else at_once,
        "date": spell(order.canceled_at or order.changed_at, "Z"),
        "reason": started.reason if started else None,
        "requestedByUser": started is not None and started.by == "user",
    }


def seller_cancellation(order: Order) -> Json:
    """The order of a group is canceled, for the marketplace that sold the group."""
    return {"id": "sellerOrderCancelled", "sellerOrderId": order.order_id}


def change(order: Order, registered: ChangeRegistered) -> Json:
    """A change by the v1 API that the marketplace is asked for before it is registered."""
    return {
        "requestId": registered.request_id,
        "reason": registered.reason,
        "discountValue": registered.discount_value,
        "incrementValue": registered.increment_value,
        "itemsRemoved": [_changed(order, one) for one in registered.removed],
        "itemsAdded": [_changed(order, one) for one in registered.added],
    }


def _changed(order: Order, item: ChangedItem) -> Json:
    known = next((one for one in order.items if one.id == item.id), None)
    shown = item_facts(known, None) if known else {}
    multiplier = item.unit_multiplier or (known.unit_multiplier if known else 1)
    return {
        "id": item.id,
        "sellerItemId": item.id,
        "quantity": item.quantity,
        "price": item.price,
        "unitMultiplier": float(multiplier),
        "measurementUnit": shown.get("measurementUnit") or "un",
    }
