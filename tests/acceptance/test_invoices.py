"""Invoices, returns and tracking over HTTP: both paths, odd numbers, what repeats answer."""

from urllib.parse import quote

import pytest

from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    status,
)

NUMBERS = ["0001/2 #ü", "a b", "NF/7", "#9", "ção", "000", "100%"]


def document(client, order_id):
    return client.call("GET", f"/api/orders/pvt/document/{order_id}").json()


def packages(client, order_id):
    fields = client.call("GET", f"{ORDERS}/{order_id}").json()["packageAttachment"]["packages"]
    assert len(document(client, order_id)["packageAttachment"]["packages"]) == len(fields)
    return fields


def of_number(order_id, number, *, raw=False):
    return f"{ORDERS}/{order_id}/invoice/{quote(number, safe='/' if raw else '')}"


@pytest.mark.guarantee("G27")
@pytest.mark.parametrize("number", NUMBERS)
def test_an_invoice_is_found_by_its_number_whatever_is_in_it(client, number):
    order_id = paid(client)
    answer = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice(number=number))
    assert answer.status == 200, answer.body
    assert packages(client, order_id)[0]["invoiceNumber"] == number
    patched = client.call(
        "PATCH", of_number(order_id, number), {"trackingNumber": "T", "trackingUrl": None}
    )
    assert (patched.status, patched.json()["orderId"]) == (200, order_id)
    put = client.call("PUT", of_number(order_id, number, raw=True), {"courier": "Post"})
    assert put.status == 200
    arrived = client.call(
        "PUT",
        f"{of_number(order_id, number, raw=True)}/tracking",
        {"isDelivered": True, "deliveredDate": "2026-01-03 10:00", "events": []},
    )
    assert arrived.status == 200
    (package,) = packages(client, order_id)
    assert (package["trackingNumber"], package["courier"]) == ("T", "Post")
    assert package["courierStatus"] == {
        "status": "ok",
        "finished": True,
        "deliveredDate": "2026-01-03T10:00:00.0000000+00:00",
        "data": [],
    }


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_unknown_number_is_404_with_the_published_message(client, method):
    order_id = paid(client)
    for url in (of_number(order_id, "7"), f"{of_number(order_id, '7')}/tracking"):
        if method == "PUT" or not url.endswith("/tracking"):
            error = client.call(method, url, {}).json()["error"]
            assert (error["code"], error["message"]) == ("ORD038", "Invoice Not Found")


def test_the_number_is_kept_as_sent_and_compared_without_the_spaces_around_it(client):
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("500", "12 ")).status == 200
    assert client.call("PATCH", of_number(order_id, "12"), {"courier": "Post"}).status == 200
    (package,) = packages(client, order_id)
    assert (package["invoiceNumber"], package["courier"]) == ("12 ", "Post")


@pytest.mark.guarantee("G5")
def test_a_repeated_number_gets_a_new_receipt_on_the_oms_path_and_changes_nothing(client):
    order_id = paid(client)
    url = f"{ORDERS}/{order_id}/invoice"
    first = client.call("POST", url, invoice("500", "a"))
    again = client.call("POST", url, invoice("700", "a", trackingNumber="T"))
    assert (first.status, again.status) == (200, 200)
    assert first.json()["receipt"] != again.json()["receipt"]
    (package,) = packages(client, order_id)
    assert (package["invoiceValue"], package["trackingNumber"]) == (500, "T")
    other = client.call("POST", url, invoice("500", "a", type="Input"))
    assert other.status == 400


@pytest.mark.guarantee("G5")
def test_on_the_pii_path_the_same_again_gets_the_first_receipt_and_other_content_is_refused(
    client,
):
    order_id = paid(client)
    url = f"/api/orders/pvt/document/{order_id}/invoices"
    body = {
        "type": "output",
        "issuedDate": "2026-01-02",
        "invoiceNumber": "000059579",
        "invoiceValue": 2000,
        "items": [{"itemIndex": 0, "price": 2000, "quantity": 1}],
        "cfop": "5100",
        "volumes": 3,
        "extraValue": 100,
    }
    first = client.call("POST", url, body)
    assert first.status == 200, first.body
    assert first.json()["date"].endswith("Z")
    assert client.call("POST", url, body).json() == first.json()
    assert client.call("POST", url, {**body, "invoiceValue": 1999}).status == 400
    (package,) = packages(client, order_id)
    assert (package["cfop"], package["volumes"], package["type"]) == ("5100", 3, "Output")
    assert status(client, order_id) == "invoiced"
    wrong = client.call("POST", url, {**body, "invoiceNumber": "2"})
    assert wrong.json()["error"]["code"] == "ORD039"


