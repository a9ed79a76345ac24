"""Documents that say what was shipped and what came back, where it is, and what to give back."""

from dataclasses import dataclass, field
from datetime import datetime

from oms_ledger.orders.parts import Json, personal_text


@dataclass(frozen=True, slots=True)
class InvoicedItem:
    """Units of one line in an invoice; `price` is of one unit, in cents.

    The line is `unique_id`'s; `item_index` is where it stood then, for lines may move. `total` is
    what all units cost when the invoice given that instead, and it does not divide by them.
    """

    item_index: int
    quantity: int
    price: int
    description: str | None = None
    unique_id: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceIssued:
    """A document that says what was shipped (Output) or came back (Input); value in cents.

    `refund` is what an Input gives back, in cents; None when nothing is given back by it.
    `content` is a digest of what was sent, by which the same invoice is known again.
    """

    number: str
    type: str
    value: int
    issued_at: datetime
    receipt: str
    items: tuple[InvoicedItem, ...] = ()
    inferred: bool = False
    details: Json = field(default_factory=dict)
    refund: int | None = None
    content: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested:
    """The return `invoice_number` asks the gateway to give `value` cents back, once.

    Recorded together with the Input invoice, at most once per order and number, only when the
    whole order was invoiced by then, and never above what was captured less what earlier returns
    refunded. `request_id` (32 hex) is the idempotency key towards the gateway. Orders whose
    money another account took (seller, chain) record none: their marketplace refunds. Who carries
    it out records the outcome as an event of its own; this one stays the fact of the request.
    """

    request_id: str
    invoice_number: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceCompleted:
    """The same invoice was sent again; tracking fields that were empty are filled in."""

    number: str
    details: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRepeated:
    """An invoice was sent again and got a receipt of its own; nothing came of it.

    `ignored` names what differed from the first time. The document is the same before and after.
    """

    number: str
    receipt: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingChanged:
    """Who carries the package of an invoice, and under which number; only the fields that are
    given change, and null is a value."""

    number: str
    receipt: str
    details: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingEvent:
    """Where a package was."""

    at: datetime
    description: str = ""
    city: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingReported:
    """News of a package: where it was, and whether it arrived (`delivered_at`)."""

    number: str
    receipt: str
    delivered_at: datetime | None = None
    events: tuple[TrackingEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionLogged:
    """A line in the order's log, written by an integration or by the ledger itself.

    It stands in the order's history and nowhere in its document.
    """

    source: str
    message: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class InvoiceVerified:
    """The invoices were checked against the value of the order."""


@dataclass(frozen=True, slots=True)
class FullyInvoiced:
    """Every unit is invoiced, and with that the order is at its end."""


@dataclass(frozen=True, slots=True)
class PartiallyInvoiced:
    """Units are left to be invoiced: the order goes back to wait for them."""


@dataclass(frozen=True, slots=True)
class InvoicedDespiteRequest:
    """An invoice came while a cancellation was requested: it counts as a denial."""


InvoiceEvent = (
    InvoiceIssued
    | InvoiceCompleted
    | InvoiceRepeated
    | RefundRequested
    | TrackingChanged
    | TrackingReported
    | InteractionLogged
    | InvoiceVerified
    | FullyInvoiced
    | PartiallyInvoiced
    | InvoicedDespiteRequest
)
