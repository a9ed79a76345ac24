"""Rates that are compared are measured in turns: what else the machine does hits all alike."""

from collections.abc import Callable, Mapping
from statistics import median

ROUNDS = 9

Work = Callable[[float], float]  # seconds to work for → rate


def medians(works: Mapping[str, Work], seconds: float) -> dict[str, float]:
    """The median rate of each work over slices that take turns, after one to warm up.

    Each work runs for about `seconds` altogether.
    """
    for work in works.values():
        work(seconds / ROUNDS / 2)
    rates: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            rates[name].append(work(seconds / ROUNDS))
    return {name: median(measured) for name, measured in rates.items()}
