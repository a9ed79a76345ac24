"""What hooks have pending until it is delivered, every attempt, and when a hook is skipped.

A hook's notifications are sent under a lease of its own, `delivery:<app key>`: evaluating new
events, under the lease of its subscription, goes on beside the sending.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, tuple_, update

from oms_ledger.eventstore.tables import events
from oms_ledger.notifications.channel import WEBHOOK
from projections.notifications.feeds import SECOND
from projections.outbox import circuit
from projections.subscriptions import dead_letters
from projections.subscriptions.dead_letters import DeadLetter
from projections.subscriptions.notification import event_id, insert_missing
from projections.tables import attempts, deliveries, hooks
from projections.tables import dead_letters as dead_letters_table

assert WEBHOOK.deadline is not None
KEPT_FOR = WEBHOOK.deadline.total_seconds() * SECOND
ATTEMPTS_KEPT = 14 * 86_400 * SECOND
DUE = "pushes"
"""Under this name all hooks are signaled that have pending something now."""


def hook_subscription(app_key: str) -> str:
    return f"hook:{app_key}"


def delivery_lease(app_key: str) -> str:
    return f"delivery:{app_key}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification pending: `body` is what is posted; instants in microseconds."""

    position: int
    event_id: str
    order_id: str
    body: str
    produced_at: int
    attempts: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: when it began and how long it took (microseconds), and what came back.

    `quiet_until`: before which the endpoint asked to be sent nothing, else 0.
    """

    delivery: Delivery
    at: int
    duration: int
    outcome: str
    accepted: bool
    next_at: int = 0
    retry_not_before: int = 0


def enqueue(connection: Connection, app_key: str, rows: list[dict[str, Any]]) -> None:
    """Add what was produced again, where it is not waiting still; its attempts are counted on."""
    known = _attempt_counts(connection, app_key, [row["position"] for row in rows])
    insert_missing(
        connection,
        deliveries,
        [{**row, "app_key": app_key, "attempts": known.get(row["position"], 0)} for row in rows],
    )


def _attempt_counts(
    connection: Connection, app_key: str, positions: Sequence[int]
) -> dict[int, int]:
    query = (
        select(attempts.c.position, func.max(attempts.c.attempt))
        .where(attempts.c.app_key == app_key, attempts.c.position.in_(positions))
        .group_by(attempts.c.position)
    )
    return {position: number for position, number in connection.execute(query)}


def requeue(connection: Connection, app_key: str, letters_: Sequence[DeadLetter], now: int) -> None:
    """Dead notifications have pending again, under the ids that they had."""
    first = _first_positions(connection, [one.position for one in letters_])
    enqueue(
        connection,
        app_key,
        [
            {
                "position": dead_letter_.position,
                "event_id": event_id(
                    hook_subscription(app_key),
                    first.get(dead_letter_.position, dead_letter_.position),
                ),
                "order_id": dead_letter_.order_id,
                "notification": dead_letter_.content,
                "produced_at": now,
                "due_at": now,
            }
            for dead_letter_ in letters_
        ],
    )


def _first_positions(connection: Connection, positions: Sequence[int]) -> dict[int, int]:
    """What ids are made of, of those events where it is not the position."""
    query = select(events.c.position, events.c.origin_position).where(
        events.c.position.in_(positions), events.c.origin_position.is_not(None)
    )
    return {position: first for position, first in connection.execute(query)}


def _startable(now: int) -> ColumnElement[bool]:
    """Due, with nothing of the same order before it that waits for its next attempt."""
    return (deliveries.c.due_at <= now) & ~_blocked(now)


def _blocked(now: int) -> ColumnElement[bool]:
    earlier = deliveries.alias()
    return (
        select(earlier.c.position)
        .where(
            earlier.c.app_key == deliveries.c.app_key,
            earlier.c.order_id == deliveries.c.order_id,
            earlier.c.position < deliveries.c.position,
            earlier.c.due_at > now,
        )
        .exists()
    )


def startable(connection: Connection, app_key: str, now: int, limit: int) -> list[Delivery]:
    """What a hook may be given now, the oldest first, later ones of the same orders included."""
    # By position, whatever else there is an index for: a backlog is not sorted for each look.
    due, unblocked = deliveries.c.due_at + 0 <= now, ~_blocked(now)
    query = (
        select(deliveries)
        .where(deliveries.c.app_key == app_key, due, unblocked)
        .order_by(deliveries.c.position)
        .limit(limit)
    )
    return [
        Delivery(
            row.position,
            row.event_id,
            row.order_id,
            row.notification,
            row.produced_at,
            row.attempts,
            row.replayed,
        )
        for row in connection.execute(query)
    ]


class Waiting:
    """What one hook has pending now, in memory of whoever holds its lease; an order's go in order.

    Used from one thread. What is looked up meanwhile in another may be out of date when it is
    taken in: what was settled since the look-up began (`looking`) is left for the next one.
    """

    def __init__(self) -> None:
        self._orders: dict[str, deque[Delivery]] = {}
        self._known: set[int] = set()
        self._busy: set[str] = set()
        self._settled: set[int] = set()
        self._held_back: set[str] = set()

    def looking(self, more: int) -> int:
        """A look-up begins: how many it should look up, to find so many more."""
        self._settled.clear()
        self._held_back.clear()
        return len(self._known) + more

    def acquire_in(self, found: Sequence[Delivery]) -> int:
        """What a look-up found; how many of it are new."""
        new, held_back = 0, self._held_back
        for delivery in found:
            position, order = delivery.position, delivery.order_id
            if not (position in self._known or position in self._settled or order in held_back):
                new += 1
                self._known.add(position)
                self._orders.setdefault(order, deque()).append(delivery)
        return new

    def start(self, most: int) -> list[Delivery]:
        """The next notifications, one an order, of orders of which none is on its way."""
        free = [order for order in self._orders if order not in self._busy]
        free.sort(key=lambda order: self._orders[order][0].position)
        self._busy.update(free[:most])
        return [self._orders[order][0] for order in free[:most]]

    def settle(self, made: Iterable[Attempt]) -> None:
        """After the attempts were recorded: what failed holds back the rest of its order."""
        for attempt in made:
            order = attempt.delivery.order_id
            self._busy.discard(order)
            queue = self._orders[order]
            settled = [queue.popleft()] if attempt.accepted else list(queue)
            positions = [delivery.position for delivery in settled]
            self._known.difference_update(positions)
            self._settled.update(positions)
            if not attempt.accepted:
                self._held_back.add(order)
            if not attempt.accepted or not queue:
                del self._orders[order]

    @property
    def idle(self) -> bool:
        """Whether nothing could be started."""
        return len(self._orders) == len(self._busy)


def record(connection: Connection, app_key: str, made: Sequence[Attempt]) -> None:
    """What came of some attempts: given, to be tried again, or dead after three days."""
    mine = deliveries.c.app_key == app_key
    query = select(hooks.c.resumed_at).where(hooks.c.app_key == app_key)
    resumed_at = connection.execute(query).scalar_one_or_none() or 0
    rows, gone, letters_ = list[dict[str, Any]](), list[int](), list[DeadLetter]()
    for attempt in made:
        pending, next_at = attempt.delivery, None
        tried_for = attempt.at - max(pending.produced_at, resumed_at)
        if attempt.accepted:
            gone.append(pending.position)
        elif tried_for > KEPT_FOR:
            gone.append(pending.position)
            letters_.append(
                DeadLetter(
                    pending.position, pending.order_id, attempt.outcome, attempt.at, pending.body
                )
            )
        else:
            next_at = attempt.next_at
            again = {"attempts": pending.attempts + 1, "due_at": next_at}
            this = mine & (deliveries.c.position == pending.position)
            connection.execute(update(deliveries).where(this).values(again))
        rows.append(
            {
                "app_key": app_key,
                "position": pending.position,
                "attempt": pending.attempts + 1,
                "at": attempt.at,
                "duration": attempt.duration,
                "outcome": attempt.outcome,
                "order_id": pending.order_id,
                "next_at": next_at,
            }
        )
    connection.execute(insert(attempts), rows)
    dead_letters.dead_letter(connection, hook_subscription(app_key), letters_)
    connection.execute(delete(deliveries).where(mine, deliveries.c.position.in_(gone)))
    _circuit(connection, app_key, made)


def _circuit(connection: Connection, app_key: str, made: Sequence[Attempt]) -> None:
    """Failures in a row are counted on the hook, which is skipped while its circuit is open."""
    mine = hooks.c.app_key == app_key
    quiet = max(attempt.retry_not_before for attempt in made)
    if any(attempt.accepted for attempt in made):
        circuit.record_answer(connection, hooks, mine, quiet_until=quiet)
        return
    circuit.record_silence(
        connection,
        hooks,
        mine,
        WEBHOOK.circuit,
        now=max(attempt.at + attempt.duration for attempt in made),
        attempts=len(made),
        quiet_until=quiet,
    )


def with_due(connection: Connection, now: int, app_key: str | None = None) -> list[str]:
    """The keys of hooks that have pending something now and may be given it; of all, or this
    one.
    """
    waiting = (
        select(deliveries.c.app_key)
        .where(deliveries.c.app_key == hooks.c.app_key, _startable(now))
        .exists()
    )
    query = select(hooks.c.app_key).where(
        hooks.c.circuit_open_until <= now, hooks.c.paused_at.is_(None), waiting
    )
    if app_key is not None:
        query = query.where(hooks.c.app_key == app_key)
    return list(connection.execute(query).scalars())


def pending(connection: Connection) -> dict[str, int]:
    query = select(deliveries.c.app_key, func.count()).group_by(deliveries.c.app_key)
    return {key: count for key, count in connection.execute(query)}


def forget_attempts(connection: Connection, now: int) -> int:
    """Attempts older than two weeks go, those of what still waits or is dead stay; how many."""
    waits = (
        select(deliveries.c.position)
        .where(
            deliveries.c.app_key == attempts.c.app_key,
            deliveries.c.position == attempts.c.position,
        )
        .exists()
    )
    dead = (
        select(dead_letters_table.c.position)
        .where(
            dead_letters_table.c.subscription == "hook:" + attempts.c.app_key,
            dead_letters_table.c.position == attempts.c.position,
        )
        .exists()
    )
    old = delete(attempts).where(attempts.c.at < now - ATTEMPTS_KEPT, ~waits, ~dead)
    return connection.execute(old).rowcount


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt as it is remembered; instants and duration in microseconds."""

    position: int
    attempt: int
    order_id: str | None
    """None for attempts of a release that did not note it."""
    at: int
    duration: int
    outcome: str
    next_at: int | None


