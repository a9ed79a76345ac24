"""`Idempotency-Key`: a request sent again is applied once and answered as the first time."""

import asyncio
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_ledger.api.app import application, routes_of
from oms_ledger.cell import Cell
from oms_ledger.web import build
from tests.acceptance.test_order_life import (
    ORDERS,
    invoice,
    paid,
    place,
)
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.purchases import purchase
from workers import scheduler

DOCUMENT = "/api/orders/pvt/document"
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    body: object = None


def placement(client: Client) -> Request:
    return Request("PUT", "/api/checkout/pub/orders?sc=1", purchase())


def sending_payments(client: Client) -> Request:
    (transaction,) = place(client).json()["transactionData"]["merchantTransactions"]
    card = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]
    return Request(
        "POST", f"/api/payments/transactions/{transaction['transactionId']}/payments", card
    )


def processing(client: Client) -> Request:
    fields = place(client).json()
    (transaction,) = fields["transactionData"]["merchantTransactions"]
    card = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]
    url = f"/api/payments/transactions/{transaction['transactionId']}/payments"
    client.call("POST", url, card)
    return Request(
        "POST", f"/api/checkout/pub/gatewayCallback/{fields['orders'][0]['orderGroup']}/"
    )


def handling(client: Client) -> Request:
    return Request("POST", f"{ORDERS}/{paid(client)}/start-handling")


def handling_by_the_document(client: Client) -> Request:
    return Request("POST", f"{DOCUMENT}/{paid(client)}/actions/start-handling")


def invoicing(client: Client) -> Request:
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    return Request("POST", f"{ORDERS}/{order_id}/invoice", invoice("700"))


def canceling(client: Client) -> Request:
    return Request("POST", f"{ORDERS}/{paid(client)}/cancel", {"reason": "changed my mind"})


def canceling_by_the_document(client: Client) -> Request:
    return Request("POST", f"{DOCUMENT}/{paid(client)}/cancel", {"reason": "changed my mind"})


ROUTES: list[Callable[[Client], Request]] = [
    placement,
    sending_payments,
    processing,
    handling,
    handling_by_the_document,
    invoicing,
    canceling,
    canceling_by_the_document,
]


@dataclass
class Machine:
    """A web process; it can be made to lose its database right after the next commit."""

    cell: Cell
    client: Client
    commits_and_dies: bool = False

    def __post_init__(self) -> None:
        append = self.cell.store.append

        def appended(writes):
            outcomes = append(writes)
            if self.commits_and_dies:
                self.commits_and_dies = False
                raise psycopg.OperationalError("the connection was lost")
            return outcomes

        self.cell.store.append = appended


@pytest.fixture
def machines(cell, client):
    other = Cell(cell.settings, cell.clock)
    yield [Machine(cell, client), Machine(other, Client(build(other), client.headers))]
    other.close()


def send(client: Client, request: Request, key: str):
    return client.call(request.method, request.url, request.body, idempotency_key=key)


tries = st.lists(st.tuples(st.sampled_from([0, 1]), st.booleans()), min_size=1, max_size=4)


@pytest.mark.guarantee("G5")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(route=st.sampled_from(ROUTES), tries=tries, last=st.sampled_from([0, 1]))
def test_whatever_is_lost_between_commit_and_answer_a_keyed_request_is_applied_once(
    cell, machines, route, tries, last
):
    once = route(machines[0].client)
    before = cell.store.head()
    assert send(machines[0].client, once, f"once-{next(NUMBERS)}").status < 300
    cost = cell.store.head() - before

    request, key = route(machines[0].client), f"key-{next(NUMBERS)}"
    before, answers = cell.store.head(), []
    for machine, dies in [*((machines[i], dies) for i, dies in tries), (machines[last], False)]:
        machine.commits_and_dies = dies
        answer = send(machine.client, request, key)
        machine.commits_and_dies = False
        answers.append(answer)
    fields = [answer for answer in answers if answer.status != 503]
    assert {answer.status for answer in fields} <= {200, 201, 204}
    assert len({answer.body for answer in fields}) == 1
    assert cell.store.head() - before == cost


