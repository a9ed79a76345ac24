"""What falls due when: placements that expire, windows that close, decisions that are late."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.records import micros
from oms_ledger.orders.changes.v1_payment import register_by
from oms_ledger.orders.changes.v2 import expires_at
from oms_ledger.orders.handling.deadlines import TIME_TO_AUTHORIZE, TIME_TO_DECIDE
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import TIME_TO_PAY
from oms_ledger.orders.status import Status
from projections.sql.upserts import upsert
from projections.tables import timers as t

SUBSCRIPTION = "timers"

_DELETE = delete(t).where(t.c.account == bindparam("a"), t.c.order_id == bindparam("o"))


class Timers:
    """Destination of the subscription `due-times`: at most one timer an order, the next one."""

    view_version = 1

    def produce(self, page: Page) -> dict[tuple[str, str], dict[str, Any]]:
        """What is due next for each order that the page says something of."""
        due: dict[tuple[str, str], dict[str, Any]] = {}
        for step in page.steps():
            if isinstance(order := step.after.state, Order):
                due[order.account, order.order_id] = timer(order)
        return due

    def store(self, connection: Connection, produced: object) -> None:
        """Set what is due; an order of which nothing is has no row."""
        assert isinstance(produced, dict)
        if not produced:
            return
        gone = [{"a": a, "o": o} for (a, o), due in produced.items() if not due]
        if gone:
            connection.execute(_DELETE, gone)
        set_ = [{"account": a, "order_id": o, **due} for (a, o), due in produced.items() if due]
        if set_:
            connection.execute(upsert(connection, t), set_)


def timer(order: Order) -> dict[str, Any]:
    """What the order waits for and until when; empty when it waits for no time."""
    if order.status is None and not order.expired and not order.imported:
        return {"kind": "placement", "due_at": micros(order.created_at + TIME_TO_PAY)}
    due = min(_due_at(order), key=lambda one: one[1], default=None)
    return {} if due is None else {"kind": due[0], "due_at": micros(due[1])}


def _due_at(order: Order) -> Iterator[tuple[str, datetime]]:
    """What ends an order's rest in its status, and when; and its changes.

    An import without timers rests in the status that it came with.
    """
    if order.timers or len(order.timeline) > 1:
        yield from _of_status(order)
    if expires := expires_at(order):
        yield "change-request", expires
    if until := register_by(order):
        yield "prepared-change", until


def _of_status(order: Order) -> Iterator[tuple[str, datetime]]:
    match order.status:
        case Status.WINDOW_TO_CANCEL if order.closes_at:
            yield "cancellation-window", order.closes_at
        case Status.WINDOW_TO_CHANGE_SELLER if order.closes_at:
            yield "seller-window", order.closes_at
        case Status.WAITING_FOR_AUTHORIZATION if order.closes_at:
            yield "seller-answer", order.closes_at
        case Status.PAYMENT_PENDING if order.money.due_at:
            yield "payment", order.money.due_at
        case Status.WAITING_FFMT_AUTHORIZATION if order.moved_at:
            yield "authorization", order.moved_at + TIME_TO_AUTHORIZE
        case Status.CANCELLATION_REQUESTED if order.moved_at:
            yield "cancellation-decision", order.moved_at + TIME_TO_DECIDE
        case Status.WAITING_FOR_SELLER_DECISION if order.moved_at and not order.overdue:
            yield "seller-decision", order.moved_at + TIME_TO_DECIDE


def due(connection: Connection, now: int, limit: int = 500) -> list[tuple[str, str, str]]:
    """Account, order and what is due, oldest first; of accounts that the cell hosts now."""
    query = select(t.c.account, t.c.order_id, t.c.kind).where(
        t.c.due_at <= now, hosting.is_live(t.c.account)
    )
    return [tuple(row) for row in connection.execute(query.order_by(t.c.due_at).limit(limit))]


def next_due(connection: Connection) -> int | None:
    """When something is due next, in microseconds, of the accounts that this cell serves."""
    return connection.execute(
        select(func.min(t.c.due_at)).where(hosting.is_live(t.c.account))
    ).scalar_one_or_none()
