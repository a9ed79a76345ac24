"""A cancellation: requested, decided by the seller, carried out."""

from dataclasses import dataclass
from datetime import datetime

from oms_ledger.orders.parts import personal_text


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequested:
    """`from_above` when the marketplace requests it, under the id of its own request."""

    request_id: str
    requested_by_user: bool
    receipt: str
    reason: str | None = personal_text()
    from_above: bool = False


@dataclass(frozen=True, slots=True)
class SellerDecisionAwaited:
    """The seller is to say whether it still can cancel; the order rests until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationDenied:
    """The seller said no to the request of that id; the order goes on."""

    request_id: str
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class CancellationRequestDropped:
    """After a denial the order goes on where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationStarted:
    """The cancellation is being carried out; `by` and `reason` are of its first cause (G17).

    `by` is `user`, `system`, `seller-notification`, `payment-notification`, or `store` when the
    account itself requested it. The call that carried it out may have had a reason of its own:
    `call_reason`; `called_by` made it, an app key or a person. `request_id` is what the level above
    called its request, where that was carried out at once.
    """

    by: str
    receipt: str
    reason: str | None = personal_text()
    called_by_user: bool = False
    call_reason: str | None = personal_text()
    called_by: str | None = personal_text()
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SellerCanceled:
    """The seller is out; another one may be chosen until the window closes."""

    closes_at: datetime
    reason: str | None = personal_text()


@dataclass(frozen=True, slots=True)
class Canceled:
    """The cancellation is done: the order has come to its end."""


CancellationEvent = (
    CancellationRequested
    | SellerDecisionAwaited
    | CancellationDenied
    | CancellationRequestDropped
    | CancellationStarted
    | SellerCanceled
    | Canceled
)
