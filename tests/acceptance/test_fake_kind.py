"""A kind of subscription that the product does not know: one object, served by everything."""

import base64
import json
import threading
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import Column, MetaData, Table, Text, delete, func, insert, select
from typer.testing import CliRunner

from oms_ledger.accounts.roles import FEED, FEED_ADMIN
from oms_ledger.api.notifications import subscription_admin
from oms_ledger.cell import Cell
from oms_ledger.cli.subscriptions import app_of
from oms_ledger.services import signals
from oms_ledger.services.state import state_of
from oms_ledger.web import build
from projections.ops import metrics
from projections.ops.metric import Metric
from projections.ops.verify import verify_views
from projections.subscriptions import batch, checkpoints, dead_letters, registry
from projections.subscriptions.dead_letters import DeadLetter, DeadLetters
from projections.subscriptions.kinds import KindPermissions, SubscriptionKind
from projections.subscriptions.sink import SubscriptionSink
from tests.projections.subscriptions.test_checkpoints import recomputed, write_orders
from tests.support.client import Client
from tests.support.purchases import ACCOUNT
from workers import scheduler
from workers.projector import Following, ensure_subscriptions
from workers.subscriptions.filter_runner import FilterRunner

owners = Table(
    "fake_owners",
    MetaData(),
    Column("app_key", Text, primary_key=True),
    Column("account", Text, nullable=False),
)
EVERY = {"type": "FromWorkflow", "status": []}


class FakeSink(SubscriptionSink):
    """Keeps its notifications in memory."""

    def __init__(self, database, app_key, account, stored):
        super().__init__(database, f"fake:{app_key}", account, EVERY)
        self._stored = stored

    def store_notifications(self, connection, notifications):
        self._stored += [one.position for one in notifications]


@dataclass
class Fakes:
    """The fake kind's subscriptions, and what was done with them."""

    owners: Table = owners
    letters: DeadLetters = dead_letters
    stored: list[int] = field(default_factory=list)
    requeued: list[int] = field(default_factory=list)

    def sinks(self, connection, database, account):
        query = select(owners).where(owners.c.account == account)
        return [
            FakeSink(database, row.app_key, account, self.stored)
            for row in connection.execute(query)
        ]

    def open(self, database, encryption, app_key):
        with database.snapshot() as connection:
            query = select(owners).where(owners.c.app_key == app_key)
            row = connection.execute(query).one_or_none()
        return row and FakeSink(database, app_key, row.account, self.stored)

    def requeue(self, connection, app_key, letters, now):
        self.requeued += [one.position for one in letters]


def _retain(connection, now, head, expires):
    gone = list(connection.execute(select(owners.c.app_key)).scalars()) if expires else []
    connection.execute(delete(owners))
    for app_key in gone:
        checkpoints.drop(connection, f"fake:{app_key}")
    return gone


def _metrics(connection, now, most):
    metric = Metric("oms_fakes", "How many fakes there are")
    metric.put(connection.execute(select(func.count()).select_from(owners)).scalar_one())
    return [metric]


class FakeFollower:
    """Sees every event of the ledger."""

    def __init__(self, now):
        self.found, self.seen = False, []

    def produce(self, page):
        return [row.position for row in page.rows]

    def store(self, connection, produced):
        self.found = True


@pytest.fixture
def fake(cell, client, monkeypatch):
    """The kind is one line in the registry; the client's key has a subscription of it."""
    keys = Fakes()
    kind = SubscriptionKind(
        name="fake",
        permissions=KindPermissions(view=FEED, admin=frozenset({FEED_ADMIN})),
        retain=_retain,
        metrics=_metrics,
        status=lambda connection: {"waiting": len(keys.stored)},
        of_keys=keys,
        dispatcher="outbox",
        due=lambda connection, now: ("pushes",) if keys.stored else (),
    )
    monkeypatch.setitem(registry.KINDS, "fake", kind)
    key = client.headers["X-VTEX-API-AppKey"]
    with cell.database.writing() as connection:
        owners.create(connection)
        connection.execute(insert(owners).values(app_key=key, account=ACCOUNT))
        checkpoints.create(connection, f"fake:{key}", 0, kind="fake")
    return kind


@pytest.fixture
def key(client):
    return client.headers["X-VTEX-API-AppKey"]


