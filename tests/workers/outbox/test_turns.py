"""Who is silent delays nobody: recipients take turns, and each has a circuit of its own."""

import asyncio
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from oms_ledger.eventstore.records import micros
from oms_ledger.notifications.channel import CHANNELS, PARTNER
from oms_ledger.services.outbox.outcomes import RetryLater, Unanswered
from projections.outbox import attempts, claims, messages
from projections.outbox.attempts import Attempt
from projections.outbox.tables import outbox_messages
from tests.support.clock import set_clock
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT, open_account, place_paid
from workers.outbox import dispatcher

START = datetime(2026, 1, 1, tzinfo=UTC)
SILENT = [f"seller:silent-{number:02}" for number in range(40)]
WELL = "seller:well"


@pytest.fixture
def clock(cell):
    clock = set_clock(cell, START)

    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    dispatcher.evaluate(cell, cell.loader())
    with cell.database.writing() as connection:  # what the order itself sends is not looked at
        for one in messages.listed(connection, channels=tuple(CHANNELS)):
            messages.skip(connection, one.id, "test", dispatcher.now(cell))
    return clock


def enqueue(cell, recipient, count=1, first=0):
    """Messages of different orders to a recipient."""
    now = micros(START)
    with cell.database.writing() as connection:
        messages.enqueue(
            connection,
            [
                {
                    "id": f"{recipient}/{number}",
                    "channel": PARTNER.name,
                    "account": ACCOUNT,
                    "recipient": recipient,
                    "ordering_key": f"{ACCOUNT}/{number}",
                    "position": 1000 + number,
                    "number": 0,
                    "order_id": "v1-01",
                    "version": 1,
                    "kind": "test",
                    "key": str(number),
                    "body": b"{}",
                    "state": messages.WAITING,
                    "produced_at": now,
                    "since": now,
                    "due_at": now,
                }
                for number in range(first, first + count)
            ],
        )


def until(true):
    end = time.monotonic() + HANGS
    while not true():
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.01)


def answers(cell, recipient):
    """The recipient is one that answered before."""
    enqueue(cell, recipient, first=900)
    (message,) = dispatcher.claim(cell, 1)
    with cell.database.writing() as connection:
        assert attempts.record_success(connection, message, Attempt(dispatcher.now(cell), 1))


@pytest.mark.guarantee("G44")
def test_forty_silent_sellers_delay_no_other(cell, clock, monkeypatch):
    """They never answer; who answered before gets everything meanwhile."""
    sent: Counter[Any] = Counter()
    released = threading.Event()

    async def handler(cell, message):
        sent[message.recipient] += 1
        if message.recipient in SILENT:
            await asyncio.to_thread(released.wait)
            raise Unanswered("said nothing")

    monkeypatch.setitem(dispatcher.HANDLERS, "test", handler)
    answers(cell, WELL)
    for recipient in SILENT:
        enqueue(cell, recipient, 3)
    running = dispatcher.OutboxDispatcher(cell)
    try:
        running.signal()
        until(lambda: sum(sent.values()) >= PARTNER.room.untried)
        enqueue(cell, WELL, 30)
        running.signal()
        until(lambda: sent[WELL] == 30)
        assert not released.is_set()
        assert max(sent[one] for one in SILENT) == 1  # each has one message in flight
    finally:
        released.set()
        running.close()


def held_until(cell, recipient):
    t = outbox_messages.c
    with cell.database.snapshot() as connection:
        query = select(t.claimed_until).where(t.recipient == recipient)
        return connection.execute(query).scalar_one()


@pytest.mark.guarantee("G44")
def test_what_is_in_flight_stays_claimed_and_what_a_dead_process_held_is_free(
    cell, clock, monkeypatch
):
    """A claim is short, and renewed by who lives: a dead one does not keep a recipient's room."""
    sent, released = threading.Event(), threading.Event()

    async def handler(cell, message):
        sent.set()
        await asyncio.to_thread(released.wait)

    monkeypatch.setitem(dispatcher.HANDLERS, "test", handler)
    monkeypatch.setattr(dispatcher, "RENEWAL", timedelta(milliseconds=5))
    enqueue(cell, WELL)
    running = dispatcher.OutboxDispatcher(cell)
    try:
        running.signal()
        until(sent.is_set)
        for _ in range(3):
            clock.at += claims.CLAIM_DURATION - timedelta(seconds=1)
            until(lambda: held_until(cell, WELL) > dispatcher.now(cell) + 2_000_000)
            assert dispatcher.claim(cell, 10) == []
        released.set()
        until(lambda: held_until(cell, WELL) == 0)
    finally:
        released.set()
        running.close()
    enqueue(cell, SILENT[0])
    (dead,) = dispatcher.claim(cell, 10)
    clock.at += claims.CLAIM_DURATION
    (again,) = dispatcher.claim(cell, 10)
    assert again.id == dead.id
    until_now = held_until(cell, SILENT[0])
    clock.at += timedelta(seconds=1)
    with cell.database.writing() as connection:
        claims.renew(connection, [dead], dispatcher.now(cell))  # it was frozen, not dead
    assert held_until(cell, SILENT[0]) == until_now


