"""Calls to others: owed exactly once, made at least once, given up only before a person's eyes."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from oms_ledger.eventstore.records import instant
from oms_ledger.orders import events as e
from oms_ledger.orders.outbox import rules as calling
from oms_ledger.orders.outbox.message import Call, wait_after
from oms_ledger.orders.refusals import CallNotFound, CallSettled
from oms_ledger.services.outbox import admin as mending
from oms_ledger.services.outbox.outcomes import Failed, TryAgain
from projections.outbox import messages as calls
from projections.outbox.messages import CallsOwed
from projections.subscriptions import checkpoints as cursors
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.support.run_until_idle import FakeClock, settle
from workers.outbox import dispatcher as switchboard

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def told(monkeypatch):
    """What a warehouse and an office hear when a window opens and closes, by kind and key."""
    heard = []

    def opened(before, event, after):
        return [Call("warehouse", "announce", "1", {"of": after.order_id})]

    def closed(before, event, after):
        yield Call("warehouse", "release", "2")
        yield Call("office", "report", "1")

    topic = {e.CancellationWindowOpened: opened, e.CancellationWindowClosed: closed}
    monkeypatch.setattr(calling, "TOPICS", [topic])

    async def hear(cell, owed):
        heard.append((owed.party, owed.kind))

    for kind in ("announce", "release", "report"):
        monkeypatch.setitem(switchboard.HANDLERS, kind, hear)
    return heard


def placed(cell, at=START):
    clock = FakeClock(cell, at)

    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    return clock


def listed(cell, **asked):
    with cell.database.reading() as connection:
        return calls.listed(connection, **asked)


def test_calls_are_made_in_order_of_an_order_and_a_party(cell, told):
    placed(cell)
    assert asyncio.run(settle(cell)) == 3
    assert [kind for party, kind in told if party == "warehouse"] == ["announce", "release"]
    assert sorted(told) == [
        ("office", "report"),
        ("warehouse", "announce"),
        ("warehouse", "release"),
    ]
    assert {one.state for one in listed(cell, order_id="v1-01")} == {calls.DONE}


def test_G45_a_cursor_that_goes_back_owes_nothing_twice(cell, told):
    placed(cell)
    asyncio.run(settle(cell))
    with cell.database.writing() as connection:
        cursors.drop(connection, calls.CURSOR)
        cursors.create(connection, calls.CURSOR, 0)
    assert asyncio.run(settle(cell)) == 0
    assert len(told) == 3


def test_G45_a_call_is_tried_for_three_days_and_then_waits_for_a_person(cell, told, monkeypatch):
    clock, tried = placed(cell), []

    async def away(cell, owed):
        tried.append(cell.ledger.now())
        raise TryAgain("nobody answers")

    monkeypatch.setitem(switchboard.HANDLERS, "announce", away)

    async def story():
        while not (dead := listed(cell, state=calls.DEAD)):
            await settle(cell)
            due = min(one.due_at for one in listed(cell) if one.kind == "announce")
            clock.at = max(clock.at, instant(due))
        return dead

    (dead,) = asyncio.run(story())
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits[:4] == [timedelta(seconds=s) for s in (5, 15, 45, 135)]
    assert max(waits) == timedelta(hours=1)
    assert timedelta(days=3) <= tried[-1] - START <= timedelta(days=3, hours=1)
    assert (dead.kind, dead.last_error) == ("announce", "nobody answers")
    order = asyncio.run(cell.ledger.order(ACCOUNT, "v1-01"))
    assert set(order.failed_calls) == {dead.id}
    assert told == [("office", "report")]  # the warehouse hears no later call before the first


def test_G45_a_resumed_call_is_made_and_the_order_is_no_longer_in_error(cell, told, monkeypatch):
    placed(cell)
    good = switchboard.HANDLERS["announce"]

    async def refuses(cell, owed):
        raise Failed("no such dock")

    monkeypatch.setitem(switchboard.HANDLERS, "announce", refuses)
    asyncio.run(settle(cell))
    (dead,) = listed(cell, state=calls.DEAD)
    monkeypatch.setitem(switchboard.HANDLERS, "announce", good)

    async def story():
        with pytest.raises(CallNotFound):
            await mending.resume(cell, "another", dead.id, by="op")
        await mending.resume(cell, ACCOUNT, dead.id, by="op")
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, "v1-01")

    assert asyncio.run(story()).failed_calls == {}
    assert [kind for party, kind in told if party == "warehouse"] == ["announce", "release"]
    with pytest.raises(CallSettled):
        asyncio.run(mending.skip(cell, ACCOUNT, dead.id, reason="too late", by="op"))


def test_G45_a_skipped_call_lets_the_next_ones_through(cell, told, monkeypatch):
    placed(cell)

    async def refuses(cell, owed):
        raise Failed("no such dock")

    monkeypatch.setitem(switchboard.HANDLERS, "announce", refuses)
    asyncio.run(settle(cell))
    (dead,) = listed(cell, state=calls.DEAD)

    async def story():
        for _ in range(2):  # asked twice, done once
            await mending.skip(cell, ACCOUNT, dead.id, reason="told by telephone", by="op")
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, "v1-01")

    assert asyncio.run(story()).failed_calls == {}
    assert ("warehouse", "release") in told
    skipped = [row for row in cell.store.page(0) if row.name == "call-skipped"]
    assert len(skipped) == 1
    assert listed(cell, state=calls.SKIPPED)[0].skip_reason == "told by telephone"


def test_G45_a_claim_that_was_lost_records_nothing(cell, told):
    clock = placed(cell)
    cursors.run(cell.database, cell.folds(), calls.CURSOR, CallsOwed(lambda: switchboard.now(cell)))
    lost = switchboard.claim(cell, 10)
    assert switchboard.claim(cell, 10) == []  # what is under way is nobody else's
    clock.at += timedelta(seconds=61)  # whoever claimed them died
    again = switchboard.claim(cell, 10)
    assert [one.id for one in again] == [one.id for one in lost]
    with cell.database.writing() as connection:
        assert not calls.record_success(connection, lost[0], switchboard.now(cell))
        assert calls.record_success(connection, again[0], switchboard.now(cell))


def test_the_waits_grow_threefold_up_to_an_hour():
    waits = [wait_after(n).total_seconds() for n in range(1, 10)]
    assert waits == [5, 15, 45, 135, 405, 1215, 3600, 3600, 3600]
