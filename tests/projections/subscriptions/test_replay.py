"""Replay, dry run, explain, dead letters: on the projections themselves."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from oms_ledger.eventstore.records import instant, micros
from oms_ledger.notifications.filters import FromOrders, FromWorkflow
from projections.notifications import feed_kind, feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import (
    checkpoints,
    dead_letters,
    leases,
    presentation,
    replay,
)
from projections.subscriptions.dead_letters import DeadLetter
from projections.subscriptions.dry_run import dry_run
from projections.subscriptions.explain import explain
from projections.tables import feed_items, filter_timeouts
from tests.projections.subscriptions.test_checkpoints import (
    EVERY,
    configure,
    produced,
    retrieve,
    write_orders,
)
from tests.support.purchases import ACCOUNT, place_paid

PAID = {"expression": 'status = "payment-approved"'}


def advanced(cell, feed=EVERY, orders=2):
    feed = configure(cell, feed)
    write_orders(cell, orders)
    advance(cell, feed)
    return feed


def advance(cell, feed):
    sinks = FeedQueue(cell.database, feed)
    checkpoints.run(cell.database, cell.loader(), sinks.subscription, sinks)


def rewind(cell, feed, since):
    with cell.database.writing() as connection:
        return replay.rewind(connection, feeds.subscription_of(feed.app_key), since)


def commit_all(cell, feed):
    now = cell.clock.micros()
    while items := retrieve(cell, feed, 10, now):
        with cell.database.writing() as connection:
            feeds.commit(connection, feed.app_key, [handle for handle, _ in items], cell.encryption)


def items(cell):
    query = select(feed_items).order_by(feed_items.c.position)
    with cell.database.snapshot() as connection:
        return connection.execute(query).all()


def test_a_replay_produces_the_same_items_again_marked(cell):
    feed = advanced(cell)
    before = [(item.position, item.event_id) for item in items(cell)]
    assert not any(item.replayed for item in items(cell))
    commit_all(cell, feed)
    middle, head = before[4][0], cell.store.head()
    assert rewind(cell, feed, middle) == replay.Replay(middle, head)
    advance(cell, feed)
    asyncio.run(place_paid(cell.ledger, "v77-01", 77))
    advance(cell, feed)
    again = [(item.position, item.event_id) for item in items(cell) if item.replayed]
    assert again == before[5:]
    assert [i.position > head for i in items(cell) if not i.replayed] == [True] * 9


def test_a_replay_leaves_alone_what_is_still_in_the_queue(cell):
    feed, now = advanced(cell), cell.clock.micros()
    hidden = retrieve(cell, feed, 3, now)
    rewind(cell, feed, 0)
    advance(cell, feed)
    assert len(items(cell)) == 18
    shown = retrieve(cell, feed, 100, now + 1_000_000)
    assert len(shown) == 15
    assert {i["position"] for _, i in hidden}.isdisjoint(i["position"] for _, i in shown)


def test_a_replay_fences_who_runs_the_subscription(cell):
    feed = advanced(cell)
    subscription = feeds.subscription_of(feed.app_key)
    token = leases.acquire(cell.database, subscription)
    rewind(cell, feed, 0)
    sinks = FeedQueue(cell.database, feed)
    with pytest.raises(leases.Fenced):
        checkpoints.advance(cell.database, cell.loader(), subscription, token, sinks)


def test_an_order_that_fired_before_the_replay_stays_fired(cell):
    feed = advanced(cell, replace(EVERY, filter=PAID), orders=3)
    first = produced(cell)
    commit_all(cell, feed)
    rewind(cell, feed, first[0])
    advance(cell, feed)
    assert produced(cell) == first[1:]


def test_one_order_is_produced_again(cell):
    feed = advanced(cell)
    sinks, mine = FeedQueue(cell.database, feed), "v1-01"
    commit_all(cell, feed)
    assert replay.replay_order(cell.database, cell.loader(), sinks, mine) == 9
    assert {(item.order_id, item.replayed) for item in items(cell)} == {(mine, True)}
    assert replay.replay_order(cell.database, cell.loader(), sinks, "v404-01") is None
    assert rewind(cell, replace(feed, app_key="nobody"), 0) is None


def test_one_order_that_fires_once_is_produced_once_again(cell):
    feed = advanced(cell, replace(EVERY, filter={"expression": "value > 0"}))
    first, sinks = produced(cell), FeedQueue(cell.database, feed)
    commit_all(cell, feed)
    assert replay.replay_order(cell.database, cell.loader(), sinks, "v1-01") == 1
    assert len(produced(cell)) == 1
    assert produced(cell)[0] in first
    asyncio.run(place_paid(cell.ledger, "v88-01", 88))
    advance(cell, feed)
    assert len(produced(cell)) == 2


def test_what_the_clock_stopped_stays_stopped_in_a_replay(cell):
    feed = advanced(cell, replace(EVERY, filter={**PAID, "disableSingleFire": True}))
    (first, *rest), subscription = produced(cell), feeds.subscription_of(feed.app_key)
    with cell.database.writing() as connection:
        connection.execute(
            insert(filter_timeouts).values(subscription=subscription, position=first)
        )
    commit_all(cell, feed)
    rewind(cell, feed, 0)
    advance(cell, feed)
    assert produced(cell) == rest


def test_an_instant_stands_for_the_last_entry_before_it(cell):
    write_orders(cell, 3)
    rows, second = cell.store.page(0, 999), timedelta(seconds=1)
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        first = next(r.position for r in rows if r.at >= row.at)  # events of one instant mingle
        assert replay.position_before(cell.database, row.at) == first - 1
    latest = max(row.at for row in rows)
    assert replay.position_before(cell.database, micros(instant(latest) + second)) == (
        rows[-1].position
    )
    assert presentation.place(cell.database, "12", lambda _: None) == 12
    for odd in (-1, True, "soon", 1.5, [1]):
        with pytest.raises(ValueError, match=r".*"):
            presentation.place(cell.database, odd, lambda _: None)


@pytest.mark.parametrize(
    "filter",
    [
        FromWorkflow(("handling", "payment-approved")),
        FromOrders('status = "payment-approved"'),
        FromOrders("value > 0", disable_single_fire=True),
    ],
)
def test_a_dry_run_counts_what_a_feed_would_get_and_keeps_nothing(cell, filter):
    write_orders(cell, 30)
    *_, report = dry_run(cell.database, cell.loader(), ACCOUNT, filter, since=0, samples=100)
    rows = [r for r in cell.store.page(0, 9999) if r.order_id]
    expected = {
        "FromWorkflow": [r for r in rows if filter_matches(filter, r)],
        "FromOrders": [r for r in rows if r.status == "payment-approved"][:30],
    }[type(filter).__name__]
    if isinstance(filter, FromOrders) and filter.disable_single_fire:
        expected = rows
    assert (report.matched, report.evaluated, report.failed) == (len(expected), len(rows), 0)
    assert report.done
    assert items(cell) == []


def filter_matches(filter, row):
    return isinstance(filter, FromWorkflow) and filter.matches(row.status, row.moved)


def test_a_dry_run_from_a_later_place_evaluates_only_what_follows(cell):
    write_orders(cell, 2)
    head = cell.store.head()
    (report,) = dry_run(cell.database, cell.loader(), ACCOUNT, FromWorkflow(), since=head)
    assert (report.done, report.entries) == (True, 0)
    *_, report = dry_run(cell.database, cell.loader(), ACCOUNT, FromWorkflow(), since=head - 3)
    assert (report.entries, report.matched) == (3, 3)
    *_, report = dry_run(cell.database, cell.loader(), "other", FromWorkflow(), since=0)
    assert (report.entries, report.evaluated) == (head, 0)


def test_a_dry_run_of_a_filter_that_always_fails_is_given_up(cell, monkeypatch):
    monkeypatch.setattr("projections.subscriptions.dry_run.STRIKES", 5)
    write_orders(cell, 3)
    run = dry_run(cell.database, cell.loader(), ACCOUNT, FromOrders('"a" + 1'), since=0)
    *_, report = run
    assert report.aborted
    assert report.done
    assert "number" in report.failures[0].message


def test_reports_that_are_held_back_lose_no_samples(cell):
    write_orders(cell, 30)
    run = dry_run(cell.database, cell.loader(), ACCOUNT, FromWorkflow(), since=0, samples=400)
    *_, report = presentation.now_and_then(run, 0)
    run = dry_run(cell.database, cell.loader(), ACCOUNT, FromWorkflow(), since=0, samples=400)
    reports = list(presentation.now_and_then(run, 1e9))
    assert (report.matched, reports[-1].matched) == (270, 270)
    assert sum(len(one.samples) for one in reports) == 270


def test_explain_tells_each_version_its_value_and_the_reason(cell):
    write_orders(cell, 1)
    loader, order_id = cell.loader(), "v0-01"
    explanation = list(
        explain(loader, ACCOUNT, order_id, FromOrders('status = "payment-approved"'))
    )
    rows = [r for r in cell.store.page(0, 999) if r.order_id == order_id]
    assert [one.row.version for one in explanation] == [row.version for row in rows]
    assert [one.matches for one in explanation] == [r.status == "payment-approved" for r in rows]
    assert [one.notification for one in explanation].count(True) == 1
    assert all(one.value is one.matches for one in explanation)
    single_fire = next(one.row.version for one in explanation if one.notification)
    again = list(explain(loader, ACCOUNT, order_id, FromOrders("value > 0")))
    assert "fired at version 1" in again[1].reason
    assert again[1].matches
    assert single_fire > 1
    (failed, *_) = explain(loader, ACCOUNT, order_id, FromOrders('"a" + 1'))
    assert "number" in failed.error
    assert not failed.notification
    by_status = list(explain(loader, ACCOUNT, order_id, FromWorkflow(("handling",))))
    assert "none of the statuses" in by_status[2].reason
    assert list(explain(loader, ACCOUNT, "v404-01", FromWorkflow())) == []


def test_dead_letters_are_listed_and_requeued(cell):
    feed = advanced(cell)
    subscription, dead = feeds.subscription_of(feed.app_key), produced(cell)
    later = cell.clock.micros() + feed.retention * 1_000_001
    with cell.database.writing() as connection:
        assert feeds.dead_letter(connection, later) == 18
    assert produced(cell) == []
    with cell.database.snapshot() as connection:
        assert dead_letters.count(connection, subscription) == 18
        page = dead_letters.page(connection, subscription, dead[3], 5)
    assert [dead_letter_.position for dead_letter_ in page] == dead[4:9]
    assert {dead_letter_.reason for dead_letter_ in page} == {"retention"}
    assert presentation.requeue(cell.database, feed_kind.KIND, feed.app_key, [dead[0], 10**9]) == 1
    (item,) = items(cell)
    assert (item.position, item.retrievals, item.replayed) == (dead[0], 0, False)
    assert presentation.requeue(cell.database, feed_kind.KIND, feed.app_key, None) == 17
    assert produced(cell) == dead
    assert len(retrieve(cell, feed, 10, cell.clock.micros())) == 10


def test_a_letter_that_dies_again_takes_the_place_of_the_former(cell):
    first, second = (
        DeadLetter(1, "v1-01", reason, 1, "{}") for reason in ("retention", "fruitless")
    )
    with cell.database.writing() as connection:
        dead_letters.dead_letter(connection, "feed:a", [first])
        dead_letters.dead_letter(connection, "feed:a", [second])
        assert dead_letters.page(connection, "feed:a", 0, 10) == [second]


def test_an_item_retrieved_in_vain_dies_after_a_hundred_times_and_four_days(cell):
    week = replace(EVERY, retention=7 * 86_400)
    feed, now = advanced(cell, week, orders=1), cell.clock.micros()
    for turn in range(100):
        retrieve(cell, feed, 1, now + turn)
        with cell.database.writing() as connection:
            first = feed_items.c.position == produced(cell)[0]
            connection.execute(feed_items.update().where(first).values(visible_at=0))
    with cell.database.writing() as connection:
        assert feeds.dead_letter(connection, now + 1_000_000) == 0
        assert feeds.dead_letter(connection, now + feeds.FRUITLESS_AGE + 10**9) == 1
        letters_ = dead_letters.page(connection, feeds.subscription_of(feed.app_key), 0, 10)
    assert letters_[0].reason == "fruitless"
