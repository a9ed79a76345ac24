"""One event of an order with its changes, and the changes between any two versions (ours)."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.history.history import (
    HistoryEntry,
    MayLook,
    Operation,
    ResponseModel,
    Shape,
    as_of,
    entries,
    rendering,
    rows_of,
)
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.orders.documents.history import changes

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])


class OneEvent(HistoryEntry):
    """An event of an order, with how many the order has."""

    order_id: str = Field(examples=["v502559acme-01"])
    versions: int = Field(description="How many events the order has", examples=[12])


class Changes(ResponseModel):
    """`since` and `until` are versions; the changes make the one document into the other."""

    order_id: str = Field(examples=["v502559acme-01"])
    since: int = Field(examples=[3])
    until: int = Field(examples=[12])
    changes: list[Operation]


@router.get("/orders/{order_id}/events/{version}", response_model=OneEvent)
async def get_event(
    order_id: PathId, version: int, cell: TheCell, caller: MayLook, document: Shape = "oms"
) -> Response:
    """One event of an order, with what it did to the document."""
    account = await cell.ledger.account(caller.account)
    render, personal = rendering(account, document), not account.setting("pii")

    def found() -> dict[str, Any]:
        rows = rows_of(cell, account.name, order_id)
        if not 1 <= version <= len(rows):
            message = f"The order has {len(rows)} versions, and none of the number {version}"
            raise ApiError(404, "OMS404", message)
        loader = cell.ledger.loader
        (fields,) = entries(loader, rows, version - 1, version, render, personal=personal)
        return {"orderId": order_id, "versions": len(rows), **fields}

    return json_response(await asyncio.to_thread(found))


@router.get("/orders/{order_id}/changes", response_model=Changes)
async def get_changes(
    order_id: PathId,
    cell: TheCell,
    caller: MayLook,
    since: Annotated[int, Query(alias="from", ge=1, lt=2**31)],
    until: Annotated[int | None, Query(alias="to", ge=1, lt=2**31)] = None,
    document: Shape = "oms",
) -> Response:
    """The difference of the order's document between two versions; `to` is the last one else."""
    account = await cell.ledger.account(caller.account)
    render = rendering(account, document)

    def compared() -> dict[str, Any]:
        rows = rows_of(cell, account.name, order_id)
        last = until or len(rows)
        for name, version in (("from", since), ("to", last)):
            if version > len(rows):
                raise bad_request(f"{name}: found {version}, the order has {len(rows)} versions")
        one, other = (as_of(cell, rows[:version], render) for version in (since, last))
        return {"orderId": order_id, "since": since, "until": last, "changes": changes(one, other)}

    return json_response(await asyncio.to_thread(compared))
