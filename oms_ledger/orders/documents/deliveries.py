"""Delivery: where to, how, and the packages that left or came back."""

from typing import Any

from oms_ledger.orders.documents.instants import estimated
from oms_ledger.orders.events import InvoiceIssued, Json
from oms_ledger.orders.order import Order
from oms_ledger.orders.totals import shipping_price

Facts = dict[str, Any]


def shipping_data(order: Order, told: Facts) -> Facts:
    address = order.placed.address
    chosen = address.get("selectedAddresses") or ([address] if address else [])
    return {
        "trackingHints": told.get("trackingHints"),
        "address": address,
        "logisticsInfo": [_logistics(order, line) for line in order.logistics],
        "selectedAddresses": chosen,
        "availableAddresses": address.get("availableAddresses") or chosen,
        "contactInformation": address.get("contactInformation"),
    }


def _logistics(order: Order, line: Json) -> Facts:
    channel = line.get("selectedDeliveryChannel") or line.get("deliveryChannel") or "delivery"
    price = shipping_price(line)
    index = line.get("itemIndex") or 0
    lines = order.items
    whole = {
        "price": price,
        "listPrice": line.get("price") or price,
        "addressId": order.placed.address.get("addressId"),
        "deliveryCompany": line.get("selectedSla"),
        "deliveryChannels": [{"id": channel}],
        "transitTime": line.get("shippingEstimate"),
        "itemId": lines[index].id if 0 <= index < len(lines) else None,
        **{key: value for key, value in line.items() if value is not None},
        "itemIndex": index,
        "sellingPrice": price,
        "deliveryChannel": channel,
        "selectedDeliveryChannel": channel,
        "shippingEstimateDate": estimate_of(order, line),
    }
    whole["slas"] = [_sla(sla) for sla in line.get("slas") or [_chosen(whole)]]
    return whole


def _chosen(line: Facts) -> Facts:
    sla = line.get("selectedSla")
    return {**line, "id": sla, "name": sla}


def _sla(sla: Facts) -> Facts:
    channel = sla.get("deliveryChannel") or sla.get("selectedDeliveryChannel")
    return {
        "listPrice": sla.get("price"),
        **sla,
        "deliveryChannel": channel,
        "selectedDeliveryChannel": channel,
    }


def estimate_of(order: Order, line: Json) -> Any:
    """The promised date of a line: as told, else counted from the payment."""
    told = line.get("shippingEstimateDate")
    if told:
        return told
    return estimated(order.authorized_at or order.created_at, line.get("shippingEstimate"))


def packages(order: Order) -> list[Facts]:
    """One per invoice, in the order of recording."""
    out, invoiced = [], 0
    for invoice in order.invoices:
        if invoice.type == "Output":
            invoiced += invoice.value
        out.append(_package(order, invoice, whole=invoiced >= order.value))
    return out


def _package(order: Order, invoice: InvoiceIssued, *, whole: bool) -> Facts:
    lines = order.items
    contents = []
    for entry in invoice.items:
        line = lines[entry.item_index]
        contents.append(
            {
                "itemIndex": entry.item_index,
                "id": line.id,
                "quantity": entry.quantity,
                "price": entry.price,
                "description": entry.description or line.details.get("name") or line.id,
                "unitMultiplier": float(line.unit_multiplier),
            }
        )
    return {
        "lastChange": invoice.issued_at,
        "enableInferItems": invoice.inferred,
        **invoice.details,
        "items": contents,
        "invoiceNumber": invoice.number,
        "invoiceValue": invoice.value,
        "issuanceDate": invoice.issued_at,
        "type": invoice.type,
        "restitutions": _restitutions(invoice, contents, whole),
    }


def _restitutions(invoice: InvoiceIssued, contents: list[Facts], whole: bool) -> Facts | None:
    """What a return gave back; nothing of itself while not all was invoiced."""
    told = invoice.details.get("restitutions") or {}
    if invoice.type != "Input" or not (whole or told):
        return None
    refund = told.get("refund") or told.get("Refund") or {}
    return {"refund": {"value": invoice.value, "items": contents, **refund}}


def delivered(order: Order) -> bool:
    """Every unit lies in an Output package that arrived."""
    arrived = sum(
        entry.quantity
        for invoice in order.invoices
        if invoice.type == "Output" and (invoice.details.get("courierStatus") or {}).get("finished")
        for entry in invoice.items
    )
    return 0 < sum(item.quantity for item in order.items) <= arrived
