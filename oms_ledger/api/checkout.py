"""Placing: an order in one body, its payments, and the processing of the order (contract 05)."""

import asyncio
import base64
import hmac
import json
import secrets
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.actions import request_id
from oms_ledger.api.addressing import segment
from oms_ledger.api.bodies import json_body
from oms_ledger.api.dependencies import Caller, TheCell, known_caller, requires
from oms_ledger.api.errors import ApiError, forbidden, malformed
from oms_ledger.api.orders import JSON
from oms_ledger.api.roles import OPERATIONS
from oms_ledger.ledger import sequences
from oms_ledger.ledger.entry import Key
from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts
from oms_ledger.orders.decisions.payment import process_order, send_payments
from oms_ledger.orders.decisions.placing import (
    approves,
    number_of_orders,
    payments_sent,
    place,
)
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.numbers import order_group as new_group
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    OrderGroupNotFound,
    PaymentDenied,
    TransactionNotFound,
)
from oms_ledger.wiring import Cell

router = APIRouter(tags=["Checkout"])

MayPlace = Annotated[Caller, Depends(requires("place_order"))]
MaySend = Annotated[Caller, Depends(requires("send_payments"))]

AUTH, DATA = "Vtex_CHKO_Auth", "CheckoutDataAccess"


@router.put("/api/checkout/pub/orders", status_code=201)
@router.put("/api/checkout/pvt/orders", status_code=201, include_in_schema=False)
async def put_orders(request: Request, cell: TheCell, caller: MayPlace) -> Response:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise malformed("The body: expected a JSON object with items, clientProfileData, …")
    orders = await cell.ledger.repeated(caller.account, by=caller.app_key)
    orders = orders or await _place(request, cell, caller, body)
    return _placed(cell, orders, request.headers.get("host", ""))


async def _place(request: Request, cell: Cell, caller: Caller, body: dict[str, Any]) -> list[Order]:
    account = await cell.ledger.account(caller.account)
    count = number_of_orders(body)
    numbers = await asyncio.to_thread(
        sequences.allot, cell.database, caller.account, count, secrets.randbelow
    )
    form, noise = account.setting("order_id_form"), secrets.randbelow(10**6)
    group, transaction = new_group(numbers[0], account.suffix, form, noise), _new_id()
    placed = dict(
        place(
            body,
            order_group=group,
            sequences=numbers,
            transaction_id=transaction,
            new_id=_new_id,
            account=account,
            sales_channel=request.query_params.get("sc", "1"),
        )
    )
    keys = [
        Key(caller.account, f"group:{group}", json.dumps(list(placed)).encode()),
        Key(caller.account, f"transaction:{transaction}", group.encode()),
    ]
    orders = await cell.ledger.place(
        caller.account, placed, by=caller.app_key, keys=keys, cause=request_id(request)
    )
    return list(orders.values())


def _new_id() -> str:
    return secrets.token_hex(16).upper()


def _placed(cell: Cell, orders: list[Order], host: str) -> Response:
    first = orders[0]
    group, transaction = first.placed.order_group, first.placed.transaction_id
    payments = [
        {
            "paymentSystem": int(p.payment_system)
            if p.payment_system.isdigit()
            else p.payment_system,
            "bin": p.details.get("bin"),
            "accountId": p.details.get("accountId"),
            "tokenId": p.details.get("tokenId"),
            "value": sum(order.payments[i].value for order in orders),
            "referenceValue": sum(order.payments[i].reference_value for order in orders),
            "giftCardRedemptionCode": None,
            "giftCardProvider": None,
            "giftCardId": None,
        }
        for i, p in enumerate(first.payments)
    ]
    merchant = first.placed.merchant_name
    answer = {
        "orderForm": None,
        "transactionData": {
            "merchantTransactions": [
                {
                    "id": merchant,
                    "transactionId": transaction,
                    "merchantName": merchant,
                    "payments": payments,
                }
            ],
            "receiverUri": f"https://{host}/split/{group}/payments",
            "gatewayCallbackTemplatePath": f"/checkout/gatewayCallback/{group}/{{messageCode}}",
        },
        "orders": [placed_order(order) for order in orders],
    }
    response = Response(orjson.dumps(answer), 201, media_type=JSON)
    access = cell.vault.sign(f"data:{group}")
    response.raw_headers.append(
        (
            b"set-cookie",
            f"{AUTH}={_ticket(cell, first.account, group)}; path=/; secure; httponly".encode(),
        )
    )
    response.raw_headers.append(
        (b"set-cookie", f"{DATA}={access}; path=/; secure; httponly".encode())
    )
    return response