@pytest.mark.guarantee("G44")
def test_recipients_take_turns(cell, clock):
    """Whoever waits longest for a turn is next, however much the others have waiting."""
    for recipient in SILENT:
        enqueue(cell, recipient, 3)
    first = dispatcher.claim(cell, PARTNER.room.untried)
    enqueue(cell, WELL)
    with cell.database.writing() as connection:
        for message in first:
            failed = Attempt(dispatcher.now(cell), 1, None, "silent", answered=False)
            assert attempts.record_failure(connection, message, failed)
    clock.at += timedelta(minutes=1)
    second = dispatcher.claim(cell, 1000)
    assert len({one.recipient for one in second}) == len(second)
    failing = {one.recipient for one in first}
    room = PARTNER.room
    assert len([one for one in second if one.recipient in failing]) == room.failing
    untried = [one.recipient for one in second if one.recipient not in failing]
    assert len(untried) == room.untried
    third = dispatcher.take(cell, Counter(), 1000)
    assert WELL in {one.recipient for one in second} | {one.recipient for _, one in third}


@pytest.mark.guarantee("G44")
def test_a_circuit_opens_for_its_recipient_alone(cell, clock):
    enqueue(cell, SILENT[0], 30)
    enqueue(cell, SILENT[1], 2)
    assert PARTNER.circuit is not None

    def fails():
        message = next(one for one in dispatcher.claim(cell, 2) if one.recipient == SILENT[0])
        with cell.database.writing() as connection:
            failed = Attempt(dispatcher.now(cell), 0, None, "silent", answered=False)
            assert attempts.record_failure(connection, message, failed)
            return message

    for _ in range(PARTNER.circuit.failures):
        dead = fails()
    assert [one.recipient for one in dispatcher.claim(cell, 10)] == []
    enqueue(cell, WELL)
    assert [one.recipient for one in dispatcher.claim(cell, 10)] == [WELL]
    clock.at += PARTNER.circuit.pause
    (probe,) = (one for one in dispatcher.claim(cell, 10) if one.recipient == SILENT[0])
    with cell.database.writing() as connection:
        failed = Attempt(dispatcher.now(cell), 0, None, "silent", answered=False)
        attempts.record_failure(connection, probe, failed)
    assert SILENT[0] not in {one.recipient for one in dispatcher.claim(cell, 10)}
    with cell.database.snapshot() as connection:
        failing = claims.failing(connection, dispatcher.now(cell))
    assert (PARTNER.name, ACCOUNT, SILENT[0], 21, True) in failing
    with cell.database.writing() as connection:  # a person has it tried again at once
        messages.resume(connection, dead, dispatcher.now(cell))
        messages.close_circuit(connection, dead)
    (again,) = (one for one in dispatcher.claim(cell, 10) if one.recipient == SILENT[0])
    with cell.database.writing() as connection:
        attempts.record_success(connection, again, Attempt(dispatcher.now(cell), 0))
    taken = [one for one in dispatcher.claim(cell, 100) if one.recipient == SILENT[0]]
    assert len(taken) > 1  # it answers again


def test_who_says_not_now_is_no_silent_one(cell, clock, monkeypatch):
    async def busy(cell, message):
        raise RetryLater("thinking")

    monkeypatch.setitem(dispatcher.HANDLERS, "test", busy)
    enqueue(cell, WELL, 3)
    (first,) = dispatcher.claim(cell, 10)  # it never was tried
    asyncio.run(dispatcher.dispatch(cell, first))
    with cell.database.snapshot() as connection:
        assert claims.failing(connection, dispatcher.now(cell)) == []
        (attempt,) = messages.attempts_of(connection, [first.id])[first.id]
    assert (attempt.attempt, attempt.outcome) == (1, "thinking")
    assert len(dispatcher.claim(cell, 10)) == 2


def test_attempts_are_forgotten_after_two_weeks_but_of_what_waits(cell, clock):
    enqueue(cell, WELL, 2)
    for record in (attempts.record_success, attempts.record_failure):
        (message, *_) = dispatcher.claim(cell, 1)
        with cell.database.writing() as connection:
            record(connection, message, Attempt(dispatcher.now(cell), 0))
    with cell.database.writing() as connection:
        assert attempts.forget_attempts(connection, dispatcher.now(cell)) == 0
    clock.at += timedelta(days=15)
    with cell.database.writing() as connection:
        assert attempts.forget_attempts(connection, dispatcher.now(cell)) == 1
