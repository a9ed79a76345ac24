"""`oms-ledger hook …`: hooks, what is pending and delivered, and what their filters would do."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.api.notifications.hook_admin import (
    serialize_attempt,
    serialize_pending,
    serialize_state,
)
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.cli.subscriptions import AppKey, app_of, opened
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.accounts.subscriptions import pause_hook, resume_hook, rotate_hook_secret
from projections.notifications import deliveries, hook_kind, hooks

app = app_of(
    hook_kind.KIND, "Hooks: attempts, pause, new secrets, replay, dry run, explain, dead letters."
)

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many.")]


@app.command(name="list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only this account's hooks.")] = None,
    as_json: AsJson = False,
) -> None:
    """List hooks: whether they are paused or skipped, and what they have pending."""
    with opened() as cell, cell.database.snapshot() as connection:
        found = hooks.of_account(connection, account, cell.encryption)
        rows = [serialize_state(connection, hook, cell.clock.micros()) for hook in found]
    if as_json:
        print_json(rows)
        return
    columns = (
        "appKey",
        "account",
        "url",
        "paused",
        "consecutiveFailures",
        "pending",
        "deadLetters",
    )
    print_table(columns, [[row[name] for name in columns] for row in rows])


@app.command()
def attempts(
    app_key: AppKey,
    position: Annotated[int | None, typer.Option(help="Only of the notification there.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show the latest push attempts: when, status, how long, what went wrong, when again."""
    with opened() as cell, cell.database.snapshot() as connection:
        made = deliveries.attempts_of(
            connection, app_key, position=position, failed=failed, limit=limit
        )
    fields = [serialize_attempt(one) for one in made]
    if as_json:
        print_json(fields)
        return
    columns = ("at", "orderId", "position", "attempt", "durationMs", "status", "error", "nextAt")
    print_table(columns, [[_or_dash(row[name]) for name in columns] for row in fields])


def _or_dash(value: Any) -> Any:
    return "-" if value is None else value


@app.command()
def peek(
    app_key: AppKey,
    after: Annotated[int, typer.Option(min=0, help="Only past this position.")] = 0,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show what a hook has pending, without touching it."""
    with opened() as cell, cell.database.snapshot() as connection:
        pending = [
            serialize_pending(one) for one in deliveries.peek(connection, app_key, after, limit)
        ]
    if as_json:
        print_json(pending)
        return
    columns = ("position", "orderId", "producedAt", "attempts", "dueAt")
    rows = [[*(row[name] for name in columns), row["notification"]["State"]] for row in pending]
    print_table((*columns, "state"), rows)


@app.command()
def pause(app_key: AppKey) -> None:
    """Stop pushing; what the filter passes is kept."""
    _change(app_key, pause_hook)
    typer.echo(f"{app_key} is paused: it gets nothing until `oms-ledger hook resume`.")


@app.command()
def resume(app_key: AppKey) -> None:
    """Push again, beginning with what was kept."""
    _change(app_key, resume_hook)
    typer.echo(f"{app_key} is delivered to again; the scheduler signals it within seconds.")


def _change(
    app_key: str, change: Callable[[Cell, CommandContext, str], Coroutine[Any, Any, None]]
) -> None:
    with opened() as cell:
        asyncio.run(change(cell, _whose(cell, app_key), app_key))


def _whose(cell: Cell, app_key: str) -> CommandContext:
    """On behalf of the account that a hook is of."""
    with cell.database.reading() as connection:
        hook = hooks.get(connection, app_key, cell.encryption)
    if hook is None:
        raise InvalidSetting(f"The key {app_key} has no hook")
    return by_operator(hook.account)


@app.command()
def rotate(
    app_key: AppKey,
    overlap_seconds: Annotated[
        int, typer.Option(min=0, help="Seconds for which the previous secret signs too.")
    ] = hooks.BOTH_SECRETS,
    as_json: AsJson = False,
) -> None:
    """Make a new signing secret; it is printed this once."""
    with opened() as cell:
        rotated = rotate_hook_secret(cell, _whose(cell, app_key), app_key, overlap_seconds)
        secret, _ = asyncio.run(rotated)
    if as_json:
        typer.echo(json.dumps({"secret": secret, "overlapSeconds": overlap_seconds}))
    else:
        typer.echo(secret)
        typer.echo(f"The previous secret signs too for {overlap_seconds} seconds.", err=True)
