"""What partners outside are sent over HTTP, and what forty silent ones cost one that answers.

Orders are placed at sellers that answer after 20 ms, and authorized there: two requests each, in
turn. Beside that the same number of plain requests, as many at once as the outbox has in flight.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network

import aiohttp
import requests
from sqlalchemy import Connection, func, select

from benchmarks import orders, places, processes
from benchmarks.figures import Metric, percentile
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.notifications.channel import PARTNER
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.services import gc_tuning
from projections.accounts.sellers import Seller
from projections.outbox import messages
from projections.outbox.tables import outbox_messages
from tests.support.configuring import create_key, save_seller
from workers.outbox.dispatcher import OutboxDispatcher

TAKES = 0.02
PARTNERS, SILENT = 8, 40
OF_EACH_SILENT, ONE_BY_ONE, BETWEEN = 3, 100, 0.05
CLIENTS = 16
GIVEN_UP = 600.0  # seconds until a measurement hangs


def figures(database: str, count: int, seconds: float) -> Iterator[Metric]:
    gc_tuning.settle()  # the dispatcher runs as in a worker
    with endpoint(0.0) as port:
        bare = asyncio.run(_plain(port, 2 * count, CLIENTS))
    with endpoint(TAKES) as port:
        plain = asyncio.run(_plain(port, 2 * count, PARTNER.room.answering))
        with calling(database, port) as (cell, dispatcher):
            rate = asyncio.run(_notified(cell, dispatcher, count))
        name = f"requests to {PARTNERS} sellers of {TAKES * 1000:.0f} ms, orders placed and paid"
        yield Metric(name, database, rate, "a second", plain, "plain aiohttp posts, 32 at once")
        with calling(database, port) as (cell, dispatcher):
            asyncio.run(_known(cell, dispatcher))
            alone = asyncio.run(_one_by_one(cell, dispatcher, port))
        with calling(database, port) as (cell, dispatcher):
            asyncio.run(_known(cell, dispatcher))
            asyncio.run(_silence(cell, dispatcher))
            beside = asyncio.run(_one_by_one(cell, dispatcher, port))
        for title, share in (("p50", 0.5), ("p99", 0.99)):
            yield Metric(
                f"placement at a seller beside {SILENT} silent ones: {title}",
                database,
                percentile(beside, share) * 1000,
                "ms",
                percentile(alone, share) * 1000,
                "the same alone",
            )
    with places.empty_place(database) as place:
        yield from _taken(database, place, seconds, bare)


@contextmanager
def endpoint(takes: float) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.partner_endpoint", str(takes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def calling(database: str, port: int) -> Iterator[tuple[Cell, OutboxDispatcher]]:
    """A cell whose register has the partners, and a dispatcher that may call loopback."""
    with places.empty_cell(database) as cell:
        networks = (ip_network("127.0.0.1/32"),)
        public = "https://oms.example.com"
        opened = Cell(replace(cell.settings, hook_allowed_networks=networks, public_url=public))
        asyncio.run(orders.open_account(cell.ledger))
        names = [f"well-{n}" for n in range(PARTNERS)] + [f"silent-{n}" for n in range(SILENT)]
        for name in names:
            secrets = {"fulfillmentEndpoint": f"http://127.0.0.1:{port}/{name}"}
            save_seller(opened, Seller(orders.ACCOUNT, name, True, {"name": name}, secrets))
        dispatcher = OutboxDispatcher(opened)
        try:
            yield cell, dispatcher  # whoever sells is another process, with a cell of its own
        finally:
            dispatcher.close()
            opened.close()


async def _sold(cell: Cell, seller: str) -> str:
    """A paid order that waits for its seller."""
    order_id, placed = orders.new_order()
    sold = replace(placed, flow="marketplace", seller=seller, seller_outside=True)
    ctx = CommandContext(orders.ACCOUNT, "benchmark")
    await cell.ledger.place(ctx, {order_id: sold})
    approved = frozenset(payment.id for payment in placed.payments)
    await cell.ledger.change(
        ctx, order_id, lambda order, context: process_order(order, context, approved=approved)
    )
    return order_id


async def _notified(cell: Cell, dispatcher: OutboxDispatcher, count: int) -> float:
    sold = [await _sold(cell, f"well-{n % PARTNERS}") for n in range(count)]
    began = time.perf_counter()
    dispatcher.signal()
    await _until_quiet(cell, len(sold))
    return 2 * count / (time.perf_counter() - began)


async def _until(cell: Cell, sold: list[str], status: str) -> None:
    until = time.monotonic() + GIVEN_UP
    for order_id in sold:
        while str((await cell.ledger.order(orders.ACCOUNT, order_id)).status) != status:
            assert time.monotonic() < until, order_id
            await asyncio.sleep(0.005)


async def _until_quiet(cell: Cell, orders_sold: int) -> None:
    """Until each order was placed and authorized; looked at seldom, it costs the same process."""
    until = time.monotonic() + GIVEN_UP
    while await cell.read(_delivered) < 2 * orders_sold:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


def _delivered(connection: Connection) -> int:
    t = outbox_messages.c
    query = select(func.count()).where(t.channel == PARTNER.name, t.state == messages.DONE)
    return connection.execute(query).scalar_one()


async def _plain(port: int, count: int, at_once: int) -> float:
    """Posts to partners that answer, so many at once."""
    body = orders.purchase()
    connector = aiohttp.TCPConnector(limit=at_once)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector) as session:

        async def post(number: int) -> None:
            url = f"http://127.0.0.1:{port}/well-{number % PARTNERS}/pvt/orders/1/fulfill"
            async with session.post(url, json=body) as answer:
                assert answer.status == 200
                await answer.read()

        await asyncio.gather(*(post(number) for number in range(count)))
    return count / (time.perf_counter() - began)


async def _known(cell: Cell, dispatcher: OutboxDispatcher) -> None:
    """The seller answered before: it is not among those that are tried for the first time."""
    sold = await _sold(cell, "well-0")
    dispatcher.signal()
    await _until(cell, [sold], "payment-approved")


async def _silence(cell: Cell, dispatcher: OutboxDispatcher) -> None:
    for _ in range(OF_EACH_SILENT):
        for number in range(SILENT):
            await _sold(cell, f"silent-{number}")
    dispatcher.signal()


async def _one_by_one(cell: Cell, dispatcher: OutboxDispatcher, port: int) -> list[float]:
    """Seconds from an order's payment to its arrival at a seller that answers."""
    due: dict[str, float] = {}
    for _ in range(ONE_BY_ONE):
        await asyncio.sleep(BETWEEN)
        order_id = await _sold(cell, "well-0")
        due[order_id] = time.time()
        dispatcher.signal()
    await _until(cell, list(due), "payment-approved")
    arrivals = requests.get(f"http://127.0.0.1:{port}/arrivals", timeout=10).json()
    return [arrivals[order_id] - at for order_id, at in due.items()]


