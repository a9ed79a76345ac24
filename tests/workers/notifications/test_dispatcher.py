"""Hooks given by the delivery: at least once, in order for each order, never to forbidden
places.
"""

import asyncio
import base64
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from ipaddress import ip_network
from itertools import pairwise

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from oms_ledger.cell import Cell
from oms_ledger.http_client.webhook_client import Answer, Sender
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.notifications.webhook import LONGEST_WAIT, retry_after
from projections.notifications import deliveries as notifications_deliveries
from projections.notifications import hooks
from projections.notifications.hooks import Hook
from projections.subscriptions import replay
from tests.support import hook_deliveries
from tests.support.configuring import configure_hook, pause_hook, resume_hook, rotate_hook_secret
from tests.support.inline_delivery import Postman
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.support.receiver import Receiver

LOOPBACK = (ip_network("127.0.0.1/32"),)


@pytest.fixture
def open_cell(cell):
    """The cell with loopback opened for hooks."""
    opened = Cell(replace(cell.settings, hook_allowed_networks=LOOPBACK), cell.clock)
    yield opened
    opened.close()


@pytest.fixture
def webhook_dispatcher(open_cell):
    webhook_dispatcher = Postman(open_cell)
    yield webhook_dispatcher
    webhook_dispatcher.close()


EVERY = {"type": "FromWorkflow", "status": []}


def configure(cell, url, key="key-1", filter=EVERY):
    hook = Hook(key, ACCOUNT, filter, url, {"key": "topsecret"})
    return configure_hook(cell, hook, 0)


def write_orders(cell, count):
    async def story():
        await open_account(cell.ledger)
        await asyncio.gather(*(place_paid(cell.ledger, f"v{n}-01", n) for n in range(count)))

    asyncio.run(story())


def pending(cell):
    with cell.database.snapshot() as connection:
        return notifications_deliveries.pending(connection)


def settle(cell, condition):
    """Wait, bounded, for what the webhook dispatcher's threads write."""
    until = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < until, "the courier did not come to the expected end"
        time.sleep(0.01)


def states(result, order_id):
    return [notification["State"] for notification in result if notification["OrderId"] == order_id]


def expected(cell, order_id):
    rows = [row for row in cell.store.page(0, 10_000) if row.order_id == order_id]
    return [row.status for row in rows if row.moved]


@pytest.mark.guarantee("G43")
def test_every_notification_arrives_in_order_of_its_order(open_cell, webhook_dispatcher):
    with Receiver() as receiver:
        secret = configure(open_cell, receiver.url)
        write_orders(open_cell, 4)
        webhook_dispatcher.evaluate(ACCOUNT)
        receiver.wait_for(lambda result: len(result) == 4 * 9)
        settle(open_cell, lambda: all_delivered(open_cell))
        for number in range(4):
            order_id = f"v{number}-01"
            assert states(receiver.received, order_id) == expected(open_cell, order_id)
        assert receiver.received[0]["Origin"] == {"Account": ACCOUNT, "Key": "key-1"}
        assert {headers["key"] for headers in receiver.headers} == {"topsecret"}
        assert len({headers["webhook-id"] for headers in receiver.headers}) == 36
        verify(secret, receiver, 0)


@pytest.mark.guarantee("G43")
@pytest.mark.parametrize("failure", [500, 302, 204])
def test_what_is_not_exactly_200_is_tried_again_before_the_next(
    open_cell, webhook_dispatcher, failure
):
    with Receiver(lambda number: failure if number <= 3 else 200) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        webhook_dispatcher.evaluate(ACCOUNT)
        for failed in range(1, 4):
            receiver.wait_for(partial(at_least, failed))
            settle(open_cell, lambda n=failed: attempts(open_cell) >= n)
            assert {notification["State"] for notification in receiver.received[:failed]} == {
                "order-created"
            }
            make_due(open_cell)
            webhook_dispatcher.signal_hook("key-1")
        receiver.wait_for(lambda result: len(result) == 3 + 9)
        settle(open_cell, lambda: all_delivered(open_cell))
        assert states(receiver.received[3:], "v0-01") == expected(open_cell, "v0-01")
        assert len({headers["webhook-id"] for headers in receiver.headers[:4]}) == 1


