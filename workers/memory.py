"""How seldom a process stops to look for garbage among what is there to stay."""

import gc

SELDOM = 200  # collections of the middle generation before one of everything; Python: 10


def settle() -> None:
    """To be called when everything is imported and built.

    A collection of everything stops all threads while it looks at each object: a tenth of a second
    for the modules alone, more for the orders in memory, and it comes more often the faster these
    grow. The former are left out for good, the latter are looked at seldom: they form no cycles.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, SELDOM)
