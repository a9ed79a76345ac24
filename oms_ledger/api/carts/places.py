"""Around a cart: addresses by postal code, pickup points, regions, and known profiles."""

import asyncio

from fastapi import APIRouter, Request, Response

from oms_ledger.accounts.roles import CART
from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.carts.access import MaySimulate, MayUseCart, TheCarts, approach_of
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.orders.documents import json_response
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.shipping import require_postal_code
from oms_ledger.cell import Cell
from oms_ledger.offers.postal import is_country
from oms_ledger.offers.quote import Place
from oms_ledger.services.carts.profiles import known_profile
from oms_ledger.services.carts.workspace import Carts
from oms_ledger.services.offers import places
from oms_ledger.whole_numbers import is_whole

router = APIRouter(tags=["Carts"])


@router.get("/api/checkout/pub/postal-code/{country}/{postal_code}")
async def get_postal_code(
    country: PathId, postal_code: PathId, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """The address that the account's table has of a postal code."""
    await cell.ledger.account(caller.account)
    if not is_country(country):
        raise CartRefusal("ORD026", country[:20])
    place = Place(country, postal_code)
    return json_response(
        await asyncio.to_thread(places.postal_address, carts.offers, caller.account, place)
    )


@router.get("/api/checkout/pub/pickup-points")
async def get_pickup_points(
    request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Stores where orders are collected, nearest first."""
    account = await cell.ledger.account(caller.account)
    query = request.query_params
    coordinates = _coordinates(query.get("geoCoordinates"))
    code = query.get("postalCode") or None
    if not coordinates and not code:
        raise CartRefusal("CHK0264")
    country = query.get("countryCode") or account.setting("country")
    if not is_country(country):
        raise CartRefusal("CHK0127")
    place = Place(country, code, coordinates)
    page = query.get("page", "1")
    if not is_whole(page, 6) or int(page) < 1:
        raise CartRefusal("001", place=f"page: found {page[:20]!r}")
    found = await asyncio.to_thread(places.points_near, carts.offers, caller.account, place)
    return json_response(places.pickup_page(found, int(page)))


@router.get("/api/checkout/pub/regions")
async def get_regions(
    request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Who delivers to a place."""
    query = request.query_params
    country = query.get("country") or ""
    if not is_country(country):
        raise CartRefusal("CHK0127")
    code = query.get("postalCode") or None
    coordinates = _coordinates(query.get("geoCoordinates"))
    if code is None and not coordinates:
        raise CartRefusal("CHK0119")
    place = Place(country, code, coordinates)
    return await _region(request, cell, carts, caller, place)


@router.get("/api/checkout/pub/regions/{region_id}")
async def get_region(
    region_id: PathId, request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Who delivers to a place that was named before."""
    place = places.place_of_region(region_id)
    if place is None or not is_country(place.country):
        raise CartRefusal("001", place="regionId is none of this account's")
    return await _region(request, cell, carts, caller, place)


async def _region(
    request: Request, cell: Cell, carts: Carts, caller: Caller, place: Place
) -> Response:
    account = await cell.ledger.account(caller.account)
    if place.postal_code:
        try:
            require_postal_code(place.postal_code, place.country)
        except CartRefusal as refusal:
            raise CartRefusal("001", place=refusal.message) from None
    fields = await asyncio.to_thread(
        places.region,
        carts.offers,
        account.name,
        place,
        seller_name=account.setting("seller_name") or account.name,
        channel=approach_of(request).sales_channel or "1",
    )
    return json_response([fields])


@router.get("/api/checkout/pub/profiles")
async def get_profiles(request: Request, cell: TheCell, caller: MayUseCart) -> Response:
    """What is known of an e-mail: of nobody's but to who may see carts in full."""
    email = request.query_params.get("email", "").strip()
    full = CART in caller.resources
    return json_response(await known_profile(cell, caller.account, email if full else ""))


def _coordinates(fields: str | None) -> tuple[float, ...]:
    """Longitude and latitude out of `lon;lat`."""
    if not fields:
        return ()
    try:
        numbers = tuple(float(one) for one in fields.replace(",", ";").split(";"))
    except ValueError:
        numbers = ()
    if len(numbers) != 2 or not (-180 <= numbers[0] <= 180 and -90 <= numbers[1] <= 90):
        raise CartRefusal("001", place="geoCoordinates: expected longitude;latitude")
    return numbers
