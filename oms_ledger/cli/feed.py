"""`oms-ledger feed …`: feeds, their queues, and what their filters did and would do."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.cli.subscriptions import AppKey, app_of, opened
from oms_ledger.notifications.webhook import instant_text
from projections.notifications import feed_kind, feeds

app = app_of(
    feed_kind.KIND, "Feeds: replay, dry run, explain, dead letters, and a look at the queue."
)


@app.command(name="list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only this account's feeds.")] = None,
    as_json: AsJson = False,
) -> None:
    """List feeds with their filters, queues and what evaluating cost."""
    with opened() as cell, cell.database.snapshot() as connection:
        rows = feeds.overview(connection, account)
    if as_json:
        print_json(rows)
        return
    columns = (
        "appKey",
        "account",
        "filter",
        "items",
        "evaluated",
        "matched",
        "failed",
        "deadLetters",
    )
    print_table(columns, [[row[name] for name in columns] for row in rows])


@app.command()
def peek(
    app_key: AppKey,
    after: Annotated[int, typer.Option(min=0, help="Only past this position.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the items of a queue without touching them."""
    with opened() as cell, cell.database.snapshot() as connection:
        items = feeds.peek(connection, app_key, after, limit)
    if as_json:
        print_json(items)
        return
    now = cell.clock.micros()
    rows = [
        (
            item["position"],
            item["order_id"],
            item["last_state"],
            item["state"],
            datetime.fromtimestamp(item["produced_at"] / 1e6, UTC).isoformat(timespec="seconds"),
            item["retrievals"],
            instant_text(item["visible_at"]) if item["visible_at"] > now else "-",
        )
        for item in items
    ]
    columns = ("position", "order", "lastState", "state", "produced", "retrievals", "hidden until")
    print_table(columns, rows)
