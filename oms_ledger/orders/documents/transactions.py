"""A transaction as the payment operations show it: given from the orders that it pays for.

A purchase of several sellers has several orders, each with its share of every payment; here the
shares are added up again. Values are cents. Instants are UTC, with `Z`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.allocation import whole
from oms_ledger.orders.payments.balances import (
    Answered,
    Balance,
    Kind,
    Request,
)
from oms_ledger.orders.payments.systems import number_of

Fields = dict[str, Any]

# What the answers to requests say; the numbers of the published examples.
_SAID = {
    Kind.SETTLE: (11, "Settling"),
    Kind.REFUND: (11, "Settling"),
    Kind.CANCEL: (13, "Finished"),
}
_APPROVED, _AUTHORIZING, _DENIED = (8, "Approved"), (3, "Authorizing"), (9, "Denied")


def status_of(balances: Iterable[Balance], denied: bool = False) -> str:
    """One word for all payments: the least that is true of every one that still counts."""
    words = [one.status for one in balances]
    alive = [word for word in words if word not in ("Cancelled", "Denied")]
    if denied or not words:
        return "Denied" if denied else "Started"
    if not alive:
        return "Denied" if "Denied" in words and "Cancelled" not in words else "Cancelled"
    for word in ("Cancelling", "Started", "Authorizing", "Approved", "Settling", "Finished"):
        if word in alive:
            begun = word == "Started" and len(set(alive)) > 1
            settling = word == "Approved" and {"Settling", "Finished", "Refunded"} & set(alive)
            return "Authorizing" if begun else "Settling" if settling else word
    return "Refunded"


def _transaction_status(orders: Sequence[Order]) -> str:
    """The one word for a purchase, as `status_of` says it of all its orders' payments."""
    balances = [one for order in orders for one in order.balances]
    return status_of(balances, denied=_was_denied(orders))


def _was_denied(orders: Sequence[Order]) -> bool:
    """Whether the last result before the workflow is a denial."""
    return any(
        order.status is None and order.money.denied_attempts and not order.money.answers
        for order in orders
    )


def payment_transaction(order: Order) -> Fields:
    """As an order's payment transaction is answered: its own share, and of cards only digits."""
    placed = order.placed
    return {
        "status": _transaction_status([order]),
        "isActive": order.status is not None or not order.expired,
        "transactionId": placed.transaction_id,
        "merchantName": placed.merchant_name,
        "payments": [_of_order(one) for one in order.balances],
    }


def _of_order(balance: Balance) -> Fields:
    payment, details = balance.payment, balance.payment.details
    connector = _connector(balance.answer)
    return {
        "id": payment.id,
        "paymentSystem": payment.payment_system,
        "paymentSystemName": payment.payment_system_name,
        "value": payment.value,
        "installments": payment.installments,
        "referenceValue": payment.reference_value,
        "cardHolder": None,
        "cardNumber": None,
        "firstDigits": details.get("firstDigits") or details.get("bin") or "",
        "lastDigits": details.get("lastDigits") or "",
        "cvv2": None,
        "expireMonth": None,
        "expireYear": None,
        "url": details.get("url"),
        "giftCardId": details.get("giftCardId"),
        "giftCardName": details.get("giftCardName"),
        "giftCardCaption": details.get("giftCardCaption"),
        "redemptionCode": details.get("redemptionCode"),
        "group": payment.group,
        "tid": connector["Tid"],
        "dueDate": details.get("dueDate"),
        "connectorResponses": {**connector, "authId": connector["authId"] or ""},
    }


def _connector(answer: Answered | None) -> Fields:
    content = answer.connector if answer else {}
    return {
        "Tid": content.get("Tid") or "",
        "ReturnCode": content.get("ReturnCode"),
        "Message": content.get("Message"),
        "authId": content.get("authId"),
    }


