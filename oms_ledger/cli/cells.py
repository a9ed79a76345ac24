"""`oms-ledger cell …`: the cells of a directory, and the map of accounts for a balancer."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select

from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.output import AsJson, print_rows
from oms_ledger.directory import Directory, DirectoryError, KnownCell
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.tables import events
from oms_ledger.settings import CELL_NAME, SettingsError, addresses

app = typer.Typer(help="Cells: several databases that share the accounts.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The cell's name, as its OMS_CELL says it.")]


def the_directory(cell: Cell) -> Directory:
    """The directory of the environment; its tables are made when they are not there."""
    if not cell.settings.directory_url:
        raise DirectoryError("Set OMS_DIRECTORY_URL: it says where the directory is.")
    directory = Directory(cell.settings.directory_url, cell.clock)
    directory.create_tables()
    return directory


def cell_of(known: KnownCell, here: Cell) -> Cell:
    """Open another cell of the directory, with the master key that all share."""
    settings = replace(
        here.settings, database_url=known.database, read_database_url=None, cell=known.name
    )
    other = Cell(settings, here.clock)
    other.require_tables()
    return other


def accounts_of(cell: Cell) -> list[str]:
    """The accounts that a cell hosts, as it says itself."""
    query = select(events.c.account).where(
        events.c.stream == events.c.account + "/",
        events.c.version == 1,
        hosting.is_live(events.c.account),
    )
    with cell.database.reading() as connection:
        return sorted(connection.execute(query).scalars())


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Option(help="Where the other cells reach its web: http://host:port")],
    database: Annotated[
        str, typer.Option(help="Its database, without a password: PGPASSFILE or a service has it.")
    ],
) -> None:
    """Add a cell with the accounts it has, or say where it is now."""
    if not re.fullmatch(CELL_NAME, name):
        raise typer.BadParameter("a name has small letters, digits and hyphens, a letter first")
    try:
        url = addresses.origin("--url", url)
        database = addresses.database_url("--database", database)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    if re.search(r"://[^/@]*:[^/@]*@|password", database):
        raise typer.BadParameter("--database holds a password: the directory keeps none")
    here = open_cell()
    known = KnownCell(name, url, database)
    directory = the_directory(here)
    other = cell_of(known, here)
    try:
        accounts = accounts_of(other)
        elsewhere = directory.add_cell(known, accounts)
    finally:
        other.close()
        directory.close()
    typer.echo(f"Cell {name}: {len(accounts) - len(elsewhere)} accounts.")
    if elsewhere:
        names = ", ".join(elsewhere[:10])
        raise DirectoryError(f"Another cell hosts {names}: requests for them go there.")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the cells, and how many accounts each hosts."""
    directory = the_directory(open_cell())
    _, cells, places = directory.read()
    hosted = [place.cell for place in places.values()]
    rows = [(c.name, c.url, c.database, hosted.count(c.name)) for c in cells.values()]
    print_rows(("cell", "url", "database", "accounts"), sorted(rows), as_json=as_json)


@app.command()
def remove(name: Name) -> None:
    """Forget a cell that hosts no account."""
    the_directory(open_cell()).remove_cell(name)
    typer.echo(f"Cell {name} is forgotten.")


@app.command(name="map")
def map_(
    file: Annotated[
        Path | None, typer.Option(help="Where to write it; else it is printed.")
    ] = None,
) -> None:
    """Write which cell hosts each account, as haproxy's `map_str` reads it.

    The file is put in place whole, so a balancer that reads it meanwhile reads all of it.
    """
    _, _, places = the_directory(open_cell()).read()
    text = "".join(f"{place.account} {place.cell}\n" for _, place in sorted(places.items()))
    if file is None:
        typer.echo(text, nl=False)
        return
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.replace(file)
    typer.echo(f"{file}: {len(places)} accounts.")
