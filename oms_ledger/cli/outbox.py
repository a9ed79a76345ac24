"""`oms-ledger calls …`: calls to partners and gateways that did not come through."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.api.history.outbox import shown
from oms_ledger.cell import open_cell
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.services import signals as wakeups
from oms_ledger.services.outbox import admin as mending
from projections.outbox import messages as calls

app = typer.Typer(help="Calls that orders owe to others.", no_args_is_help=True)
Account = Annotated[str, typer.Option(help="The account whose order owes the call.")]
Call = Annotated[str, typer.Argument(help="The call's id, as `calls list` shows it.")]


@app.command(name="list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    order: Annotated[str | None, typer.Option(help="Only of this order.")] = None,
    state: Annotated[
        str | None, typer.Option(help="waiting, done, dead or skipped; all if not given.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show calls, the newest first; those of one order in the order they are made."""
    cell = open_cell()
    cell.require_tables()
    with cell.database.reading() as connection:
        found = calls.listed(connection, account, order, state, limit)
    if as_json:
        print_json([{"account": one.account, **shown(one)} for one in found])
        return
    for one in found:  # lines, not a table: the id has to be copied whole
        error = f": {one.last_error}" if one.last_error else ""
        typer.echo(
            f"{one.id} {one.state:8} {one.account} {one.order_id} {one.kind} to {one.party},"
            f" {one.attempts} attempts{error}"
        )


@app.command()
def resume(call: Call, account: Account) -> None:
    """Have a call made again at once."""
    cell = open_cell()
    cell.require_tables()
    owed = asyncio.run(mending.resume(cell, account, call, by="operator"))
    wakeups.wake(cell.redis, [calls.CURSOR])
    typer.echo(f"Call {call} of {owed.order_id} is {owed.state}.")


@app.command()
def skip(
    call: Call,
    account: Account,
    reason: Annotated[str, typer.Option(help="Why the call need not be made.")],
) -> None:
    """Leave a call out, so that those after it are made."""
    cell = open_cell()
    cell.require_tables()
    owed = asyncio.run(mending.skip(cell, account, call, reason=reason, by="operator"))
    wakeups.wake(cell.redis, [calls.CURSOR])
    typer.echo(f"Call {call} of {owed.order_id} is {owed.state}.")
