"""Facets of a list: which values the orders that match have, and how many have each."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from projections.orders import totals as order_figures
from projections.orders.query import (
    Question,
    figures_of,
    is_figured,
    matching,
)
from projections.tables import order_figures as f
from projections.tables import order_terms as o
from projections.tables import order_views as t

MOST = 100  # values of a facet

Counted = list[tuple[str, int]]


def by_status(connection: Connection, question: Question) -> Counted:
    """Orders of each status, the most frequent first."""
    if is_figured(question):
        buckets, edges = order_figures.within(question.created)
        if not edges:
            counted = select(f.c.status, func.sum(f.c.count)).where(*figures_of(question), buckets)
            return _sorted(connection.execute(counted.group_by(f.c.status)).all())
    whole = matching(connection, question, whole=True)
    counted = select(t.c.status, func.count()).where(whole).group_by(t.c.status)
    return _sorted(connection.execute(counted).all())


def by_term(connection: Connection, question: Question, kind: str) -> Counted:
    """Orders of each term of a kind, as the terms are shown, the most frequent first."""
    counted: Counted
    buckets, edges = order_figures.within(question.created)
    if is_figured(question) and not question.having and not edges:
        conditions = figures_of(replace(question, having=()))
        # The condition on the kind under which every order counts is replaced by this one.
        others = [f.c.account == question.account, f.c.kind == kind, *conditions[3:], buckets]
        query = select(f.c.term, func.sum(f.c.count)).where(*others).group_by(f.c.term)
        counted = _sorted(connection.execute(query).all())
    else:
        whole = matching(connection, question, whole=True)
        query = (
            select(o.c.term, func.count())
            .join(t, (o.c.account == t.c.account) & (o.c.order_id == t.c.order_id))
            .where(whole, o.c.kind == kind)
            .group_by(o.c.term)
        )
        counted = _sorted(connection.execute(query).all())
    return [(_shown(connection, question.account, kind, term), n) for term, n in counted]


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
