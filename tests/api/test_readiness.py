"""`/readyz` says 200 only when an order could be taken, and says so soon, whatever hangs."""

import asyncio
import threading

import pytest

from oms_ledger.services.readiness import Readiness
from oms_ledger.web import build
from tests.support.client import Client


@pytest.fixture
def hanging(cell):
    """Threads that are held until the test is over."""
    held = threading.Event()
    yield held.wait
    held.set()


def test_ready(cell):
    answer = Client(build(cell)).call("GET", "/readyz")
    assert (answer.status, answer.json()["reasons"]) == (200, [])


def test_a_database_that_hangs_is_a_reason_and_holds_up_no_answer(cell, hanging, monkeypatch):
    cell.require_key()  # as a process does before it serves
    readiness = Readiness(cell)
    monkeypatch.setattr(readiness._database, "_ask", hanging)
    for _ in range(2):
        state = asyncio.run(readiness.state())
        assert state.reasons == ["the database did not answer within 0.9 s"]
    readiness.close()


def test_an_append_that_hangs_is_a_reason(cell, monkeypatch):
    monkeypatch.setattr(cell.ledger, "oldest_append", lambda: 6.0)
    answer = Client(build(cell)).call("GET", "/readyz")
    assert answer.status == 503
    assert answer.json()["reasons"] == ["an append has waited for 6 s"]


def test_redis_that_hangs_is_a_note(cell, hanging, monkeypatch):
    monkeypatch.setattr(cell.redis, "ping", hanging)
    answer = Client(build(cell)).call("GET", "/readyz")
    assert answer.status == 200
    assert "redis is unavailable (no answer)" in answer.json()["notes"][0]


def test_a_clock_that_differs_is_a_note(cell, monkeypatch):
    cell.require_key()  # as a process does before it serves
    readiness = Readiness(cell)
    monkeypatch.setattr(readiness._database, "_ask", lambda: ("", -11.0))
    state = asyncio.run(readiness.state())
    assert state.reasons == []
    assert "the clock differs by -11.0 s from the database's" in state.notes
    readiness.close()
