"""`oms-ledger offers …`: load the table of offers of an account, look into it, try a quote."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from oms_ledger.cell import Cell
from oms_ledger.cli.opening import open_for
from oms_ledger.cli.output import AsJson, print_json, print_table, progress
from oms_ledger.offers.quote import LineInput, LineQuote, Place, Question
from oms_ledger.offers.reading import KINDS, read_file
from oms_ledger.offers.table import quote_lines
from projections.offers import rows
from projections.offers.rows import Loaded
from projections.offers.sight import OfferMemory, Sight

app = typer.Typer(help="Prices, stock and deliveries that carts see.", no_args_is_help=True)
AccountName = Annotated[str, typer.Option(help="The account that offers.")]
Kind = Annotated[str, typer.Option(help="offer, delivery, pickup-point, payment or address.")]


@app.command()
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl or .csv.")],
    account: AccountName = "demo",
    replace: Annotated[
        bool, typer.Option("--replace", help="Take away what the file does not have.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load a file of offers: all of it, or nothing when a line is wrong.

    What is there already under the same key is set again; loading a file again changes nothing.
    """
    cell = open_for(account)
    loaded = load_file(cell, account, file, replace=replace)
    if as_json:
        print_json(
            {
                "changed": loaded.changed,
                "unchanged": loaded.unchanged,
                "removed": loaded.removed,
            }
        )
        return
    typer.echo(f"{loaded.changed} set, {loaded.unchanged} unchanged, {loaded.removed} removed.")


def load_file(cell: Cell, account: str, file: Path, *, replace: bool = False) -> Loaded:
    """Set the rows of a file, in one transaction; refuses the first line that is wrong."""
    with progress() as bar:
        reading = bar.add_task("Reading lines", total=None)
        found = []
        for _, row in read_file(file):
            found.append(row)
            bar.advance(reading)
        bar.update(reading, total=len(found))
        storing = bar.add_task("Storing rows", total=len(found))
        with cell.database.writing() as connection:
            return rows.load(
                connection,
                account,
                found,
                replace=replace,
                advance=lambda count: bar.advance(storing, count),
            )


@app.command(name="list")
def list_(
    account: AccountName = "demo",
    kind: Kind = "offer",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List rows of one kind, and how many of each kind there are."""
    _require_kind(kind)
    cell = open_for(account)
    with cell.database.snapshot() as connection:
        counts = rows.counts(connection, account)
        bodies = rows.listed(connection, account, kind=kind, sku=None, limit=limit)
    found = [msgspec.json.decode(body) for body in bodies]
    if as_json:
        print_json({"counts": counts, "rows": found})
        return
    for one in found:
        typer.echo(msgspec.json.encode(one).decode())
    typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()) or "Nothing loaded.")


@app.command()
def show(
    sku: Annotated[str, typer.Argument(help="The SKU.")], account: AccountName = "demo"
) -> None:
    """Show what is on offer of a SKU, of every seller."""
    cell = open_for(account)
    with cell.database.snapshot() as connection:
        bodies = rows.listed(connection, account, kind="offer", sku=sku, limit=1000)
    if not bodies:
        typer.echo(f"{account} has no offer of {sku}.", err=True)
        raise typer.Exit(1)
    print_json([msgspec.json.decode(body) for body in bodies])


@app.command()
def remove(
    account: AccountName = "demo",
    kind: Annotated[str | None, typer.Option(help="Only rows of this kind.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only offers of this SKU.")] = None,
    seller: Annotated[str | None, typer.Option(help="Only rows of this seller.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All rows of the account.")] = False,
) -> None:
    """Take offers away; carts say so at their next answer."""
    if kind is not None:
        _require_kind(kind)
    if not everything and kind is None and sku is None and seller is None:
        raise typer.BadParameter("say what: --kind, --sku, --seller, or --all")
    cell = open_for(account)
    with cell.database.writing() as connection:
        removed = rows.remove(connection, account, kind=kind, sku=sku, seller=seller)
    typer.echo(f"{removed} removed.")


@app.command()
def quote(
    sku: Annotated[str, typer.Option(help="The SKU.")],
    account: AccountName = "demo",
    quantity: Annotated[int, typer.Option(min=1)] = 1,
    seller: Annotated[str, typer.Option()] = "1",
    postal_code: Annotated[str | None, typer.Option(help="Where to.")] = None,
    country: Annotated[str | None, typer.Option(help="Three letters.")] = None,
    sales_channel: Annotated[str, typer.Option()] = "1",
    as_json: AsJson = False,
) -> None:
    """Say what a cart would be given of a line, from the table of offers."""
    cell = open_for(account)
    its_country = country or asyncio.run(cell.ledger.account(account)).setting("country")
    question = Question(
        lines=(LineInput(sku, seller, quantity),),
        now=cell.clock.now(),
        channel=sales_channel,
        place=None if postal_code is None else Place(its_country, postal_code),
    )
    with Sight(cell.database, OfferMemory(), {}) as sight:
        answer = quote_lines(sight.rows_for(account, question), question)[0]
    if as_json:
        print_json(msgspec.to_builtins(answer))
        return
    _print_quote(answer)


def _print_quote(answer: LineQuote) -> None:
    price = answer.offer.price if answer.offer else None
    typer.echo(f"{answer.availability}: quantity {answer.quantity}, price {price}")
    if answer.slas:
        fields = [(sla.id, sla.channel, sla.estimate, sla.price) for sla in answer.slas]
        print_table(("delivery", "channel", "estimate", "price"), fields)


def _require_kind(kind: str) -> None:
    if kind not in KINDS:
        raise typer.BadParameter(f"kind: found {kind!r}, expected {', '.join(KINDS)}")
