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
    order_of_party,
    requires,
)
from oms_ledger.api.changes.bodies import ChangeBody, settings_of
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.http.partner_paths import on_partner_paths
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.ledger import ConcurrencyError
from oms_ledger.orders import events
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.request import ChangeInput
from oms_ledger.orders.changes.v2 import (
    agree,
    cancel_change,
    planned,
    request_change,
    request_of,
    retry_change,
)
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.documents import modifications
from oms_ledger.orders.marketplace.levels import delegated
from oms_ledger.orders.refusals import OrderNotFound, PartnerTellsItself
from oms_ledger.services.customers.identity import with_identity
from oms_ledger.services.marketplace.account_calls import is_account
from projections.accounts import sellers

router = APIRouter(tags=["Order modifications"])

MayModify = Annotated[Caller, Depends(requires("modify_order"))]
MaySee = Annotated[Caller, Depends(requires("change_summary"))]

ORDER = "/api/order-system/orders/{order_id}/changes"
SETTINGS = "/api/order-system/orders/changes/settings"


def _kept(account: Account) -> events.Json:
    kept: events.Json = account.settings.get(changes_settings.SETTING) or {}
    return kept


@router.get(SETTINGS)
async def get_settings(ledger: TheLedger, caller: MayModify) -> Response:
    """Answer how modifications are handled for the account, with the defaults."""
    return json_response(changes_settings.shown(_kept(await ledger.account(caller.account))))


@router.put(SETTINGS)
async def put_settings(request: Request, ledger: TheLedger, caller: MayModify) -> Response:
    """Sections and names that are not given stay as they are."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body: expected an object")
    fields = settings_of(body)
    if not fields:
        raise refusals.ChangeSettingsNotFound()

    def decide(account: Account | None) -> list[AccountEvent]:
        kept = _kept(account) if account else {}
        after = changes_settings.merged(kept, fields)
        return [] if after == kept else [AccountSettingsChanged({changes_settings.SETTING: after})]

    try:
        account = await ledger.change_account(caller.context, decide)
    except ConcurrencyError:
        raise refusals.CannotUpdateChangeSettings() from None
    return json_response(changes_settings.shown(_kept(account)))


def _requested(cell: Cell, caller: Caller, body: object) -> ChangeInput:
    """What a body asks for; a change of e-mail is a change of profile, too (G63)."""
    vouched = PLACE in caller.resources
    identify = partial(with_identity, cell.encryption, caller.account, vouched=vouched)
    return parse(ChangeBody, body).to_domain().with_profiles(identify)


def modifying(
    account: Account, requested: ChangeInput, change_id: str, outside: Collection[str] = ()
) -> Decision:
    """The decision that is asked for, by the account's settings and its external sellers."""
    return partial(
        request_change,
        request_id=change_id,
        workflow_id=str(uuid.uuid4()),
        requested=requested,
        settings=changes_settings.shown(_kept(account), requested.settings),
        trust_prices=account.setting("trust_request_prices"),
        outside=outside,
    )


def _outside(cell: Cell, account: str) -> frozenset[str]:
    with cell.database.reading() as connection:
        return frozenset(sellers.outside(connection, account))


@router.patch(ORDER, status_code=202)
async def patch_changes(
    order_id: PathId, request: Request, cell: TheCell, caller: MayModify
) -> Response:
    """Request a modification; its steps are carried out one after the other."""
    body, ledger = await json_body(request), cell.ledger
    outside = await asyncio.to_thread(_outside, cell, caller.account)
    account = await ledger.account(caller.account)
    decision = modifying(account, _requested(cell, caller, body), str(uuid.uuid4()), outside)
    order = await ledger.change(caller.context, order_id, decision)
    return json_response(modifications.request_answer(order, order.change_requests[-1]), status=202)


@router.post(f"{ORDER}/preview")
async def post_preview(
    order_id: PathId, request: Request, cell: TheCell, caller: MayModify
) -> Response:
    """Say what a modification would make of the order; nothing is recorded."""
    requested, ledger = _requested(cell, caller, await json_body(request)), cell.ledger
    account = await ledger.account(caller.account)
    settings = changes_settings.shown(_kept(account), requested.settings)
    order = await ledger.order(caller.account, order_id)
    plan = planned(
        order,
        request_id="preview",
        requested=requested,
        settings=settings,
        trust_prices=account.setting("trust_request_prices"),
    )
    return json_response(
        modifications.preview_answer(order, plan, requested, settings, ledger.clock.now())
    )


@router.get(ORDER)
async def get_history(order_id: PathId, ledger: TheLedger, caller: MayModify) -> Response:
    """Answer the modifications of an order, with the state of each."""
    return json_response(modifications.history(await ledger.order(caller.account, order_id)))


@router.get(f"{ORDER}/{{change_request_id}}")
async def get_details(
    order_id: PathId, change_request_id: PathId, ledger: TheLedger, caller: MayModify
) -> Response:
    """Answer one modification with its steps and participants."""
    order = await ledger.order(caller.account, order_id)
    return json_response(modifications.details(order, request_of(order, change_request_id)))


@router.post(f"{ORDER}/{{change_request_id}}/retry", status_code=204)
async def post_retry(
    order_id: PathId,
    change_request_id: PathId,
    request: Request,
    ledger: TheLedger,
    caller: MayModify,
) -> Response:
    """Try the failed step of a modification again."""
    decision = partial(retry_change, request_id=change_request_id)
    await ledger.change(caller.context, order_id, decision)
    return Response(status_code=204)


class ChangeCancellation(Body):
    """Why the modification is not wanted any more."""

    reason: Annotated[str | None, Field(max_length=10_000)] = None


@router.post(f"{ORDER}/{{change_request_id}}/cancel")
async def post_cancel(
    order_id: PathId,
    change_request_id: PathId,
    request: Request,
    ledger: TheLedger,
    caller: MayModify,
) -> Response:
    """Cancel a modification that is still on its way."""
    reason = parse(ChangeCancellation, await json_body(request) or {}).reason
    decision = partial(cancel_change, request_id=change_request_id, reason=reason)
    await ledger.change(caller.context, order_id, decision)
    return Response(status_code=200)


@router.get("/api/orders/pvt/document/{order_id}/change-summary")
async def get_summary(order_id: PathId, ledger: TheLedger, caller: MaySee) -> Response:
    """Answer what all done modifications came to, against the order as placed."""
    return json_response(modifications.summary(await ledger.order(caller.account, order_id)))


class Agreement(Body):
    """What a participant says to the change."""

    agreement_type: str = ""


@router.post("/pvt/orders/{order_id}/changes/{change_request_id}/send-agreement")
@on_partner_paths(router, "POST", "/changes/{change_request_id}/send-agreement", but=("/pvt",))
async def post_agreement(
    order_id: PathId,
    change_request_id: PathId,
    request: Request,
    cell: TheCell,
    caller: MayModify,
) -> Response:
    """A participant acknowledges or confirms; which one, its order says.

    The order may be named as the participant's own order is. Accounts here report it by themselves.
    """
    requested = parse(Agreement, await json_body(request)).agreement_type
    decision = partial(agree, request_id=change_request_id, participant="", agreement=requested)
    try:
        order = await order_of_party(cell, caller.account, order_id)
        if delegated(order) and await is_account(cell, order.seller):
            raise PartnerTellsItself(order.seller)
        await cell.ledger.change(caller.context, order.order_id, decision)
    except OrderNotFound:
        raise refusals.ChangeOrderNotFound(order_id) from None
    return json_response(
        {"orderId": order_id, "changeRequestId": change_request_id, "agreementType": requested}
    )
