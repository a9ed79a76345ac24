"""The ledger's guarantees, on both databases."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import text

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.database import OutcomeUnknown
from oms_ledger.eventstore.integrity import IntegrityError, verify
from oms_ledger.eventstore.ledger import EventHoldsNul, KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.ledger import Ledger
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from tests.support.purchases import (
    ACCOUNT,
    open_account,
    place,
    place_paid,
    placed,
)

INVOICE = partial(
    issue_invoice, number="1", type="Output", value=2000, issued_at=datetime(2026, 1, 1, tzinfo=UTC)
)


def rows_of(cell: Cell):
    return [row for row in cell.store.page(0, 100_000) if row.order_id]


def other_process(cell: Cell) -> Cell:
    return Cell(cell.settings, cell.clock)


def test_an_order_is_what_its_entries_say(cell):
    async def story():
        await open_account(cell.ledger)
        order = await place_paid(cell.ledger, "v1-01")
        assert order.status is Status.READY_FOR_HANDLING
        cell.ledger.loader.forget(f"{ACCOUNT}/v1-01")
        assert await cell.ledger.order(ACCOUNT, "v1-01") == order

    asyncio.run(story())
    assert [row.version for row in rows_of(cell)] == list(range(1, len(rows_of(cell)) + 1))


@pytest.mark.guarantee("G2")
def test_a_refusal_appends_nothing(cell):
    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v1-01")
        head = cell.store.head()
        for decision in (start_handling, cancel, INVOICE):
            with pytest.raises(Refusal):
                await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", decision)
        with pytest.raises(OrderNotFound):
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v9-01", start_handling)
        assert cell.store.head() == head

    asyncio.run(story())


@pytest.mark.guarantee("G2")
def test_orders_of_a_group_move_together_or_not_at_all(cell):
    def moody(order, context):
        if order.order_id == "v1-02":
            raise Refusal()
        return start_handling(order, context)

    async def story():
        await open_account(cell.ledger)
        for number in (1, 2):
            await place_paid(cell.ledger, f"v1-0{number}", number)
        head = cell.store.head()
        with pytest.raises(Refusal):
            await cell.ledger.change_together(
                CommandContext(ACCOUNT, "test"), ["v1-01", "v1-02"], moody
            )
        assert cell.store.head() == head
        orders = await cell.ledger.change_together(
            CommandContext(ACCOUNT, "test"), ["v1-02", "v1-01"], start_handling
        )
        assert [order.order_id for order in orders] == ["v1-02", "v1-01"]

    asyncio.run(story())


@pytest.mark.guarantee("G3")
def test_an_order_is_placed_once(cell):
    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v1-01")
        with pytest.raises(KeyTaken):
            await place(cell.ledger, "v1-01")

    asyncio.run(story())


@pytest.mark.guarantee("G2", "G53")
def test_an_event_that_no_projection_could_store_is_refused(cell):
    async def story():
        await open_account(cell.ledger)
        before = await place_paid(cell.ledger, "v1-01", 1)
        with pytest.raises(EventHoldsNul):
            await cell.ledger.change(
                CommandContext(ACCOUNT, "test"), "v1-01", partial(cancel, reason="a\x00b")
            )
        assert await cell.ledger.order(ACCOUNT, "v1-01") == before

    asyncio.run(story())


@pytest.mark.guarantee("G4", "G3")
def test_a_follower_misses_nothing_of_many_writers_in_many_ledgers(cell):
    writers, orders = 4, 12
    cells = [other_process(cell) for _ in range(writers)]
    seen: list[int] = []

    async def write(index: int, ledger: Ledger):
        await asyncio.gather(
            *(place_paid(ledger, f"w{index}n{n}-01", 100 * index + n) for n in range(orders))
        )

    async def follow(done: asyncio.Event):
        after = 0
        while True:
            last_round = done.is_set()
            page = await asyncio.to_thread(cell.store.page, after, 7)
            seen.extend(row.position for row in page)
            after = page[-1].position if page else after
            if last_round and not page:
                return
            await asyncio.sleep(0)

    async def story():
        await open_account(cell.ledger)
        done = asyncio.Event()
        follower = asyncio.create_task(follow(done))
        await asyncio.gather(*(write(i, one.ledger) for i, one in enumerate(cells)))
        done.set()
        await follower

    asyncio.run(story())
    for one in cells:
        one.close()
    head = cell.store.head()
    assert seen == list(range(1, head + 1))
    by_stream: dict[str, list[int]] = {}
    for row in rows_of(cell):
        by_stream.setdefault(row.stream, []).append(row.version)
    assert len(by_stream) == writers * orders
    assert all(v == list(range(1, len(v) + 1)) for v in by_stream.values())
    assert list(verify(cell.store, head))[-1] == head


@pytest.mark.guarantee("G5")
def test_a_key_is_taken_once_and_tells_what_it_stands_for(cell):
    second = other_process(cell)

    async def one(ledger: Ledger, order_id: str):
        key = Key(ACCOUNT, "idempotency:a", order_id.encode())
        try:
            await ledger.place(CommandContext(ACCOUNT, "test"), {order_id: placed()}, keys=[key])
        except KeyTaken as taken:
            return taken.value.decode()
        return order_id

    async def story():
        await open_account(cell.ledger)
        ledgers = (cell.ledger, second.ledger)
        return await asyncio.gather(*(one(ledgers[n % 2], f"v{n}-01") for n in range(8)))

    fields = asyncio.run(story())
    second.close()
    assert len(set(fields)) == 1
    assert {row.order_id for row in rows_of(cell)} == set(fields)


@pytest.mark.guarantee("G6")
def test_concurrent_cancel_and_invoice_end_as_one_after_the_other(cell):
    second = other_process(cell)

    async def attempt(ledger: Ledger, order_id: str, decision):
        try:
            return await ledger.change(CommandContext(ACCOUNT, "test"), order_id, decision)
        except Refusal as refusal:
            return refusal

    async def story():
        await open_account(cell.ledger)
        ends = []
        for number in range(12):
            order_id = f"v{number}-01"
            await place_paid(cell.ledger, order_id, number)
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, start_handling)
            await asyncio.gather(
                attempt(cell.ledger, order_id, INVOICE),
                attempt(second.ledger, order_id, cancel),
                attempt(second.ledger, order_id, INVOICE),
                attempt(cell.ledger, order_id, cancel),
            )
            ends.append(await cell.ledger.order(ACCOUNT, order_id))
        return ends

    for order in asyncio.run(story()):
        assert order.status in (Status.INVOICED, Status.CANCELED)
        assert (order.status is Status.INVOICED) == (order.invoiced_value == order.value)
        assert len(order.invoices) <= 1
    second.close()


@pytest.mark.guarantee("G6")
def test_a_no_is_never_said_of_what_another_process_changed(cell):
    second = other_process(cell)

    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v1-01")  # this ledger remembers it as incomplete
        await place_paid(second.ledger, "v2-01", 2)
        from tests.support.purchases import PAID

        await second.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", PAID)
        return await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", start_handling)

    assert asyncio.run(story()).status is Status.HANDLING
    second.close()


@pytest.mark.guarantee("G7")
def test_a_conflicting_command_of_a_group_fails_alone(cell):
    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v0-01", 0)
        outcomes = await asyncio.gather(
            *(place(cell.ledger, f"v{n % 20}-01", n) for n in range(40)), return_exceptions=True
        )
        return [type(outcome) for outcome in outcomes]

    outcomes = asyncio.run(story())
    assert outcomes.count(KeyTaken) == 21
    assert {row.order_id for row in rows_of(cell)} == {f"v{n}-01" for n in range(20)}


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE events SET actor = 'nobody' WHERE position = 5",
        "DELETE FROM events WHERE position = 5",
        "UPDATE events SET status = 'invoiced' WHERE position = 5",
    ],
)
def test_verify_names_the_first_position_that_was_tampered_with(cell, tampering):
    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    head = cell.store.head()
    assert list(verify(cell.store, head))[-1] == head
    with cell.database.writing() as connection:
        connection.execute(text(tampering))
    with pytest.raises(IntegrityError) as found:
        list(verify(cell.store, head))
    assert found.value.position == 5


def test_personal_data_is_stored_encrypted_and_gone_with_its_key(cell):
    async def story():
        await open_account(cell.ledger)
        await place(cell.ledger, "v1-01")

    asyncio.run(story())
    (row,) = rows_of(cell)
    assert b"ana@example.com" not in bytes(row.body) + bytes(row.personal)
    with cell.database.writing() as connection:
        connection.execute(text("DELETE FROM data_keys"))
    reader = other_process(cell)
    order = asyncio.run(reader.ledger.order(ACCOUNT, "v1-01"))
    assert (order.placed.client_profile, order.value) == ({}, 2000)
    assert list(verify(reader.store, reader.store.head()))
    reader.close()


def test_a_stream_that_was_not_stored_is_stored_with_its_key_when_it_is_requested_again(cell):
    append, failures = cell.store.append, [OutcomeUnknown("the server went away")]

    def fails_once(writes):
        if failures:
            raise failures.pop()
        return append(writes)

    async def story():
        await open_account(cell.ledger)
        cell.store.append = fails_once
        with pytest.raises(OutcomeUnknown):
            await place(cell.ledger, "v1-01")
        return await place(cell.ledger, "v1-01")

    asyncio.run(story())
    reader = other_process(cell)
    order = asyncio.run(reader.ledger.order(ACCOUNT, "v1-01"))
    assert order.placed.client_profile["email"] == "ana@example.com"
    reader.close()
