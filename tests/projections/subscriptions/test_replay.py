"""Replay, dry run, explain, dead letters: on the projections themselves."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from oms_ledger.eventstore.records import instant, micros
from oms_ledger.notifications.filters import FromOrders, FromWorkflow
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import (
    checkpoints as cursors,
)
from projections.subscriptions import (
    dead_letters,
)
from projections.subscriptions import (
    presentation as telling,
)
from projections.subscriptions import (
    replay as replays,
)
from projections.subscriptions.dead_letters import Letter
from projections.subscriptions.dry_run import dry_run
from projections.subscriptions.explain import explain
from projections.tables import feed_items, struck
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
    told = FeedQueue(cell.database, feed)
    cursors.run(cell.database, cell.folds(), told.cursor, told)


def put_back(cell, feed, since):
    with cell.database.writing() as connection:
        return replays.put_back(connection, feeds.cursor_of(feed.app_key), since)


def commit_all(cell, feed):
    now = cursors.now_micros()
    while items := retrieve(cell, feed, 10, now):
        with cell.database.writing() as connection:
            feeds.commit(connection, feed.app_key, [handle for handle, _ in items], cell.vault)


def items(cell):
    query = select(feed_items).order_by(feed_items.c.position)
    with cell.database.reading() as connection:
        return connection.execute(query).all()


def test_a_replay_produces_the_same_items_again_marked(cell):
    feed = advanced(cell)
    before = [(item.position, item.event_id) for item in items(cell)]
    assert not any(item.replayed for item in items(cell))
    commit_all(cell, feed)
    middle, head = before[4][0], cell.store.head()
    assert put_back(cell, feed, middle) == replays.Replay(middle, head)
    advance(cell, feed)
    asyncio.run(place_paid(cell.ledger, "v77-01", 77))
    advance(cell, feed)
    again = [(item.position, item.event_id) for item in items(cell) if item.replayed]
    assert again == before[5:]
    assert [i.position > head for i in items(cell) if not i.replayed] == [True] * 9


def test_a_replay_leaves_alone_what_is_still_in_the_queue(cell):
    feed, now = advanced(cell), cursors.now_micros()
    hidden = retrieve(cell, feed, 3, now)
    put_back(cell, feed, 0)
    advance(cell, feed)
    assert len(items(cell)) == 18
    shown = retrieve(cell, feed, 100, now + 1_000_000)
    assert len(shown) == 15
    assert {i["position"] for _, i in hidden}.isdisjoint(i["position"] for _, i in shown)


def test_a_replay_fences_who_runs_the_cursor(cell):
    feed = advanced(cell)
    cursor = feeds.cursor_of(feed.app_key)
    token = cursors.take(cell.database, cursor)
    put_back(cell, feed, 0)
    told = FeedQueue(cell.database, feed)
    with pytest.raises(cursors.Fenced):
        cursors.advance(cell.database, cell.folds(), cursor, token, told)


def test_an_order_that_fired_before_the_replay_stays_fired(cell):
    feed = advanced(cell, replace(EVERY, filter=PAID), orders=3)
    first = produced(cell)
    commit_all(cell, feed)
    put_back(cell, feed, first[0])
    advance(cell, feed)
    assert produced(cell) == first[1:]


def test_one_order_is_produced_again(cell):
    feed = advanced(cell)
    told, mine = FeedQueue(cell.database, feed), "v1-01"
    commit_all(cell, feed)
    assert replays.tell_again(cell.database, cell.folds(), told, mine) == 9
    assert {(item.order_id, item.replayed) for item in items(cell)} == {(mine, True)}
    assert replays.tell_again(cell.database, cell.folds(), told, "v404-01") is None
    assert put_back(cell, replace(feed, app_key="nobody"), 0) is None


def test_one_order_that_fires_once_is_produced_once_again(cell):
    feed = advanced(cell, replace(EVERY, filter={"expression": "value > 0"}))
    first, told = produced(cell), FeedQueue(cell.database, feed)
    commit_all(cell, feed)
    assert replays.tell_again(cell.database, cell.folds(), told, "v1-01") == 1
    assert len(produced(cell)) == 1
    assert produced(cell)[0] in first
    asyncio.run(place_paid(cell.ledger, "v88-01", 88))
    advance(cell, feed)
    assert len(produced(cell)) == 2


def test_what_the_clock_stopped_stays_stopped_in_a_replay(cell):
    feed = advanced(cell, replace(EVERY, filter={**PAID, "disableSingleFire": True}))
    (first, *rest), cursor = produced(cell), feeds.cursor_of(feed.app_key)
    with cell.database.writing() as connection:
        connection.execute(insert(struck).values(cursor=cursor, position=first))
    commit_all(cell, feed)
    put_back(cell, feed, 0)
    advance(cell, feed)
    assert produced(cell) == rest


def test_an_instant_stands_for_the_last_entry_before_it(cell):
    write_orders(cell, 3)
    rows, second = cell.store.page(0, 999), timedelta(seconds=1)
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        first = next(r.position for r in rows if r.at >= row.at)  # entries of one instant mingle
        assert replays.position_before(cell.database, row.at) == first - 1
    latest = max(row.at for row in rows)
    assert replays.position_before(cell.database, micros(instant(latest) + second)) == (
        rows[-1].position
    )
    assert telling.place(cell.database, "12", lambda _: None) == 12
    for odd in (-1, True, "soon", 1.5, [1]):
        with pytest.raises(ValueError, match=r".*"):
            telling.place(cell.database, odd, lambda _: None)


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
    *_, report = dry_run(cell.database, cell.folds(), ACCOUNT, filter, since=0, samples=100)
    rows = [r for r in cell.store.page(0, 9999) if r.order_id]
    expected = {
        "FromWorkflow": [r for r in rows if filter_matches(filter, r)],
        "FromOrders": [r for r in rows if r.status == "payment-approved"][:30],
    }[type(filter).__name__]
    if isinstance(filter, FromOrders) and filter.disable_single_fire:
        expected = rows
    assert (report.passed, report.judged, report.failed) == (len(expected), len(rows), 0)
    assert report.done
    assert items(cell) == []


def filter_matches(filter, row):
    return isinstance(filter, FromWorkflow) and filter.matches(row.status, row.moved)


def test_a_dry_run_from_a_later_place_judges_only_what_follows(cell):
    write_orders(cell, 2)
    head = cell.store.head()
    (report,) = dry_run(cell.database, cell.folds(), ACCOUNT, FromWorkflow(), since=head)
    assert (report.done, report.entries) == (True, 0)
    *_, report = dry_run(cell.database, cell.folds(), ACCOUNT, FromWorkflow(), since=head - 3)
    assert (report.entries, report.passed) == (3, 3)
    *_, report = dry_run(cell.database, cell.folds(), "other", FromWorkflow(), since=0)
    assert (report.entries, report.judged) == (head, 0)


def test_a_dry_run_of_a_filter_that_always_fails_is_given_up(cell, monkeypatch):
    monkeypatch.setattr("projections.subscriptions.dry_run.STRIKES", 5)
    write_orders(cell, 3)
    run = dry_run(cell.database, cell.folds(), ACCOUNT, FromOrders('"a" + 1'), since=0)
    *_, report = run
    assert report.gave_up
    assert report.done
    assert "number" in report.failures[0].message


def test_reports_that_are_held_back_lose_no_samples(cell):
    write_orders(cell, 30)
    run = dry_run(cell.database, cell.folds(), ACCOUNT, FromWorkflow(), since=0, samples=400)
    *_, report = telling.now_and_then(run, 0)
    run = dry_run(cell.database, cell.folds(), ACCOUNT, FromWorkflow(), since=0, samples=400)
    reports = list(telling.now_and_then(run, 1e9))
    assert (report.passed, reports[-1].passed) == (270, 270)
    assert sum(len(one.samples) for one in reports) == 270


def test_explain_tells_each_version_its_value_and_the_reason(cell):
    write_orders(cell, 1)
    folds, order_id = cell.folds(), "v0-01"
    said = list(explain(folds, ACCOUNT, order_id, FromOrders('status = "payment-approved"')))
    rows = [r for r in cell.store.page(0, 999) if r.order_id == order_id]
    assert [one.row.version for one in said] == [row.version for row in rows]
    assert [one.passes for one in said] == [r.status == "payment-approved" for r in rows]
    assert [one.notice for one in said].count(True) == 1
    assert all(one.value is one.passes for one in said)
    fired = next(one.row.version for one in said if one.notice)
    again = list(explain(folds, ACCOUNT, order_id, FromOrders("value > 0")))
    assert "fired at version 1" in again[1].reason
    assert again[1].passes
    assert fired > 1
    (failed, *_) = explain(folds, ACCOUNT, order_id, FromOrders('"a" + 1'))
    assert "number" in failed.error
    assert not failed.notice
    by_status = list(explain(folds, ACCOUNT, order_id, FromWorkflow(("handling",))))
    assert "none of the statuses" in by_status[2].reason
    assert list(explain(folds, ACCOUNT, "v404-01", FromWorkflow())) == []


def test_dead_letters_are_listed_and_requeued(cell):
    feed = advanced(cell)
    cursor, dead = feeds.cursor_of(feed.app_key), produced(cell)
    later = cursors.now_micros() + feed.retention * 1_000_001
    with cell.database.writing() as connection:
        assert feeds.bury(connection, later) == 18
    assert produced(cell) == []
    with cell.database.reading() as connection:
        assert dead_letters.count(connection, cursor) == 18
        page = dead_letters.page(connection, cursor, dead[3], 5)
    assert [letter.position for letter in page] == dead[4:9]
    assert {letter.why for letter in page} == {"retention"}
    assert telling.requeue(cell.database, feeds.KIND, feed.app_key, [dead[0], 10**9]) == 1
    (item,) = items(cell)
    assert (item.position, item.retrievals, item.replayed) == (dead[0], 0, False)
    assert telling.requeue(cell.database, feeds.KIND, feed.app_key, None) == 17
    assert produced(cell) == dead
    assert len(retrieve(cell, feed, 10, cursors.now_micros())) == 10


def test_a_letter_that_dies_again_takes_the_place_of_the_former(cell):
    first, second = (Letter(1, "v1-01", why, 1, "{}") for why in ("retention", "fruitless"))
    with cell.database.writing() as connection:
        dead_letters.bury(connection, "feed:a", [first])
        dead_letters.bury(connection, "feed:a", [second])
        assert dead_letters.page(connection, "feed:a", 0, 10) == [second]


def test_an_item_retrieved_in_vain_dies_after_a_hundred_times_and_four_days(cell):
    week = replace(EVERY, retention=7 * 86_400)
    feed, now = advanced(cell, week, orders=1), cursors.now_micros()
    for turn in range(100):
        retrieve(cell, feed, 1, now + turn)
        with cell.database.writing() as connection:
            first = feed_items.c.position == produced(cell)[0]
            connection.execute(feed_items.update().where(first).values(visible_at=0))
    with cell.database.writing() as connection:
        assert feeds.bury(connection, now + 1_000_000) == 0
        assert feeds.bury(connection, now + feeds.FRUITLESS_AGE + 10**9) == 1
        letters = dead_letters.page(connection, feeds.cursor_of(feed.app_key), 0, 10)
    assert letters[0].why == "fruitless"
