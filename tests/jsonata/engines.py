"""An order to evaluate expressions on, and both engines."""

from datetime import UTC, datetime
from typing import Any

import pytest

from oms_ledger.jsonata import compile

AT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
REFERENCE, BOTH = "jsonata-python", ("jsonata-python", "jlens")
on_both_engines = pytest.mark.parametrize("engine", BOTH)

ORDER: dict[str, Any] = {
    "orderId": "v5195004lux-01",
    "status": "invoiced",
    "value": 13990,
    "salesChannel": "2",
    "origin": "Marketplace",
    "isCompleted": True,
    "cancelReason": None,
    "sellers": [{"id": "1", "name": "Loja do Zé"}],
    "items": [
        {"id": "10", "name": "Lamp", "price": 4500, "quantity": 2, "sellerSku": "L-1"},
        {"id": "11", "name": "Chair", "price": 4990, "quantity": 1, "sellerSku": "C-1"},
    ],
    "totals": [{"id": "Items", "value": 13990}, {"id": "Shipping", "value": 0}],
    "changesAttachment": {"changesData": [{"reason": "gift", "itemsAdded": [{"id": "12"}]}]},
    "packageAttachment": {"packages": [{"restitutions": {"Refund": {"value": 4500}}}]},
    "paymentData": {"transactions": [{"payments": [{"paymentSystemName": "Visa"}]}]},
    "shippingData": {"address": {"state": "RJ", "country": "BRA"}},
}


def value(text, document, engine=REFERENCE):
    return compile(text, engine).value(document, AT)


def truthy(text, document=ORDER, engine=REFERENCE):
    return compile(text, engine).truthy(document, AT)
