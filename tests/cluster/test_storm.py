"""The database stands still while requests go on coming, whose clients leave before an answer."""

import asyncio
import json
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import aiohttp
import psycopg
import pytest
import requests

from oms_ledger.eventstore.hosting import APPEND_LOCK
from tests.soak.deployment import Client, Deployment, until
from tests.support import servers
from tests.support.patience import HANGS

REQUESTS = 200
DEADLINE = 3
"""Seconds in which a request may still be recorded."""
PATIENCE = 1.0
"""Seconds that a client waits for the answer."""
OWN_WORK = 2.0
"""Seconds of CPU that the web process may take from the database's return to the next order."""
APPENDS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE query LIKE '%append_events%' AND wait_event_type = 'Lock'"
)
TOKEN = "a-token-of-the-tests"
PLACE = "/api/checkout/pub/orders"
BODY = json.loads(
    files("oms_ledger.samples").joinpath("orders.jsonl").read_text("utf-8").split("\n")[0]
)


class Server:
    """A PostgreSQL whose processes may stand still, as when the disk hangs that it is on."""

    def __init__(self) -> None:
        self.name = f"storm-{uuid.uuid4().hex[:8]}"
        programs = servers.postgres_programs()[0]
        self.url = servers.fresh_database(servers.start_postgres(programs, self.name))


def stat_of(folder: Path) -> list[str]:
    """The fields after the command's name: state, parent, group, …"""
    with suppress(OSError):
        return (folder / "stat").read_text().rpartition(") ")[2].split()
    return ["", "0", "0"]


def cpu_of(group: int) -> float:
    """Seconds of CPU of a process and those that it started."""
    found = [stat_of(f) for f in Path("/proc").glob("[0-9]*")]
    ticks = sum(int(one[11]) + int(one[12]) for one in found if int(one[2]) == group)
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        servers.crash_postgres(server.name)


@pytest.fixture
def web(server: Server, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    folder = tmp_path / "cell"
    folder.mkdir()
    deployment = Deployment(folder, server.url, redis_url)
    try:
        deployment.environ["OMS_REQUEST_DEADLINE"] = str(DEADLINE)
        deployment.environ["OMS_METRICS_TOKEN"] = TOKEN
        deployment.start("web")
        deployment.wait_for_web()
        yield deployment
    except BaseException as error:
        error.add_note(deployment.logs())
        raise
    finally:
        deployment.close()


def headers_of(client: Client) -> dict[str, str]:
    return {"X-VTEX-API-AppKey": client.app_key, "X-VTEX-API-AppToken": client.token}


def place(client: Client, key: str) -> int:
    """The status of one request for an order, that is waited for as long as it takes."""
    headers = {**headers_of(client), "Idempotency-Key": key}
    url = f"{client.base}{PLACE}"
    return requests.put(url, json=BODY, headers=headers, timeout=HANGS).status_code


async def storm(client: Client, number: int) -> Counter[int]:
    """Place orders whatever becomes of those before; the answers, 0 for clients that left."""
    patience = aiohttp.ClientTimeout(total=PATIENCE)
    connections = aiohttp.TCPConnector(limit=0)

    async def one() -> int:
        try:
            async with session.put(f"{client.base}{PLACE}", json=BODY) as answer:
                return answer.status
        except (TimeoutError, aiohttp.ClientError):
            return 0

    async with aiohttp.ClientSession(
        headers=headers_of(client), timeout=patience, connector=connections
    ) as session:
        return Counter(await asyncio.gather(*(one() for _ in range(number))))


def ended(deployment: Deployment) -> int:
    """Requests for orders that the web process is done with, those refused at once included."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{deployment.base}/metrics", headers=headers, timeout=30)
    found = re.findall(r'oms_requests_total\{.*operation="(\w+)".*\} (\S+)', answer.text)
    return sum(int(float(count)) for name, count in found if name in ("put_orders", "unknown"))


def is_alive(deployment: Deployment) -> bool:
    return requests.get(f"{deployment.base}/healthz", timeout=30).ok


def placed(deployment: Deployment) -> int:
    return sum(row.name == "order-placed" for row in deployment.history())


@pytest.mark.guarantee("G1")
def test_no_request_of_a_storm_is_recorded_after_its_deadline_and_the_next_is_answered(
    server: Server, web: Deployment
) -> None:
    client = web.new_client()
    until("an order is taken before", lambda: place(client, "before") == 201)
    sent, process = ended(web), web.processes["web"].pid
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(server.url) as other,
        psycopg.connect(server.url, autocommit=True) as looking,
    ):
        other.execute("SELECT pg_advisory_xact_lock(%s)", (APPEND_LOCK,))
        # One append is on its way: of this one nobody can know whether it is recorded.
        first = threads.submit(place, client, "first")
        until("an append waits", lambda: looking.execute(APPENDS).fetchone() == (1,))
        answers = asyncio.run(storm(client, REQUESTS // 2))
        with servers.standing_still(server.name):
            answers += asyncio.run(storm(client, REQUESTS // 2))
            assert answers[0], "clients that left"
            assert set(answers) <= {0, 503}
            until("the web process has seen them all", lambda: is_alive(web))
            over = time.monotonic() + DEADLINE
            until("their time is over", lambda: time.monotonic() > over)
            spent = cpu_of(process)
        other.rollback()
        tries: list[int] = []

        def is_taken() -> bool:
            tries.append(place(client, "fresh"))
            return tries[-1] == 201

        until("an order is taken", is_taken)
        spent = cpu_of(process) - spent
        assert set(tries) <= {201, 503}
        assert first.result() == 503
    sent += 1 + REQUESTS + len(tries)
    until("every request has ended", lambda: ended(web) == sent)
    until(
        "the first is answered", lambda: place(client, "first") == 201
    )  # it was recorded, or is now
    assert placed(web) == 3
    assert spent <= OWN_WORK
    assert web.positions() == list(range(1, 1 + len(web.positions())))
