"""An account moves between cells while it is in use, and whatever ends the move, it is in one."""

import asyncio
import threading
from contextlib import closing
from functools import partial

import orjson
import pytest
import redis
from sqlalchemy import func, select, update

from oms_ledger.cell import Cell
from oms_ledger.deciders import DECIDERS
from oms_ledger.directory import KnownCell
from oms_ledger.eventstore import hosting, integrity
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.hosting import ARRIVING, FORGOTTEN, GONE, LEAVING, LIVE
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.eventstore.tables import events, metadata
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.privacy.erase import erase_person
from oms_ledger.services.cells import tables
from oms_ledger.services.cells.forgetting import KEPT, ForgetRefused, forget
from oms_ledger.services.cells.move import STEPS, FencedTooLong, Move, MoveRefused
from oms_ledger.services.ops import rebuilding
from projections.desk.tasks import SUBSCRIPTION
from projections.jobs.tables import jobs
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.ops.verify import verify_views
from projections.ops.verify_configuration import verify_configuration
from projections.outbox.tables import outbox_attempts, outbox_messages
from projections.streams import outgoing
from projections.streams.outgoing import OutgoingStream
from projections.subscriptions import batch
from projections.subscriptions.views import VIEWS
from projections.tables import order_views, subscriptions
from tests.support.cells import TwoCells
from tests.support.configuring import configure_feed, create_key
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.support.run_until_idle import settle
from workers.outbox import dispatcher
from workers.streams.destination import open_destination
from workers.streams.dispatcher import carry_on
from workers.streams.envelope import outgoing_event

OTHER = "globex"
ERASE = partial(erase_person, erasure_id="e1")
JOB = {
    **{"id": "j1", "account": ACCOUNT, "kind": "import", "arguments": "{}"},
    **{"done": 0, "place": "{}", "attempts": 1, "actor": "test", "created_at": 1},
}
EVERY = {"type": "FromWorkflow", "status": []}


class Killed(Exception):
    """The process of the command is gone: nothing that it would do afterwards is done."""


class KilledMove(Move):
    """A move of a process that may be killed: then it gives nothing back."""

    killed = False

    def _release(self, place):
        if not self.killed:
            super()._release(place)


@pytest.fixture
def shop(cells: TwoCells) -> "Shop":
    return Shop(cells)


class Shop:
    """An account with a feed in `a`, another one in both, and what its clients know."""

    def __init__(self, cells: TwoCells) -> None:
        self.cells = cells
        for cell in cells.both:
            name = cell.settings.cell
            known = KnownCell(name, f"http://127.0.0.1:1/{name}", cell.settings.database_url)
            asyncio.run(open_account(cell.ledger, name=f"{OTHER}{name}"))
            cells.directory.add_cell(known, [f"{OTHER}{name}"])
        # Positions of the two cells are not the same, and those of `b` are taken.
        for number in range(4):
            asyncio.run(place_paid(cells.b.ledger, f"w{number}-01", number + 1, f"{OTHER}b"))
        asyncio.run(open_account(cells.a.ledger))
        cells.directory.claim(ACCOUNT, "a")
        self.key, _ = create_key(cells.a, ACCOUNT, "Owner")
        configure_feed(cells.a, Feed(self.key, ACCOUNT, EVERY, 60, 345_600))
        self.placed: list[str] = []
        self.seen: list[str] = []
        self.handles: list[str] = []

    @property
    def home(self) -> Cell:
        """The one cell in which the account is live."""
        live = [cell for cell in self.cells.both if state(cell) == LIVE and has_account(cell)]
        assert len(live) == 1, [state(cell) for cell in self.cells.both]
        return live[0]

    def place(self, count: int = 1, cell: Cell | None = None) -> None:
        for _ in range(count):
            number = len(self.placed) + 1
            order_id = f"v{number}-01"
            asyncio.run(place_paid((cell or self.home).ledger, order_id, number))
            self.placed.append(order_id)

    def poll(self, count: int = 1000, *, commit: bool = True) -> None:
        """Evaluate what is new, and take it out of the feed."""
        cell = self.home
        with cell.database.snapshot() as connection:
            sinks = feeds.destinations(connection, cell.database, ACCOUNT)
        assert sinks
        batch.run_batch(cell.database, cell.loader(), sinks)
        with cell.database.writing() as connection:
            lot = feeds.retrieve(connection, self.key, count, cell.encryption, cell.clock.micros())
        for handle, item in lot.items if lot else ():
            self.seen.append(item["event_id"])
            self.handles.append(handle)
        if commit:
            self.commit()

    def commit(self) -> int:
        cell, handles, self.handles = self.home, self.handles, []
        with cell.database.writing() as connection:
            return feeds.commit(
                connection,
                self.key,
                handles,
                cell.encryption,
                lambda places: feeds.places_here(connection, self.key, places),
            )

    def move(self, kind=Move, source=None, **given) -> Move:
        source = source or self.cells.a
        target = self.cells.b if source is self.cells.a else self.cells.a
        given = {"fenced_for": HANGS, **given}
        made: Move = kind(
            ACCOUNT, source, target, self.cells.directory, rest=lambda _: None, **given
        )
        return made

    def check(self, cell: Cell) -> None:
        """All that was acknowledged is in a cell, in order and once, and everything agrees."""
        assert self.home is cell

        async def orders():
            return [await cell.ledger.order(ACCOUNT, one) for one in self.placed]

        assert [order.order_id for order in asyncio.run(orders())] == self.placed
        self.poll()
        moved = select(func.count()).where(
            events.c.account == ACCOUNT,
            events.c.status.is_not(None),
            events.c.status.is_distinct_from(events.c.status_before),
        )
        with cell.database.reading() as connection:
            expected = connection.execute(moved).scalar_one()
        assert len(self.seen) == len(set(self.seen)) == expected
        for one in self.cells.both:
            head = one.store.head()
            assert list(integrity.verify(one.store, head))[-1] == head
            loader = StreamLoader(one.store, one.encryption, DECIDERS)
            assert list(verify_configuration(one.database, loader)) == []
        _, _, places = self.cells.directory.read()
        assert places[ACCOUNT].cell == cell.settings.cell
        assert places[ACCOUNT].live


