"""Each operation of a listed file has a row, each row an operation and a test that calls it."""

import pytest

from tests.support.guarantees import known
from tests.support.published_operations import (
    PAGE,
    SENT,
    calling,
    due,
    note,
    note_sent,
    page,
    published,
    rows,
)


@pytest.mark.parametrize("file", rows())
def test_rows_are_the_operations_of_the_file(file):
    assert set(rows()[file]) == set(published()[file])


@pytest.mark.parametrize("file", rows())
def test_each_row_names_a_test(file):
    assert {row["test"] for row in rows()[file].values()} <= set(known())


def test_the_page_is_what_make_operations_writes():
    assert PAGE.read_text() == page(), "run make operations"


def test_a_test_that_does_not_call_the_operation_of_its_row_fails():
    operation = "PUT /api/checkout/pub/orderForm/{orderFormId}/customFields"
    with calling(frozenset({operation})):
        note("PUT", "/api/checkout/pub/orderform/1f/customFields/")
    with pytest.raises(AssertionError, match="customFields"), calling(frozenset({operation})):
        note("PUT", "/api/checkout/pub/orderForm/1f/customFields/order")


def test_what_we_send_has_to_reach_a_partner():
    sent = frozenset({f"{SENT}POST /pvt/orders/{{orderId}}/cancel"})
    with calling(sent):
        note_sent("POST", "/seller/pvt/orders/S%2F1/cancel?token=x")
    with pytest.raises(AssertionError, match="cancel"), calling(sent):
        note("POST", "/pvt/orders/1/cancel")


def test_a_test_of_one_operation_a_run_is_due_that_one_alone():
    test = "acceptance/test_published_requests.py::test_a_published_request_is_taken_as_it_stands"
    operation = "POST /api/checkout/pvt/configuration/window-to-change-seller"
    assert due(test, {"operation": operation}) == {operation}
    assert due(test, {"operation": "POST /other"}) == frozenset()
