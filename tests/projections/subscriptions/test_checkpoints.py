"""Subscriptions: produced exactly once by whoever runs them, fenced when the lease went away."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from oms_ledger.notifications.filters import FromWorkflow
from projections.notifications import feeds
from projections.notifications.feeds import Feed, FeedQueue, ForgedHandle
from projections.orders import views
from projections.orders.views import OrderViews
from projections.subscriptions import checkpoints, leases
from projections.subscriptions.leases import Fenced
from projections.subscriptions.views import VIEWS
from projections.tables import feed_items
from projections.tables import order_views as order_table
from tests.support.configuring import configure_feed
from tests.support.purchases import ACCOUNT, open_account, place_paid

EVERY = Feed("key-1", ACCOUNT, {"type": "FromWorkflow", "status": []}, 60, 345_600)


def write_orders(cell, count):
    async def story():
        await open_account(cell.ledger)
        await asyncio.gather(*(place_paid(cell.ledger, f"v{n}-01", n) for n in range(count)))

    asyncio.run(story())


def configure(cell, feed, head=0):
    configure_feed(cell, feed, head)
    with cell.database.reading() as connection:
        return feeds.get(connection, feed.app_key)


def produced(cell, key="key-1"):
    query = select(feed_items.c.position).where(feed_items.c.app_key == key)
    with cell.database.snapshot() as connection:
        return list(connection.execute(query.order_by(feed_items.c.position)).scalars())


def recomputed(cell, filter=FromWorkflow()):  # noqa: B008
    rows = cell.store.page(0, 100_000)
    return [r.position for r in rows if r.order_id and filter.matches(r.status, r.moved)]


@pytest.mark.guarantee("G40")
def test_a_feed_produces_what_a_recomputation_gives(cell):
    feed = configure(cell, EVERY)
    write_orders(cell, 5)
    checkpoints.run(
        cell.database, cell.loader(), feeds.subscription_of("key-1"), FeedQueue(cell.database, feed)
    )
    assert produced(cell) == recomputed(cell)
    assert len(produced(cell)) == 5 * 9


@pytest.mark.guarantee("G40")
def test_from_orders_sees_every_version_and_fires_once_by_default(cell):
    body = {"type": "FromOrders", "expression": 'status = "payment-approved"'}
    once = configure(cell, replace(EVERY, filter=body))
    again = {**body, "expression": "value = 2000", "disableSingleFire": True}
    every = configure(cell, replace(EVERY, app_key="key-2", filter=again))
    write_orders(cell, 3)
    for feed in (once, every):
        subscription = feeds.subscription_of(feed.app_key)
        checkpoints.run(cell.database, cell.loader(), subscription, FeedQueue(cell.database, feed))
    rows = cell.store.page(0, 100_000)
    moments = [r.position for r in rows if r.status == "payment-approved"]
    first = {r.order_id: r.position for r in reversed(rows) if r.position in moments}
    assert produced(cell) == sorted(first.values())
    assert produced(cell, "key-2") == [r.position for r in rows if r.order_id]


@pytest.mark.guarantee("G40", "G46")
def test_a_runner_that_lost_its_lease_stores_nothing(cell):
    feed = configure(cell, EVERY)
    write_orders(cell, 2)
    subscription, queue = feeds.subscription_of("key-1"), FeedQueue(cell.database, feed)
    stale = leases.acquire(cell.database, subscription)
    assert leases.acquire(cell.database, subscription) is None
    current = leases.acquire(cell.database, subscription, steal=True)
    with pytest.raises(Fenced):
        checkpoints.advance(cell.database, cell.loader(), subscription, stale, queue, limit=3)
    assert produced(cell) == []
    while checkpoints.advance(cell.database, cell.loader(), subscription, current, queue, limit=3):
        pass
    assert produced(cell) == recomputed(cell)


@pytest.mark.guarantee("G40")
def test_a_crash_between_evaluating_and_storing_doubles_nothing(cell):
    feed = configure(cell, EVERY)
    write_orders(cell, 2)
    subscription = feeds.subscription_of("key-1")

    class Crash(Exception):
        pass

    class Crashing(FeedQueue):
        crashes = 3

        def store(self, connection, produced):
            super().store(connection, produced)
            if Crashing.crashes:
                Crashing.crashes -= 1
                raise Crash

    for _ in range(3):
        token = leases.acquire(cell.database, subscription, steal=True)
        with pytest.raises(Crash):
            checkpoints.advance(
                cell.database, cell.loader(), subscription, token, Crashing(cell.database, feed)
            )
    leases.release(cell.database, subscription, token)
    checkpoints.run(cell.database, cell.loader(), subscription, Crashing(cell.database, feed))
    assert produced(cell) == recomputed(cell)


def retrieve(cell, feed, count, now):
    with cell.database.writing() as connection:
        lot = feeds.retrieve(connection, feed.app_key, count, cell.encryption, now)
    return lot.items if lot else []


def filled(cell, orders=1):
    feed = configure(cell, EVERY)
    write_orders(cell, orders)
    checkpoints.run(
        cell.database, cell.loader(), feeds.subscription_of("key-1"), FeedQueue(cell.database, feed)
    )
    return feed


@pytest.mark.guarantee("G41")
def test_an_item_is_hidden_for_its_visibility_and_comes_back(cell):
    feed, now = filled(cell), cell.clock.micros()
    first = retrieve(cell, feed, 10, now)
    assert len(first) == 9
    assert retrieve(cell, feed, 10, now + 59_000_000) == []
    again = retrieve(cell, feed, 10, now + 61_000_000)
    assert [item["event_id"] for _, item in again] == [item["event_id"] for _, item in first]
    assert {handle for handle, _ in again}.isdisjoint({handle for handle, _ in first})


@pytest.mark.guarantee("G41")
def test_many_pollers_never_share_an_item(cell):
    feed, now = filled(cell, 6), cell.clock.micros()

    async def poll():
        got = []
        while items := await asyncio.to_thread(retrieve, cell, feed, 3, now):
            got += [item["position"] for _, item in items]
        return got

    async def pollers():
        return await asyncio.gather(*(poll() for _ in range(8)))

    polled = [position for got in asyncio.run(pollers()) for position in got]
    assert sorted(polled) == produced(cell)


@pytest.mark.guarantee("G41")
def test_a_committed_item_never_comes_back(cell):
    feed, now = filled(cell), cell.clock.micros()
    items = retrieve(cell, feed, 4, now)
    with cell.database.writing() as connection:
        assert (
            feeds.commit(connection, feed.app_key, [handle for handle, _ in items], cell.encryption)
            == 4
        )
        assert (
            feeds.commit(connection, feed.app_key, [handle for handle, _ in items], cell.encryption)
            == 0
        )
    later = retrieve(cell, feed, 100, now + 10**9)
    assert {i["position"] for _, i in items}.isdisjoint({i["position"] for _, i in later})


@pytest.mark.guarantee("G42")
def test_forged_foreign_and_broken_handles_commit_nothing(cell):
    feed, now = filled(cell), cell.clock.micros()
    other = configure(cell, replace(EVERY, app_key="key-2"))
    (good, _), (second, _) = retrieve(cell, feed, 2, now)
    before = produced(cell)
    for bad in ("", "nonsense", good[:-4] + "AAA=", second[::-1], "ü"):
        with pytest.raises(ForgedHandle), cell.database.writing() as connection:
            feeds.commit(connection, feed.app_key, [good, bad], cell.encryption)
    with pytest.raises(ForgedHandle), cell.database.writing() as connection:
        feeds.commit(connection, other.app_key, [good], cell.encryption)
    assert produced(cell) == before


def test_an_equal_configuration_changes_nothing(cell):
    feed = filled(cell)
    before = produced(cell)
    again = configure(cell, EVERY, head=0)
    assert (again.generation, produced(cell)) == (feed.generation, before)


def view_rows(cell):
    query = select(order_table).order_by(order_table.c.order_id)
    with cell.database.snapshot() as connection:
        return [tuple(row) for row in connection.execute(query)]


@pytest.mark.guarantee("G31")
def test_views_rebuilt_are_the_bytes_of_views_kept_live(cell):
    async def live():
        await open_account(cell.ledger)
        loader = cell.loader()
        for number in range(4):
            await place_paid(cell.ledger, f"v{number}-01", number)
            for subscription, view in VIEWS.items():
                checkpoints.run(cell.database, loader, subscription, view())

    asyncio.run(live())
    kept = view_rows(cell)
    assert len(kept) == 4
    with cell.database.writing() as connection:
        views.clear(connection)
        checkpoints.create(connection, "rebuild", 0)
    checkpoints.run(cell.database, cell.loader(), "rebuild", OrderViews())
    assert view_rows(cell) == kept