def state(cell: Cell) -> str:
    with cell.database.reading() as connection:
        return hosting.state_of(connection, ACCOUNT)


def has_account(cell: Cell) -> bool:
    return bool(cell.store.stream(f"{ACCOUNT}/"))


def kill_at(step: str, move: KilledMove) -> KilledMove:
    def done(came: str) -> None:
        if came == step:
            move.killed = True
            raise Killed(step)

    move.done = done
    return move


def test_an_account_moves_with_all_it_has(shop):
    a, b = shop.cells.both
    shop.place(3)
    shop.poll(2, commit=False)
    steps: list[str] = []
    move = shop.move(done=steps.append)
    move.run()
    assert steps == list(STEPS)
    assert (state(a), state(b)) == (GONE, LIVE)
    assert shop.commit() == 2  # by the handles that `a` gave
    shop.place(2)
    shop.check(b)
    with pytest.raises(AccountMoved):
        shop.place(cell=a)
    assert move.seconds_fenced > 0


def test_an_account_comes_back(shop):
    a, b = shop.cells.both
    shop.place(2)
    shop.move().run()
    shop.place(2)
    shop.poll(1, commit=False)
    asyncio.run(settle(b))
    shop.move(source=b).run()
    assert (state(a), state(b)) == (LIVE, GONE)
    assert shop.commit() == 1
    shop.place(1)
    shop.check(a)
    shop.move().run()
    shop.place(1)
    shop.check(b)


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_move_goes_on(shop, step):
    """Killed once after each step: writes go to one cell or to none, and the next run ends it."""
    a, b = shop.cells.both
    shop.place(2)
    shop.poll(1, commit=False)
    with pytest.raises(Killed):
        kill_at(step, shop.move(KilledMove)).run()
    fenced = STEPS.index("fenced") <= STEPS.index(step) < STEPS.index("live there")
    if fenced:
        assert (state(a), state(b)) == (LEAVING, ARRIVING)
        for cell in (a, b):
            with pytest.raises(AccountMoved):
                shop.place(cell=cell)
    elif STEPS.index(step) < STEPS.index("fenced"):
        shop.place(1, a)  # it is in use, as if nothing had been
    else:
        with pytest.raises(AccountMoved):
            shop.place(cell=a)
        shop.place(1, b)
    shop.move().run()
    shop.commit()
    shop.place(1, b)
    shop.check(b)


