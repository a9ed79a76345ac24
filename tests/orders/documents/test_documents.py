import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from oms_ledger.orders.documents import (
    filter_document,
    list_row,
    oms_document,
    pii_document,
    placed_order,
)
from oms_ledger.orders.order import Order
from tests.published import published
from tests.published.conformance import unsaid
from tests.published.deviations import ADDED, MISTYPED, OMITTED
from tests.published.samples import CANCELED, HANDLED, INVOICED, PAID, RETURNED, VALUE, order

LIVES = {
    "incomplete": order(),
    "paid": order(*PAID),
    "handled": order(*HANDLED),
    "invoiced": order(*INVOICED),
    "returned": order(*RETURNED),
    "canceled": order(*CANCELED),
    "erased": order(*PAID, client_profile={}, address={}, open_text=None, marketing=None),
}
RENDERERS = {"order": oms_document, "document": pii_document, "row": list_row}


def allowing(schema: dict[str, Any], name: str, place: str = "") -> dict[str, Any]:
    """The schema without what the published examples contradict."""
    if place in MISTYPED[name]:
        return {}
    allowed = dict(schema)
    if "properties" in schema:
        inner = f"{place}." if place else ""
        allowed["properties"] = {
            key: allowing(part, name, inner + key) for key, part in schema["properties"].items()
        }
        allowed["required"] = [
            key for key in schema["required"] if inner + key not in OMITTED[name]
        ]
    if "items" in schema:
        allowed["items"] = allowing(schema["items"], name, f"{place}[]")
    return allowed


def key_lists(
    schema: dict[str, Any], document: Any, name: str, place: str = ""
) -> Iterator[tuple[str, list[str], list[str]]]:
    """For each object of the document: where, its keys, the published keys that it has."""
    if place in MISTYPED[name]:
        return
    if isinstance(document, list):
        for one in document:
            yield from key_lists(schema.get("items", {}), one, name, f"{place}[]")
    if isinstance(document, dict) and "properties" in schema:
        inner = f"{place}." if place else ""
        keys = [key for key in document if inner + key not in ADDED[name]]
        expected = [
            key
            for key in schema["properties"]
            if key in document or inner + key not in OMITTED[name]
        ]
        yield place, keys, expected
        for key, value in document.items():
            yield from key_lists(schema["properties"].get(key, {}), value, name, inner + key)


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("life", LIVES)
def test_documents_keep_the_published_schema(name, life):
    document = json.loads(json.dumps(RENDERERS[name](LIVES[life])))
    validator = Draft202012Validator(allowing(published(name)["schema"], name))
    found = [error for error in validator.iter_errors(document) if not unsaid(error)]
    assert [f"{e.json_path}: {e.message}" for e in found] == []


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("life", LIVES)
def test_documents_have_every_published_key_in_the_published_order(name, life):
    document = RENDERERS[name](LIVES[life])
    for place, keys, expected in key_lists(published(name)["schema"], document, name):
        assert keys == expected, place


@pytest.mark.parametrize("life", LIVES)
def test_a_placed_order_has_every_published_key_in_the_published_order(life):
    def agree(given: Any, example: Any, place: str) -> None:
        if place.rpartition(".")[2] in ("payments", "attachmentOfferings", "productCategories"):
            return
        if isinstance(example, list) and isinstance(given, list):
            for one in given if example else ():
                agree(one, example[0], place)
        elif isinstance(example, dict) and isinstance(given, dict) and given and example:
            assert list(given) == list(example), place
            for key in example:
                agree(given[key], example[key], f"{place}.{key}")

    agree(placed_order(LIVES[life]), published("placed")["example"], "")


@pytest.mark.parametrize("life", LIVES)
def test_totals_add_up_to_the_value_in_every_document(life):
    one = LIVES[life]
    for document in (oms_document(one), pii_document(one), placed_order(one)):
        assert [total["id"] for total in document["totals"]] == [
            "Items",
            "Discounts",
            "Shipping",
            "Tax",
        ]
        assert sum(total["value"] for total in document["totals"]) == document["value"] == VALUE
    assert list_row(one)["totalValue"] == VALUE


def test_unit_prices_add_up_to_the_line_exactly():
    first = oms_document(LIVES["paid"])["items"][0]["priceDefinition"]
    assert first["sellingPrices"] == [{"value": 17, "quantity": 1}, {"value": 16, "quantity": 3}]
    assert first["total"] == 65


def test_a_shipping_discount_shows_as_gross_and_discount():
    shipping = pii_document(LIVES["paid"])["totals"][2]
    assert [part["value"] for part in shipping["alternativeTotals"]] == [1500, -600]
    assert shipping["value"] == 900


def test_a_discount_is_in_cents_and_in_currency_units():
    tag = oms_document(LIVES["paid"])["items"][0]["priceTags"][0]
    assert (tag["value"], tag["rawValue"]) == (-35, -0.35)
    assert "value" not in pii_document(LIVES["paid"])["items"][0]["priceTags"][0]


