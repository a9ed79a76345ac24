"""`oms-ledger person …`: who may sign in to the back office."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from oms_ledger.accounts.roles import ROLES
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_rows
from oms_ledger.services.operators import invitations, second_factor
from oms_ledger.services.operators.recording import by_deployment
from oms_ledger.settings import Settings
from projections.operators import directory

app = typer.Typer(help="People who sign in to the back office.", no_args_is_help=True)
Email = Annotated[str, typer.Option(help="The person's e-mail.")]


def address_of(settings: Settings) -> str:
    """Where people reach the back office."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


@app.command()
def invite(
    email: Email,
    role: Annotated[str, typer.Option(help=f"One of: {'; '.join(sorted(ROLES))}.")],
    account: Annotated[str | None, typer.Option(help="The account the role is in.")] = None,
    name: Annotated[str, typer.Option(help="How others know the person.")] = "",
    deployment: Annotated[
        bool, typer.Option("--deployment", help="May look after the whole deployment.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give a person a role; prints a link to pass on, by which they set a password."""
    cell = open_migrated()
    if account is not None:
        asyncio.run(cell.ledger.account(account))
    ctx = by_operator(account) if account is not None else None
    invited = invitations.invite(
        cell, ctx, email=email, name=name, role=role, deployment=deployment
    )
    operator, token = asyncio.run(invited)
    link = f"{address_of(cell.settings)}/admin/-/link#{token}" if token else None
    if as_json:
        print_json({"operator": operator, "link": link})
    elif link is None:
        typer.echo(f"{email} has the role now, and signs in as before.")
    else:
        typer.echo(link)
        typer.echo("The link works once, within 7 days. It is not shown again.", err=True)


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List operators with their roles."""
    cell = open_migrated()
    with cell.database.snapshot() as connection:
        found = directory.everybody(connection)
    rows = [
        (
            one.id,
            one.email,
            one.name,
            ", ".join(f"{account}: {role}" for account, role in one.roles.items()),
            one.deployment,
            datetime.fromtimestamp(one.created_at / 1e6, UTC).isoformat(timespec="seconds"),
            one.disabled_at is not None,
            one.second_factor is not None,
        )
        for one in found
    ]
    columns = ("id", "email", "name", "roles", "deployment", "created", "disabled", "second factor")
    print_rows(columns, rows, as_json=as_json)


@app.command()
def reset(email: Email) -> None:
    """Print a link by which a person sets another password."""
    cell = open_migrated()
    token = asyncio.run(invitations.reset(cell, by_deployment("operator"), email))
    typer.echo(f"{address_of(cell.settings)}/admin/-/link#{token}")
    typer.echo("The link works once, within a day. It is not shown again.", err=True)


@app.command()
def reset_second_factor(email: Email) -> None:
    """Let a person sign in by the password alone again; the sessions end at once."""
    asyncio.run(_reset_second_factor(open_migrated(), email))
    typer.echo(f"{email} signs in by the password alone.")


async def _reset_second_factor(cell: Cell, email: str) -> None:
    operator = await invitations.require_operator(cell, email)
    await second_factor.reset(cell, by_deployment("operator"), operator)


@app.command()
def disable(email: Email) -> None:
    """Shut a person out; the sessions end at once."""
    asyncio.run(invitations.disable(open_migrated(), by_deployment("operator"), email))
    typer.echo(f"{email} is shut out.")
