"""Money that was promised, authorized, approved."""

from dataclasses import dataclass

from oms_ledger.orders.events.parts import Payment


@dataclass(frozen=True, slots=True)
class PaymentsSent:
    """The shopper's payment data reached the transaction; card numbers are never kept."""

    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class PaymentAuthorized:
    """The gateway, or whoever may say so, approved one payment of the order."""

    payment_id: str
    receipt: str


@dataclass(frozen=True, slots=True)
class PaymentApprovalRecorded:
    pass


@dataclass(frozen=True, slots=True)
class PaymentApproved:
    pass


PaymentEvent = PaymentsSent | PaymentAuthorized | PaymentApprovalRecorded | PaymentApproved