@pytest.mark.parametrize("step", ["events", "fenced", "compared"])
def test_an_interrupted_move_leaves_the_account_where_it_was(shop, step):
    def stop(came):
        if came == step:
            raise KeyboardInterrupt

    shop.place(1)
    with pytest.raises(KeyboardInterrupt):
        shop.move(done=stop).run()
    assert state(shop.cells.a) == LIVE
    shop.place(1)
    shop.check(shop.cells.a)


@pytest.mark.parametrize("step", ["expected", "events", "fenced", "compared"])
def test_a_move_is_given_up(shop, step):
    """Whoever was killed leaves the rest to `--abort`; his own process changes nothing more."""
    a, b = shop.cells.both
    shop.place(1)
    stopped = kill_at(step, shop.move(KilledMove))
    with pytest.raises(Killed):
        stopped.run()
    shop.move().abort()
    assert (state(a), state(b)) == (LIVE, GONE)
    shop.place(1)
    shop.check(a)
    for late in (stopped._make_live, lambda: stopped._fence(stopped._place())):
        stopped.killed, stopped._fenced_at = False, 1e12
        with pytest.raises(hosting.WrongState):
            late()
    assert (state(a), state(b)) == (LIVE, GONE)


def test_what_is_live_over_there_is_not_given_up(shop):
    with pytest.raises(Killed):
        kill_at("live there", shop.move(KilledMove)).run()
    with pytest.raises(hosting.WrongState):
        shop.move().abort()
    shop.move().run()
    shop.check(shop.cells.b)


def test_a_try_of_before_changes_nothing_after_the_next_one(shop):
    """A process that was stopped while it moved the account wakes after another one began."""
    shop.place(1)
    stopped = kill_at("compared", shop.move(KilledMove))
    with pytest.raises(Killed):
        stopped.run()
    later = shop.move(done=lambda step: step == "fenced" and resume())

    def resume():
        stopped.killed = False
        with pytest.raises(hosting.WrongState):
            stopped._make_live()
        stopped._release(stopped._place())
        assert state(shop.cells.a) == LEAVING

    later.run()
    shop.check(shop.cells.b)


def test_a_fence_that_takes_too_long_is_lifted(shop):
    shop.place(1)
    with pytest.raises(FencedTooLong):
        shop.move(fenced_for=-1.0).run()
    assert state(shop.cells.a) == LIVE
    shop.place(1)
    shop.check(shop.cells.a)


def test_events_that_differ_are_not_taken_for_the_same(shop):
    shop.place(1)
    with pytest.raises(Killed):
        kill_at("events", shop.move(KilledMove)).run()
    order = events.c.stream == f"{ACCOUNT}/{shop.placed[0]}"
    with shop.cells.b.database.writing() as connection:
        connection.execute(events.update().where(order).values(digest=b"other"))
    with pytest.raises(MoveRefused, match="differ"):
        shop.move().run()
    assert state(shop.cells.a) == LIVE


def test_messages_go_along_and_none_is_sent_twice(shop):
    """What `a` has sent is done over there; what waited is sent by `b`, and only by it."""
    a, b = shop.cells.both
    shop.place(2)
    asyncio.run(settle(a))
    shop.place(1)
    dispatcher.evaluate(a, a.loader())
    query = select(outbox_messages.c.id, outbox_messages.c.state).where(
        outbox_messages.c.account == ACCOUNT
    )
    with a.database.reading() as connection:
        before = dict(connection.execute(query).all())
    assert "pending" in before.values()
    shop.move().run()
    with b.database.reading() as connection:
        assert before.items() <= dict(connection.execute(query).all()).items()
    with a.database.reading() as connection:
        assert connection.execute(query).all() == []
    asyncio.run(settle(b))
    tries = select(outbox_attempts.c.message, func.count()).group_by(outbox_attempts.c.message)
    with b.database.snapshot() as connection:
        after = dict(connection.execute(query).all())
        tried = dict(connection.execute(tries).all())
    assert {tried[one] for one, state in after.items() if state == "delivered"} == {1}
    waited = {one for one, state in before.items() if state == "pending"}
    assert waited & tried.keys()  # others wait for their time


