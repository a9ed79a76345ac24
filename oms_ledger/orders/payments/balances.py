"""What is known of an order's money: what was requested of the gateway, and what came of it.

All values are cents of this order's share. `balances` says it by payment.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from oms_ledger.orders.events import Json, Part, Payment
from oms_ledger.orders.pricing import divide


class Kind(StrEnum):
    """What a gateway can be asked for once a payment is authorized."""

    SETTLE = "settle"
    REFUND = "refund"
    CANCEL = "cancel-payment"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the gateway: done when it has a receipt.

    One with a `failure` waits for a person. It still counts as requested, for it may yet be done.
    """

    id: str
    kind: Kind
    value: int
    cause: str
    at: datetime
    parts: tuple[Part, ...] = ()
    attempt: str | None = None
    receipt: str | None = None
    done_at: datetime | None = None
    failure: str | None = None
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """The last result of one payment: approved so far (cents; None is all), or denied."""

    payment_id: str
    at: datetime
    outcome: str
    receipt: str | None = None
    value: int | None = None
    request_id: str | None = None
    reason: str | None = None
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaymentBalances:
    """What was sent, requested and answered; `answers` are those of the payments at hand.

    `attempts` that were denied keep their answers in `past_answers`, in the order they came.
    """

    submitted: bool = False
    gateway_id: str | None = None
    authorizing: str | None = None
    due_at: datetime | None = None
    denied_attempts: tuple[str, ...] = ()
    answers: tuple[Answered, ...] = ()
    past_answers: tuple[Answered, ...] = ()
    requests: tuple[Request, ...] = ()
    additional: Json = field(default_factory=dict)

    def answer(self, payment_id: str) -> Answered | None:
        """The last result of a payment; None where none came."""
        return next((one for one in self.answers if one.payment_id == payment_id), None)

    def request(self, request_id: str) -> Request | None:
        """The request to the gateway under that id, done or not."""
        return next((one for one in self.requests if one.id == request_id), None)

    def result(self, answer: Answered) -> "PaymentBalances":
        """With the latest news of a payment instead of what was known of it."""
        others = tuple(one for one in self.answers if one.payment_id != answer.payment_id)
        return replace(self, answers=(*others, answer))

    def total(self, kind: Kind, *, done: bool = False) -> int:
        """Cents requested of a kind for the payments the order lives by; or only those `done`."""
        return sum(
            one.value
            for one in self.requests
            if one.kind is kind and one.attempt is None and (one.receipt is not None or not done)
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """One payment: what was approved of it, and what was requested and done since."""

    payment: Payment
    answer: Answered | None
    approved: int
    requested: dict[Kind, int]
    done: dict[Kind, int]

    @property
    def denied(self) -> bool:
        """Whether the payment's last result is a denial."""
        return self.answer is not None and self.answer.outcome == "denied"

    @property
    def held(self) -> int:
        """Authorized, and neither to be settled nor to be released."""
        return max(0, self.approved - self.requested[Kind.SETTLE] - self.requested[Kind.CANCEL])

    @property
    def captured(self) -> int:
        """Settled or to be settled, and not to be given back."""
        return self.requested[Kind.SETTLE] - self.requested[Kind.REFUND]

    @property
    def open(self) -> int:
        """What of it the gateway could still take: held, or waited for."""
        if self.denied or self.requested[Kind.CANCEL] >= self.payment.value:
            return 0
        waited = max(0, self.payment.value - self.approved)
        return self.held + min(waited, self.payment.value - self.requested[Kind.CANCEL])

    @property
    def status(self) -> str:
        """As the payment operations spell it."""
        done, requested = self.done, self.requested
        if self.denied:
            return "Denied"
        if done[Kind.REFUND] and done[Kind.REFUND] >= done[Kind.SETTLE]:
            return "Refunded"
        if requested[Kind.SETTLE]:
            whole = done[Kind.SETTLE] >= self.approved - done[Kind.CANCEL]
            return "Finished" if whole else "Settling"
        if requested[Kind.CANCEL]:
            left = max(self.approved, self.payment.value) - done[Kind.CANCEL]
            return "Cancelled" if left <= 0 else "Cancelling"
        if self.approved >= self.payment.value:
            return "Approved"
        return "Authorizing" if self.answer else "Started"


def balances(payments: tuple[Payment, ...], money: PaymentBalances) -> tuple[Balance, ...]:
    """One per payment, in their order."""
    found = []
    for payment in payments:
        answer = money.answer(payment.id)
        approved = 0
        if answer is not None and answer.outcome == "approved":
            approved = payment.value if answer.value is None else min(answer.value, payment.value)
        requested, done = dict.fromkeys(Kind, 0), dict.fromkeys(Kind, 0)
        for request in money.requests:
            if request.attempt is not None:
                continue
            value = sum(part.value for part in request.parts if part.payment_id == payment.id)
            requested[request.kind] += value
            if request.receipt is not None:
                done[request.kind] += value
        found.append(Balance(payment, answer, approved, requested, done))
    return tuple(found)


def shared(value: int, left: list[tuple[str, int]]) -> tuple[Part, ...]:
    """A value over payments in proportion to what each has left, to the cent; none gets more."""
    whole = sum(cents for _, cents in left)
    if not whole:
        return ()
    shares = divide(min(value, whole), [cents for _, cents in left])
    return tuple(
        Part(payment_id, share)
        for (payment_id, _), share in zip(left, shares, strict=True)
        if share
    )
