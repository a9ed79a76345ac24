"""The directory: which cell hosts each account, in a small database that all cells share.

It is what requests are routed by, not what keeps an account in one place: that is the fence inside
each cell's append (`eventstore.hosting`). So whoever asks may remember the last that it knew.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.clock import Clock
from oms_ledger.eventstore.database import UNAVAILABLE, Database
from oms_ledger.eventstore.hosting import LIVE
from oms_ledger.eventstore.tables import BIG
from oms_ledger.settings import Settings

FRESH = 1.0
"""Seconds for which a process takes what it knows of the directory for true."""

metadata = MetaData()

cells = Table(
    "cells",
    metadata,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("database", Text, nullable=False),
)
account_cells = Table(
    "account_cells",
    metadata,
    Column("account", Text, primary_key=True),
    Column("cell", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("state", Text, nullable=False),
)
# One row: who remembers the directory reads it anew when the number is another one.
revisions = Table("directory_revision", metadata, Column("number", BIG, primary_key=True))
moves = Table(
    "moves",
    metadata,
    Column("account", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("step", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("at", BIG, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
)


class DirectoryError(Exception):
    """What is asked for does not go together with what the directory says."""


@dataclass(frozen=True, slots=True)
class KnownCell:
    """A cell: where its web processes are reached, and its database, without a password."""

    name: str
    url: str
    database: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account is. `epoch` grows with each move; leaving: it takes no writes just now."""

    account: str
    cell: str
    epoch: int
    state: str

    @property
    def live(self) -> bool:
        """Whether the account may be written to in its cell."""
        return self.state == LIVE


class Directory:
    """The directory's database, for whoever changes or reads it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.database = Database(url, clock)

    def create_tables(self) -> None:
        """Make the tables that are missing; repeated it changes nothing."""
        with self.database.writing() as connection:
            metadata.create_all(connection)
            if connection.execute(select(revisions.c.number)).first() is None:
                connection.execute(revisions.insert().values(number=1))

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """One transaction after which everybody reads the directory anew."""
        with self.database.writing() as connection:
            connection.execute(update(revisions).values(number=revisions.c.number + 1))
            yield connection

    def revision(self) -> int:
        """A number that rises with every change, so that one small read tells of news."""
        with self.database.reading() as connection:
            return int(connection.execute(select(revisions.c.number)).scalar_one())

    def read(self) -> tuple[int, dict[str, KnownCell], dict[str, Place]]:
        """Revision, cells and places, as of one moment."""
        with self.database.snapshot() as connection:
            number = connection.execute(select(revisions.c.number)).scalar_one()
            known = {row.name: KnownCell(*row) for row in connection.execute(select(cells))}
            places = {row.account: Place(*row) for row in connection.execute(select(account_cells))}
        return int(number), known, places

    def add_cell(self, cell: KnownCell, accounts: Collection[str]) -> list[str]:
        """Add a cell, or change where it is, and the accounts that nobody hosts yet.

        Answers the accounts that another cell hosts: they stay there.
        """
        with self.changing() as connection:
            dialect = sqlite if self.database.sqlite else postgresql
            values = {"url": cell.url, "database": cell.database}
            new = dialect.insert(cells).values(name=cell.name, **values)
            connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))
            owners = dict(
                connection.execute(select(account_cells.c.account, account_cells.c.cell)).all()
            )
            fresh = [
                {"account": account, "cell": cell.name, "epoch": 1, "state": LIVE}
                for account in sorted(accounts)
                if account not in owners
            ]
            if fresh:
                connection.execute(account_cells.insert(), fresh)
        return [one for one in sorted(accounts) if owners.get(one, cell.name) != cell.name]

    def remove_cell(self, name: str) -> None:
        """Forget a cell that hosts no account."""
        with self.changing() as connection:
            hosts = select(account_cells.c.account).where(account_cells.c.cell == name).limit(1)
            if account := connection.execute(hosts).scalar_one_or_none():
                raise DirectoryError(f"The cell {name} hosts {account}: move its accounts first.")
            if not connection.execute(delete(cells).where(cells.c.name == name)).rowcount:
                raise DirectoryError(f"The directory knows no cell {name}.")

    def unfinished(self, account: str, number: int, last: str) -> str | None:
        """The cell that an account came from by a move that lacks its last step; None for none."""
        query = select(moves.c.step, moves.c.source).where(
            moves.c.account == account, moves.c.number == number
        )
        with self.database.reading() as connection:
            steps = {row.step: row.source for row in connection.execute(query)}
        return None if last in steps else next(iter(steps.values()), None)

    def claim(self, account: str, cell: str) -> None:
        """Have a new account in a cell; `DirectoryError` when another one hosts it."""
        with self.changing() as connection:
            dialect = sqlite if self.database.sqlite else postgresql
            fields = {"account": account, "cell": cell, "epoch": 1, "state": LIVE}
            new = dialect.insert(account_cells).values(fields)
            connection.execute(new.on_conflict_do_nothing())
            query = select(account_cells.c.cell).where(account_cells.c.account == account)
            owner = connection.execute(query).scalar_one()
        if owner != cell:
            raise DirectoryError(f"The cell {owner} hosts the account {account}.")


def open_directory(settings: Settings, clock: Clock) -> Directory | None:
    """The directory that a cell is part of; None for a cell that is alone."""
    url = settings.directory_url
    return Directory(url, clock) if url and settings.cell else None


def set_place(connection: Connection, place: Place) -> None:
    """Say where an account is from the commit of this transaction on.

    Who comes with an epoch of before changes nothing: the account has moved on since.
    """
    t = account_cells.c
    mine = update(account_cells).where(t.account == place.account, t.epoch <= place.epoch)
    connection.execute(mine.values(cell=place.cell, state=place.state, epoch=place.epoch))


class DirectoryCache:
    """What a process knows of the directory, at most a second old; the last, while it is away.

    Used from threads; whoever finds it old reads the revision, and all of it only after a change.
    """

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory, self._clock = directory, clock
        self._revision, self._read_at = 0, -FRESH
        self._cells: dict[str, KnownCell] = {}
        self._places: dict[str, Place] = {}

    @property
    def fresh(self) -> bool:
        """Whether what is remembered was read within the last `FRESH` seconds."""
        return self._clock() - self._read_at < FRESH

    def refresh(self) -> bool:
        """Read what has changed; False while the directory is away."""
        self._read_at = self._clock()
        try:
            if self._directory.revision() != self._revision:
                self._revision, self._cells, self._places = self._directory.read()
        except UNAVAILABLE:
            return False
        return True

    @property
    def known(self) -> bool:
        """Whether the directory was ever read."""
        return self._revision > 0

    def place(self, account: str) -> Place | None:
        """Where an account is, as far as is known."""
        return self._places.get(account)

    def url(self, cell: str) -> str | None:
        """Where a cell answers; None when nobody knows it."""
        known = self._cells.get(cell)
        return known.url if known else None

    def close(self) -> None:
        """Let go of the directory's connections."""
        self._directory.close()
