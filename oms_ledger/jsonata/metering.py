"""Counting what an evaluation uses, and stopping it at its bounds."""

import threading
from time import thread_time
from typing import Any, NoReturn

from oms_ledger.jsonata.bounds import (
    ARRAY,
    DEPTH,
    SIZE,
    STEPS,
    STRING,
)
from oms_ledger.jsonata.errors import BoundExceeded

_current = threading.local()


class Meter:
    """What one evaluation has used. Every method stops it when a bound is met."""

    def __init__(self, time: float) -> None:
        self.steps = 0
        self.depth = 0
        self.timed_out: BoundExceeded | None = None
        self.deadline = thread_time() + time
        # Values are kept with their weights, for an identity means nothing without its owner.
        self.weights: dict[int, tuple[Any, int, int]] = {}

    def strike(self, bound: str) -> NoReturn:
        """End the evaluation: it has reached a bound, which is remembered."""
        self.timed_out = BoundExceeded(bound)
        raise self.timed_out

    def spend(self, steps: int) -> None:
        """Count steps; too many strike."""
        self.steps += steps
        if self.steps > STEPS:
            self.strike("steps")

    def time_left(self) -> float:
        """Seconds of CPU that are left; none strikes."""
        left = self.deadline - thread_time()
        if left <= 0:
            self.strike("time")
        return left

    def check(self, value: Any, *, weigh: bool = True) -> None:
        """Strike where a value is too large; `weigh`: also count what is in it."""
        if isinstance(value, str):
            if len(value) > STRING:
                self.strike("size")
            self.spend(len(value) >> 10)
            return
        if len(value) > ARRAY:
            self.strike("size")
        self.spend(len(value) >> 2)
        if weigh:
            self.weigh(value)

    def weigh(self, value: Any, level: int = 1) -> tuple[int, int]:
        """Size and height as if written out: sharing makes much of little, writing it does not."""
        known = self.weights.get(id(value))
        if known is not None:
            return known[1:]
        if level > DEPTH:
            self.strike("depth")
        size = height = 1
        for member in value.values() if isinstance(value, dict) else value:
            if isinstance(member, list | dict):
                of_member, below = self.weigh(member, level + 1)
                size += of_member
                height = max(height, below + 1)
            else:
                size += 1 + len(member) if isinstance(member, str) else 1
        if size > SIZE:
            self.strike("size")
        if height > DEPTH:
            self.strike("depth")
        self.weights[id(value)] = value, size, height
        return size, height

    def enter(self) -> None:
        """Count one level of depth; too many strike."""
        self.depth += 1
        if self.depth > DEPTH:
            self.strike("depth")

    def leave(self) -> None:
        """Leave a level."""
        self.depth -= 1


def running() -> Meter:
    """The meter of the evaluation that this thread is in."""
    meter: Meter = _current.meter
    return meter


def run(meter: Meter | None) -> Meter | None:
    """Make a meter the thread's; answers the one before it."""
    before: Meter | None = getattr(_current, "meter", None)
    _current.meter = meter
    return before
