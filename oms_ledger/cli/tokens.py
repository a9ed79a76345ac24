"""`oms-ledger token …`: user tokens, made for shoppers and ended."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.token_end import end_tokens
from oms_ledger.services.accounts.user_tokens import LIFETIME, UserToken

app = typer.Typer(
    help="User tokens: made for shoppers, ended before their time.", no_args_is_help=True
)


@app.command()
def create(
    account: Annotated[str, typer.Option(help="The account that the shopper buys from.")],
    email: Annotated[str, typer.Option(help="Whose orders the token opens.")],
    as_json: AsJson = False,
) -> None:
    """Create a token that opens a shopper's own orders for 24 hours."""
    if "@" not in email:
        raise InvalidSetting(f"email: found {email!r}, expected an e-mail address")
    cell = open_migrated()
    asyncio.run(cell.ledger.account(account))
    expires = int(cell.clock.seconds()) + LIFETIME
    token = user_tokens.issue(
        cell.encryption, UserToken(account, expires, shopper=email, issued_at=cell.clock.micros())
    )
    if as_json:
        print_json({"token": token, "expires": expires})
        return
    typer.echo(f"VtexIdclientAutCookie: {token}")
    until = datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds")
    typer.echo(f"Valid until {until}.", err=True)


@app.command()
def revoke(
    account: Annotated[str, typer.Option(help="The account whose tokens end.")],
    email: Annotated[str | None, typer.Option(help="The shopper whose tokens end.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every token of the account.")] = False,
) -> None:
    """End tokens that were issued until now, of a shopper or of all; keys go on.

    A shopper's tokens end for every e-mail that the shopper is known by.
    """
    if (email is None) != all_:
        raise typer.BadParameter("give one of --email and --all")
    cell = open_migrated()
    asyncio.run(cell.ledger.account(account))
    asyncio.run(end_tokens(cell, by_operator(account), [email] if email else None))
    whose = f"of {email}" if email else "of all"
    typer.echo(f"The tokens {whose} in {account} that were issued until now are ended.")
