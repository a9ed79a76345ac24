"""Where is measured: a SQLite file, and a real PostgreSQL started for this run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from oms_ledger.cell import Cell
from oms_ledger.cli.up import prepare
from oms_ledger.settings import Settings
from tests.support import servers

SQLITE, POSTGRESQL = "sqlite", "postgresql"
MASTER_KEY = b"k" * 32


@dataclass(frozen=True)
class Place:
    """An empty folder and the address of an empty database."""

    folder: Path
    url: str


@contextmanager
def running_servers() -> Iterator[None]:
    """On a disk, also where tests make do with memory: what is durable is part of the figures."""
    os.environ.setdefault("TMPDIR", gettempdir())
    servers.begin()
    try:
        yield
    finally:
        servers.end()


@contextmanager
def empty_place(database: str) -> Iterator[Place]:
    with TemporaryDirectory(prefix="oms-benchmark-") as name:
        folder = Path(name)
        if database == SQLITE:
            yield Place(folder, f"sqlite:///{folder / 'ledger.sqlite3'}")
            return
        url = servers.fresh_database(servers.postgres_url())
        try:
            yield Place(folder, url)
        finally:
            servers.drop_database(url)


@contextmanager
def empty_cell(database: str) -> Iterator[Cell]:
    with empty_place(database) as place:
        cell = open_at(place)
        try:
            yield cell
        finally:
            cell.close()


def open_at(place: Place) -> Cell:
    """A cell with its tables."""
    cell = Cell(Settings(data_dir=place.folder, database_url=place.url, master_key=MASTER_KEY))
    prepare(cell)
    cell.require_key()
    return cell