def test_the_filter_runner_evaluates_it_and_signals_its_dispatcher(cell, fake, key):
    write_orders(cell, 1)
    done, signaled = threading.Event(), []

    def stored(kind, app_key):
        signaled.append((kind.name, app_key))
        done.set()

    runner = FilterRunner(cell, stored)
    runner.evaluate(ACCOUNT)
    assert done.wait(60)
    runner.close()
    assert fake.of_keys.stored == recomputed(cell)
    assert signaled == [("fake", key)]


def test_the_reconciliation_finds_what_lags_and_what_is_due(cell, fake, redis_url):
    write_orders(cell, 1)
    fake.of_keys.stored.append(1)
    swept = Cell(replace(cell.settings, redis_url=redis_url), cell.clock)
    scheduler.reconcile(swept)
    queued = {name for job in signals.queue(swept.redis).jobs for name in job.args}
    swept.close()
    assert queued >= {batch.signal_of_account(ACCOUNT), "pushes"}
    with cell.database.snapshot() as connection:
        assert batch.signals_of_accounts(connection, [ACCOUNT]) == {f"account:{ACCOUNT}"}


def test_retention_ends_it(cell, fake, key):
    scheduler.apply_retention(cell)
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, f"fake:{key}") is None


def test_metrics_status_and_verify_know_it(cell, fake, key):
    with cell.database.snapshot() as connection:
        named = {one.name: one for one in metrics.collect_metrics(connection, 0, 0)}
    assert named["oms_fakes"].values == {(): 1}
    assert named["oms_subscription_lag"].values[(f"fake:{key}",)] >= 0
    state = state_of(cell)
    assert state["kinds"]["fake"] == {"waiting": 0}
    assert f"fake:{key}" in {one["subscription"] for one in state["subscriptions"]}
    *_, (_, clean) = verify_views(cell.database, cell.loader())
    assert [one for one in clean if one.view == "subscriptions"] == []
    with cell.database.writing() as connection:
        connection.execute(delete(owners))
    *_, (_, found) = verify_views(cell.database, cell.loader())
    assert [one.order_id for one in found if one.view == "subscriptions"] == [f"fake:{key}"]


def test_the_api_serves_it_behind_its_permissions(cell, fake, key, client, monkeypatch):
    monkeypatch.setattr(
        subscription_admin, "router", subscription_admin.router_of([*registry.KINDS.values()][-1:])
    )
    assert registry.operations()["fake_replay"] == {FEED_ADMIN}
    own = Client(build(cell), client.headers, conforming=False)
    write_orders(cell, 1)
    with cell.database.writing() as connection:
        letter = DeadLetter(7, "v0-01", "given up", 1, "{}")
        dead_letters.dead_letter(connection, f"fake:{key}", [letter])
    replayed = own.call("POST", "/api/ledger/fake/replay", {"orderId": "v0-01", "since": 0})
    assert replayed.status == 200, replayed.json()
    assert own.call("GET", "/api/ledger/fake/dead-letters").json()["total"] == 1
    explained = own.call("POST", "/api/ledger/fake/explain", {"orderId": "v0-01"})
    assert explained.json()["versions"]
    assert own.call("POST", "/api/ledger/fake/dead-letters/requeue", {"all": True}).status == 200
    assert fake.of_keys.requeued == [7]
    assert Client(build(cell), conforming=False).call(
        "POST", "/api/ledger/fake/replay", {"since": 0}
    ).status in (401, 403)


def test_the_commands_serve_it(cell, fake, key, monkeypatch):
    monkeypatch.setenv("OMS_DATABASE_URL", cell.settings.database_url)
    monkeypatch.setenv("OMS_DATA_DIR", str(cell.settings.data_dir))
    monkeypatch.setenv("OMS_MASTER_KEY", base64.b64encode(b"k" * 32).decode())
    write_orders(cell, 1)
    cli = app_of(fake, "Subscriptions of the kind fake.")
    found = CliRunner().invoke(cli, ["explain", key, "v0-01", "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["versions"]
    assert CliRunner().invoke(cli, ["dead-letters", key]).exit_code == 0


def test_the_projector_follows_a_kind_of_the_whole_ledger(cell, fake, monkeypatch):
    whole = replace(fake, name="whole", of_keys=None, follower=FakeFollower)
    monkeypatch.setitem(registry.KINDS, "whole", whole)
    ensure_subscriptions(cell.database)
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, "wholes") == cell.store.head()
    write_orders(cell, 1)
    following = Following(cell)
    while following.round():
        pass
    following.release()
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, "wholes") == cell.store.head()
