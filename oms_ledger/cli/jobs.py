"""`oms-ledger jobs …`: work in the background, how far it is and what came of it."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.api.jobs.jobs import serialize_job
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.cli.subscriptions import opened
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from projections.jobs import jobs
from projections.jobs.jobs import Job

app = typer.Typer(help="Jobs: listed, shown, cancelled.", no_args_is_help=True)
JobId = Annotated[str, typer.Argument(help="The job's id, as `jobs list` shows it.")]


@app.command(name="list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show jobs, the newest first."""
    with opened() as cell, cell.database.snapshot() as connection:
        found = jobs.of_account(connection, account, list(KINDS), limit)
    if as_json:
        print_json([{"account": job.account, **serialize_job(job)} for job in found])
        return
    for job in found:  # lines, not a table: the id has to be copied whole
        progress = f"{job.done} of {'?' if job.total is None else job.total}"
        failure = f": {job.failure}" if job.failure else ""
        typer.echo(
            f"{job.id} {job.state:9} {job.account} {job.kind} {progress}, by {job.actor}{failure}"
        )


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job: what was requested, how far it is, what came of it."""
    with opened() as cell:
        job = _known(cell, job_id)
    fields = {"account": job.account, **serialize_job(job)}
    if as_json:
        print_json(fields)
    else:
        print_table(("what", "value"), list(fields.items()))


@app.command()
def cancel(job_id: JobId) -> None:
    """End a job after the step at hand; what was done stays."""
    with opened() as cell:
        job = _known(cell, job_id)
        if not KINDS[job.kind].cancellable:
            raise InvalidSetting(f"A job of the kind {job.kind} cannot be cancelled")
        asyncio.run(runner.cancel(cell, by_operator(job.account), job))
        job = _known(cell, job_id)
    typer.echo(f"The {job.kind} is {job.state}.")


def _known(cell: Cell, job_id: str) -> Job:
    with cell.database.snapshot() as connection:
        job = jobs.get(connection, job_id)
    if job is None:
        raise InvalidSetting(f"There is no job {job_id}; it may have expired")
    return job
