"""An order of 500 items: placed, folded, shown; beside what the driver and `json` alone take."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

from benchmarks import orders, places
from benchmarks.figures import Metric, percentile
from benchmarks.reading import Raw, get, rebuild, seconds_each
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders.documents import oms_document
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import process_order

ITEMS = 500
Work = Callable[[], object]
_STREAM = "SELECT body FROM events WHERE stream = ? ORDER BY version"
_DOCUMENT = "SELECT document FROM order_views WHERE account = ? AND order_id = ?"


def figures(database: str, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        order_id = asyncio.run(_handled(cell))
        rebuild(cell)
        stream, share = order_stream(orders.ACCOUNT, order_id), seconds / 6
        with closing(Raw(cell)) as raw:
            yield from _compared(
                *(f"get order of {ITEMS} items", database, share),
                partial(get, cell, order_id),
                partial(raw.ask, _DOCUMENT, orders.ACCOUNT, order_id),
                "raw SQL: the stored row alone",
            )
            yield from _compared(
                *(f"fold and show an order of {ITEMS} items", database, share),
                lambda: oms_document(_order(cell, stream)),
                lambda: [json.loads(bytes(body)) for (body,) in raw.ask(_STREAM, stream)],
                "raw SQL and json: its entries read, not folded",
            )
        taken = seconds_each(lambda _: asyncio.run(_placed(cell)), share)
        yield Metric(f"place an order of {ITEMS} items", database, len(taken) / sum(taken), "/s")


def _compared(
    name: str, database: str, seconds: float, ours: Work, theirs: Work, named: str
) -> Iterator[Metric]:
    taken = seconds_each(lambda _: ours(), seconds)
    alone = seconds_each(lambda _: theirs(), seconds)
    rate, base = len(taken) / sum(taken), len(alone) / sum(alone)
    yield Metric(name, database, rate, "orders/s", base, named)
    yield Metric(f"{name}: p99", database, percentile(taken, 0.99) * 1000, "ms")


def _order(cell: Cell, stream: str) -> Order:
    state = cell.loader().load(stream).state
    assert isinstance(state, Order)
    return state


def _large() -> tuple[str, OrderPlaced]:
    order_id, placed = orders.new_order()
    (item,), (delivery,) = placed.items[:1], placed.logistics[:1]
    items = [replace(item, id=f"sku{n}", unique_id=f"{n:032X}") for n in range(ITEMS)]
    logistics = [{**delivery, "itemIndex": n, "itemId": f"sku{n}"} for n in range(ITEMS)]
    return order_id, replace(placed, items=tuple(items), logistics=tuple(logistics))


async def _placed(cell: Cell) -> tuple[str, OrderPlaced]:
    order_id, placed = _large()
    await cell.ledger.place(CommandContext(orders.ACCOUNT, "benchmark"), {order_id: placed})
    return order_id, placed


async def _handled(cell: Cell) -> str:
    await orders.open_account(cell.ledger)
    order_id, placed = await _placed(cell)
    paid = partial(process_order, approved=frozenset(p.id for p in placed.payments))
    await cell.ledger.change(CommandContext(orders.ACCOUNT, "benchmark"), order_id, paid)
    await cell.ledger.change(CommandContext(orders.ACCOUNT, "benchmark"), order_id, start_handling)
    return order_id
