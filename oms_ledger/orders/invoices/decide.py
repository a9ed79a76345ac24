"""Invoices: one may cover part of an order, and the last one completes it (contract 02 §10)."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import datetime

from oms_ledger.orders import events as e
from oms_ledger.orders.changes.refusals import ChangeInProgress
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.invoices.matching import InvoiceItemInput, inferred, to_invoice
from oms_ledger.orders.invoices.returns import return_items
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    InvalidItemIndex,
    InvoiceExceedsOrder,
    InvoiceNotAllowed,
    InvoiceNumberTaken,
    InvoiceWithoutValue,
    NoWorkflow,
    TooManyInvoiceItems,
    UnknownInvoiceItem,
)
from oms_ledger.orders.status import Status

__all__ = ["InvoiceItemInput", "issue_invoice"]

TRACKING = ("trackingNumber", "trackingUrl", "courier", "dispatchedDate")

_TAKES_OUTPUT = {
    Status.READY_FOR_HANDLING,
    Status.HANDLING,
    Status.WAITING_FOR_FULFILLMENT,
    Status.READY_FOR_INVOICING,
    Status.CANCELLATION_REQUESTED,
    Status.WAITING_SELLER_HANDLING,
    Status.WAITING_FOR_SELLER_DECISION,
}
_CHECKED_APART = ("marketplace", "chain")  # even an invoice of a part passes `invoice` there


def issue_invoice(
    order: Order,
    context: DecisionContext,
    *,
    number: str,
    type: str,
    value: int,
    issued_at: datetime,
    items: Sequence[InvoiceItemInput] = (),
    details: e.Json | None = None,
    refund: int | None = None,
    once: bool = False,
    receipted: bool = False,
    lenient: bool = False,
) -> list[e.OrderEvent]:
    """Record an invoice of `value` cents; `refund` is what an Input asks to give back, if given.

    A repeated number of the same type fills in tracking that was empty and changes nothing else;
    when `receipted`, it gets a receipt of its own. With `once`, only the very same invoice may
    come again, and nothing comes of it. With `lenient`, items that do not match the order are
    taken as if none had been sent.
    """
    if order.status is None:
        raise NoWorkflow(order.order_id)
    details = details or {}
    content = _digest(type, value, issued_at, items, details, refund)
    if known := order.invoice(number):
        if known.type != type or (once and known.content != content):
            raise InvoiceNumberTaken(known.number)
        if once:
            return []
        completed = _completed(known, details)
        if not receipted:
            return completed
        ignored = _ignored(known, value, issued_at, details, content)
        return [
            *completed,
            e.InvoiceRepeated(number=known.number, receipt=context.receipt, ignored=ignored),
        ]
    if order.change_in_progress:
        raise ChangeInProgress()  # what is left to invoice is about to change (G22)
    issued = e.InvoiceIssued(
        number=number,
        type=type,
        value=value,
        issued_at=issued_at,
        receipt=context.receipt,
        details=details,
        content=content,
    )
    if type == "Input":
        if not value:
            raise InvoiceWithoutValue(order.value - order.invoiced_value)
        return return_items(order, issued, items, refund)
    return _invoiced(order, context, issued, items, lenient=lenient)


def _invoiced(
    order: Order,
    context: DecisionContext,
    issued: e.InvoiceIssued,
    items: Sequence[InvoiceItemInput],
    *,
    lenient: bool,
) -> list[e.OrderEvent]:
    assert order.status is not None
    if order.status not in _TAKES_OUTPUT and not order.allows(e.InvoiceVerified):
        raise InvoiceNotAllowed(order.order_id, order.status)
    total = order.invoiced_value + issued.value
    if total > order.value:
        raise InvoiceExceedsOrder()
    if not issued.value and total < order.value:
        raise InvoiceWithoutValue(order.value - total)
    complete = total == order.value
    units = _matched(order, items, lenient=lenient) if items else None
    guessed = units is None
    if units is None:
        units = inferred(order, issued.value, closing=complete)
    issued = replace(issued, items=units, inferred=guessed)
    events = _recorded(order, context, issued, complete=complete)
    if guessed and not units:
        answer = f"Invoice {issued.number}: no lines add up to its value, so it has no items"
        events.append(e.InteractionLogged(source="invoice", message=answer))
    return events


def _matched(
    order: Order, items: Sequence[InvoiceItemInput], *, lenient: bool
) -> tuple[e.InvoicedItem, ...] | None:
    try:
        return to_invoice(order, items)
    except (UnknownInvoiceItem, TooManyInvoiceItems, InvalidItemIndex):
        if lenient:
            return None
        raise


def _recorded(
    order: Order, context: DecisionContext, issued: e.InvoiceIssued, *, complete: bool
) -> list[e.OrderEvent]:
    if order.status is Status.READY_FOR_HANDLING:  # an invoice implies that handling started
        begun = with_automatic_transitions(order, [e.HandlingRequested()], context)
        after = [issued, e.InvoiceVerified()] if complete else [issued]
        return with_automatic_transitions(order, [*begun, *after], context)
    if order.status is Status.CANCELLATION_REQUESTED:
        return with_automatic_transitions(order, [issued, e.InvoicedDespiteRequest()], context)
    if complete or order.flow in _CHECKED_APART:
        return with_automatic_transitions(order, [issued, e.InvoiceVerified()], context)
    return [issued]


def _completed(known: e.InvoiceIssued, details: e.Json) -> list[e.OrderEvent]:
    news = {k: details[k] for k in TRACKING if details.get(k) and not known.details.get(k)}
    return [e.InvoiceCompleted(number=known.number, details=news)] if news else []


def _ignored(
    known: e.InvoiceIssued, value: int, issued_at: datetime, details: e.Json, content: str
) -> tuple[str, ...]:
    """What differs from the first time, by name."""
    fields = {"invoiceValue": value, "issuanceDate": issued_at, **details}
    first = {"invoiceValue": known.value, "issuanceDate": known.issued_at, **known.details}
    completes = {k for k in TRACKING if not known.details.get(k)}
    differing = [k for k, v in fields.items() if v and v != first.get(k)]
    if content != known.content and not differing:
        return ("items",)
    return tuple(name for name in differing if name not in completes)


def _digest(
    type: str,
    value: int,
    issued_at: datetime,
    items: Sequence[InvoiceItemInput],
    details: e.Json,
    refund: int | None,
) -> str:
    """Of what was sent, so that the same invoice is known again whatever happened since."""
    fields = {k: v for k, v in sorted(details.items()) if v not in (None, "", [], {})}
    sent = [type, value, str(issued_at), [astuple(item) for item in items], fields, refund]
    text = json.dumps(sent, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
