"""Turns at a pace: counted by a clock that a test sets."""

import asyncio

from workers.outbox.rate_limiter import RateLimiter


def test_turns_come_in_order_no_faster_than_the_pace_and_at_once_after_a_pause():
    now, waits = 0.0, []

    async def wait(seconds):
        waits.append(seconds)

    async def story():
        nonlocal now
        pace = RateLimiter(lambda: now, 4, wait)
        for _ in range(3):
            await pace.acquire()
        assert waits == [0.25, 0.5]
        now = 0.5
        await pace.acquire()
        assert waits[2:] == [0.25]
        now = 60.0
        await pace.acquire()
        assert len(waits) == 3

    asyncio.run(story())
