"""Telling hooks: pushes a second against an endpoint that takes 20 ms, and what dead ones cost."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from threading import local

import requests
from sqlalchemy import Connection, insert

from benchmarks import places
from benchmarks.figures import Figure
from benchmarks.orders import ACCOUNT
from oms_ledger.integrations.notices import signature_headers
from oms_ledger.wiring import Cell
from projections import hooks, pushes
from projections.cursors import now_micros
from projections.hooks import Hook
from projections.tables import deliveries
from workers.courier import Courier

TAKES = 0.02
THREADS = 16
NEVER = {"type": "FromWorkflow", "status": ["none of these"]}
BODY = json.dumps(
    {"Domain": "Marketplace", "OrderId": "v1-01", "State": "handling"} | {"X": "x" * 150}
)
DEAD = "http://127.0.0.1:1/"
LONGEST = 120.0


def figures(database: str, count: int) -> Iterator[Figure]:
    """`count` pushes for each figure."""
    with endpoint() as url:
        baseline = _by_threads(url, count)
        named = f"requests, {THREADS} threads, nothing recorded"
        yield Figure(f"pushes by {named}", database, baseline, "pushes/s")
        for number in (1, 50):
            rate = _by_courier(database, [f"{url}{n}" for n in range(number)], count)
            name = f"pushes by the courier, every attempt recorded: hooks: {number}"
            yield Figure(name, database, rate, "pushes/s", baseline, named)
        alone = _time_of_healthy(database, url, count, dead=0)
        beside = _time_of_healthy(database, url, count, dead=1_000)
        name = f"{count} pushes of a healthy hook beside 1,000 dead endpoints"
        yield Figure(name, database, beside, "s", alone, "the same alone")


@contextmanager
def endpoint() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.endpoint", str(TAKES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


def _by_threads(url: str, count: int) -> float:
    mine, secret = local(), hooks.new_secret()

    def post(number: int) -> None:
        session = getattr(mine, "session", None)
        if session is None:
            session = mine.session = requests.Session()
            session.trust_env = False
        headers = signature_headers((secret,), f"{number:032}", int(time.time()), BODY)
        answer = session.post(
            f"{url}threads", data=BODY, headers=headers, timeout=5, allow_redirects=False
        )
        assert answer.status_code == 200

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(post, range(count)))
    return count / (time.perf_counter() - began)


def _by_courier(database: str, urls: list[str], count: int) -> float:
    with places.empty_cell(database) as cell, _telling(cell) as courier:
        keys = [f"key-{number:03}" for number in range(len(urls))]
        with cell.database.writing() as connection:
            for key, url in zip(keys, urls, strict=True):
                _owe(cell, connection, key, url, count // len(urls))
        began = time.perf_counter()
        for key in keys:
            courier.wake(key)
        _until_told(cell, keys)
        return count / (time.perf_counter() - began)


def _time_of_healthy(database: str, url: str, count: int, dead: int) -> float:
    with places.empty_cell(database) as cell, _telling(cell) as courier:
        ill = [f"dead-{number:04}" for number in range(dead)]
        with cell.database.writing() as connection:
            for key in ill:
                _owe(cell, connection, key, DEAD, 25)
            _owe(cell, connection, "well", f"{url}well", count)
        began = time.perf_counter()
        for key in [*ill, "well"]:  # the healthy one last
            courier.wake(key)
        _until_told(cell, ["well"])
        return time.perf_counter() - began


@contextmanager
def _telling(cell: Cell) -> Iterator[Courier]:
    opened = Cell(replace(cell.settings, hook_allowed_networks=(ip_network("127.0.0.1/32"),)))
    courier = Courier(opened)
    try:
        yield courier
    finally:
        courier.close()
        opened.close()


def _owe(cell: Cell, connection: Connection, key: str, url: str, count: int) -> None:
    now = now_micros()
    rows = [
        {
            "app_key": key,
            "position": number + 1,
            "event_id": f"{number:032}",
            "order_id": f"v{number}-01",
            "notice": BODY,
            "produced_at": now,
            "due_at": now,
        }
        for number in range(count)
    ]
    hooks.configure(connection, Hook(key, ACCOUNT, NEVER, url, {}), 0, cell.vault)
    connection.execute(insert(deliveries), rows)


def _until_told(cell: Cell, keys: list[str]) -> None:
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        with cell.database.reading() as connection:
            if not pushes.owed(connection).keys() & set(keys):
                return
        time.sleep(0.02)
    raise RuntimeError(f"not told within {LONGEST:g} s")
