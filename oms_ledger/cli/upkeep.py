"""Looking after a ledger: `status`, `verify`, `rebuild`."""

from dataclasses import asdict, replace
from typing import Annotated, Any

import redis
import typer
from sqlalchemy import func, select

from oms_ledger.cli.output import AsJson, print_json, print_table, progress
from oms_ledger.ledger.verify import Tampered
from oms_ledger.ledger.verify import verify as walk
from oms_ledger.settings import Settings
from oms_ledger.wiring import Cell, open_cell
from projections import cursors, order_views, pushes
from projections.cursors import now_micros
from projections.tables import cursors as cursor_table
from projections.tables import dead_letters, feed_items
from projections.verifying import Difference, count_orders, verify_views
from workers import embedded_redis, wakeups
from workers.projector import VIEWS


def install(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(verify)
    app.command()(rebuild)


def state_of(cell: Cell) -> dict[str, Any]:
    """Head, cursors with their lags and leases, queue depths."""
    head, now = cell.store.head(), now_micros()
    with cell.database.reading() as connection:
        following = [
            {
                "cursor": row.id,
                "position": row.position,
                "lag": 0 if row.id == "clock" else max(0, head - row.position),
                "holder": row.holder if row.leased_until > now else None,
            }
            for row in connection.execute(select(cursor_table).order_by(cursor_table.c.id))
        ]
        items = connection.execute(select(func.count()).select_from(feed_items)).scalar_one()
        dead = connection.execute(select(func.count()).select_from(dead_letters)).scalar_one()
        owed = sum(pushes.owed(connection).values())
    try:
        jobs: int | None = wakeups.queue(cell.redis).count
    except redis.RedisError:
        jobs = None
    return {
        "head": head,
        "cursors": following,
        "feedItems": items,
        "deliveriesOwed": owed,
        "deadLetters": dead,
        "wakeupsQueued": jobs,
    }


def status(as_json: AsJson = False) -> None:
    """Show where everything stands: head, lags, queues, leases."""
    settings = Settings.from_environment()
    if settings.redis_url is None:
        embedded = embedded_redis.url(embedded_redis.address(settings.data_dir))
        settings = replace(settings, redis_url=embedded)
    cell = Cell(settings)
    cell.require_tables()
    state = state_of(cell)
    if as_json:
        print_json(state)
        return
    jobs = "unknown: Redis is away" if state["wakeupsQueued"] is None else state["wakeupsQueued"]
    typer.echo(
        f"Ledger head {state['head']}. Feed items {state['feedItems']}, deliveries owed"
        f" {state['deliveriesOwed']}, dead letters {state['deadLetters']}, wake-ups queued"
        f" {jobs}."
    )
    rows = [(c["cursor"], c["position"], c["lag"], c["holder"] or "-") for c in state["cursors"]]
    print_table(("cursor", "position", "lag", "lease held by"), rows)


def verify(as_json: AsJson = False) -> None:
    """Recompute the chain of seals and every view; name the first position that differs."""
    cell = open_cell()
    cell.require_tables()
    head = cell.store.head()
    try:
        with progress() as bar:
            task = bar.add_task("Verifying entries", total=head)
            for position in walk(cell.store, head):
                bar.update(task, completed=position)
    except Tampered as tampered:
        if as_json:
            print_json({"ok": False, "position": tampered.position, "why": tampered.why})
        else:
            typer.echo(f"The ledger differs at position {tampered.position}: {tampered.why}.")
        raise typer.Exit(1) from None
    differing = stale_views(cell)
    first = min((one.position for one in differing if one.position), default=None)
    if as_json:
        views = [asdict(one) for one in differing[:1000]]
        print_json({"ok": not differing, "head": head, "position": first, "views": views})
    elif differing:
        print_table(
            ("view", "account", "order", "position"),
            [(one.view, one.account, one.order_id, one.position) for one in differing[:20]],
        )
        typer.echo(
            f"The chain of seals holds, but {len(differing)} rows of views differ from it, the"
            f" first at position {first or 'none'}: run `oms-ledger rebuild`, or find out who"
            " wrote them."
        )
    else:
        typer.echo(f"All {head} entries and every view agree with the chain of seals.")
    if differing:
        raise typer.Exit(1)


def stale_views(cell: Cell) -> list[Difference]:
    """What in the views is not what the entries amount to, by position."""
    differing: list[Difference] = []
    with progress() as bar:
        task = bar.add_task("Verifying views", total=count_orders(cell.database))
        for done, found in verify_views(cell.database, cell.folds()):
            bar.update(task, completed=done)
            differing += found
    return sorted(differing)


def rebuild(
    view: Annotated[str, typer.Argument(help=f"One of: {', '.join(VIEWS)}.")] = order_views.CURSOR,
) -> None:
    """Fold a view anew from the first entry while everything goes on."""
    if view not in VIEWS:
        raise typer.BadParameter(f"there is no view {view}; views: {', '.join(VIEWS)}")
    cell = open_cell()
    cell.require_tables()
    entries = rebuild_view(cell, view)
    typer.echo(f"{view} is folded anew from {entries} entries.")


def rebuild_view(cell: Cell, view: str) -> int:
    """A second cursor takes the ledger through the view's destination; the live one goes on."""
    cursor, folds, done = f"rebuild:{view}", cell.folds(), 0
    with cell.database.writing() as connection:
        if cursors.position(connection, cursor) is None:
            cursors.create(connection, cursor, 0)
    token = cursors.take(cell.database, cursor, steal=True)
    assert token is not None
    destination = VIEWS[view]()
    with progress() as bar:
        task = bar.add_task("Folding entries", total=cell.store.head())
        while count := cursors.advance(cell.database, folds, cursor, token, destination):
            done += count
            bar.update(task, completed=done)
    with cell.database.writing() as connection:
        cursors.drop(connection, cursor)
    return done
