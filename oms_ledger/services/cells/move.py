"""Moves an account from one cell to another, while it is in use.

Nothing of a move is remembered but in the databases: what each cell is to the account, how far its
events are copied, where the directory says it is. So whoever begins it again, after whatever ended
it, goes on. The rows in `moves` tell a person how far it came.

1. The other cell expects the account (`arriving`); its events are copied in pages, and the large
   tables, while everything goes on.
2. The account is fenced: the directory says that it leaves, then its cell does. Nothing of it is
   recorded from here on, and writes wait. Whoever evaluates, sends or fires for it is fenced too.
3. The rest is copied, and the events of both cells are compared.
4. In one transaction of the other cell the remaining tables are there and the account is live. It
   cannot be taken back from here on.
5. The directory says where it is. A moment later the former cell forgets what went along; events
   stay, because its chain of seals has to.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, delete, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.cell import Cell
from oms_ledger.directory import FRESH, Directory, DirectoryError, Place, moves, set_place
from oms_ledger.eventstore import adoption, hosting
from oms_ledger.eventstore.adoption import Comparison
from oms_ledger.eventstore.hosting import ARRIVING, FORGOTTEN, GONE, LEAVING, LIVE, Hosting
from oms_ledger.services.cells.copying import Copier, forget
from oms_ledger.services.cells.tables import MOVED, subscriptions_of, subscriptions_of_streams
from projections import tables as t
from projections.jobs.jobs import UNFINISHED as UNFINISHED_JOBS
from projections.jobs.tables import jobs
from projections.notifications.deliveries import delivery_lease
from projections.outbox.messages import SUBSCRIPTION as OUTBOX
from projections.outbox.messages import WAITING
from projections.outbox.of_orders import OutboxProjection
from projections.outbox.tables import outbox_messages
from projections.streams.tables import outgoing_streams
from projections.subscriptions import checkpoints, leases, registry
from projections.subscriptions.checkpoints import Projection
from projections.subscriptions.views import VIEWS
from projections.tables import subscriptions

PAGE = 500
NEAR = 100
"""Events that may be missing when the account is fenced: they are copied while writes wait."""
FENCED_FOR = 5.0
"""Seconds for which writes wait at most: what takes longer is given up, and tried again."""
DRAIN = 1.0
"""Seconds in which messages that are on their way may still end."""
JOB_LOOK = 1.0
"""Seconds between looks at the jobs of an account that are waited for."""
HOLDER = "account move"
DAY = 86_400_000_000

STEPS = (
    *(
        "expected",
        "events",
        "large tables",
        "jobs over",
        "fenced",
        "drained",
        "rest of the events",
        "compared",
    ),
    *("live there", "directory", "gone here", "forgotten here"),
)


class MoveRefused(Exception):
    """The account cannot be moved as things are; nothing has changed."""


class FencedTooLong(Exception):
    """The rest took too long to be copied: the account is live again where it was."""


@dataclass
class Move:
    """One account on its way. `done` is given each step, `copied` how far the events are.

    Seconds: `fenced_for` that writes wait at most, `jobs_for` that unfinished jobs are waited for.
    """

    account: str
    source: Cell
    target: Cell
    directory: Directory
    done: Callable[[str], None] = lambda _: None
    copied: Callable[[int, int], None] = lambda _, __: None
    fenced_for: float = FENCED_FOR
    jobs_for: float = 0.0
    rest: Callable[[float], None] = time.sleep
    seconds_fenced: float = 0.0
    _fenced_at: float | None = None
    _epoch: int = 2
    _attempt: int = 0
    _since: int = 0
    _compared: tuple[Comparison, Comparison] | None = field(default=None)

    # The whole

    def run(self) -> None:
        """Move the account, or go on with its move."""
        place = self._place()
        if not self._arrived():
            self._require_movable(place)
            self._begin(place)
            self._copy_events()
            self._copy_large_tables()
            self._wait_for_jobs()
            try:
                self._hand_over(place)
            except BaseException:
                self._release(place)
                raise
        self._settle()

    def abort(self) -> None:
        """Give the move up: the account stays where it is. Refused when it is live there."""
        place = self._place()
        self._attempt = self._next_attempt()
        with self.target.database.writing() as connection:
            hosting.lock_appends(connection)
            hosting.require(connection, self.account, ARRIVING, GONE)
            hosting.set_state(connection, self.account, GONE, attempt=self._attempt)
        self._take_over()
        self._release(place)
        self._note("given up")

    def _hand_over(self, place: Place) -> None:
        self._fence(place)
        self._require_rest()  # something may have begun meanwhile
        self._drain()
        self._copy_rest_of_events()
        self._compare()
        self._make_live()

    def _settle(self) -> None:
        there = self._hosting(self.target)
        self._epoch, self._attempt = there.epoch, there.attempt
        with self.directory.changing() as connection:
            place = Place(self.account, self._name(self.target), there.epoch, LIVE)
            set_place(connection, place)
        self._end_of_fence()
        self._note("directory")
        with self.source.database.writing() as connection:
            before = (LEAVING, GONE)
            hosting.change(connection, self.account, *before, to=GONE, attempt=self._attempt)
        self._note("gone here")
        self.rest(FRESH * 1.5)  # whoever went by the directory of before has read it anew
        self._catch_up(self.source, VIEWS)  # a view that is behind would write rows again
        with self.source.database.writing() as connection:
            hosting.require(connection, self.account, GONE, attempt=self._attempt)
            names = self._lease_names(connection)
            forget(connection, self.account)
            connection.execute(delete(t.leases).where(t.leases.c.name.in_(names)))
        self._note("forgotten here")

    # Steps

    def _require_movable(self, place: Place) -> None:
        name = self._name(self.target)
        if place.cell == name:
            raise MoveRefused(f"The cell {name} hosts the account {self.account} already.")
        if place.cell != self._name(self.source):
            raise MoveRefused(f"The cell {place.cell} hosts the account: move it from there.")
        if self.source.encryption.secret != self.target.encryption.secret:
            raise MoveRefused("The cells have other master keys: handles and tokens would end.")
        if not self.jobs_for:
            self._require_rest()

    def _require_rest(self) -> None:
        """Refuse while something of the account goes on that would end half done."""
        streams = outgoing_streams.c
        if self._has_job():
            raise MoveRefused("The account has a job: wait until it is over.")
        with self.source.database.reading() as connection:
            names = connection.execute(select(streams.name).where(streams.account == self.account))
            own = list(names.scalars())
        others = select(streams.name).where(streams.name.in_(own), streams.account != self.account)
        with self.target.database.reading() as connection:
            taken = connection.execute(others.limit(1)).scalar_one_or_none()
        if taken is not None:
            raise MoveRefused(
                f"The cell {self._name(self.target)} has an outgoing stream {taken} of another"
                " account: create the one of this account under another name."
            )

    def _has_job(self) -> bool:
        unfinished = jobs.c.state.in_(UNFINISHED_JOBS)
        query = select(jobs.c.id).where(jobs.c.account == self.account, unfinished).limit(1)
        with self.source.database.reading() as connection:
            return connection.execute(query).first() is not None

    def _wait_for_jobs(self) -> None:
        """Let jobs of the account end, for as long as one may wait; events are copied meanwhile."""
        until = time.monotonic() + self.jobs_for
        while self._has_job() and time.monotonic() < until:
            self.rest(JOB_LOOK)
            self._copy_page()
        self._require_rest()
        self._note("jobs over")

    def _begin(self, place: Place) -> None:
        """Have the other cell expect the account; whoever tried before changes nothing more."""
        self._epoch = place.epoch + 1
        self._attempt = self._next_attempt()
        with self.target.database.writing() as connection:
            hosting.lock_appends(connection)
            if self._arrived_in(connection):
                raise hosting.WrongState(self.account, LIVE)
            if hosting.state_of(connection, self.account) == FORGOTTEN:
                raise MoveRefused(
                    f"The cell {self._name(self.target)} has forgotten the account {self.account}:"
                    " what it kept cannot be read any more, so the account cannot return to it."
                )
            values = {"epoch": self._epoch, "attempt": self._attempt}
            hosting.set_state(connection, self.account, ARRIVING, **values)
        self._take_over()
        self._release(place)  # a try of before may have ended while the account was fenced
        self._note("expected")

    def _next_attempt(self) -> int:
        return max(self._hosting(self.source).attempt, self._hosting(self.target).attempt) + 1

    def _take_over(self) -> None:
        """Have whoever tried before change nothing more in the cell that hosts the account."""
        with self.source.database.writing() as connection:
            hosting.lock_appends(connection)
            hosting.require(connection, self.account, LIVE, LEAVING)
            state = hosting.state_of(connection, self.account)
            hosting.set_state(connection, self.account, state, attempt=self._attempt)

    def _copy_events(self) -> None:
        while self._copy_page() >= NEAR:
            pass
        self._fold()
        self._compared = (
            Comparison(self.source.database, self.account),
            Comparison(self.target.database, self.account),
        )
        for one in self._compared:
            one.walk()
        while self._copy_page() >= NEAR:
            pass
        self._note("events")

    def _copy_page(self) -> int:
        """Copy up to a page of events; how many there were."""
        source, target = self._name(self.source), self._name(self.target)
        with self.target.database.reading() as connection:
            after = adoption.copied_until(connection, self.account, source)
        parcel = adoption.pack(self.source.database, self.account, after, PAGE)
        if parcel.rows:
            with self.target.database.writing() as connection:
                adoption.adopt(connection, self.account, parcel, source=source, target=target)
        self.copied(parcel.rows[-1].position if parcel.rows else after, self._last_event())
        return len(parcel.rows)

    def _copy_large_tables(self) -> None:
        self._since = self.source.clock.micros()
        with self.source.database.snapshot() as here:
            Copier(self.account, self._name(self.source), here).early(self._writing_there)
        self._note("large tables")

    def _fence(self, place: Place) -> None:
        """Let nothing of the account be recorded, evaluated, sent or fired from here on."""
        self._fenced_at = time.monotonic()
        with self.directory.changing() as connection:
            set_place(connection, replace(place, state=LEAVING))
        with self.source.database.writing() as connection:
            hosting.change(connection, self.account, LIVE, to=LEAVING, attempt=self._attempt)
            self._take_leases(connection)
        self._note("fenced")

    def _take_leases(self, connection: Connection) -> None:
        """Fence whoever evaluates and delivers: nobody acquires these before they are given back.

        What a page came to is stored by right of a lease, so nothing of it is stored any more.
        """
        names = self._lease_names(connection)
        until = leases.DatabaseMicros() + DAY
        leases.acquire_many(connection, names, steal=True)
        held = update(t.leases).where(t.leases.c.name.in_(names))
        connection.execute(held.values(expires_at=until, holder=HOLDER))

    def _drain(self) -> None:
        """Let messages end that are on their way; those that do not are sent again over there."""
        until = time.monotonic() + DRAIN
        m = outbox_messages.c
        ours = (m.account == self.account, m.state == WAITING)
        while time.monotonic() < until:
            flying = select(func.count()).where(*ours, m.claimed_until > self._now())
            with self.source.database.reading() as connection:
                if not connection.execute(flying).scalar_one():
                    break
            self.rest(0.02)
        with self.source.database.writing() as connection:
            taken = update(outbox_messages).where(*ours)
            connection.execute(taken.values(claim=HOLDER, claimed_until=self._now() + DAY))
        self._note("drained")

    def _wait_for_writers(self) -> None:
        """Wait for writes that began before the fence: later ones have seen it.

        One table after the other, so that nobody who holds one waits for another one.
        """
        if self.source.database.sqlite:
            with self.source.database.writing():
                return
        for moved in MOVED:
            with self.source.database.writing() as connection:
                connection.execute(text(f'LOCK TABLE "{moved.table.name}" IN SHARE MODE'))

    def _copy_rest_of_events(self) -> None:
        while self._copy_page():
            pass
        head = self.source.store.head()
        for name, projection in self._producers(self.source).items():
            database = self.source.database
            checkpoints.catch_up(database, self.source.loader(), name, projection, head)
        self._fold()
        self._note("rest of the events")

    def _compare(self) -> None:
        assert self._compared is not None
        for one in self._compared:
            one.walk()
        here, there = (one.outcome for one in self._compared)
        if here != there:
            raise MoveRefused(
                f"The cells have {here[0]} and {there[0]} events that differ:"
                f" {here[1][:16]} and {there[1][:16]}."
            )
        self._note("compared", f"{here[0]} events, {here[1]}")

    def _make_live(self) -> None:
        """All that is left, and the account is live there: one transaction."""
        assert self._fenced_at is not None
        # Requests that went by the directory of before have been answered by now, or are fenced.
        self.rest(max(0.0, FRESH - (time.monotonic() - self._fenced_at)))
        self._wait_for_writers()
        with self.source.database.snapshot() as here, self._writing_there() as there:
            Copier(self.account, self._name(self.source), here).rest(there, self._since)
            if time.monotonic() - self._fenced_at > self.fenced_for:
                raise FencedTooLong(
                    f"The rest was not copied within {self.fenced_for:.0f} s: the account is live"
                    " where it was. Try again when less is written, or with --fenced-for."
                )
            m = outbox_messages.c
            held = update(outbox_messages).where(m.account == self.account, m.claim == HOLDER)
            there.execute(held.values(claim=None, claimed_until=0))
            until = checkpoints.account_head(there, self.account)
            hosting.change(
                there, self.account, ARRIVING, to=LIVE, attempt=self._attempt, arrived_until=until
            )
        self._note("live there")

    # Giving up

    def _release(self, place: Place) -> None:
        """Have the account live again where it was, unless it is live over there.

        A transaction of the other cell that may still make it live is waited for.
        """
        with self.target.database.writing() as connection:
            hosting.lock_appends(connection)
            if self._arrived_in(connection):
                return
        with self.source.database.writing() as connection:
            here = hosting.hosting_of(connection, self.account)
            if here.state != LEAVING or here.attempt != self._attempt:
                return
            m = outbox_messages.c
            ours = update(outbox_messages).where(m.account == self.account, m.claim == HOLDER)
            connection.execute(ours.values(claim=None, claimed_until=0))
            names = self._lease_names(connection)
            held = update(t.leases).where(t.leases.c.name.in_(names), t.leases.c.holder == HOLDER)
            connection.execute(held.values(expires_at=0, holder=None))
            hosting.change(connection, self.account, LEAVING, to=LIVE, attempt=self._attempt)
        with self.directory.changing() as connection:
            set_place(connection, replace(place, state=LIVE))
        self._end_of_fence()

    # What is looked up

    def _place(self) -> Place:
        _, _, places = self.directory.read()
        if (place := places.get(self.account)) is None:
            raise DirectoryError(f"The directory knows no account {self.account}.")
        return place

    @staticmethod
    def _name(cell: Cell) -> str:
        assert cell.settings.cell is not None
        return cell.settings.cell

    def _hosting(self, cell: Cell) -> Hosting:
        with cell.database.reading() as connection:
            return hosting.hosting_of(connection, self.account)

    def _arrived(self) -> bool:
        with self.target.database.snapshot() as connection:
            return self._arrived_in(connection)

    def _arrived_in(self, connection: Connection) -> bool:
        """Whether the account is live over there: one without a row has to have events, too."""
        found = hosting.state_of(connection, self.account)
        return found == LIVE and checkpoints.account_head(connection, self.account) > 0

    def _last_event(self) -> int:
        with self.source.database.reading() as connection:
            return checkpoints.account_head(connection, self.account)

    def _lease_names(self, connection: Connection) -> Sequence[str]:
        ours = or_(subscriptions_of(self.account), subscriptions_of_streams(self.account))
        query = select(subscriptions.c.id).where(ours)
        names = list(connection.execute(query).scalars())
        hooks = select(t.hooks.c.app_key).where(t.hooks.c.account == self.account)
        return sorted([*names, *map(delivery_lease, connection.execute(hooks).scalars())])

    def _now(self) -> int:
        return self.source.clock.micros()

    @contextmanager
    def _writing_there(self) -> Iterator[Connection]:
        """A transaction of the other cell, for as long as the account arrives there by this try."""
        with self.target.database.writing() as connection:
            hosting.require(connection, self.account, ARRIVING, attempt=self._attempt)
            yield connection

    @staticmethod
    def _producers(cell: Cell) -> dict[str, Projection]:
        """What makes messages of events: all of those that the cell recorded have to be made."""
        found: dict[str, Projection] = {OUTBOX: OutboxProjection(cell.clock.micros)}
        for kind in registry.KINDS.values():
            if kind.follower is not None:
                found[kind.subscription] = kind.follower(cell.clock.micros)
        return found

    def _fold(self) -> None:
        """Bring the views over there to the head, with what is left out of messages."""
        self._catch_up(self.target, VIEWS)
        head = self.target.store.head()
        for name, projection in self._producers(self.target).items():
            database = self.target.database
            checkpoints.catch_up(database, self.target.loader(), name, projection, head)

    @staticmethod
    def _catch_up(cell: Cell, views: Mapping[str, Callable[[], Projection]]) -> None:
        head = cell.store.head()
        for name, view in views.items():
            checkpoints.catch_up(cell.database, cell.loader(), name, view(), head)

    def _end_of_fence(self) -> None:
        if self._fenced_at is not None:
            self.seconds_fenced = time.monotonic() - self._fenced_at
            self._fenced_at = None

    def _note(self, step: str, note: str = "") -> None:
        dialect = sqlite if self.directory.database.sqlite else postgresql
        row = {
            "account": self.account,
            "number": self._epoch,
            "step": step,
            "source": self._name(self.source),
            "target": self._name(self.target),
        }
        values = {"at": self._now(), "note": note}
        new = dialect.insert(moves).values(**row, **values)
        keys = ["account", "number", "step"]
        with self.directory.database.writing() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=keys, set_=values))
        self.done(step)
