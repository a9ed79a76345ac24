"""The cart itself: opening it, its messages, profile flag and coupon, and how it may be paid."""

from fastapi import APIRouter, Request, Response

from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.carts.access import (
    MayUseCart,
    TheCarts,
    approach_of,
    cart_caller,
    cart_id_of,
    cart_id_of_cookie,
)
from oms_ledger.api.carts.answers import change, shown, with_cookies
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.orders.documents import json_response
from oms_ledger.carts import items, sections
from oms_ledger.carts.documents.paying import installment_option
from oms_ledger.carts.payments import condition_of
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.cell import Cell
from oms_ledger.services.carts.anonymous import copy_without_person
from oms_ledger.services.carts.workspace import Answer, Carts

router = APIRouter(tags=["Carts"])
CART = "/api/checkout/pub/orderForm/{order_form_id}"


@router.get("/api/checkout/pub/orderForm")
@router.post("/api/checkout/pub/orderForm")
async def open_cart(
    request: Request, cell: TheCell, carts: TheCarts, caller: MayUseCart
) -> Response:
    """Answer the cart that the cookie names, or a new one."""
    new = request.query_params.get("forceNewCart", "").lower() == "true"
    return await _opened(request, cell, carts, caller, None if new else cart_id_of_cookie(request))


@router.get(CART)
@router.post(CART)
async def open_named_cart(
    order_form_id: PathId, request: Request, cell: TheCell, carts: TheCarts, caller: MayUseCart
) -> Response:
    """Answer the cart of that id; a new one when there is none."""
    return await _opened(request, cell, carts, caller, cart_id_of(order_form_id))


async def _opened(
    request: Request, cell: Cell, carts: Carts, caller: Caller, cart_id: str | None
) -> Response:
    if request.method == "POST":
        await json_body(request)  # sections that are expected: all are answered
    account = await cell.ledger.account(caller.account)
    its_caller = cart_caller(request, caller)
    answer = await carts.open(account, cart_id, its_caller, approach_of(request))
    response = shown(request, cell, caller, answer)
    return with_cookies(response, request, answer, _owner_of(answer, its_caller.ownership))


def _owner_of(answer: Answer, presented: str | None) -> str:
    """The owner's value, for who has it already; a request cannot learn it."""
    return presented if presented and presented == answer.cart.owner else ""


@router.post(f"{CART}/messages/clear")
async def clear_messages(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Forget what was said; what still holds is said again at the next answer."""
    return await change(request, cell, caller, order_form_id, sections.clear_messages)


@router.patch(f"{CART}/profile")
async def patch_profile(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Say whether the shopper's known profile is left out of the cart."""
    body = await json_body(request)
    return await change(request, cell, caller, order_form_id, sections.ignore_profile, body=body)


@router.post(f"{CART}/coupons")
async def post_coupon(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Try a coupon; no source of prices here knows any."""
    body = await json_body(request)
    return await change(request, cell, caller, order_form_id, sections.set_coupon, body=body)


@router.post(f"{CART}/itemsOrdination")
async def post_ordination(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Sort the lines, and keep them sorted."""
    body = await json_body(request)
    return await change(request, cell, caller, order_form_id, items.order_lines, body=body)


@router.post(f"{CART}/paymentAccount/{{account_id}}/remove")
@router.post(f"{CART}/selectable-gifts/{{list_id}}")
@router.post(f"{CART}/giftRegistry/{{registry_id}}/remove")
async def post_unchanged(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Saved accounts, gifts and registries are not offered: the cart stays as it is."""
    return await change(request, cell, caller, order_form_id, sections.unchanged)


@router.post(f"{CART}/checkIn")
async def post_check_in(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Not offered."""
    return await change(request, cell, caller, order_form_id, sections.refuse_check_in)


@router.get(f"{CART}/installments")
async def get_installments(
    order_form_id: PathId, request: Request, cell: TheCell, carts: TheCarts, caller: MayUseCart
) -> Response:
    """The installments that one payment system offers for the cart."""
    account = await cell.ledger.account(caller.account)
    answer = await carts.open(
        account,
        cart_id_of(order_form_id),
        cart_caller(request, caller),
        approach_of(request),
        create_missing=False,
    )
    priced = answer.priced
    if not priced.available:
        raise CartRefusal("CHK0269")
    system = request.query_params.get("paymentSystem", "").strip()
    condition = condition_of(priced.conditions, system)
    if condition is None:
        raise CartRefusal("CHK0152", place=f"paymentSystem: found {system[:20]!r}")
    return json_response(installment_option(condition, priced.value, account.name, named=False))


@router.get("/checkout/changeToAnonymousUser/{order_form_id}")
@router.get("/api/checkout/changeToAnonymousUser/{order_form_id}")
async def change_to_anonymous_user(
    order_form_id: PathId, request: Request, cell: TheCell, carts: TheCarts, caller: MayUseCart
) -> Response:
    """Go on with the same items and without the person; the old cart forgets the person too."""
    account = await cell.ledger.account(caller.account)
    cart_id, its_caller = cart_id_of(order_form_id), cart_caller(request, caller)
    answer = await copy_without_person(carts, account, cart_id, its_caller)
    response = Response(status_code=302, headers={"Location": "/checkout/#/orderform"})
    return with_cookies(response, request, answer, "")