def transaction(orders: Sequence[Order]) -> Fields:
    """The details of a transaction."""
    first, placed = orders[0], orders[0].placed
    here = f"/api/pvt/transactions/{placed.transaction_id}"
    links = ("interactions", "settlements", "payments", "refunds", "cancellations", "capabilities")
    settled, refunded, canceled = (_last(orders, kind) for kind in Kind)
    authorized = [a for a in first.money.answers if a.outcome == "approved"]
    whole_is_approved = all(one.approved >= one.payment.value for one in first.balances)
    approval = max(authorized, key=lambda a: a.at) if authorized and whole_is_approved else None
    profile = placed.client_profile
    return {
        "id": placed.transaction_id,
        "transactionId": placed.transaction_id,
        "referenceKey": placed.order_group,
        **{name: {"href": f"{here}/{name}"} for name in links},
        "timeoutStatus": 0,
        "totalRefunds": sum(order.money.total(Kind.REFUND, done=True) for order in orders),
        "status": _transaction_status(orders),
        "value": sum(payment.value for order in orders for payment in order.payments),
        "receiverUri": None,
        "startDate": spell(first.created_at, PII_ZONE),
        "authorizationToken": approval and _token(approval.receipt),
        "authorizationDate": _maybe(approval.at if approval else None),
        "commitmentToken": settled and _token(settled.receipt),
        "commitmentDate": _maybe(settled.done_at if settled else None),
        "refundingToken": refunded and _token(refunded.receipt),
        "refundingDate": _maybe(refunded.done_at if refunded else None),
        "cancelationToken": canceled and _token(canceled.receipt),
        "cancelationDate": _maybe(canceled.done_at if canceled else None),
        "fields": [{"name": "owner", "value": first.account}],
        "shopperInteraction": "ecommerce",
        "ipAddress": None,
        "sessionId": None,
        "macId": "",
        "vtexFingerprint": None,
        "chargeback": None,
        "whiteSignature": None,
        "owner": first.account,
        "orderId": placed.order_group,
        "userAgent": "",
        "acceptHeader": "",
        "antifraudTid": None,
        "antifraudResponse": None,
        "antifraudReference": None,
        "antifraudAffiliationId": None,
        "channel": placed.merchant_name,
        "salesChannel": placed.sales_channel,
        "urn": None,
        "softDescriptor": None,
        "markedForRecurrence": False,
        "buyer": _buyer(profile) if profile else None,
    }


def _buyer(profile: events.Json) -> Fields:
    """Who pays, with all but the beginnings crossed out, as the published example has it."""

    def crossed(name: str, shown: int) -> str:
        text = str(profile.get(name) or "")
        return text[:shown] + "X" * max(0, len(text) - shown)

    return {
        "firstName": crossed("firstName", 2),
        "lastName": crossed("lastName", 2),
        "documentType": str(profile.get("documentType") or ""),
        "document": crossed("document", 3),
        "email": crossed("email", 2),
        "address": "",
        "phone": crossed("phone", 3),
    }


def payments(orders: Sequence[Order]) -> list[Fields]:
    """The payments of a purchase, the shares of its orders added up."""
    return [_payment(orders, payment) for payment in whole(orders)]


def payment(orders: Sequence[Order], payment_id: str) -> Fields | None:
    """One of them, by its id in any case; None where there is none."""
    found = (one for one in whole(orders) if one.id.upper() == payment_id.upper())
    return next((_payment(orders, one) for one in found), None)


