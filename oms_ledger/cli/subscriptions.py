"""`oms-ledger feed …` and `oms-ledger hook …`: what both can do beyond the original."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from oms_ledger import jsonata
from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_table, progress
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.notifications.filters import Filter, InvalidFilter, parse_filter
from oms_ledger.orders.instants import parse as parse_instant
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.subscriptions import admin
from projections.subscriptions import presentation
from projections.subscriptions.dry_run import dry_run
from projections.subscriptions.explain import explain
from projections.subscriptions.kinds import SubscriptionKind
from projections.subscriptions.sink import SubscriptionSink

AppKey = Annotated[str, typer.Argument(help="Whose it is.")]
Since = Annotated[str, typer.Option(help="A position, or an instant as 2026-01-31T12:00:00Z.")]
FilterText = Annotated[
    str | None,
    typer.Option("--filter", help="A filter as JSON, or a bare expression; else the configured."),
]


def app_of(kind: SubscriptionKind, help: str) -> typer.Typer:
    """The commands of a kind; the kind's own module may add to them."""
    app = typer.Typer(help=help, no_args_is_help=True)
    for install in (_replay, _dry_run, _explain, _letters, _resume_filter):
        install(app, kind)
    return app


@contextmanager
def opened() -> Iterator[Cell]:
    """A cell with a migrated database, closed at the end of the block."""
    cell = open_migrated()
    try:
        yield cell
    finally:
        cell.close()


def _resume_filter(app: typer.Typer, kind: SubscriptionKind) -> None:
    @app.command(name="resume-filter")
    def resume_filter_(app_key: AppKey) -> None:
        """Let a filter go on that was paused because it ended the process that ran it."""
        with opened() as cell:
            ctx = _operator(_sink(cell, kind, app_key))
            resumed = asyncio.run(admin.resume_filter(cell, ctx, kind, app_key))
        typer.echo(f"The filter of {app_key} {'goes on' if resumed else 'was not paused'}.")


