"""Cancel, confirm and deny over HTTP, and who may."""

import pytest

from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    status,
)
from tests.support.client import Client


def denying(client, order_id, **body):
    url = f"/api/orders/pvt/document/{order_id}/deny-cancellation-request"
    return client.call("POST", url, body)


def requested(client):
    """An order in handling whose cancellation was asked, and the id of the request."""
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    first = client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "too late"})
    assert (first.status, status(client, order_id)) == (200, "cancellation-requested")
    (request,) = client.call("GET", f"{ORDERS}/{order_id}").json()["cancellationRequests"]
    return order_id, request["id"]


@pytest.mark.guarantee("G12")
def test_a_denial_leads_back_and_tells_why_and_comes_once(client):
    order_id, request = requested(client)
    denial = {"cancellationRequestId": request, "denyReason": "Already engraved"}
    fields = denying(client, order_id, **denial)
    assert (fields.status, fields.body) == (200, b"")
    assert status(client, order_id) == "handling"
    document = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    (entry,) = document["cancellationRequests"]
    assert entry["deniedBySeller"] is True
    assert entry["deniedBySellerReason"] == "Already engraved"
    assert entry["cancellationRequestDenyDate"]
    assert denying(client, order_id, **denial).status == 200
    assert client.call("GET", f"/api/orders/pvt/document/{order_id}").json() == document


@pytest.mark.guarantee("G12")
def test_a_denial_after_the_confirmation_is_refused_and_the_reverse_asks_anew(client):
    order_id, request = requested(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel").status == 200
    assert status(client, order_id) == "canceled"
    late = denying(client, order_id, cancellationRequestId=request, denyReason="no")
    assert late.status == 400
    order_id, request = requested(client)
    assert denying(client, order_id, cancellationRequestId=request, denyReason="no").status == 200
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel").status == 200
    assert status(client, order_id) == "cancellation-requested"


def test_a_denial_needs_a_request_and_a_reason(client):
    order_id, request = requested(client)
    assert denying(client, order_id, cancellationRequestId="x", denyReason="no").status == 400
    assert denying(client, order_id, cancellationRequestId=request).status == 400
    assert (
        denying(client, paid(client), cancellationRequestId=request, denyReason="n").status == 400
    )
    gone = denying(client, "none-01", cancellationRequestId=request, denyReason="no")
    assert (gone.status, gone.json()["error"]["code"]) == (404, "CHK0201")


@pytest.mark.guarantee("G17")
def test_two_calls_make_two_requests_and_the_first_reason_stays(client):
    order_id, request = requested(client)
    confirmed = client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "confirmed"})
    document = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    assert [one["reason"] for one in document["cancellationRequests"]] == ["too late", "confirmed"]
    assert document["cancelReason"] == document["cancellationData"]["reason"] == "too late"
    data = document["cancellationData"]
    assert data["cancellationRequestId"] == confirmed.json()["receipt"] != request
    assert data["requestedByUser"] is False
    assert data["requestedBySellerNotification"] is None
    assert document["canceledBy"] == client.headers["X-VTEX-API-AppKey"]
    kinds = [one["receiptType"] for one in document["receiptData"]["receiptCollection"]]
    assert kinds[-2:] == ["sellerCancellation", "marketPlaceCancellation"]


def test_an_order_with_invoices_is_canceled_only_after_all_of_it_came_back(client):
    order_id = paid(client)
    url = f"{ORDERS}/{order_id}"
    assert client.call("POST", f"{url}/invoice", invoice("500", "1")).status == 200
    refused = client.call("POST", f"{url}/cancel")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CHK0202")
    assert client.call("GET", url).json()["allowCancellation"] is False
    assert client.call("POST", f"{url}/invoice", invoice("1500", "2")).status == 200
    assert client.call("POST", f"{url}/cancel").status == 400
    back = invoice("2000", "3", type="Input")
    assert client.call("POST", f"{url}/invoice", back).status == 200
    assert client.call("GET", url).json()["allowCancellation"] is True
    assert client.call("POST", f"{url}/cancel").status == 200
    assert status(client, order_id) == "canceled"


def test_an_incomplete_order_and_bad_reasons_are_refused(client):
    order_id = paid(client)
    long = client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "x" * 501})
    odd = client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "a\x01"})
    assert [a.json()["error"]["code"] for a in (long, odd)] == ["CHK0099", "CHK0158"]
    assert status(client, order_id) == "ready-for-handling"


def test_a_shopper_cancels_an_order_of_their_own_and_no_other(client, client_of):
    order_id = paid(client)
    email = client.call("GET", f"{ORDERS}/{order_id}").json()["clientProfileData"]["email"]
    url = f"/api/checkout/pub/orders/{order_id}/user-cancel-request"

    def shopper(email):
        fields = client_of("Storefront").call(
            "POST", "/api/ledger/shopper-tokens", {"email": email}
        )
        return Client(client.app, {"VtexIdclientAutCookie": fields.json()["token"]})

    other = shopper("other@example.com").call("POST", url, {"reason": "mine?"})
    assert (other.status, other.json()["error"]["code"]) == (404, "CHK0201")
    assert shopper(email).call("POST", url, {"reason": "changed my mind"}).status == 200
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    assert document["status"] == "cancellation-requested"
    assert document["cancellationRequests"][0]["requestedByUser"] is True
