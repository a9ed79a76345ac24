"""Real databases and a real Redis for the tests that ask for them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oms_ledger.cell import Cell
from oms_ledger.migrations import migrate
from oms_ledger.settings import Settings
from tests.support import over_http, published_operations, servers
from tests.support.clock import SettableClock
from tests.support.patience import HANGS
from workers.projector import ensure_subscriptions

MASTER_KEY = b"k" * 32


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.begin()


KINDS = {
    "browser": ("tests/browser/",),
    "cluster": ("tests/cluster/",),
    "process": ("tests/packaging/", "tests/soak/", "tests/workers/runtime/", "tests/http_client/"),
    "unit": (
        "tests/carts/",
        "tests/documents/",
        "tests/jsonata/",
        "tests/masterdata/",
        "tests/notifications/",
        "tests/offers/",
        "tests/orders/",
    ),
}
"""Folders by the kind of their tests, unless a test asks for a database; the rest is `db`."""

DATABASES = {"cell", "client", "database_url", "prepared_database_url", "postgres_database_url"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--guarantee", help="run the tests of this guarantee only (G23)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its kind: unit (no I/O), db, process, cluster or browser."""
    if number := config.getoption("--guarantee"):
        items[:] = [
            item
            for item in items
            if any(number in mark.args for mark in item.iter_markers("guarantee"))
        ]
    for item in items:
        place = item.nodeid
        kind = next((kind for kind, places in KINDS.items() if place.startswith(places)), "db")
        if kind == "unit" and DATABASES & set(getattr(item, "fixturenames", ())):
            kind = "db"
        item.add_marker(kind)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.end()


@pytest.fixture(autouse=True)
def no_server_stays() -> Iterator[None]:
    yield
    over_http.stop_all()


@pytest.fixture(autouse=True)
def calls_the_operations_of_its_rows(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that `docs/reference/operations.toml` names for what it does not call."""
    node = request.node
    name = node.nodeid.removeprefix("tests/").partition("[")[0]
    operations = published_operations.due(
        name, node.callspec.params if hasattr(node, "callspec") else {}
    )
    if not operations:
        yield
        return
    with published_operations.calling(operations):
        yield


@pytest.fixture
def postgres_database_url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    url = servers.fresh_database(servers.postgres_url())
    yield url
    servers.drop_database(url)


@pytest.fixture
def sqlite_database_url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind: the test runs on both."""
    kinds = {"sqlite": "sqlite_database_url", "postgresql": "postgres_database_url"}
    url: str = request.getfixturevalue(kinds[request.param])
    return url


@pytest.fixture
def redis_url(worker_id: str) -> str:
    """An empty Redis that no other test uses at the same time."""
    return servers.redis_url(worker_id)


def prepare(url: str) -> None:
    """The tables, and the subscriptions of the views, as a first start makes them."""
    cell = Cell(Settings(database_url=url, master_key=MASTER_KEY))
    migrate(cell.database)
    ensure_subscriptions(cell.database)
    cell.require_key()
    cell.close()


@contextmanager
def prepared_database(kind: str, folder: Path) -> Iterator[str]:
    """A database with its tables: a copy of one that this run made once."""
    if kind == "sqlite":
        path = folder / "ledger.sqlite3"
        shutil.copy(servers.template_file(prepare), path)
        yield f"sqlite:///{path}"
        return
    server = servers.postgres_url()
    url = servers.fresh_database(server, template=servers.template_database(server, prepare))
    try:
        yield url
    finally:
        servers.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def prepared_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of either kind with its tables."""
    with prepared_database(request.param, tmp_path) as url:
        yield url


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Cell]:
    settings = Settings(data_dir=folder, database_url=url, master_key=MASTER_KEY)
    cell = Cell(settings, SettableClock())
    try:
        with pytest.MonkeyPatch.context() as patch:
            # However slow the machine is, a request that is sent alone is not refused as too late.
            patch.setattr("oms_ledger.api.http.turns.PATIENCE", HANGS)
            yield cell
    finally:
        cell.close()


@pytest.fixture
def cell(prepared_database_url: str, tmp_path: Path) -> Iterator[Cell]:
    """A cell with its tables, on either database."""
    with opened(prepared_database_url, tmp_path) as cell:
        yield cell
