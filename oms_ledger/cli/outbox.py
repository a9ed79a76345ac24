"""`oms-ledger outbox …`: messages to partners and gateways that were not delivered."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.api.history.outbox import shown
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.notifications.channel import BY_MESSAGE
from oms_ledger.services import signals
from oms_ledger.services.outbox import admin
from projections.outbox import messages

app = typer.Typer(help="Messages to partners and gateways, and of triggers.", no_args_is_help=True)
Account = Annotated[str, typer.Option(help="The account whose order has the message.")]
OutboxMessage = Annotated[str, typer.Argument(help="The message's id, as `outbox list` shows it.")]


@app.command(name="list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    order: Annotated[str | None, typer.Option(help="Only of this order.")] = None,
    state: Annotated[
        str | None, typer.Option(help="pending, delivered, dead or skipped; all if not given.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="partner, gateway, internal or trigger; all if not given.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show messages, the newest first; those of one order in the order they are sent."""
    cell = open_migrated()
    with cell.database.snapshot() as connection:
        channels = tuple(one.name for one in BY_MESSAGE) if channel is None else (channel,)
        found = messages.listed(connection, account, order, state, limit, channels)
    if as_json:
        print_json([{"account": one.account, **shown(one)} for one in found])
        return
    for one in found:  # lines, not a table: the id has to be copied whole
        error = f": {one.last_error}" if one.last_error else ""
        about = one.order_id or one.ordering_key
        typer.echo(
            f"{one.id} {one.state:8} {one.account} {about} {one.kind} to {one.recipient},"
            f" {one.attempts} attempts{error}"
        )


@app.command()
def resume(outbox_message: OutboxMessage, account: Account) -> None:
    """Have a message sent again at once."""
    cell = open_migrated()
    message = asyncio.run(admin.resume(cell, by_operator(account), outbox_message))
    signals.signal(cell.redis, [messages.SUBSCRIPTION])
    typer.echo(f"Message {outbox_message} of {message.order_id} is {message.state}.")


@app.command()
def skip(
    outbox_message: OutboxMessage,
    account: Account,
    reason: Annotated[str, typer.Option(help="Why the message need not be delivered.")],
) -> None:
    """Leave a message out, so that those after it are sent."""
    cell = open_migrated()
    message = asyncio.run(admin.skip(cell, by_operator(account), outbox_message, reason=reason))
    signals.signal(cell.redis, [messages.SUBSCRIPTION])
    typer.echo(f"Message {outbox_message} of {message.order_id} is {message.state}.")
