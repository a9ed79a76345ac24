"""Simulations over HTTP: for storefronts, for keys, and for marketplaces that sell our goods."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.account import Account
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.carts.access import MaySimulate, TheCarts, approach_of
from oms_ledger.api.http.bodies import json_body, read_json
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.orders.documents import json_response
from oms_ledger.carts.documents.simulation import seller_simulation, simulation
from oms_ledger.cell import Cell
from oms_ledger.orders.refusals import InvalidMarketplaceOrder
from oms_ledger.services.carts.simulate import simulate
from oms_ledger.services.carts.workspace import Carts, store_of

router = APIRouter(tags=["Carts"])
WithKey = Annotated[Caller, Depends(requires("simulate_cart_with_key"))]


@router.post("/api/checkout/pub/orderForms/simulation")
@router.get("/api/checkout/pub/orderForms/simulation", include_in_schema=False)
async def post_simulation(
    request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Say what lines would cost and how they could be sent; nothing is stored."""
    shows_stock = _is_for_marketplace(request)
    return await _simulated(request, cell, carts, caller, shows_stock=shows_stock)


@router.post("/api/checkout/pvt/orderForms/simulation")
@router.get("/api/checkout/pvt/orderForms/simulation", include_in_schema=False)
async def post_simulation_with_key(
    request: Request, cell: TheCell, carts: TheCarts, caller: WithKey
) -> Response:
    """As the public one, with the stock."""
    return await _simulated(request, cell, carts, caller, shows_stock=True)


async def _parsed(request: Request, cell: Cell, caller: Caller) -> tuple[str, Any, Account]:
    """Sales channel and body of a simulation, and the account that is to answer it."""
    body = await _question(request)
    if _is_for_marketplace(request):
        _require_whole_place(body)
    account = await cell.ledger.account(caller.account)
    return approach_of(request).sales_channel or "1", body, account


async def _simulated(
    request: Request, cell: Cell, carts: Carts, caller: Caller, *, shows_stock: bool
) -> Response:
    channel, body, account = await _parsed(request, cell, caller)

    def answer(*, waits: bool) -> object:
        requested, priced, _ = simulate(carts, account, body, sales_channel=channel, waits=waits)
        estimates = request.query_params.get("individualShippingEstimates", "").lower() == "true"
        return simulation(
            requested,
            priced,
            store_of(account),
            cell.clock.now(),
            estimates=estimates,
            shows_stock=shows_stock,
        )

    return json_response(await carts.offers.quoting(answer))


@router.post("/pvt/orderForms/simulation")
@router.post("/api/fulfillment/pvt/orderForms/simulation")
@router.get("/pvt/orderForms/simulation", include_in_schema=False)
@router.get("/api/fulfillment/pvt/orderForms/simulation", include_in_schema=False)
async def post_seller_simulation(
    request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Answer a marketplace what this account, as its seller, has of these goods."""
    channel, body, account = await _parsed(request, cell, caller)

    def answer(*, waits: bool) -> object:
        requested, priced, echoed = simulate(
            carts, account, body, sales_channel=channel, as_seller=True, waits=waits
        )
        zone = account.setting("time_zone")
        return seller_simulation(requested, priced, echoed, cell.clock.now(), time_zone=zone)

    return json_response(await carts.offers.quoting(answer))


async def _question(request: Request) -> Any:
    """What is simulated: the body, or of a GET the query's `purchaseContext`."""
    if request.method != "GET":
        return await json_body(request)
    try:
        return read_json(
            request.query_params.get("purchaseContext", "").encode(), "purchaseContext"
        )
    except ApiError as error:
        message = f"PurchaseContext parameter has an invalid struct: {error.message}"
        raise InvalidMarketplaceOrder("FMT0044", message) from None


def _is_for_marketplace(request: Request) -> bool:
    return any(v for k, v in request.query_params.items() if k.lower() == "affiliateid")


def _require_whole_place(body: Any) -> None:
    """Refuse a country without a postal code, and a code without a country."""
    if isinstance(body, dict) and bool(body.get("country")) != bool(body.get("postalCode")):
        raise InvalidMarketplaceOrder(
            "FMT0074", "Addresses must have postal code or geocoordinates, and a country"
        )
