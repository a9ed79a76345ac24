"""Money: promised, authorized, approved, denied; requested of the gateway, and what came of it.

An order of several sellers' purchase has its share of each payment: every value here is this
order's, in cents. A request to the gateway has an id, which makes it idempotent:
the request is sent again after a crash, and its answer is recorded once.
"""

from dataclasses import dataclass, field
from datetime import datetime

from oms_ledger.orders.parts import Json, Payment, personal


@dataclass(frozen=True, slots=True)
class PaymentsSubmitted:
    """The shopper's payment data reached the transaction; card numbers are never kept."""

    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class TransactionOpened:
    """A remote gateway knows the transaction, by an id of its own."""

    gateway_id: str


@dataclass(frozen=True, slots=True)
class AdditionalDataSent:
    """Data sets about the transaction that a gateway may want (cart, profile, …), by name."""

    data: Json = personal()


@dataclass(frozen=True, slots=True)
class AuthorizationRequested:
    """A remote gateway is about to be called: from here on it may hold money of the shopper."""

    request_id: str


@dataclass(frozen=True, slots=True)
class PaymentAuthorized:
    """The gateway, or whoever may say so, approved one payment of the order.

    `value` is what is approved of it so far, when it is not all; `connector` the gateway's answer.
    """

    payment_id: str
    receipt: str
    value: int | None = None
    request_id: str | None = None
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAwaited:
    """The gateway took the payment and will report later whether the money came."""

    payment_id: str
    request_id: str
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDenied:
    """A payment did not come; `reason` is the gateway's, `connector` its answer."""

    payment_id: str
    receipt: str
    request_id: str | None = None
    reason: str | None = None
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaymentDue:
    """The order waits for its money until then; the account's setting when the waiting began."""

    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentApprovalRecorded:
    """All payments are approved: the order leaves the wait for its money."""


@dataclass(frozen=True, slots=True)
class PaymentApproved:
    """The order counts as paid; what follows is its seller's."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a payment a request is about, in cents."""

    payment_id: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettlementRequested:
    """The gateway is to capture money, with its interest; `cause` is `invoice {number}`, …"""

    request_id: str
    value: int
    cause: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefundRequested:
    """The gateway is to give captured money back; `cause` is `invoice {number}`, `canceled`, …"""

    request_id: str
    value: int
    cause: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCancellationRequested:
    """The gateway is to release money that was authorized, or to forget what it waits for.

    `attempt` is the authorization that is taken back, when it is not the one the order lives by.
    """

    request_id: str
    value: int
    cause: str
    parts: tuple[Part, ...] = ()
    attempt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled:
    """The gateway captured so many cents of the request of that id."""

    request_id: str
    value: int
    receipt: str
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded:
    """The gateway gave so many cents back, of the request of that id."""

    request_id: str
    value: int
    receipt: str
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCanceled:
    """The gateway released so many cents that were held, of the request of that id."""

    request_id: str
    value: int
    receipt: str
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequestFailed:
    """The gateway refused for good, or did not answer for days: a person must look."""

    request_id: str
    reason: str
    connector: Json = field(default_factory=dict)


PaymentEvent = (
    PaymentsSubmitted
    | TransactionOpened
    | AdditionalDataSent
    | AuthorizationRequested
    | PaymentAuthorized
    | PaymentAwaited
    | PaymentDenied
    | PaymentDue
    | PaymentApprovalRecorded
    | PaymentApproved
    | PaymentSettlementRequested
    | PaymentRefundRequested
    | PaymentCancellationRequested
    | PaymentSettled
    | PaymentRefunded
    | PaymentCanceled
    | PaymentRequestFailed
)
