"""An account's events arrive in Redis and in NATS JetStream: in order, each once, none left out."""

import asyncio
import threading
import uuid
from dataclasses import dataclass, replace

import nats
import orjson
import pytest
import redis
from sqlalchemy import event, func, select, update
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.services import signals
from projections.ops.verify import verify_views
from projections.streams import outgoing
from projections.streams.outgoing import OutgoingStream
from projections.streams.tables import outgoing_streams
from projections.subscriptions import batch, checkpoints, lateness
from projections.tables import subscriptions
from tests.support import servers
from tests.support.purchases import ACCOUNT, open_account, place_paid
from workers import jobs, scheduler
from workers.streams import dispatcher
from workers.streams.destination import DestinationError, open_destination
from workers.streams.dispatcher import carry_on
from workers.streams.envelope import outgoing_event

RUNNING = threading.Event()


@dataclass(frozen=True)
class InRedis:
    """A key of the test's own."""

    url: str
    target: str

    def prepare(self) -> None:
        """A stream comes to be by what is added to it."""

    def received(self) -> list[dict[str, object]]:
        with redis.Redis.from_url(self.url) as client:
            return [orjson.loads(fields[b"event"]) for _, fields in client.xrange(self.target)]


@dataclass(frozen=True)
class InJetStream:
    """Subjects of the test's own, in a JetStream stream that keeps them."""

    url: str
    target: str

    def prepare(self) -> None:
        asyncio.run(self._with(lambda js: js.add_stream(name=self.target, subjects=[self._every])))

    @property
    def _every(self) -> str:
        return f"{self.target}.>"

    def received(self) -> list[dict[str, object]]:
        return [orjson.loads(one.data) for one in asyncio.run(self._with(self._messages))]

    async def _messages(self, js):
        count = (await js.stream_info(self.target)).state.messages
        return [await js.get_msg(self.target, seq=number) for number in range(1, count + 1)]

    async def _with(self, work):
        client = await nats.connect(self.url)
        try:
            return await work(client.jetstream())
        finally:
            await client.close()


@pytest.fixture(params=["redis", "jetstream"])
def place(request):
    target = f"test{uuid.uuid4().hex}"
    if request.param == "redis":
        made: InRedis | InJetStream = InRedis(request.getfixturevalue("redis_url"), target)
    else:
        made = InJetStream(servers.nats_url(), target)
    made.prepare()
    return made


@pytest.fixture
def in_redis(redis_url):
    return InRedis(redis_url, "orders:acme")


def create(cell, place, since=0, name="out"):
    made = OutgoingStream(name, ACCOUNT, place.url, place.target, 0, since, cell.clock.micros())
    with cell.database.writing() as connection:
        assert outgoing.create(connection, made, cell.encryption)
    return made


def write_orders(cell, *numbers):
    async def story():
        await open_account(cell.ledger)
        for number in numbers:
            await place_paid(cell.ledger, f"v{number}-01", number)

    asyncio.run(story())


def recorded(cell):
    """What a reader of the ledger finds, in the envelopes of the streams."""
    rows = cell.store.orders_page(ACCOUNT, 0, cell.store.head(), 10_000)
    return [orjson.loads(outgoing_event(ACCOUNT, row).body) for row in rows]


def set_back(cell, position):
    with cell.database.writing() as connection:
        connection.execute(
            update(subscriptions)
            .where(subscriptions.c.id == "stream:out")
            .values(position=position)
        )


def send(cell):
    while carry_on(cell, "out", RUNNING):
        pass


def test_every_event_arrives_once_and_in_order(cell, place, monkeypatch):
    monkeypatch.setattr(dispatcher, "PAGE", 7)
    create(cell, place)
    write_orders(cell, 1, 2)
    send(cell)
    write_orders(cell, 3)
    send(cell)
    send(cell)
    assert place.received() == recorded(cell)
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, "stream:out") == cell.store.head()
    *_, (_, found) = verify_views(cell.database, cell.loader())
    assert [one for one in found if one.view == "subscriptions"] == []


