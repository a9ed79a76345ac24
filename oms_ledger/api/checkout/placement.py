"""Placing: an order in one body, its payments, and the processing of the order (contract 05)."""

import asyncio
import json
import secrets
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from oms_ledger.accounts.roles import KEY
from oms_ledger.api.auth import checkout_cookies
from oms_ledger.api.auth.checkout_access import MayPlace
from oms_ledger.api.auth.dependencies import Caller, TheCell
from oms_ledger.api.auth.ownership import identified
from oms_ledger.api.checkout.sellers import require_sellers
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import malformed
from oms_ledger.api.http.receipts import request_id
from oms_ledger.api.orders.documents import JSON
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.documents import placed_order
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import begin_without_payment
from oms_ledger.orders.payments.systems import NO_PAYMENT, number_of
from oms_ledger.orders.placement.decide import number_of_orders, place
from oms_ledger.orders.placement.numbers import order_group as new_group

router = APIRouter(tags=["Checkout"])


@router.put("/api/checkout/pub/orders", status_code=201)
async def put_orders(request: Request, cell: TheCell, caller: MayPlace) -> Response:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise malformed("The body: expected a JSON object with items, clientProfileData, …")
    orders = await cell.ledger.repeated(caller.account, by=caller.app_key)
    orders = orders or await _place(request, cell, caller, body)
    return _placed(cell, orders, request)


async def _place(request: Request, cell: Cell, caller: Caller, body: dict[str, Any]) -> list[Order]:
    account = await cell.ledger.account(caller.account)
    body = identified(cell, caller, body)
    await require_sellers(cell, account, body)
    count = number_of_orders(body)
    numbers = await asyncio.to_thread(cell.sequences.allot, caller.account, count)
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
            trusted=KEY in caller.resources,
        )
    )
    keys = [Key(caller.account, f"group:{group}", json.dumps(list(placed)).encode())]
    first = next(iter(placed.values()))
    if first.transaction_id != NO_PAYMENT:
        keys.append(Key(caller.account, f"transaction:{transaction}", group.encode()))
    keys += [Key(caller.account, f"payment:{one.id}", group.encode()) for one in first.payments]
    orders = await cell.ledger.place(
        caller.account,
        placed,
        by=caller.app_key,
        keys=keys,
        cause=request_id(request),
        then=begin_without_payment,
    )
    return list(orders.values())


def _new_id() -> str:
    return secrets.token_hex(16).upper()


def _placed(cell: Cell, orders: list[Order], request: Request) -> Response:
    first, address = orders[0], f"https://{request.headers.get('host', '')}"
    group, transaction = first.placed.order_group, first.placed.transaction_id
    payments = [
        {
            "paymentSystem": p.payment_system
            if (number := number_of(p.payment_system)) is None
            else number,
            "bin": p.details.get("bin"),
            "accountId": p.details.get("accountId"),
            "tokenId": p.details.get("tokenId"),
            "value": sum(order.payments[i].value for order in orders),
            "referenceValue": sum(order.payments[i].reference_value for order in orders),
            "giftCardRedemptionCode": p.details.get("redemptionCode"),
            "giftCardProvider": p.details.get("provider"),
            "giftCardId": p.details.get("giftCardId"),
        }
        for i, p in enumerate(first.payments)
    ]
    merchant = first.placed.merchant_name
    merchants = [
        {
            "id": merchant,
            "transactionId": transaction,
            "merchantName": merchant,
            "payments": payments,
        }
    ]
    receiver = f"{address}/split/{group}/payments"
    if transaction == NO_PAYMENT:  # the shopper is sent on at once
        merchants, receiver = [], f"{address}/checkout/orderPlaced/?og={group}"
    answer = {
        "orderForm": None,
        "transactionData": {
            "merchantTransactions": merchants,
            "receiverUri": receiver,
            "gatewayCallbackTemplatePath": f"/checkout/gatewayCallback/{group}/{{messageCode}}",
        },
        "orders": [placed_order(order) for order in orders],
    }
    response = Response(orjson.dumps(answer), 201, media_type=JSON)
    secure = request.url.scheme == "https"
    response.raw_headers.extend(checkout_cookies.headers(cell, first, secure=secure))
    return response
