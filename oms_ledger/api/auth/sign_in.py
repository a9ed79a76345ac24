"""User tokens: a key signs in, and a back end signs a shopper in (contract 02 §1)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.accounts.access import KeySignedIn
from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    public_route,
    requires,
)
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.orders.documents import json_response
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.access_log import AccessLog
from oms_ledger.services.accounts.user_tokens import LIFETIME, UserToken

router = APIRouter(tags=["Sign in"])

MayIssue = Annotated[Caller, Depends(requires("issue_shopper_token"))]


class Credentials(Body):
    """A key and its token."""

    appkey: Annotated[str, Field(max_length=256)]
    apptoken: Annotated[str, Field(max_length=1024)]


class Shopper(Body):
    """Whom to sign in, by e-mail."""

    email: Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]


@router.post("/api/vtexid/apptoken/login", dependencies=[Depends(public_route("sign_in"))])
async def post_login(request: Request, cell: TheCell) -> Response:
    """A user token for a key: it has the key's resources for 24 hours."""
    requested = parse(Credentials, await json_body(request))
    key = await request.app.state.api_keys.key(requested.appkey)
    generation = key.generation_of(requested.apptoken, cell.clock.micros()) if key else None
    if key is None or generation is None:
        account = key.account if key else None
        raise await request.app.state.failed_credentials.record(request, requested.appkey, account)
    address = request.client.host if request.client else ""
    signed_in = KeySignedIn(key.app_key, address=address)
    log: AccessLog = request.app.state.access_log
    await log.record(key.account, signed_in, key.app_key, request.scope["state"]["request_id"])
    expires = int(cell.clock.seconds()) + LIFETIME
    fields = UserToken(
        key.account, expires, key.app_key, generation=generation, issued_at=cell.clock.micros()
    )
    token = user_tokens.issue(cell.encryption, fields)
    return json_response({"authStatus": "Success", "token": token, "expires": expires})


@router.post("/api/ledger/shopper-tokens", status_code=201)
async def post_shopper_token(request: Request, cell: TheCell, caller: MayIssue) -> Response:
    """A user token for a shopper by e-mail: it opens the shopper's own orders for 24 hours.

    Whoever asks has to have checked who the shopper is. The token ends with the key's secret.
    """
    requested = parse(Shopper, await json_body(request))
    expires = int(cell.clock.seconds()) + LIFETIME
    fields = UserToken(
        caller.account,
        expires,
        caller.app_key,
        requested.email,
        caller.generation,
        cell.clock.micros(),
    )
    token = user_tokens.issue(cell.encryption, fields)
    return json_response({"token": token, "expires": expires}, 201)
