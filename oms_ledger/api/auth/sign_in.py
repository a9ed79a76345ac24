"""User tokens: a key signs in, and a back end signs a shopper in (contract 02 §1)."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    open_to_all,
    requires,
)
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import unauthorized
from oms_ledger.api.orders.documents import json_response
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import LIFETIME, UserToken
from projections.subscriptions.checkpoints import now_micros

router = APIRouter(tags=["Sign in"])

MayIssue = Annotated[Caller, Depends(requires("issue_shopper_token"))]


class Credentials(Body):
    appkey: Annotated[str, Field(max_length=256)]
    apptoken: Annotated[str, Field(max_length=1024)]


class Shopper(Body):
    email: Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]


@router.post("/api/vtexid/apptoken/login", dependencies=[Depends(open_to_all("sign_in"))])
async def post_login(request: Request, cell: TheCell) -> Response:
    """A user token for a key: it has the key's resources for 24 hours."""
    asked = parse(Credentials, await json_body(request))
    key = await request.app.state.doorkeeper.key(asked.appkey)
    if key is None or not key.opens(asked.apptoken, now_micros()):
        raise unauthorized(request.scope["path"])
    expires = int(time.time()) + LIFETIME
    token = user_tokens.issue(cell.vault, UserToken(key.account, expires, app_key=key.app_key))
    return json_response({"authStatus": "Success", "token": token, "expires": expires})


@router.post("/api/ledger/shopper-tokens", status_code=201)
async def post_shopper_token(request: Request, cell: TheCell, caller: MayIssue) -> Response:
    """A user token for a shopper by e-mail: it opens the shopper's own orders for 24 hours.

    Whoever asks has to have checked who the shopper is.
    """
    asked = parse(Shopper, await json_body(request))
    expires = int(time.time()) + LIFETIME
    token = user_tokens.issue(cell.vault, UserToken(caller.account, expires, shopper=asked.email))
    return json_response({"token": token, "expires": expires}, 201)
