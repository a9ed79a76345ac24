"""Everything that can happen to an order, in the order a shopper would meet it.

An event is a fact: past tense, complete, never edited. When it happened and who caused it
belong to the ledger entry that carries it. Money is integer cents. A field made by
`personal()` is stored encrypted with the order's own key, and reads as its default once the
person was erased. Parts of the document that no rule looks into are kept as they came (`Json`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]


def personal() -> Any:
    """A mapping that tells of a person; empty once the person was erased."""
    return field(default_factory=dict, metadata={"personal": True})


def personal_text() -> Any:
    """Text written by or about a person; None once the person was erased."""
    return field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class PriceTag:
    """A discount (negative) or tax of a whole line, in cents."""

    name: str
    value: int
    identifier: str | None = None
    is_percentual: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the order: `price` of one unit in cents before price tags."""

    unique_id: str
    id: str
    seller: str
    quantity: int
    price: int
    unit_multiplier: Decimal = Decimal(1)
    price_tags: tuple[PriceTag, ...] = ()
    tax: int = 0
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of the transaction: what it pays of this order, in cents."""

    id: str
    payment_system: str
    payment_system_name: str
    group: str
    value: int
    reference_value: int
    installments: int = 1
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Total:
    id: str
    value: int


# Placing


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    flow: str
    order_group: str
    sequence: int
    seller: str
    seller_name: str
    items: tuple[Item, ...]
    totals: tuple[Total, ...]
    logistics: tuple[Json, ...]
    payments: tuple[Payment, ...]
    transaction_id: str | None
    merchant_name: str
    sales_channel: str = "1"
    marketplace_order_id: str | None = None
    seller_order_id: str | None = None
    affiliate_id: str = ""
    order_form_id: str | None = None
    gift_cards: tuple[Json, ...] = ()
    marketing: Json | None = None
    preferences: Json | None = None
    store_preferences: Json = field(default_factory=dict)
    details: Json = field(default_factory=dict)
    client_profile: Json = personal()
    address: Json = personal()
    invoice_data: Json = personal()
    custom_data: Json = personal()
    open_text: str | None = personal_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderImported:
    """An order that lived elsewhere before: as placed, and how far it had come."""

    placed: OrderPlaced
    status: str | None
    created_at: datetime
    changed_at: datetime
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    invoices: tuple["InvoiceIssued", ...] = ()
    cancellation: "CancellationStarted | None" = None
    client_profile: Json = personal()
    address: Json = personal()
    invoice_data: Json = personal()
    custom_data: Json = personal()
    open_text: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class PaymentsSent:
    """The shopper's payment data reached the transaction; card numbers are never kept."""

    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class PlacementExpired:
    """Five minutes passed without payment: incomplete for ever."""

    at: datetime


# The workflow begins


@dataclass(frozen=True, slots=True)
class WorkflowCreated:
    pass


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    pass


@dataclass(frozen=True, slots=True)
class PurchaseCompleted:
    pass


@dataclass(frozen=True, slots=True)
class SellerConfirmationAwaited:
    pass


@dataclass(frozen=True, slots=True)
class SellerConfirmed:
    pass


@dataclass(frozen=True, slots=True)
class SellerRefused:
    reason: str | None = personal_text()


# Payment


@dataclass(frozen=True, slots=True)
class PaymentAuthorized:
    """The gateway, or whoever may say so, approved one payment of the order."""

    payment_id: str
    receipt: str


@dataclass(frozen=True, slots=True)
class PaymentApprovalRecorded:
    pass


@dataclass(frozen=True, slots=True)
class PaymentApproved:
    pass


@dataclass(frozen=True, slots=True)
class SellerHandlingAwaited:
    pass


# Handling


@dataclass(frozen=True, slots=True)
class ManualAuthorizationAwaited:
    pass


@dataclass(frozen=True, slots=True)
class DispatchAuthorizationAwaited:
    pass


@dataclass(frozen=True, slots=True)
class FulfillmentAuthorized:
    pass


@dataclass(frozen=True, slots=True)
class CancellationWindowOpened:
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class CancellationWindowClosed:
    pass


@dataclass(frozen=True, slots=True)
class HandlingRequested:
    pass


@dataclass(frozen=True, slots=True)
class HandlingStarted:
    pass


# Invoicing


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


# Canceling


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequested:
    request_id: str
    requested_by_user: bool
    receipt: str
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class SellerDecisionAwaited:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationDenied:
    request_id: str
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class CancellationRequestDropped:
    """After a denial the order goes on where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationStarted:
    """The cancellation is being carried out; `by` names its first cause (G17)."""

    by: str
    receipt: str
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class SellerCanceled:
    """The seller is out; another one may be chosen until the window closes."""

    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Canceled:
    pass


OrderEvent = (
    OrderPlaced
    | OrderImported
    | PaymentsSent
    | PlacementExpired
    | WorkflowCreated
    | OrderAccepted
    | PurchaseCompleted
    | SellerConfirmationAwaited
    | SellerConfirmed
    | SellerRefused
    | PaymentAuthorized
    | PaymentApprovalRecorded
    | PaymentApproved
    | SellerHandlingAwaited
    | ManualAuthorizationAwaited
    | DispatchAuthorizationAwaited
    | FulfillmentAuthorized
    | CancellationWindowOpened
    | CancellationWindowClosed
    | HandlingRequested
    | HandlingStarted
    | InvoiceIssued
    | InvoiceCompleted
    | InvoiceVerified
    | FullyInvoiced
    | PartiallyInvoiced
    | InvoicedDespiteRequest
    | CancellationRequested
    | SellerDecisionAwaited
    | CancellationDenied
    | CancellationRequestDropped
    | CancellationStarted
    | SellerCanceled
    | Canceled
)


# The account


@dataclass(frozen=True, slots=True)
class AccountCreated:
    name: str
    suffix: str


@dataclass(frozen=True, slots=True)
class AccountSettingsChanged:
    settings: Json


AccountEvent = AccountCreated | AccountSettingsChanged
Event = OrderEvent | AccountEvent
