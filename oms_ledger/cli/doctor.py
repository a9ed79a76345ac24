"""Looking at a deployment from outside: `doctor` says what is wrong, `alive` whether one lives."""

import socket
from dataclasses import asdict, replace
from typing import Annotated

import typer
from sqlalchemy import func, select

from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.services.diagnosis import diagnose
from oms_ledger.settings import Settings
from projections.subscriptions.checkpoints import now_micros
from projections.tables import process_metrics
from workers.runtime import embedded_redis


def install(app: typer.Typer) -> None:
    app.command()(doctor)
    app.command()(alive)


def doctor(as_json: AsJson = False) -> None:
    """Say what is wrong with this deployment, and what to do about it."""
    settings = Settings.from_environment()
    own_redis = settings.redis_url is None
    if own_redis:
        embedded = embedded_redis.url(embedded_redis.address(settings.data_dir))
        settings = replace(settings, redis_url=embedded)
    cell = Cell(settings)
    findings = list(diagnose(cell, own_redis=own_redis))
    cell.close()
    if as_json:
        print_json([asdict(one) for one in findings])
    else:
        for one in findings:
            typer.echo(f"{one.state:5}  {one.subject}: {one.found}")
            if one.advice:
                typer.echo(f"       → {one.advice}")
    if any(one.state == "wrong" for one in findings):
        raise typer.Exit(1)


def alive(
    within: Annotated[
        int, typer.Option(help="Seconds since the last sign of life that are too many.")
    ] = 30,
) -> None:
    """Say whether a process of this host gave a sign of life lately: for a health check.

    While the database is away nobody can know, and nobody is to be started again for it.
    """
    cell = open_cell()
    here = process_metrics.c.process.startswith(f"{socket.gethostname()}:", autoescape=True)
    try:
        with cell.database.reading() as connection:
            last = connection.execute(
                select(func.max(process_metrics.c.at)).where(here)
            ).scalar_one()
    except UNAVAILABLE:
        typer.echo("The database does not answer: nothing is known of the processes.")
        return
    finally:
        cell.close()
    if last is None or now_micros() - last > within * 1_000_000:
        typer.echo(f"No process of this host gave a sign of life within {within} s.")
        raise typer.Exit(1)
