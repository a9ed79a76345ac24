"""Orders caught at telling moments of their lives, as the events that led there."""

from datetime import timedelta

from oms_ledger.orders import events as e
from tests.support.given_when_then import RECEIPT, START, given

MUGS = e.Item("LINE-1", "mug", "1", 2, 45_00)
LAMP = e.Item("LINE-2", "lamp", "1", 1, 10_00)
CARD = e.Payment("CARD", "2", "Visa", "creditCard", 60_00, 60_00)
SLIP = e.Payment("SLIP", "6", "Boleto Bancário", "bankInvoice", 40_00, 40_00)
VALUE = 100_00
WINDOW = timedelta(minutes=30)


def purchase(flow: str = "complete", items: tuple[e.Item, ...] = (MUGS, LAMP)) -> e.OrderPlaced:
    value = sum(item.price * item.quantity for item in items)
    return e.OrderPlaced(
        flow=flow,
        order_group="v1acme",
        sequence=1,
        seller="1",
        seller_name="Acme",
        items=items,
        totals=(e.Total("Items", value),),
        logistics=(),
        payments=(CARD, SLIP),
        transaction_id="T",
        merchant_name="ACME",
    )


BEGUN = (
    e.WorkflowCreated(),
    e.PurchaseCompleted(),
    e.SellerConfirmationAwaited(),
    e.SellerConfirmed(),
)
PAID = (
    e.PaymentApprovalRecorded(),
    e.PaymentApproved(),
    e.FulfillmentAuthorized(),
    e.CancellationWindowOpened(START + WINDOW),
)
ASKED = e.CancellationRequested(
    request_id="ASKED", requested_by_user=True, receipt="ASKED", reason="too late"
)

placed = given(purchase())
awaiting_payment = placed.and_(*BEGUN)
card_approved = awaiting_payment.and_(e.PaymentAuthorized("CARD", RECEIPT))
in_window = card_approved.and_(e.PaymentAuthorized("SLIP", RECEIPT), *PAID)
ready_for_handling = in_window.and_(e.CancellationWindowClosed())
in_handling = ready_for_handling.and_(e.HandlingRequested(), e.HandlingStarted())
canceled = in_window.and_(
    e.CancellationStarted(by="user", receipt="FIRST", reason="changed my mind"), e.Canceled()
)

seller_ready = given(
    purchase("seller"),
    e.OrderAccepted(),
    e.PurchaseCompleted(),
    e.DispatchAuthorizationAwaited(),
    e.FulfillmentAuthorized(),
    e.CancellationWindowOpened(START),
    e.CancellationWindowClosed(),
)
sold_for_another = given(
    purchase("marketplace"), *BEGUN, e.PaymentApprovalRecorded(), e.PaymentApproved()
)


def invoice(value: int, *items: e.InvoicedItem, number: str = "1", type: str = "Output"):
    return e.InvoiceIssued(
        number=number,
        type=type,
        value=value,
        issued_at=START,
        receipt=RECEIPT,
        items=items,
        inferred=False,
    )
