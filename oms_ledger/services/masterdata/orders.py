"""Searching the entity `orders`: the ledger's orders, looked at one by one.

Those that a condition on the status leaves out are not looked at.
"""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.masterdata.condition import And, Compare, Condition
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.refusals import SearchTooSlow
from oms_ledger.masterdata.values import TEXT, Leaf
from oms_ledger.orders.order import Order
from projections.masterdata.orders import order_document
from projections.masterdata.search import PATIENCE, Query
from projections.tables import order_views as t


def find_orders(cell: Cell, query: Query) -> list[str]:
    """The ids of the orders that satisfy a query, in its order; refused when it takes too long."""
    until = time.monotonic() + PATIENCE
    found: list[tuple[list[Any], str]] = []
    loader = cell.loader()
    for order_id in _candidates(cell, query):
        if time.monotonic() > until:
            raise SearchTooSlow(
                f"The search took longer than {PATIENCE:.0f} s. Indexed fields: status"
            )
        order = loader.load(order_stream(query.account, order_id)).state
        if not isinstance(order, Order):
            continue
        document = order_document(order)
        if _satisfies(query, document):
            found.append(([_key(query, document, one.field) for one in query.sort], order_id))
    for place, sort in reversed(list(enumerate(query.sort))):
        known = [one for one in found if one[0][place] is not None]
        unknown = [one for one in found if one[0][place] is None]
        known.sort(key=lambda one: one[0][place], reverse=sort.descending)
        found = known + unknown
    return [order_id for _, order_id in found]


def _candidates(cell: Cell, query: Query) -> list[str]:
    where = [t.c.account == query.account]
    if status := _status_of(query.condition):
        where.append(t.c.status == status)
    chosen = select(t.c.order_id).where(*where).order_by(t.c.created_at, t.c.order_id)
    with cell.database.reading() as connection:
        return list(connection.execute(chosen).scalars())


def _status_of(condition: Condition) -> str | None:
    """The one status that an order must have; None where it may have several."""
    match condition:
        case And(parts):
            return next((one for part in parts if (one := _status_of(part))), None)
        case Compare("status", "=", value) if not value.wildcard and value.text.islower():
            return value.text
        case _:
            return None


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
