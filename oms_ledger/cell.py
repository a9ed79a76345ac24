"""Opens what a process needs of a cell: database, ledger, queue of signals. No one else does."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import redis
from sqlalchemy import Connection, literal_column, select

from oms_ledger import jsonata, redis_connection
from oms_ledger.clock import Clock
from oms_ledger.deciders import DECIDERS
from oms_ledger.directory import DirectoryCache, open_directory
from oms_ledger.eventstore import key_check
from oms_ledger.eventstore.addresses import STANDBY
from oms_ledger.eventstore.batch_writer import BatchWriter
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption, master_key
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.ledger import Filling
from oms_ledger.eventstore.postgres import PostgresAppender
from oms_ledger.eventstore.sequences import Sequences
from oms_ledger.eventstore.sqlite import SqliteAppender
from oms_ledger.eventstore.store import Store
from oms_ledger.http_client.partner_client import PartnerClients
from oms_ledger.ledger import Ledger
from oms_ledger.migrations import is_current
from oms_ledger.settings import Settings
from projections.accounts import configuration
from projections.accounts.tables import configuration_imports

P = ParamSpec("P")
T = TypeVar("T")
Write = Callable[[Connection], Any]
_TOGETHER = 64


class NotMigrated(Exception):
    """The database's tables are not those of this release: run `oms-ledger migrate`."""


class MissingMasterKey(Exception):
    """There is a ledger, but not the key that its personal data is encrypted by."""


@dataclass(frozen=True)
class Cell:
    """One database and one Redis, serving a set of accounts."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)

    @cached_property
    def database(self) -> Database:
        """The database that the settings name; opened when it is first needed."""
        settings = self.settings
        return Database(settings.database_url, self.clock, prepare=settings.prepare)

    @cached_property
    def replica(self) -> Database | None:
        """The database that lists and documents may be read from, if there is one."""
        url, prepare = self.settings.read_database_url, self.settings.prepare
        return Database(url, self.clock, prefer=STANDBY, prepare=prepare) if url else None

    @cached_property
    def encryption(self) -> Encryption:
        """What wraps the data keys: of the master key, which is made with an empty ledger.

        Raises `MissingMasterKey` where there are events and no key.
        """
        given, folder = self.settings.master_key, self.settings.data_dir
        if given is None and not (folder / "master.key").exists() and self.store.head():
            raise MissingMasterKey(
                f"The ledger has events, but {folder / 'master.key'} is missing: put it back from"
                " the backup, or set OMS_MASTER_KEY. A new key could not read personal data."
            )
        key = master_key(given, folder)
        key_check.require(self.database, key)
        return Encryption(key, key_check.signing_secret(self.database, key))

    @cached_property
    def store(self) -> Store:
        """The event store, with the way of appending of its database."""
        database = self.database
        appender = SqliteAppender(database) if database.sqlite else PostgresAppender(database)
        return Store(database, appender)

    @property
    def filling(self) -> Filling:
        """What the ledger writes in tables along with events."""
        return partial(configuration.fill, self.encryption, self.clock)

    @cached_property
    def ledger(self) -> Ledger:
        """What commands go through."""
        return Ledger(self.store, self.encryption, self.clock, filling=self.filling)

    @cached_property
    def sequences(self) -> Sequences:
        """Where orders get their sequence numbers."""
        return Sequences(self.database, secrets.randbelow)

    @cached_property
    def partner_clients(self) -> PartnerClients:
        """HTTP clients for partners, one for each event loop."""
        return PartnerClients(self.clock)

    @cached_property
    def directory(self) -> DirectoryCache | None:
        """What is known of the cells and their accounts; None for a cell that is alone."""
        directory = open_directory(self.settings, self.clock)
        return None if directory is None else DirectoryCache(directory)

    @cached_property
    def redis(self) -> redis.Redis:
        """The queue of signals."""
        return redis_connection.connect(self.settings.redis_url or "redis://127.0.0.1:6379/0")

    async def read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a function reads in one snapshot, beside the event loop."""

        def look() -> T:
            with self.database.snapshot() as connection:
                return function(connection, *args, **kwargs)

        return await asyncio.to_thread(look)

    async def write(
        self,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a function writes in one transaction, beside the event loop.

        Who goes away meanwhile does not undo it: what has begun is committed.
        """

        def change() -> T:
            with self.database.writing() as connection:
                return function(connection, *args, **kwargs)

        return await asyncio.to_thread(change)

    async def write_together(
        self,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `write`, in one transaction with others that wait: many cost one commit.

        When one of them raises, each is written by itself.
        """

        def change(connection: Connection) -> T:
            return function(connection, *args, **kwargs)

        loop = asyncio.get_running_loop()
        if (writer := self._writers.get(loop)) is None:
            writer = BatchWriter("writes", self._written, _TOGETHER, alone=True)
            self._writers[loop] = writer
        return cast(T, await asyncio.shield(writer.put(change)))

    @cached_property
    def _writers(
        self,
    ) -> WeakKeyDictionary[asyncio.AbstractEventLoop, BatchWriter[Write, Any]]:
        """Of each event loop one."""
        return WeakKeyDictionary()

    def _written(self, writes: Sequence[Write]) -> list[Any]:
        with self.database.writing() as connection:
            return [write(connection) for write in writes]

    def loader(self) -> StreamLoader:
        """A follower's own memory of orders: each stands where its subscription stands."""
        return StreamLoader(self.store, self.encryption, DECIDERS)

    def require_tables(self) -> None:
        """Refuse to go on without this release's tables, or with another ledger's master key.

        The key is read here, so that no coroutine has to wait for it.
        """
        if not is_current(self.database) or self._has_imports_left():
            raise NotMigrated(NotMigrated.__doc__)
        self.require_key()

    def _has_imports_left(self) -> bool:
        query = select(configuration_imports.c.account).limit(literal_column("1"))
        with self.database.reading() as connection:
            return connection.execute(query).first() is not None

    def require_key(self) -> None:
        """Refuse to go on with a master key that is not this ledger's."""
        _ = self.encryption

    def close(self) -> None:
        """Let go of what was opened; what waits for a group commit is refused."""
        opened = vars(self)
        for writer in list(opened.get("_writers", {}).values()):
            writer.close()
        if "ledger" in opened:
            self.ledger.close()
        elif "store" in opened:
            self.store.close()
        if "redis" in opened:
            self.redis.close()
        if "database" in opened:
            self.database.close()
        for name in ("replica", "directory"):
            if (one := opened.get(name)) is not None:
                one.close()


def open_cell(settings: Settings | None = None) -> Cell:
    """A cell of the settings, else of the environment; filters are evaluated apart from here on."""
    settings = settings or Settings.from_environment()
    jsonata.choose(settings.jsonata_engine)
    jsonata.isolate()
    return Cell(settings)
