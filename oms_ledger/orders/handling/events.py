"""The workflow from its beginning to the start of handling."""

from dataclasses import dataclass
from datetime import datetime

from oms_ledger.orders.parts import Json, personal_text


@dataclass(frozen=True, slots=True)
class WorkflowCreated:
    """The payments were processed: the order is complete and its workflow begins."""


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The account took an order that somebody else sold."""


@dataclass(frozen=True, slots=True)
class PurchaseCompleted:
    """The order is whole: what follows is up to policies, sellers and payments."""


@dataclass(frozen=True, slots=True)
class SellerConfirmationAwaited:
    """The seller is to say whether it takes the order; one outside has until `answer_by`."""

    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class SellerConfirmed:
    """The seller has the order, under an id of its own."""

    seller_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class SellerRefused:
    """The seller does not take the order; `reason` is what it said."""

    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class SellerHandlingAwaited:
    """The payment is approved, and the sellers further down are to deliver."""


@dataclass(frozen=True, slots=True)
class ManualAuthorizationAwaited:
    """What the marketplace pays differs from what the order costs here, by so many cents."""

    difference: int = 0


@dataclass(frozen=True, slots=True)
class DispatchAuthorizationAwaited:
    """The seller waits until its marketplace was paid."""


@dataclass(frozen=True, slots=True)
class FulfillmentAuthorized:
    """The level above is paid; how, as far as it shares that."""

    shared_payments: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class CancellationWindowOpened:
    """The order may still be canceled without asking anybody, until then."""

    closes_at: datetime


@dataclass(frozen=True, slots=True)
class CancellationWindowClosed:
    """The time to cancel without asking anybody is over."""


@dataclass(frozen=True, slots=True)
class HandlingRequested:
    """Somebody asked that handling begins."""


@dataclass(frozen=True, slots=True)
class HandlingStarted:
    """The goods of the order are being picked and packed."""


@dataclass(frozen=True, slots=True)
class FulfillmentAwaited:
    """A warehouse prepares the order; a step that an account may choose to report."""


@dataclass(frozen=True, slots=True)
class InvoicingAwaited:
    """Picked and packed, the order waits for its invoice; a step that an account may choose."""


HandlingEvent = (
    WorkflowCreated
    | OrderAccepted
    | PurchaseCompleted
    | SellerConfirmationAwaited
    | SellerConfirmed
    | SellerRefused
    | SellerHandlingAwaited
    | ManualAuthorizationAwaited
    | DispatchAuthorizationAwaited
    | FulfillmentAuthorized
    | CancellationWindowOpened
    | CancellationWindowClosed
    | HandlingRequested
    | HandlingStarted
    | FulfillmentAwaited
    | InvoicingAwaited
)
