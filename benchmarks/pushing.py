"""Telling hooks: pushes a second against an endpoint that takes 20 ms, beside `requests`.

What an async client is worth is measured without a database first: the same signed notifications to
the same endpoint, by aiohttp with 64 in flight and by `requests` with 64 threads. The webhook
dispatcher does more: it holds leases, looks up what is due, and records every attempt.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from threading import local

import requests
from sqlalchemy import Connection

from benchmarks import places
from benchmarks.figures import Metric
from benchmarks.orders import ACCOUNT
from oms_ledger.cell import Cell
from oms_ledger.clock import Clock
from oms_ledger.http_client.webhook_client import Sender
from oms_ledger.notifications.webhook import signature_headers
from projections.notifications import deliveries as notifications_deliveries
from projections.notifications import hooks
from projections.notifications.hooks import Hook
from tests.support import hook_deliveries
from tests.support.configuring import configure_hooks
from workers.outbox.dispatcher import OutboxDispatcher
from workers.outbox.sessions import IN_FLIGHT

TAKES = 0.02
HOOKS = (1, 50)
NEVER = {"type": "FromWorkflow", "status": ["none of these"]}
BODY = json.dumps(
    {"Domain": "Marketplace", "OrderId": "v1-01", "State": "handling"} | {"X": "x" * 150}
)
LOOPBACK = ip_network("127.0.0.0/8")
LONGEST = 120.0


def figures(database: str, count: int) -> Iterator[Metric]:
    """`count` pushes for each figure."""
    named = f"requests, {IN_FLIGHT} threads, nothing recorded"
    with endpoint(TAKES) as port:
        for number in HOOKS:
            urls = [f"http://127.0.0.1:{port}/{n}" for n in range(number)]
            of = f"hooks: {number}"
            threads = _by_threads(urls, count)
            alone = asyncio.run(_by_aiohttp(urls, count))
            fields = _by_courier(database, urls, count)
            for name, rate in (
                (f"pushes by aiohttp, {IN_FLIGHT} in flight, nothing recorded: {of}", alone),
                (f"pushes by the courier, every attempt recorded: {of}", fields),
            ):
                yield Metric(name, database, rate, "pushes/s", threads, named)


@contextmanager
def endpoint(takes: float) -> Iterator[int]:
    """The port of endpoints on 127.0.0.1 and more."""
    command = [sys.executable, "-m", "benchmarks.endpoint", str(takes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _by_threads(urls: Sequence[str], count: int) -> float:
    mine, secret, acquire = local(), hooks.new_secret(), itertools.cycle(urls)

    def post(number: int, url: str) -> None:
        session = getattr(mine, "session", None)
        if session is None:
            session = mine.session = requests.Session()
            session.trust_env = False
        headers = signature_headers((secret,), f"{number:032}", int(time.time()), BODY)
        answer = session.post(url, data=BODY, headers=headers, timeout=5, allow_redirects=False)
        assert answer.status_code == 200

    began = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(post, range(count), acquire))
    return count / (time.perf_counter() - began)


async def _by_aiohttp(urls: Sequence[str], count: int) -> float:
    sender, secret = Sender([LOOPBACK], Clock()), hooks.new_secret()
    numbers = iter(range(count))

    async def post() -> None:
        for number in numbers:
            headers = signature_headers((secret,), f"{number:032}", int(time.time()), BODY)
            answer = await sender.post(urls[number % len(urls)], BODY, headers)
            assert answer.status == 200

    began = time.perf_counter()
    try:
        await asyncio.gather(*(post() for _ in range(IN_FLIGHT)))
    finally:
        await sender.close()
    return count / (time.perf_counter() - began)


def _by_courier(database: str, urls: Sequence[str], count: int) -> float:
    with places.empty_cell(database) as cell, telling(cell) as dispatcher:
        keys = [f"key-{number:03}" for number in range(len(urls))]
        configure(cell, dict(zip(keys, urls, strict=True)))
        with cell.database.writing() as connection:
            for key in keys:
                enqueue(connection, key, range(1, 1 + count // len(urls)), cell.clock.micros())
        began = time.perf_counter()
        for key in keys:
            dispatcher.sessions.signal(key)
        until_delivered(cell, keys)
        return count / (time.perf_counter() - began)


@contextmanager
def telling(cell: Cell) -> Iterator[OutboxDispatcher]:
    """An outbox dispatcher that may tell loopback."""
    opened = Cell(replace(cell.settings, hook_allowed_networks=(LOOPBACK,)))
    dispatcher = OutboxDispatcher(opened)
    try:
        yield dispatcher
    finally:
        dispatcher.close()
        opened.close()


def configure(cell: Cell, urls: Mapping[str, str]) -> None:
    """Hooks by their keys, with their addresses."""
    configure_hooks(cell, [Hook(key, ACCOUNT, NEVER, url, {}) for key, url in urls.items()], 0)


def enqueue(connection: Connection, key: str, positions: Sequence[int], now: int) -> None:
    """A notification of an order of its own for each position."""
    hook_deliveries.enqueue(connection, ACCOUNT, key, positions, now, BODY)


def until_delivered(cell: Cell, keys: Sequence[str]) -> None:
    until = time.monotonic() + LONGEST
    for key in keys:
        while True:
            with cell.database.snapshot() as connection:
                if not notifications_deliveries.peek(connection, key, 0, 1):
                    break
            if time.monotonic() > until:
                raise RuntimeError(f"not delivered within {LONGEST:g} s: {key}")
            time.sleep(0.02)
