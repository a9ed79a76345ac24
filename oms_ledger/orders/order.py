"""What is true of an order now; `evolve` makes it from the events recorded about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.changes.invoiceable import lines_to_invoice
from oms_ledger.orders.changes.state import ChangeRequest, Preparation, RegisteredChange
from oms_ledger.orders.flows import ORIGINS, moves_from
from oms_ledger.orders.payments.balances import (
    Balance,
    Kind,
    PaymentBalances,
    balances,
)
from oms_ledger.orders.policies.state import Authorization
from oms_ledger.orders.status import Status


@dataclass(frozen=True)
class CancellationRequest:
    """A request to cancel; `denied_at` is when the seller said no, if it did."""

    id: str
    requested_by_user: bool
    reason: str | None
    at: datetime
    denied_at: datetime | None = None
    denial_reason: str | None = None
    from_above: bool = False


@dataclass(frozen=True)
class Order:
    """One seller's share of a purchase. Values in cents; `status` is None while incomplete.

    `placed` is what was placed, for ever (but that a change may correct the client's data and
    custom fields); `items`, `totals`, `logistics` and the seller are what
    they are now, after changes. `answers` has the receipt and instant of commands that have no
    receipt in the document, by command. Without `timers` an imported order
    rests in the status that it came with until somebody moves it.
    """

    order_id: str
    account: str
    placed: events.OrderPlaced
    created_at: datetime
    changed_at: datetime
    status: Status | None = None
    status_before: Status | None = None
    moved_at: datetime | None = None
    moved_before_at: datetime | None = None
    domain: str = "Marketplace"
    items: tuple[events.Item, ...] = ()
    shared_payments: tuple[events.Json, ...] = ()
    totals: tuple[events.Total, ...] = ()
    logistics: tuple[events.Json, ...] = ()
    seller: str = "1"
    seller_name: str = ""
    seller_order_id: str | None = None
    payments: tuple[events.Payment, ...] = ()
    approved: frozenset[str] = frozenset()
    money: PaymentBalances = PaymentBalances()
    invoices: tuple[events.InvoiceIssued, ...] = ()
    refunds: tuple[events.RefundRequested, ...] = ()
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    closes_at: datetime | None = None
    expired: bool = False
    requests: tuple[CancellationRequest, ...] = ()
    cancellation: events.CancellationStarted | None = None
    canceled_at: datetime | None = None
    resumes: Status | None = None
    timeline: tuple[tuple[Status, datetime], ...] = ()
    receipts: tuple[tuple[str, str, datetime], ...] = ()
    answers: Mapping[str, tuple[str, datetime]] = field(default_factory=dict)
    seller_reason: str | None = None
    proposals: tuple[tuple[str, str], ...] = ()
    overdue: bool = False
    failed_messages: Mapping[str, events.OutboxMessageFailed] = field(default_factory=dict)
    registered_changes: tuple[RegisteredChange, ...] = ()
    preparations: tuple[Preparation, ...] = ()
    change_requests: tuple[ChangeRequest, ...] = ()
    authorization: Authorization | None = None
    evaluation: bool = False
    imported: bool = field(default=False)
    timers: bool = True
    erased_at: datetime | None = None

    def but(self, **news: Any) -> "Order":
        """What `dataclasses.replace` makes, eight times as fast: every event of a load does it."""
        fields = self.__dict__ | news
        for name in _WORKED_OUT:
            fields.pop(name, None)
        order = object.__new__(Order)
        order.__dict__.update(fields)
        return order

    @property
    def flow(self) -> str:
        """Which arrows between statuses it may take: complete, marketplace, seller or chain."""
        return self.placed.flow

    @property
    def origin(self) -> str:
        """`Marketplace`, `Fulfillment` or `Chain`, as published."""
        return ORIGINS[self.flow]

    @cached_property
    def value(self) -> int:
        """What the order costs now, in cents: the sum of its totals."""
        return sum(total.value for total in self.totals)

    @cached_property
    def invoiced_value(self) -> int:
        """Cents of all Output invoices; returns are not subtracted."""
        return sum(invoice.value for invoice in self.invoices if invoice.type == "Output")

    @property
    def interest(self) -> int:
        """What the payments cost more than they pay: interest of installments, in cents."""
        return sum(payment.value - payment.reference_value for payment in self.payments)

    @cached_property
    def balances(self) -> tuple[Balance, ...]:
        """What is known of each payment's money, in the order of `payments`."""
        return balances(self.payments, self.money)

    @property
    def paid(self) -> bool:
        """Whether what was approved covers all payments.

        An order that costs nothing beside others waits for the payments of its group.
        """
        due = sum(payment.value for payment in self.payments)
        if not due:
            return all(payment.id in self.approved for payment in self.payments)
        return sum(balance.approved for balance in self.balances) >= due

    @property
    def captured(self) -> int:
        """Cents settled or requested to be, interest included; refunds are not subtracted."""
        return self.money.total(Kind.SETTLE)

    @property
    def refunded(self) -> int:
        """Cents given back or requested to be, whatever for."""
        return self.money.total(Kind.REFUND)

    @cached_property
    def lines(self) -> tuple[events.Item, ...]:
        """The lines that the order is invoiced by: `items`, and what v1 changes made of them."""
        changes = (registered.change for registered in self.registered_changes)
        return tuple(lines_to_invoice(self.items, changes))

    def units_left(self) -> list[int]:
        """Units of each line not yet in an Output invoice."""
        invoiced = self._units("Output")
        return [item.quantity - out for item, out in zip(self.lines, invoiced, strict=True)]

    def units_out(self) -> list[int]:
        """Units of each line that were invoiced and did not come back."""
        return [
            out - back
            for out, back in zip(self._units("Output"), self._units("Input"), strict=True)
        ]

    def _units(self, type: str) -> list[int]:
        units = [0] * len(self.lines)
        for invoice in self.invoices:
            for entry in invoice.items if invoice.type == type else ():
                if (line := self.line_of(entry)) is not None:
                    units[line] += entry.quantity
        return units

    def line_of(self, entry: events.InvoicedItem) -> int | None:
        """Where the line of invoiced units stands now; None when a change took it away."""
        if not entry.unique_id:
            return entry.item_index if entry.item_index < len(self.lines) else None
        lines = (i for i, item in enumerate(self.lines) if item.unique_id == entry.unique_id)
        return next(lines, None)

    def invoice(self, number: str) -> events.InvoiceIssued | None:
        """The invoice of a number, spaces around it aside."""
        same = (one for one in self.invoices if one.number.strip() == number.strip())
        return next(same, None)

    @property
    def change_in_progress(self) -> ChangeRequest | None:
        """The v2 change that has not ended, which is always the last one."""
        last = self.change_requests[-1] if self.change_requests else None
        return last if last and last.in_progress else None

    @property
    def change_prepared(self) -> Preparation | None:
        """The v1 increase that is being requested of the gateway."""
        last = self.preparations[-1] if self.preparations else None
        return last if last and last.open else None

    def allows(self, event: type[events.OrderEvent]) -> bool:
        """Whether the event would move the order out of the status that it is in."""
        return event in moves_from(self.flow, self.status)


_WORKED_OUT = frozenset(
    name for name, value in vars(Order).items() if isinstance(value, cached_property)
)
"""What an order remembers of its parts; others have their own."""
