"""Which mails an order's events make the ledger send to its customer (contract 07 §1).

Each occasion has a key, so that one mail is sent. The account that sold the order sends it; what a
mail says of the person is read from the order when it is written.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from oms_ledger.notifications.channel import CUSTOMER, CUSTOMER_LATER
from oms_ledger.notifications.mail import is_address
from oms_ledger.orders import events
from oms_ledger.orders.conversation import texts
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage
from oms_ledger.orders.policies.state import DENIED, is_pending, next_authorizer
from oms_ledger.orders.status import Status

KIND, REMINDER = "mail", "reminder"
"""What a message is: said at once, or said later if it is still true then."""
REMINDED_AFTER = timedelta(hours=48)
"""From the placement until a customer is reminded of a payment that did not come."""

_SOLD_HERE = ("complete", "marketplace")
_TRACKED = ("trackingNumber", "trackingUrl")


def _mail(template: str, about: str = "", **body: Any) -> OutboxMessage:
    key = f"{template}/{about}" if about else template
    return OutboxMessage(CUSTOMER, KIND, key, {"template": template, **body})


def _once(template: str) -> Callable[[Order, Any, Order], Iterable[OutboxMessage]]:
    return lambda before, event, after: [_mail(template)]


def _reminder(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    if after.status is Status.PAYMENT_PENDING:
        body = {"template": texts.PAYMENT_PENDING}
        at = after.created_at + REMINDED_AFTER
        yield OutboxMessage(CUSTOMER_LATER, REMINDER, texts.PAYMENT_PENDING, body, at)


def _changed_v1(
    before: Order, event: events.ChangeRegistered, after: Order
) -> Iterable[OutboxMessage]:
    yield _mail(texts.ORDER_CHANGED, event.request_id, change=event.request_id)


def _changed_v2(
    before: Order, event: events.ChangeApplied, after: Order
) -> Iterable[OutboxMessage]:
    yield _mail(texts.ORDER_CHANGED_V2, event.request_id, change=event.request_id)


def _denied(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    shipped = any(_is_tracked(invoice) for invoice in after.invoices)
    template = texts.SHIPPED_WITH_REQUEST if shipped else texts.INVOICED_WITH_REQUEST
    request = after.requests[-1].id if after.requests else ""
    yield _mail(template, request, request=request)


def _invoice(before: Order, event: events.InvoiceIssued, after: Order) -> Iterable[OutboxMessage]:
    if event.type == "Input":
        if event.refund:
            yield _mail(texts.ORDER_REFUNDED, event.number, invoice=event.number)
        return
    yield from _shipped(before, event, after)


def _shipped(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    invoice = after.invoice(event.number)
    if invoice is not None and invoice.type == "Output" and _is_tracked(invoice):
        yield _mail(texts.ORDER_SHIPPED, invoice.number, invoice=invoice.number)


def _tracking(
    before: Order, event: events.TrackingReported, after: Order
) -> Iterable[OutboxMessage]:
    invoice = after.invoice(event.number)
    if invoice is None or invoice.type != "Output":
        return
    for one in event.events if _is_tracked(invoice) else ():
        fields = f"{one.at.isoformat()}\x1f{one.description}\x1f{one.city}\x1f{one.state}"
        about = f"{invoice.number}/{hashlib.sha256(fields.encode()).hexdigest()[:16]}"
        news = ", ".join(filter(None, (one.description, one.city, one.state)))
        yield _mail(texts.SHIPPING_UPDATE, about, invoice=invoice.number, news=news)
    if event.delivered_at is not None:
        yield _mail(texts.SHIPPING_FINISHED, invoice.number, invoice=invoice.number)


def _is_tracked(invoice: events.InvoiceIssued) -> bool:
    return all(invoice.details.get(name) for name in _TRACKED)


def _evaluated(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    """Notify the buyer of a denial, and who is to decide of their turn."""
    authorization = after.authorization
    if authorization is None:
        return
    if authorization.outcome().status == DENIED:
        yield _mail(texts.BUYER_DENIED)
    if after.status is not Status.WAITING_FOR_ORDER_AUTHORIZATION:
        return
    for dimension in authorization.dimensions:
        for rule in dimension.rules:
            if not is_pending(authorization, dimension, rule):
                continue
            expected = [next_authorizer(rule)] if rule.require_all else rule.authorizers
            for at, one in enumerate(rule.authorizers):
                if one in expected and one.authorized_at is None and is_address(one.id):
                    about = f"{dimension.id}\x1f{rule.id}\x1f{one.id}"  # keys name nobody
                    key = hashlib.sha256(about.encode()).hexdigest()[:16]
                    place = {"dimension": dimension.id, "rule": rule.id, "authorizer": at}
                    yield _mail(texts.APPROVER, key, **place)


def _held(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
    yield _mail(texts.BUYER)
    yield from _evaluated(before, event, after)


_RULES: Mapping[type, Callable[[Order, Any, Order], Iterable[OutboxMessage]]] = {
    events.WorkflowCreated: _once(texts.NEW_ORDER),
    events.SellerConfirmed: _reminder,
    events.SellerChanged: _reminder,
    events.PaymentApproved: _once(texts.PAYMENT_APPROVED),
    events.ChangeRegistered: _changed_v1,
    events.ChangeApplied: _changed_v2,
    events.FullyInvoiced: _once(texts.ORDER_INVOICED),
    events.InvoiceIssued: _invoice,
    events.InvoiceCompleted: _shipped,
    events.TrackingChanged: _shipped,
    events.TrackingReported: _tracking,
    events.Canceled: _once(texts.ORDER_CANCELLED),
    events.CancellationDenied: _denied,
    events.InvoicedDespiteRequest: _denied,
    events.OrderAuthorizationAwaited: _held,
    events.OrderAuthorizationJudged: _evaluated,
    events.PolicyRuleScored: _evaluated,
    events.OrderAuthorizationRevised: _evaluated,
}


def _by_who_sold(
    rule: Callable[[Order, Any, Order], Iterable[OutboxMessage]],
) -> Callable[[Order, Any, Order], Iterable[OutboxMessage]]:
    def messages(before: Order, event: Any, after: Order) -> Iterable[OutboxMessage]:
        return rule(before, event, after) if after.flow in _SOLD_HERE else ()

    return messages


MESSAGES = {event: _by_who_sold(rule) for event, rule in _RULES.items()}
