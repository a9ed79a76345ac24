"""How an operation on a cart is carried out and answered: the whole orderForm, and its cookies."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response

from oms_ledger.api.auth.dependencies import Caller
from oms_ledger.api.carts.access import (
    COOKIE,
    OWNERSHIP,
    approach_of,
    cart_caller,
    cart_id_of,
    carts_of,
    viewer_of,
)
from oms_ledger.api.http.origin import origin_of
from oms_ledger.api.orders.documents import json_response
from oms_ledger.carts.cart import Cart
from oms_ledger.carts.context import is_shown
from oms_ledger.carts.documents.order_form import order_form
from oms_ledger.cell import Cell
from oms_ledger.services.carts.workspace import Answer, Check, as_operation


async def change(
    request: Request,
    cell: Cell,
    caller: Caller,
    order_form_id: str,
    command: Callable[..., Cart],
    *,
    check: Check | None = None,
    **fields: Any,
) -> Response:
    """Change the cart that the path names, and answer it whole."""
    answer = await changed(request, cell, caller, order_form_id, command, check=check, **fields)
    return shown(request, cell, caller, answer)


async def changed(
    request: Request,
    cell: Cell,
    caller: Caller,
    order_form_id: str,
    command: Callable[..., Cart],
    *,
    check: Check | None = None,
    **fields: Any,
) -> Answer:
    """Carry a command out on a cart, for the caller; the answer has the cart after it."""
    account = await cell.ledger.account(caller.account)
    return await carts_of(request).change(
        account,
        cart_id_of(order_form_id),
        cart_caller(request, caller),
        approach_of(request),
        as_operation(command, **fields),
        check=check,
    )


def shown(request: Request, cell: Cell, caller: Caller, answer: Answer) -> Response:
    """The whole orderForm, as the caller may see it, with the cookies that go with it."""
    return json_response(document(request, cell, caller, answer))


def document(request: Request, cell: Cell, caller: Caller, answer: Answer) -> dict[str, Any]:
    """The orderForm as the caller may see it."""
    sees = is_shown(answer.cart, answer.store, cart_caller(request, caller))
    viewer = viewer_of(request, cell, caller, answer.store, sees_person=sees)
    return order_form(answer.priced, answer.store, viewer, cell.clock.now())


def with_cookies(response: Response, request: Request, answer: Answer, owner: str) -> Response:
    """The answer with the cookies of its cart, that of the id first."""
    _set_cookie(response, request, answer, COOKIE, f"__ofid={answer.cart.id}")
    return with_owner(response, request, answer, owner)


def with_owner(response: Response, request: Request, answer: Answer, owner: str) -> Response:
    """The answer with the cookie by which the cart's owner is known."""
    _set_cookie(response, request, answer, OWNERSHIP, owner)
    return response


def _set_cookie(
    response: Response, request: Request, answer: Answer, name: str, value: str
) -> None:
    at = datetime.fromtimestamp(answer.expires_at / 1_000_000, UTC)
    fields = (
        f"{name}={value}; path=/; expires={at:%a, %d %b %Y %H:%M:%S} GMT; httponly; samesite=lax"
    )
    if origin_of(request).scheme == "https":
        fields += "; secure"
    response.raw_headers.append((b"set-cookie", fields.encode()))
