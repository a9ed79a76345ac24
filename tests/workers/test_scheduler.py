"""Time passes: due times fire once, and are void when the order moved on."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.status import Status
from oms_ledger.services import signals
from projections.notifications import deliveries as notifications_deliveries
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.notifications.hooks import Hook
from projections.subscriptions import checkpoints
from projections.timers import deadlines
from projections.timers.deadlines import Timers
from tests.support import hook_deliveries
from tests.support.clock import set_clock
from tests.support.configuring import configure_feed, configure_hooks
from tests.support.purchases import (
    ACCOUNT,
    open_account,
    place,
    place_paid,
)
from workers import scheduler


def at(cell, instant):
    """The cell, with its clock at this instant."""
    set_clock(cell, instant)
    return cell


def follow(cell):
    checkpoints.run(cell.database, cell.loader(), deadlines.SUBSCRIPTION, Timers())


def timers(cell):
    with cell.database.snapshot() as connection:
        return deadlines.due(connection, 2**60)


LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.mark.guarantee("G16")
def test_the_cancellation_window_closes_once_and_not_before_its_time(cell):
    async def story():
        await open_account(at(cell, LONG_AGO).ledger, grace_period_minutes=30)
        order = await place_paid(cell.ledger, "v1-01")
        assert order.status is Status.WINDOW_TO_CANCEL
        await asyncio.to_thread(follow, cell)
        await scheduler.fire_due(at(cell, LONG_AGO + timedelta(minutes=29)))
        early = await cell.ledger.order(ACCOUNT, "v1-01")
        assert early.status is Status.WINDOW_TO_CANCEL
        at(cell, LONG_AGO + timedelta(minutes=30))
        await scheduler.fire_due(cell)
        head = cell.store.head()
        await scheduler.fire_due(cell)  # the view has not heard of it yet: void
        assert cell.store.head() == head
        return await cell.ledger.order(ACCOUNT, "v1-01")

    assert asyncio.run(story()).status is Status.READY_FOR_HANDLING
    follow(cell)
    assert timers(cell) == []


@pytest.mark.guarantee("G16")
def test_a_timer_is_void_when_the_order_has_moved_on(cell):
    async def story():
        await open_account(at(cell, LONG_AGO).ledger, grace_period_minutes=30)
        await place_paid(cell.ledger, "v1-01")
        await asyncio.to_thread(follow, cell)
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", cancel)
        await scheduler.fire_due(at(cell, LONG_AGO + timedelta(hours=1)))
        return await cell.ledger.order(ACCOUNT, "v1-01")

    assert asyncio.run(story()).status is Status.CANCELED


def test_a_placement_without_payment_expires_after_five_minutes(cell):
    async def story():
        await open_account(at(cell, LONG_AGO).ledger)
        await place(cell.ledger, "v1-01")
        await asyncio.to_thread(follow, cell)
        await scheduler.fire_due(at(cell, LONG_AGO + timedelta(minutes=5)))
        return await cell.ledger.order(ACCOUNT, "v1-01")

    order = asyncio.run(story())
    assert (order.expired, order.status) == (True, None)


def test_what_is_older_than_its_retention_becomes_a_dead_letter(cell):
    feed = Feed("key-1", ACCOUNT, {"status": []}, 60, 345_600)
    configure_feed(cell, feed, 0)

    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    queue = feeds.FeedQueue(cell.database, feed)
    checkpoints.run(cell.database, cell.loader(), feeds.subscription_of("key-1"), queue)
    day = 86_400_000_000
    now = cell.clock.micros()
    with cell.database.writing() as connection:
        assert feeds.dead_letter(connection, now + 3 * day) == 0
        assert feeds.dead_letter(connection, now + 5 * day) == 9
        assert feeds.size(connection, "key-1", cell.clock.micros()) == (0, 0)
        assert feeds.unused(connection, now + 5 * day) == [(ACCOUNT, "key-1")]


@pytest.mark.guarantee("G44")
def test_the_reconciliation_signals_a_thousand_pending_hooks_by_one_job(cell, redis_url):
    swept = Cell(replace(cell.settings, redis_url=redis_url), cell.clock)
    now = cell.clock.micros()
    keys = [f"key-{number}" for number in range(1000)]
    url = "https://example.com/"
    configure_hooks(cell, [Hook(key, ACCOUNT, {"status": []}, url, {}) for key in keys], 0)
    with cell.database.writing() as connection:
        for key in keys:
            hook_deliveries.enqueue(connection, ACCOUNT, key, [1], now)
    scheduler.reconcile(swept)
    signaled = [list(job.args) for job in signals.queue(swept.redis).jobs]
    assert signaled.count([notifications_deliveries.DUE]) == 1
    assert len(signaled) < 10  # the views lag behind the events of the configuration
    swept.close()