def _ticket(cell: Cell, account: str, group: str) -> str:
    """What a client sends back to process its order: base64 that ends in exactly one `=`."""
    return (
        base64.b64encode(bytes.fromhex(cell.vault.sign(f"ticket:{account}:{group}")) + b"\0")
        .decode()[:-1]
        .rstrip("=")
        + "="
    )


async def _group(cell: Cell, account: str, group: str) -> list[Order]:
    ids = await asyncio.to_thread(cell.store.key, account, f"group:{group}")
    if ids is None:
        raise OrderGroupNotFound(group)
    return [await cell.ledger.order(account, order_id) for order_id in json.loads(ids)]


@router.post("/api/payments/transactions/{transaction_id}/payments", status_code=201)
@router.post("/api/pub/transactions/{transaction_id}/payments", status_code=201)
@router.post("/api/payments/pub/transactions/{transaction_id}/payments", status_code=201)
async def post_payments(
    transaction_id: str, request: Request, cell: TheCell, caller: MaySend
) -> Response:
    transaction = segment(transaction_id)
    group = await asyncio.to_thread(cell.store.key, caller.account, f"transaction:{transaction}")
    if group is None:
        raise TransactionNotFound(transaction)
    await _send(request, cell, caller, group.decode(), transaction)
    return Response(status_code=201)


@router.post("/split/{order_group}/payments", status_code=201)
async def post_split_payments(
    order_group: str, request: Request, cell: TheCell, caller: MaySend
) -> Response:
    await _send(request, cell, caller, segment(order_group), None)
    return Response(status_code=201)


async def _send(
    request: Request, cell: Cell, caller: Caller, group: str, transaction: str | None
) -> None:
    body = await json_body(request)
    for sent in body if isinstance(body, list) else [body]:
        named = (sent.get("transaction") or {}).get("id") if isinstance(sent, dict) else None
        if named and transaction and named != transaction:
            raise malformed(f"transaction.id: found {named!r}, but the path names {transaction!r}")

    def decide(order: Order, facts: Facts) -> list[e.OrderEvent]:
        return send_payments(order, facts, payments=payments_sent(body, order.payments))

    ids = [order.order_id for order in await _group(cell, caller.account, group)]
    await cell.ledger.change_together(
        caller.account, ids, decide, by=caller.app_key, cause=request_id(request)
    )


class ProcessDoor:
    """Account and actor: by the placement's cookie, else by a key with the resource."""

    operation = "process_order"

    async def __call__(self, order_group: str, request: Request, cell: TheCell) -> tuple[str, str]:
        group = segment(order_group)
        cookie = request.cookies.get(AUTH, "")
        account = request.scope["state"].get("account_asked")
        if cookie and account and _genuine(cookie, _ticket(cell, account, group)):
            return account, "shopper"
        caller = await known_caller(request)
        if cookie and _genuine(cookie, _ticket(cell, caller.account, group)):
            return caller.account, caller.app_key
        if not caller.resources & OPERATIONS[self.operation]:
            raise forbidden(OPERATIONS[self.operation])
        return caller.account, caller.app_key


def _genuine(cookie: str, ticket: str) -> bool:
    return hmac.compare_digest(cookie.rstrip("=").encode(), ticket.rstrip("=").encode())


Processor = Annotated[tuple[str, str], Depends(ProcessDoor())]


@router.post("/api/checkout/pub/gatewayCallback/{order_group}", status_code=204)
async def post_gateway_callback(
    order_group: str, request: Request, cell: TheCell, processor: Processor
) -> Response:
    account, by = processor
    orders = await _group(cell, account, segment(order_group))
    ids = [order.order_id for order in orders]

    def decide(order: Order, facts: Facts) -> list[e.OrderEvent]:
        answers = {payment.id: approves(payment) for payment in order.payments}
        if order.status is None and False in answers.values():
            raise PaymentDenied()
        approved = frozenset(payment for payment, yes in answers.items() if yes)
        return process_order(order, facts, approved=approved)

    try:
        await cell.ledger.change_together(account, ids, decide, by=by, cause=request_id(request))
    except PaymentDenied as denied:
        raise ApiError(500, denied.code, denied.message) from denied
    return Response(status_code=204)
