"""What strikes a deployment: kills, freezes, crashes of its servers, stolen leases."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import redis
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from projections.subscriptions import leases
from projections.tables import subscriptions as subscriptions_table
from tests.soak.deployment import Deployment
from tests.support import servers
from workers.runtime import embedded_redis

FROZEN = 11.0
"""Seconds; longer than a lease lasts."""
PROCESSES = ("web", "projector", "worker", "worker-2", "scheduler")


class RedisOfOurs:
    """A Redis that may be killed and started again on the same socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = embedded_redis.url(embedded_redis.address(folder))
        self.start()

    def start(self) -> None:
        command = embedded_redis.command(self._folder)
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        embedded_redis.wait_until_it_answers(self.url, self._process)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def flush(self) -> None:
        with contextlib.closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()


class PostgresOfOurs:
    """A PostgreSQL that may crash and start again on the same data."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._programs = servers.postgres_programs()[0]
        self.url = servers.fresh_database(servers.start_postgres(self._programs, name))

    def crash(self) -> None:
        servers.crash_postgres(self._name)

    def start(self) -> None:
        servers.restart_postgres(self._name, self._programs)


class Keeper:
    """Starts again what ended, as a process manager does."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._end = threading.Event()
        self.lock = threading.Lock()
        self.restarted: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.3):
            with self.lock:
                for name, process in list(self._deployment.processes.items()):
                    if process.poll() is not None:
                        self.restarted[name] += 1
                        self._deployment.start(name)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


class Storm:
    """Strikes by name; every one leaves the deployment able to recover by itself."""

    def __init__(
        self,
        deployment: Deployment,
        keeper: Keeper,
        redis_server: RedisOfOurs,
        postgres: PostgresOfOurs | None,
        dice: random.Random,
        *,
        freezes: bool,
    ) -> None:
        self._deployment, self._keeper, self._dice = deployment, keeper, dice
        self._redis, self._postgres = redis_server, postgres
        self.timed_out: Counter[str] = Counter()
        self.kinds: dict[str, Callable[[], None]] = {
            **{f"kill {name}": partial(self._kill, name) for name in PROCESSES},
            "flushall": redis_server.flush,
            "kill redis": self._kill_redis,
            "steal a lease": self._steal,
        }
        if postgres is not None:
            self.kinds["crash postgresql"] = self._crash_postgres
        if freezes:
            frozen = ("worker", "projector", "scheduler")
            self.kinds |= {f"freeze {name}": partial(self._freeze, name) for name in frozen}

    def strike(self, kind: str) -> None:
        self.kinds[kind]()
        self.timed_out[kind] += 1

    def _kill(self, name: str) -> None:
        with self._keeper.lock:
            self._deployment.kill(name, leases_run_out=self._dice.random() < 0.7)
            self._deployment.start(name)

    def _freeze(self, name: str) -> None:
        """Out cold for longer than its leases last; then it goes on, knowing nothing of it."""
        process = self._deployment.processes[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(FROZEN)
            os.killpg(process.pid, signal.SIGCONT)

    def _kill_redis(self) -> None:
        self._redis.kill()
        time.sleep(self._dice.random() * 2)
        self._redis.start()

    def _crash_postgres(self) -> None:
        assert self._postgres is not None
        self._postgres.crash()
        time.sleep(self._dice.random())
        self._postgres.start()
        self._deployment.cell.database.engine.dispose()

    def _steal(self) -> None:
        """Half of the thieves keep what they took until it runs out."""
        database = self._deployment.cell.database
        with contextlib.suppress(SQLAlchemyError, psycopg.Error):
            with database.snapshot() as connection:
                query = select(subscriptions_table.c.id).order_by(subscriptions_table.c.id)
                known = list(connection.execute(query).scalars())
            subscription = self._dice.choice(known)
            token = leases.acquire(database, subscription, steal=True)
            if token is not None and self._dice.random() < 0.5:
                leases.release(database, subscription, token)
