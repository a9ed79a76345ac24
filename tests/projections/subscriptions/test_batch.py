"""Feeds of one account go on together; each keeps its own subscription."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from oms_ledger import jsonata
from oms_ledger.notifications.filters import LONGEST_EXPRESSION, FromWorkflow, parse_filter
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import batch, checkpoints, filtering, leases, pauses
from projections.subscriptions.batch import Run, run_batch
from projections.subscriptions.dry_run import dry_run
from projections.subscriptions.explain import explain
from projections.tables import filter_stats
from tests.projections.subscriptions.test_checkpoints import (
    EVERY,
    configure,
    produced,
    recomputed,
    write_orders,
)
from tests.support.configuring import configure_feed, start
from tests.support.purchases import ACCOUNT, open_account, place_paid

HANDLED = {"type": "FromWorkflow", "status": ["handling"]}
PAID = {"expression": 'status = "payment-approved"'}
SLOW = {"expression": "$reduce([1..3000], function($a, $b) { $a }, 1) = 1"}


def queues(cell, *filters):
    keys = [f"key-{n}" for n, _ in enumerate(filters, 1)]
    found = [
        configure(cell, replace(EVERY, app_key=key, filter=filter))
        for key, filter in zip(keys, filters, strict=True)
    ]
    return [FeedQueue(cell.database, feed) for feed in found]


def position(cell, sinks):
    with cell.database.snapshot() as connection:
        return checkpoints.position(connection, sinks.subscription)


@pytest.mark.guarantee("G40")
def test_feeds_that_go_on_together_produce_what_each_would_alone(cell):
    sinks = queues(cell, EVERY.filter, HANDLED, PAID, {**PAID, "disableSingleFire": True})
    write_orders(cell, 4)
    assert run_batch(cell.database, cell.loader(), sinks) == Run([])
    assert {position(cell, one) for one in sinks} == {cell.store.head()}
    assert produced(cell, "key-1") == recomputed(cell)
    assert produced(cell, "key-2") == recomputed(cell, FromWorkflow(("handling",)))
    rows = [r for r in cell.store.page(0, 10_000) if r.status == "payment-approved"]
    assert produced(cell, "key-4") == [r.position for r in rows]
    assert produced(cell, "key-3") == sorted({r.order_id: r.position for r in rows[::-1]}.values())


@pytest.mark.guarantee("G40")
def test_a_feed_that_lags_is_left_behind_and_goes_on_alone(cell):
    write_orders(cell, 2)
    late, prompt = queues(cell, EVERY.filter, EVERY.filter)
    assert run_batch(cell.database, cell.loader(), [prompt]) == Run([])
    write_orders_again(cell)
    loader = cell.loader()
    assert run_batch(cell.database, loader, [late, prompt]) == Run([late.subscription])
    assert (position(cell, late), position(cell, prompt)) == (0, cell.store.head())
    assert run_batch(cell.database, loader, [late]) == Run([])
    assert produced(cell, "key-1") == produced(cell, "key-2") == recomputed(cell)


@pytest.mark.guarantee("G40")
def test_who_stood_still_while_the_account_was_quiet_goes_on_with_the_others(cell):
    old, lagging = queues(cell, EVERY.filter, EVERY.filter)
    configure_feed(cell, replace(EVERY, app_key="key-3"))
    write_orders(cell, 1)
    run_batch(cell.database, cell.loader(), [old])
    stood = cell.store.head()
    asyncio.run(open_account(cell.ledger, name="busy"))
    start(cell, ["feed:key-3"], cell.store.head())
    with cell.database.reading() as connection:
        new = feeds.destinations(connection, cell.database, ACCOUNT)[-1]
    assert (position(cell, old), position(cell, new)) == (stood, cell.store.head())
    write_orders_again(cell)
    run = run_batch(cell.database, cell.loader(), [old, lagging, new])
    assert run == Run([lagging.subscription])
    assert position(cell, old) == position(cell, new) == cell.store.head()
    assert produced(cell, "key-1") == recomputed(cell)


def write_orders_again(cell):
    asyncio.run(place_paid(cell.ledger, "v99-01", 99))


@pytest.mark.guarantee("G44")
def test_a_slow_filter_breaks_off_and_the_others_go_on_without_it(cell, monkeypatch):
    monkeypatch.setattr(filtering, "BUDGET", 0.0)  # whatever is evaluated at all is slow
    slow, prompt = queues(cell, {**SLOW, "disableSingleFire": True}, EVERY.filter)
    write_orders(cell, 2)
    loader = cell.loader()
    assert run_batch(cell.database, loader, [slow, prompt]) == Run([slow.subscription])
    assert position(cell, prompt) == cell.store.head()
    assert 0 < position(cell, slow) < cell.store.head()
    rounds = 0
    while run_batch(cell.database, loader, [slow]):
        rounds += 1
    assert rounds > 5
    assert produced(cell, "key-2") == recomputed(cell)
    assert produced(cell, "key-1") == [r.position for r in cell.store.page(0, 999) if r.order_id]


@pytest.mark.guarantee("G44")
def test_a_run_ends_after_its_time_when_a_page_is_done(cell, monkeypatch):
    monkeypatch.setattr(batch, "PAGE", 2)
    sinks = queues(cell, EVERY.filter, PAID)
    write_orders(cell, 2)
    loader, pages = cell.loader(), 1
    while run := run_batch(cell.database, loader, sinks, seconds=-1):
        assert run == Run([], over=True)
        pages += 1
    assert pages >= len(recomputed(cell)) / 2
    assert produced(cell, "key-1") == recomputed(cell)


@pytest.mark.guarantee("G43")
def test_who_sends_gets_each_page_when_it_is_stored(cell, monkeypatch):
    monkeypatch.setattr(batch, "PAGE", 2)
    (sinks,) = queues(cell, EVERY.filter)
    write_orders(cell, 1)
    seen = []
    run_batch(cell.database, cell.loader(), [sinks], stored=lambda: seen.append(produced(cell)))
    whole = recomputed(cell)
    assert len(seen) >= len(whole) / 2
    assert all(so_far == whole[: len(so_far)] for so_far in seen)
    assert 0 < len(seen[0]) <= 2
    assert seen[-1] == whole


@pytest.mark.guarantee("G40")
def test_whose_notifications_cannot_be_stored_does_not_hold_up_the_others(cell):
    broken, sound = queues(cell, EVERY.filter, EVERY.filter)

    def store_notifications(connection, notifications):
        raise RuntimeError("no room")

    broken.store_notifications = store_notifications
    write_orders(cell, 1)
    loader = cell.loader()
    assert run_batch(cell.database, loader, [broken, sound]) == Run(
        [broken.subscription, sound.subscription]
    )
    assert run_batch(cell.database, loader, [sound]) == Run([])
    with pytest.raises(RuntimeError):
        run_batch(cell.database, loader, [broken])
    assert produced(cell, "key-1") == []
    assert produced(cell, "key-2") == recomputed(cell)


@pytest.mark.guarantee("G40")
def test_a_subscription_whose_lease_was_taken_meanwhile_stores_nothing(cell):
    stolen, kept = queues(cell, EVERY.filter, EVERY.filter)
    write_orders(cell, 2)

    loader, page = cell.loader(), cell.store.orders_page

    def stealing(*where):
        leases.acquire(cell.database, stolen.subscription, steal=True)
        return page(*where)

    loader.store.orders_page = stealing
    try:
        run_batch(cell.database, loader, [stolen, kept])
    finally:
        loader.store.orders_page = page
    assert produced(cell, "key-1") == []
    assert produced(cell, "key-2") == recomputed(cell)


def test_what_evaluating_came_to_is_counted_with_the_last_failure(cell):
    failing = {"expression": 'status = "payment-approved" ? "a" + 1 : false'}
    sinks = queues(cell, failing, EVERY.filter)
    write_orders(cell, 2)
    while run_batch(cell.database, cell.loader(), sinks):
        pass  # a busy machine makes any filter slow
    with cell.database.snapshot() as connection:
        (row,) = connection.execute(select(filter_stats)).all()
        (overview, _) = feeds.overview(connection)
    entries = [r for r in cell.store.page(0, 999) if r.order_id]
    approved = [r for r in entries if r.status == "payment-approved"]
    assert (row.subscription, row.evaluated, row.matched) == ("feed:key-1", len(entries), 0)
    assert (row.failed, row.last_failure_position) == (len(approved), approved[-1].position)
    assert overview["failed"] == len(approved)
    assert row.micros > 0


DEADLY = {"expression": "$map(items, function($i) { $i.id })", "disableSingleFire": True}


class Killing:
    """What a filter is given whose expression ends every child."""

    def __init__(self, text):
        self.text, self.patterns, self.reads, self.filters = text, (), (), 0

    def truthy(self, document, at, patience=1):
        self.filters += 1
        raise jsonata.ChildKilled

    value = truthy


@pytest.mark.guarantee("G64")
def test_a_filter_that_ends_its_process_is_paused_and_the_others_go_on(cell, monkeypatch):
    """It rests at the event that it failed on, and goes on after it when somebody says so."""
    deadly, healthy = queues(cell, DEADLY, {**PAID, "disableSingleFire": True})
    write_orders(cell, 3)
    killing, compile = Killing(DEADLY["expression"]), jsonata.compile
    monkeypatch.setattr(
        jsonata, "compile", lambda text: killing if text == killing.text else compile(text)
    )
    loader = cell.loader()
    first = run_batch(cell.database, loader, [deadly, healthy])
    assert first.left == [deadly.subscription]
    head, stopped = cell.store.head(), position(cell, deadly)
    assert (position(cell, healthy), killing.filters) == (head, 1)
    assert stopped < head
    with cell.database.snapshot() as connection:
        pause = pauses.get(connection, deadly.subscription)
    assert pause is not None
    assert pause.position == stopped
    for _ in range(3):  # whoever is asked again: it is not tried
        assert not run_batch(cell.database, loader, [deadly])
        assert not run_batch(cell.database, loader, [deadly, healthy])
    assert (position(cell, deadly), killing.filters) == (stopped, 1)
    with cell.database.writing() as connection:
        assert pauses.resume(connection, deadly.subscription)
        assert not pauses.resume(connection, deadly.subscription)
    run_batch(cell.database, loader, [deadly])
    assert killing.filters == 2
    assert position(cell, deadly) > stopped
    # Another filter makes it go on, too.
    feed = replace(EVERY, app_key="key-1", filter=PAID)
    configure_feed(cell, feed, cell.store.head())
    (again,) = [FeedQueue(cell.database, feed)]
    while run_batch(cell.database, loader, [again]):
        pass
    assert position(cell, again) == cell.store.head()


@pytest.mark.guarantee("G64")
def test_a_dry_run_and_an_explanation_end_with_the_process_that_they_ended(cell, monkeypatch):
    write_orders(cell, 3)
    killing = Killing(DEADLY["expression"])
    monkeypatch.setattr(jsonata, "compile", lambda _: killing)
    filter = parse_filter(DEADLY)
    reports = list(dry_run(cell.database, cell.loader(), ACCOUNT, filter, since=0))
    assert reports[-1].aborted
    assert killing.filters == 1
    order_id = next(row.order_id for row in cell.store.page(0, 100) if row.order_id)
    (explanation,) = explain(cell.loader(), ACCOUNT, order_id, filter)
    assert "memory or processor time" in explanation.error


@pytest.mark.guarantee("G40", "G64")
def test_a_filter_that_todays_rules_refuse_fails_alone(cell):
    """It was configured by other rules: the account's other filters go on."""
    refused = {"type": "FromOrders", "expression": "$contains(status, /(a{1000}){1000}/)"}
    broken, sound = queues(cell, refused, EVERY.filter)
    write_orders(cell, 1)
    loader = cell.loader()
    while run_batch(cell.database, loader, [broken, sound]):
        pass  # a busy machine makes any filter slow
    assert produced(cell, "key-1") == []
    assert produced(cell, "key-2") == recomputed(cell)
    with cell.database.reading() as connection:
        stats = connection.execute(select(filter_stats)).one()
    assert stats.failed == stats.evaluated > 0
    assert "repetitions" in stats.last_failure


@pytest.mark.guarantee("G40", "G64")
@pytest.mark.parametrize(
    "stored",
    [
        {"expression": "a" * (LONGEST_EXPRESSION + 1)},
        {"type": "FromWorkflow", "status": ["x" * 200] * 200},
    ],
    ids=["expression", "statuses"],
)
def test_a_stored_filter_that_is_longer_than_today_s_may_be_fails_alone(cell, stored):
    broken, sound = queues(cell, stored, EVERY.filter)
    write_orders(cell, 1)
    loader = cell.loader()
    while run_batch(cell.database, loader, [broken, sound]):
        pass  # a busy machine makes any filter slow
    assert position(cell, broken) == position(cell, sound) == cell.store.head()
    assert produced(cell, "key-1") == []
    assert produced(cell, "key-2") == recomputed(cell)
    with cell.database.reading() as connection:
        failures = connection.execute(select(filter_stats.c.last_failure)).scalars().all()
    assert all("longer than" in failure for failure in failures)
    assert bool(failures) == ("expression" in stored)
