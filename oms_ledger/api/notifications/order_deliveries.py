"""What each feed and hook got of an order (ours)."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel, rows_of
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.orders.documents import json_response
from oms_ledger.notifications.webhook import instant_text
from projections.accounts import app_keys
from projections.notifications.of_order import sinks_of_orders

router = APIRouter(prefix="/api/ledger", tags=["Feed and hook, beyond the original"])

MaySee = Annotated[Caller, Depends(requires("order_deliveries"))]


class NotificationOfOrder(ResponseModel):
    """One notification of one key. Committed items of feeds are not kept, so not given."""

    app_key: str = Field(examples=["vtexappkey-acme-8F21C0"])
    label: str | None = Field(description="What the key is for", examples=["erp"])
    kind: str = Field(description="`feed` or `hook`", examples=["hook"])
    position: int = Field(examples=[48211])
    version: int = Field(examples=[12])
    event: str = Field(examples=["handling-started"])
    status: str | None = Field(examples=["handling"])
    state: str = Field(
        description="`waiting`, `hidden`, `pending`, `delivered` or `dead`", examples=["pending"]
    )
    attempts: int = Field(description="Pushes of a hook, retrievals of a feed", examples=[2])
    at: str | None = Field(description="When it was last tried, or produced")
    duration_ms: float | None = Field(examples=[41.8])
    outcome: str | None = Field(description="The last answer", examples=["HTTP 503"])
    until: str | None = Field(description="When it is tried, or shows, again")
    replayed: bool


class DeliveriesOfOrder(ResponseModel):
    """What each feed and hook got of an order."""

    order_id: str = Field(examples=["v502559acme-01"])
    deliveries: list[NotificationOfOrder]


@router.get("/orders/{order_id}/deliveries", response_model=DeliveriesOfOrder)
async def get_deliveries(order_id: PathId, cell: TheCell, caller: MaySee) -> Response:
    """Of every feed and hook of the account: what it got of the order, newest first."""

    def found() -> list[dict[str, Any]]:
        rows = {row.position: row for row in rows_of(cell, caller.account, order_id)}
        with cell.database.snapshot() as connection:
            sinks = sinks_of_orders(connection, caller.account, list(rows), cell.clock.micros())
            labels = app_keys.labels(connection, caller.account)
        return [
            {
                "appKey": one.app_key,
                "label": labels.get(one.app_key),
                "kind": one.kind,
                "position": one.position,
                "version": rows[one.position].version,
                "event": rows[one.position].name,
                "status": rows[one.position].status,
                "state": one.state,
                "attempts": one.attempts,
                "at": _instant(one.at),
                "durationMs": None if one.duration is None else round(one.duration / 1000, 3),
                "outcome": one.outcome,
                "until": _instant(one.until),
                "replayed": one.replayed,
            }
            for one in sinks
        ]

    return json_response({"orderId": order_id, "deliveries": await asyncio.to_thread(found)})


def _instant(at: int | None) -> str | None:
    return None if at is None else instant_text(at)
