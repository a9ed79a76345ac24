"""Order views: the document as Get order answers it, and the row that List orders shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.ledger.entry import Row, micros, order_stream
from oms_ledger.ledger.folds import Folds
from oms_ledger.ledger.tables import events
from oms_ledger.orders.documents import list_row, oms_document
from oms_ledger.orders.order import Order
from projections.tables import order_views as t

CURSOR = "order-views"

_HEAD_VERSION = (
    select(func.max(events.c.version)).where(events.c.stream == bindparam("stream"))
).scalar_subquery()
_ONE = select(
    _HEAD_VERSION,
    select(t.c.version)
    .where(t.c.account == bindparam("account"), t.c.order_id == bindparam("order_id"))
    .scalar_subquery(),
    select(t.c.document)
    .where(t.c.account == bindparam("account"), t.c.order_id == bindparam("order_id"))
    .scalar_subquery(),
)


class OrderViews:
    """Destination of the cursor `order-views`: each order as it is after its latest entry."""

    def produce(self, rows: Sequence[Row], folds: Folds) -> list[dict[str, Any]]:
        latest: dict[str, tuple[Order, int]] = {}
        for row, _, folded in folds.follow(rows):
            if isinstance(folded.state, Order):
                latest[row.stream] = (folded.state, row.version)
        return [view(order, version) for order, version in latest.values()]

    def store(self, connection: Connection, produced: object) -> None:
        assert isinstance(produced, list)
        if not produced:
            return
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        upsert = dialect.insert(t)
        columns = {c.name: upsert.excluded[c.name] for c in t.c if not c.primary_key}
        upsert = upsert.on_conflict_do_update(
            index_elements=["account", "order_id"],
            set_=columns,
            where=t.c.version <= upsert.excluded.version,  # a rebuild never sets a row back
        )
        connection.execute(upsert, produced)


def view(order: Order, version: int) -> dict[str, Any]:
    """The columns of an order's view."""
    return {
        "account": order.account,
        "order_id": order.order_id,
        "version": version,
        "order_group": order.placed.order_group,
        "sequence": order.placed.sequence,
        "complete": order.status is not None,
        "status": None if order.status is None else str(order.status),
        "created_at": micros(order.created_at),
        "authorized_at": order.authorized_at and micros(order.authorized_at),
        "invoiced_at": order.invoiced_at and micros(order.invoiced_at),
        "value": order.value,
        "items": sum(item.quantity for item in order.items),
        "origin": order.origin,
        "row": orjson.dumps(list_row(order)),
        "document": orjson.dumps(oms_document(order)),
    }


def document(connection: Connection, account: str, order_id: str) -> tuple[bytes | None, bool]:
    """The stored document when it is as new as the stream, and whether the order exists."""
    parameters = {
        "stream": order_stream(account, order_id),
        "account": account,
        "order_id": order_id,
    }
    head, version, stored = connection.execute(_ONE, parameters).one()
    if head is None:
        return None, False
    return (bytes(stored), True) if version == head else (None, True)


def by_sequence(connection: Connection, account: str, sequence: int) -> str | None:
    query = select(t.c.order_id).where(t.c.account == account, t.c.sequence == sequence)
    return connection.execute(query.limit(1)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Question:
    """What List orders was asked: filters, order and page."""

    account: str
    statuses: tuple[str, ...] = ()
    created: tuple[datetime | None, datetime | None] | None = None
    incomplete: bool = False
    order_by: str = "creationDate"
    descending: bool = True
    page: int = 1
    per_page: int = 15


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[bytes] = field(default_factory=list)
    total: int = 0
    value: dict[str, float] = field(default_factory=dict)
    items: dict[str, float] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)


ORDERS = {
    "creationDate": t.c.created_at,
    "orderId": t.c.order_id,
    "items": t.c["items"],
    "totalValue": t.c.value,
    "origin": t.c.origin,
}


def _conditions(question: Question) -> ColumnElement[bool]:
    conditions = [t.c.account == question.account, t.c.complete.is_(not question.incomplete)]
    if question.statuses:
        conditions.append(t.c.status.in_(question.statuses))
    if question.created is not None:
        start, end = question.created
        if start is not None:
            conditions.append(t.c.created_at >= micros(start))
        if end is not None:
            conditions.append(t.c.created_at <= micros(end))
    return and_(*conditions)


def page(connection: Connection, question: Question) -> Page:
    """One page of rows, and the figures over all that match."""
    conditions = _conditions(question)
    order = ORDERS[question.order_by]
    tie = t.c.order_id
    ordered = (order.desc(), tie.desc()) if question.descending else (order.asc(), tie.asc())
    rows = (
        select(t.c.row)
        .where(conditions)
        .order_by(*ordered)
        .limit(question.per_page)
        .offset((question.page - 1) * question.per_page)
    )
    figures = (
        select(
            t.c.origin,
            func.count(),
            *(
                figure(column)
                for column in (t.c.value, t.c["items"])
                for figure in (func.min, func.max, func.sum, _sum_of_squares)
            ),
        )
        .where(conditions)
        .group_by(t.c.origin)
    )
    groups = [tuple(group) for group in connection.execute(figures)]
    return Page(
        rows=[bytes(row) for row in connection.execute(rows).scalars()],
        total=sum(group[1] for group in groups),
        value=_statistics(groups, 2),
        items=_statistics(groups, 6),
        origins={group[0]: group[1] for group in groups},
    )


def _sum_of_squares(column: ColumnElement[int]) -> ColumnElement[float]:
    return func.sum(column * 1.0 * column)


def _statistics(groups: list[tuple[Any, ...]], at: int) -> dict[str, float]:
    """Min, Max, Sum, Mean, SumOfSquares and the sample standard deviation over groups."""
    count = sum(group[1] for group in groups)
    if not count:
        names = ("Count", "Max", "Mean", "Min", "Missing", "StdDev", "Sum", "SumOfSquares")
        return dict.fromkeys(names, 0)
    total = int(sum(group[at + 2] for group in groups))
    squares = float(sum(group[at + 3] for group in groups))
    mean = total / count
    variance = max(0.0, (squares - total * mean) / (count - 1)) if count > 1 else 0.0
    return {
        "Count": count,
        "Max": max(group[at + 1] for group in groups),
        "Mean": mean,
        "Min": min(group[at] for group in groups),
        "Missing": 0,
        "StdDev": variance**0.5,
        "Sum": total,
        "SumOfSquares": squares,
    }


def clear(connection: Connection) -> None:
    connection.execute(t.delete())


def group_ids(connection: Connection, account: str, order_group: str) -> Iterable[str]:
    query = select(t.c.order_id).where(t.c.account == account, t.c.order_group == order_group)
    return list(connection.execute(query.order_by(t.c.order_id)).scalars())