def test_instants_are_utc_with_seven_digits_and_in_lists_whole_seconds():
    one = LIVES["paid"]
    assert oms_document(one)["creationDate"] == "2026-03-02T12:00:00.1234560+00:00"
    assert pii_document(one)["creationDate"] == "2026-03-02T12:00:00.1234560Z"
    assert pii_document(one)["timeZoneCreationDate"] == "2026-03-02T09:00:00.1234560Z"
    assert list_row(one)["creationDate"] == "2026-03-02T12:00:00+00:00"


def test_the_delivery_estimate_counts_business_days_from_the_payment():
    assert list_row(LIVES["paid"])["ShippingEstimatedDate"] == "2026-03-05T12:00:07+00:00"


def test_the_status_is_described_in_the_requested_language():
    one = LIVES["handled"]
    assert oms_document(one)["statusDescription"] == "Handling shipping"
    assert oms_document(one, "pt-BR")["statusDescription"] == "Preparando entrega"


def test_an_own_order_names_its_marketplace_in_the_oms_document_only():
    oms, pii = oms_document(LIVES["paid"]), pii_document(LIVES["paid"])
    assert oms["marketplaceOrderId"] == ""
    assert oms["marketplace"]["name"] == "acme"
    assert oms["marketplaceServicesEndpoint"] == oms["marketplace"]["baseURL"]
    assert pii["marketplaceOrderId"] is None
    assert pii["marketplaceServicesEndpoint"] is None
    assert pii["marketplace"] is None


def test_who_canceled_is_shown_in_both_spellings():
    oms, pii = oms_document(LIVES["canceled"]), pii_document(LIVES["canceled"])
    assert oms["cancellationData"] == {
        "RequestedByUser": True,
        "RequestedBySystem": False,
        "RequestedBySellerNotification": False,
        "RequestedByPaymentNotification": False,
        "Reason": "Too late",
        "CancellationDate": "2026-03-02T12:00:10.1234560+00:00",
    }
    assert pii["cancellationData"]["requestedBySystem"] is None
    assert pii["cancellationData"]["cancellationRequestId"] == "c1"
    assert [request["id"] for request in pii["cancellationRequests"]] == ["c1"]
    assert oms["cancelReason"] == pii["cancelReason"] == "Too late"
    assert not oms["allowCancellation"]


def test_a_return_gives_back_its_value_and_filters_read_it_in_either_spelling():
    one = LIVES["returned"]
    sent, returned = oms_document(one)["packageAttachment"]["packages"]
    assert sent["restitutions"] == {}
    assert returned["restitutions"]["Refund"]["value"] == 500
    document = filter_document(one)
    restitutions = document["packageAttachment"]["packages"][1]["restitutions"]
    assert restitutions["Refund"] == restitutions["refund"]
    assert document["finished"] is True
    assert filter_document(LIVES["handled"])["finished"] is False


def test_invoiced_units_are_named_after_their_line_by_default():
    packages = pii_document(LIVES["invoiced"])["packageAttachment"]["packages"]
    assert [item["description"] for item in packages[0]["items"]] == [
        "Button",
        "Lamp, green",
        "Cloth",
    ]


def test_the_workflow_of_a_complete_order_has_two_parts():
    workflow = pii_document(LIVES["handled"])["workflowData"]
    assert [part["name"] for part in workflow["instances"]] == ["Marketplace", "Fulfillment"]
    assert workflow["instances"][0]["currentStepName"] == "payment-approved"
    assert workflow["instances"][1]["currentStepName"] == "handling"


def test_nothing_of_the_person_is_left_after_the_erasure():
    one = LIVES["erased"]
    for document in (oms_document(one), pii_document(one), placed_order(one), list_row(one)):
        text = json.dumps(document)
        assert "Ana" not in text
        assert "Botafogo" not in text
        assert "example.com" not in text


def test_a_card_shows_its_first_and_last_digits_only():
    card = oms_document(LIVES["paid"])["paymentData"]["transactions"][0]["payments"][0]
    assert (card["firstDigits"], card["lastDigits"]) == ("444433", "1111")
    assert card["cardNumber"] is None
    assert card["cvv2"] is None


def test_rendering_leaves_the_order_as_it_was():
    one: Order = LIVES["returned"]
    before = repr(one)
    assert filter_document(one) == filter_document(one)
    oms_document(one)
    placed_order(one)
    assert repr(one) == before


@pytest.mark.parametrize("render", [oms_document, pii_document, placed_order])
def test_a_document_costs_few_calls(render):
    """As a figure that no other load of the machine changes: about a microsecond each."""
    one, calls = LIVES["invoiced"], 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        render(one)
    finally:
        sys.setprofile(None)
    assert 0 < calls < 1500
