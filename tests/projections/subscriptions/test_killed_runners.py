"""A runner that is killed at any commit costs nothing, and a runner built wrong is caught at it.

The runner is a process of its own that kills itself with SIGKILL right before its nth commit; for
every n there is one. Then another process goes on. Two mutants, which move the position in
another transaction than the one that stores the items, show that the test would notification.
"""

import os
import signal

import pytest
from sqlalchemy import event, update

from oms_ledger.cell import Cell
from oms_ledger.eventstore.folding import Page
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import checkpoints, leases
from projections.tables import leases as leases_table
from projections.tables import subscriptions as subscriptions_table
from tests.projections.subscriptions.test_checkpoints import (
    EVERY,
    configure,
    produced,
    recomputed,
    write_orders,
)
from tests.support.configuring import remove_feed

PAGE = 12
SUBSCRIPTION = feeds.subscription_of("key-1")


def whole(database, loader, token, queue):
    return checkpoints.advance(database, loader, SUBSCRIPTION, token, queue, PAGE)


def _page(database, loader, queue):
    with database.snapshot() as connection:
        before = checkpoints.position(connection, SUBSCRIPTION)
    rows = loader.store.page(before, PAGE)
    return rows, queue.produce(Page(rows, loader)) if rows else []


def _move(database, rows):
    with database.writing() as connection:
        moved = update(subscriptions_table).where(subscriptions_table.c.id == SUBSCRIPTION)
        connection.execute(moved.values(position=rows[-1].position))


def items_first(database, loader, token, queue):
    """A mutant: what is killed in between is produced again."""
    rows, items = _page(database, loader, queue)
    if rows:
        with database.writing() as connection:
            queue.store(connection, items)
        _move(database, rows)
    return len(rows)


def position_first(database, loader, token, queue):
    """A mutant: what is killed in between is never produced."""
    rows, items = _page(database, loader, queue)
    if rows:
        _move(database, rows)
        with database.writing() as connection:
            queue.store(connection, items)
    return len(rows)


def run(cell, feed, advance, dies_at):
    """A runner in a process of its own; whether it came to the end."""
    child = os.fork()
    if child == 0:
        try:
            _work(Cell(cell.settings, cell.clock), feed, advance, dies_at)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def _work(own, feed, advance, dies_at):
    commits = 0

    def committing(_):
        nonlocal commits
        commits += 1
        if commits == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(own.database.engine, "commit", committing)
    token = leases.acquire(own.database, SUBSCRIPTION)
    assert token is not None
    queue = FeedQueue(own.database, feed)
    while advance(own.database, own.loader(), token, queue):
        pass
    leases.release(own.database, SUBSCRIPTION, token)


def survived(cell, advance):
    """For each commit that a runner was killed at: whether all items are there, each once."""
    write_orders(cell, 3)
    feed, outcomes = None, []
    for dies_at in range(1, 12):
        if feed is not None:
            remove_feed(cell, EVERY.account, "key-1")
        feed = configure(cell, EVERY)
        if run(cell, feed, advance, dies_at):
            break  # it had no more commits to die at
        with cell.database.writing() as connection:  # the lease of the dead runs out
            out = update(leases_table).where(leases_table.c.name == SUBSCRIPTION)
            connection.execute(out.values(expires_at=0))
        went_on = run(cell, feed, advance, None)
        outcomes.append(went_on and produced(cell) == recomputed(cell))
    return outcomes


@pytest.mark.guarantee("G40", "G46")
def test_a_runner_killed_at_any_commit_neither_misses_nor_doubles_an_item(cell):
    outcomes = survived(cell, whole)
    assert len(outcomes) >= 4
    assert all(outcomes)


@pytest.mark.parametrize("mutant", [items_first, position_first])
def test_a_position_moved_in_another_transaction_than_its_items_is_caught(cell, mutant):
    outcomes = survived(cell, mutant)
    assert outcomes[0]  # killed before it did anything
    assert not all(outcomes)