def attempts(cell):
    with cell.database.snapshot() as connection:
        return connection.execute(text("SELECT count(*) FROM outbox_attempts")).scalar_one()


def make_due(cell, **more):
    with cell.database.writing() as connection:
        hook_deliveries.change(connection, due_at=0, **more)


@pytest.mark.guarantee("G43")
def test_after_three_days_a_notification_is_a_dead_letter_with_its_attempts(
    open_cell, webhook_dispatcher
):
    with Receiver(lambda _: 500) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: attempts(open_cell) == 1)
        make_due(open_cell, since=0)
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: dead(open_cell) == 9)
        assert pending(open_cell) == {}


def dead(cell):
    with cell.database.snapshot() as connection:
        return connection.execute(
            text("SELECT count(*) FROM outbox_messages WHERE state = 'dead'")
        ).scalar_one()


@pytest.mark.guarantee("G44")
def test_an_unhealthy_endpoint_keeps_only_itself_waiting(open_cell, webhook_dispatcher):
    with Receiver() as healthy:
        configure(open_cell, "http://127.0.0.1:1/", "sick")
        configure(open_cell, healthy.url, "well")
        write_orders(open_cell, 3)
        webhook_dispatcher.evaluate(ACCOUNT)
        healthy.wait_for(lambda result: len(result) == 27)
        settle(open_cell, lambda: pending(open_cell) == {"sick": 27})


@pytest.mark.guarantee("G44")
def test_a_hundred_dead_endpoints_and_a_slow_filter_do_not_delay_a_healthy_hook(
    open_cell, webhook_dispatcher
):
    """The healthy one has heard everything while the others have not come to an end."""
    hostile = "($f := function($n) { $n > 0 ? $f($n - 1) + $f($n - 1) : 1 }; $f(40) > 0)"
    with Receiver() as healthy, Receiver() as never:
        for number in range(100):
            configure(open_cell, "http://127.0.0.1:1/", f"dead-{number:03}")
        slow = {"type": "FromOrders", "expression": hostile, "disableSingleFire": True}
        configure(open_cell, never.url, "hostile", slow)
        configure(open_cell, healthy.url, "well")
        write_orders(open_cell, 3)
        webhook_dispatcher.evaluate(ACCOUNT)
        healthy.wait_for(lambda result: len(result) == 27)
        settle(open_cell, lambda: "well" not in pending(open_cell))
        assert never.received == []
        assert all(count == 27 for count in pending(open_cell).values())
        assert len(pending(open_cell)) == 100


@pytest.mark.guarantee("G44")
def test_an_open_circuit_is_left_alone_and_probed_with_one_notification(
    open_cell, webhook_dispatcher
):
    refuses = True
    with Receiver(lambda _: 500 if refuses else 200) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 30)
        while consecutive_failures(open_cell) < WEBHOOK.circuit.failures:
            make_due(open_cell)
            webhook_dispatcher.evaluate(ACCOUNT)
            webhook_dispatcher.signal_hook("key-1")
            time.sleep(0.01)
        settle(open_cell, lambda: quiet(open_cell) and holder(open_cell) is None)
        result = len(receiver.received)
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: webhook_dispatcher.idle)
        assert len(receiver.received) == result  # skipped
        let_circuit_probe(open_cell)
        make_due(open_cell)
        webhook_dispatcher.signal_hook("key-1")
        receiver.wait_for(lambda bodies: len(bodies) == result + 1)
        settle(open_cell, lambda: quiet(open_cell) and webhook_dispatcher.idle)
        assert len(receiver.received) == result + 1  # one probe, and quiet again
        refuses = False
        let_circuit_probe(open_cell)
        make_due(open_cell)
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: all_delivered(open_cell))
        assert consecutive_failures(open_cell) == 0


