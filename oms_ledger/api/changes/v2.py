"""v2 modifications: requested, previewed, looked up, retried, canceled; and their settings."""

import asyncio
import uuid
from collections.abc import Collection
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.accounts.roles import PLACE
from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
)
from oms_ledger.api.changes.bodies import ChangeBody, settings_of
from oms_ledger.api.http.addressing import segment
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import malformed
from oms_ledger.api.http.receipts import request_id
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.ledger import Contended
from oms_ledger.orders import events as e
from oms_ledger.orders.changes import refusals as no
from oms_ledger.orders.changes import settings as s
from oms_ledger.orders.changes.request import AskedChange
from oms_ledger.orders.changes.v2 import (
    agree,
    cancel_change,
    planned,
    request_change,
    request_of,
    retry_change,
)
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.documents import modifications as shown
from oms_ledger.orders.marketplace.levels import id_above
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.customers.identity import with_identity
from projections.accounts import external_sellers

router = APIRouter(tags=["Order modifications"])

MayModify = Annotated[Caller, Depends(requires("modify_order"))]
MaySee = Annotated[Caller, Depends(requires("change_summary"))]

ORDER = "/api/order-system/orders/{order_id}/changes"
SETTINGS = "/api/order-system/orders/changes/settings"


def _kept(account: Account) -> e.Json:
    kept: e.Json = account.settings.get(s.SETTING) or {}
    return kept


@router.get(SETTINGS)
async def get_settings(ledger: TheLedger, caller: MayModify) -> Response:
    return json_response(s.shown(_kept(await ledger.account(caller.account))))


@router.put(SETTINGS)
async def put_settings(request: Request, ledger: TheLedger, caller: MayModify) -> Response:
    """Sections and names that are not told stay as they are."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise malformed("The body: expected an object")
    told = settings_of(body)
    if not told:
        raise no.ChangeSettingsNotFound()

    def decide(account: Account | None) -> list[AccountEvent]:
        kept = _kept(account) if account else {}
        after = s.merged(kept, told)
        return [] if after == kept else [AccountSettingsChanged({s.SETTING: after})]

    try:
        account = await ledger.change_account(caller.account, decide, by=caller.app_key)
    except Contended:
        raise no.CannotUpdateChangeSettings() from None
    return json_response(s.shown(_kept(account)))


def _asked(cell: Cell, caller: Caller, body: object) -> AskedChange:
    """What a body asks for; a change of e-mail is a change of profile, too (G63)."""
    vouched = PLACE in caller.resources
    identify = partial(with_identity, cell.vault, caller.account, vouched=vouched)
    return parse(ChangeBody, body).asked().with_profiles(identify)


def modifying(
    account: Account, asked: AskedChange, change_id: str, outside: Collection[str] = ()
) -> Decision:
    """The decision that is asked for, by the account's settings and its external sellers."""
    return partial(
        request_change,
        request_id=change_id,
        workflow_id=str(uuid.uuid4()),
        asked=asked,
        settings=s.shown(_kept(account), asked.settings),
        trust_prices=account.setting("trust_request_prices"),
        outside=outside,
    )


def _outside(cell: Cell, account: str) -> frozenset[str]:
    with cell.database.reading() as connection:
        return frozenset(external_sellers.addresses(connection, account))


@router.patch(ORDER, status_code=202)
async def patch_changes(
    order_id: str, request: Request, cell: TheCell, caller: MayModify
) -> Response:
    body, ledger = await json_body(request), cell.ledger
    outside = await asyncio.to_thread(_outside, cell, caller.account)
    account = await ledger.account(caller.account)
    decision = modifying(account, _asked(cell, caller, body), str(uuid.uuid4()), outside)
    order = await ledger.change(
        caller.account, segment(order_id), decision, by=caller.app_key, cause=request_id(request)
    )
    return json_response(shown.request_answer(order, order.change_requests[-1]), status=202)


@router.post(f"{ORDER}/preview")
async def post_preview(
    order_id: str, request: Request, cell: TheCell, caller: MayModify
) -> Response:
    asked, ledger = _asked(cell, caller, await json_body(request)), cell.ledger
    account = await ledger.account(caller.account)
    settings = s.shown(_kept(account), asked.settings)
    order = await ledger.order(caller.account, segment(order_id))
    plan = planned(
        order,
        request_id="preview",
        asked=asked,
        settings=settings,
        trust_prices=account.setting("trust_request_prices"),
    )
    return json_response(shown.preview_answer(order, plan, asked, settings, ledger.now()))


@router.get(ORDER)
async def get_history(order_id: str, ledger: TheLedger, caller: MayModify) -> Response:
    return json_response(shown.history(await ledger.order(caller.account, segment(order_id))))


@router.get(f"{ORDER}/{{change_request_id}}")
async def get_details(
    order_id: str, change_request_id: str, ledger: TheLedger, caller: MayModify
) -> Response:
    order = await ledger.order(caller.account, segment(order_id))
    return json_response(shown.details(order, request_of(order, segment(change_request_id))))


@router.post(f"{ORDER}/{{change_request_id}}/retry", status_code=204)
async def post_retry(
    order_id: str, change_request_id: str, request: Request, ledger: TheLedger, caller: MayModify
) -> Response:
    decision = partial(retry_change, request_id=segment(change_request_id))
    await ledger.change(
        caller.account, segment(order_id), decision, by=caller.app_key, cause=request_id(request)
    )
    return Response(status_code=204)


class ChangeCancellation(Body):
    reason: Annotated[str | None, Field(max_length=10_000)] = None


@router.post(f"{ORDER}/{{change_request_id}}/cancel")
async def post_cancel(
    order_id: str, change_request_id: str, request: Request, ledger: TheLedger, caller: MayModify
) -> Response:
    reason = parse(ChangeCancellation, await json_body(request) or {}).reason
    decision = partial(cancel_change, request_id=segment(change_request_id), reason=reason)
    await ledger.change(
        caller.account, segment(order_id), decision, by=caller.app_key, cause=request_id(request)
    )
    return Response(status_code=200)


@router.get("/api/orders/pvt/document/{order_id}/change-summary")
async def get_summary(order_id: str, ledger: TheLedger, caller: MaySee) -> Response:
    return json_response(shown.summary(await ledger.order(caller.account, segment(order_id))))


class Agreement(Body):
    agreement_type: str = ""


@router.post("/pvt/orders/{order_id}/changes/{change_request_id}/send-agreement")
async def post_agreement(
    order_id: str, change_request_id: str, request: Request, ledger: TheLedger, caller: MayModify
) -> Response:
    """A participant acknowledges or confirms; which one, its order tells.

    The order may be named as the participant's own order is, `00-{id}`.
    """
    asked = parse(Agreement, await json_body(request)).agreement_type
    the_order, change = segment(order_id), segment(change_request_id)
    decision = partial(agree, request_id=change, participant="", agreement=asked)
    who = {"by": caller.app_key, "cause": request_id(request)}
    try:
        try:
            await ledger.change(caller.account, the_order, decision, **who)
        except OrderNotFound:
            await ledger.change(caller.account, id_above(the_order), decision, **who)
    except OrderNotFound:
        raise no.ChangeOrderNotFound(the_order) from None
    return json_response({"orderId": the_order, "changeRequestId": change, "agreementType": asked})
