"""Turns of filters: a slow one is tried by itself, however many events come."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from oms_ledger import jsonata
from oms_ledger.jsonata.cache import BytesCache
from oms_ledger.jsonata.errors import ChildKilled
from oms_ledger.jsonata.isolation import Children
from projections.notifications import feeds
from projections.notifications.feeds import Feed
from projections.subscriptions import checkpoints, filtering, pauses
from tests.projections.subscriptions.test_checkpoints import EVERY, configure
from tests.support.purchases import ACCOUNT, open_account, place_paid
from workers.subscriptions import filter_runner
from workers.subscriptions.filter_runner import PROBATION, FilterRunner

SLOW = {"expression": "$exists(orderId) and value > 1", "disableSingleFire": True}
QUICK = {"type": "FromWorkflow", "status": []}


class Lanes:
    """The lanes of a runner, worked on turn by turn by the test."""

    def __init__(self, filter_runner: FilterRunner) -> None:
        self.waiting: dict[object, list[Any]] = {filter_runner._fast: [], filter_runner._slow: []}
        self.filter_runner = filter_runner
        setattr(filter_runner, "_submit", self._submit)  # noqa: B010

    def _submit(self, lane: object, work: Any, name: str) -> None:
        self.waiting[lane].append((work, name))

    def turn(self, lane: object) -> int:
        """Work on what waits in a lane now; how many that were."""
        now, self.waiting[lane] = self.waiting[lane], []
        for work, name in now:
            work(name)
        return len(now)


def write_order(cell, number: int) -> None:
    async def story() -> None:
        await open_account(cell.ledger)
        await place_paid(cell.ledger, f"v{number}-01", number)

    asyncio.run(story())


def position(cell, feed: Feed) -> int:
    with cell.database.snapshot() as connection:
        return checkpoints.position(connection, feeds.subscription_of(feed.app_key))


@pytest.mark.guarantee("G44")
def test_a_slow_filter_is_not_tried_on_each_event_before_the_others(cell, monkeypatch):
    """Once it was slow it waits in a lane of its own: the healthy one needs no turn more for it."""
    slow = configure(cell, replace(EVERY, app_key="slow", filter=SLOW))
    healthy = configure(cell, replace(EVERY, app_key="healthy", filter=QUICK))
    monkeypatch.setattr(filtering, "BUDGET", 0.0)  # whatever is evaluated at all is slow
    monkeypatch.setattr(filter_runner, "TURN", 1000.0)  # no turn ends by the clock
    evaluated: list[int] = []
    evaluate_version = filtering.FilterRun.evaluate_version

    def evaluating(self, version):
        evaluated.append(version.row.position)
        return evaluate_version(self, version)

    monkeypatch.setattr(filtering.FilterRun, "evaluate_version", evaluating)
    runner = FilterRunner(cell, lambda kind, key: None)
    runner._closed.set()  # no rests
    lanes = Lanes(runner)
    for round in range(4):
        write_order(cell, round + 1)
        before = len(evaluated)
        runner._evaluate_account(ACCOUNT)  # the one turn of the quick lane
        assert position(cell, healthy) == cell.store.head()
        assert len(evaluated) - before <= (1 if round == 0 else 0)
    assert position(cell, slow) < cell.store.head()
    for _ in range(1000):
        if not lanes.turn(runner._slow):
            break
    assert position(cell, slow) == cell.store.head()
    assert len(evaluated) == len(set(evaluated))
    runner.close()


def test_a_filter_that_is_quick_again_comes_back_to_the_others(cell, monkeypatch):
    configure(cell, replace(EVERY, app_key="slow", filter=SLOW))
    monkeypatch.setattr(filter_runner, "TURN", 1000.0)
    runner = FilterRunner(cell, lambda kind, key: None)
    runner._closed.set()
    runner._slowed["feed:slow"] = PROBATION
    lanes = Lanes(runner)
    number = 1
    while "feed:slow" in runner._slowed:
        assert number < 40
        write_order(cell, number)
        number += 1
        runner._evaluate_account(ACCOUNT)
        lanes.turn(runner._slow)
    write_order(cell, number)
    runner._evaluate_account(ACCOUNT)
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, "feed:slow") == cell.store.head()
    runner.close()


class DyingChildren(Children):
    """Each evaluation ends its child. `requests` has where the healthy feeds stood then."""

    def __init__(self, stood) -> None:
        super().__init__()
        self.stood = stood
        self.requests: list[Any] = []

    def answer(self, request):
        self.requests.append(self.stood())
        raise ChildKilled


@pytest.mark.guarantee("G40", "G44", "G64")
def test_filters_that_end_their_children_hold_up_nobody_in_the_quick_lane(cell, monkeypatch):
    """Each is tried once, after the account's others stored what is new, and rests then."""
    text = "$map(items, function($i) { $i.id })"
    deadly = [
        configure(cell, replace(EVERY, app_key=f"deadly-{n}", filter={"expression": text}))
        for n in range(5)
    ]
    healthy = [
        configure(cell, replace(EVERY, app_key=f"healthy-{n}", filter=QUICK)) for n in range(3)
    ]
    children = DyingChildren(lambda: {position(cell, feed) for feed in healthy})
    monkeypatch.setattr(jsonata, "_children", [children])
    monkeypatch.setattr(jsonata, "_cache", BytesCache(1_000_000_000))
    monkeypatch.setattr(filter_runner, "TURN", 1000.0)
    runner = FilterRunner(cell, lambda kind, key: None)
    runner._closed.set()
    lanes = Lanes(runner)
    for number in (1, 2, 3):
        write_order(cell, number)
        before = len(children.requests)
        runner._evaluate_account(ACCOUNT)
        assert {position(cell, feed) for feed in healthy} == {cell.store.head()}
        assert len(children.requests) == before
        while lanes.turn(runner._slow):
            pass
        assert len(children.requests) == len(deadly)
        if number == 1:
            assert children.requests == [{cell.store.head()}] * len(deadly)
    with cell.database.snapshot() as connection:
        names = [feeds.subscription_of(feed.app_key) for feed in deadly]
        assert pauses.among(connection, names) == set(names)
    runner.close()
