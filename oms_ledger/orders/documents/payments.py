"""The payments as the documents show them; card numbers and security codes never."""

from typing import Any

from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Balance

Facts = dict[str, Any]


def payment_data(order: Order) -> Facts:
    placed = order.placed
    billing = placed.invoice_data.get("billing") or {}
    payments = [_payment(one, billing.get(one.payment.id)) for one in order.balances]
    transaction = {
        "isActive": True,
        "transactionId": placed.transaction_id,
        "merchantName": placed.merchant_name,
        "payments": payments,
    }
    some = payments or placed.transaction_id
    return {"giftCards": placed.gift_cards, "transactions": [transaction] if some else []}


def _payment(balance: Balance, billing: Facts | None) -> Facts:
    payment, details = balance.payment, balance.payment.details
    connector = balance.answer.connector if balance.answer else {}
    told = {"tid": connector.get("Tid") or "", "connectorResponses": connector}
    as_discount = details.get("giftCardAsDiscount", details.get("isGiftCardDiscount"))
    return {
        **(told if connector else {}),
        **details,
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
    }
