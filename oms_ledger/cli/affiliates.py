"""`oms-ledger affiliate …`: the marketplaces and connectors that place orders at an account."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.accounts.affiliates import read_affiliate
from oms_ledger.cli.opening import by_operator, open_for
from oms_ledger.cli.output import AsJson, print_rows
from oms_ledger.http_client.masking import masked
from oms_ledger.services.marketplace import registers

app = typer.Typer(help="Affiliates: marketplaces that place orders here.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account that fulfills their orders.")]
AffiliateId = Annotated[str, typer.Argument(help="Three consonants, like MKP.")]


@app.command(name="list")
def list_(account: Account, as_json: AsJson = False) -> None:
    """List the account's affiliates, their endpoints without what may open them."""
    cell = open_for(account)
    known = asyncio.run(registers.registered_affiliates(cell, account))
    rows = [
        (one.id, one.name, one.connector_name or "", masked(one.connector_endpoint or ""))
        for one in known
    ]
    columns = ("affiliate", "name", "connector", "endpoint")
    print_rows(columns, rows, as_json=as_json)


@app.command(name="set")
def set_(
    account: Account,
    affiliate: AffiliateId,
    name: Annotated[str, typer.Option(help="What it is called; no other's name.")],
    connector_name: Annotated[str | None, typer.Option(help="The connector's name.")] = None,
    connector_endpoint: Annotated[
        str | None, typer.Option(help="Where results of its orders are sent.")
    ] = None,
    sales_channel: Annotated[str | None, typer.Option(help="Digits.")] = None,
) -> None:
    """Add an affiliate, or replace the one of its id."""
    cell = open_for(account)
    body = {
        "name": name,
        "connectorName": connector_name,
        "connectorEndpoint": connector_endpoint,
        "salesChannel": sales_channel,
    }
    sent = read_affiliate(affiliate, {key: value for key, value in body.items() if value})
    asyncio.run(registers.save_affiliate(cell, by_operator(account), sent))
    typer.echo(f"{affiliate} places orders at {account} by ?affiliateId={affiliate}")


@app.command()
def remove(account: Account, affiliate: AffiliateId) -> None:
    """Forget an affiliate; its orders keep their prefix."""
    cell = open_for(account)
    asyncio.run(registers.registered_affiliate(cell, account, affiliate))
    asyncio.run(registers.remove_affiliate(cell, by_operator(account), affiliate))
    typer.echo(f"{affiliate} is forgotten")
