"""The soak: a deployment under load in storms, and everything counted again at the end.

`python -m tests.soak.soak --minutes 30 --database postgresql --seed 7`; what it needs besides
is in `tests.support.servers`. Every choice is made by dice of the seed that it prints; when the
processes get to run is the machine's choice.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.soak.deployment import (
    EVERY_STATUS,
    LARGE_AND_SHIPPED,
    Client,
    Deployment,
)
from tests.soak.endpoint_faults import QUICK, SLOW, FailingReceiver
from tests.soak.faults import (
    Keeper,
    PostgresOfOurs,
    RedisOfOurs,
    Storm,
)
from tests.soak.pollers import Poller, Seen
from tests.soak.reconciliation import Recount
from tests.soak.workload import Shop
from tests.support import servers

DATABASES = ("sqlite", "postgresql")
SHIPPED = {"type": "FromWorkflow", "status": ["handling", "invoiced", "canceled"]}
LARGE = {"type": "FromOrders", "expression": LARGE_AND_SHIPPED, "disableSingleFire": True}
LARGE_ONCE = {**LARGE, "disableSingleFire": False}
HOSTILE = {
    "type": "FromOrders",
    "expression": (
        "($f := function($n) { $n > 0 ? $f($n - 1) + $f($n - 1) : 1 }; $f(value > 0 ? 40 : 1) > 0)"
    ),
    "disableSingleFire": True,
}
ANSWERS_BETWEEN_STRIKES, FEWER = 25, 10
CATCHING_UP = 300.0
"""Seconds in which something has to have arrived, again and again, once the faults are over."""


class Soak:
    """One deployment and everybody around it, until `over`; then `recount` raises or counts."""

    def __init__(self, folder: Path, database: str, seed: str, *, short: bool = False) -> None:
        self._dice = random.Random(seed)
        self._seed = seed
        self._stack = contextlib.ExitStack()
        self._short = short
        self._redis = RedisOfOurs(folder / "redis")
        self._stack.callback(self._redis.kill)
        self._postgres = PostgresOfOurs(f"soak-{os.getpid()}") if database != "sqlite" else None
        url = self._postgres.url if self._postgres else f"sqlite:///{folder / 'ledger.sqlite3'}"
        self.deployment = Deployment(folder / "cell", url, self._redis.url)
        self._stack.callback(self.deployment.close)

    def __enter__(self) -> "Soak":
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None:
            error.add_note(f"seed {self._seed}\n{self.deployment.logs()}")
        self._stack.close()

    def _begin(self) -> None:
        deployment = self.deployment
        for name in ("web", "projector", "worker", "worker-2", "scheduler"):
            deployment.start(name)
        deployment.wait_for_web()
        self.keeper = Keeper(deployment)
        self._stack.callback(self.keeper.stop)
        self.storm = Storm(
            deployment,
            self.keeper,
            self._redis,
            self._postgres,
            self._dice,
            freezes=not self._short,
        )
        self._configure_feeds()
        self._configure_hooks()
        self.shops = [
            Shop(self._client(), f"shop-{number}", random.Random(f"{self._seed} shop {number}"))
            for number in range(2)
        ]
        for poller in self._pollers:
            poller.start()

    def _client(self) -> Client:
        client = self.deployment.new_client()
        self._stack.callback(client.close)
        return client

    def _configure_feeds(self) -> None:
        self.feeds: dict[str, tuple[Client, dict[str, Any], Seen]] = {}
        self._pollers: list[Poller] = []
        wanted: dict[str, dict[str, Any]] = {"shipped": SHIPPED, "large": LARGE}
        wanted["large once"] = LARGE_ONCE
        for name, filter in wanted.items():
            client, seen = self._client(), Seen()
            Poller.configure(client, filter)
            self.feeds[name] = (client, filter, seen)
            twin = Client(client.base, client.app_key, client.token)
            self._stack.callback(twin.close)
            for number, each in enumerate((client, twin)):
                self._pollers.append(Poller(each, seen, f"{self._seed} {name} {number}"))

    def _configure_hooks(self) -> None:
        self.hooks: dict[str, tuple[Client, dict[str, Any], FailingReceiver]] = {}
        seed, slow = self._seed, () if self._short else SLOW
        receivers = {
            "working": (EVERY_STATUS, FailingReceiver(f"{seed} well")),
            "failing": (EVERY_STATUS, FailingReceiver(f"{seed} failing", QUICK, 0.3)),
            "slow": (SHIPPED, FailingReceiver(f"{seed} slow", (*QUICK, *slow), 0.2)),
            "dying": (LARGE, FailingReceiver(f"{seed} dying", QUICK, 0.1)),
            "refusing": (SHIPPED, FailingReceiver(f"{seed} refusing", refused_share=0.1)),
            "hostile": (HOSTILE, FailingReceiver(f"{seed} hostile")),
        }
        for name, (filter, receiver) in receivers.items():
            client = self._client()
            self._stack.callback(receiver.close)
            client.configure_hook(filter, receiver.url)
            self.hooks[name] = (client, filter, receiver)

    # The faults

    def last(self, strikes: Iterator[str]) -> None:
        """Write orders and strike; between two strikes, life goes on."""
        with contextlib.ExitStack() as stack:
            lapse = stack.enter_context(_TimeLapse(self))
            for shop in self.shops:
                stack.enter_context(shop)
            for kind in strikes:
                between = FEWER if self._short else ANSWERS_BETWEEN_STRIKES
                self._dice.choice(self.shops).wait_for_answers(between)
                self.storm.strike(kind)
                lapse.check()

    def each_kind_once(self) -> Iterator[str]:
        """But kills of web and clock, which take long to come back: others test them alone."""
        kinds = sorted(self.storm.kinds.keys() - {"kill web", "kill scheduler"})
        self._dice.shuffle(kinds)
        yield from kinds

    def for_minutes(self, minutes: float) -> Iterator[str]:
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            yield self._dice.choice(sorted(self.storm.kinds))
            time.sleep(self._dice.random() * 3)

    def pass_time(self) -> None:
        """The waits of all hooks are over."""
        for client, _, _ in self.hooks.values():
            self.deployment.hasten(client.app_key)

    def clear_up(self) -> None:
        """The faults are over: everything pending arrives, or is given up after its three days."""
        for poller in self._pollers:
            poller.stop()
        for _, _, receiver in self.hooks.values():
            if receiver._server is None:
                receiver.open()
        recount = Recount(self)

        least, since = recount.left(), time.monotonic()
        while left := recount.left():
            if left < least:
                least, since = left, time.monotonic()
            stuck = f"nothing moves: {left} events and notifications are left"
            assert time.monotonic() - since < CATCHING_UP, stuck
            self.pass_time()
            recount.give_up_the_refused()
            time.sleep(0.3)
        for poller in self._pollers:
            poller.drain()
        recount.require_everything()
        self.counts = recount.counts


class _TimeLapse:
    """While orders are written: waits between attempts are cut short, one receiver goes away."""

    def __init__(self, soak: Soak) -> None:
        self._soak = soak
        self._end = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "_TimeLapse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def check(self) -> None:
        assert self._failure is None, self._failure

    def _run(self) -> None:
        dying = self._soak.hooks["dying"][2]
        try:
            while not self._end.wait(2.0):
                if dying._server is None:
                    dying.open()
                else:
                    dying.close()
                with contextlib.suppress(Exception):  # the database may be away just now
                    self._soak.pass_time()
        except BaseException as error:
            self._failure = error
        finally:
            if dying._server is None:
                dying.open()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(database: str, minutes: float, seed: str) -> dict[str, Any]:
    """One soak; what was counted. Raises where something is lost, doubled or out of order."""
    with (
        tempfile.TemporaryDirectory(prefix="oms-soak-") as folder,
        Soak(Path(folder), database, seed) as soak,
    ):
        soak.last(soak.for_minutes(minutes))
        soak.clear_up()
        return soak.counts


def main() -> int:
    quick = bool(os.environ.get("QUICK"))
    requested = argparse.ArgumentParser(prog="make soak", description=__doc__)
    default = float(os.environ.get("MINUTES") or (0.5 if quick else 5))
    requested.add_argument("--minutes", type=float, default=default, help="for each database")
    requested.add_argument("--database", choices=DATABASES, action="append")
    requested.add_argument("--seed", default=os.environ.get("SEED") or str(time.time_ns()))
    given = requested.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    servers.begin()
    try:
        for database in given.database or DATABASES:
            began = time.monotonic()
            say(f"soak on {database}: {given.minutes:g} minutes, seed {given.seed}")
            for name, count in run(database, given.minutes, given.seed).items():
                say(f"  {name}: {count}")
            say(f"  sound after {(time.monotonic() - began) / 60:.1f} minutes")
    finally:
        servers.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
