"""The long run of `tests/model/selling_model.py`, a part of `make soak`.

Runs random sales on SQLite and on PostgreSQL in turn for MINUTES (10 if not set; 1 with QUICK),
each round with a seed that is printed; SEED gives the first one, DATABASE one of the two alone. A
failure prints the story that led to it.
"""

import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from oms_ledger.cell import Cell
from oms_ledger.migrations import migrate
from oms_ledger.settings import Settings
from tests.model.selling_model import selling_in
from tests.support import servers
from tests.support.clock import SettableClock
from workers.projector import ensure_subscriptions

EXAMPLES, STEPS = 25, 40
DATABASES = ("sqlite", "postgresql")


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'ledger.sqlite3'}"
        return
    url = servers.fresh_database(servers.postgres_url())
    try:
        yield url
    finally:
        servers.drop_database(url)


def round_of(number: int, kind: str) -> int:
    """The sales of one seed in a fresh database; how many steps were taken."""
    room = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=room) as folder,
        _database(kind, Path(folder)) as url,
    ):
        cell = Cell(Settings(Path(folder), database_url=url, master_key=b"k" * 32), SettableClock())
        migrate(cell.database)
        ensure_subscriptions(cell.database)
        here = selling_in(cell)
        rules = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        )
        run_state_machine_as_test(seed(number)(here), settings=rules)
        sys.stdout.write(
            f"seed {number}, {kind}: {here.steps} steps, {cell.store.head()} entries\n"
        )
        sys.stdout.flush()
        cell.close()
        return here.steps


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    minutes = float(os.environ.get("MINUTES") or (1 if os.environ.get("QUICK") else 10))
    first = int(os.environ.get("SEED") or random.randrange(2**31))
    kinds = [os.environ["DATABASE"]] if os.environ.get("DATABASE") else DATABASES
    began, taken = time.monotonic(), 0
    servers.begin()
    try:
        for number, kind in zip(count(first), cycle(kinds), strict=False):
            taken += round_of(number, kind)
            if time.monotonic() - began >= minutes * 60:
                break
    finally:
        servers.end()
    took = time.monotonic() - began
    sys.stdout.write(f"{taken} steps in {took:.0f} s: every side is as the reference says\n")


if __name__ == "__main__":
    main()
