"""What a deployment costs that nobody asks anything: CPU of its processes in a quiet minute."""

import asyncio
import time
from collections.abc import Iterator

from benchmarks import orders, places, processes
from benchmarks.figures import Metric

SETTLED = 12.0
"""Seconds until what a start does is done."""


def figures(database: str, seconds: float) -> Iterator[Metric]:
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
        finally:
            cell.close()
        with processes.deployed(place) as deployment:
            time.sleep(SETTLED)
            before, began = deployment.cpu(), time.monotonic()
            time.sleep(seconds)
            after, took = deployment.cpu(), time.monotonic() - began
        shares = {name: 100 * (after[name] - before[name]) / took for name in after}
    for name, share in shares.items():
        yield Metric(f"idle: {name}", database, share, "% of a core")
    yield Metric("idle: all processes", database, sum(shares.values()), "% of a core")