def test_an_envelope_is_a_cloud_event_without_personal_fields(cell, place):
    create(cell, place)
    write_orders(cell, 1)
    send(cell)
    first = place.received()[0]
    assert first["specversion"] == "1.0"
    assert (first["source"], first["subject"]) == (f"/accounts/{ACCOUNT}", "v1-01")
    assert first["id"] == str(first["data"]["position"])
    assert first["type"] == f"order.{first['data']['name']}"
    assert "clientProfileData" not in first["data"]["data"]


def test_what_was_sent_before_a_crash_is_not_sent_again(cell, place, monkeypatch):
    create(cell, place)
    write_orders(cell, 1)
    before = cell.store.head()
    send(cell)
    write_orders(cell, 2)
    send(cell)
    set_back(cell, before)
    sent: list[object] = []
    opened = open_destination

    def watched(stream):
        destination = opened(stream)
        monkeypatch.setattr(destination, "send", sent.append)
        return destination

    monkeypatch.setattr(dispatcher, "open_destination", watched)
    send(cell)
    assert sent == [], "the destination says itself how far it is"
    assert place.received() == recorded(cell)
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, "stream:out") == cell.store.head()


def test_two_senders_at_once_double_nothing(cell, place):
    stream = create(cell, place)
    write_orders(cell, 1, 2)
    rows = cell.store.orders_page(ACCOUNT, 0, cell.store.head(), 1000)
    events = [outgoing_event(ACCOUNT, row) for row in rows]
    stale, current = open_destination(stream), open_destination(stream)
    stale.send(events[:5])
    current.send(events[:9])
    stale.send(events[5:7])
    current.send(events[9:])
    stale.send(events)
    stale.close()
    current.close()
    assert place.received() == recorded(cell)


def test_a_destination_that_is_away_is_tried_again_later(cell, place):
    create(cell, place)
    away = replace(create(cell, place, name="away"), url=place.url.partition("://")[0])
    url = "unix:///nowhere/redis.sock" if away.url == "unix" else "nats://127.0.0.1:1"
    with cell.database.writing() as connection:
        sealed = cell.encryption.seal(url.encode(), outgoing.place("out"))
        connection.execute(
            update(outgoing_streams).where(outgoing_streams.c.name == "out").values(url=sealed)
        )
    write_orders(cell, 1)
    assert not carry_on(cell, "out", RUNNING)
    with cell.database.snapshot() as connection:
        failed = outgoing.get(connection, "out", cell.encryption)
        now = cell.clock.micros()
        assert outgoing.behind(connection, now) == ["stream:away"], "it rests for a second"
        assert "stream:out" in outgoing.behind(connection, failed.retry_at)
        assert checkpoints.position(connection, "stream:out") == 0
    assert failed.failures == 1
    assert failed.last_error
    with cell.database.writing() as connection:
        sealed = cell.encryption.seal(place.url.encode(), outgoing.place("out"))
        values = {"url": sealed, "retry_at": 0}
        connection.execute(
            update(outgoing_streams).where(outgoing_streams.c.name == "out").values(values)
        )
    send(cell)
    assert place.received() == recorded(cell)
    with cell.database.snapshot() as connection:
        assert outgoing.get(connection, "out", cell.encryption).failures == 0


def test_a_jetstream_that_no_stream_keeps_takes_nothing(cell):
    create(cell, InJetStream(servers.nats_url(), f"nobody{uuid.uuid4().hex}"))
    write_orders(cell, 1)
    assert not carry_on(cell, "out", RUNNING)
    with cell.database.snapshot() as connection:
        assert "NotFound" in outgoing.get(connection, "out", cell.encryption).last_error
        assert checkpoints.position(connection, "stream:out") == 0


