"""Invoices of an order, and where their packages are (contract 02 §10)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AliasChoices, BeforeValidator, Field, field_validator

from oms_ledger.accounts.account import Account
from oms_ledger.api.auth.dependencies import Caller, TheLedger, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import (
    Body,
    Cents,
    Count,
    json_body,
    parse,
)
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.http.partner_paths import on_partner_paths
from oms_ledger.api.http.receipts import receipt
from oms_ledger.ledger import Ledger
from oms_ledger.orders import events as e
from oms_ledger.orders.decide import Decision
from oms_ledger.orders.instants import local_instant
from oms_ledger.orders.instants import parse as parse_instant
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.invoices.tracking import change_tracking, report_delivery
from oms_ledger.orders.order import Order

router = APIRouter(tags=["Invoices"])

OMS = "/api/oms/pvt/orders/{order_id}"
PII_BASE = "/api/orders/pvt"
PII = f"{PII_BASE}/document/{{order_id}}"
SELLERS = "/pvt/orders/{order_id}"
"""What a seller appends to the base that it was given as `marketplaceServicesEndpoint`."""

NUMBER = "/invoice/{invoice_number:path}"

MayInvoice = Annotated[Caller, Depends(requires("invoice_order"))]
MayInvoiceDocument = Annotated[Caller, Depends(requires("invoice_document"))]
MayUpdate = Annotated[Caller, Depends(requires("update_invoice"))]
MayTrack = Annotated[Caller, Depends(requires("track_invoice"))]

Text = Annotated[str | None, Field(coerce_numbers_to_str=True)]


def _date(value: Any) -> Any:
    """A date is kept as it was sent; text that is none is refused, as of other dates."""
    if isinstance(value, str) and value.strip() and local_instant(value.strip(), "UTC") is None:
        raise ValueError("yyyy-mm-dd hh:mm or ISO 8601")
    return value


Date = Annotated[str | None, BeforeValidator(_date)]


def _kind(value: Any) -> Any:
    return value.strip().capitalize() if isinstance(value, str) else value


class InvoiceItem(Body):
    """`id` (SKU and other names) on the OMS path, `itemIndex` on the PII path; each takes both."""

    id: Text = None
    item_index: Annotated[Count | None, Field(ge=0)] = None
    quantity: Annotated[Count, Field(ge=1)]
    price: Cents | None = None
    description: Text = None


class Refund(Body):
    """What of a payment goes back, in cents."""

    value: Cents | None = None


class Restitutions(Body):
    """What a return asks to give back; the published page does not name it, clients send it."""

    refund: Refund | None = Field(None, validation_alias=AliasChoices("Refund", "refund"))


class Invoice(Body):
    """`invoiceValue` in cents, as an integer or a string of digits; 0 ends an order of no value."""

    type: Annotated[Literal["Output", "Input"], BeforeValidator(_kind)]
    invoice_number: Annotated[str, Field(min_length=1, max_length=256, coerce_numbers_to_str=True)]
    invoice_value: Annotated[Cents, Field(ge=0)] | None = None
    issuance_date: str | None = None
    issued_date: str | None = None
    items: list[InvoiceItem] | None = None
    restitutions: Restitutions | None = None
    courier: Text = None
    tracking_number: Text = None
    tracking_url: str | None = None
    dispatched_date: Date = None
    invoice_key: Text = None
    invoice_url: str | None = None
    embedded_invoice: str | None = None
    description: Text = None
    cfop: Text = None
    volumes: Count | None = None
    extra_value: Cents | None = None

    @field_validator("invoice_number")
    @classmethod
    def _not_blank(cls, number: str) -> str:
        if not number.strip():
            raise ValueError("an invoice number")
        return number

    def refund(self) -> int | None:
        """What a return asks to give back, in cents, if it says so."""
        fields = self.restitutions and self.restitutions.refund
        return fields.value if fields else None

    def value(self, *, by_seller: bool) -> int:
        """What is invoiced; a seller may leave it to the prices of its items."""
        if self.invoice_value is not None:
            return self.invoice_value
        if not by_seller or not self.items or any(one.price is None for one in self.items):
            raise bad_request("invoiceValue: found nothing, expected the invoice's value in cents")
        return sum((one.price or 0) * one.quantity for one in self.items)

    def issued_at(self, now: datetime | None = None) -> datetime:
        """When it was issued; `now` stands for what is not said."""
        text = self.issuance_date or self.issued_date
        if not text:
            if now is not None:
                return now
            raise bad_request("issuanceDate: found nothing, expected the invoice's date")
        at = parse_instant(text)
        if at is None:
            raise bad_request(f"issuanceDate: found {text!r}, expected ISO 8601")
        return at

    def to_items(self, *, totals: bool) -> list[InvoiceItemInput]:
        """The items; their prices are of whole lines when `totals`, else of one unit."""
        return [_requested(item, at, totals) for at, item in enumerate(self.items or [])]


def _requested(item: InvoiceItem, at: int, totals: bool) -> InvoiceItemInput:
    index, name = item.item_index, item.id
    if index is not None and name is not None:  # each path trusts its own name of the line
        index, name = (index, None) if totals else (None, name)
    if index is None and not name:
        field = "itemIndex" if totals else "id"
        raise bad_request(f"items[{at}].{field}: found nothing, expected a value")
    price, total = (None, item.price) if totals else (item.price, None)
    return InvoiceItemInput(name or "", item.quantity, price, item.description, index, total)


# What an invoice says besides what the ledger reasons about; kept as it came.
_KEPT = (
    "courier",
    "trackingNumber",
    "trackingUrl",
    "dispatchedDate",
    "invoiceKey",
    "invoiceUrl",
    "embeddedInvoice",
    "description",
    "cfop",
    "volumes",
    "extraValue",
)


def _details(body: dict[str, Any], requested: Invoice) -> e.Json:
    fields = requested.model_dump(by_alias=True, exclude_none=True)
    details = {key: fields[key] for key in _KEPT if key in fields}
    if requested.restitutions is not None:
        details["restitutions"] = body["restitutions"]
    return details


def invoicing(
    requested: Invoice,
    body: dict[str, Any],
    account: Account,
    *,
    totals: bool,
    once: bool,
    seller_now: datetime | None = None,
) -> Decision:
    """The decision that a body asks for, by the account's settings.

    `seller_now` is the time at which a seller sent it: the protocol of sellers requires less.
    """
    return partial(
        issue_invoice,
        number=requested.invoice_number,
        type=requested.type,
        value=requested.value(by_seller=seller_now is not None),
        issued_at=requested.issued_at(seller_now),
        items=requested.to_items(totals=totals),
        details=_details(body, requested),
        refund=requested.refund(),
        once=once,
        receipted=not once,
        lenient=account.setting("invoice_items") == "lenient",
    )


async def _issue(
    order_id: str,
    request: Request,
    ledger: Ledger,
    caller: Caller,
    *,
    totals: bool,
    once: bool,
) -> tuple[Order, e.InvoiceIssued]:
    body = await json_body(request)
    requested = parse(Invoice, body)
    account = await ledger.account(caller.account)
    by_seller = caller.party is not None or not request.url.path.startswith(
        ("/api/oms/pvt", PII_BASE)
    )
    decision = invoicing(
        requested,
        body,
        account,
        totals=totals,
        once=once,
        seller_now=ledger.clock.now() if by_seller else None,
    )
    order = await ledger.change(caller.context, order_id, decision)
    invoice = order.invoice(requested.invoice_number)
    assert invoice is not None
    return order, invoice


def _first_answer(order: Order, invoice: e.InvoiceIssued) -> tuple[str, datetime]:
    times = (at for _, fields, at in order.receipts if fields == invoice.receipt)
    return invoice.receipt, next(times, order.changed_at)


@router.post(f"{OMS}/invoice")
@router.post(f"{SELLERS}/invoice")
@router.post("/api/oms/pub/orders/{order_id}/invoice")
@on_partner_paths(router, "POST", "/invoice", but=("/api/oms/pvt", "/pvt", "/api/oms/pub"))
async def post_invoice(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayInvoice
) -> Response:
    """Each call gets a receipt of its own, also one that repeats an invoice."""
    order, invoice = await _issue(order_id, request, ledger, caller, totals=False, once=False)
    latest = order.answers.get(f"invoice {invoice.number.strip()}")
    return receipt(order, request, *(latest or _first_answer(order, invoice)))


@router.post(f"{PII}/invoices")
async def post_invoices(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayInvoiceDocument
) -> Response:
    """The same invoice again gets the first receipt, another one of its number is refused."""
    order, invoice = await _issue(order_id, request, ledger, caller, totals=True, once=True)
    return receipt(order, request, *_first_answer(order, invoice))


class Tracking(Body):
    """How a package is followed: number, address, carrier and day of dispatch."""

    tracking_number: Text = None
    tracking_url: str | None = None
    courier: Text = None
    dispatched_date: Date = None


class Happening(Body):
    """Where a package was, and when."""

    city: Text = None
    state: Text = None
    description: Text = None
    date: str | None = None


class Delivery(Body):
    """Where a package has been, and whether it has arrived."""

    is_delivered: bool | None = None
    delivered_date: str | None = None
    events: list[Happening] | None = None


@router.put(f"{OMS}/invoice/{{invoice_number:path}}/tracking")
@router.post(f"{SELLERS}/invoice/{{invoice_number:path}}/tracking")
@on_partner_paths(router, "POST", f"{NUMBER}/tracking", but=("/pvt",))
@on_partner_paths(router, "PUT", f"{NUMBER}/tracking", but=("/api/oms/pvt",))
async def put_tracking(
    order_id: PathId, invoice_number: PathId, request: Request, ledger: TheLedger, caller: MayTrack
) -> Response:
    """Report where the package of an invoice is, and whether it has arrived."""
    fields = parse(Delivery, await json_body(request))
    zone = (await ledger.account(caller.account)).setting("time_zone")
    decision = partial(
        report_delivery,
        number=invoice_number,
        is_delivered=fields.is_delivered,
        delivered_at=_when(fields.delivered_date, zone, "deliveredDate"),
        events=[
            e.TrackingEvent(
                at=_when(one.date, zone, f"events[{i}].date") or _no_date(i),
                description=one.description or "",
                city=one.city or "",
                state=one.state or "",
            )
            for i, one in enumerate(fields.events or [])
        ],
    )
    order = await ledger.change(caller.context, order_id, decision)
    return receipt(order, request, *_answer(order, f"tracking of {invoice_number.strip()}"))


def _when(text: str | None, zone: str, field: str) -> datetime | None:
    if not text or not text.strip():
        return None
    at = local_instant(text.strip(), zone)
    if at is None:
        raise bad_request(f"{field}: found {text[:60]!r}, expected yyyy-mm-dd hh:mm or ISO 8601")
    return at


def _no_date(at: int) -> datetime:
    raise bad_request(f"events[{at}].date: found nothing, expected the date of the event")


@router.patch(f"{OMS}/invoice/{{invoice_number:path}}")
@router.post(f"{SELLERS}/invoice/{{invoice_number:path}}")
@on_partner_paths(router, "POST", NUMBER, but=("/pvt",))
@on_partner_paths(router, "PATCH", NUMBER, but=("/api/oms/pvt",))
@on_partner_paths(router, "PUT", NUMBER)
async def patch_invoice(
    order_id: PathId, invoice_number: PathId, request: Request, ledger: TheLedger, caller: MayUpdate
) -> Response:
    """Give the package of an invoice its tracking number, address or carrier."""
    fields = parse(Tracking, await json_body(request))
    details = fields.model_dump(by_alias=True, exclude_unset=True)
    order = await ledger.change(
        caller.context,
        order_id,
        partial(change_tracking, number=invoice_number, details=details),
    )
    return receipt(order, request, *_answer(order, f"tracking number of {invoice_number.strip()}"))


def _answer(order: Order, what: str) -> tuple[str, datetime]:
    """The receipt of news that were recorded; of an imported package that said so before, none."""
    return order.answers.get(what, ("", order.changed_at))
