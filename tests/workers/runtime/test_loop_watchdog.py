"""A loop that stands still is said to, with the place that holds it."""

import asyncio
import threading
from typing import Any

from prometheus_client import REGISTRY

from oms_ledger.services.loop_watchdog import LoopWatchdog

HOLD = "def hold(event):\n    return event.wait(60)\n"


def times_blocked():
    return REGISTRY.get_sample_value("oms_loop_blocked_seconds_count")


def test_held_loop_is_reported_with_its_place():
    reported, places = threading.Event(), []
    product: dict[str, Any] = {"__name__": "oms_ledger.held"}
    exec(HOLD, product)
    before = times_blocked()

    def report(place):
        places.append(place)
        reported.set()

    async def story():
        watchdog = LoopWatchdog(beat=0.01, blocked=0.01, report=report)
        assert product["hold"](reported)  # nothing else runs on the loop meanwhile
        while times_blocked() == before:  # until the loop has noted itself again
            await asyncio.sleep(0)
        watchdog.close()

    asyncio.run(story())
    assert places[0] == "oms_ledger.held:2"
