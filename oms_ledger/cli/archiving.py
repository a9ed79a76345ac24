"""`oms-ledger archive`: a copy of old events in Parquet files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import AsJson, print_json
from oms_ledger.eventstore.archive import Archive
from oms_ledger.eventstore.integrity import IntegrityError
from oms_ledger.eventstore.records import micros


def install(app: typer.Typer) -> None:
    """Add the command `archive`."""
    app.command()(archive)


def archive(
    before: Annotated[
        str, typer.Option(metavar="DATE", help="Events recorded before it, in UTC: 2026-01-01.")
    ],
    to: Annotated[str, typer.Option(metavar="file:DIR", help="The folder of the archive.")],
    as_json: AsJson = False,
) -> None:
    """Copy old events to Parquet files that the chain of seals runs through; none is removed."""
    folder, until = folder_of(to), _instant(before)
    cell = open_migrated()
    archived = Archive(folder)
    count = 0
    try:
        for file in archived.add(cell.store, until):
            count += file.last - file.first + 1
            if not as_json:
                typer.echo(f"{file.name}: {file.last - file.first + 1} events.")
    except IntegrityError as tampered:
        typer.echo(f"The ledger differs at position {tampered.position}: {tampered.reason}.")
        raise typer.Exit(1) from None
    end = archived.end
    if as_json:
        print_json({"archived": count, "seal": str(end) if end else None})
    elif end is None:
        typer.echo("Nothing was recorded before.")
    else:
        typer.echo(f"{count} events archived. The archive ends at {end}: keep that elsewhere.")


def folder_of(address: str) -> Path:
    """The folder of an archive's address, or of a plain path."""
    scheme, colon, path = address.partition(":")
    if colon and scheme != "file":
        raise typer.BadParameter(f"found {address!r}, expected file:DIR; other stores are mounted")
    return Path((path if colon else address).removeprefix("//")).expanduser()


def _instant(text: str) -> int:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected a date like 2026-01-01"
        raise typer.BadParameter(f"--before: found {text!r}, {expected}") from None
    return micros(given if given.tzinfo else given.replace(tzinfo=UTC))