@pytest.mark.guarantee("G5")
@pytest.mark.parametrize("route", ROUTES)
def test_of_the_same_request_sent_by_two_machines_at_once_one_is_applied(cell, machines, route):
    request = route(machines[0].client)
    before = cell.store.head()
    assert send(machines[0].client, request, "alone").status < 300
    cost = cell.store.head() - before
    request = route(machines[0].client)
    before = cell.store.head()

    async def at_once():
        sent = (
            machine.client.ask(request.method, request.url, request.body, idempotency_key="both")
            for machine in machines * 3
        )
        return await asyncio.gather(*sent)

    answers = asyncio.run(at_once())
    assert len({(answer.status, answer.body) for answer in answers}) == 1
    assert answers[0].status < 300
    assert cell.store.head() - before == cost


# Bodies of routes that want one; the others take none. A route that is new here is tried without.
BODIES = {
    "/api/checkout/pub/orders": purchase(),
    "/api/oms/pvt/orders/{order_id}/cancel": {"reason": "changed my mind"},
    "/api/orders/pvt/document/{order_id}/cancel": {"reason": "changed my mind"},
    "/api/oms/pvt/orders/{order_id}/invoice": invoice("700"),
    "/api/orders/pvt/document/{order_id}/invoices": invoice("700"),
    "/api/oms/pvt/orders/{order_id}/changes": {
        "requestId": "change-1",
        "reason": "out of stock",
        "discountValue": 100,
    },
    "/api/oms/pvt/orders/{order_id}/interactions": {"source": "ERP", "message": "picked"},
    "/api/order-system/orders/{order_id}/changes": {
        "reason": "out of stock",
        "manualDiscountValue": 100,
    },
}
PAYMENTS = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]
ABOUT_ORDERS = ("{order_id}", "{order_group}", "{transaction_id}", "/orders")


def changing_routes(cell):
    for route in routes_of(application(cell)):
        if not route.include_in_schema:
            continue
        for method in sorted(route.methods & {"POST", "PUT", "PATCH"}):
            if any(part in route.path for part in ABOUT_ORDERS) and "config" not in route.path:
                yield method, route.path


def filled_in(client, method, path):
    """The request of a route about a fresh order that its route may change."""
    fresh = place(client).json() if "transaction" in path or "{order_group}" in path else None
    if fresh:
        (transaction,) = fresh["transactionData"]["merchantTransactions"]
        named = {
            "transaction_id": transaction["transactionId"],
            "order_group": fresh["orders"][0]["orderGroup"],
        }
        body = BODIES.get(path, PAYMENTS if path.endswith("payments") else None)
    else:
        order_id = paid(client)
        if "change" in path or "handling" not in path:
            client.call("POST", f"{ORDERS}/{order_id}/start-handling")
        document = client.call("GET", f"{ORDERS}/{order_id}").json()
        payment = document["paymentData"]["transactions"][0]["payments"][0]["id"]
        named = {"order_id": order_id, "payment_id": payment, "invoice_number": "1"}
        body = BODIES.get(path)
    url = re.sub(r"\{(\w+)(:path)?\}", lambda found: named.get(found[1], "none"), path)
    return Request(method, url, body)


@pytest.mark.guarantee("G5")
def test_every_route_about_orders_answers_a_repeat_as_the_first_time(cell, machines):
    taken = set()
    for method, path in changing_routes(cell):
        request, key = filled_in(machines[0].client, method, path), f"key-{next(NUMBERS)}"
        before = cell.store.head()
        first = send(machines[0].client, request, key)
        head = cell.store.head()
        if head == before:
            continue  # a preview, or refused without the body it wants: that takes no key
        taken.add(path)
        for machine in (*machines, machines[0]):
            again = send(machine.client, request, key)
            assert (again.status, again.body) == (first.status, first.body), (path, again.body)
        assert cell.store.head() == head, path
    assert len(taken) >= 12, taken


