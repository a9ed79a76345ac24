"""Who may use a cart, and how a request names account and cart."""

import re
from typing import Annotated

from fastapi import Depends, Request

from oms_ledger.accounts.roles import CART, KEY, NOBODY_IN_PARTICULAR, OPERATIONS
from oms_ledger.api.auth.checkout_access import PlaceAccess, without_credentials
from oms_ledger.api.auth.dependencies import Caller, TheCell, admitted, known_caller
from oms_ledger.api.auth.own_page import require_own_page
from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT
from oms_ledger.api.http.errors import unauthorized
from oms_ledger.carts.context import CartCaller
from oms_ledger.carts.documents.order_form import Viewer
from oms_ledger.carts.pricing import Store
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.cell import Cell
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.carts.workspace import Approach, Carts
from oms_ledger.services.customers.identity import profile_id

COOKIE, OWNERSHIP = "checkout.vtex.com", "CheckoutOrderFormOwnership"
ANYBODY = "anonymous"
_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CHANNEL = re.compile(r"[0-9]{1,9}")


class CartAccess(PlaceAccess):
    """A key, a shopper's token, or anybody where the account's `anonymous_checkout` is on."""

    operation = "use_cart"

    async def __call__(self, request: Request, cell: TheCell) -> Caller:
        """The caller; a browser that comes by its cookie must be on a page of the store."""
        if is_by_cookie(request):
            require_own_page(request)
        return await super().__call__(request, cell)


def is_by_cookie(request: Request) -> bool:
    """Whether only a cookie says which cart this is, or that it is the caller's own.

    An id in the path is a right of its own, which no browser sends by itself.
    """
    if request.cookies.get(OWNERSHIP):
        return without_credentials(request)
    named = "order_form_id" in request.path_params
    return not named and COOKIE in request.cookies and without_credentials(request)


class AnybodyAccess:
    """Lets everybody in; whoever shows a key or token has to show a good one."""

    def __init__(self, operation: str) -> None:
        assert OPERATIONS[operation] == NOBODY_IN_PARTICULAR
        self.operation = operation

    async def __call__(self, request: Request) -> Caller:
        """The caller by its key or token, and else anybody of the account."""
        headers = request.headers
        known = headers.get("x-vtex-api-appkey") or headers.get("x-vtex-api-apptoken")
        if known or any(user_tokens.carried(headers, request.cookies)):
            return await admitted(request, await known_caller(request), self.operation)
        account = request.scope["state"].get(REQUESTED_ACCOUNT)
        if account is None:
            raise unauthorized(request.scope["path"])
        return await admitted(request, Caller(account, ANYBODY, frozenset()), self.operation)


MayUseCart = Annotated[Caller, Depends(CartAccess())]
MayReadPlaced = Annotated[Caller, Depends(AnybodyAccess("read_placed_orders"))]
MaySimulate = Annotated[Caller, Depends(AnybodyAccess("simulate_cart"))]


def carts_of(request: Request) -> Carts:
    """The carts of this application."""
    carts: Carts = request.app.state.carts
    return carts


async def get_carts(request: Request) -> Carts:
    """The carts of this application, as a dependency."""
    return carts_of(request)


TheCarts = Annotated[Carts, Depends(get_carts)]


def cart_id_of(value: str) -> str:
    """The id of a cart in a path, as it is stored; refuses what no id can be."""
    fields = value.strip()
    if not _ID.fullmatch(fields):
        raise CartRefusal("ORD002", place="an orderFormId has 32 hexadecimal digits")
    return fields.replace("-", "").lower()


def cart_id_of_cookie(request: Request) -> str | None:
    """The id that the cart's cookie names; None without one, or for one that is none."""
    fields = request.cookies.get(COOKIE, "").strip('"').partition("=")[2]
    return fields.replace("-", "").lower() if _ID.fullmatch(fields) else None


def approach_of(request: Request) -> Approach:
    """What the query of a request asks for besides the operation."""
    query = request.query_params
    channel = query.get("sc") or None
    if channel is not None and not _CHANNEL.fullmatch(channel):
        raise CartRefusal("CHK0010", place=f"sc: found {channel[:20]!r}")
    return Approach(channel, query.get("refreshOutdatedData", "").lower() == "true")


def cart_caller(request: Request, caller: Caller) -> CartCaller:
    """What the decisions on a cart know of a caller."""
    return CartCaller(
        actor=caller.app_key,
        anonymous=KEY not in caller.resources and caller.shopper is None,
        full=CART in caller.resources,
        shopper=caller.shopper,
        ownership=request.cookies.get(OWNERSHIP) or None,
    )


def viewer_of(
    request: Request, cell: Cell, caller: Caller, store: Store, *, sees_person: bool
) -> Viewer:
    """Who is shown the cart, as its document says it."""
    shopper = caller.shopper
    full = CART in caller.resources
    return Viewer(
        logged_in=shopper is not None,
        email=shopper,
        profile_id=None if shopper is None else profile_id(cell.encryption, store.account, shopper),
        may_set_prices=full and store.configuration.allow_manual_price,
        sees_person=sees_person,
        estimates=request.query_params.get("individualShippingEstimates", "").lower() == "true",
    )
