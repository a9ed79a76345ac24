"""The register of sellers, by the published paths."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from oms_ledger.accounts.refusals import InvalidSeller
from oms_ledger.accounts.roles import SELLERS_SAVE
from oms_ledger.accounts.sellers import (
    ENDPOINTS,
    WRITE_ONLY,
    read_channels,
    read_patch,
    read_seller,
)
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.orders.documents import json_response
from oms_ledger.http_client.masking import masked
from oms_ledger.services.marketplace import registers
from projections.accounts.sellers import Seller

router = APIRouter(prefix="/api/seller-register/pvt/sellers", tags=["Marketplaces and sellers"])

MayRead = Annotated[Caller, Depends(requires("read_sellers"))]
MayWrite = Annotated[Caller, Depends(requires("write_sellers"))]

_SORTS = {"id": lambda one: one.id, "name": lambda one: (one.name, one.id)}
_ABSENT = (
    *("email", "taxCode", "description", "account", "channel", "salesChannel"),
    *("CSCIdentification", "fulfillmentSellerId", "exchangeReturnPolicy", "deliveryPolicy"),
    *("securityPrivacyPolicy", "trustPolicy", "urlLogo"),
)
_MOST = 1000


def serialize_seller(one: Seller, *, whole: bool) -> dict[str, Any]:
    """An entry as published; endpoints are `whole` for who may write them."""
    shown = {
        name: value if whole or name not in ENDPOINTS else masked(value)
        for name, value in one.secrets.items()
        if name not in WRITE_ONLY and (whole or name in ENDPOINTS)
    }
    return {
        **dict.fromkeys(_ABSENT),
        "isVtex": False,
        "isBetterScope": False,
        "allowHybridPayments": False,
        "availableSalesChannels": [],
        "sellerCommissionConfiguration": [],
        "groups": [],
        "score": 0,
        **one.fields,
        "fulfillmentEndpoint": None,
        "catalogSystemEndpoint": None,
        "user": None,
        "password": None,
        **shown,
        "sellerId": one.id,
        "id": one.id,
        "name": one.name,
        "isActive": one.is_active,
    }


def _whole(caller: Caller) -> bool:
    return SELLERS_SAVE in caller.resources


@router.post("")
async def post_seller(request: Request, cell: TheCell, caller: MayWrite) -> Response:
    """Add a seller, or replace the one of its id."""
    sent = read_seller(await json_body(request))
    one = await registers.save_seller(cell, caller.context, sent)
    return json_response(serialize_seller(one, whole=True))


@router.get("")
async def get_sellers(
    request: Request,
    cell: TheCell,
    caller: MayRead,
    start: Annotated[int, Query(alias="from", ge=0, lt=2**31)] = 0,
    to: Annotated[int, Query(ge=0, lt=2**31)] = 100,
) -> Response:
    """The sellers that all given filters fit; `from` is the first, `to` is not among them."""
    fits, key, reverse = _filter(request), *_sort(request.query_params.get("sort") or "id:asc")
    known = [one for one in await registers.registered_sellers(cell, caller.account) if fits(one)]
    known.sort(key=key, reverse=reverse)
    page = known[start : min(to, start + _MOST)]
    paging = {"from": start, "to": start + len(page), "total": len(known)}
    items = [serialize_seller(one, whole=False) for one in page]
    return json_response({"paging": paging, "items": items})


def _sort(text: str) -> tuple[Callable[[Seller], Any], bool]:
    field, _, direction = text.replace(",", ":").partition(":")
    if field not in _SORTS or direction not in ("", "asc", "desc"):
        raise InvalidSeller(f"sort: found {text[:60]!r}, expected id:asc, id:desc, name:asc …")
    return _SORTS[field], direction == "desc"


def _filter(request: Request) -> Callable[[Seller], bool]:
    """Whether an entry fits the filters of the query; what is left empty filters nothing."""
    query = {name: value for name, value in request.query_params.items() if value}
    flags = {
        name: _flag(name, query[name])
        for name in ("isActive", "isBetterScope", "isVtex")
        if name in query
    }
    keyword, group = query.get("keyword", "").lower(), query.get("group")

    def fits(one: Seller) -> bool:
        shown = serialize_seller(one, whole=False)
        groups = [str(g.get(k)) for g in shown["groups"] for k in ("id", "name")]
        channels = [str(c.get("id")) for c in shown["availableSalesChannels"]]
        return (
            all(bool(shown[name]) is value for name, value in flags.items())
            and (keyword in one.id.lower() or keyword in one.name.lower())
            and (group is None or group in groups)
            and ("integration" not in query or shown.get("integration") == query["integration"])
            and ("sellerType" not in query or str(shown.get("sellerType")) == query["sellerType"])
            and ("sc" not in query or query["sc"] in (shown["salesChannel"], *channels))
        )

    return fits


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise InvalidSeller(f"{name}: found {text[:60]!r}, expected true or false")
    return text.lower() == "true"


@router.get("/{seller}")
async def get_seller(seller: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Answer one seller."""
    one = await registers.registered_seller(cell, caller.account, seller)
    return json_response(serialize_seller(one, whole=_whole(caller)))


@router.patch("/{seller}")
async def patch_seller(
    seller: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Replace fields of a seller, as whether orders may be placed at it."""
    replaced = read_patch(await json_body(request))
    one = await registers.update_seller(cell, caller.context, seller, replaced)
    return json_response(serialize_seller(one, whole=True))


@router.get("/{seller}/sales-channel/mapping")
async def get_mapping(seller: PathId, cell: TheCell, caller: MayRead) -> Response:
    """By which affiliate the seller knows each sales channel."""
    one = await registers.registered_seller(cell, caller.account, seller)
    return json_response(list(one.channels))


@router.put("/{seller}/sales-channel/mapping")
async def put_mapping(
    seller: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Say by which affiliate the seller knows each sales channel of the account."""
    channels = read_channels(await json_body(request))
    one = await registers.map_channels(cell, caller.context, seller, channels)
    return json_response(list(one.channels))
