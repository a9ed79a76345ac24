"""Accounts take turns for the threads of a web process."""

import threading
from contextvars import copy_context

import pytest

from oms_ledger.services.fair_threads import ON_BEHALF_OF, FairThreads


@pytest.fixture
def held():
    """One thread, busy until `let_go` is set, and what it has done since."""
    threads, let_go = FairThreads(1, "t"), threading.Event()
    done: list[object] = []
    threads.submit(let_go.wait)
    yield threads, let_go, done
    let_go.set()
    threads.shutdown()


def submit(threads, account, work, *arguments):
    context = copy_context()
    context.run(ON_BEHALF_OF.set, account)
    return context.run(threads.submit, work, *arguments)


@pytest.mark.guarantee("G44")
def test_one_read_does_not_wait_for_all_of_another_account(held):
    threads, let_go, done = held
    for number in range(4):
        submit(threads, "busy", done.append, f"busy {number}")
    last = [submit(threads, one, done.append, one) for one in ("quiet", "other")]
    let_go.set()
    for future in last:
        future.result()
    assert done[:3] == ["busy 0", "quiet", "other"]


def test_what_waits_is_done_before_the_threads_end(held):
    threads, let_go, done = held
    for number in range(4):
        submit(threads, f"account{number % 2}", done.append, number)
    let_go.set()
    threads.shutdown()
    assert done == [0, 1, 2, 3]


def test_what_a_task_works_for_is_its_own():
    assert ON_BEHALF_OF.get() == ""
    threads = FairThreads(2, "t")
    assert submit(threads, "acme", lambda: 1).result() == 1
    threads.shutdown()
    assert ON_BEHALF_OF.get() == ""
