"""The payments as the documents show them; card numbers and security codes never."""

from collections.abc import Mapping
from typing import Any

from oms_ledger.orders.marketplace.shared_payments import TRANSACTION, assumed
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Balance

Fields = dict[str, Any]


def payment_data(order: Order) -> Fields:
    """The order's transaction; of an imported order each one that its document had."""
    placed = order.placed
    billing = placed.invoice_data.get("billing") or {}
    payments = {
        one.payment.id: _payment(one, billing.get(one.payment.id)) for one in order.balances
    }
    content = placed.details.get("paymentData") if order.imported else None
    if isinstance(content, Mapping) and content.get("transactions"):
        return {"giftCards": placed.gift_cards, **content, **_transactions(content, payments)}
    transaction = {
        "isActive": True,
        "transactionId": placed.transaction_id,
        "merchantName": placed.merchant_name,
        "payments": list(payments.values()),
    }
    if order.flow in ("seller", "chain") and not order.imported and not placed.transaction_id:
        transaction |= _paid_above(order)
    some = transaction["payments"] or placed.transaction_id
    return {
        "giftCards": placed.gift_cards,
        **(content or {}),
        "transactions": [transaction] if some else [],
    }


def _paid_above(order: Order) -> Fields:
    """How the order was paid where it was sold; no transaction of ours."""
    placed = order.placed
    value = order.value if placed.paid_above is None else placed.paid_above
    reference = value if placed.paid_for is None else placed.paid_for
    payments = order.shared_payments or (assumed(placed.affiliate_id, value, reference),)
    return {"transactionId": TRANSACTION, "payments": [{"tid": "", **one} for one in payments]}


def _transactions(content: Mapping[str, Any], payments: Mapping[str, Fields]) -> Fields:
    """The transactions that were imported, with what is known now of their payments.

    A payment that came to the order since is of the first.
    """
    known = {one["id"] for each in content["transactions"] for one in each["payments"]}
    more = [payment for payment_id, payment in payments.items() if payment_id not in known]
    shown = [
        {**each, "payments": [payments.get(one["id"], one) for one in each["payments"]]}
        for each in content["transactions"]
    ]
    shown[0]["payments"] += more
    return {"transactions": shown}


def _payment(balance: Balance, billing: Fields | None) -> Fields:
    payment, details = balance.payment, balance.payment.details
    connector = balance.answer.connector if balance.answer else {}
    content = {"tid": connector.get("Tid") or "", "connectorResponses": connector}
    as_discount = details.get("giftCardAsDiscount", details.get("isGiftCardDiscount"))
    return {
        **(content if connector else {}),
        "id": payment.id,
        "paymentSystem": payment.payment_system,
        "paymentSystemName": payment.payment_system_name,
        "group": payment.group,
        "value": payment.value,
        "referenceValue": payment.reference_value,
        "installments": payment.installments,
        "giftCardAsDiscount": as_discount,
        "isGiftCardDiscount": as_discount,
        "billingAddress": billing or details.get("billingAddress"),
        **details,
    }
