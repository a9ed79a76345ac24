"""Configuration of an account's carts, kept as a setting of the account."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.accounts.roles import WINDOW
from oms_ledger.api.auth.dependencies import Caller, TheLedger, admitted, known_caller
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import unauthorized
from oms_ledger.api.orders.documents import json_response
from oms_ledger.carts.cart import Json
from oms_ledger.carts.configuration import (
    SETTING,
    configuration_of,
    merged,
    read_configuration,
)
from oms_ledger.ledger import Ledger

router = APIRouter(tags=["Carts"])
PATH = "/api/checkout/pvt/configuration/orderForm"


class ConfigurationAccess:
    """A key with `Save OrderForm Configuration`; without it the published answer is a 401."""

    operation = "configure_carts"

    async def __call__(self, request: Request) -> Caller:
        """The caller with the permission; 401 without it, as is published."""
        caller = await known_caller(request)
        if WINDOW not in caller.resources:
            raise unauthorized(request.scope["path"])
        return await admitted(request, caller, self.operation)


MayConfigure = Annotated[Caller, Depends(ConfigurationAccess())]


@router.get(PATH)
async def get_configuration(ledger: TheLedger, caller: MayConfigure) -> Response:
    """The whole configuration, with defaults where nothing was set."""
    return json_response(configuration_of(await ledger.account(caller.account)).fields)


@router.post(PATH, status_code=204)
async def post_configuration(request: Request, ledger: TheLedger, caller: MayConfigure) -> Response:
    """Replace the configuration."""
    fields = read_configuration(await json_body(request))
    await _set(ledger, caller, lambda before: fields)
    return Response(status_code=204)


@router.patch(PATH, status_code=204)
async def patch_configuration(
    request: Request, ledger: TheLedger, caller: MayConfigure
) -> Response:
    """Set the named keys of the top level."""
    body = await json_body(request)
    await _set(ledger, caller, lambda before: merged(before, body))
    return Response(status_code=204)


async def _set(ledger: Ledger, caller: Caller, change: Callable[[Json], Json]) -> None:
    def decide(account: Account | None) -> list[AccountEvent]:
        if account is None:
            raise AccountNotFound(caller.account)
        before: Any = account.settings.get(SETTING) or {}
        after = change(before)
        return [] if after == before else [AccountSettingsChanged({SETTING: after})]

    await ledger.change_account(caller.context, decide)
