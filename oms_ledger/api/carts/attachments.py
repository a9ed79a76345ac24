"""The sections of a cart over HTTP."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.carts.access import MayUseCart
from oms_ledger.api.carts.answers import change, changed, shown, with_owner
from oms_ledger.api.http.addressing import PathId, path_id
from oms_ledger.api.http.bodies import json_body
from oms_ledger.carts import sections, shipping
from oms_ledger.cell import Cell
from oms_ledger.offers.quote import Place
from projections.offers import lookup

router = APIRouter(tags=["Carts"])
ATTACHMENTS = "/api/checkout/pub/orderForm/{order_form_id}/attachments"


@router.post(f"{ATTACHMENTS}/clientProfileData")
async def post_profile(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Say who buys."""
    body, command = await json_body(request), sections.set_profile
    answer = await changed(request, cell, caller, order_form_id, command, body=body)
    response = shown(request, cell, caller, answer)
    return with_owner(response, request, answer, answer.cart.owner or "")


@router.post(f"{ATTACHMENTS}/shippingData")
async def post_shipping(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Say where to, and by which delivery each line goes."""
    answer = await changed(
        request,
        cell,
        caller,
        order_form_id,
        shipping.set_shipping,
        check=shipping.require_windows,
        body=await json_body(request),
        address_book=_address_book(cell, caller.account),
    )
    response = shown(request, cell, caller, answer)
    return with_owner(response, request, answer, answer.cart.owner or "")


def _address_book(cell: Cell, account: str) -> shipping.AddressBook:
    """What the account's table knows of postal codes."""

    def known(place: Place) -> Mapping[str, str] | None:
        with cell.database.snapshot() as connection:
            address = lookup.known_address(connection, account, place)
        if address is None:
            return None
        names = ("city", "state", "street", "neighborhood")
        return {name: value for name in names if (value := getattr(address, name))}

    return known


@router.delete(f"{ATTACHMENTS}/subscriptionData")
async def delete_subscription(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """There are no subscriptions to take away: the cart stays as it is."""
    return await change(request, cell, caller, order_form_id, sections.unchanged)


@router.post(f"{ATTACHMENTS}/paymentData")
@router.post(f"{ATTACHMENTS}/marketingData")
@router.post(f"{ATTACHMENTS}/clientPreferencesData")
@router.post(f"{ATTACHMENTS}/merchantContextData")
@router.post(f"{ATTACHMENTS}/invoiceData")
@router.post(f"{ATTACHMENTS}/subscriptionData")
@router.post(f"{ATTACHMENTS}/{{name}}")
async def post_section(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set a section as a whole."""
    body = await json_body(request)
    command = sections.section_setter(path_id(request.scope["path"].rpartition("/")[2]))
    return await change(request, cell, caller, order_form_id, command, body=body)
