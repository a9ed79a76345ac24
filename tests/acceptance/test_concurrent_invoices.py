"""Several clients at one order at the same moment, on real databases (G5, G11, G22)."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    status,
)

FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def at_once(client, calls):
    async def every():
        return await asyncio.gather(*(client.ask(*call) for call in calls))

    return asyncio.run(every())


def packages(client, order_id):
    fields = client.call("GET", f"{ORDERS}/{order_id}").json()
    return [one for one in fields["packageAttachment"]["packages"] if one["type"] == "Output"]


@pytest.mark.guarantee("G22")
@FEW
@given(st.lists(st.sampled_from([300, 500, 700, 1000, 2000]), min_size=2, max_size=7))
def test_invoices_that_cross_never_exceed_the_order_and_the_last_cent_ends_it(client, values):
    order_id = paid(client)
    url = f"{ORDERS}/{order_id}/invoice"
    calls = [("POST", url, invoice(value, str(i))) for i, value in enumerate(values)]
    answers = at_once(client, calls)
    assert {answer.status for answer in answers} <= {200, 400}
    taken = sum(v for v, answer in zip(values, answers, strict=True) if answer.status == 200)
    fields = packages(client, order_id)
    assert sum(one["invoiceValue"] for one in fields) == taken <= 2000
    assert (status(client, order_id) == "invoiced") == (taken == 2000)
    for value, answer in zip(values, answers, strict=True):
        if answer.status == 400:
            assert answer.json()["error"]["code"] in ("OMS004", "ORD039")
            assert value + taken > 2000


@pytest.mark.guarantee("G5")
@FEW
@given(st.integers(2, 6), st.booleans())
def test_the_same_invoice_sent_at_once_is_one_invoice(client, times, by_document):
    order_id = paid(client)
    url = f"{ORDERS}/{order_id}/invoice"
    if by_document:
        url = f"/api/orders/pvt/document/{order_id}/invoices"
    answers = at_once(client, [("POST", url, invoice("500", "same"))] * times)
    assert {answer.status for answer in answers} == {200}
    assert len(packages(client, order_id)) == 1
    receipts = {answer.json()["receipt"] for answer in answers}
    assert len(receipts) == (1 if by_document else times)


@pytest.mark.guarantee("G11")
@FEW
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from(["2000", "500"]))
def test_cancel_and_invoice_crossing_leave_one_of_them_done(client, cancels, sent, value):
    order_id = paid(client)
    calls = [("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "late"})] * cancels
    calls += [("POST", f"{ORDERS}/{order_id}/invoice", invoice(value, "1"))] * sent
    answers = at_once(client, calls)
    assert {answer.status for answer in answers} <= {200, 400}
    document = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    fields = document["packageAttachment"]["packages"]
    if document["status"] == "canceled":
        assert fields == []
    elif fields:
        assert document["status"] == ("invoiced" if value == "2000" else "handling")
        requests = document["cancellationRequests"] or []
        assert all(one["deniedBySeller"] for one in requests)
    else:
        assert document["status"] == "cancellation-requested"


@pytest.mark.guarantee("G5")
@FEW
@given(st.integers(2, 5))
def test_cancellations_at_once_are_taken_one_after_the_other(client, times):
    order_id = paid(client)
    answers = at_once(client, [("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "x"})] * times)
    assert {answer.status for answer in answers} == {200}
    document = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    assert document["status"] == "canceled"
    assert len(document["cancellationRequests"]) == 2
    first = client.call("POST", f"{ORDERS}/{order_id}/cancel").json()
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel").json() == first
    assert document["cancellationData"]["cancellationRequestId"] == first["receipt"]


@pytest.mark.guarantee("G12")
@pytest.mark.parametrize("crossing", range(3))
def test_a_denial_and_a_confirmation_at_once_the_first_recorded_wins(client, crossing):
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "x"}).status == 200
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    (request,) = document["cancellationRequests"]
    denial = {"cancellationRequestId": request["id"], "denyReason": "packed"}
    calls = [
        ("POST", f"/api/orders/pvt/document/{order_id}/deny-cancellation-request", denial),
        ("POST", f"{ORDERS}/{order_id}/cancel", {}),
    ]
    denied, confirmed = at_once(client, calls if crossing % 2 else calls[::-1])[
        :: 1 if crossing % 2 else -1
    ]
    (entry, *more) = client.call("GET", f"{ORDERS}/{order_id}").json()["cancellationRequests"]
    assert confirmed.status == 200
    if denied.status == 200:  # then the other call asked again
        assert entry["deniedBySeller"] is True
        assert status(client, order_id) == "cancellation-requested"
    else:
        assert denied.status == 400
        assert status(client, order_id) == "canceled"
    assert len(more) == 1
