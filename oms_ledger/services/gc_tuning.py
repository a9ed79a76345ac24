"""How Python's interpreter is set in the processes that answer and send (decision 0014).

They keep hundreds of thousands of objects for long (loaded orders most of all), which are free of
cycles and go when they are dropped from their caches. By Python's own thresholds all of them are
looked at every few seconds, and everybody waits for 150 to 400 ms meanwhile.

A loop that answers shares the interpreter with threads that compute. By Python's own interval it
waits 5 ms each time it wants it back, and a request wants it back a dozen times.
"""

import gc
import sys

YOUNG, MIDDLE, OLD = 5_000, 5, 200
"""So many new objects; so many looks at these; so many looks at both before all are looked at."""
TURN = 0.0005
"""Seconds that a thread computes at a time while another waits for the interpreter."""


def settle() -> None:
    """To be called when everything is imported and built, which is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    sys.setswitchinterval(TURN)
