"""The published operations on transactions and payments, as far as a ledger has them.

A transaction belongs to an order group and begins with its placement (contract 05 §6). What is
requested here of the gateway manually is recorded, and carried out like what invoices ask for.
"""

import asyncio
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.checkout.processing import answering_for_gateways
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import (
    Body,
    Cents,
    json_body,
    parse,
)
from oms_ledger.api.http.errors import bad_request, shown
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.decimal_numbers import decimal_number
from oms_ledger.eventstore.records import instant
from oms_ledger.orders import events as e
from oms_ledger.orders.amounts import LARGEST
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents import transactions
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.allocation import portions
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.decide import (
    add_data,
    deny_payment,
    notify_payment,
    waits_for_money,
)
from oms_ledger.orders.payments.manual import available, manual_request_id, request_manually
from oms_ledger.orders.payments.systems import SYSTEMS
from oms_ledger.orders.pricing import divide
from oms_ledger.orders.refusals import (
    NothingToRefund,
    NotThatMuch,
    OrderGroupNotFound,
    OrderNotFound,
    PaymentNotFound,
    RefundExceedsCaptured,
)
from oms_ledger.services.payments import authorization
from oms_ledger.services.placement.groups import (
    orders_of_group,
    orders_of_payment,
    orders_of_transaction,
)

router = APIRouter(tags=["Payments"])

MayStart = Annotated[Caller, Depends(requires("start_transaction"))]
MayRead = Annotated[Caller, Depends(requires("read_transaction"))]
MayAuthorize = Annotated[Caller, Depends(requires("authorize_transaction"))]
MaySettle = Annotated[Caller, Depends(requires("settle_transaction"))]
MayRefund = Annotated[Caller, Depends(requires("refund_transaction"))]
MayCancel = Annotated[Caller, Depends(requires("cancel_transaction"))]
MayNotify = Annotated[Caller, Depends(requires("notify_payment"))]
MayGet = Annotated[Caller, Depends(requires("payment_transaction"))]

HERE = "/api/pvt/transactions/{transaction_id}"


class Start(Body):
    """Under which reference the client knows the transaction."""

    reference_id: str


@router.post("/api/pvt/transactions")
async def post_transaction(request: Request, cell: TheCell, caller: MayStart) -> Response:
    """The transaction of an order group, which `referenceId` names (or one of its orders)."""
    reference = parse(Start, await json_body(request)).reference_id.strip()
    try:
        orders = await orders_of_group(cell, caller.account, reference)
    except OrderGroupNotFound:
        orders = await orders_of_group(cell, caller.account, reference.rpartition("-")[0])
    return json_response(transactions.transaction(orders))


@router.get("/api/oms/pvt/orders/{order_id}/payment-transaction")
async def get_payment_transaction(order_id: PathId, cell: TheCell, caller: MayGet) -> Response:
    """Of orders whose money was taken here; a seller's order has no transaction of its own."""
    order = await cell.ledger.order(caller.account, order_id)
    if order.flow in ("seller", "chain"):
        raise OrderNotFound()
    return json_response(transactions.payment_transaction(order))


