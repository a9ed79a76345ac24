"""The payments as the documents show them; card numbers and security codes never."""

from collections.abc import Mapping
from typing import Any

from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Balance

Facts = dict[str, Any]


def payment_data(order: Order) -> Facts:
    """The order's transaction; of an imported order each one that its document had."""
    placed = order.placed
    billing = placed.invoice_data.get("billing") or {}
    payments = {
        one.payment.id: _payment(one, billing.get(one.payment.id)) for one in order.balances
    }
    told = placed.details.get("paymentData") if order.imported else None
    if isinstance(told, Mapping) and told.get("transactions"):
        return {"giftCards": placed.gift_cards, **told, **_transactions(told, payments)}
    transaction = {
        "isActive": True,
        "transactionId": placed.transaction_id,
        "merchantName": placed.merchant_name,
        "payments": list(payments.values()),
    }
    some = payments or placed.transaction_id
    return {
        "giftCards": placed.gift_cards,
        **(told or {}),
        "transactions": [transaction] if some else [],
    }


def _transactions(told: Mapping[str, Any], payments: Mapping[str, Facts]) -> Facts:
    """The transactions that were told, with what is known now of their payments.

    A payment that came to the order since is of the first.
    """
    known = {one["id"] for each in told["transactions"] for one in each["payments"]}
    more = [payment for payment_id, payment in payments.items() if payment_id not in known]
    shown = [
        {**each, "payments": [payments.get(one["id"], one) for one in each["payments"]]}
        for each in told["transactions"]
    ]
    shown[0]["payments"] += more
    return {"transactions": shown}


def _payment(balance: Balance, billing: Facts | None) -> Facts:
    payment, details = balance.payment, balance.payment.details
    connector = balance.answer.connector if balance.answer else {}
    told = {"tid": connector.get("Tid") or "", "connectorResponses": connector}
    as_discount = details.get("giftCardAsDiscount", details.get("isGiftCardDiscount"))
    return {
        **(told if connector else {}),
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
