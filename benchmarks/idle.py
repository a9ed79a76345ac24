"""What a deployment costs that nobody asks anything: CPU of its processes in a quiet minute.

Once with one account, once with ten thousand that have a feed and a hook each.
"""

import asyncio
import time
from collections.abc import Iterator

import requests
from sqlalchemy import Connection, insert, text

from benchmarks import orders, places, processes
from benchmarks.figures import Metric
from oms_ledger.cell import Cell
from oms_ledger.eventstore.tables import account_heads
from projections.subscriptions.lateness import Watch
from projections.tables import feeds, hooks, leases, subscriptions

SETTLED = 12.0
"""Seconds until what a start does is done."""
MANY = 10_000
TOKEN = "a-token-of-the-benchmark"


def figures(database: str, seconds: float) -> Iterator[Metric]:
    for accounts in (1, MANY):
        yield from _figures(database, seconds, accounts)


def _figures(database: str, seconds: float, accounts: int) -> Iterator[Metric]:
    named = "idle" if accounts == 1 else f"idle, {accounts:,} accounts with a feed and a hook"
    with places.empty_place(database) as place:
        cell = places.open_at(place)
        try:
            asyncio.run(orders.open_account(cell.ledger))
            if accounts > 1:
                _subscribe(cell, accounts)
                yield from _looks(cell, database, named)
            with processes.deployed(place, OMS_METRICS_TOKEN=TOKEN) as deployment:
                time.sleep(SETTLED)
                log, before, began = _written(cell), deployment.cpu(), time.monotonic()
                time.sleep(seconds)
                after, took = deployment.cpu(), time.monotonic() - began
                log = _written(cell) - log
                headers = {"Authorization": f"Bearer {TOKEN}"}
                scraped = requests.get(f"{deployment.base}/metrics", headers=headers, timeout=60)
                scraped.raise_for_status()
        finally:
            cell.close()
    shares = {name: 100 * (after[name] - before[name]) / took for name in after}
    for name, share in shares.items():
        yield Metric(f"{named}: {name}", database, share, "% of a core")
    yield Metric(f"{named}: all processes", database, sum(shares.values()), "% of a core")
    samples = [line for line in scraped.text.splitlines() if not line.startswith("#")]
    yield Metric(f"{named}: samples of /metrics", database, len(samples), "samples")
    if not cell.database.sqlite:
        yield Metric(f"{named}: write-ahead log", database, log / took, "bytes/s")


def _subscribe(cell: Cell, accounts: int) -> None:
    """A feed and a hook for each of so many accounts, at the end of what there is of them."""
    now, position = cell.clock.micros(), cell.store.head()
    with cell.database.writing() as connection:
        for number in range(accounts):
            _rows(connection, f"idle{number}", now, position)


def _rows(connection: Connection, account: str, now: int, position: int) -> None:
    key = f"vtexappkey-{account}-ABCDEF"
    both = {
        "app_key": key,
        "account": account,
        "filter": '{"type": "FromWorkflow", "status": []}',
        "generation": "g",
        "created_at": now,
    }
    feed = {"visibility": 240, "retention": 345_600, "last_item_at": now}
    hook = {
        "url": "https://example.com",
        "headers": b"",
        "secret": b"",
        "last_notification_at": now,
    }
    connection.execute(insert(feeds), {**both, **feed})
    connection.execute(insert(hooks), {**both, **hook})
    connection.execute(insert(account_heads), {"account": account, "position": position})
    for kind in ("feed", "hook"):
        subscription = {"id": f"{kind}:{key}", "kind": kind, "position": position}
        connection.execute(insert(subscriptions), subscription)
        lease = {"name": f"{kind}:{key}", "token": 1, "expires_at": 0}
        connection.execute(insert(leases), lease)


def _looks(cell: Cell, database: str, named: str) -> Iterator[Metric]:
    """The look at all subscriptions, once a minute, and that at those of who wrote something."""
    watch = Watch()
    for what in ("the look at all", "the look at who wrote"):
        with cell.database.snapshot() as connection:
            began = time.perf_counter()
            late = watch.late_accounts(connection)
            took = time.perf_counter() - began
        assert not late & {"idle0"}
        yield Metric(f"{named}: {what}", database, took, "s")


def _written(cell: Cell) -> int:
    """Bytes of the write-ahead log so far."""
    if cell.database.sqlite:
        return 0
    with cell.database.reading() as connection:
        written = text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
        return int(connection.execute(written).scalar_one())
