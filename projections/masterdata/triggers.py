"""Runs of triggers: each version of a document or an order fires each trigger once at most.

The runs are a function of the ledger: whoever reads the events again makes none twice.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.folding import Page, StreamLoader, StreamState, Transition
from oms_ledger.eventstore.records import instant, micros
from oms_ledger.masterdata.document import Document, searchable
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.firing import (
    Armed,
    TriggerIndex,
    fires_on_order,
    fires_on_save,
    index_of,
)
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.profiles import tells_of_client
from oms_ledger.masterdata.streams import (
    DOCUMENT,
    ENTITY,
    category_of,
    entity_of,
    entity_stream,
)
from oms_ledger.masterdata.substitution import value_at
from oms_ledger.masterdata.triggers import LONGEST_CHAIN, Trigger
from oms_ledger.masterdata.values import instant_of
from oms_ledger.orders.evolve import NOT_IN_DOCUMENT
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from projections.masterdata.orders import order_document
from projections.masterdata.tables import trigger_attempts as attempts
from projections.masterdata.tables import trigger_runs as t

SUBSCRIPTION = "triggers"
PROFILES = "(profiles)"
"""Stands for schema and trigger of the runs that save the clients of placed orders."""
WAITING, DONE, DEAD, SKIPPED, CANCELLED = "waiting", "done", "dead", "skipped", "cancelled"
STATES = (WAITING, DONE, DEAD, SKIPPED, CANCELLED)
CLAIMED_FOR = timedelta(seconds=60)
MOST_OF_A_TRIGGER = 4  # runs of one trigger under way: a sick endpoint holds up no other trigger
TOO_LONG = f"Trigger chain is longer than {LONGEST_CHAIN}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as stored; instants in microseconds."""

    id: str
    account: str
    entity: str
    schema: str
    trigger: str
    stream: str
    version: int
    position: int
    entity_version: int
    chain: int
    state: str
    due_at: int
    created_at: int
    attempts: int
    last_error: str | None
    finished_at: int | None
    claim: str | None

    @property
    def actor(self) -> str:
        """The author of what the run does."""
        return f"trigger:{self.entity}/{self.schema}/{self.trigger}"


@dataclass(frozen=True, slots=True)
class Attempt:
    attempt: int
    at: int
    duration: int
    status: int | None
    error: str | None


class _Configured:
    """The entities of a page, each as it was configured at the event at hand."""

    def __init__(self, loader: StreamLoader) -> None:
        self._folds = loader
        self._entities: dict[str, tuple[StreamState, TriggerIndex]] = {}

    def set(self, stream: str, loaded_state: StreamState) -> None:
        self._entities[stream] = (loaded_state, index_of(loaded_state.state))

    def get(self, account: str, name: str, before: int) -> tuple[StreamState, TriggerIndex]:
        """As of right before a position."""
        stream = entity_stream(account, name)
        if stream not in self._entities:
            loaded_state = StreamState(first(name), 0)
            for step in self._folds.store.streams([stream], before - 1)[-1:]:
                loaded_state = self._folds.load(stream, step.version)
            self.set(stream, loaded_state)
        return self._entities[stream]


