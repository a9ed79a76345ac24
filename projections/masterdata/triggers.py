"""What fires triggers: each version of a document or an order fires each trigger once at most.

A run is a message of the channel `trigger`. The runs are a function of the ledger: whoever reads
the events again makes none twice.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from oms_ledger.eventstore import hosting
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
from oms_ledger.notifications.channel import TRIGGER
from oms_ledger.orders.evolve import NOT_IN_DOCUMENT
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from projections.masterdata.orders import order_document
from projections.masterdata.runs import PROFILES, body_of, cancel_gone, recipient_of
from projections.outbox import messages

SUBSCRIPTION = "triggers"
TOO_LONG = f"Trigger chain is longer than {LONGEST_CHAIN}"


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

    def produce(self, page: Page) -> tuple[list[dict[str, Any]], list[tuple[str, Entity]]]:
        """The runs that the page fires, and the entities whose triggers it changed."""
        runs: list[dict[str, Any]] = []
        changed: dict[str, tuple[str, Entity]] = {}
        configured = _Configured(page.loader)
        armed = self._armed(page)
        streams = {row.stream for row in page.rows if self._looks_at(row, armed)}
        for step in page.transitions_of(streams) if streams else ():
            category, row = category_of(step.row.stream), step.row
            if category == ENTITY:
                configured.set(row.stream, step.after)
                assert isinstance(step.after.state, Entity)
                changed[row.stream] = (row.account, step.after.state)
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
            "channel": TRIGGER.name,
            "account": row.account,
            "recipient": recipient_of(entity.state.name, armed.schema, trigger.name),
            "ordering_key": row.stream,
            "position": row.position,
            "number": 0,
            "order_id": None,
            "version": row.version,
            "kind": "save-profiles" if armed.schema == PROFILES else "run-trigger",
            "key": f"v{row.version}",
            "body": body_of(entity.state.name, armed.schema, trigger.name, entity.version, chain),
            "state": messages.DEAD if cut else messages.WAITING,
            "due_at": due,
            "produced_at": now,
            "since": now,
            "last_error": TOO_LONG if cut else error,
            "completed_at": now if cut else None,
        }

    def store(self, connection: Connection, produced: object) -> None:
        """Put the runs into the outbox, and cancel those of triggers that are gone."""
        assert isinstance(produced, tuple)
        runs, changed = produced
        if runs:  # of what another cell recorded they are brought along
            brought = hosting.brought(connection)
            runs = [run for run in runs if run["position"] > brought.get(run["account"], 0)]
        if runs:
            self.found = True
            messages.enqueue(connection, runs)
        for account, entity in changed:
            cancel_gone(connection, account, entity, self._now())


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
    """One id for a trigger and the version that fired it, however often it is worked out."""
    name = "\x1f".join((stream, str(version), schema, trigger))
    return hashlib.sha256(name.encode()).hexdigest()[:32]
