"""`oms-ledger work`: a worker."""

import typer

from oms_ledger.cli.opening import open_process
from oms_ledger.services import gc_tuning
from oms_ledger.services.metrics import MetricsReporter
from workers import worker
from workers.runtime.stopping import Stop


def install(app: typer.Typer) -> None:
    """Add the command `work`."""
    app.command(name="work")(work)


def work() -> None:
    """Run a worker: it evaluates filters and delivers. Any number of them may run."""
    cell = open_process()
    MetricsReporter(cell.database, "worker")
    gc_tuning.settle()
    worker.work(cell, Stop().on_signals())
