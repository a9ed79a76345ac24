"""`oms-ledger key …`: app keys and what they may do."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from oms_ledger.accounts.parties import read_party
from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.accounts.roles import RESOURCES, ROLES
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_rows
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.accounts.keys import create_key, revoke_key, rotate_key
from projections.accounts import app_keys

app = typer.Typer(help="App keys: created, listed, rotated, revoked.", no_args_is_help=True)


@app.command()
def create(
    account: Annotated[str, typer.Option(help="Whose key it is.")],
    role: Annotated[str, typer.Option(help=f"One of: {'; '.join(sorted(ROLES))}.")] = "",
    resource: Annotated[
        list[str] | None,
        typer.Option(help="A single resource, besides the role or without one; repeatable."),
    ] = None,
    party: Annotated[
        str | None,
        typer.Option(help="seller:ID or affiliate:ID: it opens orders of this partner only."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key; its token is shown this once and stored hashed."""
    resources = resource or []
    if unknown := sorted({*resources} - RESOURCES):
        raise InvalidSetting(
            f"There is no resource {unknown[0]!r}. Resources: {'; '.join(sorted(RESOURCES))}"
        )
    if role not in ROLES and (role or not resources):
        raise InvalidSetting(f"There is no role {role!r}. Roles: {', '.join(sorted(ROLES))}")
    bound = str(read_party(party)) if party else None
    cell = open_migrated()
    ctx = by_operator(account)
    app_key, token = asyncio.run(
        create_key(cell.ledger, ctx, role, party=bound, resources=resources)
    )
    if as_json:
        print_json({"appKey": app_key, "appToken": token})
        return
    typer.echo(f"X-VTEX-API-AppKey: {app_key}\nX-VTEX-API-AppToken: {token}")
    typer.echo("The token is not shown again.", err=True)


@app.command(name="list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only this account's keys.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys, without their tokens."""
    cell = open_migrated()
    with cell.database.snapshot() as connection:
        keys = app_keys.of_account(connection, account)
    rows = [
        (
            key.app_key,
            key.account,
            key.role,
            ", ".join(key.resources),
            key.party or "",
            datetime.fromtimestamp(key.created_at / 1e6, UTC).isoformat(timespec="seconds"),
            key.revoked_at is not None,
        )
        for key in keys
    ]
    columns = ("appKey", "account", "role", "resources", "party", "created", "revoked")
    print_rows(columns, rows, as_json=as_json)


@app.command()
def rotate(
    app_key: Annotated[str, typer.Argument(help="The key that gets another token.")],
    overlap_hours: Annotated[
        float, typer.Option(help="How long the present token still opens; 0: not at all.", min=0)
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Give a key a new token; both open until the overlap is over, so nothing stands still."""
    cell = open_migrated()
    rotated = rotate_key(cell.ledger, _whose(cell, app_key), app_key, round(overlap_hours * 3600))
    token = asyncio.run(rotated)
    if as_json:
        print_json({"appKey": app_key, "appToken": token})
        return
    typer.echo(f"X-VTEX-API-AppKey: {app_key}\nX-VTEX-API-AppToken: {token}")
    typer.echo(f"The previous token opens for {overlap_hours:g} more hours.", err=True)


@app.command()
def revoke(app_key: Annotated[str, typer.Argument(help="The key to shut out.")]) -> None:
    """Revoke a key: it opens nothing from the next second on."""
    cell = open_migrated()
    asyncio.run(revoke_key(cell.ledger, _whose(cell, app_key), app_key))
    typer.echo(f"{app_key} is revoked.")


def _whose(cell: Cell, app_key: str) -> CommandContext:
    """On behalf of the account that a key is of."""
    with cell.database.reading() as connection:
        known = app_keys.get(connection, app_key)
    if known is None:
        raise InvalidSetting(f"There is no key {app_key}")
    return by_operator(known.account)
