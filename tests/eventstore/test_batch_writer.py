"""One batch at a time, and an outcome for each item."""

import asyncio
import threading

import pytest

from oms_ledger.eventstore.batch_writer import BatchWriter, WriterClosed


class Held:
    """Carries out batches when it is let go; items that begin with a dash fail their batch."""

    def __init__(self):
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.batches = []

    def execute(self, items):
        self.reached.set()
        self.let_go.wait()
        self.batches.append(list(items))
        if any(item.startswith("-") for item in items):
            raise ValueError("a dash")
        return [KeyError(item) if item.startswith("?") else item.upper() for item in items]


@pytest.fixture
def held():
    held = Held()
    yield held
    held.let_go.set()


def written(held, writer, items):
    """The outcomes of items that all wait while the first is on its way."""

    async def story():
        first = writer.put("first")
        await asyncio.to_thread(held.reached.wait)
        outcomes = [writer.put(item.removeprefix("!"), urgent="!" in item) for item in items]
        assert writer.waiting == len(items)
        held.let_go.set()
        await first
        return await asyncio.gather(*outcomes, return_exceptions=True)

    try:
        return asyncio.run(story())
    finally:
        writer.close()


def test_what_waits_is_the_next_batch_up_to_the_limit(held):
    assert written(held, BatchWriter("t", held.execute, 2), "abc") == ["A", "B", "C"]
    assert held.batches == [["first"], ["a", "b"], ["c"]]


def test_sizes_count_for_the_limit(held):
    writer = BatchWriter("t", held.execute, 4, size=len)
    written(held, writer, ["aaa", "bb", "c"])
    assert held.batches == [["first"], ["aaa", "bb"], ["c"]]


def test_what_is_urgent_goes_first(held):
    written(held, BatchWriter("t", held.execute, 2), ["a", "b", "!c"])
    assert held.batches == [["first"], ["c", "a"], ["b"]]


def test_no_two_of_a_batch_have_a_key_in_common(held):
    writer = BatchWriter("t", held.execute, 9, lambda item: item[:1])
    written(held, writer, ["a1", "b1", "a2", "c1", "b2"])
    assert held.batches == [["first"], ["a1", "b1", "c1"], ["a2", "b2"]]


def test_an_exception_among_the_outcomes_is_of_its_item_alone(held):
    first, second = written(held, BatchWriter("t", held.execute, 9), ["a", "?b"])
    assert first == "A"
    assert isinstance(second, KeyError)


def test_everybody_gets_the_error_of_a_batch_that_failed(held):
    outcomes = written(held, BatchWriter("t", held.execute, 9), ["a", "-b"])
    assert [type(one) for one in outcomes] == [ValueError, ValueError]


def test_a_batch_that_failed_is_tried_item_by_item_where_that_is_wanted(held):
    first, second, third = written(
        held, BatchWriter("t", held.execute, 9, alone=True), ["a", "-b", "c"]
    )
    assert (first, third) == ("A", "C")
    assert isinstance(second, ValueError)


def test_an_item_that_is_canceled_in_time_is_left_out(held):
    writer = BatchWriter("t", held.execute, 9)

    async def story():
        first = writer.put("first")
        await asyncio.to_thread(held.reached.wait)
        gone, stays = writer.put("gone"), writer.put("stays")
        assert writer.awaits(gone)
        assert not writer.awaits(first)
        gone.cancel()
        held.let_go.set()
        return await stays

    assert asyncio.run(story()) == "STAYS"
    writer.close()
    assert held.batches == [["first"], ["stays"]]


def test_what_waits_when_it_is_closed_fails_and_nothing_is_taken_any_more(held):
    writer = BatchWriter("t", held.execute, 2)

    async def story():
        first = writer.put("first")
        await asyncio.to_thread(held.reached.wait)
        waiting = [writer.put("a"), writer.put("b"), writer.put("c")]
        held.let_go.set()
        writer.close()  # the loop does not run meanwhile: none of those that wait has begun
        outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
        with pytest.raises(WriterClosed):
            writer.put("d")
        return outcomes

    first, *rest = asyncio.run(story())
    assert first == "FIRST"
    assert all(isinstance(outcome, WriterClosed) for outcome in rest)
    assert held.batches == [["first"]]
