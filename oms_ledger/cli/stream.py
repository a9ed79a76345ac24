"""`oms-ledger stream …`: where accounts' events are sent besides feeds and hooks."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.cli.opening import open_for, open_migrated
from oms_ledger.cli.output import AsJson, print_rows
from oms_ledger.settings.addresses import SettingsError, redis_url, without_password
from projections.streams import outgoing
from projections.streams.outgoing import OutgoingStream
from projections.subscriptions import checkpoints

app = typer.Typer(help="Outgoing streams: Redis Streams and NATS JetStream.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The stream's name: letters, digits, hyphens.")]


@app.command()
def create(
    name: Name,
    account: Annotated[str, typer.Option(help="Whose events are sent.")],
    to: Annotated[
        str,
        typer.Option(
            envvar="OMS_STREAM_URL",
            help="redis://…, rediss://…, redis+sentinel://…, nats://… or tls://… of a NATS server.",
            show_default=False,
        ),
    ],
    into: Annotated[
        str | None,
        typer.Option(help="The Redis key (orders:ACCOUNT), or how NATS subjects begin (oms)."),
    ] = None,
    keep: Annotated[
        int, typer.Option(min=0, help="About how many entries Redis keeps; 0 keeps all.")
    ] = 0,
    since: Annotated[
        int | None,
        typer.Option(min=0, help="Begin after this position; else with what comes from now on."),
    ] = None,
) -> None:
    """Send an account's events to a stream, in order and each once.

    Workers do it, as they push to hooks. Personal fields are left out.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", name):
        raise typer.BadParameter("a name has letters, digits and hyphens, 60 at most")
    nats = urlsplit(to).scheme in ("nats", "tls")
    if not nats:
        try:
            to = redis_url("--to", to)
        except SettingsError as error:
            raise typer.BadParameter(str(error)) from None
    target = into or ("oms" if nats else f"orders:{account}")
    if nats and not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", target):
        raise typer.BadParameter("--into: expected the beginning of a subject, such as shop.orders")
    cell = open_for(account)
    head = cell.store.head()
    start = head if since is None else min(since, head)
    made = OutgoingStream(name, account, to, target, keep, start, cell.clock.micros())
    with cell.database.writing() as connection:
        if not outgoing.create(connection, made, cell.encryption):
            raise InvalidSetting(f"There is a stream {name} already")
    typer.echo(f"What {account} records after position {start} is sent into {target}.")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the streams: how far each is, and what its destination said when it failed."""
    cell = open_migrated()
    with cell.database.snapshot() as connection:
        at = checkpoints.positions(connection)
        rows = [
            (
                one.name,
                one.account,
                without_password(one.url),
                one.target,
                at[one.subscription],
                max(0, checkpoints.account_head(connection, one.account) - at[one.subscription]),
                one.failures,
                one.last_error or "",
            )
            for one in outgoing.every(connection, cell.encryption)
        ]
    columns = ("name", "account", "to", "into", "position", "lag", "failures", "lastError")
    print_rows(columns, rows, as_json=as_json)


@app.command()
def remove(name: Name) -> None:
    """Stop sending; what was sent stays where it is."""
    cell = open_migrated()
    with cell.database.writing() as connection:
        if not outgoing.remove(connection, name):
            raise InvalidSetting(f"There is no stream {name}")
    typer.echo(f"The stream {name} is removed.")
