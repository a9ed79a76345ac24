"""Feeds of one account go on together; each keeps its own cursor."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from oms_ledger import jsonata
from oms_ledger.notifications.filters import FromWorkflow, parse_filter
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import batch as together
from projections.subscriptions import checkpoints as cursors
from projections.subscriptions import filtering as judging
from projections.subscriptions import pauses
from projections.subscriptions.batch import Run, pass_over, run_together
from projections.subscriptions.dry_run import dry_run
from projections.subscriptions.explain import explain
from projections.tables import feeds as feeds_table
from projections.tables import judgings
from tests.projections.subscriptions.test_checkpoints import (
    EVERY,
    configure,
    produced,
    recomputed,
    write_orders,
)
from tests.support.purchases import ACCOUNT, place_paid

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


def position(cell, told):
    with cell.database.reading() as connection:
        return cursors.position(connection, told.cursor)


def test_G40_feeds_that_go_on_together_produce_what_each_would_alone(cell):
    told = queues(cell, EVERY.filter, HANDLED, PAID, {**PAID, "disableSingleFire": True})
    write_orders(cell, 4)
    assert run_together(cell.database, cell.folds(), told) == Run([])
    assert {position(cell, one) for one in told} == {cell.store.head()}
    assert produced(cell, "key-1") == recomputed(cell)
    assert produced(cell, "key-2") == recomputed(cell, FromWorkflow(("handling",)))
    rows = [r for r in cell.store.page(0, 10_000) if r.status == "payment-approved"]
    assert produced(cell, "key-4") == [r.position for r in rows]
    assert produced(cell, "key-3") == sorted({r.order_id: r.position for r in rows[::-1]}.values())


def test_G40_a_feed_that_lags_is_left_behind_and_goes_on_alone(cell):
    write_orders(cell, 2)
    late, prompt = queues(cell, EVERY.filter, EVERY.filter)
    assert run_together(cell.database, cell.folds(), [prompt]) == Run([])
    write_orders_again(cell)
    folds = cell.folds()
    assert run_together(cell.database, folds, [late, prompt]) == Run([late.cursor])
    assert (position(cell, late), position(cell, prompt)) == (0, cell.store.head())
    assert run_together(cell.database, folds, [late]) == Run([])
    assert produced(cell, "key-1") == produced(cell, "key-2") == recomputed(cell)


def test_G40_only_who_missed_nothing_and_is_free_is_passed_over(cell):
    told = queues(cell, EVERY.filter, EVERY.filter, EVERY.filter)
    owed, _, held = told
    with cell.database.writing() as connection:
        elsewhere = feeds_table.c.app_key.in_(["key-2", "key-3"])
        connection.execute(update(feeds_table).where(elsewhere).values(account="quiet"))
    write_orders(cell, 2)
    token = cursors.take(cell.database, held.cursor)
    head = cell.store.head()
    with cell.database.writing() as connection:
        pass_over(connection, head)
    assert [position(cell, one) for one in told] == [0, head, 0]
    cursors.release(cell.database, held.cursor, token)
    with cell.database.writing() as connection:
        pass_over(connection, head)
    assert [position(cell, one) for one in told] == [0, head, head]
    assert run_together(cell.database, cell.folds(), [owed]) == Run([])
    assert produced(cell, "key-1") == recomputed(cell)


def write_orders_again(cell):
    asyncio.run(place_paid(cell.ledger, "v99-01", 99))


def test_G44_a_slow_filter_breaks_off_and_the_others_go_on_without_it(cell, monkeypatch):
    monkeypatch.setattr(judging, "BUDGET", 0.0)  # whatever is evaluated at all is slow
    slow, prompt = queues(cell, {**SLOW, "disableSingleFire": True}, EVERY.filter)
    write_orders(cell, 2)
    folds = cell.folds()
    assert run_together(cell.database, folds, [slow, prompt]) == Run([slow.cursor])
    assert position(cell, prompt) == cell.store.head()
    assert 0 < position(cell, slow) < cell.store.head()
    rounds = 0
    while run_together(cell.database, folds, [slow]):
        rounds += 1
    assert rounds > 5
    assert produced(cell, "key-2") == recomputed(cell)
    assert produced(cell, "key-1") == [r.position for r in cell.store.page(0, 999) if r.order_id]


def test_G44_a_run_ends_after_its_time_when_a_page_is_done(cell, monkeypatch):
    monkeypatch.setattr(together, "PAGE", 2)
    told = queues(cell, EVERY.filter, PAID)
    write_orders(cell, 2)
    folds, pages = cell.folds(), 1
    while run := run_together(cell.database, folds, told, seconds=-1):
        assert run == Run([], over=True)
        pages += 1
    assert pages >= len(recomputed(cell)) / 2
    assert produced(cell, "key-1") == recomputed(cell)


def test_G43_who_tells_hears_of_each_page_when_it_is_stored(cell, monkeypatch):
    monkeypatch.setattr(together, "PAGE", 2)
    (told,) = queues(cell, EVERY.filter)
    write_orders(cell, 1)
    seen = []
    run_together(cell.database, cell.folds(), [told], stored=lambda: seen.append(produced(cell)))
    whole = recomputed(cell)
    assert len(seen) >= len(whole) / 2
    assert all(so_far == whole[: len(so_far)] for so_far in seen)
    assert 0 < len(seen[0]) <= 2
    assert seen[-1] == whole


def test_G40_whose_notices_cannot_be_stored_does_not_hold_up_the_others(cell):
    broken, sound = queues(cell, EVERY.filter, EVERY.filter)

    def keep(connection, notices):
        raise RuntimeError("no room")

    broken.keep = keep
    write_orders(cell, 1)
    folds = cell.folds()
    assert run_together(cell.database, folds, [broken, sound]) == Run([broken.cursor, sound.cursor])
    assert run_together(cell.database, folds, [sound]) == Run([])
    with pytest.raises(RuntimeError):
        run_together(cell.database, folds, [broken])
    assert produced(cell, "key-1") == []
    assert produced(cell, "key-2") == recomputed(cell)


def test_G40_a_cursor_whose_lease_was_taken_meanwhile_stores_nothing(cell):
    stolen, kept = queues(cell, EVERY.filter, EVERY.filter)
    write_orders(cell, 2)

    folds, page = cell.folds(), cell.store.orders_page

    def stealing(*where):
        cursors.take(cell.database, stolen.cursor, steal=True)
        return page(*where)

    folds.store.orders_page = stealing
    try:
        run_together(cell.database, folds, [stolen, kept])
    finally:
        folds.store.orders_page = page
    assert produced(cell, "key-1") == []
    assert produced(cell, "key-2") == recomputed(cell)


def test_what_judging_came_to_is_counted_with_the_last_failure(cell):
    failing = {"expression": 'status = "payment-approved" ? "a" + 1 : false'}
    told = queues(cell, failing, EVERY.filter)
    write_orders(cell, 2)
    while run_together(cell.database, cell.folds(), told):
        pass  # a busy machine makes any filter slow
    with cell.database.reading() as connection:
        (row,) = connection.execute(select(judgings)).all()
        (overview, _) = feeds.overview(connection)
    entries = [r for r in cell.store.page(0, 999) if r.order_id]
    approved = [r for r in entries if r.status == "payment-approved"]
    assert (row.cursor, row.judged, row.passed) == ("feed:key-1", len(entries), 0)
    assert (row.failed, row.last_failure_position) == (len(approved), approved[-1].position)
    assert overview["failed"] == len(approved)
    assert row.micros > 0


DEADLY = {"expression": "$map(items, function($i) { $i.id })", "disableSingleFire": True}


class Killing:
    """What a filter is given whose expression ends every child."""

    def __init__(self, text):
        self.text, self.patterns, self.reads, self.asked = text, (), (), 0

    def truthy(self, document, at, patience=1):
        self.asked += 1
        raise jsonata.ChildKilled

    value = truthy


def test_G64_a_filter_that_ends_its_process_is_paused_and_the_others_go_on(cell, monkeypatch):
    """It rests at the event that it failed on, and goes on after it when somebody says so."""
    deadly, healthy = queues(cell, DEADLY, {**PAID, "disableSingleFire": True})
    write_orders(cell, 3)
    killing, compile = Killing(DEADLY["expression"]), jsonata.compile
    monkeypatch.setattr(
        jsonata, "compile", lambda text: killing if text == killing.text else compile(text)
    )
    folds = cell.folds()
    first = run_together(cell.database, folds, [deadly, healthy])
    assert first.left == [deadly.cursor]
    head, stopped = cell.store.head(), position(cell, deadly)
    assert (position(cell, healthy), killing.asked) == (head, 1)
    assert stopped < head
    with cell.database.reading() as connection:
        pause = pauses.get(connection, deadly.cursor)
    assert pause is not None
    assert pause.position == stopped
    for _ in range(3):  # whoever is asked again: it is not tried
        assert not run_together(cell.database, folds, [deadly])
        assert not run_together(cell.database, folds, [deadly, healthy])
    assert (position(cell, deadly), killing.asked) == (stopped, 1)
    with cell.database.writing() as connection:
        assert pauses.resume(connection, deadly.cursor)
        assert not pauses.resume(connection, deadly.cursor)
    run_together(cell.database, folds, [deadly])
    assert killing.asked == 2
    assert position(cell, deadly) > stopped
    # Another filter makes it go on, too.
    feed = replace(EVERY, app_key="key-1", filter=PAID)
    with cell.database.writing() as connection:
        feeds.configure(connection, feed, cell.store.head())
    (again,) = [FeedQueue(cell.database, feed)]
    while run_together(cell.database, folds, [again]):
        pass
    assert position(cell, again) == cell.store.head()


def test_G64_a_dry_run_and_an_explanation_end_with_the_process_that_they_ended(cell, monkeypatch):
    write_orders(cell, 3)
    killing = Killing(DEADLY["expression"])
    monkeypatch.setattr(jsonata, "compile", lambda _: killing)
    filter = parse_filter(DEADLY)
    reports = list(dry_run(cell.database, cell.folds(), ACCOUNT, filter, since=0))
    assert reports[-1].gave_up
    assert killing.asked == 1
    order_id = next(row.order_id for row in cell.store.page(0, 100) if row.order_id)
    (said,) = explain(cell.folds(), ACCOUNT, order_id, filter)
    assert "memory or processor time" in said.error
