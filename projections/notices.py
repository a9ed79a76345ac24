"""What a feed or a hook is told: one notice for each entry that its filter passes."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms_ledger.integrations import jsonata
from oms_ledger.integrations.filters import FromOrders, FromWorkflow
from oms_ledger.ledger.database import Database
from oms_ledger.ledger.entry import Row, instant
from oms_ledger.ledger.folds import Folds
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.order import Order
from projections.tables import fired

log = logging.getLogger(__name__)

Filter = FromWorkflow | FromOrders


@dataclass(frozen=True, slots=True)
class Notice:
    """A change that passed a filter; instants in microseconds."""

    position: int
    event_id: str
    order_id: str
    domain: str | None
    state: str | None
    last_state: str | None
    last_change: int
    current_change: int


def event_id(cursor: str, position: int) -> str:
    """The same for the same (feed or hook, entry): a consumer may deduplicate by it."""
    return hashlib.sha256(f"{cursor}:{position}".encode()).hexdigest()[:32].upper()


def judge(
    database: Database, cursor: str, account: str, filter: Filter, rows: Sequence[Row], folds: Folds
) -> list[Notice]:
    """The notices of a page: every entry of the account judged, none merged, none skipped."""
    ours = [row for row in rows if row.account == account and row.order_id]
    if isinstance(filter, FromWorkflow):
        return [_notice(cursor, row) for row in ours if filter.matches(row.status, row.moved)]
    matching = _matching(filter, ours, folds)
    if filter.disable_single_fire:
        return [_notice(cursor, row) for row in matching]
    return _first_of_each_order(database, cursor, [_notice(cursor, row) for row in matching])


def _matching(filter: FromOrders, rows: Sequence[Row], folds: Folds) -> Iterator[Row]:
    expression = jsonata.compile(filter.expression)
    for row, _, folded in folds.follow(rows):
        assert isinstance(folded.state, Order)
        try:
            if expression.truthy(filter_document(folded.state), instant(row.at)):
                yield row
        except (jsonata.EvaluationError, jsonata.BoundExceeded) as error:
            log.warning(
                "filter failed: no notice for order %s at position %s: %s: %s",
                row.order_id,
                row.position,
                filter.expression,
                error,
            )


def _first_of_each_order(database: Database, cursor: str, notices: list[Notice]) -> list[Notice]:
    if not notices:
        return []
    orders = {notice.order_id for notice in notices}
    query = select(fired.c.order_id).where(fired.c.cursor == cursor, fired.c.order_id.in_(orders))
    with database.reading() as connection:
        known = set(connection.execute(query).scalars())
    first: list[Notice] = []
    for notice in notices:
        if notice.order_id not in known:
            known.add(notice.order_id)
            first.append(notice)
    return first


def _notice(cursor: str, row: Row) -> Notice:
    assert row.order_id is not None
    return Notice(
        position=row.position,
        event_id=event_id(cursor, row.position),
        order_id=row.order_id,
        domain=row.domain,
        state=row.status,
        last_state=row.status_before,
        last_change=row.at if row.moved_before_at is None else row.moved_before_at,
        current_change=row.at,
    )