def row_of(cell, table="hooks", column="app_key", key="key-1"):
    with cell.database.snapshot() as connection:
        query = text(f"SELECT * FROM {table} WHERE {column} = :key")
        return connection.execute(query, {"key": key}).one()


def circuit_of(cell):
    return row_of(cell, "outbox_recipients", "recipient")


def consecutive_failures(cell):
    return circuit_of(cell).consecutive_failures


def quiet(cell):
    return circuit_of(cell).circuit_open_until > cell.clock.micros()


def holder(cell):
    return row_of(cell, "leases", "name", "delivery:key-1").holder


def let_circuit_probe(cell):
    with cell.database.writing() as connection:
        hook_deliveries.close_circuits(connection)


@pytest.mark.guarantee("G43")
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_quiets_the_hook_for_as_long_as_it_says(
    open_cell, webhook_dispatcher, monkeypatch, status
):
    when = datetime.now(UTC) + timedelta(hours=2)
    answer = Answer(status, f"HTTP {status}", retry_after(format_datetime(when), time.time()))

    async def post(self, url, body, headers):
        return answer

    monkeypatch.setattr(Sender, "post", post)
    configure(open_cell, "https://example.com/")
    write_orders(open_cell, 2)
    webhook_dispatcher.evaluate(ACCOUNT)
    settle(open_cell, lambda: attempts(open_cell) >= 1 and webhook_dispatcher.idle)
    made = attempts(open_cell)
    webhook_dispatcher.signal_hook("key-1")
    settle(open_cell, lambda: webhook_dispatcher.idle)
    assert attempts(open_cell) == made == 1
    wait = circuit_of(open_cell).circuit_open_until / 1e6 - when.timestamp()
    assert abs(wait) < 60
    assert consecutive_failures(open_cell) == 1
    answer = Answer(200, "HTTP 200")
    let_circuit_probe(open_cell)
    make_due(open_cell)
    webhook_dispatcher.signal_hook("key-1")
    settle(open_cell, lambda: all_delivered(open_cell))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("999999999999999999999", LONGEST_WAIT.total_seconds()),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10),
        ("Wed, 21 Oct 2015 09:28:10 +0200", 10),
        ("Wednesday, 21-Oct-15 07:28:10 GMT", 10),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("\u0663", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_an_instant(value, seconds):
    now = datetime(2015, 10, 21, 7, 28, tzinfo=UTC).timestamp()
    assert retry_after(value, now) == seconds


@pytest.mark.guarantee("G43")
def test_a_crash_between_the_200_and_its_record_tells_again_under_the_same_id(open_cell):
    with Receiver() as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        dying = Postman(open_cell)
        batcher = dying.sessions.write_batcher
        setattr(batcher, "write", failing(batcher.write))  # noqa: B010
        dying.evaluate(ACCOUNT)
        receiver.wait_for(lambda result: len(result) == 1)
        settle(open_cell, lambda: dying.idle)
        dying.close()
        assert attempts(open_cell) == 0
        free_lease(open_cell)
        living = Postman(open_cell)
        living.signal_hook("key-1")
        receiver.wait_for(lambda result: len(result) == 10)
        settle(open_cell, lambda: all_delivered(open_cell))
        living.close()
        ids = [headers["webhook-id"] for headers in receiver.headers]
        assert ids[0] == ids[1]
        assert len(set(ids)) == 9
        assert states(receiver.received[1:], "v0-01") == expected(open_cell, "v0-01")


def at_least(count, result):
    return len(result) >= count


def failing(write):
    """The first write is done, the lease's; what comes after it never is."""
    done: list[bool] = []

    async def once(key, work, **how):
        if done:
            raise ConnectionError("the process is gone")
        done.append(key)
        return await write(key, work, **how)

    return once


def free_lease(cell):
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE leases SET expires_at = 0"))


@pytest.mark.guarantee("G43")
def test_what_was_evaluated_while_another_worker_served_the_hook_is_not_left_behind(open_cell):
    """The signal finds the lease taken; its holder looks once more after giving it back."""
    with Receiver() as receiver:
        configure(open_cell, receiver.url)
        holding, other = Postman(open_cell), Postman(open_cell)
        write_orders(open_cell, 10)
        for webhook_dispatcher in (holding, other):
            webhook_dispatcher.evaluate(ACCOUNT)
            webhook_dispatcher.signal_hook("key-1")
        receiver.wait_for(lambda result: len(result) >= 90)
        settle(open_cell, lambda: all_delivered(open_cell))
        for webhook_dispatcher in (holding, other):
            webhook_dispatcher.close()
        for number in range(10):
            fields = dict.fromkeys(states(receiver.received, f"v{number}-01"))
            assert list(fields) == expected(open_cell, f"v{number}-01")


def test_pushes_verify_by_the_official_library_and_by_both_secrets_while_rotated(
    open_cell, webhook_dispatcher
):
    with Receiver() as receiver:
        first = configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: all_delivered(open_cell))
        verify(first, receiver, -1)
        second = rotated(open_cell)
        with open_cell.database.reading() as connection:
            until = hooks.get(connection, "key-1", open_cell.encryption).previous_until
        assert second != first
        assert until > open_cell.clock.micros()
        again(open_cell, webhook_dispatcher)
        verify(first, receiver, -1)
        verify(second, receiver, -1)
        third = rotated(open_cell, overlap_seconds=0)
        again(open_cell, webhook_dispatcher)
        verify(third, receiver, -1)
        for former in (first, second):
            with pytest.raises(WebhookVerificationError):
                verify(former, receiver, -1)


