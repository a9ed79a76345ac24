"""Evaluating a page of events by the filters of an account: every event by every filter.

The filters of one page share what they look into: each event is applied once, and each part of
its document is built once. A filter whose evaluation takes long breaks off in the middle of the
page; the others go on without it, and its subscription goes on from there by itself (G44).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

import structlog
from sqlalchemy import select

from oms_ledger import jsonata
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import RecordedEvent, instant
from oms_ledger.notifications.filters import Filter, FromOrders, FromWorkflow
from oms_ledger.orders.evolve import NOT_IN_DOCUMENT
from oms_ledger.orders.order import Order
from projections.subscriptions.notification import Notification, notification_of
from projections.subscriptions.order_version import OrderVersion
from projections.tables import filter_timeouts, single_fire_orders, subscriptions

PATIENCE = 10.0
"""How much more time an evaluation has in a replay, so that the clock decides nothing there."""

BUDGET = 0.25
"""Seconds that a filter may evaluate on one page before the others go on without it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """A subscription, and the filter that its events are evaluated by."""

    subscription: str
    account: str
    filter: Filter

    @property
    def isolated(self) -> bool:
        """Whether a child evaluates it: who waits for its answer may wait long."""
        if not isinstance(self.filter, FromOrders):
            return False
        try:
            return jsonata.compile(self.filter.expression).isolated
        except jsonata.ExpressionError:
            return False


@dataclass(frozen=True, slots=True)
class Failure:
    """An expression that failed: no notification. `struck`: the clock, which may decide otherwise.

    `killed`: it ended the process that it was evaluated in.
    """

    position: int
    order_id: str
    message: str
    timed_out: bool = False
    killed: bool = False


@dataclass(slots=True)
class FilterResult:
    """What came of a page for one subscription, which covers it up to the position `until`."""

    notifications: list[Notification]
    until: int
    evaluated: int = 0
    micros: int = 0
    slow: bool = False
    failures: list[Failure] = field(default_factory=list)

    @property
    def killed(self) -> Failure | None:
        """The failure that ended a process; the filter is not to go on by itself after it."""
        return next((failure for failure in self.failures if failure.killed), None)


def evaluate(
    database: Database,
    requested: Sequence[SubscriptionFilter],
    rows: Sequence[RecordedEvent],
    loader: StreamLoader,
    *,
    until: int | None = None,
    fired_before: int | None = None,
    masked: bool = False,
) -> list[FilterResult]:
    """The notifications of a page for subscriptions of one account that stand right before it.

    The page ends with its last event, or at the position `until`, up to which the account has no
    others. `fired_until`: all of it is evaluated again, and orders count as fired only when they
    did so up to that position. `masked`: filters see documents as an account shows them that masks.
    """
    ours = [row for row in rows if row.account == requested[0].account and row.order_id]
    runs = [FilterRun(one, rows[-1].position if until is None else until) for one in requested]
    running = [run for run in runs if isinstance(run.filter_of.filter, FromOrders)]
    for run in runs:
        match run.filter_of.filter:
            case FromWorkflow() as filter:
                matching = [row for row in ours if filter.matches(row.status, row.moved)]
                run.matching, run.evaluated.evaluated = matching, len(ours)
    if running and ours:
        _load_timeouts(database, running, ours, all_again=fired_before is not None)
        _evaluate(running, ours, loader, masked=masked)
    for run in runs:
        run.finish(database, fired_before)
    return [run.evaluated for run in runs]


