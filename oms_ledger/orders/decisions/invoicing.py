"""Invoices: one may cover part of an order, and the last one completes it (contract 02 §10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts, follow_through
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    InputBeforeOutput,
    InvoiceExceedsOrder,
    InvoiceNotAllowed,
    InvoiceNumberTaken,
    NoWorkflow,
    TooManyInvoiceItems,
    UnknownInvoiceItem,
)
from oms_ledger.orders.status import Status
from oms_ledger.orders.totals import line_total

_TAKES_OUTPUT = {
    Status.READY_FOR_HANDLING,
    Status.HANDLING,
    Status.WAITING_FOR_FULFILLMENT,
    Status.READY_FOR_INVOICING,
    Status.CANCELLATION_REQUESTED,
    Status.WAITING_SELLER_HANDLING,
    Status.WAITING_FOR_SELLER_DECISION,
}


@dataclass(frozen=True, slots=True)
class AskedItem:
    """An item as the invoice names it: by SKU, unique id, seller SKU or reference."""

    id: str
    quantity: int
    price: int | None = None
    description: str | None = None


def issue_invoice(
    order: Order,
    facts: Facts,
    *,
    number: str,
    type: str,
    value: int,
    issued_at: datetime,
    items: Sequence[AskedItem] = (),
    details: e.Json | None = None,
) -> list[e.OrderEvent]:
    """Record an invoice of `value` cents; a repeated number and type completes the first one."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    number, details = number.strip(), details or {}
    for known in order.invoices:
        if known.number == number:
            return _repeated(known, type, details)
    if type == "Input":
        return _returned(order, facts, number, value, issued_at, items, details)
    if order.status not in _TAKES_OUTPUT and not order.allows(e.InvoiceVerified):
        raise InvoiceNotAllowed(order.order_id, order.status)
    total = order.invoiced_value + value
    if total > order.value:
        raise InvoiceExceedsOrder()
    inferred = not items
    invoiced = (
        _inferred(order, value, closing=total == order.value)
        if inferred
        else _matched(order, items)
    )
    issued = e.InvoiceIssued(
        number=number,
        type=type,
        value=value,
        issued_at=issued_at,
        receipt=facts.receipt,
        items=invoiced,
        inferred=inferred,
        details=details,
    )
    return _recorded(order, facts, issued, complete=total >= order.value)


def _recorded(
    order: Order, facts: Facts, issued: e.InvoiceIssued, *, complete: bool
) -> list[e.OrderEvent]:
    if order.status is Status.READY_FOR_HANDLING:  # an invoice implies that handling started
        begun = follow_through(order, [e.HandlingRequested()], facts)
        after = [issued, e.InvoiceVerified()] if complete else [issued]
        return follow_through(order, [*begun, *after], facts)
    if order.status is Status.CANCELLATION_REQUESTED:
        return follow_through(order, [issued, e.InvoicedDespiteRequest()], facts)
    if complete or order.flow in ("marketplace", "chain"):
        return follow_through(order, [issued, e.InvoiceVerified()], facts)
    return [issued]


def _repeated(known: e.InvoiceIssued, type: str, details: e.Json) -> list[e.OrderEvent]:
    if known.type != type:
        raise InvoiceNumberTaken(known.number)
    tracking = ("trackingNumber", "trackingUrl", "courier", "dispatchedDate")
    news = {k: details[k] for k in tracking if details.get(k) and not known.details.get(k)}
    return [e.InvoiceCompleted(number=known.number, details=news)] if news else []


def _returned(
    order: Order,
    facts: Facts,
    number: str,
    value: int,
    issued_at: datetime,
    items: Sequence[AskedItem],
    details: e.Json,
) -> list[e.OrderEvent]:
    if not order.invoiced_value:
        raise InputBeforeOutput()
    return [
        e.InvoiceIssued(
            number=number,
            type="Input",
            value=value,
            issued_at=issued_at,
            receipt=facts.receipt,
            items=_given_back(order, items),
            details=details,
        )
    ]


def _names(item: e.Item) -> set[str]:
    others = (item.details.get("sellerSku"), item.details.get("refId"))
    return {item.id, item.unique_id, *(str(o) for o in others if o)}


def _spread(
    order: Order, left: list[int], items: Sequence[AskedItem]
) -> tuple[e.InvoicedItem, ...]:
    """Asked units on lines that have units left: those with that price first, then in order."""
    spread: list[e.InvoicedItem] = []
    for asked in items:
        lines = [i for i, item in enumerate(order.items) if asked.id in _names(item)]
        if not lines:
            raise UnknownInvoiceItem(asked.id)
        available = sum(left[i] for i in lines)
        if not 0 < asked.quantity <= available:
            raise TooManyInvoiceItems(asked.id, available)
        lines.sort(key=lambda i: (order.items[i].price != asked.price, i))
        wanted = asked.quantity
        for i in lines:
            taken = min(wanted, left[i])
            if taken:
                price = order.items[i].price if asked.price is None else asked.price
                spread.append(e.InvoicedItem(i, taken, price, asked.description))
                left[i] -= taken
                wanted -= taken
    return tuple(spread)


def _matched(order: Order, items: Sequence[AskedItem]) -> tuple[e.InvoicedItem, ...]:
    return _spread(order, order.units_left(), items)


def _given_back(order: Order, items: Sequence[AskedItem]) -> tuple[e.InvoicedItem, ...]:
    out = [0] * len(order.items)
    for invoice in order.invoices:
        sign = 1 if invoice.type == "Output" else -1
        for item in invoice.items:
            out[item.item_index] += sign * item.quantity
    return _spread(order, out, items)


def _inferred(order: Order, value: int, *, closing: bool) -> tuple[e.InvoicedItem, ...]:
    """Without items: what is left, or the first whole lines that add up to the value exactly."""
    left, chosen, total = order.units_left(), [], 0
    for i, item in enumerate(order.items):
        if not left[i] or (not closing and total >= value):
            continue
        if not closing and left[i] != item.quantity:
            continue
        chosen.append(e.InvoicedItem(i, left[i], item.price))
        tags = sum(tag.value for tag in item.price_tags)
        total += line_total(item.price, item.quantity, item.unit_multiplier) + tags
    return tuple(chosen) if closing or total == value else ()
