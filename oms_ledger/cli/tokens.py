"""`oms-ledger token …`: user tokens of shoppers."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.cell import open_cell
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import LIFETIME, UserToken

app = typer.Typer(help="User tokens of shoppers.", no_args_is_help=True)


@app.callback()
def _tokens() -> None:
    """One command for now; without this Typer would leave its name out."""


@app.command()
def create(
    account: Annotated[str, typer.Option(help="The account that the shopper buys from.")],
    email: Annotated[str, typer.Option(help="Whose orders the token opens.")],
    as_json: AsJson = False,
) -> None:
    """Create a token that opens a shopper's own orders for 24 hours."""
    if "@" not in email:
        raise InvalidSetting(f"email: found {email!r}, expected an e-mail address")
    cell = open_cell()
    cell.require_tables()
    asyncio.run(cell.ledger.account(account))
    expires = int(time.time()) + LIFETIME
    token = user_tokens.issue(cell.vault, UserToken(account, expires, shopper=email))
    if as_json:
        print_json({"token": token, "expires": expires})
        return
    typer.echo(f"VtexIdclientAutCookie: {token}")
    until = datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds")
    typer.echo(f"Valid until {until}.", err=True)
