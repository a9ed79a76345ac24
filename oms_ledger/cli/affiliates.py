"""`oms-ledger affiliate …`: the marketplaces and connectors that place orders at an account."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.accounts.affiliates import read_affiliate
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.http_client.masking import masked
from oms_ledger.services.marketplace import registers

app = typer.Typer(help="Affiliates: marketplaces that place orders here.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account that fulfills their orders.")]
AffiliateId = Annotated[str, typer.Argument(help="Three consonants, like MKP.")]


def _opened(account: str) -> Cell:
    cell = open_cell()
    cell.require_tables()
    asyncio.run(cell.ledger.account(account))  # refuses an account that does not exist
    return cell


@app.command(name="list")
def list_(account: Account, as_json: AsJson = False) -> None:
    """List the account's affiliates, their endpoints without what may open them."""
    cell = _opened(account)
    known = asyncio.run(registers.registered_affiliates(cell, account))
    rows = [
        (one.id, one.name, one.connector_name or "", masked(one.connector_endpoint or ""))
        for one in known
    ]
    columns = ("affiliate", "name", "connector", "endpoint")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


@app.command(name="set")
def set_(
    account: Account,
    affiliate: AffiliateId,
    name: Annotated[str, typer.Option(help="What it is called; no other's name.")],
    connector_name: Annotated[str | None, typer.Option(help="The connector's name.")] = None,
    connector_endpoint: Annotated[
        str | None, typer.Option(help="Where results of its orders are told.")
    ] = None,
    sales_channel: Annotated[str | None, typer.Option(help="Digits.")] = None,
) -> None:
    """Add an affiliate, or replace the one of its id."""
    cell = _opened(account)
    body = {
        "name": name,
        "connectorName": connector_name,
        "connectorEndpoint": connector_endpoint,
        "salesChannel": sales_channel,
    }
    sent = read_affiliate(affiliate, {key: value for key, value in body.items() if value})
    asyncio.run(registers.save_affiliate(cell, CommandContext(account, "operator"), sent))
    typer.echo(f"{affiliate} places orders at {account} by ?affiliateId={affiliate}")


@app.command()
def remove(account: Account, affiliate: AffiliateId) -> None:
    """Forget an affiliate; its orders keep their prefix."""
    cell = _opened(account)
    asyncio.run(registers.registered_affiliate(cell, account, affiliate))
    asyncio.run(registers.remove_affiliate(cell, CommandContext(account, "operator"), affiliate))
    typer.echo(f"{affiliate} is forgotten")
