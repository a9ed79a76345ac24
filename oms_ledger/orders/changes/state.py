"""What an order remembers of its modifications."""

from dataclasses import dataclass
from datetime import datetime

from oms_ledger.orders import events

ACKNOWLEDGEMENT, CONFIRMATION = "waiting-acknowledgement", "waiting-confirmation"
DONE, CANCELED = "done", "canceled"
TRIES = 5


@dataclass(frozen=True, slots=True)
class RegisteredChange:
    """A v1 change and when it was registered; an imported one is shown as it came."""

    change: events.ChangeRegistered
    at: datetime
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Preparation:
    """An increase by v1 that the gateway may have authorized already, and what became of it."""

    requested: events.ChangePrepared
    at: datetime
    registered: bool = False
    abandoned: events.ChangeAbandoned | None = None
    withdrawn: events.ChangeWithdrawn | None = None

    @property
    def open(self) -> bool:
        """Whether it may still be registered."""
        return not self.registered and self.abandoned is None and self.withdrawn is None


@dataclass(frozen=True, slots=True)
class Log:
    """A line in the log of a request: a step of its life, and what came of it."""

    at: datetime
    step: str
    message: str


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A v2 request and how far it has come. `paid` is what the payment was adjusted by, cents."""

    requested: events.ChangeRequested
    at: datetime
    before: "Before"
    acknowledged: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    payment_requested: bool = False
    refusals: int = 0
    paid: events.ChangePaymentAdjusted | None = None
    tries: int = 0
    error: events.ChangeStepFailed | None = None
    ended: str | None = None
    ended_at: datetime | None = None
    cancellation: events.ChangeCanceled | None = None
    restored: bool = False
    receipt: str = ""
    logs: tuple[Log, ...] = ()

    @property
    def id(self) -> str:
        """The id that the answer gave, by which steps and retries name the request."""
        return self.requested.request_id

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who has to agree: the participants, or the system alone under an empty name."""
        return self.requested.participants or ("",)

    @property
    def status(self) -> str:
        """How it ended; before, whether everybody who has to agree has agreed."""
        if self.ended:
            return self.ended
        agreed = self.acknowledged.issuperset(self.recipients)
        return CONFIRMATION if agreed else ACKNOWLEDGEMENT

    @property
    def payment_request(self) -> str:
        """The id of the request to the gateway; another one after it refused for good."""
        return f"{self.id}/{self.refusals}" if self.refusals else self.id

    @property
    def in_progress(self) -> bool:
        """Whether it has neither been done nor canceled."""
        return self.ended is None

    @property
    def aborted(self) -> bool:
        """Waits with its error for somebody to retry or cancel it."""
        return self.in_progress and self.tries >= TRIES


@dataclass(frozen=True, slots=True)
class Before:
    """Lines and totals as they were when the request was taken; nothing else moves them."""

    items: tuple[events.Item, ...]
    totals: tuple[events.Total, ...]
