"""Totals that are kept beside the views are those that adding up all orders gives, always."""

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, create_engine, insert, select

from oms_ledger.eventstore.tables import metadata
from projections.orders import totals
from projections.orders.stats import Sums
from projections.orders.totals import (
    ALL,
    DAY,
    OrderShare,
)
from projections.tables import order_totals as table
from projections.tables import order_views

STATUSES = ("", "handling", "invoiced", "canceled")


def recomputed(shares):
    """Every bucket with its count, sums and extremes, out of the shares alone."""
    buckets = defaultdict(list)
    for share in shares:
        for key in share.places():
            buckets[key].append(share)
    fields = {}
    for key, its in buckets.items():
        figures = [len(its)]
        for of in ("value", "items"):
            values = [getattr(share, of) for share in its]
            squares = sum(value * value for value in values)
            figures += [sum(values), squares >> 32, squares & 0xFFFFFFFF]
            figures += [min(values), values.count(min(values))]
            figures += [max(values), values.count(max(values))]
        fields[tuple(key)] = tuple(figures)
    return fields


def kept(connection):
    keys = len(totals.TotalKey._fields)
    return {tuple(row[:keys]): tuple(row[keys:]) for row in connection.execute(select(table))}


def share(rng, created):
    return OrderShare(
        account="acme",
        created_at=created,
        status=rng.choice(STATUSES),
        origin="Marketplace",
        currency=rng.choice(("BRL", "USD")),
        value=rng.choice((0, 100, 100, 3_000_000_000, 10**11)),
        items=rng.randint(1, 3),
        terms=(),
    )


def view_of(order_id, one):
    empty = {c.name: None for c in order_views.c}
    return empty | {
        **{"account": one.account, "order_id": order_id, "version": 1, "order_group": "g"},
        **{"sequence": 1, "complete": bool(one.status), "status": one.status or None},
        **{"created_at": one.created_at, "delivered": False, "value": one.value},
        **{"items": one.items, "origin": one.origin, "currency": one.currency, "terms": "[]"},
        **{"row": b"", "document": b""},
    }


@pytest.mark.guarantee("G31")
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers())
def test_figures_kept_move_by_move_are_those_computed_anew(seed):
    rng = random.Random(seed)
    engine = create_engine("sqlite://")
    metadata.create_all(engine, tables=[order_views, table, metadata.tables["order_search_terms"]])
    shares: dict[Any, Any] = {}
    with engine.begin() as connection:
        for _ in range(12):
            moves = []
            for order_id in {f"v{rng.randint(1, 15)}" for _ in range(rng.randint(1, 6))}:
                before = shares.get(order_id)
                at = before.created_at if before else 20_000 * DAY + rng.randint(0, 40 * DAY)
                after = share(rng, at)
                moves.append((before, after))
                shares[order_id] = after
                connection.execute(order_views.delete().where(order_views.c.order_id == order_id))
                connection.execute(insert(order_views), view_of(order_id, after))
            totals.keep(connection, moves)
            assert kept(connection) == recomputed(shares.values())
    engine.dispose()


instants = st.one_of(st.none(), st.integers(19_990 * DAY, 20_100 * DAY).map(lambda at: at))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(19_990 * DAY, 20_100 * DAY), max_size=12), instants, instants)
def test_an_interval_is_whole_buckets_and_its_edges(created, low, high):
    engine = create_engine("sqlite://")
    metadata.create_all(engine, tables=[table])
    with engine.begin() as connection:
        totals.keep(
            connection,
            [(None, OrderShare("acme", at, "invoiced", "O", "BRL", 5, 1, ())) for at in created],
        )
        everything = [table.c.account == bindparam("of"), table.c.kind == ALL[0]]
        statement = totals.statement([*everything, totals.within((low, high))])
        counted = totals.totals(connection, statement, "acme").count
    engine.dispose()

    def lies(at, bounds):
        return (bounds[0] is None or bounds[0] <= at) and (bounds[1] is None or at <= bounds[1])

    at_edges = sum(lies(at, edge) for at in created for edge in totals.edges((low, high)))
    assert counted + at_edges == sum(lies(at, (low, high)) for at in created)


def test_published_figures_come_out_to_the_last_digit():
    fulfillment = Sums(68, 1250, 11150, 94900, 229010000).fields()
    assert fulfillment["StdDev"] == 1200.5513439298484
    assert fulfillment["Mean"] == 1395.5882352941176
    marketplace = Sums(16, 1160, 21526180, 21969611, 463417210029853)
    whole = (Sums(68, 1250, 11150, 94900, 229010000) + marketplace).fields()
    assert whole["SumOfSquares"] == 463417439039853
    assert whole["StdDev"] == 2348087.3869179883
    assert Sums(1, 5, 5, 5, 25).fields()["StdDev"] == 0
    assert Sums().fields()["Mean"] == 0
