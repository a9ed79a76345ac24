"""One account's side of a sale: what it is, what it was, and what lies before its door."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Key = tuple[str, str]
"""Account and order id."""

NEW, CHANGING, SOLD_ELSEWHERE = "7", "9", ("marketplace", "chain")
PRICES = {"7": 1000, "9": 500}
"""Cents of one unit: what the orders are of, and what changes add."""

IN_HANDLING = ("handling", "waiting-for-fulfillment", "ready-for-invoicing")
PASSING = {
    "order-created": "on-order-completed",
    "on-order-completed": "waiting-for-authorization",
    "order-accepted": "on-order-completed-ffm",
    "on-order-completed-ffm": "waiting-ffmt-authorization",
    "approve-payment": "payment-approved",
    "authorize-fulfillment": "window-to-cancel",
    "start-handling": "handling",
    "request-cancel": "waiting-for-seller-decision",
    "order-creation-error": "cancel",
    "cancel": "canceled",
}
"""Statuses that an order leaves by itself, and where to."""


class Refused(Exception):
    """The answer is no, with this code."""


@dataclass
class Request:
    """A cancellation that was asked; `above` when the level above asked it."""

    id: str
    marketplace_order: bool = False
    denied: bool = False


@dataclass
class Change:
    """A v2 request. `here` says that a client asked it of this side."""

    id: str
    units: dict[str, int]
    here: bool
    at: datetime
    agreed: bool = False
    tries: int = 0
    ended: str | None = None

    @property
    def aborted(self) -> bool:
        return self.ended is None and self.tries >= 5


@dataclass
class Message:
    """`to` a side, by the queue of a party; `dead` when it was given up."""

    recipient: str
    kind: str
    key: str
    to: Key
    at: datetime
    what: tuple[str, str, int, dict[str, int]] | None = None
    dead: bool = False


@dataclass
class Side:
    """Values in cents. `units` are those of the order by SKU, `left` those not invoiced."""

    account: str
    id: str
    flow: str
    chain: tuple[str, ...]
    marketplace_order: Key | None
    grace: timedelta
    units: dict[str, int]
    left: dict[str, int]
    paid: bool = False
    seller_order: str = ""
    confirmed: bool = False
    history: list[tuple[str, datetime]] = field(default_factory=list)
    before: str = ""
    closes: datetime | None = None
    expired: bool = False
    overdue: bool = False
    requests: list[Request] = field(default_factory=list)
    invoices: dict[str, tuple[str, int]] = field(default_factory=dict)
    refunded: int = 0
    v1: dict[str, dict[str, int]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    proposed: int = 0
    outbox: list[Message] = field(default_factory=list)
    sent: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def key(self) -> Key:
        return self.account, self.id

    @property
    def status(self) -> str | None:
        return self.history[-1][0] if self.history else None

    @property
    def since(self) -> datetime:
        return self.history[-1][1]

    @property
    def delegated(self) -> bool:
        return self.flow in SOLD_ELSEWHERE

    @property
    def seller_side(self) -> Key:
        return self.chain[0], self.seller_order or f"00-{self.id}"

    @property
    def value(self) -> int:
        return worth(self.units)

    @property
    def invoiced(self) -> int:
        return sum(value for kind, value in self.invoices.values() if kind == "Output")

    @property
    def returned(self) -> int:
        return sum(value for kind, value in self.invoices.values() if kind == "Input")

    @property
    def lines(self) -> Iterator[tuple[str, int, int]]:
        """SKU, units, and units left of each line; v1 adds lines, v2 lets them grow."""
        for sku, number in self.units.items():
            if sku == CHANGING and self.v1:
                gone = number - self.left[sku]
                yield from ((sku, 1, 0 if at < gone else 1) for at in range(number))
            else:
                yield sku, number, self.left[sku]

    @property
    def pending(self) -> list[Request]:
        return [one for one in self.requests if not one.denied]

    @property
    def change(self) -> Change | None:
        """The v2 request in progress."""
        return self.changes[-1] if self.changes and self.changes[-1].ended is None else None

    def changed(self, units: dict[str, int]) -> None:
        self.recorded.append("changeOrder")
        for sku, number in units.items():
            self.units[sku] += number
            self.left[sku] += number


def worth(units: dict[str, int]) -> int:
    return sum(PRICES[sku] * number for sku, number in units.items())