def test_a_redis_that_lost_its_latest_entries_gets_them_again(cell, in_redis):
    create(cell, in_redis)
    write_orders(cell, 1)
    send(cell)
    with redis.Redis.from_url(in_redis.url) as client:
        kept = client.xrange(in_redis.target)[:3]
        client.delete(in_redis.target)
        for number, fields in kept:
            client.xadd(in_redis.target, fields, id=number)
    write_orders(cell, 2)
    send(cell)
    assert in_redis.received() == recorded(cell)


def test_an_error_within_a_page_leaves_nothing_out(cell, in_redis):
    stream = create(cell, in_redis)
    write_orders(cell, 1)
    rows = cell.store.orders_page(ACCOUNT, 0, cell.store.head(), 1000)
    events = [outgoing_event(ACCOUNT, row) for row in rows]
    destination = open_destination(stream)
    with pytest.raises(DestinationError):  # an id that Redis cannot read
        destination.send([*events[:2], replace(events[2], number=-1), *events[3:]])
    assert len(in_redis.received()) == 2
    destination.send(events)
    destination.close()
    assert in_redis.received() == recorded(cell)


def test_what_others_record_moves_no_stream_and_signals_none(cell, in_redis):
    write_orders(cell, 1)
    create(cell, in_redis, since=cell.store.head())
    asyncio.run(open_account(cell.ledger, name="other"))
    with cell.database.snapshot() as connection:
        assert outgoing.behind(connection, cell.clock.micros()) == []
        assert "stream:out" not in lateness.behind(connection, cell.store.head())
        assert batch.signals_of_accounts(connection, ["other"]) == set()
        assert batch.signals_of_accounts(connection, [ACCOUNT]) == {"stream:out"}


def test_the_scheduler_finds_it_and_a_worker_sends_it(cell, in_redis, redis_url):
    create(cell, in_redis)
    write_orders(cell, 1)
    swept = Cell(replace(cell.settings, redis_url=redis_url), cell.clock)
    scheduler.reconcile(swept)
    names = [name for job in signals.queue(swept.redis).jobs for name in job.args]
    assert "stream:out" in names
    jobs.open_context(swept)
    jobs.advance("stream:out")
    jobs._contexts[-1].stream_dispatcher._lanes.shutdown(wait=True)
    jobs.close_context()
    swept.close()
    assert in_redis.received() == recorded(cell)


def test_without_streams_one_statement_asks_for_them(cell):
    write_orders(cell, 1)
    statements = []
    event.listen(cell.database.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    with cell.database.snapshot() as connection:
        batch.signals_of_accounts(connection, [ACCOUNT])
        lateness.late_accounts(connection, [ACCOUNT])
        outgoing.behind(connection, 0)
    assert len([one for one in statements if one.startswith("SELECT")]) == 3


def test_the_commands_create_list_and_remove(cell, in_redis, monkeypatch):
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    asyncio.run(open_account(cell.ledger))
    run, secret = CliRunner().invoke, "redis://user:hush@127.0.0.1:1/0"
    assert (
        run(app, ["stream", "create", "out", "--account", ACCOUNT, "--to", secret]).exit_code == 0
    )
    assert run(app, ["stream", "create", "out", "--account", ACCOUNT, "--to", secret]).exit_code
    wrong = run(app, ["stream", "create", "x", "--account", ACCOUNT, "--to", "http://x"])
    assert wrong.exit_code == 2
    listed = run(app, ["stream", "list", "--json"])
    assert "hush" not in listed.output
    (one,) = orjson.loads(listed.stdout)
    assert (one["name"], one["into"], one["lag"]) == ("out", f"orders:{ACCOUNT}", 0)
    with cell.database.snapshot() as connection:
        assert b"hush" not in connection.execute(select(outgoing_streams.c.url)).scalar_one()
    assert run(app, ["stream", "remove", "out"]).exit_code == 0
    assert run(app, ["stream", "remove", "out"]).exit_code
    with cell.database.snapshot() as connection:
        left = select(func.count()).where(subscriptions.c.id == "stream:out")
        assert connection.execute(left).scalar_one() == 0
