"""Outbox: pending exactly once, made at least once, given up only before a person's eyes."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import instant
from oms_ledger.notifications.channel import PARTNER
from oms_ledger.orders import events
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.outbox import rules
from oms_ledger.orders.outbox.message import OutboxMessage
from oms_ledger.orders.refusals import OutboxMessageCompleted, OutboxMessageNotFound
from oms_ledger.services.outbox import admin
from oms_ledger.services.outbox.outcomes import PermanentFailure, RetryLater
from projections.outbox import attempts, messages
from projections.outbox.attempts import Attempt
from projections.outbox.of_orders import OutboxProjection
from projections.subscriptions import checkpoints
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.support.run_until_idle import settle
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def fields(monkeypatch):
    """What a warehouse and an office hear when a window opens and closes, by kind and key."""
    result = []

    def opened(before, event, after):
        return [OutboxMessage("warehouse", "announce", "1", {"of": after.order_id})]

    def closed(before, event, after):
        yield OutboxMessage("warehouse", "release", "2")
        yield OutboxMessage("office", "report", "1")

    topic = {events.CancellationWindowOpened: opened, events.CancellationWindowClosed: closed}
    monkeypatch.setattr(rules, "TOPICS", [topic])

    async def record(cell, pending):
        result.append((pending.recipient, pending.kind))

    for kind in ("announce", "release", "report"):
        monkeypatch.setitem(dispatcher.HANDLERS, kind, record)
    return result


def placed(cell, at=START):
    clock = set_clock(cell, at)

    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    return clock


def listed(cell, **requested):
    with cell.database.snapshot() as connection:
        return messages.listed(connection, **requested)


def test_calls_are_made_in_order_of_an_order_and_a_party(cell, fields):
    placed(cell)
    assert asyncio.run(settle(cell)) == 3
    assert [kind for recipient, kind in fields if recipient == "warehouse"] == [
        "announce",
        "release",
    ]
    assert sorted(fields) == [
        ("office", "report"),
        ("warehouse", "announce"),
        ("warehouse", "release"),
    ]
    assert {one.state for one in listed(cell, order_id="v1-01")} == {messages.DONE}


@pytest.mark.guarantee("G45")
def test_a_subscription_that_goes_back_repeats_nothing(cell, fields):
    placed(cell)
    asyncio.run(settle(cell))
    with cell.database.writing() as connection:
        checkpoints.drop(connection, messages.SUBSCRIPTION)
        checkpoints.create(connection, messages.SUBSCRIPTION, 0)
    assert asyncio.run(settle(cell)) == 0
    assert len(fields) == 3


def test_a_message_whose_account_has_moved_is_no_attempt(cell, fields, monkeypatch):
    """It went along, and the other cell sends it: nothing is recorded, and nothing is a fault."""
    placed(cell)

    async def record(cell, pending):
        ctx = CommandContext(ACCOUNT, "test")
        await cell.ledger.change(ctx, pending.order_id, start_handling)

    monkeypatch.setitem(dispatcher.HANDLERS, "announce", record)
    dispatcher.evaluate(cell, cell.loader())
    claimed = [one for one in dispatcher.claim(cell, 10) if one.kind == "announce"]
    with cell.database.writing() as connection:
        hosting.set_state(connection, ACCOUNT, hosting.GONE)
    with capture_logs() as logs:
        for message in claimed:
            asyncio.run(dispatcher.dispatch(cell, message))
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("outbox_account_moved", "info")
    ]
    stored = {one.id: one for one in listed(cell, order_id="v1-01")}
    assert {stored[one.id].attempts for one in claimed} == {0}


@pytest.mark.guarantee("G45")
def test_a_database_that_is_away_is_tried_again_soon(cell, fields, monkeypatch):
    clock, tried = placed(cell), []

    async def unavailable(cell, pending):
        tried.append(cell.clock.now())
        if len(tried) < 3:
            raise OperationalError("the database is away", None, RuntimeError())

    monkeypatch.setitem(dispatcher.HANDLERS, "announce", unavailable)

    async def story():
        await settle(cell)
        for _ in range(2):
            (announcement,) = (one for one in listed(cell) if one.kind == "announce")
            assert announcement.last_error == "OperationalError"
            clock.at = instant(announcement.due_at)
            await settle(cell)

    asyncio.run(story())
    for (earlier, later), seconds in zip(pairwise(tried), (5, 15), strict=True):
        assert timedelta(seconds=seconds) <= later - earlier <= timedelta(seconds=1.1 * seconds)
    assert {one.state for one in listed(cell, order_id="v1-01")} == {messages.DONE}


@pytest.mark.guarantee("G45")
def test_a_call_is_tried_for_three_days_and_then_waits_for_a_person(cell, fields, monkeypatch):
    clock, tried = placed(cell), []

    async def away(cell, pending):
        tried.append(cell.clock.now())
        raise RetryLater("nobody answers")

    monkeypatch.setitem(dispatcher.HANDLERS, "announce", away)

    async def story():
        while not (dead := listed(cell, state=messages.DEAD)):
            await settle(cell)
            due = min(one.due_at for one in listed(cell) if one.kind == "announce")
            clock.at = max(clock.at, instant(due))
        return dead

    (dead,) = asyncio.run(story())
    waits = [later - earlier for earlier, later in pairwise(tried)]
    for wait, seconds in zip(waits, (5, 15, 45, 135), strict=False):
        assert timedelta(seconds=0.9 * seconds) <= wait <= timedelta(seconds=1.1 * seconds)
    assert timedelta(minutes=54) <= max(waits) <= timedelta(minutes=66)
    assert timedelta(days=3) <= tried[-1] - START <= timedelta(days=3, hours=1.1)
    assert (dead.kind, dead.last_error) == ("announce", "nobody answers")
    order = asyncio.run(cell.ledger.order(ACCOUNT, "v1-01"))
    assert set(order.failed_messages) == {dead.id}
    assert fields == [("office", "report")]  # the warehouse hears no later call before the first


@pytest.mark.guarantee("G45")
def test_a_resumed_call_is_made_and_the_order_is_no_longer_in_error(cell, fields, monkeypatch):
    placed(cell)
    good = dispatcher.HANDLERS["announce"]

    async def refuses(cell, pending):
        raise PermanentFailure("no such dock")

    monkeypatch.setitem(dispatcher.HANDLERS, "announce", refuses)
    asyncio.run(settle(cell))
    (dead,) = listed(cell, state=messages.DEAD)
    monkeypatch.setitem(dispatcher.HANDLERS, "announce", good)

    async def story():
        with pytest.raises(OutboxMessageNotFound):
            await admin.resume(cell, CommandContext("another", "op"), dead.id)
        await admin.resume(cell, CommandContext(ACCOUNT, "op"), dead.id)
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, "v1-01")

    assert asyncio.run(story()).failed_messages == {}
    assert [kind for recipient, kind in fields if recipient == "warehouse"] == [
        "announce",
        "release",
    ]
    with pytest.raises(OutboxMessageCompleted):
        asyncio.run(admin.skip(cell, CommandContext(ACCOUNT, "op"), dead.id, reason="too late"))


@pytest.mark.guarantee("G45")
def test_a_skipped_call_lets_the_next_ones_through(cell, fields, monkeypatch):
    placed(cell)

    async def refuses(cell, pending):
        raise PermanentFailure("no such dock")

    monkeypatch.setitem(dispatcher.HANDLERS, "announce", refuses)
    asyncio.run(settle(cell))
    (dead,) = listed(cell, state=messages.DEAD)

    async def story():
        for _ in range(2):  # asked twice, done once
            await admin.skip(
                cell, CommandContext(ACCOUNT, "op"), dead.id, reason="told by telephone"
            )
        await settle(cell)
        return await cell.ledger.order(ACCOUNT, "v1-01")

    assert asyncio.run(story()).failed_messages == {}
    assert ("warehouse", "release") in fields
    skipped = [row for row in cell.store.page(0) if row.name == "outbox-message-skipped"]
    assert len(skipped) == 1
    assert listed(cell, state=messages.SKIPPED)[0].skip_reason == "told by telephone"


@pytest.mark.guarantee("G45")
def test_a_claim_that_was_lost_records_nothing(cell, fields):
    clock = placed(cell)
    checkpoints.run(
        cell.database,
        cell.loader(),
        messages.SUBSCRIPTION,
        OutboxProjection(lambda: dispatcher.now(cell)),
    )
    lost = dispatcher.claim(cell, 10)
    assert dispatcher.claim(cell, 10) == []  # what is under way is nobody else's
    clock.at += timedelta(seconds=61)  # whoever claimed them died
    again = dispatcher.claim(cell, 10)
    assert [one.id for one in again] == [one.id for one in lost]
    with cell.database.writing() as connection:
        done = Attempt(dispatcher.now(cell), 0)
        assert not attempts.record_success(connection, lost[0], done)
        assert attempts.record_success(connection, again[0], done)


def test_the_waits_grow_threefold_up_to_an_hour():
    waits = [PARTNER.retry.wait(n, 0.5).total_seconds() for n in range(1, 10)]
    assert waits == [5, 15, 45, 135, 405, 1215, 3600, 3600, 3600]
    assert PARTNER.retry.wait(1, 0.0).total_seconds() == 4.5
    assert PARTNER.retry.wait(1, 1.0).total_seconds() == 5.5
