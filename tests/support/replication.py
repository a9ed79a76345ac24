"""Two PostgreSQL servers, a primary and its synchronous standby, as a cell has them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support import servers

DATABASE = "oms"


class Pair:
    """The servers by name; the address leads to whichever of them takes writes."""

    def __init__(self) -> None:
        tag = uuid.uuid4().hex[:8]
        self.primary, self.standby = f"one-{tag}", f"two-{tag}"
        self._programs = servers.postgres_programs()[0]
        programs, options = servers.initialize_postgres(self._programs, self.primary)
        data = servers.copy_postgres(self.primary, self.standby, options)
        self._follow(data)
        servers.run_postgres(self.primary, programs, options)
        self.execute(self.primary, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        servers.run_postgres(self.standby, programs, options)
        self.require_standby(True)

    @property
    def url(self) -> str:
        """Of both servers, in the form that names several hosts."""
        hosts = ",".join(str(servers.home_of(name)) for name in (self.primary, self.standby))
        return f"host={hosts} user=postgres dbname={DATABASE}"

    def execute(self, name: str, statement: str | sql.Composable) -> list[tuple[object, ...]]:
        address = f"host={servers.home_of(name)} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            found = connection.execute(statement)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []

    def require_standby(self, required: bool) -> None:
        """Whether commits wait for the standby."""
        names = "*" if required else ""
        self.execute(self.primary, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.execute(self.primary, "SELECT pg_reload_conf()")

    def replicates(self) -> bool:
        """Whether the standby streams and commits wait for it."""
        query = "SELECT sync_state FROM pg_stat_replication"
        return [state for (state,) in self.execute(self.primary, query)] == ["sync"]

    def kill(self, name: str) -> None:
        """As a machine goes: no farewell, no flush."""
        servers.crash_postgres(name)

    def promote(self) -> None:
        """The standby becomes the primary that waits for nobody."""
        self.primary, self.standby = self.standby, self.primary
        self.execute(self.primary, "SELECT pg_promote(true, 30)")

    def _follow(self, data: Path) -> None:
        primary = f"host={servers.home_of(self.primary)} user=postgres application_name=two"
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{primary}'\n")
        signal = data / "standby.signal"
        signal.touch()


@contextmanager
def replicated() -> Iterator[Pair]:
    pair = Pair()
    try:
        yield pair
    finally:
        for name in (pair.primary, pair.standby):
            pair.kill(name)
