"""What integrations may do to an order: handle, cancel, invoice, notify its payment."""

import hashlib
import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AliasChoices, BeforeValidator, Field, field_validator

from oms_ledger.api.addressing import segment
from oms_ledger.api.bodies import Body, Cents, json_body, parse
from oms_ledger.api.dependencies import Caller, TheCell, TheLedger, requires
from oms_ledger.api.errors import ApiError, malformed
from oms_ledger.api.groups import siblings
from oms_ledger.api.orders import json_response
from oms_ledger.orders import events as e
from oms_ledger.orders.decisions import Facts
from oms_ledger.orders.decisions.canceling import cancel
from oms_ledger.orders.decisions.handling import start_handling
from oms_ledger.orders.decisions.invoicing import AskedItem, issue_invoice
from oms_ledger.orders.decisions.payment import notify_payment
from oms_ledger.orders.documents.instants import parse as parse_instant
from oms_ledger.orders.documents.instants import spell
from oms_ledger.orders.order import Order

router = APIRouter(tags=["Order actions"])

MayHandle = Annotated[Caller, Depends(requires("start_handling"))]
MayCancel = Annotated[Caller, Depends(requires("cancel_order"))]
MayInvoice = Annotated[Caller, Depends(requires("invoice_order"))]
MayNotify = Annotated[Caller, Depends(requires("notify_payment"))]


def receipt(order: Order, request: Request, number: str, at: datetime) -> Response:
    """The answer of an action; an imported fact has no receipt of its own and gets a stable one."""
    number = number or hashlib.sha256(order.order_id.encode()).hexdigest()[:32]
    zone = "+00:00" if request.scope["path"].startswith("/api/oms") else "Z"
    return json_response({"date": spell(at, zone), "orderId": order.order_id, "receipt": number})


def request_id(request: Request) -> str:
    told: str = request.scope["state"]["request_id"]
    return told


@router.post("/api/oms/pvt/orders/{order_id}/start-handling", status_code=204)
@router.post("/api/orders/pvt/document/{order_id}/actions/start-handling", status_code=204)
async def post_start_handling(
    order_id: str, request: Request, ledger: TheLedger, caller: MayHandle
) -> Response:
    await ledger.change(
        caller.account,
        segment(order_id),
        start_handling,
        by=caller.app_key,
        cause=request_id(request),
    )
    return Response(status_code=204)


class Cancellation(Body):
    reason: str | None = None
    requested_by_user: bool | None = False


@router.post("/api/oms/pvt/orders/{order_id}/cancel")
@router.post("/api/orders/pvt/document/{order_id}/cancel")
async def post_cancel(
    order_id: str, request: Request, ledger: TheLedger, caller: MayCancel
) -> Response:
    asked = parse(Cancellation, await json_body(request) or {})
    reason = asked.reason
    if reason is not None and len(reason) > 500:
        raise ApiError(400, "CHK0099", "The reason is longer than 500 characters")
    if reason is not None and re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", reason):
        raise ApiError(400, "CHK0158", "The reason has control characters")
    decision = partial(cancel, reason=reason, requested_by_user=bool(asked.requested_by_user))
    order = await ledger.change(
        caller.account, segment(order_id), decision, by=caller.app_key, cause=request_id(request)
    )
    kinds = ("cancelPayment", "cancellationRequest")
    told = [(number, at) for kind, number, at in order.receipts if kind in kinds]
    return receipt(order, request, *(told[-1] if told else ("", order.changed_at)))


def _kind(value: Any) -> Any:
    return value.capitalize() if isinstance(value, str) else value


class InvoiceItem(Body):
    id: str = Field(coerce_numbers_to_str=True)
    quantity: int = Field(ge=1)
    price: Cents | None = None
    description: str | None = None


class Refund(Body):
    value: Cents | None = None


class Restitutions(Body):
    """What a return asks to give back; the published page does not tell of it, clients send it."""

    refund: Refund | None = Field(None, validation_alias=AliasChoices("Refund", "refund"))


class Invoice(Body):
    """`invoiceValue` in cents, as an integer or a string of digits."""

    type: Annotated[Literal["Output", "Input"], BeforeValidator(_kind)]
    invoice_number: Annotated[str, Field(min_length=1, max_length=256, coerce_numbers_to_str=True)]
    invoice_value: Annotated[Cents, Field(gt=0)]
    issuance_date: str | None = None
    issued_date: str | None = None
    items: list[InvoiceItem] | None = None
    restitutions: Restitutions | None = None

    @field_validator("invoice_number")
    @classmethod
    def _not_blank(cls, number: str) -> str:
        if not number.strip():
            raise ValueError("an invoice number")
        return number

    def refund(self) -> int | None:
        """What a return asks to give back, in cents, if it says so."""
        told = self.restitutions and self.restitutions.refund
        return told.value if told else None

    def issued_at(self) -> datetime:
        text = self.issuance_date or self.issued_date
        if not text:
            raise malformed("issuanceDate: found nothing, expected the invoice's date")
        at = parse_instant(text)
        if at is None:
            raise malformed(f"issuanceDate: found {text!r}, expected ISO 8601")
        return at


_OWN_FIELDS = {"type", "invoiceNumber", "invoiceValue", "issuanceDate", "issuedDate", "items"}


@router.post("/api/oms/pvt/orders/{order_id}/invoice")
async def post_invoice(
    order_id: str, request: Request, ledger: TheLedger, caller: MayInvoice
) -> Response:
    body = await json_body(request)
    asked = parse(Invoice, body)
    decision = partial(
        issue_invoice,
        number=asked.invoice_number,
        type=asked.type,
        value=asked.invoice_value,
        issued_at=asked.issued_at(),
        items=[
            AskedItem(item.id, item.quantity, item.price, item.description)
            for item in asked.items or []
        ],
        details={key: value for key, value in body.items() if key not in _OWN_FIELDS},
        refund=asked.refund(),
    )
    order = await ledger.change(
        caller.account, segment(order_id), decision, by=caller.app_key, cause=request_id(request)
    )
    invoice = order.invoice(asked.invoice_number)
    assert invoice is not None
    times = (at for _, told, at in order.receipts if told == invoice.receipt)
    return receipt(order, request, invoice.receipt, next(times, order.changed_at))


@router.post("/api/oms/pvt/orders/{order_id}/payments/{payment_id}/payment-notification")
@router.post("/api/orders/pvt/document/{order_id}/payment/{payment_id}/notify-payment")
async def post_payment_notification(
    order_id: str, payment_id: str, request: Request, cell: TheCell, caller: MayNotify
) -> Response:
    """Recorded for every order that the payment pays: a purchase of several sellers has several."""
    ledger = cell.ledger
    order = await ledger.order(caller.account, segment(order_id))
    named = segment(payment_id)

    def decide(one: Order, facts: Facts) -> list[e.OrderEvent]:
        sibling = one.order_id != order.order_id
        return notify_payment(one, facts, payment_id=named, sibling=sibling)

    ids = [one.order_id for one in await siblings(cell, order)]
    await ledger.change_together(
        caller.account, ids, decide, by=caller.app_key, cause=request_id(request)
    )
    return Response(status_code=200)