def verify(secret, receiver, number):
    body = json.dumps(receiver.received[number])
    assert Webhook(secret).verify(body, receiver.headers[number]) == receiver.received[number]


def rotated(cell, **both):
    return rotate_hook_secret(cell, ACCOUNT, "key-1", **both)


def again(cell, webhook_dispatcher):
    """Everything gets again, and settled."""
    with cell.database.writing() as connection:
        replay.rewind(connection, "hook:key-1", 0)
    webhook_dispatcher.evaluate(ACCOUNT)
    settle(cell, lambda: all_delivered(cell))


def all_delivered(cell):
    position = row_of(cell, "subscriptions", "id", "hook:key-1").position
    return position == cell.store.head() and pending(cell) == {}


def test_a_replay_tells_again_marked_under_the_same_ids(open_cell, webhook_dispatcher):
    with Receiver() as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 2)
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: all_delivered(open_cell))
        first = {headers["webhook-id"] for headers in receiver.headers}
        again(open_cell, webhook_dispatcher)
        fields = receiver.headers[18:]
        assert {headers["webhook-id"] for headers in fields} == first
        assert {headers["x-hook-replayed"] for headers in fields} == {"true"}
        assert all("x-hook-replayed" not in headers for headers in receiver.headers[:18])
        assert attempts(open_cell) == 36


def test_a_paused_hook_gets_nothing_and_loses_nothing(open_cell, webhook_dispatcher):
    with Receiver() as receiver:
        configure(open_cell, receiver.url)
        pause_hook(open_cell, ACCOUNT, "key-1")
        write_orders(open_cell, 1)
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: pending(open_cell) == {"key-1": 9} and webhook_dispatcher.idle)
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: webhook_dispatcher.idle)
        assert receiver.received == []
        with open_cell.database.writing() as connection:
            assert notifications_deliveries.with_due(connection, open_cell.clock.micros()) == []
            hook_deliveries.change(connection, since=0)
        resume_hook(open_cell, ACCOUNT, "key-1")
        webhook_dispatcher.evaluate(ACCOUNT)  # passes over that it was resumed
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: all_delivered(open_cell))
        assert states(receiver.received, "v0-01") == expected(open_cell, "v0-01")


