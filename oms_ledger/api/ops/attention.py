"""What of an account needs somebody: errors, decisions, what is late (ours)."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.roles import OPERATIONS
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.orders.documents import json_response
from oms_ledger.api.orders.queries import requested
from oms_ledger.cell import Cell
from oms_ledger.notifications.webhook import instant_text
from projections.desk import tasks
from projections.desk.tasks import TaskQuery
from projections.notifications import deliveries, feeds, hooks
from projections.orders import query as orders_query
from projections.outbox import messages

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayLook = Annotated[Caller, Depends(requires("attention"))]

FAILURES = 5  # in a row, from which on a hook needs somebody
ERROR, DECIDE, WAIT = "error", "decide", "wait"

# kind: (severity, the list's query)
ORDERS: dict[str, tuple[str, dict[str, str]]] = {
    "orders-in-error": (ERROR, {"filterError": "perm"}),
    "cancellations-requested": (DECIDE, {"f_status": "cancellation-requested"}),
    "fulfillment-to-authorize": (DECIDE, {"f_status": "waiting-for-manual-authorization"}),
    "sellers-to-change": (DECIDE, {"f_status": "window-to-change-seller"}),
    "late-deliveries": (WAIT, {"f_shippingEstimate": "-1.days"}),
    "orders-retrying": (WAIT, {"filterError": "temp"}),
}


class Need(ResponseModel):
    """Something that needs somebody, and the list that shows it."""

    kind: str = Field(examples=["cancellations-requested"])
    severity: str = Field(description="`error`, `decide` or `wait`", examples=["decide"])
    count: int = Field(examples=[2])
    since: str | None = Field(description="Of the oldest, where that is known")
    reason: str | None = Field(examples=["HTTP 503"])
    app_key: str | None = Field(description="Of a feed or hook")
    query: dict[str, str] = Field(description="Of the list that shows exactly these")


class Attention(ResponseModel):
    """What needs somebody, the most severe first."""

    needs: list[Need]


@router.get("/attention", response_model=Attention)
async def get_attention(request: Request, cell: TheCell, caller: MayLook) -> Response:
    """What needs somebody now, the worst first; only what the caller may look at."""
    account = await cell.ledger.account(caller.account)
    await request.app.state.freshness.wait()

    def look(connection: Connection) -> list[dict[str, Any]]:
        return [need for need in _needs(cell, connection, account, caller) if need["count"]]

    severities = (ERROR, DECIDE, WAIT)
    needs = await cell.read(look)
    return json_response({"needs": sorted(needs, key=lambda n: severities.index(n["severity"]))})


def _needs(
    cell: Cell, connection: Connection, account: Account, caller: Caller
) -> Iterator[dict[str, Any]]:
    def may(operation: str) -> bool:
        return bool(OPERATIONS[operation] & caller.resources)

    if may("list_orders"):
        for kind, (severity, query) in ORDERS.items():
            given = {name: [value] for name, value in query.items()}
            question = requested(account, given, cell.clock.now()).order_query
            count = orders_query.totals(connection, question).count
            yield _need(kind, severity, count, query=query)
    if may("hook_state"):
        yield from _subscriptions(cell, connection, account)
    if may("view_calls"):
        dead = messages.listed(connection, account.name, None, messages.DEAD, 500)
        oldest = min((one.produced_at for one in dead), default=None)
        query = {"state": messages.DEAD}
        yield _need("outbox-dead", ERROR, len(dead), since=oldest, query=query)
    if may("read_tasks"):
        _, total = tasks.page(connection, TaskQuery(account.name, without=("Closed",)), 1, 1)
        yield _need("tasks-open", DECIDE, total)


def _subscriptions(
    cell: Cell, connection: Connection, account: Account
) -> Iterator[dict[str, Any]]:
    for hook in hooks.of_account(connection, account.name, cell.encryption):
        pending, oldest, dead = deliveries.overview(connection, hook.app_key)
        failing = pending if hook.consecutive_failures >= FAILURES else 0
        reason = f"{hook.consecutive_failures} failures in a row"
        yield _need(
            "hook-failing", ERROR, failing, since=oldest, reason=reason, app_key=hook.app_key
        )
        yield _need("dead-letters", ERROR, dead, app_key=hook.app_key)
        if hook.paused_at:
            yield _need("hook-paused", WAIT, 1, since=hook.paused_at, app_key=hook.app_key)
    for feed in feeds.overview(connection, account.name):
        dead, failure = feed["deadLetters"], feed["lastFailure"]
        yield _need("dead-letters", ERROR, dead, reason=failure, app_key=feed["appKey"])


def _need(
    kind: str,
    severity: str,
    count: int,
    *,
    since: int | None = None,
    reason: str | None = None,
    app_key: str | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "severity": severity,
        "count": count,
        "since": instant_text(since) if since else None,
        "reason": reason,
        "appKey": app_key,
        "query": query or {},
    }
