"""Running numbers: unique across processes, increasing in each, one durable write for many."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import event

from oms_ledger.eventstore.sequences import (
    BLOCK,
    FIRST,
    LIFETIME,
    Sequences,
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def process(cell, clock):
    """Makes processes: each has its own blocks of the same database."""
    random = Random(7)
    return lambda: Sequences(cell.database, random.randrange, clock)


def test_no_number_is_given_twice_by_any_process_or_thread(process):
    processes = [process() for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        requested = [(one, 1 + n % 3) for n in range(100) for one in processes]
        allotted = list(pool.map(lambda ask: ask[0].allot("acme", ask[1]), requested))
    numbers = [number for some in allotted for number in some]
    assert len(set(numbers)) == len(numbers)
    assert all(some == list(range(some[0], some[0] + len(some))) for some in allotted)
    assert min(numbers) >= FIRST


def test_the_numbers_of_a_process_increase_with_gaps_that_differ(process):
    one = process()
    numbers = [one.allot("acme", 1)[0] for _ in range(300)]
    assert numbers == sorted(numbers)
    gaps = {after - before for before, after in itertools.pairwise(numbers)}
    assert len(gaps) > 3


def test_a_process_that_died_leaves_a_gap_and_nothing_is_given_again(process):
    before = [number for _ in range(10) for number in process().allot("acme", 2)]
    after = [number for _ in range(10) for number in process().allot("acme", 2)]
    assert max(before) < min(after)


def test_a_group_of_many_sellers_gets_its_numbers_in_a_row(process):
    one = process()
    one.allot("acme", 1)
    many = one.allot("acme", 3 * BLOCK)
    assert many == list(range(many[0], many[0] + 3 * BLOCK))
    assert one.allot("acme", 1)[0] > many[-1]


def test_accounts_count_for_themselves(process):
    one = process()
    assert abs(one.allot("acme", 1)[0] - one.allot("other", 1)[0]) < BLOCK


def test_many_numbers_cost_one_write_and_old_blocks_are_thrown_away(cell, process, clock):
    one, other, writes = process(), process(), []
    event.listen(cell.database.engine, "commit", lambda _: writes.append(1))
    for _ in range(20):
        one.allot("acme", 1)
    assert len(writes) == 1
    other.allot("acme", 1)
    clock.now += LIFETIME + 1
    assert one.allot("acme", 1)[0] > FIRST + 2 * BLOCK - 1
    other.allot("acme", 1)
    assert len(writes) == 4
