"""The two documents of an order disagree on nothing: a leaf that both have is equal in both."""

import copy
import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.accounts.account import Account
from oms_ledger.orders.documents import oms_document, pii_document
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.decide import place
from tests.published.samples import CANCELED, HANDLED, INVOICED, PAID, RETURNED, order
from tests.support.given_when_then import after
from tests.support.order_documents import NAMES, as_placement, document

NAMED = {
    "marketplaceOrderId": "of an own order it is empty in one and null in the other",
    "marketplaceServicesEndpoint": "the same",
    "marketplace": "the same",
    "marketplaceItems": "none are [] in one and null in the other",
    "clientProfileData.id": "a constant in one and null in the other",
    "packageAttachment.packages[].restitutions": "{} in one and null in the other",
    "subscriptionData": "periods are spelled otherwise",
}


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    if place in NAMED:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        inner = f"{place}." if place else ""
        return [
            found
            for key in one.keys() & other.keys()
            for found in differences(one[key], other[key], inner + key)
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for a, b in zip(one, other, strict=True) for d in differences(a, b, f"{place}[]")]
    return [] if same(one, other) else [f"{place}: {one!r} and {other!r}"]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.removesuffix("+00:00") == other.removesuffix("Z")
    return type(one) is type(other) and one == other


def agree(shown_order: Order) -> None:
    shown = [json.loads(json.dumps(render(shown_order))) for render in (oms_document, pii_document)]
    assert differences(*shown) == []


@pytest.mark.parametrize("events", [(), PAID, HANDLED, INVOICED, RETURNED, CANCELED])
def test_documents_agree_over_a_life(events: Any) -> None:
    agree(order(*events))


OPTIONAL = (
    *("marketingData", "clientPreferencesData", "openTextField", "customData", "invoiceData"),
    *("giftRegistryData", "callCenterOperatorData", "storePreferencesData", "taxData"),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_documents_agree_whatever_was_sent_or_left_out(data: Any) -> None:
    body = as_placement(document(data.draw(st.sampled_from(NAMES))))
    for name in data.draw(st.lists(st.sampled_from(OPTIONAL), max_size=4)):
        body[name] = None
    address = body["shippingData"]["address"]
    parts: list[Any] = [body["clientProfileData"], address, body["items"][0]]
    parts.append(body["marketingData"] or {})
    for part in parts:
        for name in data.draw(st.lists(st.sampled_from(sorted(part) or ["-"]), max_size=3)):
            if name in ("email", "id", "quantity", "seller", "price", "priceTags", "bundleItems"):
                continue
            if data.draw(st.booleans()):
                part[name] = None
            else:
                part.pop(name, None)
    body["shippingData"]["selectedAddresses"] = [copy.deepcopy(address)]
    ids = count(1)
    ((_, placed),) = place(
        body,
        order_group="v1acme",
        sequences=[1],
        transaction_id="T",
        new_id=lambda: f"ID-{next(ids)}",
        account=Account("acme", "acme"),
    )
    agree(after([placed]))
