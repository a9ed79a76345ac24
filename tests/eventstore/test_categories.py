"""The event store keeps streams of any category that somebody registers a decider for."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from oms_ledger.cell import Cell
from oms_ledger.deciders import DECIDERS
from oms_ledger.deciders.orders import OrderDecider
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.decider import Decider, Deciders, Summary, UnknownCategory, category_of
from oms_ledger.eventstore.folding import NOTHING, Page
from oms_ledger.eventstore.ledger import StreamLedger
from oms_ledger.eventstore.records import RecordedEvent, order_stream
from tests.support.purchases import ACCOUNT

STREAM = f"{ACCOUNT}/shelf/1"


@dataclass(frozen=True, slots=True)
class BookPlaced:
    title: str
    reader: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class ShelfCounted:
    books: int


@dataclass(frozen=True, slots=True)
class ReaderForgotten:
    pass


@dataclass(frozen=True, slots=True)
class Shelf:
    titles: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    counted: int = 0


ShelfEvent = BookPlaced | ShelfCounted | ReaderForgotten


class TooHeavy(Exception):
    """More books than a shelf carries."""


class ShelfDecider(Decider[Shelf, ShelfEvent]):
    category = "shelf"
    events = (BookPlaced, ShelfCounted, ReaderForgotten)
    erasing = (ReaderForgotten,)
    aliases = {"tome-placed": "book-placed"}  # noqa: RUF012

    def evolve(self, state: Shelf | None, event: ShelfEvent, record: RecordedEvent) -> Shelf:
        shelf = state or Shelf()
        match event:
            case BookPlaced(title, reader):
                return replace(
                    shelf, titles=(*shelf.titles, title), readers=(*shelf.readers, reader)
                )
            case ShelfCounted(books):
                return replace(shelf, counted=books)
            case _:
                return shelf

    def react(
        self, state: Shelf, new: Sequence[ShelfEvent], context: object
    ) -> Sequence[ShelfEvent]:
        placed = sum(isinstance(event, BookPlaced) for event in new)
        return [*new, ShelfCounted(state.counted + placed)] if placed else new

    def validate(self, event: ShelfEvent, after: Shelf) -> None:
        if len(after.titles) > 3:
            raise TooHeavy

    def summarize(self, before: Shelf | None, after: Shelf) -> Summary:
        return Summary(str(len(before.titles)) if before else None, str(len(after.titles)), "", 1)


@pytest.fixture
def shelves(cell: Cell) -> Iterator[StreamLedger]:
    ledger = StreamLedger(cell.store, cell.encryption, Deciders([ShelfDecider()]), cell.clock)
    yield ledger
    ledger._commit.close()


CONTEXT = CommandContext(ACCOUNT, "test")


def place(ledger: StreamLedger, *titles: str, reader: str = "") -> Shelf:
    async def change() -> Shelf:
        if not await asyncio.to_thread(ledger.store.versions, [STREAM]):
            first = {STREAM: [BookPlaced("Index")]}
            await ledger.append(CONTEXT, {STREAM: NOTHING}, first, ledger.clock.now())
        after = await ledger.change_streams(
            CONTEXT,
            [STREAM],
            lambda _state, _context: [BookPlaced(title, reader) for title in titles],
            _no_context,
        )
        state: Shelf = after[STREAM].state
        return state

    return asyncio.run(change())


def _no_context(now: datetime) -> None:
    return None


def test_a_registered_category_is_decided_recorded_and_read(shelves: StreamLedger) -> None:
    shelf = place(shelves, "Emma", reader="Ana")
    assert shelf == Shelf(("Index", "Emma"), ("", "Ana"), 1)
    assert shelves.loader.load(STREAM).state == shelf
    rows = shelves.store.stream(STREAM)
    assert [row.name for row in rows] == ["book-placed", "book-placed", "shelf-counted"]
    assert [row.status for row in rows] == ["1", "2", "2"]
    assert b"Ana" not in bytes(rows[1].body)


def test_its_events_are_followed_and_validated(shelves: StreamLedger) -> None:
    place(shelves, "Emma", "Ulysses")
    with pytest.raises(TooHeavy):
        place(shelves, "Middlemarch")
    steps = Page(shelves.store.stream(STREAM), shelves.loader).steps()
    assert [len(step.after.state.titles) for step in steps] == [1, 2, 3, 3]


def test_an_event_that_erases_takes_the_personal_fields_with_it(shelves: StreamLedger) -> None:
    place(shelves, "Emma", reader="Ana")

    async def forget() -> Shelf:
        after = await shelves.change_streams(
            CONTEXT, [STREAM], lambda *_: [ReaderForgotten()], _no_context
        )
        state: Shelf = after[STREAM].state
        return state

    assert asyncio.run(forget()).readers == ("", "")
    assert shelves.store.data_keys([STREAM]) == {}


def test_a_stored_name_of_before_is_read(shelves: StreamLedger) -> None:
    event = shelves.deciders.types.decode("tome-placed", b'{"title":"Emma"}', None)
    assert event == BookPlaced("Emma")


def test_the_cells_ledger_refuses_a_category_that_nobody_registered(cell: Cell) -> None:
    with pytest.raises(UnknownCategory, match="shelf"):
        cell.ledger.loader.load(STREAM)


def test_a_category_is_registered_once() -> None:
    with pytest.raises(AssertionError, match="order"):
        Deciders([OrderDecider(), OrderDecider()])


@pytest.mark.parametrize(
    ("stream", "category"),
    [
        ("acme/", "account"),
        ("acme/v502559llux-01", "order"),
        ("acme/document/CL/a/b", "document"),
        ("acme/shelf/1", "shelf"),
    ],
)
def test_the_name_of_a_stream_says_its_category(stream: str, category: str) -> None:
    assert category_of(stream) == category


def test_every_stored_name_belongs_to_one_class() -> None:
    types = DECIDERS.types
    assert set(types.aliases.values()) <= types.by_name.keys()
    assert not types.aliases.keys() & types.by_name.keys()


@pytest.mark.parametrize("order_id", ["v1acme-01", "document/CL/1", "a/b", "/", "order/x"])
def test_no_order_id_names_a_stream_of_another_category(order_id):
    stream = order_stream("acme", order_id)
    assert category_of(stream) == "order"
    event = RecordedEvent("acme", stream, 1, "x", 0, "a", None, None, None, None, None, b"{}", None)
    assert event.order_id == order_id