def test_the_three_days_of_a_notification_begin_anew_when_a_hook_is_resumed(
    open_cell, webhook_dispatcher
):
    with Receiver(lambda _: 500) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        pause_hook(open_cell, ACCOUNT, "key-1")
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: pending(open_cell) == {"key-1": 9} and webhook_dispatcher.idle)
        with open_cell.database.writing() as connection:
            hook_deliveries.change(connection, since=0)
        resume_hook(open_cell, ACCOUNT, "key-1")
        webhook_dispatcher.evaluate(ACCOUNT)  # passes over that it was resumed
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: attempts(open_cell) == 1 and webhook_dispatcher.idle)
        assert dead(open_cell) == 0
        assert pending(open_cell) == {"key-1": 9}


def test_a_hook_with_pending_deliveries_is_never_removed_as_unused(open_cell, webhook_dispatcher):
    with Receiver() as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        later = open_cell.clock.micros() + 4 * 86_400_000_000
        with open_cell.database.writing() as connection:
            assert not hooks.is_unused(connection, ACCOUNT, "key-1", later)  # not evaluated yet
        pause_hook(open_cell, ACCOUNT, "key-1")
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: pending(open_cell) == {"key-1": 9} and webhook_dispatcher.idle)
        with open_cell.database.writing() as connection:
            assert not hooks.is_unused(connection, ACCOUNT, "key-1", later)  # pending
        resume_hook(open_cell, ACCOUNT, "key-1")
        webhook_dispatcher.evaluate(ACCOUNT)  # passes over that it was resumed
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: all_delivered(open_cell) and webhook_dispatcher.idle)
        with open_cell.database.writing() as connection:
            assert not hooks.is_unused(
                connection, ACCOUNT, "key-1", open_cell.clock.micros()
            )  # not yet unused
            assert hooks.is_unused(connection, ACCOUNT, "key-1", later)


@pytest.mark.guarantee("G54")
def test_headers_and_signing_secrets_are_stored_encrypted(open_cell):
    first = configure(open_cell, "https://example.com/")
    second = rotated(open_cell)
    row = row_of(open_cell)
    kept = bytes(row.headers) + bytes(row.secret) + bytes(row.previous_secret)
    for secret in (first, second):
        assert secret.encode() not in kept
        assert base64.b64decode(secret.removeprefix("whsec_")) not in kept
    assert b"secret" not in kept


@pytest.mark.guarantee("G54")
def test_secrets_are_in_no_log_and_no_attempt(open_cell, webhook_dispatcher, capfd):
    secret = configure(open_cell, "http://127.0.0.1:1/")
    write_orders(open_cell, 1)
    webhook_dispatcher.evaluate(ACCOUNT)
    settle(open_cell, lambda: attempts(open_cell) >= 1 and webhook_dispatcher.idle)
    with open_cell.database.snapshot() as connection:
        (outcome,) = connection.execute(text("SELECT outcome FROM outbox_attempts")).scalars()
        waiting = connection.execute(text("SELECT * FROM outbox_messages")).all()
    out, err = capfd.readouterr()
    for fields in (out, err, outcome, str(waiting)):
        assert secret not in fields
        assert "topsecret" not in fields


def test_waits_grow_and_stay_bounded():
    waits = [WEBHOOK.retry.wait(attempts, 0.5) for attempts in range(1, 30)]
    assert waits[0].total_seconds() == 5
    assert all(a <= b for a, b in pairwise(waits))
    assert waits[-1] == LONGEST_WAIT


def test_an_endpoint_that_is_gone_pauses_its_hook_and_keeps_what_is_pending(
    open_cell, webhook_dispatcher
):
    with Receiver(lambda _: 410) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 2)
        webhook_dispatcher.evaluate(ACCOUNT)
        settle(open_cell, lambda: paused(open_cell) and webhook_dispatcher.idle)
        assert paused(open_cell) == "HTTP 410"
        result = len(receiver.received)
        assert 1 <= result < 10
        assert len(pending(open_cell)) > 0
        webhook_dispatcher.signal_hook("key-1")
        settle(open_cell, lambda: webhook_dispatcher.idle)
        assert len(receiver.received) == result
    resume_hook(open_cell, ACCOUNT, "key-1")
    assert paused(open_cell) is None


def paused(cell):
    with cell.database.snapshot() as connection:
        return hooks.get(connection, "key-1", cell.encryption).pause_reason
