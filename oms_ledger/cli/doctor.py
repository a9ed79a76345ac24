"""`oms-ledger doctor`: what is wrong with a deployment."""

from dataclasses import asdict, replace

import typer

from oms_ledger.cell import Cell
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.services.diagnosis import diagnose
from oms_ledger.settings import Settings
from workers.runtime import embedded_redis


def install(app: typer.Typer) -> None:
    """Add the command `doctor`."""
    app.command()(doctor)


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
