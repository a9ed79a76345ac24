"""The register of affiliates, by the published paths."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.affiliates import VERSION, read_affiliate
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.orders.documents import json_response
from oms_ledger.services.marketplace import registers
from projections.accounts.affiliates import Affiliate

router = APIRouter(prefix="/api/fulfillment/pvt/affiliates", tags=["Marketplaces and sellers"])

MayManage = Annotated[Caller, Depends(requires("manage_affiliates"))]


def serialize_affiliate(one: Affiliate) -> dict[str, Any]:
    """An entry as published, whole: who reads it may write it."""
    return {
        "followUpEmail": None,
        "salesChannel": None,
        "searchURIEndpoint": None,
        "searchURIEndpointVersion": VERSION,
        "searchURIEndpointAvailableVersions": [VERSION],
        "useSellerPaymentMethod": False,
        "minimumValueAccumulated": None,
        "connectorName": None,
        "connectorEndpoint": None,
        "marketplaceAccount": None,
        **one.fields,
        **one.secrets,
    }


@router.get("")
async def get_affiliates(cell: TheCell, caller: MayManage) -> Response:
    """Answer the affiliates of the account."""
    known = await registers.registered_affiliates(cell, caller.account)
    return json_response([serialize_affiliate(one) for one in known])


@router.get("/{affiliate}")
async def get_affiliate(affiliate: PathId, cell: TheCell, caller: MayManage) -> Response:
    """Answer one affiliate."""
    one = await registers.registered_affiliate(cell, caller.account, affiliate)
    return json_response(serialize_affiliate(one))


@router.put("/{affiliate}", status_code=204)
async def put_affiliate(
    affiliate: PathId, request: Request, cell: TheCell, caller: MayManage
) -> Response:
    """Add an affiliate, or replace the one of its id."""
    sent = read_affiliate(affiliate, await json_body(request))
    await registers.save_affiliate(cell, caller.context, sent)
    return Response(status_code=204)


@router.delete("/{affiliate}", status_code=204)
async def delete_affiliate(affiliate: PathId, cell: TheCell, caller: MayManage) -> Response:
    """Forget an affiliate; its orders keep their prefix."""
    await registers.remove_affiliate(cell, caller.context, affiliate)
    return Response(status_code=204)
