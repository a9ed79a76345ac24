"""What lists find an order by, in the parts that are kept as they came."""

import pytest

from oms_ledger.notifications.filters import ALIASES as FILTERED
from oms_ledger.notifications.filters import FromWorkflow
from oms_ledger.orders.documents import list_row, oms_document
from oms_ledger.orders.documents.search_terms import in_store, terms_of
from oms_ledger.orders.status import ALIASES
from tests.published.samples import PLACED, order


def found(**placed):
    values = order(**placed)
    terms = terms_of(oms_document(values), list_row(values), values.placed.details)
    return {(term.kind, term.term) for term in terms}


def test_custom_fields_are_found_by_value_and_reference():
    fields = [{"name": "Gate", "value": "Blue Door", "refId": "gate-7"}]
    custom = {"customFields": [{"linkedEntity": {"type": "order"}, "fields": fields}]}
    terms = found(custom_data=custom)
    assert {("custom", "blue door"), ("custom", "gate-7")} <= terms


def test_an_operator_is_found_by_name_and_email():
    operator = {"id": "1", "email": "Op+1@shop.com", "userName": "Op"}
    terms = found(details={**PLACED.details, "callCenterOperatorData": operator})
    assert {("operator", "op"), ("operator_email", "op+1@shop.com")} <= terms


@pytest.mark.parametrize("kept", ["text", 7, ["x"], None])
def test_a_part_of_any_type_is_no_operator(kept):
    terms = found(details={**PLACED.details, "callCenterOperatorData": kept})
    assert not [term for kind, term in terms if kind.startswith("operator")]


@pytest.mark.parametrize(
    ("placed", "expected"),
    [
        ({}, False),
        ({"details": {"isCheckedIn": True}}, True),
        ({"marketing": {"marketingTags": ["VTEX SALES APP"]}}, True),
        ({"marketing": {"marketingTags": ["instore"]}}, True),
        ({"marketing": {"marketingTags": ["vtex-instore"]}}, True),
        ({"marketing": {"marketingTags": ["in store"]}}, False),
        ({"custom_data": {"customApps": [{"id": "a", "fields": {"cart-type": "INSTORE"}}]}}, True),
        ({"custom_data": {"customApps": [{"id": "a", "fields": {"cart-type": "WEB"}}]}}, False),
    ],
)
def test_an_order_of_the_sales_app_is_known(placed, expected):
    assert in_store(oms_document(order(**placed))) is expected


def test_lists_and_feeds_know_the_same_spellings():
    assert {spelling: str(status) for spelling, status in ALIASES.items()} == FILTERED
    for spelling, status in FILTERED.items():
        assert FromWorkflow((spelling,)).matches(status, moved=True)
