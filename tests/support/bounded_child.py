"""A child process that is asked for every hostile expression, in bounded memory and CPU time.

Run as `python -m tests.support.bounded_child DATABASE_URL FOLDER OPERATION`: it limits itself,
opens the web application, and prints a line for each expression that was answered.
"""

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY = 512 * 1024 * 1024
SECONDS = 2
"""CPU seconds that one answer may take."""

QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
DOCUMENT = {"s": "a" * 200, "items": [{"id": str(n), "price": n} for n in range(20)]}
ORDER_ID = "v1acme-01"


def body_of(operation: str, expression: str) -> tuple[str, dict[str, Any]]:
    """Path and body that hand the expression to an operation."""
    filter = {"type": "FromOrders", "expression": expression}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "test": (
            "/api/orders/expressions/jsonata",
            {"Expression": expression, "Document": DOCUMENT},
        ),
        "feed": ("/api/orders/feed/config", {"filter": filter, "queue": QUEUE}),
        "hook": (
            "/api/orders/hook/config",
            {"filter": filter, "hook": {"url": "https://127.0.0.1:1/"}},
        ),
        "feed dry run": ("/api/ledger/feed/dry-run", {"filter": filter, "since": 0}),
        "hook dry run": ("/api/ledger/hook/dry-run", {"filter": filter, "since": 0}),
        "feed explain": ("/api/ledger/feed/explain", {"filter": filter, "orderId": ORDER_ID}),
        "hook explain": ("/api/ledger/hook/explain", {"filter": filter, "orderId": ORDER_ID}),
    }
    return bodies[operation]


OPERATIONS = (
    "test",
    "feed",
    "hook",
    "feed dry run",
    "hook dry run",
    "feed explain",
    "hook explain",
)


def allow(seconds: int) -> None:
    """So many CPU seconds from now on; then the process is ended."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


async def answers(url: str, folder: Path, operation: str) -> None:
    # Imported below the limit: the engine maps as much address space as it is allowed.
    from oms_ledger.api.http import turns
    from oms_ledger.cell import Cell
    from oms_ledger.settings import Settings
    from oms_ledger.web import build
    from tests.support.client import Client
    from tests.support.clock import SettableClock
    from tests.support.configuring import create_key
    from tests.support.hostile_expressions import EVERY
    from tests.support.patience import HANGS
    from tests.support.purchases import ACCOUNT, open_account, place

    turns.PATIENCE = HANGS  # what counts is the CPU, however long the machine is busy
    cell = Cell(Settings(data_dir=folder, database_url=url, master_key=b"k" * 32), SettableClock())
    await open_account(cell.ledger)
    await place(cell.ledger, ORDER_ID)
    key, token = create_key(cell, ACCOUNT, "Owner")
    client = Client(build(cell), {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})
    for name, expression in EVERY.items():
        path, body = body_of(operation, expression)
        allow(SECONDS)
        answer = await client.ask("POST", path, body)
        sys.stdout.write(json.dumps([name, answer.status]) + "\n")
        sys.stdout.flush()
    cell.close()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asyncio.run(answers(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
