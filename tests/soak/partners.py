"""Orders with one side outside, while every process and the partners themselves are killed.

`python -m tests.soak.partners --minutes 10 --database postgresql`. At the end each partner took
what it is owed: each message at least once, under one key with one body, in the order of the
ledger; no order is placed again once it is taken; and the ledger is sound.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from projections.accounts.sellers import Seller
from projections.outbox import messages
from projections.outbox.tables import outbox_messages, outbox_recipients
from tests.soak.deployment import ACCOUNT, COMMANDS, Deployment, free_port, until
from tests.soak.faults import RedisOfOurs
from tests.support import servers
from tests.support.configuring import save_seller
from tests.support.purchases import purchase

SELLER, AFFILIATE = "elsewhere", "MKP"
PARTNERS = ("seller", "marketplace")
TOTAL = 3000
TRADES_A_SECOND = 2.0
BETWEEN_STRIKES = 2.0  # seconds on average: one of six processes each time
VERIFIED = 900.0  # seconds in which every event and view of a long run is looked at
SETTLED = 240.0  # seconds within which everything is told, once nobody is killed any more


class Partner:
    """One partner's process: started again on the same port and file when it was killed."""

    def __init__(self, folder: Path, name: str, seed: str) -> None:
        self.port, self.file, self._seed = free_port(), folder / f"{name}.jsonl", seed
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.soak.partner_process"]
        command += [str(self.port), str(self.file), self._seed]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def took(self) -> list[dict[str, Any]]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [json.loads(line) for line in lines]


class Sales:
    """A deployment of real processes with both partners; `bought` and `sold` are its orders."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, seed: str) -> None:
        self._dice = random.Random(seed)
        self.partners = {name: Partner(folder, name, seed) for name in PARTNERS}
        self.deployment = Deployment(folder / "cell", database_url, redis_url)
        self.deployment.environ["OMS_PUBLIC_URL"] = "https://oms.example.com"
        cell = self.deployment.cell
        secrets = {"fulfillmentEndpoint": f"{self.partners['seller'].url}/s?token=hush"}
        save_seller(cell, Seller(ACCOUNT, SELLER, True, {"name": "Elsewhere"}, secrets))
        for name in (*COMMANDS, "worker-2"):
            self.deployment.start(name)
        self.deployment.wait_for_web()
        self.client = self.deployment.new_client()
        self.bought: list[str] = []
        self.sold: list[str] = []
        self.strikes = 0

    def close(self) -> None:
        self.client.close()
        self.deployment.close()
        for partner in self.partners.values():
            partner.kill()

    def trade(self) -> None:
        """One purchase at the seller outside, and one order of the marketplace, invoiced twice."""
        number, do = len(self.bought), self.client.do
        body = purchase(price=1000, quantity=3)
        body["items"][0]["seller"] = SELLER
        placed = do("PUT", "/api/checkout/pub/orders", body, Idempotency_Key=f"b{number}").json()
        order = placed["orders"][0]
        do("POST", f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}", {})
        self.bought.append(order["orderId"])
        sold = purchase(price=1000, quantity=3) | {
            "marketplaceOrderId": str(number),
            "marketplaceServicesEndpoint": f"{self.partners['marketplace'].url}/m?token=hush",
            "marketplacePaymentValue": TOTAL,
            "paymentData": None,
        }
        path = "/api/fulfillment/pvt/orders"
        order_id = do("POST", f"{path}?affiliateId={AFFILIATE}", [sold]).json()[0]["orderId"]
        do("POST", f"{path}/{order_id}/fulfill", {})
        self._handle(order_id)
        for part, value in (("a", 1000), ("b", 2000)):
            invoice = {"type": "Output", "invoiceNumber": f"{number}{part}", "invoiceValue": value}
            invoice["issuanceDate"] = "2026-01-01"
            do("POST", f"/api/oms/pvt/orders/{order_id}/invoice", invoice)
        self.sold.append(order_id)

    def _handle(self, order_id: str) -> None:
        url = f"/api/oms/pvt/orders/{order_id}/start-handling"
        answer, maybe_done = self.client.ask("POST", url)
        assert answer.ok or maybe_done, answer.text

    def strike(self) -> None:
        """Kill -9 a process of the deployment, or a partner, and start it again."""
        self.strikes += 1
        name = self._dice.choice(["worker", "worker-2", "projector", "scheduler", *PARTNERS])
        if name in self.partners:
            self.partners[name].kill()
            self.partners[name].start()
        else:
            self.deployment.kill(name)
            self.deployment.start(name)

    def endure(self, seconds: float) -> None:
        """Trade for so long, while processes are killed: some at work, some that only start."""
        began = time.monotonic()
        strike_at = began + self._dice.expovariate(1 / BETWEEN_STRIKES)
        while (now := time.monotonic()) < began + seconds:
            if now >= strike_at:
                self.strike()
                strike_at = now + self._dice.expovariate(1 / BETWEEN_STRIKES)
            self.trade()
            time.sleep(max(0.0, began + len(self.bought) / TRADES_A_SECOND - time.monotonic()))

    def settle(self) -> None:
        """Nobody is killed any more: everything that is owed is delivered."""
        try:
            until("everything is told", self._quiet, SETTLED)
        except AssertionError as error:
            error.add_note(self._left())
            raise

    def _left(self) -> str:
        """What still waits, and how its recipients did."""
        t, r = outbox_messages.c, outbox_recipients
        waiting = select(
            *(t.channel, t.recipient, t.kind, t.order_id, t.attempts, t.last_error),
            *(t.due_at, t.claimed_until),
        ).where(t.state.in_((messages.WAITING, messages.DEAD)))
        with self.deployment.cell.database.snapshot() as connection:
            rows = [*connection.execute(waiting.limit(20)), *connection.execute(select(r))]
        behind = "" if self.deployment.settled() else "followers are behind\n"
        return behind + "\n".join(map(str, rows))

    def _quiet(self) -> bool:
        """Whether nothing is left; what waits between attempts is made due, the rest let be."""
        cell = self.deployment.cell
        waiting = outbox_messages.c.state == messages.WAITING
        with cell.database.writing() as connection:
            later = waiting & (outbox_messages.c.due_at > cell.clock.micros())
            free = select(outbox_messages.c.id).where(later).with_for_update(skip_locked=True)
            ids = list(connection.execute(free).scalars())
            due = update(outbox_messages).where(outbox_messages.c.id.in_(ids))
            connection.execute(due.values(due_at=0))
        with cell.database.writing() as connection:
            r = outbox_recipients
            open_ = select(r.c.recipient).where(r.c.circuit_open_until > 0)
            names = list(connection.execute(open_.with_for_update(skip_locked=True)).scalars())
            closed = update(r).where(r.c.recipient.in_(names)).values(circuit_open_until=0)
            connection.execute(closed)
        with cell.database.reading() as connection:
            count = select(func.count()).select_from(outbox_messages).where(waiting)
            left = connection.execute(count).scalar_one()
        time.sleep(0.2)
        return not left and self.deployment.settled()

    def require_everything(self) -> dict[str, int]:
        for order_id in self.bought:
            self._require_status(order_id, "payment-approved", f"S-{order_id}")
        for order_id in self.sold:
            self._require_status(order_id, "invoiced", order_id)
        received = {name: _by_order(partner.took()) for name, partner in self.partners.items()}
        assert received["seller"].keys() == set(self.bought)
        for order_id, lines in received["seller"].items():
            assert _once_each(lines) == ["orders", "fulfill"], (order_id, lines)
        assert received["marketplace"].keys() == {one.partition("-")[2] for one in self.sold}
        for order_id, lines in received["marketplace"].items():
            assert _once_each(lines) == ["invoice", "invoice"], (order_id, lines)
            numbers = list(dict.fromkeys(line["body"]["invoiceNumber"] for line in lines))
            assert numbers == [f"{order_id}a", f"{order_id}b"], (order_id, lines)
        checked = self.deployment.run("verify", "--json", seconds=VERIFIED)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        return {
            "orders": len(self.bought) + len(self.sold),
            "strikes": self.strikes,
            "requests taken": sum(len(partner.took()) for partner in self.partners.values()),
            "of them owed": 2 * (len(self.bought) + len(self.sold)),
        }

    def _require_status(self, order_id: str, status: str, seller_order: str) -> None:
        document = self.client.do("GET", f"/api/oms/pvt/orders/{order_id}").json()
        found = (document["status"], document["sellerOrderId"], document["workflowIsInError"])
        assert found == (status, seller_order, False), (order_id, found)


def _by_order(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What a partner took, by what the marketplace of the sale calls the order."""
    orders: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        placed = line["action"] == "orders"
        name = line["body"][0]["marketplaceOrderId"] if placed else line["order"]
        orders.setdefault(name.removeprefix("S-"), []).append(line)
    return orders


