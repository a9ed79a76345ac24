"""What hooks are owed until it is told, every attempt to tell it, and when a hook is left alone.

A hook's notices are told under a lease of its own, the cursor `courier:<app key>`, which is at no
place in the ledger: judging new entries, the hook's other cursor, goes on beside the telling.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, tuple_, update

from oms_ledger.notifications.webhook import KEPT_FOR
from projections.notifications.feeds import SECOND
from projections.subscriptions import checkpoints as cursors
from projections.subscriptions import dead_letters
from projections.subscriptions.checkpoints import now_micros
from projections.subscriptions.dead_letters import Letter
from projections.subscriptions.notification import event_id, put_absent
from projections.tables import attempts, deliveries, hooks
from projections.tables import dead_letters as letters_table

CIRCUIT_FAILURES, CIRCUIT_PAUSE = 20, 30 * SECOND
ATTEMPTS_KEPT = 14 * 86_400 * SECOND
DUE = "pushes"
"""Under this name all hooks are woken that are owed something now."""


def hook_cursor(app_key: str) -> str:
    return f"hook:{app_key}"


def courier_cursor(app_key: str) -> str:
    return f"{cursors.COURIER}{app_key}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice owed: `body` is what is posted; instants in microseconds."""

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

    `quiet_until`: when the endpoint asked not to be told anything before, else 0.
    """

    delivery: Delivery
    at: int
    duration: int
    outcome: str
    accepted: bool
    next_at: int = 0
    quiet_until: int = 0


def owe(connection: Connection, app_key: str, rows: list[dict[str, Any]]) -> None:
    """Add what was produced again, where it is not waiting still; its attempts are counted on."""
    known = _made(connection, app_key, [row["position"] for row in rows])
    put_absent(
        connection,
        deliveries,
        [{**row, "app_key": app_key, "attempts": known.get(row["position"], 0)} for row in rows],
    )


def _made(connection: Connection, app_key: str, positions: Sequence[int]) -> dict[int, int]:
    query = (
        select(attempts.c.position, func.max(attempts.c.attempt))
        .where(attempts.c.app_key == app_key, attempts.c.position.in_(positions))
        .group_by(attempts.c.position)
    )
    return {position: number for position, number in connection.execute(query)}


def requeue(connection: Connection, app_key: str, letters: Sequence[Letter]) -> None:
    """Dead notices are owed again."""
    now = now_micros()
    owe(
        connection,
        app_key,
        [
            {
                "position": letter.position,
                "event_id": event_id(hook_cursor(app_key), letter.position),
                "order_id": letter.order_id,
                "notice": letter.content,
                "produced_at": now,
                "due_at": now,
            }
            for letter in letters
        ],
    )


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
    """What a hook may be told now, the oldest first, later ones of the same orders included."""
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
            row.notice,
            row.produced_at,
            row.attempts,
            row.replayed,
        )
        for row in connection.execute(query)
    ]


class Waiting:
    """What one hook is owed now, in memory of whoever holds its lease; an order's go in order.

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

    def take_in(self, found: Sequence[Delivery]) -> int:
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
        """The next notices, one an order, of orders of which none is on its way."""
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
    """What came of some attempts: told, to be tried again, or dead after three days."""
    mine = deliveries.c.app_key == app_key
    query = select(hooks.c.resumed_at).where(hooks.c.app_key == app_key)
    resumed_at = connection.execute(query).scalar_one_or_none() or 0
    rows, gone, letters = list[dict[str, Any]](), list[int](), list[Letter]()
    for attempt in made:
        owed, next_at = attempt.delivery, None
        tried_for = attempt.at - max(owed.produced_at, resumed_at)
        if attempt.accepted:
            gone.append(owed.position)
        elif tried_for > KEPT_FOR.total_seconds() * SECOND:
            gone.append(owed.position)
            letters.append(
                Letter(owed.position, owed.order_id, attempt.outcome, attempt.at, owed.body)
            )
        else:
            next_at = attempt.next_at
            again = {"attempts": owed.attempts + 1, "due_at": next_at}
            this = mine & (deliveries.c.position == owed.position)
            connection.execute(update(deliveries).where(this).values(again))
        rows.append(
            {
                "app_key": app_key,
                "position": owed.position,
                "attempt": owed.attempts + 1,
                "at": attempt.at,
                "duration": attempt.duration,
                "outcome": attempt.outcome,
                "order_id": owed.order_id,
                "next_at": next_at,
            }
        )
    connection.execute(insert(attempts), rows)
    dead_letters.bury(connection, hook_cursor(app_key), letters)
    connection.execute(delete(deliveries).where(mine, deliveries.c.position.in_(gone)))
    _circuit(connection, app_key, made)


