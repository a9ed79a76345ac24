"""`oms-ledger alive`: a health check, run twice a minute, so it loads little."""

import socket
from typing import Annotated

import typer
from sqlalchemy import func, select

from oms_ledger.clock import Clock
from oms_ledger.eventstore.database import UNAVAILABLE, Database
from oms_ledger.settings import Settings
from projections.tables import process_metrics


def install(app: typer.Typer) -> None:
    """Add the command `alive`."""
    app.command()(alive)


def alive(
    within: Annotated[
        int, typer.Option(help="Seconds since the last sign of life that are too many.")
    ] = 30,
) -> None:
    """Say whether a process of this host gave a sign of life lately: for a health check.

    While the database is away nobody can know, and nobody is to be started again for it.
    """
    settings = Settings.from_environment()
    clock = Clock()
    database = Database(settings.database_url, clock)
    here = process_metrics.c.process.startswith(f"{socket.gethostname()}:", autoescape=True)
    try:
        with database.snapshot() as connection:
            last = connection.execute(
                select(func.max(process_metrics.c.at)).where(here)
            ).scalar_one()
    except UNAVAILABLE:
        typer.echo("The database does not answer: nothing is known of the processes.")
        return
    finally:
        database.close()
    if last is None or clock.micros() - last > within * 1_000_000:
        typer.echo(f"No process of this host gave a sign of life within {within} s.")
        raise typer.Exit(1)
