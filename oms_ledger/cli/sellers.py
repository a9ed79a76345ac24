"""`oms-ledger seller …`: the sellers of an account, and where those outside are reached."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.accounts.sellers import read_channels, read_seller
from oms_ledger.cli.opening import by_operator, open_for
from oms_ledger.cli.output import AsJson, print_rows
from oms_ledger.http_client.masking import masked
from oms_ledger.services.marketplace import registers

app = typer.Typer(help="The register of an account's sellers.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account whose orders they deliver.")]
Seller = Annotated[str, typer.Argument(help="The seller's id, as in the items of orders.")]


@app.command(name="list")
def list_(account: Account, as_json: AsJson = False) -> None:
    """List the account's sellers, their endpoints without what may open them."""
    cell = open_for(account)
    known = asyncio.run(registers.registered_sellers(cell, account))
    rows = [(one.id, one.name, one.is_active, masked(one.endpoint)) for one in known]
    columns = ("seller", "name", "active", "endpoint")
    print_rows(columns, rows, as_json=as_json)


@app.command(name="set")
def set_(
    account: Account,
    seller: Seller,
    endpoint: Annotated[str, typer.Argument(help="The published paths are added to it.")],
    name: Annotated[str | None, typer.Option(help="What it is called; else its id.")] = None,
    app_key: Annotated[str, typer.Option(help="The key to call it with, if it has any.")] = "",
    app_token: Annotated[
        str, typer.Option(envvar="OMS_SELLER_TOKEN", help="The key's token.", show_default=False)
    ] = "",
    user: Annotated[str, typer.Option(help="The user to call it as, without a key.")] = "",
    password: Annotated[
        str, typer.Option(envvar="OMS_SELLER_PASSWORD", help="The user's.", show_default=False)
    ] = "",
    email: Annotated[str, typer.Option(help="Whom to write to at the seller.")] = "",
) -> None:
    """Add a seller, or replace the one of its id. Endpoint and credentials are encrypted."""
    cell = open_for(account)
    sent = {
        "id": seller,
        "name": name or seller,
        "isActive": True,
        "email": email,
        "fulfillmentEndpoint": endpoint,
        "appKey": app_key,
        "appToken": app_token,
        "user": user,
        "password": password,
    }
    asyncio.run(registers.save_seller(cell, by_operator(account), read_seller(sent)))
    typer.echo(f"Orders of {account} that {seller} delivers go to {masked(endpoint)}")


@app.command()
def activate(account: Account, seller: Seller) -> None:
    """Let orders be placed at a seller."""
    asyncio.run(registers.activate_seller(open_for(account), by_operator(account), seller, True))
    typer.echo(f"{seller} takes orders")


@app.command()
def deactivate(account: Account, seller: Seller) -> None:
    """Let no more orders be placed at a seller; those it has live on."""
    asyncio.run(registers.activate_seller(open_for(account), by_operator(account), seller, False))
    typer.echo(f"{seller} takes no more orders")


@app.command(name="map")
def map_(
    account: Account,
    seller: Seller,
    channels: Annotated[list[str], typer.Argument(help="Sales channels, like 1=GCB.")],
) -> None:
    """Say by which affiliate the seller knows each sales channel of the account."""
    pairs = [one.partition("=") for one in channels]
    body = [
        {"marketplaceSalesChannel": channel, "sellerChannel": affiliate}
        for channel, _, affiliate in pairs
    ]
    mapped = read_channels(body)
    asyncio.run(registers.map_channels(open_for(account), by_operator(account), seller, mapped))
    typer.echo(f"{seller} knows {len(mapped)} sales channels of {account}")


@app.command()
def remove(account: Account, seller: Seller) -> None:
    """Forget where a seller is reached; messages to it wait, and can be skipped."""
    if not asyncio.run(registers.remove_seller(open_for(account), by_operator(account), seller)):
        raise InvalidSetting(f"{account} has no seller {seller} in its register")
    typer.echo(f"{seller} is not reached any more")
