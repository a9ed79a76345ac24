"""Stored events stay readable: every stored name, and golden bytes of this release (G9)."""

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from oms_ledger.accounts.events import AccountCreated, AccountSettingsChanged
from oms_ledger.eventstore import serialization as codec
from oms_ledger.orders import events as e

GOLDEN = Path(__file__).parent / "golden_events.json"
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

EVENTS = [
    e.OrderPlaced(
        flow="complete",
        order_group="v1acme",
        sequence=1,
        seller="1",
        seller_name="Acme",
        items=(
            e.Item("U1", "7", "1", 2, 1999, Decimal("0.350"), (e.PriceTag("promo", -100, "p"),), 3),
        ),
        totals=(e.Total("Items", 1399), e.Total("Discounts", -100)),
        logistics=({"itemIndex": 0, "price": 10},),
        payments=(e.Payment("P", "2", "Visa", "creditCard", 1309, 1309, 2, {"bin": "444433"}),),
        transaction_id="T",
        merchant_name="ACME",
        client_profile={"email": "ana@example.com"},
        open_text="ring",
    ),
    e.PaymentsSent((e.Payment("P", "2", "Visa", "creditCard", 1309, 1309),)),
    e.CancellationWindowOpened(AT),
    e.PersonalDataDisclosed("complaint 17"),
    e.SellerConfirmed("00-v1acme-01"),
    e.ManualAuthorizationAwaited(-12),
    e.SellerCanceled(AT, reason="broken"),
    e.SellerProposed(seller="shop", seller_order_id="01-v1acme-01"),
    e.SellerChanged(
        seller="shop",
        seller_name="Shop",
        seller_order_id="01-v1acme-01",
        receipt="r",
        logistics=({"itemIndex": 0, "selectedSla": "PAC"},),
    ),
    e.SellerDecisionOverdue(),
    e.CallFailed(call_id="c", party="seller:shop", kind="cancel", why="no such order"),
    e.CallResumed("c"),
    e.CallSkipped("c", "told by telephone"),
    e.InvoiceIssued(
        number="1/2 #ü",
        type="Output",
        value=1309,
        issued_at=AT,
        receipt="r",
        items=(e.InvoicedItem(0, 2, 1999, "Mug"),),
        details={"courier": "X"},
    ),
    e.InvoiceIssued(
        number="2",
        type="Input",
        value=1309,
        issued_at=AT,
        receipt="r",
        items=(e.InvoicedItem(0, 3, 333, None, "U1", 1000),),
        refund=1000,
        content="0f",
    ),
    e.RefundRequested(request_id="r", invoice_number="2", value=1000),
    e.TrackingChanged(number="1/2 #ü", receipt="r", details={"courier": None}),
    e.TrackingReported(
        number="1/2 #ü",
        receipt="r",
        delivered_at=AT,
        events=(e.TrackingEvent(at=AT, description="out", city="Rio", state="RJ"),),
    ),
    e.InvoiceRepeated(number="2", receipt="r2", ignored=("invoiceValue",)),
    e.FulfillmentAwaited(),
    e.InvoicingAwaited(),
    e.InteractionLogged(source="ERP", message="hello Ana"),
    e.TransactionOpened("GATEWAY"),
    e.AdditionalDataSent({"cart": "{}"}),
    e.AuthorizationRequested("A"),
    e.PaymentAuthorized("P", "r", 500, "A", {"Tid": "1"}),
    e.PaymentAwaited(payment_id="P", request_id="A", connector={"url": "https://pix"}),
    e.PaymentDenied(payment_id="P", receipt="r", request_id="A", reason="no funds"),
    e.PaymentDue(AT),
    e.PaymentSettlementRequested(
        request_id="R", value=1309, cause="invoice 1", parts=(e.Part("P", 1309),)
    ),
    e.PaymentRefundRequested(request_id="R", value=9, cause="invoice 2", parts=(e.Part("P", 9),)),
    e.PaymentCancellationRequested(
        request_id="R", value=9, cause="denied", parts=(e.Part("P", 9),), attempt="A"
    ),
    e.PaymentSettled(request_id="R", value=1309, receipt="t", connector={"Tid": "1"}),
    e.PaymentRefunded(request_id="R", value=9, receipt="t"),
    e.PaymentCanceled(request_id="R", value=9, receipt="t"),
    e.PaymentRequestFailed(request_id="R", reason="no such transaction"),
    e.CancellationStarted(by="user", receipt="r", reason="changed my mind"),
    e.ChangeRegistered(
        request_id="change-1",
        receipt="r",
        discount_value=100,
        added=(e.ChangedItem("8", "Pan", 1, 2000, Decimal("0.5")),),
        removed=(e.ChangedItem("7", "Mug", 1, 1999),),
        lines=(e.Item("U2", "8", "1", 1, 2000, Decimal("0.5")),),
        taken=(e.TakenUnits(0, 1),),
        reason="out of stock",
    ),
    e.ChangePrepared("change-1", 100, "v1acme-01/change-1"),
    e.ChangeAbandoned("change-1", "v1acme-01/change-1", True),
    e.ChangeWithdrawn("change-1", "v1acme-01/change-1", "r"),
    e.ChangeWithdrawn("change-1", "v1acme-01/change-1/1"),
    e.ChangeRequested(
        request_id="8f14",
        workflow_id="w",
        value=-100,
        items=(e.Item("U1", "7", "1", 1, 1999),),
        totals=(e.Total("Items", 1999), e.Total("Change", -100)),
        logistics=({"itemIndex": 0, "price": 10},),
        removed=(e.ChangedItem("7", "Mug", 1, 1999, Decimal(1)),),
        manual_discount=100,
        operations={"remove": [{"items": [{"id": "7"}]}]},
        settings={"paymentConfiguration": {"customPaymentSystemsAllowed": ["201"]}},
        participants=("seller",),
        reason="out of stock",
        client_profile={"phone": "+1"},
    ),
    e.ChangeAcknowledged("8f14", "seller"),
    e.ChangePaymentAsked("8f14"),
    e.ChangePaymentAdjusted(
        request_id="8f14", value=-100, receipt="r", parts=(e.PaidPart("P", -100),)
    ),
    e.ChangeConfirmed("8f14", "seller"),
    e.ChangeApplied("8f14", "r"),
    e.ChangeStepFailed("8f14", "payment", "OMS503", "away", True),
    e.ChangeRetried("8f14"),
    e.ChangeCanceled(request_id="8f14", receipt="r", code="SalesOrderSystem017", reason="late"),
    e.ChangePaymentRestored("8f14", "r"),
    AccountCreated("acme", "acme"),
    AccountSettingsChanged({"grace_period_minutes": 0}),
    e.PersonErased("e"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    name, body, personal = codec.encode(event)
    assert codec.decode(name, body, personal) == event


@pytest.mark.parametrize("stored", json.loads(GOLDEN.read_text()), ids=lambda stored: stored[0])
def test_G9_events_stored_by_earlier_releases_are_read(stored):
    name, body, personal = stored
    event = codec.decode(name, body.encode(), personal and personal.encode())
    assert event in EVENTS


def test_G9_no_stored_name_is_ever_lost():
    golden = {stored[0] for stored in json.loads(GOLDEN.read_text())}
    assert golden <= codec.EVENTS.keys() | codec.FORMER_NAMES.keys()


def test_personal_fields_are_encoded_apart():
    _, body, personal = codec.encode(EVENTS[0])
    assert b"ana@example.com" not in body
    assert personal is not None
    assert b"ana@example.com" in personal
    erased = codec.decode("order-placed", body, None)
    assert (erased.client_profile, erased.open_text) == ({}, None)


@pytest.mark.parametrize("name", codec.EVENTS)
def test_G56_a_part_of_an_event_that_is_not_encrypted_holds_nothing_personal(name):
    """Only an event's own fields are encrypted: what lies deeper has to be blank by its maker."""
    known = {
        ("order-imported", "OrderPlaced"),  # its personal fields lie beside it
        ("order-imported", "CancellationStarted"),  # so does its reason
    }
    for part in _parts(codec.EVENTS[name]):
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