@pytest.mark.guarantee("G5")
def test_the_first_answer_is_given_however_far_the_order_has_gone(client):
    request = handling(client)
    order_id = request.url.split("/")[-2]
    assert send(client, request, "k").status == 204
    partly = Request("POST", f"{ORDERS}/{order_id}/invoice", invoice("700", "a"))
    first = send(client, partly, "a")
    rest = Request("POST", f"{ORDERS}/{order_id}/invoice", invoice("1300", "b"))
    assert send(client, rest, "b").status == 200
    again = send(client, partly, "a")
    assert (again.status, again.body) == (200, first.body)
    assert again.header("Idempotent-Replayed") == "true"
    assert first.header("Idempotent-Replayed") is None
    assert send(client, request, "k").status == 204
    assert client.call(request.method, request.url).status == 409  # without the key it is news


@pytest.mark.guarantee("G5")
def test_a_key_is_good_for_one_request_and_says_which(client):
    request = canceling(client)
    assert send(client, request, "k").status == 200
    for other in (
        Request("POST", request.url, {"reason": "another"}),
        Request("POST", request.url.replace("/cancel", "/start-handling"), request.body),
        canceling(client),
    ):
        answer = send(client, other, "k")
        assert answer.status == 422
        error = answer.json()["error"]
        assert request.url in error["message"]
        assert error["code"] == "OMS004"
    same = Request("POST", request.url, b' {"reason" :"changed my mind"}\n')
    assert send(client, same, "k").status == 200  # spelled differently, the same is asked


@pytest.mark.guarantee("G5")
def test_a_request_that_was_refused_may_be_tried_again_under_its_key(client):
    request = invoicing(client)
    too_much = Request(request.method, request.url, invoice("2001"))
    assert send(client, too_much, "k").status == 400
    assert send(client, request, "k").status == 200


def test_keys_of_different_app_keys_do_not_meet(client_of):
    one, two = client_of(), client_of()
    first, second = handling(one), handling(two)
    assert send(one, first, "1").status == 204
    assert send(two, second, "1").status == 204


def test_the_key_is_described_where_it_is_taken(cell):
    api = application(cell)
    for schema in (api.openapi(), api.openapi()):
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                named = [p["name"] for p in operation.get("parameters", [])]
                expected = 1 if method in ("post", "put", "patch") else 0
                assert named.count("Idempotency-Key") == expected


@pytest.mark.parametrize("key", ["x" * 256, "caf\u00e9"])
def test_a_key_that_is_no_key_is_refused(client, key):
    answer = send(client, handling(client), key)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")


@pytest.mark.guarantee("G5")
@pytest.mark.parametrize(("days", "kept"), [(30, False), (0, True)])
def test_a_key_is_known_for_its_time_and_natural_keys_for_ever(cell, client, days, kept):
    order_id = paid(client)
    url, fields = f"{ORDERS}/{order_id}/interactions", {"source": "a", "message": "b"}

    def replayed():
        answer = client.call("POST", url, fields, idempotency_key="k1")
        assert answer.status == 200
        return answer.header("Idempotent-Replayed") == "true"

    of_the_clock = Cell(replace(cell.settings, idempotency_days=days), cell.clock)
    assert [replayed(), replayed()] == [False, True]
    now = cell.clock.now()
    set_clock(cell, now + timedelta(days=29))
    scheduler.apply_retention(of_the_clock)
    assert replayed()
    set_clock(cell, now + timedelta(days=31))
    scheduler.apply_retention(of_the_clock)
    of_the_clock.close()
    assert replayed() is kept
    payment = client.call("GET", f"{ORDERS}/{order_id}").json()["paymentData"]["transactions"][0]
    transaction = f"/api/pvt/transactions/{payment['transactionId']}"
    assert client.call("GET", transaction).status == 200
