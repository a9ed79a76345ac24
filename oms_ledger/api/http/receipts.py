"""The answer of an action: `{date, orderId, receipt}`, and what got about its cause."""

import hashlib
from datetime import datetime

from fastapi import Request, Response

from oms_ledger.api.orders.documents import json_response
from oms_ledger.orders.instants import OMS_ZONE, PII_ZONE, spell
from oms_ledger.orders.order import Order


def receipt(order: Order, request: Request, number: str, at: datetime) -> Response:
    """An imported fact has no receipt of its own and gets a stable one."""
    number = number or hashlib.sha256(order.order_id.encode()).hexdigest()[:32]
    zone = OMS_ZONE if request.scope["path"].startswith("/api/oms") else PII_ZONE
    return json_response({"date": spell(at, zone), "orderId": order.order_id, "receipt": number})


def request_id(request: Request) -> str:
    """The id of the request, its client's or ours."""
    fields: str = request.scope["state"]["request_id"]
    return fields


def cancellation_receipt(order: Order) -> tuple[str, datetime]:
    """Receipt and date of the cancellation, else of the latest request for one."""
    if order.cancellation is not None:
        return order.cancellation.receipt, order.canceled_at or order.changed_at
    requested = [
        (number, at) for kind, number, at in order.receipts if kind == "cancellationRequest"
    ]
    return requested[-1] if requested else ("", order.changed_at)
