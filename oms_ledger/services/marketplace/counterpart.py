"""The port to the other side of a sale: its seller, or its marketplace.

There are two adapters: another account of the deployment (`other_account`), in this cell or in
another one, and an outsider over HTTP (`outsider`). Both answer with what became of the message,
never with the other side's order.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from oms_ledger.offers.quote import LineQuote
from oms_ledger.orders.events import InvoiceIssued, OrderEvent
from oms_ledger.orders.order import CancellationRequest, Order


@dataclass(frozen=True, slots=True)
class Taken:
    """The seller has the order, under this id."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """It was received; a cancellation was carried out. `receipt` as the other side gave it."""

    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """The other side has it and decides later. `again`: when to ask it again; None: it reports."""

    again: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The seller keeps the order."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side said no for good."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """The other account said no, by a published code; `final`: it says so however often asked."""

    code: str
    message: str
    final: bool = True
    status: int = 400


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account lets a partner of its know: that it is one, and on what terms."""

    accepts_orders: bool
    seller_name: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What an account offers of the lines that a partner has of it, one answer for each."""

    lines: tuple[LineQuote, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows what became of it: it is sent again, after `after` where that was asked for.

    `answered`: whether the other side answered at all; None where nothing was sent. One that
    `needs_person` cannot get better by itself. `lasting`: it is sent until the order moves on.
    """

    why: str
    after: timedelta | None = None
    status: int | None = None
    answered: bool | None = True
    needs_person: bool = False
    lasting: bool = False


Placement = Taken | Thinking | Refused | Unknown
Decision = Done | Thinking | Denied | Refused | Unknown
PartnerOutcome = Done | Refused | Unknown


class SellerSide(Protocol):
    """What an order says to the one that delivers it."""

    async def place(self, order: Order) -> Placement:
        """Place the order: taken with its id there, refused with a reason, or unknown."""

    async def authorize(self, order: Order) -> PartnerOutcome:
        """Say that the order is paid and may be dispatched."""

    async def ask_to_cancel(self, order: Order, request: CancellationRequest) -> Decision:
        """Ask whether the order can be canceled: confirmed, denied, or thought about."""

    async def cancel(self, order: Order) -> Decision:
        """Say that the order is canceled."""


class MarketplaceSide(Protocol):
    """What an order says to the one that sold it."""

    async def confirm(self, order: Order) -> PartnerOutcome:
        """Say that the order is taken."""

    async def refuse(self, order: Order) -> PartnerOutcome:
        """Say that the order is not taken, and why."""

    async def report_cancellation(self, order: Order) -> PartnerOutcome:
        """Say that the seller canceled."""

    async def report_denial(self, order: Order, request_id: str) -> PartnerOutcome:
        """Say that the request to cancel is denied."""

    async def report_invoice(self, order: Order, invoice: InvoiceIssued) -> PartnerOutcome:
        """Say what was invoiced."""

    async def report_tracking(self, order: Order, event: OrderEvent) -> PartnerOutcome:
        """Say where the parcel of an invoice is."""


class Counterpart(SellerSide, MarketplaceSide, Protocol):
    """Both sides: any account may be either."""
