"""The payments as the documents show them; card numbers and security codes never."""

from typing import Any

from oms_ledger.orders.events import Payment
from oms_ledger.orders.order import Order

Facts = dict[str, Any]


def payment_data(order: Order) -> Facts:
    placed = order.placed
    billing = placed.invoice_data.get("billing") or {}
    payments = [_payment(payment, billing.get(payment.id)) for payment in order.payments]
    transaction = {
        "isActive": True,
        "transactionId": placed.transaction_id,
        "merchantName": placed.merchant_name,
        "payments": payments,
    }
    some = payments or placed.transaction_id
    return {"giftCards": placed.gift_cards, "transactions": [transaction] if some else []}


def _payment(payment: Payment, billing: Facts | None) -> Facts:
    details = payment.details
    as_discount = details.get("giftCardAsDiscount", details.get("isGiftCardDiscount"))
    return {
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
