"""How much is measured: all of it, or with QUICK=1 what fits into two minutes."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    seconds: float
    """How long one rate is measured."""
    orders: int
    """Orders in the views that are read and rebuilt, and orders placed over HTTP."""
    pushes: int
    """Actions whose notifications are timed, at 100 a second."""
    pushed: int
    """Notifications given for each figure of the outbox dispatcher."""
    late: int
    """One in so many events of an hour at 200 a second are caught up with."""
    small: int
    large: int
    """Stored events between which the figures should be flat."""
    listed: int
    """Orders in the lists that are measured."""
    tried: int
    """Events that a filter is tried on."""
    documents: int
    """Documents of Master Data that are searched."""
    carts: int
    """Expired carts that are removed."""


QUICK = Scale(
    seconds=0.8,
    orders=320,
    pushes=300,
    pushed=1_000,
    late=200,
    small=1_000,
    large=100_000,
    listed=20_000,
    tried=5_000,
    documents=50_000,
    carts=20_000,
)
FULL = Scale(
    seconds=8.0,
    orders=3_000,
    pushes=3_000,
    pushed=10_000,
    late=10,
    small=1_000,
    large=1_000_000,
    listed=1_000_000,
    tried=100_000,
    documents=1_000_000,
    carts=1_000_000,
)


def scale() -> Scale:
    return QUICK if os.environ.get("QUICK", "").lower() in ("1", "true", "yes", "on") else FULL
