"""The process that follows the ledger: keeps the views, and wakes the cursors behind it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import structlog
from sqlalchemy import Connection

from oms_ledger.ledger.database import Database
from oms_ledger.wiring import Cell
from projections import calls, cursors, due_times, feeds, hooks, order_views, people, tasks
from projections.cursors import Fenced
from projections.due_times import DueTimes
from projections.order_views import OrderViews
from projections.people import People
from projections.tasks import Tasks
from workers import wakeups
from workers.stopping import Stop

VIEWS: dict[str, type[OrderViews] | type[DueTimes] | type[People] | type[Tasks]] = {
    order_views.CURSOR: OrderViews,
    due_times.CURSOR: DueTimes,
    people.CURSOR: People,
    tasks.CURSOR: Tasks,
}
_LOOK = 0.01  # seconds between looks at SQLite's change counter
_AT_LEAST = 1.0  # seconds after which the head is looked at without news

log = structlog.get_logger(__name__)


def ensure_cursors(database: Database) -> None:
    """The views' cursors exist from the first start on.

    A release that folds a view otherwise than before says so by its shape: the view's cursor goes
    back to the first entry then, and the view is folded anew while the old one is served.
    """
    with database.writing() as connection:
        known = cursors.positions(connection)
        for cursor, destination in VIEWS.items():
            if cursor not in known:
                cursors.create(connection, cursor, 0)
            if cursors.reshape(connection, cursor, destination.shape):
                log.info("the view is folded anew from the first entry", cursor=cursor)


class _View:
    """A view's cursor in the hands of this projector, for as long as nobody takes it over."""

    def __init__(self, cell: Cell, cursor: str) -> None:
        self._database, self._cursor = cell.database, cursor
        self._folds = cell.folds()
        self._token: int | None = None

    def catch_up(self) -> None:
        """Advance to the head; nothing without the lease."""
        if self._token is None:
            self._token = cursors.take(self._database, self._cursor)
        if self._token is None:
            return
        view = VIEWS[self._cursor]()
        try:
            while cursors.advance(self._database, self._folds, self._cursor, self._token, view):
                pass
        except Fenced:
            self._token = None  # a reader, or a spare projector, took it over: ask again
            log.info("the lease of the view went to somebody else", cursor=self._cursor)

    def release(self) -> None:
        if self._token is not None:
            cursors.release(self._database, self._cursor, self._token)


def project(cell: Cell, stop: Stop) -> None:
    """Follow the ledger until stopped. A second projector is a hot spare.

    Who waits for news is woken before the views are brought up, which may take a while.
    """
    views = [_View(cell, cursor) for cursor in VIEWS]
    seen = cell.store.head()  # what was missed before, the clock finds
    with _news(cell.database) as news:
        try:
            while not stop.is_set():
                seen, accounts = cell.store.accounts_after(seen)
                if accounts:
                    wakeups.wake(cell.redis, followers(cell.database, accounts))
                for view in views:
                    view.catch_up()
                if not stop.is_set():
                    next(news)
        finally:
            for view in views:
                view.release()


def followers(database: Database, accounts: Sequence[str]) -> list[str]:
    """What to wake: hooks and feeds, those of an account together, and the calls."""
    with database.reading() as connection:
        with_feeds = feeds.accounts_with(connection, accounts)
        with_hooks = hooks.accounts_with(connection, accounts)
    return [
        *map(hooks.together, with_hooks),
        *map(feeds.together, with_feeds),
        calls.CURSOR,
    ]


@contextmanager
def _news(database: Database) -> Iterator[Iterator[None]]:
    """Yields when something may have been appended: told by PostgreSQL, seen in SQLite."""
    if database.sqlite:
        with database.engine.connect() as connection:
            yield _sqlite_news(connection)
        return
    with psycopg.connect(database.url, autocommit=True) as listener:
        listener.execute("LISTEN ledger")
        yield _postgres_news(listener)


def _postgres_news(listener: psycopg.Connection) -> Iterator[None]:
    while True:
        for _ in listener.notifies(timeout=_AT_LEAST, stop_after=1):
            pass
        yield


def _sqlite_news(connection: Connection) -> Iterator[None]:
    seen = None
    while True:
        until = time.monotonic() + _AT_LEAST
        while time.monotonic() < until:
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            if version != seen:
                seen = version
                break
            time.sleep(_LOOK)
        yield
