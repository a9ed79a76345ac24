"""Stored events stay readable: every stored name, and golden bytes of this release (G9)."""

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from oms_ledger.accounts.events import AccountCreated, AccountSettingsChanged
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.orders import events

GOLDEN = Path(__file__).parent / "golden_events.json"
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

EVENTS = [
    events.OrderPlaced(
        flow="complete",
        order_group="v1acme",
        sequence=1,
        seller="1",
        seller_name="Acme",
        items=(
            events.Item(
                "U1", "7", "1", 2, 1999, Decimal("0.350"), (events.PriceTag("promo", -100, "p"),), 3
            ),
        ),
        totals=(events.Total("Items", 1399), events.Total("Discounts", -100)),
        logistics=({"itemIndex": 0, "price": 10},),
        payments=(
            events.Payment("P", "2", "Visa", "creditCard", 1309, 1309, 2, {"bin": "444433"}),
        ),
        transaction_id="T",
        merchant_name="ACME",
        client_profile={"email": "ana@example.com"},
        open_text="ring",
    ),
    events.PaymentsSubmitted((events.Payment("P", "2", "Visa", "creditCard", 1309, 1309),)),
    events.CancellationWindowOpened(AT),
    events.PersonalDataDisclosed("complaint 17"),
    events.SellerConfirmed("00-v1acme-01"),
    events.ManualAuthorizationAwaited(-12),
    events.SellerCanceled(AT, reason="broken"),
    events.SellerProposed(seller="shop", seller_order_id="01-v1acme-01"),
    events.SellerChanged(
        seller="shop",
        seller_name="Shop",
        seller_order_id="01-v1acme-01",
        receipt="r",
        logistics=({"itemIndex": 0, "selectedSla": "PAC"},),
    ),
    events.SellerDecisionOverdue(),
    events.OutboxMessageFailed(
        message_id="c", recipient="seller:shop", kind="cancel", why="no such order"
    ),
    events.OutboxMessageResumed("c"),
    events.OutboxMessageSkipped("c", "told by telephone"),
    events.InvoiceIssued(
        number="1/2 #ü",
        type="Output",
        value=1309,
        issued_at=AT,
        receipt="r",
        items=(events.InvoicedItem(0, 2, 1999, "Mug"),),
        details={"courier": "X"},
    ),
    events.InvoiceIssued(
        number="2",
        type="Input",
        value=1309,
        issued_at=AT,
        receipt="r",
        items=(events.InvoicedItem(0, 3, 333, None, "U1", 1000),),
        refund=1000,
        content="0f",
    ),
    events.RefundRequested(request_id="r", invoice_number="2", value=1000),
    events.TrackingChanged(number="1/2 #ü", receipt="r", details={"courier": None}),
    events.TrackingReported(
        number="1/2 #ü",
        receipt="r",
        delivered_at=AT,
        events=(events.TrackingEvent(at=AT, description="out", city="Rio", state="RJ"),),
    ),
    events.InvoiceRepeated(number="2", receipt="r2", ignored=("invoiceValue",)),
    events.FulfillmentAwaited(),
    events.InvoicingAwaited(),
    events.InteractionLogged(source="ERP", message="hello Ana"),
    events.TransactionOpened("GATEWAY"),
    events.AdditionalDataSent({"cart": "{}"}),
    events.AuthorizationRequested("A"),
    events.PaymentAuthorized("P", "r", 500, "A", {"Tid": "1"}),
    events.PaymentAwaited(payment_id="P", request_id="A", connector={"url": "https://pix"}),
    events.PaymentDenied(payment_id="P", receipt="r", request_id="A", reason="no funds"),
    events.PaymentDue(AT),
    events.PaymentSettlementRequested(
        request_id="R", value=1309, cause="invoice 1", parts=(events.Part("P", 1309),)
    ),
    events.PaymentRefundRequested(
        request_id="R", value=9, cause="invoice 2", parts=(events.Part("P", 9),)
    ),
    events.PaymentCancellationRequested(
        request_id="R", value=9, cause="denied", parts=(events.Part("P", 9),), attempt="A"
    ),
    events.PaymentSettled(request_id="R", value=1309, receipt="t", connector={"Tid": "1"}),
    events.PaymentRefunded(request_id="R", value=9, receipt="t"),
    events.PaymentCanceled(request_id="R", value=9, receipt="t"),
    events.PaymentRequestFailed(request_id="R", reason="no such transaction"),
    events.CancellationStarted(by="user", receipt="r", reason="changed my mind"),
    events.ChangeRegistered(
        request_id="change-1",
        receipt="r",
        discount_value=100,
        added=(events.ChangedItem("8", "Pan", 1, 2000, Decimal("0.5")),),
        removed=(events.ChangedItem("7", "Mug", 1, 1999),),
        lines=(events.Item("U2", "8", "1", 1, 2000, Decimal("0.5")),),
        taken=(events.TakenUnits(0, 1),),
        reason="out of stock",
    ),
    events.ChangePrepared("change-1", 100, "v1acme-01/change-1"),
    events.ChangeAbandoned("change-1", "v1acme-01/change-1", True),
    events.ChangeWithdrawn("change-1", "v1acme-01/change-1", "r"),
    events.ChangeWithdrawn("change-1", "v1acme-01/change-1/1"),
    events.ChangeRequested(
        request_id="8f14",
        workflow_id="w",
        value=-100,
        items=(events.Item("U1", "7", "1", 1, 1999),),
        totals=(events.Total("Items", 1999), events.Total("Change", -100)),
        logistics=({"itemIndex": 0, "price": 10},),
        removed=(events.ChangedItem("7", "Mug", 1, 1999, Decimal(1)),),
        manual_discount=100,
        operations={"remove": [{"items": [{"id": "7"}]}]},
        settings={"paymentConfiguration": {"customPaymentSystemsAllowed": ["201"]}},
        participants=("seller",),
        reason="out of stock",
        client_profile={"phone": "+1"},
    ),
    events.ChangeAcknowledged("8f14", "seller"),
    events.ChangePaymentRequested("8f14"),
    events.ChangePaymentAdjusted(
        request_id="8f14", value=-100, receipt="r", parts=(events.PaidPart("P", -100),)
    ),
    events.ChangeConfirmed("8f14", "seller"),
    events.ChangeApplied("8f14", "r"),
    events.ChangeStepFailed("8f14", "payment", "OMS503", "away", True),
    events.ChangeRetried("8f14"),
    events.ChangeCanceled(
        request_id="8f14", receipt="r", code="SalesOrderSystem017", reason="late"
    ),
    events.ChangePaymentRestored("8f14", "r"),
    AccountCreated("acme", "acme"),
    AccountSettingsChanged({"grace_period_minutes": 0}),
    events.PersonErased("e"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    name, body, personal = EVENT_TYPES.encode(event)
    assert EVENT_TYPES.decode(name, body, personal) == event


@pytest.mark.guarantee("G9")
@pytest.mark.parametrize("stored", json.loads(GOLDEN.read_text()), ids=lambda stored: stored[0])
def test_events_stored_by_earlier_releases_are_read(stored):
    name, body, personal = stored
    event = EVENT_TYPES.decode(name, body.encode(), personal and personal.encode())
    assert event in EVENTS


@pytest.mark.guarantee("G9")
def test_no_stored_name_is_ever_lost():
    golden = {stored[0] for stored in json.loads(GOLDEN.read_text())}
    assert golden <= EVENT_TYPES.by_name.keys() | EVENT_TYPES.aliases.keys()


def test_personal_fields_are_encoded_apart():
    _, body, personal = EVENT_TYPES.encode(EVENTS[0])
    assert b"ana@example.com" not in body
    assert personal is not None
    assert b"ana@example.com" in personal
    erased = EVENT_TYPES.decode("order-placed", body, None)
    assert (erased.client_profile, erased.open_text) == ({}, None)


@pytest.mark.guarantee("G56")
@pytest.mark.parametrize("name", EVENT_TYPES.by_name)
def test_a_part_of_an_event_that_is_not_encrypted_holds_nothing_personal(name):
    """Only an event's own fields are encrypted: what lies deeper has to be blank by its maker."""
    known = {
        ("order-imported", "OrderPlaced"),  # its personal fields lie beside it
        ("order-imported", "CancellationStarted"),  # so does its reason
    }
    for part in _parts(EVENT_TYPES.by_name[name]):
        if any(field.metadata.get("personal") for field in dataclasses.fields(part)):
            assert (name, part.__name__) in known


def _parts(event):
    """The dataclasses inside an event's fields."""
    for hint in get_type_hints(event).values():
        pending = [hint]
        while pending:
            one = pending.pop()
            pending += get_args(one)
            if dataclasses.is_dataclass(one):
                yield one
                yield from _parts(one)
