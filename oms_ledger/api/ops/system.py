"""The deployment: where everything stands, its seals, and whether all of it agrees (ours).

Only people who look after the deployment have the resource; no role of an account does.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy import select

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.integrity import IntegrityError, verify
from oms_ledger.eventstore.tables import seals
from oms_ledger.services.state import state_of
from projections.ops.verify import count_orders, verify_views

router = APIRouter(prefix="/api/ledger", tags=["Deployment"])

MayLook = Annotated[Caller, Depends(requires("system"))]
NAMED = 20  # differences that are named


class Seal(ResponseModel):
    from_position: int
    to_position: int
    seal: str = Field(description="SHA-256 over the seal before and the events, in hex")


class Seals(ResponseModel):
    seals: list[Seal]


@router.get("/system")
async def get_system(cell: TheCell, caller: MayLook) -> Response:
    """Head, lags, leases, queues, hooks, processes: what `oms-ledger status --json` says."""
    return json_response(await asyncio.to_thread(state_of, cell))


@router.get("/seals", response_model=Seals)
async def get_seals(
    cell: TheCell,
    caller: MayLook,
    before: Annotated[int, Query(ge=1, lt=2**62)] = 2**62 - 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Response:
    """The newest links of the chain: kept elsewhere, they prove what the ledger was."""

    def look() -> list[dict[str, Any]]:
        query = select(seals).where(seals.c.position_to < before)
        with cell.database.reading() as connection:
            found = connection.execute(query.order_by(seals.c.position_to.desc()).limit(limit))
            return [
                {
                    "fromPosition": row.position_from,
                    "toPosition": row.position_to,
                    "seal": bytes(row.seal).hex(),
                }
                for row in found
            ]

    return json_response({"seals": await asyncio.to_thread(look)})


@router.post("/verify")
async def post_verify(cell: TheCell, caller: MayLook) -> Response:
    """Recompute the chain of seals and every view, while everything goes on.

    The answer is one JSON object a line as it goes: `{"done": n, "total": n}`, and at the end
    `{"ok": …}` with the first position in doubt and the views that differ.
    """
    return StreamingResponse(_lines(cell), media_type="application/x-ndjson")


def _lines(cell: Cell) -> Iterator[bytes]:
    for fields in _verified(cell):
        yield orjson.dumps(fields) + b"\n"


def _verified(cell: Cell) -> Iterator[dict[str, Any]]:
    head, orders = cell.store.head(), count_orders(cell.database)
    total = head + orders
    try:
        for position in verify(cell.store, head):
            yield {"done": position, "total": total}
    except IntegrityError as tampered:
        yield {"ok": False, "position": tampered.position, "reason": tampered.reason, "views": []}
        return
    differing = []
    for done, found in verify_views(cell.database, cell.loader()):
        differing += found
        yield {"done": head + done, "total": total}
    views = [
        {"view": d.view, "account": d.account, "orderId": d.order_id, "position": d.position}
        for d in sorted(differing)[:NAMED]
    ]
    first = min((d.position for d in differing if d.position), default=None)
    yield {"ok": not differing, "position": first, "reason": None, "views": views, "head": head}
