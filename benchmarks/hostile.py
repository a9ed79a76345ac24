"""What a neighbour waits beside twelve hostile clients: the largest bodies, the worst expressions.

Those clients have no key, a wrong one, or one of another account. An honest account reads and
places a little all the while, without them and beside them in turns, and its p99 beside them is
held against its p99 without. All share one machine; the hostile clients' own work has the lowest
priority on it.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from benchmarks import orders, places, processes
from benchmarks.figures import Metric, percentile
from benchmarks.hostile_process import EVERY_KIND, SLOW
from benchmarks.hostile_requests import KINDS, request
from benchmarks.overload import Answers, Clients
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from tests.support.configuring import create_key
from tests.support.purchases import open_account
from tests.support.purchases import place as place_order

OTHER = "other"
OTHERS_ORDERS = 300
READS, PLACES = 20.0, 5.0  # requests a second of the honest account
PAIRS = 3
SLICE = 2.0  # seconds: 84 in all for a database, with seven kinds of three pairs
REST = 1.0  # seconds between a slice beside hostile clients and the next without

Slices = tuple[Answers, Answers]


def figures(database: str) -> Iterator[Metric]:
    """p99 of the honest account beside each kind of hostile clients, and beside all kinds at once.

    The figures of a kind are also written to standard error as soon as they are known.
    """
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            honest, other, order_id = _prepared(cell)
            with processes.deployed(place) as deployment:
                port = int(deployment.base.rpartition(":")[2])
                clients = Honest(port, honest, order_id)
                for kind in (EVERY_KIND, *KINDS, SLOW):
                    paired = _paired(clients, port, kind, other, SLICE)
                    for metric in _metrics(kind, database, *uvloop.run(paired)):
                        sys.stderr.write(f"{metric}\n")
                        yield metric
                memory = deployment.memory()["web"]
                yield Metric("hostile clients: memory of web, after all", database, memory, "MiB")
        finally:
            cell.close()


def _prepared(cell: Cell) -> tuple[tuple[str, str], tuple[str, str], str]:
    """Keys of the honest account and of the hostile clients', and an order of the first."""

    async def fill() -> str:
        await orders.open_account(cell.ledger)
        await open_account(cell.ledger, name=OTHER)
        for number in range(OTHERS_ORDERS):
            await place_order(cell.ledger, f"v{number}other-01", number + 1, OTHER)
        order_id, placed = orders.new_order()
        await cell.ledger.place(CommandContext(orders.ACCOUNT, "benchmark"), {order_id: placed})
        return order_id

    order_id = asyncio.run(fill())
    return create_key(cell, orders.ACCOUNT, "Owner"), create_key(cell, OTHER, "Owner"), order_id


class Honest:
    """The honest account: it reads an order and places new ones, so many a second."""

    def __init__(self, port: int, keys: tuple[str, str], order_id: str) -> None:
        self._address = "127.0.0.1", port
        kept = b"Connection: close\r\n", b""
        read = request("GET", f"/api/oms/pvt/orders/{order_id}", keys)
        body = json.dumps(orders.purchase()).encode()
        place = request("PUT", "/api/checkout/pub/orders", keys, body)
        self._requests = tuple(one.replace(*kept) for one in (read, place))

    async def slice(self, seconds: float) -> Slices:
        reading, placing = (Clients(self._address, one) for one in self._requests)
        try:
            read, placed = await asyncio.gather(
                reading.open(READS, seconds), placing.open(PLACES, seconds)
            )
        finally:
            reading.close()
            placing.close()
        return read, placed


async def _paired(
    honest: Honest, port: int, kind: str, other: tuple[str, str], seconds: float
) -> tuple[list[Slices], list[Slices], Counter[str]]:
    without, beside, answered = list[Slices](), list[Slices](), Counter[str]()
    await honest.slice(seconds / 2)
    for _ in range(PAIRS):
        without.append(await honest.slice(seconds))
        with _attacking(port, kind, other) as answers:
            beside.append(await honest.slice(seconds))
        answered += answers
        await asyncio.sleep(REST)
    return without, beside, answered


@contextmanager
def _attacking(port: int, kind: str, other: tuple[str, str]) -> Iterator[Counter[str]]:
    """They are at work from the beginning to the end; then, how often they were answered how."""
    command = [sys.executable, "-m", "benchmarks.hostile_process"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    answers = Counter[str]()
    try:
        process.stdin.write(json.dumps([port, kind, *other]) + "\n")
        process.stdin.flush()
        if process.stdout.readline() != "begun\n":
            raise RuntimeError("the hostile clients ended before they began")
        yield answers
        said, _ = process.communicate()
        answers.update(json.loads(said))
    finally:
        process.kill()
        process.wait()


def _metrics(
    kind: str, database: str, without: list[Slices], beside: list[Slices], answered: Counter[str]
) -> Iterator[Metric]:
    name = f"hostile clients, {kind}"
    for what, at in (("read", 0), ("place", 1)):
        before, during = ([one[at] for one in slices] for slices in (without, beside))
        p99 = [
            percentile([took for one in measured for took in one.served], 0.99) * 1000
            for measured in (during, before)
        ]
        yield Metric(f"{name}: p99 of a {what}", database, p99[0], "ms", p99[1], "without them")
        missed = sum(len(one.refused) + one.failed for one in during)
        if missed:
            yield Metric(f"{name}: {what}s not served", database, float(missed), "requests")
    said = ", ".join(f"{count} {status}" for status, count in sorted(answered.items()))
    yield Metric(f"{name}: answered {said}", database, float(answered.total()), "requests")
