"""Hooks told by the courier: at least once, in order for each order, never to forbidden places."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from ipaddress import ip_network
from itertools import pairwise

import pytest
from sqlalchemy import text

from oms_ledger.integrations.notices import LONGEST_WAIT, wait_after
from oms_ledger.wiring import Cell
from projections import hooks, pushes
from projections.hooks import Hook
from tests.purchases import ACCOUNT, open_account, place_paid
from tests.receiver import Receiver
from workers.courier import Courier

LOOPBACK = (ip_network("127.0.0.1/32"),)


@pytest.fixture
def open_cell(cell):
    """The cell with loopback opened for hooks."""
    opened = Cell(replace(cell.settings, hook_allowed_networks=LOOPBACK))
    yield opened
    opened.close()


@pytest.fixture
def courier(open_cell):
    courier = Courier(open_cell)
    yield courier
    courier.close()


def configure(cell, url, key="key-1"):
    hook = Hook(key, ACCOUNT, {"type": "FromWorkflow", "status": []}, url, {"key": "secret"}, "")
    with cell.database.writing() as connection:
        return hooks.configure(connection, hook, 0, cell.vault)


def write_orders(cell, count):
    async def story():
        await open_account(cell.ledger)
        await asyncio.gather(*(place_paid(cell.ledger, f"v{n}-01", n) for n in range(count)))

    asyncio.run(story())


def owed(cell):
    with cell.database.reading() as connection:
        return pushes.owed(connection)


def settle(cell, condition):
    """Wait, bounded, for what the courier's threads write."""
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "the courier did not come to the expected end"
        time.sleep(0.01)


def states(heard, order_id):
    return [notice["State"] for notice in heard if notice["OrderId"] == order_id]


def expected(cell, order_id):
    rows = [row for row in cell.store.page(0, 10_000) if row.order_id == order_id]
    return [row.status for row in rows if row.moved]


def test_G43_every_notice_arrives_in_order_of_its_order(open_cell, courier):
    with Receiver() as receiver:
        secret = configure(open_cell, receiver.url)
        write_orders(open_cell, 4)
        courier.judge(ACCOUNT)
        receiver.wait_for(lambda heard: len(heard) == 4 * 9)
        settle(open_cell, lambda: owed(open_cell) == {})
        for number in range(4):
            order_id = f"v{number}-01"
            assert states(receiver.heard, order_id) == expected(open_cell, order_id)
        assert receiver.heard[0]["Origin"] == {"Account": ACCOUNT, "Key": "key-1"}
        assert {headers["key"] for headers in receiver.headers} == {"secret"}
        assert len({headers["webhook-id"] for headers in receiver.headers}) == 36
        check_signature(secret, receiver)


def check_signature(secret, receiver):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    headers, body = receiver.headers[0], json.dumps(receiver.heard[0])
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    signed = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signed}"


@pytest.mark.parametrize("failure", [500, 302, 204])
def test_G43_what_is_not_exactly_200_is_tried_again_before_the_next(open_cell, courier, failure):
    with Receiver(lambda number: failure if number <= 3 else 200) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        courier.judge(ACCOUNT)
        for failed in range(1, 4):
            receiver.wait_for(lambda heard, n=failed: len(heard) >= n)
            settle(open_cell, lambda n=failed: attempts(open_cell) >= n)
            assert {notice["State"] for notice in receiver.heard[:failed]} == {"order-created"}
            make_due(open_cell)
            courier.wake("key-1")
        receiver.wait_for(lambda heard: len(heard) == 3 + 9)
        settle(open_cell, lambda: owed(open_cell) == {})
        assert states(receiver.heard[3:], "v0-01") == expected(open_cell, "v0-01")
        assert len({headers["webhook-id"] for headers in receiver.headers[:4]}) == 1


def attempts(cell):
    with cell.database.reading() as connection:
        return connection.execute(text("SELECT count(*) FROM attempts")).scalar_one()


def make_due(cell):
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE deliveries SET due_at = 0"))


def test_G43_after_three_days_a_notice_is_a_dead_letter_with_its_attempts(open_cell, courier):
    with Receiver(lambda _: 500) as receiver:
        configure(open_cell, receiver.url)
        write_orders(open_cell, 1)
        courier.judge(ACCOUNT)
        settle(open_cell, lambda: attempts(open_cell) == 1)
        with open_cell.database.writing() as connection:
            connection.execute(text("UPDATE deliveries SET due_at = 0, produced_at = 0"))
        courier.wake("key-1")
        settle(open_cell, lambda: dead(open_cell) == 9)
        assert owed(open_cell) == {}


def dead(cell):
    with cell.database.reading() as connection:
        return connection.execute(text("SELECT count(*) FROM dead_letters")).scalar_one()


def test_G44_a_sick_endpoint_keeps_only_itself_waiting(open_cell, courier):
    with Receiver() as healthy:
        configure(open_cell, "http://127.0.0.1:1/", "sick")
        configure(open_cell, healthy.url, "well")
        write_orders(open_cell, 3)
        courier.judge(ACCOUNT)
        healthy.wait_for(lambda heard: len(heard) == 27)
        settle(open_cell, lambda: owed(open_cell) == {"sick": 27})


def test_G54_headers_and_signing_secret_are_stored_encrypted(open_cell):
    secret = configure(open_cell, "https://example.com/")
    with open_cell.database.reading() as connection:
        row = connection.execute(text("SELECT headers, secret FROM hooks")).one()
    assert b"secret" not in bytes(row.headers)
    assert secret.encode() not in bytes(row.secret)


def test_waits_grow_and_stay_bounded():
    waits = [wait_after(attempts, 0.5) for attempts in range(1, 30)]
    assert waits[0].total_seconds() == 5
    assert all(a <= b for a, b in pairwise(waits))
    assert waits[-1] == LONGEST_WAIT
