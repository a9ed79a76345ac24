"""Explain: what a filter says of each version of an order, why, and at what cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from oms_ledger import jsonata
from oms_ledger.eventstore.folding import Folds
from oms_ledger.eventstore.records import Row, instant, order_stream
from oms_ledger.notifications.filters import Filter, FromWorkflow
from oms_ledger.orders.order import Order
from projections.subscriptions.order_version import Version


@dataclass(frozen=True, slots=True)
class Said:
    """One version: the entry that made it, what the filter says, and whether a notice follows.

    `value` is what the expression came to (None for a filter by status), `error` why it failed,
    `micros` what evaluating it took.
    """

    row: Row
    passes: bool
    notice: bool
    reason: str
    value: Any = None
    error: str | None = None
    micros: int = 0
    killed: bool = False


def explain(
    folds: Folds, account: str, order_id: str, filter: Filter, *, masked: bool = False
) -> Iterator[Said]:
    """Each version of the order in turn; nothing when there is no such order.

    `masked`: the filter sees documents as an account shows them that masks.
    """
    rows = folds.store.stream(order_stream(account, order_id))
    if isinstance(filter, FromWorkflow):
        yield from (_by_status(filter, row) for row in rows)
        return
    expression, before = jsonata.compile(filter.expression), None
    for row, _, _, folded in folds.steps(rows):
        assert isinstance(folded.state, Order)
        said = _by_expression(
            expression, Version(row, folded.state, instant(row.at), masked=masked), before
        )
        if said.notice and not filter.disable_single_fire:
            before = before or row.version
        yield said
        if said.killed:
            return  # and would end another process


def _by_status(filter: FromWorkflow, row: Row) -> Said:
    passes = filter.matches(row.status, row.moved)
    if not row.moved:
        reason = "the status did not change"
    elif row.status is None:
        reason = "the order is incomplete: it has no status yet"
    elif passes:
        reason = f"the status changed to {row.status}"
    else:
        reason = f"{row.status} is none of the statuses of the filter"
    return Said(row, passes, passes, reason)


def _by_expression(expression: jsonata.Expression, version: Version, fired: int | None) -> Said:
    document, began = version.document(expression.reads), perf_counter()
    try:
        value = expression.value(document, version.at)
        passes = expression.truthy(document, version.at)
    except jsonata.EvaluationError as error:
        micros = int((perf_counter() - began) * 1_000_000)
        reason = "the expression failed: no notice"
        killed = isinstance(error, jsonata.ChildKilled)
        told = str(error)
        return Said(version.row, False, False, reason, error=told, micros=micros, killed=killed)
    micros = int((perf_counter() - began) * 500_000)  # it was evaluated twice
    if not passes:
        reason = "the expression is not true"
    elif fired is not None:
        reason = f"true, but the order fired at version {fired}, and disableSingleFire is not set"
    else:
        reason = "the expression is true"
    notice = passes and fired is None
    return Said(version.row, passes, notice, reason, value=value, micros=micros)
