"""How an order was paid elsewhere, as far as its marketplace shares that.

It is no transaction: nothing is requested of a gateway. Card digits and holders are not kept.
"""

from typing import Any

from oms_ledger.orders.amounts import cents, count
from oms_ledger.orders.events import Json
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.systems import CUSTOM, name_and_group

TRANSACTION = "PAYMENT-FROM-AFFILIATE"
UNKNOWN, PROMISSORY = "0", "promissory"
_RESPONSES = ("acquirerCnpj", "authId", "Message")


def read_shared(data: Any) -> tuple[Json, ...]:
    """The payments of a `paymentData`; an unknown method is kept by its label, never refused."""
    if not isinstance(data, dict):
        return ()
    given = data.get("payments")
    if not isinstance(given, list):
        transactions = data.get("transactions")
        first = transactions[0] if isinstance(transactions, list) and transactions else None
        given = first.get("payments") if isinstance(first, dict) else None
    shared = data.get("connectorResponses")
    return tuple(
        _payment(one, shared if number == 0 else None)
        for number, one in enumerate(given if isinstance(given, list) else ())
        if isinstance(one, dict)
    )


def _payment(raw: Json, beside: Any) -> Json:
    system = raw.get("paymentSystem")
    named = isinstance(system, str | int) and not isinstance(system, bool)
    code, said = str(system).strip() if named else "", _text(raw.get("group"))
    name, group = name_and_group(code)
    if group == CUSTOM and not said:  # nobody says what it is
        code, name, group = UNKNOWN, code or name, PROMISSORY
    value = cents(raw.get("value"), text=True) or 0
    reference = cents(raw.get("referenceValue"), text=True)
    responses = raw.get("connectorResponses") or beside
    given = responses if isinstance(responses, dict) else {}
    return {
        "paymentSystem": code or UNKNOWN,
        "paymentSystemName": _text(raw.get("paymentSystemName")) or name,
        "value": value,
        "installments": count(raw.get("installments"), text=True) or 1,
        "referenceValue": value if reference is None else reference,
        "group": said or group,
        "connectorResponses": {key: str(given[key]) for key in _RESPONSES if given.get(key)},
    }


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def payment_methods(order: Order) -> list[str]:
    """How an order was paid, each method once: `creditCardPaymentGroup`.

    An order that has no payments of its own says what the level above said.
    """
    if order.payments:
        return list(dict.fromkeys(f"{one.group}PaymentGroup" for one in order.payments))
    info = order.placed.invoice_data.get("userPaymentInfo")
    given = info.get("paymentMethods") if isinstance(info, dict) else None
    return [str(one) for one in given] if isinstance(given, list) else []


def assumed(affiliate: str, value: int, reference: int) -> Json:
    """What stands for a payment that the marketplace does not share."""
    return {
        "paymentSystem": UNKNOWN,
        "paymentSystemName": f"Assumed value by affiliate {affiliate}",
        "value": value,
        "installments": 1,
        "referenceValue": reference,
        "group": PROMISSORY,
        "connectorResponses": {},
    }
