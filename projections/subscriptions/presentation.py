"""How replays, dry runs, explanations and dead letters are shown to clients and in terminals."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger import jsonata
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.records import micros
from oms_ledger.notifications.filters import Filter, FromOrders
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.whole_numbers import is_whole
from projections.subscriptions import replay
from projections.subscriptions.dead_letters import DeadLetter
from projections.subscriptions.dry_run import DryRun
from projections.subscriptions.explain import Explanation
from projections.subscriptions.kinds import SubscriptionKind
from projections.subscriptions.notification import Notification
from projections.subscriptions.pauses import FilterPause

BATCH = 500
FAILED = "The expression failed."


def place(database: Database, value: object, parse: Callable[[Any], datetime | None]) -> int:
    """The position that a position or an instant stands for; `ValueError` for anything else.

    An instant stands for the last event before it, so that what follows is what it counts.
    """
    if type(value) is int and 0 <= value < 2**63:
        return value
    if isinstance(value, str) and is_whole(value):
        return int(value)
    at = parse(value) if isinstance(value, str) else None
    if at is None:
        raise ValueError(value)
    return replay.position_before(database, micros(at))


def requeue(
    database: Database,
    kind: SubscriptionKind,
    app_key: str,
    positions: Sequence[int] | None,
    order_id: str | None = None,
) -> int:
    """Put some of a key's dead letters back among what is waiting; how many.

    Without positions it is all of them, or all of one order.
    """
    keys, subscription, count, after = kind.of_keys, kind.subscription_of(app_key), 0, 0
    assert keys is not None, f"subscriptions of the kind {kind.name} are of no app key"
    if positions is not None:
        with database.writing() as connection:
            letters_ = keys.letters.take(connection, subscription, positions)
            keys.requeue(connection, app_key, letters_, database.clock.micros())
        return len(letters_)
    while True:
        with database.writing() as connection:
            found = keys.letters.page(connection, subscription, after, BATCH, order_id)
            letters_ = keys.letters.take(connection, subscription, [one.position for one in found])
            keys.requeue(connection, app_key, letters_, database.clock.micros())
        count += len(letters_)
        if len(found) < BATCH:
            return count
        after = found[-1].position


def now_and_then(run: Iterator[DryRun], seconds: float) -> Iterator[DryRun]:
    """The reports of a dry run, at most one in so many seconds, and the last."""
    last, held = 0.0, None
    for report in run:
        if held is not None:
            report = replace(
                report,
                samples=held.samples + report.samples,
                failures=held.failures + report.failures,
            )
        held = report
        if report.done or time.monotonic() - last >= seconds:
            yield report
            last, held = time.monotonic(), None


def dry_run_progress(report: DryRun, *, values: bool = True) -> dict[str, Any]:
    """A report; the texts of failures, which may repeat a value, only with `values`."""
    return {
        "position": report.position,
        "head": report.head,
        "entries": report.entries,
        "evaluated": report.evaluated,
        "matched": report.matched,
        "failed": report.failed,
        "evaluationMicroseconds": report.micros,
        "samples": [notification(one) for one in report.samples],
        "failures": [
            {
                "position": one.position,
                "orderId": one.order_id,
                "error": one.message if values else FAILED,
            }
            for one in report.failures
        ],
        "done": report.done,
        **({"aborted": "the filter fails again and again"} if report.aborted else {}),
    }


def notification(one: Notification) -> dict[str, Any]:
    """A notification as clients see it; instants are ISO 8601."""
    return {
        "position": one.position,
        "orderId": one.order_id,
        "domain": one.domain,
        "state": one.state,
        "lastState": one.last_state,
        "currentChange": instant_text(one.current_change),
    }


def engine(filter: Filter) -> dict[str, Any]:
    """What evaluates the filter's expression, and what of a document it reads; null: all."""
    if not isinstance(filter, FromOrders):
        return {}
    expression = jsonata.compile(filter.expression)
    return {"engine": expression.engine, "reads": jsonata.paths(expression.reads)}


def version(explanation: Explanation, *, values: bool) -> dict[str, Any]:
    """A version and what the filter said of it; `values` only for who may see the document."""
    row = explanation.row
    return {
        "version": row.version,
        "position": row.position,
        "event": row.name,
        "at": instant_text(row.at),
        "lastState": row.status_before,
        "state": row.status,
        "matches": explanation.matches,
        "notification": explanation.notification,
        "reason": explanation.reason,
        **({"value": explanation.value} if values else {}),
        **(
            {"error": explanation.error if values else FAILED}
            if explanation.error is not None
            else {}
        ),
        "evaluationMicroseconds": explanation.micros,
    }


def dead_letter(one: DeadLetter) -> dict[str, Any]:
    """A dead letter as clients see it; instants are ISO 8601."""
    return {
        "position": one.position,
        "orderId": one.order_id,
        "reason": one.reason,
        "at": instant_text(one.at),
    }


def filter_state(pause: FilterPause | None) -> dict[str, Any]:
    """Whether a filter goes on; if not, since when, at which event and why."""
    return {
        "paused": pause is not None,
        "pausedAt": pause and instant_text(pause.paused_at),
        "position": pause and pause.position,
        "orderId": pause and pause.order_id,
        "reason": pause and pause.reason,
    }
