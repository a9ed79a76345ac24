"""What marketplaces ask of a seller: place, authorize, cancel (contract 06 §§1, 2, 5, 6).

The same paths answer outsiders and, in the order of the protocol, accounts of the deployment.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
)
from oms_ledger.api.auth.ownership import identified
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.http.receipts import cancellation_receipt, request_id
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.ledger import ATTEMPTS, ConcurrencyError, KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.http_client.addresses import wrong_url
from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.instants import spell
from oms_ledger.orders.marketplace.as_marketplace import record_seller_cancellation
from oms_ledger.orders.marketplace.as_seller import (
    accept_order,
    authorize_fulfillment,
    authorize_manually,
    cancel_by_marketplace,
)
from oms_ledger.orders.marketplace.levels import delegated, seller_order_id_of
from oms_ledger.orders.marketplace.received import (
    Received,
    account_named,
    receive,
    same_order,
)
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.numbers import order_group as new_group
from oms_ledger.orders.refusals import (
    AffiliateMissing,
    AffiliateNotNamed,
    OrderIdTaken,
    OrderNotFound,
    OtherMarketplaceOrder,
    SellerTellsItself,
)
from oms_ledger.orders.status import Status
from oms_ledger.services.marketplace.partnership import partner
from oms_ledger.services.placement.sellers import require_seller

router = APIRouter(tags=["Marketplaces and sellers"])

MayPlace = Annotated[Caller, Depends(requires("place_fulfillment"))]
MayAuthorize = Annotated[Caller, Depends(requires("authorize_fulfillment"))]
MayCancel = Annotated[Caller, Depends(requires("cancel_order"))]
_AFFILIATE = re.compile(r"[A-Za-z0-9]{2,10}")


@router.post("/api/fulfillment/pvt/orders")
@router.post("/pvt/orders")
async def post_orders(request: Request, cell: TheCell, caller: MayPlace) -> Response:
    """Place orders that a marketplace sold; the same again answers as before."""
    body = await json_body(request)
    if not isinstance(body, list) or not body:
        raise bad_request("The body: expected an array of orders, usually of one")
    orders = await place_all_received(request, cell, caller, body)
    return json_response([_answer(order) for order in orders])


async def place_received(
    request: Request, cell: Cell, caller: Caller, body: Any, *, marketplace_order: str | None = None
) -> Order:
    """Place one order unless it is there; `above` names it when the body does not."""
    if isinstance(body, dict) and marketplace_order is not None:
        body = {**body, "marketplaceOrderId": marketplace_order}
    (order,) = await place_all_received(request, cell, caller, [body])
    return order


async def place_all_received(
    request: Request, cell: Cell, caller: Caller, bodies: Sequence[Any]
) -> list[Order]:
    """Place orders, those that are there already aside: all of them, or none."""
    account = await cell.ledger.account(caller.account)
    affiliate = request.query_params.get("affiliateId") or ""
    if affiliate in ("", "00"):
        raise AffiliateNotNamed(affiliate)
    if not _AFFILIATE.fullmatch(affiliate):
        raise AffiliateMissing(affiliate[:40])
    received: list[Received] = []
    for body in bodies:
        if not isinstance(body, dict):
            raise bad_request("The body: expected an array of objects, each an order")
        one = await _received(request, cell, account, affiliate, identified(cell, caller, body))
        if one.placed.flow == "chain":
            await require_seller(cell, account.name, one.placed.seller)
        received.append(one)
    for _ in range(ATTEMPTS):
        known = await _known(cell, account.name, received)
        if all(one.order_id in known for one in received):
            return [known[one.order_id] for one in received]
        try:
            known |= await _placed(request, cell, caller, received, known)
        except KeyTaken:  # some of them, sent twice at once
            continue
        return [known[one.order_id] for one in received]
    raise ConcurrencyError(received[0].order_id)


async def _known(cell: Cell, account: str, received: Sequence[Received]) -> dict[str, Order]:
    """The orders that are there; refuses another one in the place of one that was sent."""
    known: dict[str, Order] = {}
    first: dict[str, Received] = {}
    for one in received:
        before = first.setdefault(one.order_id, one)
        if not same_order(before.placed, one.placed):
            raise OrderIdTaken(one.order_id)
        try:
            order = await cell.ledger.order(account, one.order_id)
        except OrderNotFound:
            continue
        if order.order_id != one.order_id:
            continue  # an own order, which its seller would name so
        if not same_order(order.placed, one.placed):
            raise OrderIdTaken(one.order_id)
        known[one.order_id] = order
    return known


async def _received(
    request: Request, cell: Cell, account: Account, affiliate: str, body: dict[str, Any]
) -> Received:
    endpoint = body.get("marketplaceServicesEndpoint")
    sold_by = account_named(endpoint)
    if sold_by is not None:
        try:
            await partner(cell, account.name, sold_by)
        except AccountNotFound:
            sold_by = None
    (number,) = await asyncio.to_thread(cell.sequences.allot, account.name, 1)
    form, noise = account.setting("order_id_form"), secrets.randbelow(10**6)
    networks = cell.settings.networks_of(account.name)
    reachable = isinstance(endpoint, str) and wrong_url(endpoint.strip(), networks) is None
    return receive(
        body,
        account=account,
        affiliate=affiliate,
        sold_by=sold_by if sold_by != account.name else None,
        sold_outside=sold_by is None and reachable,
        order_group=new_group(number, account.suffix, form, noise),
        sequence=number,
        new_id=lambda: secrets.token_hex(16).upper(),
        sales_channel=request.query_params.get("sc") or "1",
    )


async def _placed(
    request: Request,
    cell: Cell,
    caller: Caller,
    received: Sequence[Received],
    known: Mapping[str, Order],
) -> dict[str, Order]:
    """Place those that are not known, in one transaction."""
    new = {one.order_id: one for one in received if one.order_id not in known}
    keys = [
        Key(caller.account, f"group:{one.placed.order_group}", json.dumps([order_id]).encode())
        for order_id, one in new.items()
    ]

    def accept(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
        return accept_order(order, context, difference=new[order.order_id].difference)

    return await cell.ledger.place(
        caller.context,
        {order_id: one.placed for order_id, one in new.items()},
        keys=keys,
        then=accept,
    )


def _answer(order: Order) -> dict[str, Any]:
    shown = placed_order(order)
    return {**shown, "marketplaceOrderId": order.placed.marketplace_order_id}


class Fulfill(Body):
    marketplace_order_id: str | None = None


@router.post("/api/fulfillment/pvt/orders/{order_id}/fulfill", status_code=201)
async def post_fulfill(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """The marketplace is paid: the dispatch of its order is authorized."""
    return await _fulfill(order_id, request, ledger, caller, 201)


@router.post("/pvt/orders/{order_id}/fulfill")
async def post_protocol_fulfill(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    return await _fulfill(order_id, request, ledger, caller, 200)


async def _fulfill(
    order_id: str, request: Request, ledger: TheLedger, caller: Caller, status: int
) -> Response:
    fields = parse(Fulfill, await json_body(request) or {}).marketplace_order_id
    order = await ledger.order(caller.account, order_id)
    if fields is not None and fields != order.placed.marketplace_order_id:
        raise OtherMarketplaceOrder(order_id, fields)
    order = await ledger.change(
        caller.context,
        order_id,
        authorize_fulfillment,
    )
    return json_response(_receipt(order, authorization_of(order)), status)


def authorization_of(order: Order) -> tuple[str, Any]:
    """A stable receipt of the authorization: the fact has none of its own."""
    at = next(
        (
            at
            for status, at in order.timeline
            if status in (Status.AUTHORIZE_FULFILLMENT, Status.PAYMENT_APPROVED)
        ),
        order.changed_at,
    )
    return placed_order(order)["followUpEmail"].partition("@")[0], at


def _receipt(order: Order, fields: tuple[str, Any]) -> dict[str, Any]:
    number, at = fields
    return {
        "date": spell(at, "Z"),
        "marketplaceOrderId": order.placed.marketplace_order_id,
        "orderId": order.order_id,
        "receipt": number,
    }


class Cancellation(Body):
    marketplace_order_id: str | None = None
    cancellation_request_id: str | None = None
    reason: str | None = None
    requested_by_user: bool | None = False


@router.post("/pvt/orders/{order_id}/cancel")
async def post_cancel(
    order_id: PathId, request: Request, cell: TheCell, caller: MayCancel
) -> Response:
    """The other side of the sale cancels: the marketplace asks its seller, or a seller is out.

    A seller that has to think about it answers with an empty body.
    """
    requested = parse(Cancellation, await json_body(request) or {})
    if requested.reason is not None and len(requested.reason) > 500:
        raise ApiError(400, "CHK0099", "The reason is longer than 500 characters")
    order = await cell.ledger.order(caller.account, order_id)
    marketplace_order = order.placed.marketplace_order_id
    from_above = order.flow == "seller" or (
        marketplace_order and requested.marketplace_order_id == marketplace_order
    )
    if delegated(order) and not from_above:
        if await _is_account(cell, order.seller):
            raise SellerTellsItself(order.seller)
        decision = partial(
            record_seller_cancellation,
            seller=order.seller,
            seller_order_id=seller_order_id_of(order),
            reason=requested.reason,
        )
    else:
        decision = partial(
            cancel_by_marketplace,
            request_id=requested.cancellation_request_id or request_id(request),
            reason=requested.reason,
            requested_by_user=bool(requested.requested_by_user),
        )
    order = await cell.ledger.change(caller.context, order_id, decision)
    if from_above and order.status is not Status.CANCELED:
        return Response(status_code=200)
    fields = _receipt(order, cancellation_receipt(order))
    return json_response(
        fields if from_above else {k: fields[k] for k in ("date", "orderId", "receipt")}
    )


async def _is_account(cell: Cell, name: str) -> bool:
    try:
        await cell.ledger.account(name)
    except AccountNotFound:
        return False
    return True


@router.post("/api/ledger/orders/{order_id}/authorize-fulfillment")
async def post_authorize_manually(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayAuthorize
) -> Response:
    """A person takes a divergent price, or dispatches before the marketplace authorized it."""
    order = await ledger.change(
        caller.context,
        order_id,
        authorize_manually,
    )
    return json_response({"orderId": order.order_id, "status": order.status})
