"""The long run of `tests/selling_model.py`, a part of `make soak`: `python -m tests.soak_model`.

Runs random sales on SQLite for MINUTES (10 if not set; 1 with QUICK), each round with a seed that
is printed; SEED gives the first one. A failure prints the story that led to it.
"""

import logging
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from oms_ledger.migrations import migrate
from oms_ledger.settings import Settings
from oms_ledger.wiring import Cell
from tests.selling_model import Selling
from workers.projector import ensure_cursors

EXAMPLES, STEPS = 25, 40


def soak(seconds: float, first: int) -> int:
    """Rounds until the time is over; how many steps were taken."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    until, taken, number = time.monotonic() + seconds, 0, first
    room = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory(dir=room) as folder:
            url = f"sqlite:///{folder}/ledger.sqlite3"
            cell = Cell(Settings(Path(folder), database_url=url, master_key=b"k" * 32))
            migrate(cell.database)
            ensure_cursors(cell.database)
            here = type("Here", (Selling,), {"cell": cell, "opened": set(), "steps": 0})
            rules = settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate,),
            )
            run_state_machine_as_test(seed(number)(here), settings=rules)
            taken += here.steps
            sys.stdout.write(f"seed {number}: {here.steps} steps, {cell.store.head()} entries\n")
            sys.stdout.flush()
            cell.close()
        number += 1
    return taken


def main() -> None:
    minutes = float(os.environ.get("MINUTES") or (1 if os.environ.get("QUICK") else 10))
    first = int(os.environ.get("SEED") or random.randrange(2**31))
    began = time.monotonic()
    taken = soak(minutes * 60, first)
    took = time.monotonic() - began
    sys.stdout.write(f"{taken} steps in {took:.0f} s: all sides of every sale agree\n")


if __name__ == "__main__":
    main()