def test_every_table_goes_along_or_is_said_to_stay():
    moved = {one.table.name for one in tables.MOVED}
    known = [moved, tables.WITH_EVENTS, tables.PROJECTED, tables.OF_THE_CELL]
    assert sum(map(len, known)) == len(set().union(*known))
    assert set().union(*known) == set(metadata.tables)


def test_an_erased_person_is_erased_over_there(shop):
    shop.place(2)
    with pytest.raises(Killed):
        kill_at("events", shop.move(KilledMove)).run()
    a, b = shop.cells.both

    async def forget():
        await a.ledger.change(CommandContext(ACCOUNT, "test"), shop.placed[0], ERASE)

    asyncio.run(forget())
    shop.move().run()
    stream = f"{ACCOUNT}/{shop.placed[0]}"
    assert stream not in b.store.data_keys([stream])
    kept = f"{ACCOUNT}/{shop.placed[1]}"
    assert kept in b.store.data_keys([kept])
    shop.check(b)


def test_what_goes_on_stops_a_move(shop):
    with shop.cells.a.database.writing() as connection:
        connection.execute(jobs.insert().values({**JOB, "state": "running"}))
    with pytest.raises(MoveRefused, match="a job"):
        shop.move().run()
    assert not has_account(shop.cells.b)


def test_a_job_is_waited_for(shop):
    """What goes on meanwhile goes along; a job that takes longer leaves the account where it is."""
    a, b = shop.cells.both
    with a.database.writing() as connection:
        connection.execute(jobs.insert().values({**JOB, "state": "running"}))
    with pytest.raises(MoveRefused, match="a job"):
        shop.move(jobs_for=0.001).run()
    assert state(a) == LIVE

    def end(_: float) -> None:
        if state(a) == LIVE:
            shop.place(1, a)
            with a.database.writing() as connection:
                connection.execute(update(jobs).values(state="done"))

    move = shop.move(jobs_for=HANGS)
    move.rest = end
    move.run()
    assert len(shop.placed) == 1
    shop.check(b)


def test_views_are_there_when_the_account_is(shop):
    a, b = shop.cells.both
    shop.place(3)

    async def handle():
        await a.ledger.change(CommandContext(ACCOUNT, "test"), shop.placed[0], start_handling)

    asyncio.run(handle())
    shop.move().run()
    found = verify_views(b.database, StreamLoader(b.store, b.encryption, DECIDERS))
    assert [one for _, differences in found for one in differences] == []


def differing(cell):
    found = verify_views(cell.database, StreamLoader(cell.store, cell.encryption, DECIDERS))
    return [one for _, differences in found for one in differences]


def left(cell):
    """Tables in which a cell has rows of the account, but for what cannot be read."""
    with cell.database.snapshot() as connection:
        rows = {
            kept.table.name: connection.execute(
                select(func.count()).select_from(kept.table).where(kept.scope(ACCOUNT))
            ).scalar_one()
            for kept in KEPT
        }
    return {name for name, count in rows.items() if count}


def test_a_former_cell_forgets_whom_it_could_read(shop):
    """Killed after each transaction it goes on; nobody can read a person there any more."""
    a, b = shop.cells.both
    shop.place(3)
    with a.database.writing() as connection:
        done = {**JOB, "state": "finished"}
        connection.execute(jobs.insert().values(done))
    shop.move().run()
    streams = [f"{ACCOUNT}/{one}" for one in shop.placed]
    assert a.store.data_keys(streams).keys() == set(streams)
    while next(forget(a, shop.cells.directory, ACCOUNT), 0):
        pass  # ended after one transaction that deleted something
    list(forget(a, shop.cells.directory, ACCOUNT))
    assert state(a) == FORGOTTEN
    assert left(a) == set()
    assert a.store.data_keys(streams) == {}
    assert b.store.data_keys(streams).keys() == set(streams)
    assert differing(a) == []
    with pytest.raises(AccountMoved):
        shop.place(cell=a)
    shop.place(1)
    shop.check(b)
    with pytest.raises(MoveRefused, match="cannot return"):
        shop.move(source=b).run()
    shop.place(1, b)


