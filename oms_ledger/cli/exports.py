"""`oms-ledger export`: orders into a file."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.api.exports.exports import question_of
from oms_ledger.api.orders.queries import of_query
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import AsJson, print_json, progress
from oms_ledger.services.freshness import Freshness
from projections.exports import rows as exports_rows
from projections.exports.exports import FORMATS
from projections.exports.rows import ExportedOrder, ExportFormat
from projections.exports.spreadsheets import csv_file, xlsx_file
from projections.orders import query, views
from projections.orders.query import OrderQuery


def install(app: typer.Typer) -> None:
    """Add the command `export`."""
    app.command()(export)


def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Ends in .csv, .jsonl or .xlsx.")],
    account: Annotated[str, typer.Option(help="Whose orders.")] = "demo",
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", help="As in List orders: `f_status=invoiced`. Repeat it for more."
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="Of status names; the account's if empty.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone of instants; the account's if empty.")] = "",
    as_json: AsJson = False,
) -> None:
    """Export orders: the published Order report as CSV or XLSX, or documents as JSON lines.

    A file of JSON lines can be imported again by `oms-ledger import`.
    """
    format = file.suffix.removeprefix(".").lower()
    if format not in FORMATS:
        raise InvalidSetting(f"{file}: expected a file that ends in .{', .'.join(FORMATS)}")
    pairs = [tuple(one.split("=", 1)) for one in filters or [] if "=" in one]
    given = of_query([(name, value) for name, value in pairs])
    given |= {"zone": [zone]} if zone else {}
    cell = open_migrated()
    order_query, export_format = asyncio.run(_requested(cell, account, given, language))
    orders = write(cell, order_query, export_format, format, file)
    if as_json:
        print_json({"file": str(file), "orders": orders})
    else:
        typer.echo(f"{orders} orders are in {file}.")


async def _requested(
    cell: Cell, name: str, given: dict[str, list[str]], language: str
) -> tuple[OrderQuery, ExportFormat]:
    account = await cell.ledger.account(name)
    freshness = Freshness(cell, views.SUBSCRIPTION)
    while await freshness.wait():
        pass  # views that are rebuilt are waited for: a file has no header to say so
    exported = language or account.setting("language")
    return question_of(account, given, exported, cell.clock.now())


def write(
    cell: Cell, order_query: OrderQuery, export_format: ExportFormat, format: str, file: Path
) -> int:
    """Write the file; how many orders it has. A file that is not whole has another name."""
    with cell.database.snapshot() as connection:
        total = query.totals(connection, order_query).count
    written = 0
    with progress() as bar:
        task = bar.add_task("Exporting orders", total=total)

        def exported() -> Iterator[list[ExportedOrder]]:
            nonlocal written
            for page in exports_rows.pages(cell.database, order_query):
                written += len(page)
                bar.update(task, completed=written)
                yield page

        if format == "jsonl":
            lines: Iterator[bytes] = (
                b"".join(map(export_format.line, page)) for page in exported()
            )
            content = lines
        else:
            rows = (
                [row for order in page for row in export_format.rows(order)] for page in exported()
            )
            content = csv_file(rows) if format == "csv" else xlsx_file(rows)
        partial = file.with_name(f"{file.name}.part")
        with partial.open("wb") as out:
            out.writelines(content)
        partial.replace(file)
    return written
