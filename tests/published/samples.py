"""Orders to render: three lines, discounts, two payments, invoices, a return, a cancellation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from oms_ledger.orders import events as e
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.totals import order_totals

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)

ADDRESS = {
    "addressType": "residential",
    "receiverName": "Ana Souza",
    "addressId": "home",
    "postalCode": "22250-040",
    "city": "Rio de Janeiro",
    "state": "RJ",
    "country": "BRA",
    "street": "Praia de Botafogo",
    "number": "300",
    "neighborhood": "Botafogo",
    "complement": "4",
    "geoCoordinates": [-43.18, -22.94],
}

ITEMS = (
    e.Item(
        "A1",
        "18",
        "1",
        4,
        25,
        price_tags=(e.PriceTag("discount@price-1", -35, "promo-1"),),
        details={"name": "Button", "refId": "BTN", "listPrice": 30, "ean": "789"},
    ),
    e.Item("A2", "19", "1", 1, 1999, tax=10, details={"name": "Lamp"}),
    e.Item("A3", "20", "1", 3, 1005, unit_multiplier=Decimal("0.5"), details={"name": "Cloth"}),
)

LOGISTICS = tuple(
    {
        "itemIndex": i,
        "selectedSla": "Normal",
        "selectedDeliveryChannel": "delivery",
        "price": 500,
        "sellingPrice": 300,
        "shippingEstimate": "3bd",
    }
    for i in range(3)
)

TOTALS = order_totals(ITEMS, LOGISTICS)
VALUE = sum(total.value for total in TOTALS)

PLACED = e.OrderPlaced(
    flow="complete",
    order_group="v500001acm",
    sequence=500001,
    seller="1",
    seller_name="Acme",
    items=ITEMS,
    totals=TOTALS,
    logistics=LOGISTICS,
    payments=(
        e.Payment(
            "P1",
            "2",
            "Visa",
            "creditCard",
            VALUE - 100,
            VALUE - 100,
            details={"firstDigits": "444433", "lastDigits": "1111", "accountId": "5BC5"},
        ),
        e.Payment("P2", "16", "Vale", "giftCard", 100, 100, details={"accountId": "5BC6"}),
    ),
    transaction_id="E4CFCEA1A2BF42AE9A3FAE8ED460CBFE",
    merchant_name="ACME",
    order_form_id="33c887b2",
    preferences={"locale": "pt-BR", "optinNewsLetter": True},
    marketing={"utmSource": "fb", "marketingTags": ["spring"]},
    client_profile={
        "email": "ana@example.com",
        "firstName": "Ana",
        "lastName": "Souza",
        "document": "1",
    },
    address=ADDRESS,
    open_text="Ring twice",
)

PAID = (
    e.WorkflowCreated(),
    e.PurchaseCompleted(),
    e.SellerConfirmationAwaited(),
    e.SellerConfirmed(),
    e.PaymentAuthorized("P1", "r1"),
    e.PaymentApprovalRecorded(),
    e.PaymentApproved(),
    e.FulfillmentAuthorized(),
    e.CancellationWindowOpened(NOON + timedelta(minutes=30)),
)
HANDLED = (
    *PAID,
    e.CancellationWindowClosed(),
    e.HandlingRequested(),
    e.HandlingStarted(),
)
CANCELED = (
    *PAID,
    e.CancellationStarted(by="user", receipt="c1", reason="Too late"),
    e.Canceled(),
)


def _invoice(number: str, type: str, value: int, **more: object) -> e.InvoiceIssued:
    return e.InvoiceIssued(
        number=number,
        type=type,
        value=value,
        issued_at=NOON,
        receipt=f"i-{number}",
        items=(
            e.InvoicedItem(0, 4, 25),
            e.InvoicedItem(1, 1, 1999, "Lamp, green"),
            e.InvoicedItem(2, 3, 1005),
        ),
        **more,  # type: ignore[arg-type]
    )


INVOICED = (
    *HANDLED,
    _invoice(
        "nf-1",
        "Output",
        VALUE,
        details={
            "courier": "Post",
            "courierStatus": {"status": "ok", "finished": True, "data": []},
        },
    ),
    e.InvoiceVerified(),
    e.FullyInvoiced(),
)
RETURNED = (*INVOICED, _invoice("nf-2", "Input", 500, refund=500))


def order(*events: e.OrderEvent, placed: e.OrderPlaced = PLACED, **changes: object) -> Order:
    """The order after its placement and these events, one second apart."""
    state = None
    first = replace(placed, **changes)  # type: ignore[arg-type]
    for i, event in enumerate((first, *events)):
        state = evolve(state, event, NOON + timedelta(seconds=i), "v500001acm-01", "acme")
    assert state is not None
    return state
