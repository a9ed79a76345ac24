"""When Python looks for cyclic garbage in the processes that answer and tell.

They keep hundreds of thousands of objects for long (folded orders above all), which are free of
cycles and go when they are dropped from their caches. Python's own thresholds look through all of
them every few seconds, and everybody waits for 150 to 400 ms meanwhile (docs/decisions/0014).
"""

import gc

YOUNG, MIDDLE, OLD = 5_000, 5, 200
"""So many new objects; so many looks at these; so many looks at both before all are looked at."""


def collect_rarely() -> None:
    """What was imported is never looked at again, and all the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
