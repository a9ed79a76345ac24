"""Orders caught at telling moments of their lives, as the events that led there."""

from datetime import timedelta

from oms_ledger.orders import events
from tests.support.given_when_then import RECEIPT, START, given

MUGS = events.Item("LINE-1", "mug", "1", 2, 45_00)
LAMP = events.Item("LINE-2", "lamp", "1", 1, 10_00)
CARD = events.Payment("CARD", "2", "Visa", "creditCard", 60_00, 60_00)
SLIP = events.Payment("SLIP", "6", "Boleto Bancário", "bankInvoice", 40_00, 40_00)
VALUE = 100_00
WINDOW = timedelta(minutes=30)


def purchase(
    flow: str = "complete", items: tuple[events.Item, ...] = (MUGS, LAMP)
) -> events.OrderPlaced:
    value = sum(item.price * item.quantity for item in items)
    return events.OrderPlaced(
        flow=flow,
        order_group="v1acme",
        sequence=1,
        seller="1",
        seller_name="Acme",
        items=items,
        totals=(events.Total("Items", value),),
        logistics=(),
        payments=(CARD, SLIP),
        transaction_id="T",
        merchant_name="ACME",
    )


BEGUN = (
    events.WorkflowCreated(),
    events.PurchaseCompleted(),
    events.SellerConfirmationAwaited(),
    events.SellerConfirmed(),
)
PAID = (
    events.PaymentApprovalRecorded(),
    events.PaymentApproved(),
    events.FulfillmentAuthorized(),
    events.CancellationWindowOpened(START + WINDOW),
)
CANCELLATION_REQUESTED = events.CancellationRequested(
    request_id="REQUEST", requested_by_user=True, receipt="REQUEST", reason="too late"
)

placed = given(purchase())
awaiting_payment = placed.and_(*BEGUN)
card_approved = awaiting_payment.and_(events.PaymentAuthorized("CARD", RECEIPT))
in_window = card_approved.and_(events.PaymentAuthorized("SLIP", RECEIPT), *PAID)
ready_for_handling = in_window.and_(events.CancellationWindowClosed())
in_handling = ready_for_handling.and_(events.HandlingRequested(), events.HandlingStarted())
canceled = in_window.and_(
    events.CancellationStarted(by="user", receipt="FIRST", reason="changed my mind"),
    events.Canceled(),
)

seller_ready = given(
    purchase("seller"),
    events.OrderAccepted(),
    events.PurchaseCompleted(),
    events.DispatchAuthorizationAwaited(),
    events.FulfillmentAuthorized(),
    events.CancellationWindowOpened(START),
    events.CancellationWindowClosed(),
)
sold_for_another = given(
    purchase("marketplace"), *BEGUN, events.PaymentApprovalRecorded(), events.PaymentApproved()
)


def invoice(
    value: int, *items: events.InvoicedItem, number: str = "1", type: str = "Output"
) -> events.InvoiceIssued:
    return events.InvoiceIssued(
        number=number,
        type=type,
        value=value,
        issued_at=START,
        receipt=RECEIPT,
        items=items,
        inferred=False,
    )
