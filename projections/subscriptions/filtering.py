"""Judging a page of entries by the filters of an account: every entry by every filter.

The filters of one page share what they look into: each entry is folded once, and each part of
its document is built once. A filter whose evaluation takes long breaks off in the middle of the
page; the others go on without it, and its cursor goes on from there by itself (G44).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

import structlog
from sqlalchemy import select

from oms_ledger import jsonata
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Folds
from oms_ledger.eventstore.records import Row, instant
from oms_ledger.notifications.filters import Filter, FromOrders, FromWorkflow
from oms_ledger.orders.evolve import UNSEEN
from oms_ledger.orders.order import Order
from projections.subscriptions.notification import Notice, notice_of
from projections.subscriptions.order_version import Version
from projections.tables import cursors, fired, struck

PATIENCE = 10.0
"""How much more time an evaluation has in a replay, so that the clock decides nothing there."""

BUDGET = 0.25
"""Seconds that a filter may evaluate on one page before the others go on without it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """A cursor, and the filter that its entries are judged by."""

    cursor: str
    account: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class Failure:
    """An expression that failed: no notice. `struck`: the clock, which may decide otherwise.

    `killed`: it ended the process that it was evaluated in.
    """

    position: int
    order_id: str
    message: str
    struck: bool = False
    killed: bool = False


@dataclass(slots=True)
class Judged:
    """What came of a page for one cursor, which covers it up to the position `until`."""

    notices: list[Notice]
    until: int
    judged: int = 0
    micros: int = 0
    slow: bool = False
    failures: list[Failure] = field(default_factory=list)

    @property
    def killed(self) -> Failure | None:
        """The failure that ended a process; the filter is not to go on by itself after it."""
        return next((failure for failure in self.failures if failure.killed), None)


def judge(
    database: Database,
    asked: Sequence[Asking],
    rows: Sequence[Row],
    folds: Folds,
    *,
    until: int | None = None,
    fired_until: int | None = None,
    masked: bool = False,
) -> list[Judged]:
    """The notices of a page for cursors of one account that stand right before it.

    The page ends with its last entry, or at the position `until`, up to which the account has no
    others. `fired_until`: all of it is judged again, and orders count as fired only when they did
    so up to that position. `masked`: filters see documents as an account shows them that masks.
    """
    ours = [row for row in rows if row.account == asked[0].account and row.order_id]
    courts = [_Court(one, rows[-1].position if until is None else until) for one in asked]
    sitting = [court for court in courts if isinstance(court.asking.filter, FromOrders)]
    for court in courts:
        match court.asking.filter:
            case FromWorkflow() as filter:
                passing = [row for row in ours if filter.matches(row.status, row.moved)]
                court.passing, court.judged.judged = passing, len(ours)
    if sitting and ours:
        _recall(database, sitting, ours, all_again=fired_until is not None)
        _sit(sitting, ours, folds, masked=masked)
    for court in courts:
        court.sentence(database, fired_until)
    return [court.judged for court in courts]


class _Court:
    """One cursor's filter on one page."""

    def __init__(self, asking: Asking, until: int) -> None:
        self.asking = asking
        self.judged = Judged([], until)
        self.passing: list[Row] = []
        self.struck: frozenset[int] = frozenset()
        self.replaying_until = 0
        self.spent = 0.0
        if isinstance(asking.filter, FromOrders):
            self.expression = jsonata.compile(asking.filter.expression)

    @property
    def slow(self) -> bool:
        return self.spent > BUDGET

    def hear(self, version: Version) -> None:
        row = version.row
        self.judged.judged += 1
        if row.position in self.struck:
            return
        began = perf_counter()
        try:
            again = row.position <= self.replaying_until
            if version.truth(self.expression, PATIENCE if again else 1):
                self.passing.append(row)
        except jsonata.EvaluationError as error:
            self._fail(row, error)
        self.spent += perf_counter() - began

    def _fail(self, row: Row, error: jsonata.EvaluationError) -> None:
        clock = isinstance(error, jsonata.BoundExceeded) and error.bound == "time"
        killed = isinstance(error, jsonata.ChildKilled)
        failure = Failure(row.position, row.order_id or "", str(error), clock or killed, killed)
        self.judged.failures.append(failure)
        log.warning(
            "filter failed: no notice",
            cursor=self.asking.cursor,
            position=row.position,
            error=error,
        )

    def sentence(self, database: Database, fired_until: int | None) -> None:
        asking, filter = self.asking, self.asking.filter
        notices = [notice_of(asking.cursor, row) for row in self.passing]
        if isinstance(filter, FromOrders) and not filter.disable_single_fire:
            notices = _first_of_each_order(database, asking.cursor, notices, fired_until)
        self.judged.notices = notices
        self.judged.micros = int(self.spent * 1_000_000)
        self.judged.slow = self.slow


def _sit(courts: Sequence[_Court], rows: Sequence[Row], folds: Folds, *, masked: bool) -> None:
    sitting = list(courts)
    for row, event, _, folded in folds.steps(rows):
        if isinstance(event, UNSEEN):
            continue  # the document is the same as before, and was judged then
        assert isinstance(folded.state, Order)
        version = Version(row, folded.state, instant(row.at), masked=masked)
        for court in sitting:
            court.hear(version)
        last = row is rows[-1]
        ended = [court for court in sitting if court.judged.killed or (court.slow and not last)]
        if ended:
            for court in ended:
                court.judged.until = row.position
            sitting = [court for court in sitting if court not in ended]
            if not sitting:
                return


def _recall(
    database: Database, courts: Sequence[_Court], rows: Sequence[Row], *, all_again: bool
) -> None:
    """Where the clock once stopped an evaluation it stays stopped: a replay decides alike."""
    names = [court.asking.cursor for court in courts]
    put_back = select(cursors.c.id, cursors.c.replaying_until).where(
        cursors.c.id.in_(names), cursors.c.replaying_until >= rows[0].position
    )
    with database.reading() as connection:
        until = {name: position for name, position in connection.execute(put_back)}
        if all_again:
            until = dict.fromkeys(names, rows[-1].position)
        if not until:
            return
        query = select(struck.c.cursor, struck.c.position).where(
            struck.c.cursor.in_(list(until)),
            struck.c.position.between(rows[0].position, rows[-1].position),
        )
        known = connection.execute(query).all()
    for court in courts:
        name = court.asking.cursor
        court.replaying_until = until.get(name, 0)
        court.struck = frozenset(position for cursor, position in known if cursor == name)


def _first_of_each_order(
    database: Database, cursor: str, notices: list[Notice], until: int | None
) -> list[Notice]:
    if not notices:
        return []
    orders = {notice.order_id for notice in notices}
    query = select(fired.c.order_id).where(fired.c.cursor == cursor, fired.c.order_id.in_(orders))
    if until is not None:
        query = query.where(fired.c.position <= until)
    with database.reading() as connection:
        known = set(connection.execute(query).scalars())
    first: list[Notice] = []
    for notice in notices:
        if notice.order_id not in known:
            known.add(notice.order_id)
            first.append(notice)
    return first
