"""A database from before the baseline is carried over to this release, and nothing is lost.

`before_baseline` has what the code of then made: accounts, three orders, a feed with items, a hook
with deliveries, keys, a gateway, an external seller, messages, a failed message's event.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import inspect, select, text

from oms_ledger.cell import Cell
from oms_ledger.cli import maintenance
from oms_ledger.eventstore import integrity
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.records import instant
from oms_ledger.migrations import UnknownRevision, is_current, migrate
from oms_ledger.orders.events import OutboxMessageFailed
from oms_ledger.orders.status import Status
from oms_ledger.services.accounts.importing import import_configuration
from oms_ledger.settings import Settings
from projections import tables
from projections.accounts import app_keys, gateways, sellers
from projections.notifications import deliveries, feeds, hooks
from projections.outbox.tables import outbox_messages
from projections.subscriptions import checkpoints
from tests.conftest import MASTER_KEY
from tests.support import servers
from tests.support.clock import SettableClock, set_clock
from tests.support.purchases import PAID
from tests.support.run_until_idle import settle
from workers.projector import ensure_subscriptions

FOLDER = Path(__file__).parent / "before_baseline"
ACCOUNT, KEY = "acme", "vtexappkey-acme-000001"


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> Iterator[Cell]:
    """A cell on a database as a release before the baseline left it."""
    if database_url.startswith("sqlite"):
        with sqlite3.connect(tmp_path / "ledger.sqlite3") as connection:
            connection.executescript((FOLDER / "sqlite.sql").read_text())
        connection.close()
    else:
        with psycopg.connect(database_url) as postgres:
            postgres.execute((FOLDER / "postgresql.sql").read_bytes())
    cell = Cell(
        Settings(data_dir=tmp_path, database_url=database_url, master_key=MASTER_KEY),
        SettableClock(),
    )
    yield cell
    cell.close()


@pytest.fixture
def carried(old: Cell) -> Cell:
    migrate(old.database)
    last = instant(old.store.page(0, 1000)[-1].at)
    asyncio.run(import_configuration(old))
    ensure_subscriptions(old.database)
    set_clock(old, last)
    return old


def rows(cell: Cell, table: Any) -> list[dict[str, Any]]:
    with cell.database.snapshot() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table))]


@pytest.mark.guarantee("G8")
def test_the_chain_and_every_view_agree_after_it(carried: Cell) -> None:
    assert is_current(carried.database)
    asyncio.run(settle(carried))
    head = carried.store.head()
    assert list(integrity.verify(carried.store, head))[-1] == head >= 26
    assert maintenance.stale_views(carried) == []


@pytest.mark.guarantee("G9")
def test_orders_and_the_names_that_events_had_are_read(carried: Cell) -> None:
    order = asyncio.run(carried.ledger.order(ACCOUNT, "v1acme-01"))
    assert order.placed.client_profile["email"] == "ana@example.com"
    stored = carried.store.stream(f"{ACCOUNT}/v1acme-01")
    assert "call-failed" in [row.name for row in stored]
    read = carried.ledger.loader.events(stored)
    assert [event.message_id for event in read if isinstance(event, OutboxMessageFailed)] == ["x"]


def test_feeds_hooks_and_subscriptions_go_on_where_they_were(carried: Cell) -> None:
    with carried.database.snapshot() as connection:
        items = feeds.peek(connection, KEY, 0, 10)
        hook = hooks.get(connection, KEY, carried.encryption)
        positions = checkpoints.positions(connection)
    assert [item["order_id"] for item in items] == ["v1acme-01", "v2acme-01"]
    assert hook is not None
    assert (hook.url, hook.headers) == ("https://erp.example/hook", {"key": "secret"})
    assert hook.secret.startswith("whsec_")
    with carried.database.snapshot() as connection:
        waiting = deliveries.peek(connection, KEY, 0, 10)
    assert [one.order_id for one in waiting] == ["v1acme-01", "v2acme-01"]
    assert positions[f"feed:{KEY}"] > 0
    assert positions[f"hook:{KEY}"] > 0
    old_names = {"calls", "clock", "due-times", "people"}
    assert not old_names & {row["id"] for row in rows(carried, tables.subscriptions)}


def test_keys_gateways_sellers_and_messages_are_kept(carried: Cell) -> None:
    with carried.database.snapshot() as connection:
        key = app_keys.get(connection, KEY)
        gateway = gateways.get(connection, ACCOUNT, carried.encryption)
        seller = sellers.seller(connection, ACCOUNT, "warehouse", carried.encryption)
    assert key is not None
    assert (key.role, key.revoked_at) == ("Owner", None)
    assert gateway is not None
    assert gateway.app_token == "t"
    assert seller is not None
    assert seller.endpoint == "https://wh.example"
    states = {row["id"]: row["state"] for row in rows(carried, outbox_messages)}
    assert states.items() >= {"c1": "pending", "c2": "delivered"}.items()
    assert carried.store.key(ACCOUNT, "group:v1acme") == b'["v1acme-01"]'


def test_orders_go_on(carried: Cell) -> None:
    before = carried.store.head()
    order = asyncio.run(carried.ledger.change(CommandContext(ACCOUNT, "test"), "v3acme-01", PAID))
    assert order.status is Status.READY_FOR_HANDLING
    assert carried.store.head() > before


def schema(database: Database) -> dict[str, tuple[set[str], set[str]]]:
    with database.snapshot() as connection:
        look: Any = inspect(connection)
        return {
            table: (
                {column["name"] for column in look.get_columns(table)},
                {index["name"] for index in look.get_indexes(table)},
            )
            for table in look.get_table_names()
        }


def test_the_tables_are_those_of_a_new_database(
    carried: Cell, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    if not carried.database.sqlite:
        url = servers.fresh_database(servers.postgres_url())
        request.addfinalizer(lambda: servers.drop_database(url))
    new = Cell(
        Settings(data_dir=tmp_path, database_url=url, master_key=MASTER_KEY), SettableClock()
    )
    migrate(new.database)
    fresh = schema(new.database)
    new.close()
    assert schema(carried.database) == fresh


def test_any_other_revision_is_refused_with_what_to_do(old: Cell) -> None:
    with old.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0013_tasks'"))
    with pytest.raises(UnknownRevision, match=r"0013_tasks.*0014_external_sellers.*migrate"):
        migrate(old.database)
