"""Lists and documents of a streaming replica: never older than the last command answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import event

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.services import replica as replica_reads
from oms_ledger.services.diagnosis import diagnose
from oms_ledger.settings import Settings
from oms_ledger.web import build
from projections.orders import views
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from tests.conftest import MASTER_KEY, prepare
from tests.soak.deployment import until
from tests.support import servers
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT, PAID, open_account, placed
from tests.support.replication import DATABASE, Pair, replicated

CONTEXT = CommandContext(ACCOUNT, "test")
LIST = "/api/oms/pvt/orders"


@dataclass
class Site:
    """A cell with a replica, and a client of its web application."""

    pair: Pair | None
    cell: Cell
    client: Client
    orders: int = 0

    def place(self) -> str:
        """A paid order, in every view of the primary."""
        self.orders += 1
        order_id = f"v{self.orders}acme-01"

        async def buy() -> None:
            await self.cell.ledger.place(CONTEXT, {order_id: placed(self.orders)})
            await self.cell.ledger.change(CONTEXT, order_id, PAID)

        asyncio.run(buy())
        self.follow()
        return order_id

    def handle(self, order_id: str) -> None:
        asyncio.run(self.cell.ledger.change(CONTEXT, order_id, start_handling))
        self.follow()

    def follow(self) -> None:
        for subscription, view in VIEWS.items():
            loader = self.cell.loader()
            checkpoints.run(self.cell.database, loader, subscription, view())

    def listed(self, query: str = "") -> list[str]:
        answer = self.client.call("GET", f"{LIST}{query}")
        assert answer.status == 200
        return sorted(row["orderId"] for row in answer.json()["list"])

    def status(self, order_id: str) -> str:
        answer = self.client.call("GET", f"{LIST}/{order_id}")
        assert answer.status == 200
        return str(answer.json()["status"])

    def replay(self, what: str) -> None:
        assert self.pair
        self.pair.execute(self.pair.standby, f"SELECT pg_wal_replay_{what}()")


@contextmanager
def serving(folder: Path, pair: Pair | None, url: str, read_url: str) -> Iterator[Site]:
    settings = Settings(
        data_dir=folder, database_url=url, read_database_url=read_url, master_key=MASTER_KEY
    )
    cell = Cell(settings)
    try:
        cell.require_tables()
        asyncio.run(open_account(cell.ledger))
        key, token = create_key(cell, ACCOUNT, "Owner")
        headers = {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token}
        yield Site(pair, cell, Client(build(cell), headers))
    finally:
        cell.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with replicated() as pair:
        prepare(pair.url)
        until("the standby is synchronous", pair.replicates)
        pair.require_standby(False)
        copy = f"host={servers.home_of(pair.standby)} user=postgres dbname={DATABASE}"
        with serving(tmp_path, pair, pair.url, copy) as site:
            yield site


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """How long a replica is waited for, and left alone: at first all the time that it needs."""

    def set_waits(patience: float, rest: float) -> None:
        monkeypatch.setattr(replica_reads, "PATIENCE", patience)
        monkeypatch.setattr(replica_reads, "REST", rest)

    set_waits(60.0, 3600.0)
    return set_waits


def test_no_answer_is_older_than_the_last_command(
    site: Site, waits: Callable[[float, float], None]
) -> None:
    first = site.place()
    with served_by("replica", 2):
        assert site.listed() == [first]
        assert site.status(first) == "ready-for-handling"

    assert replica_found(site) == "ok"

    site.replay("pause")
    second = site.place()
    site.handle(first)
    assert copy_of(site, second) is None  # what a reader of the replica alone would have said
    waits(0.0, 3600.0)
    with served_by("primary", 3):
        assert site.status(first) == "handling"
        assert site.status(second) == "ready-for-handling"
        assert site.listed() == [first, second]
    statements = statements_of(site)
    with served_by("primary", 3):  # it lags: nobody waits for it a second time
        assert site.listed() == [first, second]
        assert site.status(first) == "handling"
        assert site.listed() == [first, second]
    assert statements == []

    waits(60.0, 0.0)
    site.replay("resume")
    until("the replica serves again", lambda: is_served_by_the_replica(site))
    assert site.listed() == [first, second]
    assert site.status(first) == "handling"

    asyncio.run(site.cell.ledger.change(CONTEXT, second, start_handling))
    waits(0.3, 3600.0)
    with served_by("primary", 1):  # the projector stands still, the replica does not
        assert site.listed("?f_status=handling") == [first, second]
    waits(60.0, 3600.0)
    with served_by("replica", 1):
        assert site.listed("?f_status=handling") == [first, second]

    assert site.pair
    waits(0.3, 0.0)
    with servers.standing_still(site.pair.standby), served_by("primary", 4):
        assert site.listed() == [first, second]
        for _ in range(3):
            assert site.status(second) == "handling"
    waits(60.0, 0.0)
    until("the replica serves again", lambda: is_served_by_the_replica(site))
    waits(60.0, 3600.0)
    site.pair.kill(site.pair.standby)
    until("the replica is left alone", lambda: not is_served_by_the_replica(site))
    assert replica_found(site) == "note"
    statements = statements_of(site)
    with served_by("primary", 2):
        assert site.listed() == [first, second]
        assert site.status(second) == "handling"
    assert statements == []


def test_a_server_that_is_no_standby_serves_no_list(
    postgres_database_url: str, tmp_path: Path, waits: Callable[[float, float], None]
) -> None:
    prepare(postgres_database_url)
    waits(0.0, 3600.0)
    with serving(tmp_path, None, postgres_database_url, postgres_database_url) as site:
        order_id = site.place()
        with served_by("primary", 1):
            assert site.listed() == [order_id]
        assert replica_found(site) == "note"


def replica_found(site: Site) -> str:
    """What `oms-ledger doctor` thinks of the replica."""
    (state,) = [one.state for one in diagnose(site.cell) if one.subject == "replica"]
    return state


def copy_of(site: Site, order_id: str) -> tuple[int, bytes] | None:
    """The version and document of an order that the replica has."""
    copy = site.cell.replica
    assert copy is not None
    with copy.snapshot() as connection:
        return views.versioned_document(connection, ACCOUNT, order_id)


def statements_of(site: Site) -> list[str]:
    """The statements that the replica is asked from now on."""
    statements: list[str] = []
    copy = site.cell.replica
    assert copy is not None

    @event.listens_for(copy.engine, "before_cursor_execute")
    def note(_: object, __: object, statement: str, *more: object) -> None:
        statements.append(statement)

    return statements


@contextmanager
def served_by(server: str, number: int) -> Iterator[None]:
    """Hold that so many reads are served, all by this server."""
    before = served()
    yield
    assert served() - before == Counter({server: number})


def served() -> Counter[str]:
    values = {
        server: REGISTRY.get_sample_value("oms_replica_reads_total", {"server": server})
        for server in ("primary", "replica")
    }
    return Counter({server: int(value or 0) for server, value in values.items()})


def is_served_by_the_replica(site: Site) -> bool:
    before = served()
    assert len(site.listed()) == site.orders
    return served() - before == Counter(replica=1)
