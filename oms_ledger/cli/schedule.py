"""`oms-ledger scheduler`: the scheduler."""

import asyncio

import typer

from oms_ledger.cli.opening import open_process
from oms_ledger.services import gc_tuning
from oms_ledger.services.metrics import MetricsReporter
from workers import scheduler
from workers.runtime.stopping import Stop


def install(app: typer.Typer) -> None:
    """Add the command `scheduler`."""
    app.command(name="scheduler")(schedule)


def schedule() -> None:
    """Run the scheduler: timers, the reconciliation of what is behind, retention."""
    cell = open_process()
    MetricsReporter(cell.database, "scheduler")
    gc_tuning.settle()
    asyncio.run(scheduler.run_scheduler(cell, Stop().on_signals()))
