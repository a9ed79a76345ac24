"""Facets of a list: which values the orders that match have, and how many have each."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from projections.orders import totals
from projections.orders.query import (
    OrderQuery,
    matching,
    metrics_of,
    totals_are_kept,
)
from projections.tables import order_search_terms as o
from projections.tables import order_totals as f
from projections.tables import order_views as t

MOST = 100  # values of a facet

Counted = list[tuple[str, int]]


def by_status(connection: Connection, order_query: OrderQuery) -> Counted:
    """Orders of each status, the most frequent first."""
    if totals_are_kept(order_query):
        buckets = totals.within(order_query.created)
        if not totals.edges(order_query.created):
            counted = select(f.c.status, func.sum(f.c.count)).where(
                *metrics_of(order_query), buckets
            )
            return _sorted(connection.execute(counted.group_by(f.c.status)).all())
    whole = matching(connection, order_query, whole=True)
    counted = select(t.c.status, func.count()).where(whole).group_by(t.c.status)
    return _sorted(connection.execute(counted).all())


def by_term(connection: Connection, order_query: OrderQuery, kind: str) -> Counted:
    """Orders of each term of a kind, as the terms are shown, the most frequent first."""
    counted: Counted
    buckets, edges = totals.within(order_query.created), totals.edges(order_query.created)
    if totals_are_kept(order_query) and not order_query.having and not edges:
        conditions = metrics_of(replace(order_query, having=()))
        # The condition on the kind under which every order counts is replaced by this one.
        others = [f.c.account == order_query.account, f.c.kind == kind, *conditions[3:], buckets]
        query = select(f.c.term, func.sum(f.c.count)).where(*others).group_by(f.c.term)
        counted = _sorted(connection.execute(query).all())
    else:
        whole = matching(connection, order_query, whole=True)
        query = (
            select(o.c.term, func.count())
            .join(t, (o.c.account == t.c.account) & (o.c.order_id == t.c.order_id))
            .where(whole, o.c.kind == kind)
            .group_by(o.c.term)
        )
        counted = _sorted(connection.execute(query).all())
    return [(_shown(connection, order_query.account, kind, term), n) for term, n in counted]


def _sorted(found: Sequence[tuple[str | None, int]]) -> Counted:
    counted = [(str(value), int(count)) for value, count in found if value]
    return sorted(counted, key=lambda one: (-one[1], one[0]))[:MOST]


def _shown(connection: Connection, account: str, kind: str, term: str) -> str:
    """A term as an order shows it: as the first by its id does, where they differ by case."""
    query = (
        select(o.c.shown)
        .where(o.c.account == account, o.c.kind == kind, o.c.term == term)
        .order_by(o.c.order_id)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or term
