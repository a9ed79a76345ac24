import copy
import json
from typing import Any

import pytest

from oms_ledger.orders.documents import oms_document, pii_document
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.importing import import_document, is_document
from oms_ledger.orders.refusals import InvalidPlacement
from tests.published import published
from tests.published.samples import CANCELED, HANDLED, INVOICED, PAID, RETURNED, order

RENDERERS = {"order": oms_document, "document": pii_document}

# What an import does not take over, and why.
NOT_TAKEN = {
    "statusDescription",  # a label in our words
    "cvv2",  # card data is dropped
    "cardHolder",
    "expireMonth",
    "expireYear",
    "clientProfileData.id",  # a constant
}


def imported(document: dict[str, Any]) -> Order:
    order_id, event = import_document(copy.deepcopy(document))
    return evolve(None, event, event.changed_at, order_id, document["hostname"])


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    if place.rpartition(".")[2] in NOT_TAKEN or place in NOT_TAKEN:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        inner = f"{place}." if place else ""
        return [
            difference
            for key in one
            for difference in differences(one[key], other.get(key, "missing"), inner + key)
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for a, b in zip(one, other, strict=True) for d in differences(a, b, place)]
    if same(one, other):
        return []
    return [f"{place}: {one!r} became {other!r}"]


def same(one: Any, other: Any) -> bool:
    """Instants are kept to the microsecond and spelled alike."""
    if isinstance(one, str) and isinstance(other, str) and one[10:11] == "T" and one != other:
        return one[:19] == other[:19] and one[20:26].rstrip("Z+0") == other[20:26].rstrip("0")
    return bool(one == other)


def test_the_published_oms_example_comes_out_as_it_went_in():
    example = published("order")["example"]
    left = differences(example, oms_document(imported(example)))
    # The example's totals do not add up to its value, and it is both handled and canceled.
    assert [line.partition(":")[0] for line in left] == [
        "value",
        "cancelReason",
        "cancellationData",
    ]


def test_the_published_pii_example_comes_out_as_it_went_in():
    example = published("document")["example"]
    left = differences(example, pii_document(imported(example)))
    assert left == []


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("events", [(), PAID, HANDLED, INVOICED, RETURNED, CANCELED])
def test_our_own_documents_come_out_as_they_went_in(name, events):
    fields = order(*events)
    document = json.loads(json.dumps(RENDERERS[name](fields)))
    again = imported(document)
    assert differences(document, RENDERERS[name](again)) == []
    assert again.value == fields.value
    assert [i.value for i in again.invoices] == [i.value for i in fields.invoices]
    assert again.units_left() == fields.units_left()


@pytest.mark.parametrize(
    ("origin", "seller", "flow"),
    [
        ("Marketplace", "1", "complete"),
        ("Marketplace", "luxstore", "complete"),
        ("Marketplace", "another", "marketplace"),
        ("Fulfillment", "1", "seller"),
        ("Chain", "1", "chain"),
    ],
)
def test_the_flow_follows_from_origin_and_sellers(origin, seller, flow):
    document = copy.deepcopy(published("order")["example"])
    document["origin"] = origin
    document["items"][0]["seller"] = seller
    assert imported(document).flow == flow


def test_card_data_beyond_the_digits_is_not_kept():
    document = copy.deepcopy(published("order")["example"])
    card = document["paymentData"]["transactions"][0]["payments"][0]
    card |= {"cardNumber": "4444333322221111", "cardHolder": "RODRIGO S"}
    _, event = import_document(document)
    assert event.placed.payments[0].details["firstDigits"] == "444433"
    for secret in ("4444333322221111", "RODRIGO S", "'351'"):
        assert secret not in repr(event)


def test_what_tells_of_the_person_is_in_personal_fields_only():
    document = published("document")["example"]
    _, event = import_document(document)
    assert "Rose" in repr(event.client_profile)
    for text in ("Rose", "rosetravis", "Street Green Island", "Mozilla"):
        assert text not in repr(event.placed)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("status", "shipped", "status"),
        ("origin", "Moon", "origin"),
        ("origin", {}, "origin"),
        ("creationDate", "yesterday", "creationDate"),
        ("creationDate", "2024-13-45T00:00:00Z", "creationDate"),
        ("totals", [], "totals"),
        ("items", [], "items"),
        ("items", [{"id": "1", "quantity": 0, "price": 1}], "items[0].quantity"),
        ("items", [{"id": "1", "quantity": 1, "price": 1.5}], "items[0].price"),
        ("items", {"id": "1"}, "items"),
        ("paymentData", [1], "paymentData"),
        ("sequence", None, "sequence"),
        ("shippingData", {"logisticsInfo": [{"itemIndex": 7}]}, "logisticsInfo[0].itemIndex"),
        ("packageAttachment", {"packages": [{"type": "Gift"}]}, "packages[0].type"),
        ("sellers", "1", "sellers"),
    ],
)
def test_what_cannot_be_an_order_is_refused_naming_the_field(field, value, message):
    document = {**published("order")["example"], field: value}
    with pytest.raises(InvalidPlacement) as refusal:
        import_document(document)
    assert refusal.value.code == "OMS004"
    assert message in refusal.value.message


def test_an_order_and_a_request_to_place_one_are_recognized():
    assert is_document(published("order")["example"])
    assert is_document(published("document")["example"])
    assert not is_document({"items": [], "clientProfileData": {}, "paymentData": {}})
    assert not is_document([])
