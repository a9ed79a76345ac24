"""Who waits for the ledger to grow is told at once, whatever process appended."""

import asyncio
import threading

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.head_watcher import HeadWatcher, listening
from tests.support.purchases import open_account, place_paid

FOREVER = 600.0


@pytest.fixture(autouse=True)
def account(cell):
    asyncio.run(open_account(cell.ledger))


async def append(cell, number):
    await place_paid(cell.ledger, f"v{number}-01", number)


def test_an_append_of_another_process_ends_the_wait_of_a_thread(cell):
    other, results = Cell(cell.settings), []
    with listening(cell.database) as news:
        while news.wait(0):
            pass
        waiting = threading.Thread(target=lambda: results.append(news.wait(FOREVER)))
        waiting.start()
        asyncio.run(append(other, 1))
        waiting.join()
    assert results == [True]
    other.close()


def test_coroutines_that_wait_are_signaled_by_one_thread_that_ends_with_them(cell):
    other, watcher = Cell(cell.settings), HeadWatcher(lambda: cell.store)
    head = cell.store.head()

    async def story():
        waiting = [asyncio.create_task(watcher.wait_past(head, FOREVER)) for _ in range(3)]
        while len(watcher._waiting) < 3:
            await asyncio.sleep(0)
        thread = watcher._thread
        await append(other, 1)
        assert await asyncio.gather(*waiting) == [True] * 3
        assert await watcher.wait_past(head, FOREVER), "it is past it already"
        assert not await watcher.wait_past(cell.store.head(), 0.01)
        return thread

    thread = asyncio.run(story())
    thread.join()
    assert watcher._waiting == {}
    other.close()


def test_what_keeps_it_from_looking_gets_to_who_waits(cell, monkeypatch):
    watcher = HeadWatcher(lambda: cell.store)

    def broken():
        raise OSError("the disk is gone")

    monkeypatch.setattr(cell.store, "head", broken)
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            asyncio.run(watcher.wait_past(0, FOREVER))


def test_who_waits_is_let_go_by_a_close(cell):
    watcher = HeadWatcher(lambda: cell.store)
    head = cell.store.head()

    async def story():
        waiting = asyncio.create_task(watcher.wait_past(head, FOREVER))
        while not watcher._waiting:
            await asyncio.sleep(0)
        watcher.close()
        return await waiting, await watcher.wait_past(0, FOREVER)

    assert asyncio.run(story()) == (False, False)
