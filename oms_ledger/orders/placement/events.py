"""An order comes to be: placed here, or imported from where it lived before."""

from dataclasses import dataclass, field
from datetime import datetime

from oms_ledger.orders.cancellation.events import CancellationStarted
from oms_ledger.orders.invoices.events import InvoiceIssued
from oms_ledger.orders.parts import (
    Item,
    Json,
    Payment,
    Total,
    personal,
    personal_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    """An order as it came to be; what becomes of it is said by the events after this one.

    Prices, totals and payments are cents. `flow` is complete, marketplace, seller or chain;
    `items` are its lines, `logistics` the deliveries of them, by place.
    """

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
    sold_by: str | None = None
    """The account of this deployment that sold it; None when an outsider did, or the account."""
    seller_outside: bool = False
    """Whether its seller is no account of this deployment, and gets the order over HTTP."""
    seller_affiliate: str = "00"
    """The affiliate as which its seller, an account of this deployment, knows the account."""
    sold_outside: bool = False
    """Whether it was sold by an outsider, at whose address it was seen to be reachable."""
    paid_above: int | None = None
    """Cents that its marketplace was paid for it, interest included; None where nothing says."""
    paid_for: int | None = None
    """Cents that this pays of the order."""
    shared_payments: tuple[Json, ...] = ()
    """How its marketplace was paid, as far as that is shared; no gateway is called."""
    order_form_id: str | None = None
    filling: str | None = None
    """What was in the cart that this was placed from; None of a purchase in one body."""
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
    invoices: tuple[InvoiceIssued, ...] = ()
    cancellation: CancellationStarted | None = None
    client_profile: Json = personal()
    address: Json = personal()
    invoice_data: Json = personal()
    custom_data: Json = personal()
    open_text: str | None = personal_text()
    cancel_reason: str | None = personal_text()
    timers: bool = True
    """Whether time moves the order on; imports of before had no say in it."""


@dataclass(frozen=True, slots=True)
class PlacementExpired:
    """Five minutes passed without payment: incomplete for ever."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TimersResumed:
    """Time moves an imported order on again."""


PlacementEvent = OrderPlaced | OrderImported | PlacementExpired | TimersResumed
