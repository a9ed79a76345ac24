"""`oms-ledger gateway …`: which payment gateway an account's purchases are paid through."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from oms_ledger.accounts.configuration import Configuration
from oms_ledger.accounts.gateways import GatewayEvent, configure_gateway, remove_gateway
from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator, open_for
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.http_client.addresses import wrong_url
from projections.accounts import gateways

app = typer.Typer(help="The payment gateway of an account.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account's name.")]


def _configure(
    cell: Cell, account: str, decide: Callable[[Configuration], list[GatewayEvent]]
) -> None:
    ctx = by_operator(account)
    asyncio.run(cell.ledger.configure(ctx, lambda known: decide(known.configuration)))


@app.command()
def show(account: Account, as_json: AsJson = False) -> None:
    """Show the account's gateway, without its token."""
    cell = open_for(account)
    with cell.database.snapshot() as connection:
        found = gateways.get(connection, account, cell.encryption)
    fields = {
        "account": account,
        "gateway": "http" if found else "built-in",
        "url": found.url if found else None,
        "appKey": found.app_key if found else None,
    }
    if as_json:
        print_json(fields)
        return
    print_table(("what", "value"), [(name, value or "") for name, value in fields.items()])


@app.command(name="set")
def set_(
    account: Account,
    url: Annotated[str, typer.Argument(help="Its address; the published paths are added to it.")],
    app_key: Annotated[str, typer.Option(help="The key to call it with.")],
    app_token: Annotated[
        str,
        typer.Option(
            envvar="OMS_GATEWAY_TOKEN",
            prompt=True,
            hide_input=True,
            help="The key's token; prompted for when not given. Stored encrypted.",
        ),
    ],
) -> None:
    """Pay new purchases through a gateway that speaks the published Payments operations.

    Purchases that were begun before stay with the gateway that has their money.
    """
    cell = open_for(account)
    if refusal := wrong_url(url, cell.settings.networks_of(account)):
        raise InvalidSetting(f"{url}: {refusal}")
    _configure(cell, account, lambda now: configure_gateway(now, url, app_key, app_token))
    typer.echo(f"New purchases of {account} are paid through {url}")


@app.command(name="built-in")
def built_in(account: Account) -> None:
    """Pay new purchases through the built-in gateway, which holds no money.

    Refused while nothing else is configured. Orders that a remote gateway has the money of cannot
    be settled, refunded or released until it is configured again.
    """
    cell = open_for(account)
    _configure(cell, account, remove_gateway)
    typer.echo(f"New purchases of {account} are paid through the built-in gateway")
