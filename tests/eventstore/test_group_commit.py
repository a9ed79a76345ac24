"""What waits to be recorded waits no longer than its request, and no more may wait than can be."""

import asyncio
import gc
import threading
import time
from typing import cast

import pytest

from oms_ledger.eventstore.batch_writer import WriterClosed
from oms_ledger.eventstore.database import OutcomeUnknown
from oms_ledger.eventstore.group_commit import MOST_WAITING, GroupCommit, NotRecorded
from oms_ledger.eventstore.records import Key, Write
from oms_ledger.eventstore.store import Store


class HeldStore:
    """Appends when it is let go."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.written: list[str] = []

    def append(self, writes):
        self.reached.set()
        self.let_go.wait()
        self.written += [write.keys[0].key for write in writes]
        return list(range(len(writes)))


def write(name: str) -> Write:
    return Write((), (Key("acme", name, b""),), (), ())


@pytest.fixture
def held():
    store = HeldStore()
    commit = GroupCommit(cast(Store, store))
    yield store, commit
    store.let_go.set()
    commit.close()


def test_a_write_whose_time_is_over_is_not_made(held):
    store, commit = held

    async def story():
        first = asyncio.create_task(commit.append(write("first")))
        await asyncio.to_thread(store.reached.wait)
        with pytest.raises(NotRecorded):
            await commit.append(write("late"), time.monotonic() + 0.01)
        with pytest.raises(NotRecorded):
            await commit.append(write("too late"), time.monotonic() - 1)
        last = asyncio.create_task(commit.append(write("last"), time.monotonic() + 3600))
        await asyncio.sleep(0)
        store.let_go.set()
        await asyncio.gather(first, last)

    asyncio.run(story())
    assert store.written == ["first", "last"]


def test_nobody_gets_the_outcome_of_a_write_that_is_on_its_way_at_its_deadline(held):
    store, commit = held

    async def story():
        with pytest.raises(OutcomeUnknown):
            await commit.append(write("first"), time.monotonic() + 0.05)
        assert commit.oldest() > 0
        store.let_go.set()
        await commit.append(write("second"))
        assert commit.oldest() == 0

    asyncio.run(story())
    assert store.written == ["first", "second"]


def test_requests_are_refused_at_once_when_too_many_wait(held):
    store, commit = held

    async def story():
        first = asyncio.create_task(commit.append(write("first")))
        await asyncio.to_thread(store.reached.wait)
        later = time.monotonic() + 3600
        waiting = [
            asyncio.create_task(commit.append(write(str(number)), later))
            for number in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(NotRecorded):
            await commit.append(write("one more"), later)
        unhurried = asyncio.create_task(commit.append(write("of a worker")))
        await asyncio.sleep(0)
        store.let_go.set()
        await asyncio.gather(first, *waiting, unhurried)

    asyncio.run(story())
    assert len(store.written) == MOST_WAITING + 2


def test_each_of_two_event_loops_gets_its_own_outcome(held):
    store, commit = held
    outcomes: dict[str, object] = {}

    def use(name: str) -> None:
        outcomes[name] = asyncio.run(commit.append(write(name)))

    first, second = (threading.Thread(target=use, args=[n], daemon=True) for n in ("one", "two"))
    first.start()
    assert store.reached.wait(30)
    store.reached.clear()
    second.start()
    reached = store.reached.wait(30)  # it does not wait for the other loop's group
    store.let_go.set()
    first.join(30)
    second.join(30)
    assert (reached, outcomes) == (True, {"one": 0, "two": 0})


def test_the_writer_of_a_loop_goes_with_the_loop(held):
    store, commit = held
    store.let_go.set()
    asyncio.run(commit.append(write("one")))
    gc.collect()
    assert not commit._writers


def test_a_loop_that_comes_after_the_end_is_refused(held):
    _, commit = held
    commit.close()
    with pytest.raises(WriterClosed):
        asyncio.run(commit.append(write("late")))
