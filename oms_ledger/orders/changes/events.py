"""Order modifications: v1 is one fact of deltas, v2 a request with a life of its own."""

from dataclasses import dataclass, field
from decimal import Decimal

from oms_ledger.orders.parts import (
    Item,
    Json,
    Total,
    personal,
    personal_text,
)


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """Units of a SKU that a change adds or removes; `price` of one, in cents."""

    id: str
    name: str
    quantity: int
    price: int
    unit_multiplier: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TakenUnits:
    """Units taken out of a line, by its index among the lines that are invoiced."""

    line: int
    quantity: int


@dataclass(frozen=True, slots=True)
class PaidPart:
    """By how much one payment pays more for its order, or less; in cents."""

    payment_id: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRegistered:
    """v1: deltas beside the items, which stay as placed.

    One of `discount_value` and `increment_value` is 0, the other the net in cents. `lines` are
    the added ones as they will be invoiced, `taken` where the removed units come from. One
    with `heard` was registered by the other side of the sale.
    """

    request_id: str
    receipt: str
    discount_value: int = 0
    increment_value: int = 0
    added: tuple[ChangedItem, ...] = ()
    removed: tuple[ChangedItem, ...] = ()
    lines: tuple[Item, ...] = ()
    taken: tuple[TakenUnits, ...] = ()
    paid: tuple[PaidPart, ...] = ()
    heard: bool = False
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class ChangePrepared:
    """v1: the gateway is about to be called for `value` cents more, by the name `asked_as`.

    From here on it may have authorized them; unless the change is registered, they go back.
    """

    request_id: str
    value: int
    asked_as: str


@dataclass(frozen=True, slots=True)
class ChangeAbandoned:
    """v1: a preparation is not registered any more; `paid` when the gateway is known to have it."""

    request_id: str
    asked_as: str
    paid: bool = False


@dataclass(frozen=True, slots=True)
class ChangeWithdrawn:
    """v1: the gateway has given back what it authorized; without a receipt it never took it."""

    request_id: str
    asked_as: str
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequested:
    """v2: validated; what the order will be once it is applied. Values in cents.

    `operations` has `add`, `remove` and `replace` as they are answered, without the person.
    `participants` have to agree; one that the other side requested has its origin.
    """

    request_id: str
    workflow_id: str
    value: int
    items: tuple[Item, ...]
    totals: tuple[Total, ...]
    logistics: tuple[Json, ...]
    added: tuple[ChangedItem, ...] = ()
    removed: tuple[ChangedItem, ...] = ()
    manual_discount: int = 0
    manual_increment: int = 0
    operations: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    participants: tuple[str, ...] = ()
    origin_account: str = ""
    origin_order_id: str = ""
    reason: str | None = personal_text()
    client_profile: Json = personal()
    custom_data: Json = personal()


@dataclass(frozen=True, slots=True)
class ChangeAcknowledged:
    """A participant knows of the request; without participants the system itself."""

    request_id: str
    participant: str = ""


@dataclass(frozen=True, slots=True)
class ChangePaymentRequested:
    """The gateway is about to be called: from here on it may have adjusted the payment."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePaymentAdjusted:
    """The transaction has the value that the order will have: `value` cents more, or less."""

    request_id: str
    value: int
    receipt: str
    parts: tuple[PaidPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeConfirmed:
    """A participant made the change on its side; without participants the system itself."""

    request_id: str
    participant: str = ""


@dataclass(frozen=True, slots=True)
class ChangeApplied:
    """The order is now what the request said: the only event of a request that changes it."""

    request_id: str
    receipt: str


@dataclass(frozen=True, slots=True)
class ChangeStepFailed:
    """A step could not be done this time; `code` and `message` as they are shown.

    With `final` trying again by itself is of no use: somebody has to look.
    """

    request_id: str
    step: str
    code: str
    message: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class ChangeRetried:
    """Somebody asked to go on with a request that waited with an error."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCanceled:
    """The request ends without effect; `code` when the system ended it."""

    request_id: str
    receipt: str
    code: str | None = None
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class ChangePaymentRestored:
    """The request was canceled after the payment had been adjusted: it was set back."""

    request_id: str
    receipt: str


ChangeEvent = (
    ChangeRegistered
    | ChangePrepared
    | ChangeAbandoned
    | ChangeWithdrawn
    | ChangeRequested
    | ChangeAcknowledged
    | ChangePaymentRequested
    | ChangePaymentAdjusted
    | ChangeConfirmed
    | ChangeApplied
    | ChangeStepFailed
    | ChangeRetried
    | ChangeCanceled
    | ChangePaymentRestored
)