def _replay(app: typer.Typer, kind: SubscriptionKind) -> None:
    @app.command()
    def replay(
        app_key: AppKey,
        since: Since = "0",
        order: Annotated[str | None, typer.Option(help="Only this order's.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Produce again what the filter passes since a position or an instant."""
        with opened() as cell:
            sinks, place = _sink(cell, kind, app_key), _place(cell, since)
            if order is not None:
                count = asyncio.run(
                    admin.replay_order(cell, _operator(sinks), kind, sinks, app_key, order, place)
                )
                answer: dict[str, Any] = {"orderId": order, "since": place, "produced": count}
            else:
                done, _ = asyncio.run(admin.rewind(cell, _operator(sinks), kind, app_key, place))
                answer = {"since": done.since, "until": done.until}
        if as_json:
            print_json(answer)
        elif order is not None:
            typer.echo(f"{answer['produced']} notifications of order {order} are produced again.")
        else:
            typer.echo(f"Put back from position {answer['until']} to {answer['since']}.")


def _dry_run(app: typer.Typer, kind: SubscriptionKind) -> None:
    @app.command(name="dry-run")
    def dry_run_(
        app_key: AppKey,
        since: Since,
        filter: FilterText = None,
        samples: Annotated[int, typer.Option(min=0, max=100, help="How many to show.")] = 10,
        as_json: AsJson = False,
    ) -> None:
        """Show what a filter would have produced since then; nothing is kept."""
        with opened() as cell, progress() as bar:
            sinks = _sink(cell, kind, app_key)
            run = dry_run(
                cell.database,
                cell.loader(),
                sinks.account,
                _filter(sinks, filter),
                since=_place(cell, since),
                samples=samples,
            )
            task, found, failures = None, list[Any](), list[Any]()
            for report in run:
                if task is None:
                    task = bar.add_task("Evaluating events", total=report.head)
                bar.update(task, completed=report.position)
                found += report.samples
                failures += report.failures
            report.samples, report.failures = found, failures
        answer = presentation.dry_run_progress(report)
        if as_json:
            print_json(answer)
            return
        typer.echo(
            f"{report.matched} notifications from {report.evaluated} events evaluated;"
            f" {report.failed} failed;"
            f" {report.micros / max(1, report.evaluated):.0f} µs an evaluation."
        )
        columns = ("position", "orderId", "lastState", "state", "currentChange")
        print_table(columns, [[one[name] for name in columns] for one in answer["samples"]])
        for failure in answer["failures"]:
            typer.echo(f"Failed at {failure['position']}: {failure['error']}", err=True)


def _explain(app: typer.Typer, kind: SubscriptionKind) -> None:
    @app.command(name="explain")
    def explain_(
        app_key: AppKey,
        order: Annotated[str, typer.Argument(help="The order's id.")],
        filter: FilterText = None,
        as_json: AsJson = False,
    ) -> None:
        """Show what a filter says of each version of an order, and why."""
        with opened() as cell:
            sinks = _sink(cell, kind, app_key)
            chosen = _filter(sinks, filter)
            explanation = list(explain(cell.loader(), sinks.account, order, chosen))
        if not explanation:
            raise OrderNotFound()
        versions = [presentation.version(one, values=True) for one in explanation]
        if as_json:
            print_json({"orderId": order, **presentation.engine(chosen), "versions": versions})
            return
        rows = [
            (
                one["version"],
                one["event"],
                one["state"],
                "yes" if one["notification"] else "no",
                one.get("error") or one["reason"],
                one["evaluationMicroseconds"],
            )
            for one in versions
        ]
        print_table(("version", "event", "state", "notification", "reason", "µs"), rows)


def _letters(app: typer.Typer, kind: SubscriptionKind) -> None:
    @app.command(name="dead-letters")
    def list_letters(
        app_key: AppKey,
        after: Annotated[int, typer.Option(min=0, help="Only past this position.")] = 0,
        limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 100,
        as_json: AsJson = False,
    ) -> None:
        """List what could not be delivered."""
        with opened() as cell, cell.database.snapshot() as connection:
            assert kind.of_keys is not None
            letters = kind.of_keys.letters
            letters_ = letters.page(connection, kind.subscription_of(app_key), after, limit)
        if as_json:
            print_json(
                [
                    {**presentation.dead_letter(one), "content": json.loads(one.content)}
                    for one in letters_
                ]
            )
            return
        columns = ("position", "orderId", "reason", "at")
        sinks = [presentation.dead_letter(one) for one in letters_]
        print_table(columns, [[one[name] for name in columns] for one in sinks])

    @app.command()
    def requeue(
        app_key: AppKey,
        positions: Annotated[list[int] | None, typer.Argument(help="Which ones.")] = None,
        every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Put dead letters back, as if they were new."""
        if bool(positions) == every:
            raise typer.BadParameter("say which positions, or --all")
        with opened() as cell:
            ctx = _operator(_sink(cell, kind, app_key))
            chosen = None if every else positions
            count = asyncio.run(admin.requeue(cell, ctx, kind, app_key, chosen))
        if as_json:
            print_json({"requeued": count})
        else:
            typer.echo(f"{count} dead letters are pending again.")


def _operator(sink: SubscriptionSink) -> CommandContext:
    """Whoever sits at the machine, on behalf of the account that a feed or hook is of."""
    return by_operator(sink.account)


def _sink(cell: Cell, kind: SubscriptionKind, app_key: str) -> SubscriptionSink:
    keys = kind.of_keys
    sinks = keys.open(cell.database, cell.encryption, app_key) if keys else None
    if sinks is None:
        raise InvalidSetting(f"The key {app_key} has no {kind.name}")
    return sinks


def _place(cell: Cell, text: str) -> int:
    try:
        return presentation.place(cell.database, text, parse_instant)
    except ValueError:
        raise typer.BadParameter(f"{text} is neither a position nor an instant") from None


def _filter(sinks: SubscriptionSink, text: str | None) -> Filter:
    """A filter written as JSON, or as a bare expression; without either the configured one."""
    if text is None:
        return sinks.filter_of.filter
    posted = {"expression": text}
    if text.lstrip().startswith("{"):
        try:
            posted = json.loads(text)
        except ValueError:
            posted = {"expression": text}
    try:
        chosen = parse_filter(posted)
        if "expression" in posted:
            jsonata.compile(posted["expression"])
    except (InvalidFilter, jsonata.ExpressionError) as error:
        raise typer.BadParameter(str(error)) from None
    return chosen
