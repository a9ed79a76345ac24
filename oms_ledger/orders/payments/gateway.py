"""Requests to a payment gateway and its answers; and the gateway that is built in.

Whoever speaks to a gateway does so outside of a decision and brings the answer as a fact. Every
request carries an id: sent again with it, a gateway does nothing twice and answers alike.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from oms_ledger.orders.events import Json, Payment
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.systems import (
    DENIED_LAST_DIGITS,
    PENDING_GROUPS,
    REDIRECTED_LAST_DIGITS,
)


class Outcome(StrEnum):
    """What became of a payment: `pending` is reported later."""

    APPROVED = "approved"
    PENDING = "pending"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """What a gateway says of one payment; `connector` as the payment operations show it."""

    outcome: Outcome
    reason: str | None = None
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuthorizationResult:
    """The answer to an authorization: per payment, or where the shopper has to go first.

    `redirects` and `apps` are as process order answers them (428). `payments` are those that the
    request named; without `request_id` none was sent, and the answers are known otherwise.
    """

    request_id: str | None = None
    payments: tuple[Payment, ...] = ()
    answers: Mapping[str, PaymentResult] = field(default_factory=dict)
    redirects: tuple[Json, ...] = ()
    apps: tuple[Json, ...] = ()

    @property
    def must_go_elsewhere(self) -> bool:
        """Whether the shopper has to authenticate somewhere first."""
        return bool(self.redirects or self.apps)

    @property
    def denied(self) -> bool:
        """Whether at least one payment was denied."""
        return any(answer.outcome is Outcome.DENIED for answer in self.answers.values())


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something was carried out: the gateway's token, and whatever else it said."""

    token: str
    connector: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Whose payments these are: all of a purchase, values in cents over all of its orders."""

    id: str
    order_group: str
    merchant: str
    currency: str
    payments: tuple[Payment, ...]
    sales_channel: str = "1"
    gateway_id: str | None = None
    additional: Json = field(default_factory=dict)


class GatewayUnavailable(Exception):
    """The gateway did not answer, or said it cannot now: ask again; `after` is when it allows."""

    def __init__(self, why: str, after: timedelta | None = None) -> None:
        super().__init__(why)
        self.after = after


class GatewayRejected(Exception):
    """The gateway said no for good; asking again is of no use before somebody has looked."""

    def __init__(self, why: str, connector: Json | None = None) -> None:
        super().__init__(why)
        self.connector = connector or {}


class GatewayClosed(GatewayRejected):
    """The request was not looked at: the ledger is not let in, or nobody is there to answer.

    It says nothing about what the gateway did at an earlier request.
    """


class Gateway(Protocol):
    """What the ledger needs of a gateway. All of it may be slow, fail, and be called again."""

    @property
    def remote(self) -> bool:
        """Whether it may hold a shopper's money while nobody here knows: called only on record."""

    def open(self, transaction: Transaction) -> str | None:
        """Make the transaction known; the gateway's own id of it, None when it needs none."""

    def send(self, transaction: Transaction, payments: Sequence[Json]) -> None:
        """Pass on payments as a client sent them, card numbers included; nothing is kept here."""

    def authorize(self, transaction: Transaction, request_id: str) -> AuthorizationResult:
        """Hold the value of each payment, or say where the shopper has to go first.

        `GatewayUnavailable` where no answer came, `GatewayRejected` for a no to all of it.
        """
        ...

    def carry_out(
        self, transaction: Transaction, kind: Kind, value: int, request_id: str
    ) -> Receipt:
        """Settle, refund or cancel `value` cents of the transaction."""

    def adjust(self, transaction: Transaction, value: int, request_id: str) -> Receipt:
        """Authorize `value` cents more than was agreed, or so much less when it is negative."""


class BuiltInGateway:
    """The built-in gateway: it holds no money, and always answers the same question alike.

    Bank slips, Pix, cash, promissory and custom systems are pending until notified. A card is
    denied when its number ends in one of `DENIED_LAST_DIGITS` (0002, 0069, 0127: test cards that
    stand for a declined, an expired and a miscoded card), and needs the shopper to go elsewhere
    when it ends in 3220, until its approval is notified. Every other card is approved, such as
    4444333322221111; so is a saved card, of which no number is sent, and what has no number.
    """

    remote = False

    def open(self, transaction: Transaction) -> str | None:
        """It knows no transactions, so it has no id of them."""
        return None

    def send(self, transaction: Transaction, payments: Sequence[Json]) -> None:
        """Nothing to do: what may be kept of them is recorded."""

    def authorize(self, transaction: Transaction, request_id: str) -> AuthorizationResult:
        """By the number each payment's card ends in, without asking anybody."""
        payments = transaction.payments
        away = [p for p in payments if p.details.get("lastDigits") in REDIRECTED_LAST_DIGITS]
        return AuthorizationResult(
            request_id,
            payments,
            {payment.id: _answer(payment) for payment in payments},
            redirects=tuple({"redirectUrl": _elsewhere(transaction, one)} for one in away),
        )

    def carry_out(
        self, transaction: Transaction, kind: Kind, value: int, request_id: str
    ) -> Receipt:
        """Nothing to do: the receipt is the request's own id."""
        return Receipt(request_id)

    def adjust(self, transaction: Transaction, value: int, request_id: str) -> Receipt:
        """As the first authorization; `GatewayRejected` for a card that was denied."""
        for payment in transaction.payments:
            if value > 0 and payment.details.get("lastDigits") in DENIED_LAST_DIGITS:
                raise GatewayRejected("The card does not allow a higher value")
        return Receipt(request_id)


def _elsewhere(transaction: Transaction, payment: Payment) -> str:
    return f"/checkout/gatewayCallback/{transaction.order_group}/Redirect?paymentId={payment.id}"


def _answer(payment: Payment) -> PaymentResult:
    if payment.group in PENDING_GROUPS:
        return PaymentResult(Outcome.PENDING)
    if payment.details.get("lastDigits") in DENIED_LAST_DIGITS:
        return PaymentResult(Outcome.DENIED, "The card was denied by its test number")
    name = hashlib.sha256(payment.id.encode()).hexdigest()
    fields = {"Tid": name[:16], "ReturnCode": "200", "Message": "Approved", "authId": name[16:22]}
    return PaymentResult(Outcome.APPROVED, connector=fields)
