"""Who may place an order, pay it and have it processed: a key, a shopper, or its own cookie.

The cookie that a placement sets opens the purchase it was set for, and nothing else. Without key,
token and cookie an account may still let anonymous callers place: `anonymous_checkout`.
"""

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.accounts.roles import OPERATIONS
from oms_ledger.api.auth import checkout_cookies
from oms_ledger.api.auth.dependencies import (
    SHOPPER,
    Caller,
    TheCell,
    admitted,
    known_caller,
)
from oms_ledger.api.auth.own_page import require_own_page
from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT, path_id
from oms_ledger.api.http.errors import forbidden
from oms_ledger.cell import Cell
from oms_ledger.services.accounts import user_tokens
from projections.accounts import token_bounds

ANONYMOUS = "anonymous"  # the actor in events of a placement without key or token


async def holds_cookie(cell: Cell, request: Request, account: str, group: str) -> bool:
    """Whether the request brings a cookie of this purchase that still counts."""
    if not checkout_cookies.carried(request.cookies):
        return False
    bounds = await request.app.state.api_keys.bounds(account)
    everybody = bounds.get(token_bounds.EVERYBODY, -1)
    if not checkout_cookies.opens(cell, request.cookies, account, group, everybody):
        return False
    if without_credentials(request):
        require_own_page(request)
    return True


def without_credentials(request: Request) -> bool:
    """Whether the request carries neither a key nor a token, good or bad."""
    headers = request.headers
    keys = headers.get("x-vtex-api-appkey") or headers.get("x-vtex-api-apptoken")
    return not keys and not any(user_tokens.carried(headers, request.cookies))


def _requested(request: Request) -> str | None:
    account: str | None = request.scope["state"].get(REQUESTED_ACCOUNT)
    return account


async def _anonymous(request: Request, cell: Cell) -> Caller | None:
    """Somebody without key and token, where the account lets such people place."""
    account = _requested(request)
    if account is None or not without_credentials(request):
        return None
    try:
        settings = await cell.ledger.account(account)
    except AccountNotFound:
        return None
    if not settings.setting("anonymous_checkout"):
        return None
    return Caller(account, ANONYMOUS, frozenset())


async def _known(request: Request, operation: str) -> Caller:
    """A key of the account, or a shopper on a public path."""
    caller = await known_caller(request)
    needed = OPERATIONS[operation]
    public = caller.shopper is not None and "/pvt/" not in request.scope["path"]
    if not caller.resources & needed and not public:
        raise forbidden(needed)
    return caller


class PlaceAccess:
    """A key, a shopper, or anybody where the account's `anonymous_checkout` is on."""

    operation = "place_order"

    async def __call__(self, request: Request, cell: TheCell) -> Caller:
        """The caller, known or anonymous, once it may place; a refusal otherwise."""
        caller = await _anonymous(request, cell) or await _known(request, self.operation)
        return await admitted(request, caller, self.operation)


class SendAccess:
    """A key, a shopper, or whoever knows the transaction or the group of a purchase."""

    operation = "send_payments"

    async def __call__(self, request: Request, cell: TheCell) -> Caller:
        """The caller by its key, or the shopper by the purchase or transaction it names."""
        account, fields = _requested(request), request.path_params
        if account and without_credentials(request):
            group = path_id(fields.get("order_group", ""))
            if transaction := path_id(fields.get("transaction_id", "")):
                key = f"transaction:{transaction}"
                found = await asyncio.to_thread(cell.store.key, account, key)
                group = found.decode() if found else ""
            # Its id is the secret of a transaction, and what is sent there is only recorded.
            known = bool(transaction) or await _is_group(cell, account, group)
            if group and known:
                shopper = Caller(account, SHOPPER, frozenset())
                return await admitted(request, shopper, self.operation)
        caller = await _anonymous(request, cell) or await _known(request, self.operation)
        return await admitted(request, caller, self.operation)


async def _is_group(cell: Cell, account: str, group: str) -> bool:
    found = await asyncio.to_thread(cell.store.key, account, f"group:{group}")
    return found is not None


class ProcessAccess:
    """The placement's cookie, else a key with the resource."""

    operation = "process_order"

    async def __call__(self, order_group: str, request: Request, cell: TheCell) -> Caller:
        """The caller by the purchase's own cookie, or by a key with the permission."""
        group, account = path_id(order_group), _requested(request)
        if account and await holds_cookie(cell, request, account, group):
            shopper = Caller(account, SHOPPER, frozenset())
            return await admitted(request, shopper, self.operation)
        caller = await known_caller(request)
        own = await holds_cookie(cell, request, caller.account, group)
        if not own and not caller.resources & OPERATIONS[self.operation]:
            raise forbidden(OPERATIONS[self.operation])
        return await admitted(request, caller, self.operation)


MayPlace = Annotated[Caller, Depends(PlaceAccess())]
MaySend = Annotated[Caller, Depends(SendAccess())]
MayProcess = Annotated[Caller, Depends(ProcessAccess())]
