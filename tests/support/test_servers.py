"""The servers of the tests are real and private."""

import contextlib
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy

from tests.support import servers


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        return [name for (name,) in rows]


def prepare(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE prepared (id int)")


@pytest.mark.parametrize("time", [1, 2])
def test_every_test_has_an_empty_postgresql_of_its_own(
    postgres_database_url: str, time: int
) -> None:
    assert tables(postgres_database_url) == []
    prepare(postgres_database_url)


def test_postgresql_commits_to_disk(postgres_database_url: str) -> None:
    with psycopg.connect(postgres_database_url) as connection:
        for setting in ("fsync", "synchronous_commit"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_a_database_is_dropped_though_somebody_is_connected(postgres_database_url: str) -> None:
    url = servers.fresh_database(postgres_database_url)
    with contextlib.closing(psycopg.connect(url)):
        servers.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_databases_are_copied_from_one_that_was_prepared_once() -> None:
    server = servers.postgres_url()
    template = servers.template_database(server, prepare)
    assert servers.template_database(server, prepare) == template
    copies = [servers.fresh_database(server, template=template) for _ in range(2)]
    try:
        assert [tables(copy) for copy in copies] == [["prepared"], ["prepared"]]
    finally:
        for copy in copies:
            servers.drop_database(copy)


def test_only_databases_of_the_tests_are_dropped() -> None:
    with pytest.raises(AssertionError, match="postgres is not a database of the tests"):
        servers.drop_database("postgresql://localhost/postgres")


def test_both_databases_are_spoken_to_by_sqlalchemy(database_url: str) -> None:
    engine = sqlalchemy.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
    engine.dispose()


@pytest.mark.parametrize("programs", servers.postgres_programs(), ids=str)
def test_every_postgresql_of_this_machine_starts(programs: Path) -> None:
    url = servers.start_postgres(programs, f"trial-{programs.as_posix().replace('/', '-')[-20:]}")
    assert tables(url) == []


@pytest.mark.parametrize("time", [1, 2])
def test_every_test_has_an_empty_redis_of_its_own(redis_url: str, time: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("key", "value")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://u:p@h:5/x?sslmode=off", "postgresql://u:p@h:5/y?sslmode=off"),
        ("postgresql://u@/x?host=/tmp", "postgresql://u@/y?host=/tmp"),
        ("postgresql:///x?host=/tmp", "postgresql:///y?host=/tmp"),
    ],
)
def test_a_database_is_named_in_an_address(url: str, named: str) -> None:
    assert servers._with_name(url, "y") == named
