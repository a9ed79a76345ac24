"""`oms-ledger seller …`: where the sellers of an account that are no accounts here are reached."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.http_client.addresses import wrong_url
from projections.accounts import sellers
from projections.accounts.sellers import Seller as RegisteredSeller

app = typer.Typer(help="Sellers outside the deployment.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account whose orders they deliver.")]
Seller = Annotated[str, typer.Argument(help="The seller's id, as in the items of orders.")]


def _opened(account: str) -> Cell:
    cell = open_cell()
    cell.require_tables()
    asyncio.run(cell.ledger.account(account))  # refuses an account that does not exist
    return cell


@app.command(name="list")
def list_(account: Account, as_json: AsJson = False) -> None:
    """List the account's external sellers, without their tokens."""
    cell = _opened(account)
    with cell.database.reading() as connection:
        found = sellers.of_account(connection, account, cell.encryption)
    if as_json:
        print_json([{"seller": one.id, "url": one.endpoint} for one in found])
        return
    print_table(("seller", "url"), [(one.id, one.endpoint) for one in found])


@app.command(name="set")
def set_(
    account: Account,
    seller: Seller,
    url: Annotated[str, typer.Argument(help="Its address; the published paths are added to it.")],
    app_key: Annotated[str, typer.Option(help="The key to call it with.")],
    app_token: Annotated[
        str,
        typer.Option(
            envvar="OMS_SELLER_TOKEN",
            prompt=True,
            hide_input=True,
            help="The key's token; prompted for when not given. Stored encrypted.",
        ),
    ],
) -> None:
    """Ask a seller by HTTP to agree to changes of the orders that it delivers.

    It agrees by POST /pvt/orders/{order}/changes/{request}/send-agreement with a key of the
    account; what it does not answer within 24 hours is canceled.
    """
    cell = _opened(account)
    if refusal := wrong_url(url, cell.settings.networks_of(account)):
        raise InvalidSetting(f"{url}: {refusal}")
    with cell.database.writing() as connection:
        fields = {"id": seller, "name": seller, "isActive": True, "isVtex": False}
        secrets = {"fulfillmentEndpoint": url, "appKey": app_key, "appToken": app_token}
        one = RegisteredSeller(account, seller, True, fields, secrets)
        sellers.save(connection, one, cell.encryption)
    typer.echo(f"Changes of orders that {seller} delivers for {account} are asked of {url}")


@app.command()
def remove(account: Account, seller: Seller) -> None:
    """Forget where a seller is reached; changes that wait for it can be canceled."""
    cell = _opened(account)
    with cell.database.writing() as connection:
        removed = sellers.remove(connection, account, seller)
    if not removed:
        raise InvalidSetting(f"{account} has no external seller {seller}")
    typer.echo(f"{seller} is not reached any more")
