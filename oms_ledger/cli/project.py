"""`oms-ledger project`: the projector."""

import typer

from oms_ledger.cli.opening import open_process
from oms_ledger.services import gc_tuning
from oms_ledger.services.metrics import MetricsReporter
from workers import projector
from workers.runtime.stopping import Stop


def install(app: typer.Typer) -> None:
    """Add the command `project`."""
    app.command(name="project")(project)


def project() -> None:
    """Run the projector: it keeps the views and signals feeds and hooks."""
    cell = open_process()
    projector.ensure_subscriptions(cell.database)
    MetricsReporter(cell.database, "projector")
    gc_tuning.settle()
    projector.project(cell, Stop().on_signals())
