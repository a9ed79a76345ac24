"""Looking after a ledger: `status`, `verify`, `rebuild`."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from oms_ledger.cell import Cell
from oms_ledger.cli.anchoring import known_anchors
from oms_ledger.cli.archiving import folder_of
from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_table, progress
from oms_ledger.eventstore.anchors import SignedAnchor
from oms_ledger.eventstore.archive import Archive
from oms_ledger.eventstore.encryption import ForeignDataKey
from oms_ledger.eventstore.integrity import Anchor, IntegrityError, latest
from oms_ledger.eventstore.integrity import verify as walk
from oms_ledger.services.ops import rebuilding
from oms_ledger.services.state import state_of
from oms_ledger.settings import Settings
from projections.ops.differences import Difference
from projections.ops.verify import count_orders, verify_views
from projections.ops.verify_configuration import ConfigurationDifference, verify_configuration
from projections.orders import views as orders_views
from projections.subscriptions.views import VIEWS
from workers.runtime import embedded_redis


def install(app: typer.Typer) -> None:
    """Add the commands `status`, `verify` and `rebuild`."""
    app.command()(status)
    app.command()(verify)
    app.command()(rebuild)


# Figures of a queue, a filter or a process that a person looks at side by side.
TABLES = {
    "feed": ("oms_feed_items", "oms_feed_oldest_seconds", "oms_feed_expires_seconds"),
    "hook": (
        "oms_deliveries_pending",
        "oms_deliveries_oldest_seconds",
        "oms_hook_consecutive_failures",
        "oms_hook_circuit_open",
        "oms_hook_paused",
    ),
    "filter": (
        "oms_filter_evaluated_total",
        "oms_filter_matched_total",
        "oms_filter_failed_total",
        "oms_filter_seconds_total",
    ),
    "dead letters": ("oms_dead_letters",),
    "process": ("oms_process_seen_seconds",),
}


def status(as_json: AsJson = False) -> None:
    """Show where everything stands: head, lags, queues, hooks, filters, leases, processes."""
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
    jobs = "unknown: Redis is away" if state["signalsQueued"] is None else state["signalsQueued"]
    typer.echo(
        f"Ledger head {state['head']}. Feed items {state['feedItems']}, deliveries pending"
        f" {state['deliveriesPending']}, dead letters {state['deadLetters']}, signals queued"
        f" {jobs}."
    )
    columns = ("subscription", "position", "lag", "lagSeconds", "holder")
    rows = [
        ["-" if c[name] is None else c[name] for name in columns] for c in state["subscriptions"]
    ]
    print_table(("subscription", "position", "lag", "seconds", "lease held by"), rows)
    print_table(("lease", "held by"), [[c["lease"], c["holder"] or "-"] for c in state["leases"]])
    for title, names in TABLES.items():
        _print_figures(title, names, state["figures"])


def _print_figures(title: str, names: Sequence[str], fields: Sequence[dict[str, Any]]) -> None:
    by_labels: dict[tuple[str, ...], dict[str, float]] = {}
    for one in fields:
        if one["name"] in names:
            by_labels.setdefault(tuple(one["labels"].values()), {})[one["name"]] = one["value"]
    if by_labels:
        heads = [name.removeprefix("oms_").replace("_", " ") for name in names]
        rows = [
            (" ".join(labels), *(f"{values.get(name, 0):,.10g}" for name in names))
            for labels, values in sorted(by_labels.items())
        ]
        print_table((title, *heads), rows)


def _anchor(written: str | None) -> Anchor | None:
    try:
        return Anchor.parse(written) if written else None
    except ValueError:
        raise typer.BadParameter(
            f"found {written!r}, expected POSITION:SEAL as `oms-ledger seal` printed it"
        ) from None


def verify(
    as_json: AsJson = False,
    expect: Annotated[
        str | None,
        typer.Option(metavar="POSITION:SEAL", help="What `oms-ledger seal` printed once."),
    ] = None,
    anchors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Anchors that were kept elsewhere, a line each."),
    ] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A key that anchors are signed by; more than once."),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="An archive that is one chain with the database."),
    ] = None,
) -> None:
    """Recompute the chain of seals, every view and who may do what; name what differs first."""
    expected = _anchor(expect)
    cell = open_migrated()
    known = known_anchors(cell, anchors, public_key or [])
    head = cell.store.head()
    try:
        archived = _archived(archive) if archive else []
        with progress() as bar:
            task = bar.add_task("Verifying events", total=head)
            ends: list[Anchor | SignedAnchor] = [*known, *archived]
            for position in walk(cell.store, head, expected=expected, anchors=ends):
                bar.update(task, completed=position)
        differing = stale_views(cell)
        configured = list(verify_configuration(cell.database, cell.loader()))
    except ForeignDataKey as foreign:
        rows = cell.store.stream(foreign.stream)
        at = next((row.position for row in rows if row.personal), None)
        if as_json:
            print_json({"ok": False, "position": at, "reason": str(foreign)})
        else:
            typer.echo(f"The ledger cannot be read at position {at}: {foreign}.")
        raise typer.Exit(1) from None
    except IntegrityError as tampered:
        if as_json:
            print_json({"ok": False, "position": tampered.position, "reason": tampered.reason})
        else:
            typer.echo(f"The ledger differs at position {tampered.position}: {tampered.reason}.")
        raise typer.Exit(1) from None
    if as_json:
        end = archived[-1] if archived else None
        _print_found(cell, head, len(known), end, differing, configured)
    else:
        _tell_configuration(configured)
        _tell_views(differing)
    if differing or configured:
        raise typer.Exit(1)
    if not as_json:
        if archived:
            typer.echo(
                f"The archive agrees with the ledger up to position {archived[-1].position}."
            )
        typer.echo(
            f"All {head} events, every view and all configuration agree with the chain of seals."
        )


def _archived(address: str) -> list[Anchor]:
    """The ends of an archive's files, each recomputed: the database has to have them too."""
    archive = Archive(folder_of(address))
    if archive.end is None:
        raise typer.BadParameter(f"--archive: there is no archive in {archive.folder}")
    ends = []
    with progress() as bar:
        task = bar.add_task("Verifying the archive", total=archive.end.position)
        for end in archive.verify():
            bar.update(task, completed=end.position)
            ends.append(end)
    return ends