def _circuit(connection: Connection, app_key: str, made: Sequence[Attempt]) -> None:
    """Failures in a row are counted on the hook; from the twentieth on it is left alone."""
    mine = hooks.c.app_key == app_key
    quiet = max(attempt.quiet_until for attempt in made)
    if any(attempt.accepted for attempt in made):
        dirty = (hooks.c.failures > 0) | (hooks.c.opens_at > 0)
        told = {"failures": 0, "opens_at": quiet}
        connection.execute(update(hooks).where(mine, dirty | (quiet > 0)).values(told))
        return
    failures = hooks.c.failures + len(made)
    connection.execute(update(hooks).where(mine).values(failures=failures, opens_at=quiet))
    opened = mine & (hooks.c.failures >= CIRCUIT_FAILURES)
    until = max(quiet, now_micros() + CIRCUIT_PAUSE)
    connection.execute(update(hooks).where(opened).values(opens_at=until))


def with_due(connection: Connection, now: int, app_key: str | None = None) -> list[str]:
    """The keys of hooks that are owed something now and may be told it; of all, or this one."""
    waiting = (
        select(deliveries.c.app_key)
        .where(deliveries.c.app_key == hooks.c.app_key, _startable(now))
        .exists()
    )
    query = select(hooks.c.app_key).where(
        hooks.c.opens_at <= now, hooks.c.paused_at.is_(None), waiting
    )
    if app_key is not None:
        query = query.where(hooks.c.app_key == app_key)
    return list(connection.execute(query).scalars())


def owed(connection: Connection) -> dict[str, int]:
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
        select(letters_table.c.position)
        .where(
            letters_table.c.cursor == "hook:" + attempts.c.app_key,
            letters_table.c.position == attempts.c.position,
        )
        .exists()
    )
    old = delete(attempts).where(attempts.c.at < now - ATTEMPTS_KEPT, ~waits, ~dead)
    return connection.execute(old).rowcount


@dataclass(frozen=True, slots=True)
class Made:
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
) -> list[Made]:
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
        Made(r.position, r.attempt, r.order_id, r.at, r.duration, r.outcome, r.next_at)
        for r in rows
    ]


@dataclass(frozen=True, slots=True)
class Owed:
    """A notice that waits; instants in microseconds. `next_at`: when it is due."""

    position: int
    event_id: str
    order_id: str
    body: str
    produced_at: int
    attempts: int
    next_at: int
    replayed: bool


def peek(connection: Connection, app_key: str, after: int, limit: int) -> list[Owed]:
    """What is owed past a position, in order of the ledger; nothing changes by looking."""
    query = (
        select(deliveries)
        .where(deliveries.c.app_key == app_key, deliveries.c.position > after)
        .order_by(deliveries.c.position)
        .limit(limit)
    )
    return [
        Owed(
            row.position,
            row.event_id,
            row.order_id,
            row.notice,
            row.produced_at,
            row.attempts,
            row.due_at,
            row.replayed,
        )
        for row in connection.execute(query)
    ]


def overview(connection: Connection, app_key: str) -> tuple[int, int | None, int]:
    """How much a hook is owed, since when its oldest notice waits, and its dead letters."""
    query = select(func.count(), func.min(deliveries.c.produced_at))
    count, oldest = connection.execute(query.where(deliveries.c.app_key == app_key)).one()
    return count, oldest, dead_letters.count(connection, hook_cursor(app_key))
