"""The rows of an account's table of offers (ours); `oms-ledger offers` loads and removes them."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.errors import bad_request, shown
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.orders.documents import json_response
from oms_ledger.offers.reading import KINDS
from projections.offers import rows

router = APIRouter(tags=["Offers"])
MOST = 500

MayRead = Annotated[Caller, Depends(requires("read_offers"))]


@router.get("/api/ledger/offers")
async def get_offers(request: Request, cell: TheCell, caller: MayRead) -> Response:
    """Rows of one `kind` by their keys, and how many of each kind there are; money in cents.

    `kind` is one of offer (without it), delivery, pickup-point, payment, address; `sku` names the
    SKU of offers; `limit` is at most 500, and `next` is the `after` of the next page.
    """
    query = request.query_params
    kind = query.get("kind") or "offer"
    if kind not in KINDS:
        raise bad_request(f"kind: found {shown(kind)}, expected one of {', '.join(KINDS)}")
    limit = whole_number(request, "limit", 100, MOST, lowest=1)

    def look(connection: Connection) -> dict[str, Any]:
        found = rows.page(
            connection,
            caller.account,
            kind=kind,
            sku=query.get("sku") or None,
            after=query.get("after", ""),
            limit=limit + 1,
        )
        more = found[limit:]
        return {
            "counts": rows.counts(connection, caller.account),
            "list": [msgspec.json.decode(body) for _, body in found[:limit]],
            "next": found[limit - 1][0] if more else None,
        }

    return json_response(await cell.read(look))