def test_views_made_anew_after_forgetting_name_nobody(shop):
    a, _ = shop.cells.both

    def shown():
        query = select(order_views).where(order_views.c.account == ACCOUNT)
        with a.database.reading() as connection:
            return str(connection.execute(query).all())

    def make_views():
        for view in VIEWS:
            for _ in rebuilding.rebuild(a, view):
                pass
            with a.database.writing() as connection:
                rebuilding.drop(connection, view)

    shop.place(2)
    make_views()
    assert "ana@example.com" in shown()
    shop.move().run()
    list(forget(a, shop.cells.directory, ACCOUNT))
    make_views()
    assert shop.placed[0] in shown()
    assert "ana@example.com" not in shown()


def create_stream(cell: Cell, url: str, account: str = ACCOUNT) -> OutgoingStream:
    stream = OutgoingStream("out", account, url, "moved:out", 0, 0, cell.clock.micros())
    with cell.database.writing() as connection:
        assert outgoing.create(connection, stream, cell.encryption)
    return stream


def test_an_outgoing_stream_goes_along_and_sends_each_event_once(shop, redis_url):
    """Even a page that the former cell has sent, and never recorded as sent."""
    a, b = shop.cells.both

    def send(cell: Cell) -> None:
        while carry_on(cell, "out", threading.Event()):
            pass

    shop.place(1)
    stream = create_stream(a, redis_url)
    send(a)
    shop.place(1)
    unrecorded = a.store.orders_page(ACCOUNT, 0, a.store.head(), 100)
    with closing(open_destination(stream)) as destination:
        destination.send([outgoing_event(ACCOUNT, row) for row in unrecorded])
    shop.place(1)
    shop.move().run()
    with a.database.snapshot() as connection:
        assert outgoing.every(connection, a.encryption) == []
    shop.place(2)
    send(b)
    shop.move(source=b).run()
    shop.place(1)
    send(a)
    with redis.Redis.from_url(redis_url) as client:
        entries = client.xrange("moved:out")
    sent = [orjson.loads(fields[b"event"]) for _, fields in entries]
    rows = a.store.orders_page(ACCOUNT, 0, a.store.head(), 1000)
    assert [(one["subject"], one["data"]["version"]) for one in sent] == [
        (row.order_id, row.version) for row in rows
    ]
    assert [one["id"] for one in sent] == [str(row.identity) for row in rows]
    shop.check(a)


def test_a_stream_whose_name_is_taken_over_there_stays(shop, redis_url):
    a, b = shop.cells.both
    create_stream(a, redis_url)
    create_stream(b, redis_url, f"{OTHER}b")
    with pytest.raises(MoveRefused, match="has an outgoing stream out"):
        shop.move().run()
    assert state(a) == LIVE


def test_a_view_goes_on_over_events_of_an_account_that_left(shop):
    """The task that an event closes went along with its account."""
    a, _ = shop.cells.both
    shop.place(1)
    ctx, (order_id,) = CommandContext(ACCOUNT, "test"), shop.placed
    for decision in (start_handling, cancel):
        asyncio.run(a.ledger.change(ctx, order_id, decision))
    asyncio.run(settle(a))
    before = a.store.head()
    asyncio.run(a.ledger.change(ctx, order_id, cancel))
    shop.move().run()
    tasks = subscriptions.c.id == SUBSCRIPTION
    with a.database.writing() as connection:
        connection.execute(update(subscriptions).where(tasks).values(position=before))
    asyncio.run(settle(a))
    with a.database.reading() as connection:
        assert (
            connection.execute(select(subscriptions.c.position).where(tasks)).scalar_one() > before
        )


def test_what_is_needed_is_not_forgotten(shop):
    a, b = shop.cells.both
    shop.place(1)
    for cell in (a, b):
        with pytest.raises(ForgetRefused):
            list(forget(cell, shop.cells.directory, ACCOUNT))
    with pytest.raises(Killed):
        kill_at("gone here", shop.move(KilledMove)).run()
    with pytest.raises(ForgetRefused, match="has not ended"):
        list(forget(a, shop.cells.directory, ACCOUNT))
    shop.move().run()
    with pytest.raises(ForgetRefused, match="live in this cell"):
        list(forget(b, shop.cells.directory, ACCOUNT))
    shop.check(b)


def test_what_stays_is_deleted_when_it_is_forgotten():
    """Each table that is no other's business and names an account is among those deleted."""
    deleted = {kept.table.name for kept in KEPT}
    assert deleted >= tables.PROJECTED
    assert deleted <= tables.PROJECTED | tables.OF_THE_CELL
