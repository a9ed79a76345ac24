"""The deployment: where everything stands, its seals, and whether all of it agrees (ours).

Only people who look after the deployment have the resource; no role of an account does.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy import select
from starlette.exceptions import HTTPException

from oms_ledger.api.auth.dependencies import Caller, TheCell, public_route, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.ops.health import require_deployment_token
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore import anchors
from oms_ledger.eventstore.integrity import IntegrityError, latest, verify
from oms_ledger.eventstore.tables import seals
from oms_ledger.services.state import state_of
from projections.ops.verify import count_orders, verify_views
from projections.ops.verify_configuration import verify_configuration

router = APIRouter(prefix="/api/ledger", tags=["Deployment"])

MayLook = Annotated[Caller, Depends(requires("system"))]
NAMED = 20  # differences that are named


class Seal(ResponseModel):
    """A link of the hash chain, over the events from one position to another."""

    from_position: int
    to_position: int
    seal: str = Field(description="SHA-256 over the seal before and the events, in hex")


class Seals(ResponseModel):
    """The last seals."""

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


class CurrentSeal(ResponseModel):
    """The newest signed anchor; the last seal where nothing signs."""

    position: int
    seal: str = Field(description="SHA-256 over the seal before and the events, in hex")
    size: int | None = Field(description="Seals up to there; null where nothing is signed")
    root: str | None = Field(description="Root of the hash tree (RFC 6962) over these seals")
    at: str = Field(description="When it was signed, or looked at")
    key: str | None = Field(description="Names the public key")
    signature: str | None = Field(description="Ed25519 over the anchor's statement, in base64")
    time_stamp: str | None = Field(description="A token of RFC 3161 over it, in base64")


@router.get(
    "/seal", response_model=CurrentSeal, dependencies=[Depends(public_route("deployment_token"))]
)
async def get_seal(request: Request, cell: TheCell) -> Response:
    """The newest signed anchor, or the last seal where nothing signs: kept elsewhere, it proves
    what the ledger was.

    It takes the deployment's token, `Authorization: Bearer $OMS_METRICS_TOKEN`.
    """
    require_deployment_token(request, cell)
    found = await asyncio.to_thread(_current_seal, cell)
    if found is None:
        raise HTTPException(404)
    return json_response(found)


def _current_seal(cell: Cell) -> dict[str, Any] | None:
    if signed := anchors.newest(cell.database):
        return signed.fields()
    if (last := latest(cell.store)) is None:
        return None
    unsigned = dict.fromkeys(("size", "root", "key", "signature", "timeStamp"))
    at = cell.clock.now().isoformat()
    return {"position": last.position, "seal": last.seal.hex(), "at": at, **unsigned}


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
    known = anchors.kept(cell.database)
    head, orders = cell.store.head(), count_orders(cell.database)
    total = head + orders
    try:
        for position in verify(cell.store, head, anchors=known):
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
    wrong = list(verify_configuration(cell.database, cell.loader()))[:NAMED]
    views += [
        {"view": d.table, "account": d.account, "orderId": d.row, "position": 0} for d in wrong
    ]
    yield {"ok": not views, "position": first, "reason": None, "views": views, "head": head}
