"""Every filter expression that the guides print, on orders of this system.

Each has an order that it is true of, and is false of one that was just placed (which is dear).
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oms_ledger.jsonata import ENGINES, compile
from oms_ledger.orders import events
from oms_ledger.orders.documents import filter_document, in_object_form
from tests.published.samples import (
    CANCELED,
    HANDLED,
    INVOICED,
    ITEMS,
    LOGISTICS,
    NOON,
    PAID,
    PLACED,
    RETURNED,
    order,
)

PRINTED = json.loads((Path(__file__).parent / "guide_expressions.json").read_text())
LAMP = (events.ChangedItem("19", "Lamp", 1, 1999),)
FRIDGE = replace(ITEMS[1], price=250_000, details={"name": "Big Refrigerator 400 l"})
BY_CARRIER = replace(
    next(one for one in INVOICED if isinstance(one, events.InvoiceIssued)),
    details={"courier": "Carrier Name, express"},
)
AT_POINT = tuple({**line, "pickupPointId": "shop-7"} for line in LOGISTICS)
IN_STORE: dict[str, Any] = {
    "logistics": AT_POINT,
    "details": {**PLACED.details, "checkedInPickupPointId": "shop-7"},
    "marketing": {"marketingTags": ["instore", "spring"]},
}
BACK = next(one for one in reversed(RETURNED) if isinstance(one, events.InvoiceIssued))
BACK_EARLY = replace(BACK, details={"restitutions": {"Refund": {"value": 500}}})

ORDERS = {
    "placed": order(),
    "awaiting": order(*PAID[:4]),
    "paid": order(*PAID),
    "invoiced": order(*INVOICED),
    "canceled": order(*CANCELED),
    "returned": order(*RETURNED),
    "added": order(*HANDLED, events.ChangeRegistered(request_id="r", receipt="c", added=LAMP)),
    "removed": order(*HANDLED, events.ChangeRegistered(request_id="r", receipt="c", removed=LAMP)),
    "refrigerator": order(*PAID, items=(*ITEMS[:1], FRIDGE)),
    "ready in 2": order(*PAID, events.CancellationWindowClosed(), sales_channel="2"),
    "of a seller": order(seller="sellerId", seller_name="Another"),
    "by carrier": order(*HANDLED, BY_CARRIER, events.InvoiceVerified(), events.FullyInvoiced()),
    "returned in handling": order(*HANDLED, BACK_EARLY, sales_channel="2"),
    "in store": order(**IN_STORE),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("printed", PRINTED, ids=lambda printed: printed["printed"])
def test_every_expression_of_the_guides_works_on_orders(printed, engine):
    expression = compile(printed["expression"], engine)
    assert expression.truthy(filter_document(ORDERS[printed["on"]], expression.reads), NOON)
    dear = printed["expression"] == "value > 100"
    assert expression.truthy(filter_document(ORDERS["placed"], expression.reads), NOON) is dear


@pytest.mark.guarantee("G40")
@pytest.mark.parametrize("printed", PRINTED, ids=lambda printed: printed["printed"])
def test_the_parts_an_expression_reads_give_what_the_whole_document_gives(printed):
    expression = compile(printed["expression"])
    assert expression.reads is not None
    for one in ORDERS.values():
        whole = in_object_form(filter_document(one), expression.reads)
        parts = filter_document(one, expression.reads)
        assert expression.value(parts, NOON) == expression.value(whole, NOON)


def test_a_sales_channel_is_a_text_and_an_object_to_who_steps_into_it():
    def seen(text, one=ORDERS["ready in 2"]):
        expression = compile(text)
        return expression.value(filter_document(one, expression.reads), NOON)

    assert filter_document(ORDERS["ready in 2"])["salesChannel"] == "2"
    assert seen('salesChannel = "2" and salesChannelData.id = "2"')
    assert seen("salesChannel.Id") == "2"
    assert seen('salesChannel = "2" and $not($exists(salesChannel.Id))')


OF_ORDERS = [
    "items.name", "items.priceDefinition.sellingPrices.value", "items[0].additionalInfo",
    "shippingData.address.city", "shippingData.logisticsInfo.slas.deliveryIds", "$count(items)",
    "$exists(shippingData.address)", "$exists(cancellationData)", "$exists(marketplace)",
    "workflowData.instances.currentStepName", "paymentData.transactions.payments.paymentSystem",
    "clientProfileData.email", "totals[id = 'Shipping'].alternativeTotals.value", "openTextField",
    "$count(packageAttachment.packages)", "packageAttachment.packages.courierStatus.finished",
    "changesAttachment.changesData.receipt.orderId", "changesAttachment.id", "sellers.id",
    "$exists(changesAttachment)", "receiptData.receiptCollection.receiptType", "finished",
    "cancellationData.reason", "cancellationRequests.id", "itemMetadata.items.skuName", "nothing",
    "storePreferencesData.currencyFormatInfo.CurrencyGroupSize", "$keys($)",
    "customData.customApps",
    "$sum(items.(price * quantity)) > value", "marketingData.marketingTags",
    "salesChannelData.id",
    "invoiceData.address", "giftRegistryData.addressId", "ratesAndBenefitsData.teaser.name",
    "$count(paymentData.transactions[isActive].payments[group = 'creditCard'])",
    "allowCancellation",
]  # fmt: skip


@pytest.mark.guarantee("G40")
@pytest.mark.parametrize("text", OF_ORDERS)
def test_parts_of_orders_are_those_of_the_whole_document(text):
    expression = compile(text)
    for one in ORDERS.values():
        whole = expression.value(filter_document(one), NOON)
        assert expression.value(filter_document(one, expression.reads), NOON) == whole
