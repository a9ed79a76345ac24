"""Delivery: where to, how, and the packages that left or came back."""

from typing import Any

from oms_ledger.orders.events import InvoicedItem, InvoiceIssued, Json
from oms_ledger.orders.instants import estimated
from oms_ledger.orders.invoices.state import event_at
from oms_ledger.orders.order import Order
from oms_ledger.orders.totals import shipping_price

Fields = dict[str, Any]


def shipping_data(order: Order, content: Fields) -> Fields:
    """Where to and how. Of an imported order what its document said stands, nulls too."""
    address = order.placed.address
    chosen = address.get("selectedAddresses") or ([address] if address else [])
    answer = {name: address[name] for name in _BESIDE if name in address}
    if not order.imported:
        answer = {name: given for name, given in answer.items() if given is not None}
    return {
        **content,
        "address": address,
        "logisticsInfo": [_logistics(order, line) for line in order.logistics],
        "selectedAddresses": chosen,
        "availableAddresses": [address] if order.imported and address else chosen,
        **answer,
    }


_BESIDE = ("selectedAddresses", "availableAddresses", "contactInformation", "contactsInfo")


def _logistics(order: Order, line: Json) -> Fields:
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
    }
    own = {
        "itemIndex": index,
        "sellingPrice": price if line.get("sellingPrice") is None else line["sellingPrice"],
        "deliveryChannel": channel,
        "selectedDeliveryChannel": channel,
        "shippingEstimateDate": estimate_of(order, line),
    }
    if order.imported:
        whole = {**whole, **own, **line}
    else:
        whole = {**whole, **{k: v for k, v in line.items() if v is not None}, **own}
    if not order.imported or "slas" not in line:
        whole["slas"] = [_sla(sla) for sla in line.get("slas") or [_chosen(whole)]]
    elif line["slas"]:
        whole["slas"] = [{**_sla(sla), **sla} for sla in line["slas"]]
    return whole


def _chosen(line: Fields) -> Fields:
    sla = line.get("selectedSla")
    return {**line, "id": sla, "name": sla}


def _sla(sla: Fields) -> Fields:
    channel = sla.get("deliveryChannel") or sla.get("selectedDeliveryChannel")
    return {
        "listPrice": sla.get("price"),
        **sla,
        "deliveryChannel": channel,
        "selectedDeliveryChannel": channel,
    }


def estimate_of(order: Order, line: Json) -> Any:
    """The promised date of a line: as given, else counted from the payment."""
    content = line.get("shippingEstimateDate")
    if content and isinstance(content, str):
        return content
    return estimated(order.authorized_at or order.created_at, line.get("shippingEstimate"))


def packages(order: Order) -> list[Fields]:
    """One per invoice, in the order of recording."""
    return [_package(order, invoice) for invoice in order.invoices]


def _package(order: Order, invoice: InvoiceIssued) -> Fields:
    contents = [_content(order, entry) for entry in invoice.items]
    whole: Fields = {
        "lastChange": invoice.issued_at,
        "enableInferItems": invoice.inferred,
        **invoice.details,
        "courierStatus": _courier_status(invoice.details.get("courierStatus")),
        "items": contents,
        "invoiceNumber": invoice.number,
        "invoiceValue": invoice.value,
        "issuanceDate": invoice.issued_at,
        "type": invoice.type,
        "restitutions": _restitutions(invoice, contents),
    }
    if invoice.receipt:
        return whole
    return {**whole, **_said_of_package(invoice, contents)}


def _said_of_package(invoice: InvoiceIssued, contents: list[Fields]) -> Fields:
    """What the document of an imported order said of a package, and of each thing in it."""
    answer = {
        name: content for name, content in invoice.details.items() if name in _SAID_OF_PACKAGE
    }
    if "EnableInferItems" in invoice.details:
        answer["enableInferItems"] = invoice.details["EnableInferItems"]
    items = answer.get("items")
    if isinstance(items, list) and len(items) == len(contents):
        answer["items"] = [
            {**ours, **content} for ours, content in zip(contents, items, strict=True)
        ]
    return answer


_SAID_OF_PACKAGE = frozenset({"items", "issuanceDate", "restitutions"})


def _content(order: Order, entry: InvoicedItem) -> Fields:
    """Units of a line; of one that a change took away, what the invoice itself says."""
    at = order.line_of(entry)
    line = None if at is None else order.lines[at]
    if line is None:
        line = next((i for i in order.placed.items if i.unique_id == entry.unique_id), None)
    name = line and (line.details.get("name") or line.id)
    return {
        "itemIndex": entry.item_index if at is None else at,
        "id": line and line.id,
        "quantity": entry.quantity,
        "price": entry.price,
        "description": name if entry.description is None else entry.description,
        "unitMultiplier": float(line.unit_multiplier) if line else 1.0,
    }


def _courier_status(content: Any) -> Any:
    """None until the first report; events by their date, whenever they were reported.

    What an imported document has in place of a report, or of its events, stays as it is.
    """
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        return content
    return {**content, "data": sorted(data, key=event_at)}


def _restitutions(invoice: InvoiceIssued, contents: list[Fields]) -> Fields | None:
    """What a return gave back; None when it gave nothing."""
    if invoice.type != "Input" or invoice.refund is None:
        return None
    content = invoice.details.get("restitutions")
    content = content if isinstance(content, dict) else {}
    refund = content.get("refund") or content.get("Refund")
    refund = refund if isinstance(refund, dict) else {}
    return {"refund": {"items": contents, **refund, "value": invoice.refund}}


def delivered(order: Order) -> bool:
    """Every unit lies in an Output package that arrived."""
    return 0 < sum(item.quantity for item in order.lines) <= _arrived(order)


def any_delivered(order: Order) -> bool:
    """Some unit lies in an Output package that arrived."""
    return _arrived(order) > 0


def _arrived(order: Order) -> int:
    return sum(
        entry.quantity
        for invoice in order.invoices
        if invoice.type == "Output" and (invoice.details.get("courierStatus") or {}).get("finished")
        for entry in invoice.items
        if order.line_of(entry) is not None
    )
