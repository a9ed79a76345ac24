"""What was written for the `eventsourcing` library reads the ledger by the library's own tools."""

import asyncio
import os
from functools import partial
from itertools import islice
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

import pytest
from eventsourcing.application import (
    AggregateNotFoundError,
    LocalNotificationLog,
    ProcessingEvent,
)
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import ProgrammingError, StoredEvent
from eventsourcing.projection import ApplicationSubscription
from eventsourcing.system import NotificationLogReader, ProcessApplication

from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.eventsourcing_adapter import AdaptedEvent, LedgerMapper, LedgerRecorder
from oms_ledger.orders.privacy.erase import erase_person
from tests.support.purchases import ACCOUNT, open_account, place_paid


@pytest.fixture
def recorder(cell):
    async def story():
        await open_account(cell.ledger)
        await asyncio.gather(*(place_paid(cell.ledger, f"v{n}-01", n) for n in range(3)))

    asyncio.run(story())
    return LedgerRecorder(cell.loader())


def test_a_notification_log_of_the_library_reads_every_entry_in_order(cell, recorder):
    reader = NotificationLogReader(LocalNotificationLog(recorder, section_size=7), section_size=7)
    rows = cell.store.page(0, 1000)
    read = list(reader.read(start=1))
    assert [(n.id, n.originator_id, n.originator_version, n.topic) for n in read] == [
        (row.position, row.stream, row.version, row.name) for row in rows
    ]
    assert recorder.max_notification_id() == len(rows)


def test_events_and_notifications_are_selected_as_the_library_asks(cell, recorder):
    stream = f"{ACCOUNT}/v1-01"
    versions = [row.version for row in cell.store.stream(stream)]

    def selected(**requested):
        return [e.originator_version for e in recorder.select_events(stream, **requested)]

    assert selected() == versions
    assert selected(gt=2, lte=5) == [3, 4, 5]
    assert selected(desc=True, limit=2) == versions[::-1][:2]
    placed = recorder.select_notifications(1, 2, topics=["order-placed"])
    assert {notification.topic for notification in placed} == {"order-placed"}
    assert len(placed) == 2
    ids = [n.id for n in recorder.select_notifications(3, 10, stop=5, inclusive_of_start=False)]
    assert ids == [4, 5]
    assert [n.id for n in recorder.select_notifications(3, 2)] == [3, 4]


def test_the_librarys_mapper_gives_the_events_back(cell, recorder):
    mapper = LedgerMapper(EVENT_TYPES)
    stored = recorder.select_events(f"{ACCOUNT}/v1-01")[0]
    fields = mapper.to_domain_event(stored)
    assert isinstance(fields, AdaptedEvent)
    assert (fields.actor, fields.originator_id) == ("test", f"{ACCOUNT}/v1-01")
    assert fields.event.client_profile["email"] == "ana@example.com"


@pytest.mark.guarantee("G56")
def test_an_erased_person_reads_as_erased_through_the_library_too(cell, recorder):
    decision = partial(erase_person, erasure_id="e")
    asyncio.run(cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1-01", decision))
    fields: Any = LedgerMapper(EVENT_TYPES).to_domain_event(
        recorder.select_events(f"{ACCOUNT}/v1-01")[0]
    )
    assert fields.event.client_profile == {}


def test_nothing_is_written_past_the_decisions(recorder):
    with pytest.raises(ProgrammingError):
        recorder.insert_events([StoredEvent("acme/v1-01", 99, "canceled", b"[]")])


class OrdersOfADay(Aggregate):
    def __init__(self):
        self.placed = 0

    @staticmethod
    def create_id():
        return uuid5(NAMESPACE_URL, "orders")

    class Counted(Aggregate.Event):
        def apply(self, aggregate):
            aggregate.placed += 1


class Counting(ProcessApplication[Any]):
    """A follower as one writes it for the library: it counts orders in an aggregate of its own."""

    @singledispatchmethod
    def policy(self, domain_event: AdaptedEvent, processing_event: ProcessingEvent[Any]) -> None:
        if type(domain_event.event).__name__ != "OrderPlaced":
            return
        try:
            orders: OrdersOfADay = self.repository.get(OrdersOfADay.create_id())
        except AggregateNotFoundError:
            orders = OrdersOfADay()
        orders.trigger_event(OrdersOfADay.Counted)
        processing_event.collect_events(orders)


def test_a_follower_written_for_the_library_goes_on_where_it_was(cell, recorder):
    follower = Counting(env={**os.environ, "PERSISTENCE_MODULE": "eventsourcing.popo"})
    follower.follow("ledger", LocalNotificationLog(recorder, section_size=10))
    follower.mappers["ledger"] = LedgerMapper(EVENT_TYPES)
    for _ in range(2):
        follower.pull_and_process("ledger")
        assert follower.repository.get(OrdersOfADay.create_id()).placed == 3
    asyncio.run(place_paid(cell.ledger, "late-01", 50))
    follower.pull_and_process("ledger")
    assert follower.repository.get(OrdersOfADay.create_id()).placed == 4
    follower.close()


class Source:
    """What a subscription of the library asks of an application."""

    name = "ledger"

    def __init__(self, recorder):
        self.recorder, self.mapper = recorder, LedgerMapper(EVENT_TYPES)


@pytest.mark.guarantee("G4")
def test_a_subscription_of_the_library_gets_what_comes_later_once(cell, recorder):
    head = cell.store.head()
    reading: ApplicationSubscription[Any] = ApplicationSubscription(
        cast(Any, Source(recorder)), gt=0
    )
    with reading as subscription:
        first = [tracking.notification_id for _, tracking in islice(subscription, head)]
        asyncio.run(place_paid(cell.ledger, "late-01", 50))
        more = cell.store.head() - head
        later = [tracking.notification_id for _, tracking in islice(subscription, more)]
    assert first + later == list(range(1, head + more + 1))
    assert list(subscription) == []
