"""A side of a sale as the system has it and as the reference has it, to be compared."""

from typing import Any

from oms_ledger.orders.order import Order
from tests.model.reference.side import Side


def of_order(order: Order) -> dict[str, Any]:
    left = {"7": 0, "9": 0}
    for line, units in zip(order.lines, order.units_left(), strict=True):
        left[line.id] += units
    return {
        "statuses": [str(status) for status, _ in order.timeline],
        "value": order.value,
        "left": left,
        "invoices": [(one.number, one.type, one.value) for one in order.invoices],
        "refunded": sum(one.refund or 0 for one in order.invoices),
        "requests": [one.denied_at is not None for one in order.requests],
        "v1": [one.change.request_id for one in order.registered_changes],
        "recorded": [kind for kind, *_ in order.receipts if kind in ("invoice", "changeOrder")],
        "v2": [(one.ended, one.aborted) for one in order.change_requests],
        "seller": order.seller if order.flow in ("marketplace", "chain") else None,
        "expired": order.expired,
    }


def of_side(side: Side) -> dict[str, Any]:
    return {
        "statuses": [status for status, _ in side.history],
        "value": side.value,
        "left": side.left,
        "invoices": [(number, *fields) for number, fields in side.invoices.items()],
        "refunded": side.refunded,
        "requests": [one.denied for one in side.requests],
        "v1": list(side.v1),
        "recorded": side.recorded,
        "v2": [(one.ended, one.aborted) for one in side.changes],
        "seller": side.chain[0] if side.delegated else None,
        "expired": side.expired,
    }


def check_money(order: Order) -> None:
    """An invoiced order has its money, a canceled one keeps none (G11, G14)."""
    held = sum(balance.held for balance in order.balances)
    captured = sum(balance.captured for balance in order.balances)
    assert held == 0, (order.order_id, str(order.status), held)
    if order.status is None or str(order.status) == "canceled":
        assert captured == 0, (order.order_id, captured)
    elif not any(one.type == "Input" for one in order.invoices):
        assert captured == order.value, (order.order_id, captured)
