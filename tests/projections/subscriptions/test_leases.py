"""Leases: one holder at a time, fenced by its token, ended by the clock of the database."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from oms_ledger.process_name import process_name
from projections.subscriptions import checkpoints, leases
from projections.subscriptions.leases import Fenced
from projections.tables import leases as leases_table
from tests.support.clock import set_clock


def holder(cell, name):
    with cell.database.snapshot() as connection:
        return leases.holders(connection).get(name)


def test_a_lease_needs_no_subscription_and_has_one_holder(cell):
    token = leases.acquire(cell.database, "export:1")
    assert token is not None
    assert leases.acquire(cell.database, "export:1") is None
    assert holder(cell, "export:1") == process_name()
    leases.release(cell.database, "export:1", token)
    assert holder(cell, "export:1") is None
    again = leases.acquire(cell.database, "export:1")
    assert again is not None
    assert again > token


def test_who_lost_a_lease_is_fenced_and_releases_nothing(cell):
    stale = leases.acquire(cell.database, "scheduler")
    current = leases.acquire(cell.database, "scheduler", steal=True)
    leases.release(cell.database, "scheduler", stale)
    with pytest.raises(Fenced), cell.database.writing() as connection:
        leases.renew(connection, "scheduler", stale)
    with cell.database.writing() as connection:
        leases.renew(connection, "scheduler", current)
        leases.fence(connection, "scheduler")
    with pytest.raises(Fenced), cell.database.writing() as connection:
        leases.renew(connection, "scheduler", current)


def test_a_process_with_a_wrong_clock_neither_steals_nor_keeps_a_lease(cell):
    """Its clock is not asked: a lease lasts ten seconds of the database's time."""
    set_clock(cell, datetime(2099, 1, 1, tzinfo=UTC))
    assert leases.acquire(cell.database, "scheduler") is not None
    assert leases.acquire(cell.database, "scheduler") is None
    mine = leases_table.c.name == "scheduler"
    with cell.database.writing() as connection:
        expires_at, now = connection.execute(
            select(leases_table.c.expires_at, leases.DatabaseMicros()).where(mine)
        ).one()
        assert 0 < expires_at - now <= leases.LASTS
        connection.execute(update(leases_table).where(mine).values(expires_at=now))
    assert leases.acquire(cell.database, "scheduler") is not None


def test_a_lease_that_was_dropped_never_repeats_a_token(cell):
    first = leases.acquire(cell.database, "delivery:key-1")
    with cell.database.writing() as connection:
        leases.drop(connection, "delivery:key-1")
    second = leases.acquire(cell.database, "delivery:key-1")
    assert second > first
    with pytest.raises(Fenced), cell.database.writing() as connection:
        leases.renew(connection, "delivery:key-1", first)


def test_of_many_leases_those_that_are_free_are_taken(cell):
    held = leases.acquire(cell.database, "b")
    with cell.database.writing() as connection:
        tokens = leases.acquire_many(connection, ["c", "a", "b"])
    assert tokens.keys() == {"a", "c"}
    with cell.database.snapshot() as connection:
        assert leases.free(connection, ["a", "b", "c", "d"]) == ["d"]
    with cell.database.writing() as connection:
        assert leases.renew_many(connection, {**tokens, "b": held - 1}) == {"a", "c"}


def test_a_runner_whose_position_was_moved_is_fenced_too(cell):
    """Its lease alone gives no right to a page that somebody else has passed."""
    with cell.database.writing() as connection:
        checkpoints.create(connection, "feed:key-1", 3, kind="feed")
        checkpoints.create(connection, "feed:key-2", 3, kind="feed")
    tokens = {
        name: token
        for name, (token, _) in checkpoints.acquire_many(
            cell.database, ["feed:key-1", "feed:key-2"]
        ).items()
    }
    after = {"feed:key-1": 9, "feed:key-2": 7}
    with cell.database.writing() as connection:
        assert checkpoints.move(connection, tokens, 3, after).keys() == tokens.keys()
    with cell.database.writing() as connection:
        assert checkpoints.move(connection, tokens, 9, after).keys() == {"feed:key-1"}
    with cell.database.snapshot() as connection:
        assert checkpoints.positions(connection, tokens) == after