def _payment(orders: Sequence[Order], payment: events.Payment) -> Fields:
    shares = [one for order in orders for one in order.balances if one.payment.id == payment.id]
    answer = next((one.answer for one in shares if one.answer), None)
    connector = {**_connector(answer), "nsu": (answer and answer.connector.get("nsu")) or ""}
    details, placed, system = payment.details, orders[0].placed, payment.payment_system
    installment = -(-payment.value // payment.installments)
    approved = answer is not None and answer.outcome == "approved"
    known = ("accountId", "tokenId", "bin", "firstDigits", "lastDigits", "dueDate")
    return {
        "id": payment.id,
        "paymentSystem": number_of(system) or 0,
        "paymentSystemName": payment.payment_system_name,
        "merchantName": placed.merchant_name,
        "group": payment.group,
        "userProfileId": None,
        "isCustom": payment.group == "custom",
        "allowInstallments": payment.group == "creditCard",
        "requiresAuthentication": False,
        "allowIssuer": payment.group == "creditCard",
        "allowNotification": payment.group != "creditCard",
        "isAvailable": True,
        "description": answer.reason if answer else None,
        "authorizationDate": spell(answer.at, PII_ZONE) if answer and approved else None,
        "self": {"href": f"/api/pvt/transactions/{placed.transaction_id}/payments/{payment.id}"},
        "tid": connector["Tid"] or None,
        "nsu": connector["nsu"] or None,
        "returnCode": connector["ReturnCode"],
        "returnMessage": connector["Message"] or (answer.reason if answer else None),
        "status": status_of(shares),
        "connector": None,
        "ConnectorResponses": connector,
        "connectorResponse": connector,
        "ShowConnectorResponses": True,
        "value": payment.value,
        "installmentsInterestRate": 0,
        "installmentsValue": installment,
        "referenceValue": payment.reference_value,
        "installments": payment.installments,
        "currencyCode": placed.store_preferences.get("currencyCode"),
        "provider": None,
        "isBillingAddressDifferent": None,
        "isRegexValid": None,
        "isLuhnValid": None,
        "fields": [{"name": k, "value": str(details[k])} for k in known if details.get(k)],
        "sheets": None,
        "originalPaymentId": None,
    }


def movements(orders: Sequence[Order], kind: Kind) -> Fields:
    """What was requested of a kind, and what of each payment was done."""
    requested = [
        (order, one) for order in orders for one in order.money.requests if one.kind is kind
    ]
    requested.sort(key=lambda pair: (pair[1].at, pair[0].order_id))
    return {
        "requests": [
            {"id": one.id, "date": spell(one.at, PII_ZONE), "value": one.value}
            for _, one in requested
        ],
        "actions": [
            _action(order, one, part)
            for order, one in requested
            for part in one.parts
            if one.done_at
        ],
    }


_TYPES = {Kind.SETTLE: "settlement", Kind.REFUND: "refund", Kind.CANCEL: "cancellation"}


def _action(order: Order, request: Request, part: events.Part) -> Fields:
    assert request.done_at is not None
    here = f"/api/pvt/transactions/{order.placed.transaction_id}/payments/{part.payment_id}"
    by_hand = request.cause == "request"
    return {
        "paymentId": part.payment_id,
        "payment": {"href": here},
        "date": spell(request.done_at, PII_ZONE),
        "type": _TYPES[request.kind] if by_hand else f"auto-{_TYPES[request.kind]}",
        "value": part.value,
        "connectorResponse": request.connector.get("Message"),
    }


def request_answer(kind: Kind, requests: Sequence[Request]) -> Fields:
    """The answer to a request: the same whenever it is repeated, whatever came of it since."""
    value, first = sum(one.value for one in requests), requests[0]
    number, word = _SAID[kind]
    return {
        **_answer(number, word, _token(first.id), first.at),
        "refundedValue": value if kind is Kind.REFUND else 0,
        "cancelledValue": value if kind is Kind.CANCEL else 0,
    }


def authorization_answer(orders: Sequence[Order], now: datetime) -> Fields:
    """Where the authorization of a transaction stands."""
    status = _transaction_status(orders)
    spoken = {"Denied": _DENIED, "Cancelled": _DENIED, "Started": _AUTHORIZING}
    spoken |= {"Authorizing": _AUTHORIZING}
    number, word = spoken.get(status, _APPROVED)
    answers = [one for order in orders for one in (*order.money.past_answers, *order.money.answers)]
    last = max(answers, key=lambda one: one.at, default=None)
    token = (last and last.receipt) or orders[0].placed.transaction_id
    reason = last.reason if last and word == "Denied" else None
    return {**_answer(number, word, _token(token), last.at if last else now), "message": reason}


def _answer(number: int, word: str, token: str | None, at: datetime) -> Fields:
    return {
        "id": None,
        "token": token,
        "status": number,
        "statusDetail": word,
        "processingDate": spell(at, PII_ZONE),
        "refundedValue": 0,
        "refundedToken": None,
        "message": None,
        "code": None,
        "connectorRefundedValue": 0,
        "cancelledValue": 0,
    }


def _token(receipt: str | None) -> str | None:
    return receipt.upper() if receipt else None


def _maybe(at: datetime | None) -> str | None:
    return spell(at, PII_ZONE) if at else None


def _last(orders: Sequence[Order], kind: Kind) -> Request | None:
    done = [
        one
        for order in orders
        for one in order.money.requests
        if one.kind is kind and one.done_at is not None
    ]
    return max(done, key=lambda one: (one.done_at, one.id), default=None)


def interaction(event: events.PaymentEvent, order: Order, actor: str, at: datetime) -> Fields:
    """One line of what happened to the money of an order."""
    return {
        "TransactionId": order.placed.transaction_id,
        "PaymentId": getattr(event, "payment_id", None),
        "OrderId": order.order_id,
        "Source": actor,
        "Status": type(event).__name__,
        "Date": spell(at, PII_ZONE),
        "Message": _message(event),
    }


def _message(event: events.PaymentEvent) -> str:
    """What an event says, without what says of a person."""
    content = [
        f"{name}: {getattr(event, name)}"
        for name in ("value", "cause", "request_id", "receipt", "reason")
        if getattr(event, name, None) is not None
    ]
    return ", ".join(content)