def test_the_codes_of_items_that_do_not_match(client):
    order_id = paid(client)
    pii = f"/api/orders/pvt/document/{order_id}/invoices"
    for url, item, code in (
        (f"{ORDERS}/{order_id}/invoice", {"id": "nope", "quantity": 1, "price": 1}, "CHK0022"),
        (f"{ORDERS}/{order_id}/invoice", {"id": "7", "quantity": 2, "price": 1}, "CHK0023"),
        (pii, {"itemIndex": 3, "quantity": 1, "price": 1}, "CHK0041"),
        (pii, {"quantity": 1, "price": 1}, "OMS004"),
    ):
        answer = client.call("POST", url, invoice(items=[item]))
        assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    assert packages(client, order_id) == []


def test_a_return_shows_what_it_gave_back_in_both_documents(client):
    order_id = paid(client)
    url = f"{ORDERS}/{order_id}/invoice"
    item = {"id": "7", "quantity": 1, "price": 2000, "description": "A blue mug"}
    assert client.call("POST", url, invoice("2000", "out", items=[item])).status == 200
    back = invoice(
        "2000", "in", type="Input", items=[item], restitutions={"Refund": {"value": 1500}}
    )
    assert client.call("POST", url, back).status == 200
    assert status(client, order_id) == "invoiced"
    sent, returned = packages(client, order_id)
    assert (sent["restitutions"], returned["restitutions"]["Refund"]["value"]) == ({}, 1500)
    fields = document(client, order_id)["packageAttachment"]["packages"][1]
    assert fields["restitutions"]["refund"]["value"] == 1500
    assert fields["restitutions"]["refund"]["items"][0]["description"] == "A blue mug"
    more = invoice("501", "in-2", type="Input")
    error = client.call("POST", url, more).json()["error"]
    assert error["code"] == "CHK0054"
    assert error["message"] == "Unable to use the restitution Refund more than 500"


def test_tracking_accumulates_is_sorted_and_never_sent_twice(client):
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice(number="1")).status == 200
    url = f"{of_number(order_id, '1')}/tracking"
    late = {"city": "Sao Paulo", "state": "SP", "description": "Out", "date": "2015-06-24"}
    soon = {"city": "Rio de Janeiro", "state": "RJ", "description": "In", "date": "2015-06-23"}
    fields = {"isDelivered": False, "deliveredDate": None, "events": [late]}
    first = client.call("PUT", url, fields)
    assert client.call("PUT", url, fields).json() == first.json()
    assert client.call("PUT", url, {**fields, "events": [late, soon]}).status == 200
    (package,) = packages(client, order_id)
    assert [one["description"] for one in package["courierStatus"]["data"]] == ["In", "Out"]
    assert package["courierStatus"]["finished"] is False
    arrived = client.call(
        "PUT", url, {"isDelivered": True, "deliveredDate": "2022-10-01T21:15:00-0300"}
    )
    assert arrived.status == 200
    (package,) = packages(client, order_id)
    assert package["courierStatus"]["deliveredDate"] == "2022-10-02T00:15:00.0000000+00:00"
    undone = client.call("PUT", url, {"isDelivered": False, "events": []})
    assert undone.status == 400
    bad = client.call("PUT", url, {"isDelivered": True, "deliveredDate": "soon"})
    assert "deliveredDate" in bad.json()["error"]["message"]


def test_published_clients_call_the_old_twin_of_start_handling(client):
    order_id = paid(client)
    url = f"/api/orders/pvt/document/{order_id}/actions/start-handling"
    assert client.call("POST", url, b"null").status == 204
    again = client.call("POST", url)
    assert (again.status, again.json()["error"]["code"]) == (409, "OMS003")


@pytest.mark.parametrize(
    ("date", "status"),
    [
        ("2026-01-02", 200),
        ("2026-01-02 10:00", 200),
        (None, 200),
        ("soon", 400),
        ("2026-13-02", 400),
        ("02/01/2026", 400),
    ],
)
def test_a_date_of_dispatch_is_evaluated_as_other_dates(client, date, status):
    order_id = paid(client)
    sent = client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice("1", number="1"))
    assert sent.status == 200
    answer = client.call("PATCH", of_number(order_id, "1"), {"dispatchedDate": date})
    assert answer.status == status
    if status == 400:
        assert "dispatchedDate" in answer.json()["error"]["message"]
