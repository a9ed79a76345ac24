"""Documents that say what was shipped and what came back."""

from dataclasses import dataclass, field
from datetime import datetime

from oms_ledger.orders.events.parts import Json


@dataclass(frozen=True, slots=True)
class InvoicedItem:
    """Units of one line in an invoice; `price` is of one unit, in cents."""

    item_index: int
    quantity: int
    price: int
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceIssued:
    """A document that says what was shipped (Output) or came back (Input); value in cents."""

    number: str
    type: str
    value: int
    issued_at: datetime
    receipt: str
    items: tuple[InvoicedItem, ...] = ()
    inferred: bool = False
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceCompleted:
    """The same invoice was sent again; tracking fields that were empty are filled in."""

    number: str
    details: Json


@dataclass(frozen=True, slots=True)
class InvoiceVerified:
    """The invoices were checked against the value of the order."""


@dataclass(frozen=True, slots=True)
class FullyInvoiced:
    pass


@dataclass(frozen=True, slots=True)
class PartiallyInvoiced:
    pass


@dataclass(frozen=True, slots=True)
class InvoicedDespiteRequest:
    """An invoice came while a cancellation was asked: it counts as a denial."""


InvoicingEvent = (
    InvoiceIssued
    | InvoiceCompleted
    | InvoiceVerified
    | FullyInvoiced
    | PartiallyInvoiced
    | InvoicedDespiteRequest
)
