"""Searching the entity `orders`: by the view of orders as far as it says what is asked.

What the view does not say is looked up in the orders themselves, one by one, among those that the
view leaves.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select

from oms_ledger.accounts.account import Account
from oms_ledger.cell import Cell
from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.records import instant, micros, order_stream
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.refusals import SearchTooSlow
from oms_ledger.masterdata.values import TEXT, Leaf
from oms_ledger.orders.evolve import NOT_IN_DOCUMENT
from oms_ledger.orders.order import Order
from oms_ledger.services.masterdata.versions import version_id
from projections.masterdata.orders import COLUMNS, Narrowed, narrowed, order_document
from projections.masterdata.search import PATIENCE, Query
from projections.tables import order_views as t


@dataclass(frozen=True, slots=True)
class OrderVersion:
    """An order after one of its events."""

    id: str
    order: Order
    at: datetime
    actor: str


def order_versions(cell: Cell, account: str, order_id: str) -> list[OrderVersion]:
    """What an order was after each event that changed its document, newest first."""
    stream = order_stream(account, order_id)
    found = [
        OrderVersion(version_id(stream, row.version), after.state, instant(row.at), row.actor)
        for row, event, _, after in Page(cell.store.stream(stream), cell.loader()).steps()
        if isinstance(after.state, Order) and not isinstance(event, NOT_IN_DOCUMENT)
    ]
    return found[::-1]


def find_orders(cell: Cell, account: Account, query: Query) -> list[str]:
    """The ids of the orders that satisfy a query, in its order; refused when it takes too long."""
    by_view = narrowed(query.account, query.condition)
    sorted_by_view = all(one.field in COLUMNS for one in query.sort)
    complete = by_view.exact and sorted_by_view and query.keyword is None and query.schema is None
    candidates = _candidates(cell, account, query, by_view, sorted_by_view)
    return candidates if complete else _evaluated(cell, query, candidates, sort=not sorted_by_view)


def _evaluated(cell: Cell, query: Query, candidates: list[str], *, sort: bool) -> list[str]:
    until = time.monotonic() + PATIENCE
    found: list[tuple[list[Any], str]] = []
    loader = cell.loader()
    for order_id in candidates:
        if time.monotonic() > until:
            raise SearchTooSlow(
                f"The search took longer than {PATIENCE:.0f} s."
                f" Indexed fields: {', '.join(sorted(COLUMNS))}"
            )
        order = loader.load(order_stream(query.account, order_id)).state
        if not isinstance(order, Order):
            continue
        document = order_document(order)
        if _satisfies(query, document):
            keys = [_key(query, document, one.field) for one in query.sort] if sort else []
            found.append((keys, order_id))
    for place, one in reversed(list(enumerate(query.sort if sort else ()))):
        known = [each for each in found if each[0][place] is not None]
        unknown = [each for each in found if each[0][place] is None]
        known.sort(key=lambda each: each[0][place], reverse=one.descending)
        found = known + unknown
    return [order_id for _, order_id in found]


def _candidates(
    cell: Cell, account: Account, query: Query, by_view: Narrowed, sorted_by_view: bool
) -> list[str]:
    where: list[ColumnElement[bool]] = [t.c.account == query.account, *by_view.clauses]
    if days := account.setting("order_access_days"):
        where.append(t.c.created_at >= micros(cell.clock.now() - timedelta(days=days)))
    order: list[ColumnElement[Any]] = []
    for one in query.sort if sorted_by_view else ():
        column = COLUMNS[one.field]
        order += [column.is_(None), column.desc() if one.descending else column.asc()]
    chosen = select(t.c.order_id).where(*where).order_by(*order, t.c.created_at, t.c.order_id)
    with cell.database.reading() as connection:
        return list(connection.execute(chosen).scalars())


def _satisfies(query: Query, document: Mapping[str, Any]) -> bool:
    if not holds(query.condition, document, query.entity.paths):
        return False
    if query.schema and not query.entity.schema(query.schema).validator.valid(document):
        return False
    if query.keyword is None:
        return True
    keyword = query.keyword.casefold()
    leaves = (leaf for _, leaf in query.entity.paths.every(document))
    return any(leaf.kind == TEXT and keyword in (leaf.term or "") for leaf in leaves)


def _key(query: Query, document: Mapping[str, Any], field: str) -> tuple[Any, ...] | None:
    def spelled(leaf: Leaf) -> tuple[int, float, str]:
        if leaf.number is not None:
            return (0, leaf.number, "")
        if leaf.instant is not None:
            return (1, leaf.instant, "")
        return (2, 0.0, leaf.term or "")

    keys = [spelled(leaf) for leaf in query.entity.paths.leaves(document, field)]
    return min(keys) if keys else None
