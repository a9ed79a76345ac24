"""Explain: what a filter says of each version of an order, why, and at what cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from oms_ledger import jsonata
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.records import RecordedEvent, instant, order_stream
from oms_ledger.notifications.filters import Filter, FromWorkflow
from oms_ledger.orders.order import Order
from projections.subscriptions.order_version import OrderVersion


@dataclass(frozen=True, slots=True)
class Explanation:
    """One version: the event that made it, what the filter says, and whether a notification
    follows.

    `value` is what the expression came to (None for a filter by status), `error` why it failed,
    `micros` what evaluating it took.
    """

    row: RecordedEvent
    matches: bool
    notification: bool
    reason: str
    value: Any = None
    error: str | None = None
    micros: int = 0
    killed: bool = False


def explain(
    loader: StreamLoader, account: str, order_id: str, filter: Filter, *, masked: bool = False
) -> Iterator[Explanation]:
    """Each version of the order in turn; nothing when there is no such order.

    `masked`: the filter sees documents as an account shows them that masks.
    """
    rows = loader.store.stream(order_stream(account, order_id))
    if isinstance(filter, FromWorkflow):
        yield from (_by_status(filter, row) for row in rows)
        return
    expression, before = jsonata.compile(filter.expression), None
    for row, _, _, loaded_state in loader.steps(rows):
        assert isinstance(loaded_state.state, Order)
        explanation = _by_expression(
            expression,
            OrderVersion(row, loaded_state.state, instant(row.at), masked=masked),
            before,
        )
        if explanation.notification and not filter.disable_single_fire:
            before = before or row.version
        yield explanation
        if explanation.killed:
            return  # and would end another process


def _by_status(filter: FromWorkflow, row: RecordedEvent) -> Explanation:
    matches = filter.matches(row.status, row.moved)
    if not row.moved:
        reason = "the status did not change"
    elif row.status is None:
        reason = "the order is incomplete: it has no status yet"
    elif matches:
        reason = f"the status changed to {row.status}"
    else:
        reason = f"{row.status} is none of the statuses of the filter"
    return Explanation(row, matches, matches, reason)


def _by_expression(
    expression: jsonata.Expression, version: OrderVersion, single_fire: int | None
) -> Explanation:
    document, began = version.document(expression.reads), perf_counter()
    try:
        value = expression.value(document, version.at)
        matches = expression.truthy(document, version.at)
    except jsonata.EvaluationError as error:
        micros = int((perf_counter() - began) * 1_000_000)
        reason = "the expression failed: no notification"
        killed = isinstance(error, jsonata.ChildKilled)
        sinks = str(error)
        return Explanation(
            version.row, False, False, reason, error=sinks, micros=micros, killed=killed
        )
    micros = int((perf_counter() - began) * 500_000)  # it was evaluated twice
    if not matches:
        reason = "the expression is not true"
    elif single_fire is not None:
        reason = (
            f"true, but the order fired at version {single_fire}, and disableSingleFire is not set"
        )
    else:
        reason = "the expression is true"
    notification = matches and single_fire is None
    return Explanation(version.row, matches, notification, reason, value=value, micros=micros)
