"""Every process leaves its own figures in the database, for whoever answers a scrape.

Counters and histograms of Prometheus live in the memory of one process. A web process
answers for all: each writes its own every few seconds as rows that name the process, so that
nothing jumps from scrape to scrape, and processes without a port are counted as well.
"""

import json
import threading
from collections.abc import Iterable, Iterator

import structlog
from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import UNAVAILABLE, Database
from oms_ledger.process_name import process_name
from projections.notifications.feeds import SECOND
from projections.ops.metrics import GONE
from projections.tables import process_metrics

EVERY = 15.0  # seconds
EVERY_PROCESS = "all"
"""The kind of a process that runs what otherwise web, projector, worker, scheduler are for."""

PUSHES = Counter("oms_webhook_attempts", "Pushes to hooks by what came of them", ["outcome"])
PUSH_SECONDS = Histogram("oms_webhook_seconds", "Time until a hook answered a push")
LOOP_BLOCKED = Histogram("oms_loop_blocked_seconds", "For how long an event loop stood still")
FIRED = Counter("oms_timers_fired", "Timers that fired", ["kind"])

log = structlog.get_logger(__name__)


def outcome_of(status: int | None, seen: str) -> str:
    """A few words for what came of a push: `accepted`, `5xx`, `timeout`, …"""
    if status == 200:
        return "accepted"
    if status is not None:
        return f"{status // 100}xx"
    if seen.startswith("no answer"):
        return "timeout"
    return "forbidden" if seen.startswith("Unable") else "unreachable"


class MetricsReporter:
    """Writes this process's figures every few seconds, and takes away those of the dead."""

    def __init__(self, database: Database, kind: str) -> None:
        self._database, self._kind = database, kind
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reporting."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                with self._database.writing() as connection:
                    report(connection, process_name(), self._kind, self._database.clock.micros())
            except UNAVAILABLE as error:
                log.warning("metrics_report_failed", error=type(error).__name__)
            if self._end.wait(EVERY):
                return


def report(connection: Connection, process: str, kind: str, now: int) -> None:
    """Write the figures of this process, and forget processes that gave no sign for long."""
    row = {"process": process, "kind": kind, "at": now, "body": json.dumps(list(_own()))}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    put = dialect.insert(process_metrics)
    values = {name: put.excluded[name] for name in ("kind", "at", "body")}
    connection.execute(put.on_conflict_do_update(index_elements=["process"], set_=values), row)
    old = process_metrics.c.at < now - GONE * SECOND
    connection.execute(delete(process_metrics).where(old))


def _own() -> Iterator[tuple[str, str, str, list[tuple[str, dict[str, str], float]]]]:
    for family in REGISTRY.collect():
        samples = [(s.name, s.labels, s.value) for s in family.samples]
        yield family.name, family.documentation, family.type, samples


def of_all(connection: Connection, kind: str, now: int) -> list[Metric]:
    """The figures of every process with the labels `kind` and `process`; this one's as of now."""
    process = process_name()
    alive = process_metrics.c.at >= now - GONE * SECOND
    rows = connection.execute(select(process_metrics).where(alive)).all()
    fields = {row.process: (row.kind, json.loads(row.body)) for row in rows}
    fields[process] = (kind, list(_own()))
    families: dict[str, Metric] = {}
    for name, (its_kind, body) in sorted(fields.items()):
        for family, about, type_, samples in body:
            metric = families.setdefault(family, Metric(family, about, type_))
            _add(metric, samples, {"kind": its_kind, "process": name})
    return list(families.values())


def _add(
    metric: Metric, samples: Iterable[tuple[str, dict[str, str], float]], more: dict[str, str]
) -> None:
    for sample, labels, value in samples:
        metric.add_sample(sample, {**labels, **more}, value)
