"""The ledger as the `eventsourcing` library reads one, so that its tools can follow it.

A notification log, a follower or a projection that was written for the library reads orders from
here; it keeps its own tables and positions. Nothing of ours goes this way: see decision 0011.
Reading is all there is. What changes an order is a decision, and only `Ledger` records it.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    ApplicationRecorder,
    JSONTranscoder,
    Mapper,
    Notification,
    ProgrammingError,
    StoredEvent,
    Subscription,
)

from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import RecordedEvent, instant
from oms_ledger.eventstore.serialization import EventTypes

_LOOK = 0.05  # seconds between looks at the head by who has subscribed
_PAGE = 500


@dataclass(frozen=True)
class AdaptedEvent:
    """An event as a domain event of the library; `originator_id` is `account/order_id`."""

    originator_id: str
    originator_version: int
    at: datetime
    actor: str
    cause: str | None
    event: Any


class LedgerRecorder(ApplicationRecorder):
    """Reads events as stored events and as notifications; an erased person reads as erased."""

    def __init__(self, loader: StreamLoader) -> None:
        self._folds = loader
        self._store = loader.store

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Refused: the ledger is written by decisions alone."""
        raise ProgrammingError("the ledger is written by decisions: use Ledger.change")

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of a stream, by its name as the originator's id."""
        rows = self._store.stream(str(originator_id), gt or 0)
        rows = [row for row in rows if lte is None or row.version <= lte]
        rows = rows[::-1] if desc else rows
        return [
            StoredEvent(row.stream, row.version, row.name, state)
            for row, state in self._states(rows[:limit])
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events from a position on; the ledger's positions are the notifications' ids."""
        after = (start or 0) - (1 if inclusive_of_start and start else 0)
        found: list[RecordedEvent] = []
        while len(found) < limit:
            page = self._store.page(after, max(_PAGE, limit))
            found += [
                row
                for row in page
                if (stop is None or row.position <= stop) and (not topics or row.name in topics)
            ]
            if not page or (stop is not None and page[-1].position >= stop):
                break
            after = page[-1].position
        return [
            Notification(row.stream, row.version, row.name, state, row.position)
            for row, state in self._states(found[:limit])
        ]

    def max_notification_id(self) -> int | None:
        """The last position; None in an empty ledger."""
        return self._store.head() or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Follow the ledger from a position on, of these topics alone where some are named."""
        return LedgerSubscription(self, gt, topics)

    def _states(self, rows: Sequence[RecordedEvent]) -> list[tuple[RecordedEvent, bytes]]:
        events = self._folds.events(rows)
        return [
            (row, msgspec.json.encode([row.at, row.actor, row.cause, event]))
            for row, event in zip(rows, events, strict=True)
        ]


class LedgerSubscription(Subscription[ApplicationRecorder]):
    """Goes on with what is recorded next; on either database, by looking at it."""

    def __init__(
        self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._page: list[Notification] = []
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the iteration, also while it waits."""
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._page:
            if self._stopped.is_set():
                raise StopIteration
            head = self._recorder.max_notification_id() or 0
            found = self._recorder.select_notifications(
                self._last_notification_id or 0,
                _PAGE,
                stop=head,
                topics=self._topics,
                inclusive_of_start=False,
            )
            self._page = list(found)[::-1]
            if not found:
                self._last_notification_id = max(head, self._last_notification_id or 0)
                self._stopped.wait(_LOOK)
        fields = self._page.pop()
        self._last_notification_id = fields.id
        return fields


class LedgerMapper(Mapper[str]):
    """Makes domain events of what `LedgerRecorder` reads; give it to a follower of the ledger."""

    def __init__(self, types: EventTypes) -> None:
        super().__init__(JSONTranscoder())
        self._types = types

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """The event with its instant, actor and cause."""
        at, actor, cause, body = msgspec.json.decode(
            stored_event.state, type=tuple[int, str, str | None, msgspec.Raw]
        )
        event = self._types.decode(stored_event.topic, bytes(body), None)
        fields = AdaptedEvent(
            str(stored_event.originator_id),
            stored_event.originator_version,
            instant(at),
            actor,
            cause,
            event,
        )
        return cast(DomainEventProtocol[str], fields)

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Refused: the ledger is written by decisions alone."""
        raise ProgrammingError("the ledger is written by decisions: use Ledger.change")