class FilterRun:
    """One subscription's filter on one page."""

    def __init__(self, filter_of: SubscriptionFilter, until: int) -> None:
        self.filter_of = filter_of
        self.evaluated = FilterResult([], until)
        self.matching: list[RecordedEvent] = []
        self.timed_out: frozenset[int] = frozenset()
        self.replay_until = 0
        self.spent = 0.0
        self.expression: jsonata.Expression | None = None
        self.refusal = ""
        if isinstance(filter_of.filter, FromOrders):
            # One that was configured by other rules fails alone: the account's others go on.
            try:
                self.expression = jsonata.compile(filter_of.filter.expression)
            except jsonata.ExpressionError as error:
                self.refusal = str(error)

    @property
    def slow(self) -> bool:
        """Whether it took more of the page's time than a filter may."""
        return self.spent > BUDGET

    def evaluate_version(self, version: OrderVersion) -> None:
        """Evaluate the filter on a version; an error is kept, and counts for no match."""
        row = version.row
        self.evaluated.evaluated += 1
        if row.position in self.timed_out:
            return
        began = perf_counter()
        try:
            if self.expression is None:
                raise jsonata.EvaluationError(self.refusal)
            again = row.position <= self.replay_until
            if version.truth(self.expression, PATIENCE if again else 1):
                self.matching.append(row)
        except jsonata.EvaluationError as error:
            self._fail(row, error)
        self.spent += perf_counter() - began

    def _fail(self, row: RecordedEvent, error: jsonata.EvaluationError) -> None:
        clock = isinstance(error, jsonata.BoundExceeded) and error.bound == "time"
        killed = isinstance(error, jsonata.ChildKilled)
        failure = Failure(row.position, row.order_id or "", str(error), clock or killed, killed)
        self.evaluated.failures.append(failure)
        log.warning(
            "filter failed: no notification",
            subscription=self.filter_of.subscription,
            position=row.position,
            error=error,
        )

    def finish(self, database: Database, fired_before: int | None) -> None:
        """Make the notifications, of a single-fire filter for the first match of an order alone."""
        filter_of, filter = self.filter_of, self.filter_of.filter
        notifications = [notification_of(filter_of.subscription, row) for row in self.matching]
        if isinstance(filter, FromOrders) and not filter.disable_single_fire:
            notifications = _first_of_each_order(
                database, filter_of.subscription, notifications, fired_before
            )
        self.evaluated.notifications = notifications
        self.evaluated.micros = int(self.spent * 1_000_000)
        self.evaluated.slow = self.slow


def _evaluate(
    runs: Sequence[FilterRun], rows: Sequence[RecordedEvent], loader: StreamLoader, *, masked: bool
) -> None:
    running = list(runs)
    for row, event, _, loaded_state in loader.steps(rows):
        if isinstance(event, NOT_IN_DOCUMENT):
            continue  # the document is the same as before, and was evaluated then
        assert isinstance(loaded_state.state, Order)
        version = OrderVersion(row, loaded_state.state, instant(row.at), masked=masked)
        for run in running:
            run.evaluate_version(version)
        last = row is rows[-1]
        ended = [run for run in running if run.evaluated.killed or (run.slow and not last)]
        if ended:
            for run in ended:
                run.evaluated.until = row.position
            running = [run for run in running if run not in ended]
            if not running:
                return


def _load_timeouts(
    database: Database, runs: Sequence[FilterRun], rows: Sequence[RecordedEvent], *, all_again: bool
) -> None:
    """Where the clock once stopped an evaluation it stays stopped: a replay decides alike."""
    names = [run.filter_of.subscription for run in runs]
    rewind = select(subscriptions.c.id, subscriptions.c.replay_until).where(
        subscriptions.c.id.in_(names), subscriptions.c.replay_until >= rows[0].position
    )
    with database.snapshot() as connection:
        until = {name: position for name, position in connection.execute(rewind)}
        if all_again:
            until = dict.fromkeys(names, rows[-1].position)
        if not until:
            return
        query = select(filter_timeouts.c.subscription, filter_timeouts.c.position).where(
            filter_timeouts.c.subscription.in_(list(until)),
            filter_timeouts.c.position.between(rows[0].position, rows[-1].position),
        )
        known = connection.execute(query).all()
    for run in runs:
        name = run.filter_of.subscription
        run.replay_until = until.get(name, 0)
        run.timed_out = frozenset(
            position for subscription, position in known if subscription == name
        )


def _first_of_each_order(
    database: Database, subscription: str, notifications: list[Notification], until: int | None
) -> list[Notification]:
    if not notifications:
        return []
    orders = {notification.order_id for notification in notifications}
    query = select(single_fire_orders.c.order_id).where(
        single_fire_orders.c.subscription == subscription, single_fire_orders.c.order_id.in_(orders)
    )
    if until is not None:
        query = query.where(single_fire_orders.c.position <= until)
    with database.reading() as connection:
        known = set(connection.execute(query).scalars())
    first: list[Notification] = []
    for notification in notifications:
        if notification.order_id not in known:
            known.add(notification.order_id)
            first.append(notification)
    return first
