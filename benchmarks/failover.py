"""How long orders and hooks are silent when the primary is killed and its standby promoted.

Shops place one order after the other, each again under its `Idempotency-Key` until it is answered.
The database is a pair of servers on this machine; the promotion comes a second after the kill, as
from a cluster manager that noticed at once. What was answered is counted again in the ledger.
"""

import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import requests

from benchmarks import places
from benchmarks.figures import Metric
from tests.soak.deployment import EVERY_STATUS, Client, Deployment, deployed, receiving, until
from tests.support import servers
from tests.support.replication import Pair, replicated

SHOPS, BEFORE, AFTER, NOTICED = 8, 5.0, 10.0, 1.0
PLACE = "/api/checkout/pub/orders"


class Shops:
    """Place orders until told to stop; when each was answered, and as what."""

    def __init__(self, client: Client) -> None:
        self.placed: dict[str, float] = {}
        """Order ids by the key that they were placed under, with the instant of the answer."""
        self.refused = 0
        self._client, self._over = client, threading.Event()
        samples = files("oms_ledger.samples").joinpath("orders.jsonl").read_text("utf-8")
        self._body = json.loads(samples.split("\n")[0])
        self._threads = [threading.Thread(target=self._shop, args=(n,)) for n in range(SHOPS)]

    def __enter__(self) -> "Shops":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _shop(self, shop: int) -> None:
        with requests.Session() as session:
            session.headers["X-VTEX-API-AppKey"] = self._client.app_key
            session.headers["X-VTEX-API-AppToken"] = self._client.token
            number = 0
            while not self._over.is_set():
                number += 1
                key = f"{shop}-{number}"
                placed = self._answered(session, "PUT", PLACE, self._body, key)
                if placed is None:
                    return
                (order,) = placed["orders"]
                self.placed[order["orderId"]] = time.monotonic()
                (sent,) = placed["transactionData"]["merchantTransactions"]
                payments = f"/api/payments/transactions/{sent['transactionId']}/payments"
                self._answered(session, "POST", payments, self._payments(order["value"]), f"p{key}")
                processed = f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}"
                self._answered(session, "POST", processed, None, f"c{key}")
                self._over.wait(0.1)

    def _payments(self, value: int) -> list[dict[str, object]]:
        system = self._body["paymentData"]["payments"][0]["paymentSystem"]
        figures = {"value": value, "referenceValue": value, "installments": 1}
        card = {"cardNumber": "4111111111111111"}
        return [{"paymentSystem": system, "fields": card, **figures}]

    def _answered(
        self, session: requests.Session, method: str, path: str, body: object, key: str
    ) -> Any:
        """The body of the answer, however often it has to be asked for; None at the end."""
        while not self._over.is_set():
            with contextlib.suppress(requests.RequestException):
                headers = {"Idempotency-Key": key}
                url = f"{self._client.base}{path}"
                answer = session.request(method, url, json=body, headers=headers, timeout=30)
                if answer.ok:
                    return answer.json() if answer.content else {}
            self.refused += 1
            self._over.wait(0.1)
        return None


def figures(database: str) -> Iterator[Metric]:
    """On PostgreSQL; SQLite has no standby."""
    if database == places.POSTGRESQL:
        with tempfile.TemporaryDirectory() as folder, replicated() as pair:
            yield from _measured(Path(folder), pair, servers.redis_url("benchmark"))


def _measured(folder: Path, pair: Pair, redis_url: str) -> Iterator[Metric]:
    with receiving() as receiver, deployed(folder / "cell", pair.url, redis_url) as deployment:
        client = deployment.new_client()
        client.configure_hook(EVERY_STATUS, receiver.url)
        until("the standby is synchronous", pair.replicates)
        processes = list(deployment.processes.values())
        with Shops(client) as shops:
            time.sleep(BEFORE)
            pair.kill(pair.primary)
            killed = time.monotonic()
            time.sleep(NOTICED)
            received = len(receiver.received)
            pair.promote()
            promoted = time.monotonic()
            until("a hook is notified", lambda: len(receiver.received) > received)
            hook = time.monotonic() - promoted
            time.sleep(AFTER)
        until("every follower is at the head", deployment.settled)
        write = min(at for at in shops.placed.values() if at > killed + NOTICED) - promoted
        ended = sum(one.poll() is not None for one in processes)
        measured: list[tuple[str, float, str, float, str]] = [
            ("first order after the promotion", write, "s", 2.0, "goal"),
            ("first hook after the promotion", hook, "s", 5.0, "goal"),
            ("orders answered and lost or doubled", _lost(deployment, shops), "orders", 0, "goal"),
            ("processes that ended", ended, "processes", 0, "goal"),
            ("orders answered", len(shops.placed), "orders", shops.refused, "requests refused"),
        ]
        for name, value, unit, baseline, what in measured:
            yield Metric(name, places.POSTGRESQL, value, unit, baseline, what)


def _lost(deployment: Deployment, shops: Shops) -> int:
    """Answered orders that are not in the ledger, and orders in it twice or unanswered."""
    stored = [row.stream.partition("/")[2] for row in deployment.history() if row.version == 1]
    return len(set(shops.placed) - set(stored)) + len(stored) - len(set(stored))
