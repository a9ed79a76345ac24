"""Every answer is of one moment, though others write between any two statements of its reading."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.handling.decide import start_handling
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from tests.support.purchases import ACCOUNT, PAID, placed
from workers.projector import ensure_subscriptions

CONTEXT = CommandContext(ACCOUNT, "test")
READY = "ready-for-handling"
GROUP = "v9acme"
MOST_WRITES = 12


class Neighbor:
    """Another process at the same database, that writes after each statement of a reader."""

    def __init__(self, cell: Cell) -> None:
        self.cell = Cell(cell.settings, cell.clock)
        self.written = 0
        self._number = 100
        self._handled = [f"v{number}acme-01" for number in range(1, 9)]
        ensure_subscriptions(self.cell.database)

    async def place(self, number: int, **changes: Any) -> str:
        order_id = f"v{number}acme-01"
        order = replace(placed(number), **changes)
        await self.cell.ledger.place(CONTEXT, {order_id: order})
        await self.cell.ledger.change(CONTEXT, order_id, PAID)
        return order_id

    def follow(self) -> None:
        loader = self.cell.loader()
        for subscription, view in VIEWS.items():
            checkpoints.run(self.cell.database, loader, subscription, view())

    def write(self) -> None:
        """One order leaves the status, another comes to it; once, a group changes as a whole."""
        self._number += 1
        self.written += 1
        asyncio.run(self._write(self._number))
        self.follow()

    async def _write(self, number: int) -> None:
        await self.place(number)
        if self._handled:
            await self.cell.ledger.change(CONTEXT, self._handled.pop(), start_handling)
        if self.written == 2:
            group = [f"{GROUP}-01", f"{GROUP}-02"]
            await self.cell.ledger.change_together(CONTEXT, group, start_handling)

    @contextmanager
    def between_statements(self, cell: Cell):
        """Have it write after each statement that reads views of the cell."""

        def interrupt(connection, _, statement, *more):
            if "order_views" in statement and self.written < MOST_WRITES:
                writer = threading.Thread(target=self.write)  # the reader's may run a loop
                writer.start()
                writer.join()

        event.listen(cell.database.engine, "after_cursor_execute", interrupt)
        yield
        event.remove(cell.database.engine, "after_cursor_execute", interrupt)


@pytest.fixture
def neighbor(cell, client):
    neighbor = Neighbor(cell)

    async def story():
        for number in range(1, 9):
            await neighbor.place(number)
        for order_id in (f"{GROUP}-01", f"{GROUP}-02"):
            order = replace(placed(9), order_group=GROUP)
            await cell.ledger.place(CONTEXT, {order_id: order})
            await cell.ledger.change(CONTEXT, order_id, PAID)

    asyncio.run(story())
    neighbor.follow()
    yield neighbor
    neighbor.cell.close()


def rows_add_up(answer):
    total, each = answer["paging"]["total"], answer["paging"]["perPage"]
    assert len(answer["list"]) == min(total, each)
    assert [row["status"] for row in answer["list"]] == [READY] * len(answer["list"])
    assert answer["stats"]["stats"]["totalValue"]["Count"] == total
    for facet in answer["facets"]:
        assert sum(item["quantity"] for item in facet["items"]) == total


@pytest.mark.guarantee("G36")
@pytest.mark.parametrize("each", [3, 100])
def test_list_is_of_one_moment(cell, client, neighbor, each):
    with neighbor.between_statements(cell):
        answer = client.call(
            "GET", f"/api/oms/pvt/orders?f_status={READY}&per_page={each}&_facets=status,isInstore"
        )
    assert answer.status == 200, answer.body
    assert neighbor.written
    rows_add_up(answer.json())


@pytest.mark.guarantee("G36")
@pytest.mark.parametrize("each", [3, 100])
def test_extended_search_is_of_one_moment(cell, client, neighbor, each):
    with neighbor.between_statements(cell):
        answer = client.call(
            "POST", f"/api/orders/extendsearch/orders?per_page={each}", {"f_status": READY}
        )
    assert answer.status == 200, answer.body
    assert neighbor.written
    rows_add_up(answer.json())


@pytest.mark.guarantee("G36")
@pytest.mark.parametrize("language", ["en-US", "pt-BR"])
def test_group_is_of_one_moment(cell, client, neighbor, language):
    client.headers["Accept-Language"] = language
    seen = set()
    for _ in range(3):
        with neighbor.between_statements(cell):
            answer = client.call("GET", f"/api/oms/pvt/orders/order-group/{GROUP}")
        assert answer.status == 200, answer.body
        first, second = answer.json()
        assert (first["status"], first["orderId"][-2:]) == (second["status"], "01")
        seen.add(first["status"])
    assert seen == {READY, "handling"}