def _once_each(lines: list[dict[str, Any]]) -> list[str]:
    """The actions, repetitions aside: those have one key, one body, and come together."""
    found: list[dict[str, Any]] = []
    for line in lines:
        if found and found[-1]["key"] == line["key"]:
            assert line == found[-1], "a repetition with another body"
            continue
        assert line["key"] not in {one["key"] for one in found}, "a repetition out of order"
        found.append(line)
    return [one["action"] for one in found]


@contextmanager
def sales(database: str, seed: str) -> Iterator[Sales]:
    with tempfile.TemporaryDirectory(prefix="oms-partners-") as name, ExitStack() as stack:
        folder = Path(name)
        redis = RedisOfOurs(folder / "redis")
        stack.callback(redis.kill)
        url = f"sqlite:///{folder / 'ledger.sqlite3'}"
        if database != "sqlite":
            url = servers.fresh_database(servers.postgres_url())
            stack.callback(servers.drop_database, url)
        made = Sales(folder, url, redis.url, seed)
        stack.callback(made.close)
        try:
            yield made
        except BaseException as error:
            error.add_note(f"seed {seed}\n{made.deployment.logs()}")
            raise


def main() -> int:
    requested = argparse.ArgumentParser(description=__doc__)
    requested.add_argument("--minutes", type=float, default=10)
    requested.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    requested.add_argument("--seed", default=str(time.time_ns()))
    given = requested.parse_args()
    servers.begin()
    try:
        with sales(given.database, given.seed) as made:
            made.endure(60 * given.minutes)
            ended = time.monotonic()
            made.settle()
            settled = round(time.monotonic() - ended)
            counts = made.require_everything() | {"seconds until all was told": settled}
            sys.stdout.write(f"seed {given.seed}: {counts}\n")
    finally:
        servers.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