def _taken(database: str, place: places.Place, seconds: float, bare: float) -> Iterator[Metric]:
    """Orders that an outside marketplace places, over HTTP, against a whole deployment."""
    cell = places.open_at(place)
    try:
        asyncio.run(orders.open_account(cell.ledger))
        key, token = create_key(cell, orders.ACCOUNT, "Owner")
        headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
        with processes.deployed(place) as deployment:
            rate = asyncio.run(_placed(deployment.base, headers, seconds))
            yield Metric(
                f"placements from a marketplace, {CLIENTS} clients",
                database,
                rate,
                "a second",
                bare,
                f"plain aiohttp posts that are answered at once, {CLIENTS} at once",
            )
    finally:
        cell.close()


async def _placed(base: str, headers: dict[str, str], seconds: float) -> float:
    sold = orders.purchase()
    total = sum(one["value"] for one in sold["paymentData"]["payments"])
    numbers = iter(range(10**9))
    done, until = 0, time.perf_counter() + seconds
    began = time.perf_counter()
    async with aiohttp.ClientSession(headers=headers) as session:

        async def client() -> None:
            nonlocal done
            while time.perf_counter() < until:
                body = {
                    **sold,
                    "marketplaceOrderId": f"M{next(numbers)}",
                    "marketplaceServicesEndpoint": "https://marketplace.example.com/api",
                    "marketplacePaymentValue": total,
                    "paymentData": None,
                }
                url = f"{base}/api/fulfillment/pvt/orders?affiliateId=MKP"
                async with session.post(url, json=[body]) as answer:
                    assert answer.status == 200, await answer.text()
                done += 1

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / (time.perf_counter() - began)
