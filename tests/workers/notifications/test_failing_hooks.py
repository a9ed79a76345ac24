"""A thousand dead endpoints: what they take of others is counted, and no clock decides (G44)."""

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest

from oms_ledger.http_client.webhook_client import Answer
from oms_ledger.services.notifications import outbox
from projections.notifications import deliveries as notifications_deliveries
from projections.notifications.hooks import Hook
from tests.support import hook_deliveries
from tests.support.clock import set_clock
from tests.support.configuring import configure_hooks
from tests.support.inline_delivery import Postman
from tests.support.purchases import ACCOUNT
from tests.workers.notifications.test_dispatcher import settle
from workers.outbox import sessions
from workers.outbox.rate_limiter import RateLimiter
from workers.outbox.sessions import DEGRADED_RATE, NEW_RATE

NEVER = {"type": "FromWorkflow", "status": ["none of these"]}
DEAD = [f"dead-{number:04}" for number in range(1000)]
SILENT, FAILING = None, Answer(500, "HTTP 500")


class World:
    """Endpoints that are a few lines here, and a time that stands still until it is moved."""

    def __init__(self, dead):
        self.dead = dead
        self.time = 0.0
        self.well, self.flaky = "well", False
        self.received: Counter[Any] = Counter()
        self.released = threading.Event()
        self.sleepers = []

    def pace(self, _, per_second):
        return RateLimiter(lambda: self.time, per_second, self.sleep)

    async def sleep(self, seconds):
        loop = asyncio.get_running_loop()
        signaled = loop.create_future()
        self.sleepers.append((self.time + seconds, loop, signaled))
        await signaled

    def pass_by(self, seconds):
        """Whoever slept until then goes on."""
        self.time += seconds
        for until, loop, signaled in list(self.sleepers):
            if until <= self.time:
                self.sleepers.remove((until, loop, signaled))
                loop.call_soon_threadsafe(signaled.set_result, None)

    def sender(self):
        world = self

        class Sender:
            def __init__(self, networks, clock):
                """Nothing to open."""

            async def post(self, url, body, headers):
                key = url.removeprefix("https://")
                world.received[key] += 1
                if key == world.well:
                    failed = world.flaky and world.received[key] % 3 != 1
                    return FAILING if failed else Answer(200, "HTTP 200")
                if world.dead is SILENT:
                    while not world.released.is_set():
                        await asyncio.sleep(0.05)
                    return Answer(None, "no answer within 5 s")
                return world.dead

            async def close(self):
                """Nothing to close."""

        return Sender

    @property
    def tried(self):
        """Notifications that were tried at the dead ones."""
        return sum(self.received[key] for key in DEAD)

    @property
    def tried_once(self):
        return sum(self.received[key] > 0 for key in DEAD)


@pytest.fixture(params=[SILENT, FAILING], ids=["silent", "failing"])
def world(cell, request, monkeypatch):
    world = World(request.param)
    monkeypatch.setattr(outbox, "Sender", world.sender())
    monkeypatch.setattr(sessions, "RateLimiter", world.pace)
    set_clock(cell, cell.clock.now())  # what failed never falls due again
    yield world
    world.released.set()


@pytest.fixture
def postman(cell, world):
    postman = Postman(cell)
    yield postman
    world.released.set()
    postman.close()


def enqueue(cell, keys, positions):
    """Hooks that have pending a notification of an order each, for every position."""
    now = cell.clock.micros()
    configure_hooks(cell, [Hook(key, ACCOUNT, NEVER, f"https://{key}", {}) for key in keys], 0)
    with cell.database.writing() as connection:
        for key in keys:
            hook_deliveries.enqueue(connection, ACCOUNT, key, positions, now)


def signal(postman, *keys):
    for key in keys:
        postman.signal_hook(key)


def pending(cell, key):
    with cell.database.snapshot() as connection:
        return notifications_deliveries.pending(connection).get(key, 0)


@pytest.mark.guarantee("G44")
def test_a_thousand_dead_endpoints_wait_for_their_turn_and_a_healthy_hook_does_not(
    cell, world, postman
):
    """No time goes by: none of the dead has a turn, and the healthy one gets everything."""
    enqueue(cell, ["well"], range(1))
    signal(postman, "well")
    settle(cell, lambda: pending(cell, "well") == 0 and postman.idle)
    enqueue(cell, ["well"], range(1, 101))
    enqueue(cell, DEAD, range(3))
    signal(postman, *DEAD, "well")
    settle(cell, lambda: pending(cell, "well") == 0)
    assert world.received == {"well": 101}


@pytest.mark.guarantee("G44")
def test_an_endpoint_that_fails_now_and_then_waits_for_no_turns(cell, world, postman):
    """Two of three notifications fail, and no time goes by."""
    world.flaky = True
    enqueue(cell, ["well"], range(90))
    signal(postman, "well")
    settle(cell, lambda: world.received["well"] == 90)


@pytest.mark.guarantee("G44")
def test_the_dead_are_tried_at_a_steady_pace_and_one_notification_a_turn(cell, world, postman):
    world.time = 100.0
    enqueue(cell, DEAD, range(3))
    signal(postman, *DEAD)
    settle(cell, lambda: world.tried and len(world.sleepers) >= len(DEAD) - 1)
    for second in range(1, 2 + len(DEAD) // NEW_RATE):
        world.pass_by(1.0)
        new = min(len(DEAD), second * NEW_RATE)
        settle(cell, lambda new=new: world.tried_once >= new)
        assert world.tried <= len(DEAD) + second * DEGRADED_RATE + 1
    if world.dead is SILENT:
        settle(
            cell, lambda: world.tried == len(DEAD)
        )  # each has one notification out, and nobody waits for it


@pytest.mark.guarantee("G44")
def test_an_endpoint_that_is_well_again_is_served_in_its_turn_however_the_others_fail(
    cell, world, postman
):
    dead, world.dead = world.dead, FAILING
    keys = [*DEAD, "recovering"]
    enqueue(cell, keys, range(1))
    signal(postman, *keys)
    settle(cell, lambda: world.received["recovering"] or world.pass_by(0.1))
    settle(cell, lambda: postman.idle or world.pass_by(0.1))
    assert set(world.received.values()) == {1}
    world.dead, world.well = dead, "recovering"
    enqueue(cell, keys, range(1, 4))
    signal(postman, *keys)
    settle(cell, lambda: world.received["recovering"] == 1 + 3 or world.pass_by(0.1))
    assert world.tried <= len(DEAD) * (1 + 2)
