"""Measures everything on SQLite and on PostgreSQL: `python -m benchmarks [PART…]`."""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial

from rich.console import Console

from benchmarks import (
    accounts,
    appending,
    carts,
    catching_up,
    cost,
    documents,
    encoding,
    evaluation,
    failover,
    hostile,
    idle,
    large,
    latency,
    listing,
    loading,
    over_http,
    overload,
    pages,
    partners,
    places,
    placing,
    pushing,
    queueing,
    reading,
    shopping,
    size,
    trials,
    unhealthy,
)
from benchmarks.figures import Metric, Report
from benchmarks.scale import scale


def _busy() -> Iterable[Metric]:
    """Figures of a machine that did something else besides are not to be compared."""
    named = "processors"
    load, processors = os.getloadavg()[0], float(os.cpu_count() or 1)
    yield Metric("load average at the end", encoding.NONE, load, "processes", processors, named)


def main(parts: list[str]) -> int:
    console = Console()
    if not console.is_terminal:
        console.width = 190
    report, much = Report(console), scale()
    named: dict[str, Callable[[str], Iterable[Metric]]] = {
        "append": partial(appending.figures, seconds=much.seconds),
        "carts": partial(carts.figures, expired=much.carts),
        "shopping": partial(shopping.figures, seconds=much.seconds),
        "place": partial(placing.figures, seconds=much.seconds),
        "load": partial(loading.figures, count=64, seconds=much.seconds),
        "read": partial(reading.figures, count=much.orders, seconds=much.seconds),
        "evaluate": partial(evaluation.figures, count=min(much.orders, 512), seconds=much.seconds),
        "queue": partial(queueing.figures, _seconds=much.seconds),
        "size": partial(size.figures, small=much.small, large=much.large, seconds=much.seconds),
        "lists": partial(listing.figures, count=much.listed, seconds=much.seconds),
        "large": partial(large.figures, seconds=much.seconds),
        "export": partial(listing.exporting, count=much.orders),
        "push": partial(pushing.figures, count=much.pushed),
        "unhealthy": partial(unhealthy.figures, count=much.pushed),
        "latency": partial(latency.figures, seconds=much.seconds),
        "trials": partial(trials.figures, entries=much.tried, seconds=much.seconds),
        "catch-up": partial(catching_up.figures, share=much.late),
        "partners": partial(partners.figures, count=much.orders, seconds=much.seconds),
        "pages": partial(pages.figures, count=min(much.orders, 200)),
        "accounts": partial(accounts.figures, count=much.orders),
        "documents": partial(documents.figures, count=much.documents, seconds=much.seconds),
        "cost": partial(cost.figures, scale=much),
        "http": partial(over_http.figures, scale=much),
        "failover": failover.figures,
        "idle": partial(idle.figures, seconds=max(20.0, 10 * much.seconds)),
        "overload": partial(overload.figures, seconds=much.seconds),
        "hostile": hostile.figures,
    }
    if unknown := set(parts) - {"codec", *named}:
        console.print(f"Unknown: {', '.join(unknown)}. Parts: codec, {', '.join(named)}")
        return 2
    if not parts or "codec" in parts:
        report.measure("codec", encoding.NONE, partial(encoding.figures, much.seconds))
    with places.running_servers():
        for database in (places.SQLITE, places.POSTGRESQL):
            for name, work in named.items():
                if not parts or name in parts:
                    report.measure(name, database, partial(work, database))
    report.measure("load", encoding.NONE, _busy)
    report.show()
    report.write()
    return 1 if report.failed else 0


# Whoever ends this early takes its processes and folders along.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
sys.exit(main(sys.argv[1:]))
