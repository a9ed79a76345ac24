"""What is true of an order now; `evolving` tells it from the events recorded about it."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from oms_ledger.orders import events as e
from oms_ledger.orders.flows import ORIGINS, moves_from
from oms_ledger.orders.status import Status


@dataclass(frozen=True)
class CancellationRequest:
    id: str
    requested_by_user: bool
    reason: str | None
    at: datetime
    denied_at: datetime | None = None
    denial_reason: str | None = None


@dataclass(frozen=True)
class Order:
    """One seller's share of a purchase. Values in cents; `status` is None while incomplete.

    `placed` is what was placed, for ever; `items`, `totals`, `logistics` and the seller are what
    they are now, after changes.
    """

    order_id: str
    account: str
    placed: e.OrderPlaced
    created_at: datetime
    changed_at: datetime
    status: Status | None = None
    status_before: Status | None = None
    moved_at: datetime | None = None
    moved_before_at: datetime | None = None
    domain: str = "Marketplace"
    items: tuple[e.Item, ...] = ()
    totals: tuple[e.Total, ...] = ()
    logistics: tuple[e.Json, ...] = ()
    seller: str = "1"
    seller_name: str = ""
    seller_order_id: str | None = None
    payments: tuple[e.Payment, ...] = ()
    approved: frozenset[str] = frozenset()
    invoices: tuple[e.InvoiceIssued, ...] = ()
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    closes_at: datetime | None = None
    expired: bool = False
    requests: tuple[CancellationRequest, ...] = ()
    cancellation: e.CancellationStarted | None = None
    canceled_at: datetime | None = None
    resumes: Status | None = None
    timeline: tuple[tuple[Status, datetime], ...] = ()
    receipts: tuple[tuple[str, str, datetime], ...] = ()
    imported: bool = field(default=False)

    @property
    def flow(self) -> str:
        return self.placed.flow

    @property
    def origin(self) -> str:
        return ORIGINS[self.flow]

    @cached_property
    def value(self) -> int:
        return sum(total.value for total in self.totals)

    @cached_property
    def invoiced_value(self) -> int:
        return sum(invoice.value for invoice in self.invoices if invoice.type == "Output")

    def units_left(self) -> list[int]:
        """Units of each line not yet in an Output invoice."""
        left = [item.quantity for item in self.items]
        for invoice in self.invoices:
            if invoice.type == "Output":
                for item in invoice.items:
                    left[item.item_index] -= item.quantity
        return left

    def allows(self, event: type[e.OrderEvent]) -> bool:
        return event in moves_from(self.flow, self.status)