class TriggerRuns:
    """Projection `triggers`. `found` is set when a run came to be, for whoever signals it."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.found = False
        self._quiet: dict[str, tuple[int, bool]] = {}

    def produce(self, page: Page) -> tuple[list[dict[str, Any]], list[tuple[str, str, Entity]]]:
        runs: list[dict[str, Any]] = []
        changed: dict[str, tuple[str, str, Entity]] = {}
        configured = _Configured(page.loader)
        armed = self._armed(page)
        streams = {row.stream for row in page.rows if self._looks_at(row, armed)}
        for step in page.transitions_of(streams) if streams else ():
            category, row = category_of(step.row.stream), step.row
            if category == ENTITY:
                configured.set(row.stream, step.after)
                assert isinstance(step.after.state, Entity)
                changed[row.stream] = (row.account, step.after.state.name, step.after.state)
            elif category == DOCUMENT:
                runs += self._of_document(step, configured)
            elif isinstance(step.after.state, Order):
                runs += self._of_order(step, configured)
        return runs, list(changed.values())

    def _armed(self, page: Page) -> set[str]:
        """The entity streams that may have triggers at some event of the page."""
        requested = {entity_stream(row.account, ORDERS) for row in page.rows if row.order_id}
        requested |= {
            entity_stream(row.account, entity_of(row.stream))
            for row in page.rows
            if category_of(row.stream) == DOCUMENT
        }
        touched = {row.stream for row in page.rows if category_of(row.stream) == ENTITY}
        versions = page.loader.store.versions(sorted(requested)) if requested else {}
        return touched | {stream for stream, version in versions.items() if version}

    @staticmethod
    def _looks_at(row: Any, armed: set[str]) -> bool:
        category = category_of(row.stream)
        if category == ENTITY:
            return True
        if row.order_id and row.moved and row.status == Status.ORDER_CREATED:
            return True
        name = entity_of(row.stream) if category == DOCUMENT else ORDERS if row.order_id else None
        return name is not None and entity_stream(row.account, name) in armed

    def _of_document(self, step: Transition, configured: _Configured) -> Iterator[dict[str, Any]]:
        document, row = step.after.state, step.row
        assert isinstance(document, Document)
        loaded_state, index = configured.get(row.account, document.entity, row.position)
        if not document.exists or not index:
            return
        entity = loaded_state.state
        seen = searchable(document)

        def complying(schema: str) -> bool:
            return bool(entity.schemas[schema].validator.valid(document.fields))

        for one in fires_on_save(index, seen, complying, entity.paths):
            yield self._run(step, loaded_state, one, document.chain + 1, seen)

    def _of_order(self, step: Transition, configured: _Configured) -> Iterator[dict[str, Any]]:
        order, row = step.after.state, step.row
        assert isinstance(order, Order)
        loaded_state, index = configured.get(row.account, ORDERS, row.position)
        former = step.before.state
        if tells_of_client(former if isinstance(former, Order) else None, order):
            armed = Armed(PROFILES, Trigger(PROFILES, {"type": PROFILES}))
            yield self._run(step, loaded_state, armed, 1, {})
        if not index or isinstance(step.event, NOT_IN_DOCUMENT):
            return
        names = index.names()
        after = order_document(order, names)
        before = order_document(former, names) if isinstance(former, Order) else None
        whole = dict[str, Any]()

        def complying(schema: str) -> bool:
            if not whole:
                whole.update(order_document(order))
            return bool(loaded_state.state.schemas[schema].validator.valid(whole))

        for one in fires_on_order(index, before, after, loaded_state.state.paths, complying):
            yield self._run(step, loaded_state, one, 1, order_document(order))

    def _run(
        self,
        step: Transition,
        entity: StreamState,
        armed: Armed,
        chain: int,
        document: dict[str, Any],
    ) -> dict[str, Any]:
        row, trigger = step.row, armed.trigger
        now = self._now()
        due, error = due_at(trigger, document, row.at)
        cut = chain > LONGEST_CHAIN
        return {
            "id": run_id(row.stream, row.version, armed.schema, trigger.name),
            "account": row.account,
            "entity": entity.state.name,
            "schema": armed.schema,
            "trigger": trigger.name,
            "stream": row.stream,
            "version": row.version,
            "position": row.position,
            "entity_version": entity.version,
            "chain": chain,
            "state": DEAD if cut else WAITING,
            "due_at": due,
            "created_at": now,
            "last_error": TOO_LONG if cut else error,
            "finished_at": now if cut else None,
        }

    def store(self, connection: Connection, produced: object) -> None:
        assert isinstance(produced, tuple)
        runs, changed = produced
        if runs:
            self.found = True
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(dialect.insert(t).on_conflict_do_nothing(), runs)
        for account, name, entity in changed:
            _cancel_gone(connection, account, name, entity, self._now())


def due_at(trigger: Trigger, document: dict[str, Any], saved_at: int) -> tuple[int, str | None]:
    """When a run is due, in microseconds; with why it cannot be given, where the field has none."""
    start = saved_at
    if trigger.run_at is not None:
        value = value_at(document, trigger.run_at)
        content = instant_of(value) if isinstance(value, str) else None
        if content is None:
            return saved_at, f"runAt: '{trigger.run_at}' is no date"
        start = content
    return micros(trigger.increment.after(instant(start))), None


def run_id(stream: str, version: int, schema: str, trigger: str) -> str:
    name = "\x1f".join((stream, str(version), schema, trigger))
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _cancel_gone(connection: Connection, account: str, name: str, entity: Entity, now: int) -> None:
    """Runs that have not begun go with their trigger, or while it is not active."""
    active = {
        (schema.name, trigger.name)
        for schema in entity.schemas.values()
        for trigger in schema.triggers
        if trigger.active
    }
    ours = (t.c.account == account, t.c.entity == name, t.c.state == WAITING)
    query = select(t.c.schema, t.c.trigger).where(*ours).distinct()
    for schema, trigger in connection.execute(query).all():
        if schema == PROFILES or (schema, trigger) in active:
            continue
        gone = (t.c.schema == schema, t.c.trigger == trigger, t.c.attempts == 0)
        values = {"state": CANCELLED, "finished_at": now}
        connection.execute(update(t).where(*ours, *gone, t.c.claimed_until <= now).values(values))


_COLUMNS = [t.c[name] for name in Run.__slots__]


def _older_waits() -> Any:
    older = t.alias()
    return (
        select(older.c.id)
        .where(
            older.c.stream == t.c.stream,
            older.c.schema == t.c.schema,
            older.c.trigger == t.c.trigger,
            older.c.state == WAITING,
            older.c.position < t.c.position,
        )
        .exists()
    )


def claim(connection: Connection, claimant: str, now: int, limit: int) -> list[Run]:
    """Take runs that are due, of every trigger some; of a document and trigger the oldest one."""
    key = (t.c.account, t.c.entity, t.c.schema, t.c.trigger)
    due = select(*key).where(t.c.state == WAITING, t.c.due_at <= now).distinct()
    taken: list[Run] = []
    for trigger in connection.execute(due).all():
        ours = and_(*(column == value for column, value in zip(key, trigger, strict=True)))
        busy = select(func.count()).where(ours, t.c.state == WAITING, t.c.claimed_until > now)
        free = min(MOST_OF_A_TRIGGER - connection.execute(busy).scalar_one(), limit - len(taken))
        if free <= 0:
            continue
        found = (
            select(t.c.id)
            .where(ours, t.c.state == WAITING, t.c.due_at <= now, t.c.claimed_until <= now)
            .where(~_older_waits())
            .order_by(t.c.due_at, t.c.position)
            .limit(free)
        )
        ids = list(connection.execute(found).scalars())
        until = now + CLAIMED_FOR // timedelta(microseconds=1)
        claimed = (
            update(t)
            .where(t.c.id.in_(ids), t.c.state == WAITING, t.c.claimed_until <= now)
            .values(claim=claimant, claimed_until=until)
            .returning(*_COLUMNS)
        )
        taken += [Run(**row._mapping) for row in connection.execute(claimed)]
    return taken


def any_due(connection: Connection, now: int) -> bool:
    query = select(t.c.id).where(t.c.state == WAITING, t.c.due_at <= now, t.c.claimed_until <= now)
    return connection.execute(query.limit(1)).first() is not None


def finish(
    connection: Connection, run: Run, state: str, attempt: Attempt | None, due_at: int | None = None
) -> bool:
    """Record what came of a claimed run; False when the claim went to somebody else."""
    values: dict[str, Any] = {"state": state, "claim": None, "claimed_until": 0}
    if attempt is not None:
        values |= {"attempts": attempt.attempt, "last_error": attempt.error}
    if state != WAITING:
        at = attempt.at + attempt.duration if attempt is not None else run.due_at
        values["finished_at"] = at
    if due_at is not None:
        values["due_at"] = due_at
    ours = (t.c.id == run.id, t.c.claim == run.claim, t.c.state == WAITING)
    if connection.execute(update(t).where(*ours).values(values)).rowcount != 1:
        return False
    if attempt is not None:
        row = {name: getattr(attempt, name) for name in Attempt.__slots__}
        connection.execute(insert(attempts).values(run=run.id, **row))
    return True


def requeue(connection: Connection, account: str, run: str, now: int) -> bool:
    """Have a dead run made again; False when there is none."""
    ours = (t.c.id == run, t.c.account == account, t.c.state.in_((DEAD, SKIPPED, CANCELLED)))
    values = {"state": WAITING, "due_at": now, "finished_at": None, "claim": None}
    return connection.execute(update(t).where(*ours).values(values)).rowcount == 1


def get(connection: Connection, account: str, run: str) -> Run | None:
    query = select(*_COLUMNS).where(t.c.id == run, t.c.account == account)
    row = connection.execute(query).one_or_none()
    return None if row is None else Run(**row._mapping)


def listed(
    connection: Connection,
    account: str,
    entity: str,
    schema: str,
    trigger: str,
    state: str | None = None,
    limit: int = 100,
) -> list[Run]:
    """The runs of a trigger, the newest first."""
    query = select(*_COLUMNS).where(
        t.c.account == account,
        t.c.entity == entity,
        t.c.schema == schema,
        t.c.trigger == trigger,
    )
    if state is not None:
        query = query.where(t.c.state == state)
    rows = connection.execute(query.order_by(t.c.position.desc()).limit(limit))
    return [Run(**row._mapping) for row in rows]


def attempts_of(connection: Connection, runs: Sequence[str]) -> dict[str, list[Attempt]]:
    content: dict[str, list[Attempt]] = {run: [] for run in runs}
    columns = [attempts.c[name] for name in Attempt.__slots__]
    query = select(attempts.c.run, *columns).where(attempts.c.run.in_(content))
    for row in connection.execute(query.order_by(attempts.c.attempt)):
        content[row.run].append(Attempt(*row[1:]))
    return content


def counted(
    connection: Connection, account: str, entity: str
) -> dict[tuple[str, str], dict[str, int]]:
    """By schema and trigger, how many runs are in each state."""
    ours = (t.c.account == account, t.c.entity == entity)
    query = select(t.c.schema, t.c.trigger, t.c.state, func.count()).where(*ours)
    content: dict[tuple[str, str], dict[str, int]] = {}
    for schema, trigger, state, count in connection.execute(
        query.group_by(t.c.schema, t.c.trigger, t.c.state)
    ):
        content.setdefault((schema, trigger), {})[state] = count
    return content


def oldest_waiting(connection: Connection, account: str, entity: str) -> dict[tuple[str, str], int]:
    ours = (t.c.account == account, t.c.entity == entity, t.c.state == WAITING)
    query = select(t.c.schema, t.c.trigger, func.min(t.c.due_at)).where(*ours)
    rows = connection.execute(query.group_by(t.c.schema, t.c.trigger))
    return {(schema, trigger): at for schema, trigger, at in rows}


def cancel_about(connection: Connection, streams: Sequence[str], now: int) -> None:
    """Cancel what waits about these streams, and take out what errors may repeat of a person."""
    about = t.c.stream.in_(list(streams))
    waiting = update(t).where(about, t.c.state == WAITING)
    connection.execute(waiting.values(state=CANCELLED, finished_at=now, claim=None))
    connection.execute(update(t).where(about).values(last_error=None))
    runs = select(t.c.id).where(about)
    connection.execute(update(attempts).where(attempts.c.run.in_(runs)).values(error=None))
