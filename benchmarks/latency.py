"""From an action to the arrival of its push, at a rate of events: a whole deployment but its web.

The actions are decided and appended in this process, by the way every command goes, so that a
thousand events a second are not a question of HTTP. Projector, worker and endpoint are processes
of their own, all on this machine. Each action is one notification; some are more than one event.
"""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import requests

from benchmarks import orders, places, processes
from benchmarks.figures import Metric, percentile
from benchmarks.pushing import endpoint
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.ledger import Ledger
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.payments.decide import process_order
from projections.notifications import deliveries
from projections.notifications.hooks import Hook
from projections.subscriptions import lateness
from tests.support.configuring import configure_hook

RATES = (100, 1_000)
KEY = "vtexappkey-bench-latency"
HANDLING = {"type": "FromWorkflow", "status": ["handling"]}
WAIT = 120.0


def figures(database: str, seconds: float) -> Iterator[Metric]:
    """Each rate is kept up for so many seconds."""
    with places.empty_place(database) as place, endpoint(0.0) as port:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
            url = f"http://127.0.0.1:{port}/latency"
            hook = Hook(KEY, orders.ACCOUNT, HANDLING, url, {})
            configure_hook(cell, hook, cell.store.head())
            with processes.deployed(place):
                calm: dict[str, float] = {}
                for rate in RATES:
                    yield from _at(cell, database, rate, seconds, port, calm)
        finally:
            cell.close()


def _at(
    cell: Cell, database: str, rate: int, seconds: float, port: int, calm: dict[str, float]
) -> Iterator[Metric]:
    orders_ready = asyncio.run(ready(cell.ledger, int(rate * seconds) + 1))
    until_quiet(cell)
    before = cell.store.head()
    answered = asyncio.run(_act(cell, orders_ready, rate, before))
    took = max(answered.values()) - min(answered.values())
    until_quiet(cell)
    with requests.Session() as session:
        session.trust_env = False
        result = session.get(f"http://127.0.0.1:{port}/arrivals", timeout=30).json()
    waits = [result[order_id] - at for order_id, at in answered.items()]
    of = f"at {rate:,} events/s"
    reached = (cell.store.head() - before) / took
    yield Metric(f"events appended {of}", database, reached, "events/s", float(rate), "asked")
    for title, share in (("p50", 0.5), ("p99", 0.99)):
        value = percentile(waits, share) * 1000
        named = f"at {RATES[0]:,} events/s"
        baseline = (calm[title], named) if title in calm else (150.0, "the goal: at most")
        yield Metric(
            f"action answered → hook arrival {of}: {title}", database, value, "ms", *baseline
        )
        calm.setdefault(title, value)


async def ready(ledger: Ledger, count: int) -> list[str]:
    """Orders that are ready for handling."""

    async def one() -> str:
        order_id, placed = orders.new_order()
        await ledger.place(CommandContext(orders.ACCOUNT, "benchmark"), {order_id: placed})
        paid = partial(process_order, approved=frozenset(p.id for p in placed.payments))
        await ledger.change(CommandContext(orders.ACCOUNT, "benchmark"), order_id, paid)
        return order_id

    made: list[str] = []
    while len(made) < count:
        made += await asyncio.gather(*(one() for _ in range(64)))
    return made


async def _act(cell: Cell, order_ids: list[str], rate: int, before: int) -> dict[str, float]:
    """When each action was durable, in seconds since 1970; until so many events came of them."""
    answered: dict[str, float] = {}
    each = 1.0  # events an action, as it turns out

    async def act(order_id: str) -> None:
        await cell.ledger.change(
            CommandContext(orders.ACCOUNT, "benchmark"), order_id, start_handling
        )
        answered[order_id] = time.time()

    tasks, due = list[asyncio.Task[None]](), time.perf_counter()
    for number, order_id in enumerate(order_ids):
        if number == 8:
            await asyncio.gather(*tasks)
            each = max(1.0, (await asyncio.to_thread(cell.store.head) - before) / 8)
            due = time.perf_counter()
        if number > 8 and number * each > len(order_ids):
            break
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(act(order_id)))
        due += each / rate
    await asyncio.gather(*tasks)
    return answered


def until_quiet(cell: Cell, seconds: float = WAIT) -> None:
    """Until every follower stands at the head, and no hook has pending anything."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        head = cell.store.head()
        with cell.database.snapshot() as connection:
            behind = lateness.behind(connection, head)
            if not behind and not deliveries.pending(connection):
                return
        time.sleep(0.05)
    raise RuntimeError(f"behind for {seconds:g} s: {', '.join(sorted(behind))}")
