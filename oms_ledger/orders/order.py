"""What is true of an order now, told from the events recorded about it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from oms_ledger.orders import events as e
from oms_ledger.orders.flows import ORIGINS, moves_from, status_after
from oms_ledger.orders.status import Status

_FULFILLMENT = frozenset(
    {Status.AUTHORIZE_FULFILLMENT, Status.ORDER_ACCEPTED, Status.ON_ORDER_COMPLETED_FFM}
)


@dataclass(frozen=True)
class CancellationRequest:
    id: str
    requested_by_user: bool
    reason: str | None
    at: datetime
    denied_at: datetime | None = None
    denial_reason: str | None = None


@dataclass(frozen=True)
class Order:
    """One seller's share of a purchase. Values in cents; `status` is None while incomplete."""

    order_id: str
    account: str
    placed: e.OrderPlaced
    created_at: datetime
    changed_at: datetime
    status: Status | None = None
    status_before: Status | None = None
    moved_at: datetime | None = None
    moved_before_at: datetime | None = None
    domain: str = "Marketplace"
    payments: tuple[e.Payment, ...] = ()
    approved: frozenset[str] = frozenset()
    invoices: tuple[e.InvoiceIssued, ...] = ()
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    closes_at: datetime | None = None
    expired: bool = False
    requests: tuple[CancellationRequest, ...] = ()
    cancellation: e.CancellationStarted | None = None
    canceled_at: datetime | None = None
    resumes: Status | None = None
    timeline: tuple[tuple[Status, datetime], ...] = ()
    receipts: tuple[tuple[str, str, datetime], ...] = ()
    imported: bool = field(default=False)

    @property
    def flow(self) -> str:
        return self.placed.flow

    @property
    def origin(self) -> str:
        return ORIGINS[self.flow]

    @cached_property
    def value(self) -> int:
        return sum(total.value for total in self.placed.totals)

    @cached_property
    def invoiced_value(self) -> int:
        return sum(invoice.value for invoice in self.invoices if invoice.type == "Output")

    def units_left(self) -> list[int]:
        """Units of each line not yet in an Output invoice."""
        left = [item.quantity for item in self.placed.items]
        for invoice in self.invoices:
            if invoice.type == "Output":
                for item in invoice.items:
                    left[item.item_index] -= item.quantity
        return left

    def allows(self, event: type[e.OrderEvent]) -> bool:
        return event in moves_from(self.flow, self.status)


def evolve(
    order: Order | None, event: e.OrderEvent, at: datetime, order_id: str, account: str
) -> Order:
    """The order after an event. Never refuses: what was recorded has happened."""
    if isinstance(event, e.OrderPlaced):
        return Order(
            order_id,
            account,
            event,
            created_at=at,
            changed_at=at,
            payments=event.payments,
            domain="Fulfillment" if event.flow == "seller" else "Marketplace",
        )
    if isinstance(event, e.OrderImported):
        return _imported(event, order_id, account)
    assert order is not None, "an order's first event is OrderPlaced or OrderImported"
    return _moved(_learned(order, event, at), order, event, at)


def _moved(after: Order, order: Order, event: e.OrderEvent, at: datetime) -> Order:
    status = status_after(order.flow, order.status, type(event), asked_in=order.resumes)
    if status is None or status is order.status:
        return replace(after, changed_at=at)
    domain = order.domain
    if status in _FULFILLMENT:
        domain = "Fulfillment"
    return replace(
        after,
        changed_at=at,
        status=status,
        status_before=order.status,
        moved_at=at,
        moved_before_at=order.moved_at,
        domain=domain,
        timeline=(*order.timeline, (status, at)),
        authorized_at=at if status is Status.PAYMENT_APPROVED else after.authorized_at,
        invoiced_at=at if status is Status.INVOICED else after.invoiced_at,
    )


def _learned(order: Order, event: e.OrderEvent, at: datetime) -> Order:  # noqa: C901
    """What the event says besides the status."""
    match event:
        case e.PaymentsSent(payments):
            return replace(order, payments=payments)
        case e.PlacementExpired():
            return replace(order, expired=True)
        case e.PaymentAuthorized(payment_id, receipt):
            return replace(
                order,
                approved=order.approved | {payment_id},
                receipts=(*order.receipts, ("authorizePayment", receipt, at)),
            )
        case e.CancellationWindowOpened(closes_at):
            return replace(order, closes_at=closes_at)
        case e.InvoiceIssued():
            return replace(
                order,
                invoices=(*order.invoices, event),
                receipts=(*order.receipts, ("invoice", event.receipt, at)),
            )
        case e.InvoiceCompleted(number=number, details=details):
            return replace(
                order,
                invoices=tuple(
                    replace(i, details={**i.details, **details}) if i.number == number else i
                    for i in order.invoices
                ),
            )
        case e.CancellationRequested(request_id=request_id):
            request = CancellationRequest(request_id, event.requested_by_user, event.reason, at)
            return replace(
                order,
                requests=(*order.requests, request),
                resumes=order.status,
                receipts=(*order.receipts, ("cancellationRequest", event.receipt, at)),
            )
        case e.CancellationDenied(request_id=request_id, reason=reason):
            return replace(
                order,
                requests=tuple(
                    replace(r, denied_at=at, denial_reason=reason) if r.id == request_id else r
                    for r in order.requests
                ),
            )
        case e.InvoicedDespiteRequest() if order.requests:
            *earlier, asked = order.requests
            return replace(order, requests=(*earlier, replace(asked, denied_at=at)))
        case e.CancellationStarted():
            return replace(
                order,
                cancellation=event,
                canceled_at=at,
                receipts=(*order.receipts, ("cancelPayment", event.receipt, at)),
            )
        case e.SellerCanceled(closes_at):
            return replace(order, closes_at=closes_at)
        case _:
            return order


def _imported(event: e.OrderImported, order_id: str, account: str) -> Order:
    placed = replace(
        event.placed,
        client_profile=event.client_profile,
        address=event.address,
        invoice_data=event.invoice_data,
        custom_data=event.custom_data,
        open_text=event.open_text,
    )
    status = Status(event.status) if event.status else None
    return Order(
        order_id,
        account,
        placed,
        created_at=event.created_at,
        changed_at=event.changed_at,
        status=status,
        moved_at=event.changed_at if status else None,
        domain="Fulfillment" if placed.flow == "seller" else "Marketplace",
        payments=placed.payments,
        approved=frozenset(p.id for p in placed.payments) if event.authorized_at else frozenset(),
        invoices=event.invoices,
        authorized_at=event.authorized_at,
        invoiced_at=event.invoiced_at,
        cancellation=event.cancellation,
        canceled_at=event.changed_at if event.cancellation else None,
        timeline=((status, event.changed_at),) if status else (),
        closes_at=event.changed_at if status is Status.WINDOW_TO_CANCEL else None,
        resumes=Status.READY_FOR_HANDLING if status is Status.CANCELLATION_REQUESTED else None,
        imported=True,
    )
