"""Simulations over HTTP: for storefronts, for keys, and for marketplaces that sell our goods."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.carts.access import MaySimulate, TheCarts, approach_of
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.orders.documents import json_response
from oms_ledger.carts.documents.simulation import seller_simulation, simulation
from oms_ledger.cell import Cell
from oms_ledger.services.carts.simulate import simulate
from oms_ledger.services.carts.workspace import Carts, store_of

router = APIRouter(tags=["Carts"])
WithKey = Annotated[Caller, Depends(requires("simulate_cart_with_key"))]


@router.post("/api/checkout/pub/orderForms/simulation")
async def post_simulation(
    request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Say what lines would cost and how they could be sent; nothing is stored."""
    shows_stock = bool(request.query_params.get("affiliateId"))
    return await _simulated(request, cell, carts, caller, shows_stock=shows_stock)


@router.post("/api/checkout/pvt/orderForms/simulation")
async def post_simulation_with_key(
    request: Request, cell: TheCell, carts: TheCarts, caller: WithKey
) -> Response:
    """As the public one, with the stock."""
    return await _simulated(request, cell, carts, caller, shows_stock=True)


async def _simulated(
    request: Request, cell: Cell, carts: Carts, caller: Caller, *, shows_stock: bool
) -> Response:
    channel = approach_of(request).sales_channel or "1"
    body = await json_body(request)
    account = await cell.ledger.account(caller.account)

    def answer() -> object:
        requested, priced, _ = simulate(carts, account, body, sales_channel=channel)
        estimates = request.query_params.get("individualShippingEstimates", "").lower() == "true"
        return simulation(
            requested,
            priced,
            store_of(account),
            cell.ledger.now(),
            estimates=estimates,
            shows_stock=shows_stock,
        )

    return json_response(await asyncio.to_thread(answer))


@router.post("/pvt/orderForms/simulation")
@router.post("/api/fulfillment/pvt/orderForms/simulation")
async def post_seller_simulation(
    request: Request, cell: TheCell, carts: TheCarts, caller: MaySimulate
) -> Response:
    """Tell a marketplace what this account, as its seller, has of these goods."""
    channel = approach_of(request).sales_channel or "1"
    body = await json_body(request)
    account = await cell.ledger.account(caller.account)

    def answer() -> object:
        requested, priced, echoed = simulate(
            carts, account, body, sales_channel=channel, as_seller=True
        )
        zone = account.setting("time_zone")
        return seller_simulation(requested, priced, echoed, cell.ledger.now(), time_zone=zone)

    return json_response(await asyncio.to_thread(answer))
