"""`oms-ledger import`: orders from a file of JSON lines."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from oms_ledger.cell import Cell
from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import AsJson, errors, print_json, progress
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.placement.importing import ImportReport

IN_FLIGHT = 64


def install(app: typer.Typer) -> None:
    """Add the command `import`."""
    app.command(name="import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl file.")],
    account: Annotated[str, typer.Option(help="The account the orders belong to.")] = "demo",
    resume: Annotated[
        bool,
        typer.Option(help="Let time move imported orders on: windows close, decisions fall due."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import orders, one JSON document a line, in the Get-order or the place-order shape.

    Orders in the Get-order shape rest where they stood until somebody moves them. With --resume
    their timers go on, also of those that were imported before.

    A line that cannot be imported is reported with its number and reason, and does not stop the
    rest. The command can be run again at any time: what is there already is not added twice.
    """
    cell = open_migrated()
    report = asyncio.run(import_file(cell, account, file, resume=resume))
    if as_json:
        print_json(report)
    else:
        typer.echo(
            f"{report['imported']} imported, {report['known']} known before,"
            f" {len(report['refused'])} refused."
        )
    if report["refused"]:
        raise typer.Exit(1)


async def import_file(
    cell: Cell, account: str, file: Path, *, resume: bool = False
) -> dict[str, Any]:
    """What became of the lines: imported, known before, refused with number and reason."""
    await cell.ledger.account(account)
    report, ctx = ImportReport(), CommandContext(account, "import")
    room = asyncio.Semaphore(IN_FLIGHT)
    size = (await asyncio.to_thread(file.stat)).st_size
    with progress() as bar:
        task = bar.add_task("Importing bytes", total=size)

        async def one(number: int, line: bytes) -> None:
            try:
                if reason := await report.add(cell, ctx, number, line, resume=resume):
                    errors.print(f"line {number}: {reason}", markup=False)
            finally:
                room.release()
                bar.advance(task, len(line))

        async with asyncio.TaskGroup() as group:
            for number, line in _lines(file):
                await room.acquire()
                group.create_task(one(number, line))
    return report.fields()


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line