def _print_found(
    cell: Cell,
    head: int,
    anchors: int,
    archived: Anchor | None,
    differing: Sequence[Difference],
    configured: Sequence[ConfigurationDifference],
) -> None:
    anchor = latest(cell.store)
    print_json(
        {
            "ok": not differing and not configured,
            "head": head,
            "seal": str(anchor) if anchor else None,
            "anchors": anchors,
            **({"archive": str(archived)} if archived else {}),
            "position": _first(differing),
            "views": [asdict(one) for one in differing[:1000]],
            "configuration": [asdict(one) for one in configured[:1000]],
        }
    )


def _first(differing: Sequence[Difference]) -> int | None:
    return min((one.position for one in differing if one.position), default=None)


def _tell_configuration(configured: Sequence[ConfigurationDifference]) -> None:
    if not configured:
        return
    print_table(
        ("table", "account", "row", "what differs"),
        [(one.table, one.account, one.row, one.reason) for one in configured[:20]],
    )
    typer.echo(
        f"{len(configured)} rows of configuration are not what the events say, the first"
        f" {configured[0].row} of {configured[0].table}: somebody wrote them past the ledger."
    )


def _tell_views(differing: Sequence[Difference]) -> None:
    if not differing:
        return
    print_table(
        ("view", "account", "order", "position"),
        [(one.view, one.account, one.order_id, one.position) for one in differing[:20]],
    )
    typer.echo(
        f"The chain of seals holds, but {len(differing)} rows of views differ from it, the"
        f" first at position {_first(differing) or 'none'}: run `oms-ledger rebuild`, or find out"
        " who wrote them."
    )


def stale_views(cell: Cell) -> list[Difference]:
    """What in the views is not what the events amount to, by position."""
    differing: list[Difference] = []
    with progress() as bar:
        task = bar.add_task("Verifying views", total=count_orders(cell.database))
        for done, found in verify_views(cell.database, cell.loader()):
            bar.update(task, completed=done)
            differing += found
    return sorted(differing)


def rebuild(
    view: Annotated[
        str, typer.Argument(help=f"One of: {', '.join(VIEWS)}.")
    ] = orders_views.SUBSCRIPTION,
) -> None:
    """Rebuild a view from the first event while everything goes on."""
    if view not in VIEWS:
        raise typer.BadParameter(f"there is no view {view}; views: {', '.join(VIEWS)}")
    cell = open_migrated()
    entries = rebuild_view(cell, view)
    typer.echo(f"{view} is rebuilt from {entries} events.")


def rebuild_view(cell: Cell, view: str) -> int:
    """How many events the view was rebuilt from, with a bar that shows how far it is."""
    done = 0
    with progress() as bar:
        task = bar.add_task("Rebuilding from events", total=cell.store.head())
        for count in rebuilding.rebuild(cell, view):
            done += count
            bar.update(task, completed=done)
    with cell.database.writing() as connection:
        rebuilding.drop(connection, view)
    return done