def attempts_of(
    connection: Connection,
    app_key: str,
    *,
    before: tuple[int, int, int] | None = None,
    position: int | None = None,
    failed: bool = False,
    limit: int = 100,
) -> list[AttemptRecord]:
    """The latest attempts first; `before` is the at, position and number of one to go on from."""
    key = (attempts.c.at, attempts.c.position, attempts.c.attempt)
    query = select(attempts).where(attempts.c.app_key == app_key)
    if position is not None:
        query = query.where(attempts.c.position == position)
    if failed:
        query = query.where(attempts.c.outcome != "HTTP 200")
    if before is not None:
        query = query.where(tuple_(*key) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in key)).limit(limit)
    rows = connection.execute(query).all()
    return [
        AttemptRecord(r.position, r.attempt, r.order_id, r.at, r.duration, r.outcome, r.next_at)
        for r in rows
    ]


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """A notification that waits; instants in microseconds. `next_at`: when it is due."""

    position: int
    event_id: str
    order_id: str
    body: str
    produced_at: int
    attempts: int
    next_at: int
    replayed: bool


def peek(connection: Connection, app_key: str, after: int, limit: int) -> list[PendingDelivery]:
    """What has pending past a position, in order of the ledger; nothing changes by looking."""
    query = (
        select(deliveries)
        .where(deliveries.c.app_key == app_key, deliveries.c.position > after)
        .order_by(deliveries.c.position)
        .limit(limit)
    )
    return [
        PendingDelivery(
            row.position,
            row.event_id,
            row.order_id,
            row.notification,
            row.produced_at,
            row.attempts,
            row.due_at,
            row.replayed,
        )
        for row in connection.execute(query)
    ]


def overview(connection: Connection, app_key: str) -> tuple[int, int | None, int]:
    """How much a hook has pending, since when its oldest notification waits, and its dead
    letters.
    """
    query = select(func.count(), func.min(deliveries.c.produced_at))
    count, oldest = connection.execute(query.where(deliveries.c.app_key == app_key)).one()
    return count, oldest, dead_letters.count(connection, hook_subscription(app_key))