@router.get(HERE)
async def get_transaction(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Answer a transaction with its totals, in cents."""
    return json_response(transactions.transaction(await _orders(cell, caller, transaction_id)))


@router.get(f"{HERE}/payments")
async def get_payments(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Answer the payments of a transaction."""
    return json_response(transactions.payments(await _orders(cell, caller, transaction_id)))


@router.get(f"{HERE}/payments/{{payment_id}}")
async def get_payment(
    transaction_id: PathId, payment_id: PathId, cell: TheCell, caller: MayRead
) -> Response:
    """Answer one payment of a transaction."""
    orders = await _orders(cell, caller, transaction_id)
    found = transactions.payment(orders, payment_id)
    if found is None:
        raise PaymentNotFound(payment_id)
    return json_response(found)


@router.get(f"{HERE}/capabilities")
async def get_capabilities(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """What could be asked for as the transaction stands."""
    orders = await _orders(cell, caller, transaction_id)
    kinds = {"voidable": Kind.CANCEL, "refundable": Kind.REFUND, "capturable": Kind.SETTLE}
    return json_response(
        {name: any(available(one, kind) for one in orders) for name, kind in kinds.items()}
    )


@router.get("/api/pvt/payment-systems")
async def get_payment_systems(caller: MayRead) -> Response:
    """The payment systems that have a name of their own; others are taken as well."""
    return json_response(
        [
            {"id": int(one), "name": name, "groupName": group}
            for one, (name, group) in SYSTEMS.items()
        ]
    )


@router.get(f"{HERE}/settlements")
async def get_settlements(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Answer what was settled, and what is to be."""
    orders = await _orders(cell, caller, transaction_id)
    return json_response(transactions.movements(orders, Kind.SETTLE))


@router.get(f"{HERE}/refunds")
async def get_refunds(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Answer what was refunded, and what is to be."""
    orders = await _orders(cell, caller, transaction_id)
    return json_response(transactions.movements(orders, Kind.REFUND))


@router.get(f"{HERE}/cancellations")
async def get_cancellations(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Answer what was canceled of the authorized amounts, and what is to be."""
    orders = await _orders(cell, caller, transaction_id)
    return json_response(transactions.movements(orders, Kind.CANCEL))


@router.get(f"{HERE}/interactions")
async def get_interactions(transaction_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """What happened to the money, in the order it was recorded."""
    orders = await _orders(cell, caller, transaction_id)

    def lines() -> list[Any]:
        loader = cell.loader()
        rows = [
            (row, order)
            for order in orders
            for row in cell.store.stream(f"{order.account}/{order.order_id}")
        ]
        rows.sort(key=lambda pair: pair[0].position)
        events = loader.events([row for row, _ in rows])
        return [
            transactions.interaction(event, order, row.actor, instant(row.at))
            for (row, order), event in zip(rows, events, strict=True)
            if isinstance(event, e.PaymentEvent)
        ]

    return json_response(await asyncio.to_thread(lines))


@router.post(f"{HERE}/additional-data")
@router.patch(f"{HERE}/additional-data")
async def send_additional_data(
    transaction_id: PathId, request: Request, cell: TheCell, caller: MayStart
) -> Response:
    """Data sets by name, kept with the transaction's first order and passed on to the gateway."""
    given = await json_body(request)
    if not isinstance(given, list):
        raise bad_request(f"The body: found {shown(given)}, expected an array of name and value")
    data = {}
    for index, one in enumerate(given):
        name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not name or not isinstance(value, str):
            raise bad_request(f"[{index}]: found {shown(one)}, expected texts name and value")
        data[name] = value
    first = (await _orders(cell, caller, transaction_id))[0]
    await cell.ledger.change(
        caller.context,
        first.order_id,
        partial(add_data, data=data),
    )
    return Response(status_code=200)


@router.post(f"{HERE}/authorization-request")
async def post_authorization_request(
    transaction_id: PathId, request: Request, cell: TheCell, caller: MayAuthorize
) -> Response:
    """Ask the gateway now; the order itself begins when it is processed, by gatewayCallback."""
    body = await json_body(request)
    named = body.get("transactionId") if isinstance(body, dict) else None
    if named and named != transaction_id:
        raise bad_request(f"transactionId: found {shown(named)}, but the path names another")
    orders = await _orders(cell, caller, transaction_id)
    with answering_for_gateways(caller.context) as ctx:
        await authorization.process(cell, ctx, orders, begin=False)
    orders = await _orders(cell, caller, transaction_id)
    return json_response(transactions.authorization_answer(orders, cell.clock.now()))


class ParsedRequest(Body):
    """`value` in cents."""

    value: Cents
    request_id: str | None = None


@router.post(f"{HERE}/settlement-request")
async def post_settlement_request(
    transaction_id: PathId, request: Request, cell: TheCell, caller: MaySettle
) -> Response:
    """Settle an amount, in cents, of what is authorized."""
    return await _ask(transaction_id, request, cell, caller, Kind.SETTLE)


@router.post(f"{HERE}/refunding-request")
async def post_refunding_request(
    transaction_id: PathId, request: Request, cell: TheCell, caller: MayRefund
) -> Response:
    """Refund an amount, in cents, of what is settled."""
    return await _ask(transaction_id, request, cell, caller, Kind.REFUND)


@router.post(f"{HERE}/cancellation-request")
async def post_cancellation_request(
    transaction_id: PathId, request: Request, cell: TheCell, caller: MayCancel
) -> Response:
    """Cancel an amount, in cents, of what is authorized and not settled."""
    return await _ask(transaction_id, request, cell, caller, Kind.CANCEL)


async def _ask(
    transaction_id: str, request: Request, cell: Cell, caller: Caller, kind: Kind
) -> Response:
    """Ask for a value of the transaction, divided among its orders by what each has left.

    With a `requestId` the same request again is answered as the first time.
    """
    requested = parse(ParsedRequest, await json_body(request))
    name = requested.request_id or request.headers.get("idempotency-key") or secrets.token_hex(16)
    if requested.value <= 0:
        raise bad_request(f"value: found {requested.value}, expected cents above 0")
    orders = await _orders(cell, caller, transaction_id)
    if known := manual_request_id(orders, kind, name):
        return json_response(transactions.request_answer(kind, known))

    ids = [order.order_id for order in orders]
    shares = dict(zip(ids, shares_of(kind, requested.value, orders), strict=True))
    whole = requested.value == sum(available(order, kind) for order in orders)

    def decide(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
        mine = shares[order.order_id]
        return request_manually(order, context, kind=kind, value=mine, asked_as=name, whole=whole)

    after = await cell.ledger.change_together(caller.context, ids, decide)
    return json_response(transactions.request_answer(kind, manual_request_id(after, kind, name)))


def shares_of(kind: Kind, value: int, orders: Sequence[Order]) -> list[int]:
    """What each order has of a value that is asked for; refuses more than there is."""
    left = [available(order, kind) for order in orders]
    group, rest = orders[0].placed.order_group, sum(left)
    if value > rest:
        if kind is Kind.REFUND:
            raise RefundExceedsCaptured(rest) if rest else NothingToRefund(group)
        raise NotThatMuch(value, kind, rest)
    return divide(value, left)


@router.get("/api/payments/pvt/payments/{payment_id}/payment-notification")
async def get_notification(
    payment_id: PathId, request: Request, cell: TheCell, caller: MayNotify
) -> Response:
    """The connector says that the payment was made in full."""
    return await _notified(payment_id, request, cell, caller, None)


class Paid(Body):
    """`valuePaid` in currency units: what is paid of the payment by now, in all.

    `status` is ours: `denied` says that the payment will not come.
    """

    value_paid: Any = None
    status: str | None = None
    message: str | None = None


@router.post("/api/payments/pvt/payments/{payment_id}/payment-notification")
async def post_notification(
    payment_id: PathId, request: Request, cell: TheCell, caller: MayNotify
) -> Response:
    """Take the word that a payment was paid, or denied."""
    fields = parse(Paid, await json_body(request) or {})
    if (fields.status or "").lower() == "denied":
        return await _denied(payment_id, request, cell, caller, fields.message)
    return await _notified(payment_id, request, cell, caller, _cents(fields.value_paid))


def _cents(paid: Any) -> int | None:
    if paid is None:
        return None
    amount = decimal_number(paid)
    cents = 0 if amount is None else int((amount * 100).to_integral_value())
    if not 0 < cents <= LARGEST:
        raise bad_request(f"valuePaid: found {shown(paid)}, expected an amount above 0")
    return cents


async def _notified(
    payment_id: str, request: Request, cell: Cell, caller: Caller, paid: int | None
) -> Response:
    orders = await orders_of_payment(cell, caller.account, payment_id)
    parts: list[int | None] = [None] * len(orders)
    if paid is not None:
        parts = portions(paid, payment_id.upper(), orders)
    by_order = dict(zip([order.order_id for order in orders], parts, strict=True))
    # One order that waits is enough; when none does, the first says why not.
    waits = next((o.order_id for o in orders if waits_for_money(o)), orders[0].order_id)

    def decide(order: Order, context: DecisionContext) -> list[e.OrderEvent]:
        return notify_payment(
            order,
            context,
            payment_id=payment_id,
            paid=by_order[order.order_id],
            sibling=order.order_id != waits,
        )

    await _decided(request, cell, caller, orders, decide)
    return Response(status_code=200)


async def _denied(
    payment_id: str, request: Request, cell: Cell, caller: Caller, reason: str | None
) -> Response:
    orders = await orders_of_payment(cell, caller.account, payment_id)
    decision = partial(deny_payment, payment_id=payment_id, reason=reason)
    await _decided(request, cell, caller, orders, decision)
    return Response(status_code=200)


async def _decided(
    request: Request, cell: Cell, caller: Caller, orders: Sequence[Order], decision: Any
) -> None:
    await cell.ledger.change_together(
        caller.context,
        [order.order_id for order in orders],
        decision,
    )


async def _orders(cell: Cell, caller: Caller, transaction_id: str) -> list[Order]:
    return await orders_of_transaction(cell, caller.account, transaction_id)
