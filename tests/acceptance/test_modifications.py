"""v2 modifications over HTTP: asked, carried on by the workers, looked up, refused."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.payments.gateway import (
    BuiltInGateway,
    GatewayClosed,
    GatewayRejected,
    GatewayUnavailable,
    Receipt,
)
from oms_ledger.orders.placement.importing import import_document
from oms_ledger.services.changes import outbox
from oms_ledger.web import build
from tests.acceptance.test_order_life import (
    ORDERS,
    drain,
    invoice,
    paid,
    status,
)
from tests.published.conformance import operations
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.run_until_idle import settle

SYSTEM = "/api/order-system/orders"
EXAMPLE = operations()["PATCH /api/order-system/orders/{changeOrderId}/changes"].requests[0]


@pytest.fixture
def handled(client):
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    return order_id


def get(client, url):
    answer = client.call("GET", url)
    assert answer.status == 200, answer.body
    return answer.json()


def patch(client, order_id, body, **headers):
    return client.call("PATCH", f"{SYSTEM}/{order_id}/changes", body, **headers)


def requested(client, order_id, **fields):
    answer = patch(client, order_id, {"reason": "reason", **fields})
    assert answer.status == 202, answer.body
    return answer.json()["requestId"]


ADD = {"add": {"items": [{"id": "9", "quantity": 1, "price": 500}]}}
DISCOUNT = {"manualDiscountValue": 100}
REGISTERED = {"requestId": "v1", "reason": "reason", "discountValue": 50, "incrementValue": 0}


def test_the_published_example_runs_as_it_stands(cell, client, handled):
    line = get(client, f"{ORDERS}/{handled}")["items"][0]
    tea = {
        "id": "2",
        "uniqueId": "1D6A12BD177140B2BAF0C042D2FAEE54",
        "quantity": 1,
        "price": 2499,
        "measurementUnit": "kg",
    }
    address = "9ec276fd3a604eb1aa151b5333ca5db6"
    first = {
        "from": {"items": [{"id": "7", "uniqueId": line["uniqueId"], "quantity": 1}]},
        "to": {"items": [tea]},
    }
    requested(client, handled, replace=[first])
    asyncio.run(settle(cell))
    known = get(client, f"/api/orders/pvt/document/{handled}")["shippingData"]["address"]
    body = _with(EXAMPLE, address, known["addressId"])
    # The order of the tests has SKU 2 where the example has SKU 1: the line is the same one.
    body["replace"][0]["from"]["items"][0]["id"] = "2"
    answer = patch(client, handled, body)
    assert answer.status == 202, answer.body
    fields = answer.json()
    assert fields["reason"] == EXAMPLE["reason"]
    assert fields["settings"]["pipelineConfiguration"]["compensateShippingChanges"] is True
    asyncio.run(settle(cell))
    document = get(client, f"{ORDERS}/{handled}")
    assert [item["unitMultiplier"] for item in document["items"]] == [3.0]
    assert document["value"] == sum(total["value"] for total in document["totals"])
    assert document["customData"]["customFields"][0]["fields"][0]["value"] == "DSK-NEW"
    assert document["clientProfileData"]["lastName"] == "Earhart"


def _with(value, before, after):
    """The example with an id of the order that the tests placed."""
    if isinstance(value, dict):
        return {name: _with(one, before, after) for name, one in value.items()}
    if isinstance(value, list):
        return [_with(one, before, after) for one in value]
    return after if value == before else value


PUBLISHED = "1172452900788-01"


@pytest.fixture
def published(cell, client, handled):
    """An order in handling that is the one of the published example: its SKU, line and address."""
    document = get(client, f"{ORDERS}/{handled}")
    (requested,) = EXAMPLE["replace"][0]["from"]["items"]
    (delivery,) = EXAMPLE["replace"][0]["to"]["shippingData"]["logisticsInfo"]
    document["items"] = document["items"][:1]
    (line,) = document["items"]
    line |= {**requested, "sellingPrice": requested["price"], "priceTags": []}
    freight = sum(one["price"] for one in document["shippingData"]["logisticsInfo"])
    document |= {"orderId": PUBLISHED, "value": requested["price"] + freight, "status": "handling"}
    document["totals"] = [
        {"id": "Items", "name": "Items Total", "value": requested["price"]},
        {"id": "Shipping", "name": "Shipping Total", "value": freight},
    ]
    shipping = document["shippingData"]
    shipping["address"]["addressId"] = delivery["addressId"]
    for one in (*shipping["logisticsInfo"], *shipping["selectedAddresses"]):
        one["addressId"] = delivery["addressId"]
    for sla in shipping["logisticsInfo"][0]["slas"]:  # the checkout given more of it
        sla |= {"listPrice": sla["price"], "tax": 0, "shippingEstimateDate": None}
        sla |= {"deliveryIds": [], "availableDeliveryWindows": []}
    order_id, imported = import_document(document)
    asyncio.run(cell.ledger.place(CommandContext("acme", "import"), {order_id: imported}))
    return order_id


@pytest.mark.guarantee("G26")
def test_the_published_example_as_it_stands_then_an_invoice_of_all(cell, client, published):
    url = f"{SYSTEM}/{published}/changes"
    answer = client.call("PATCH", url, EXAMPLE)
    assert answer.status == 202, answer.body
    asyncio.run(settle(cell))
    request = get(client, f"{url}/{answer.json()['requestId']}")
    assert (request["status"], request["inProgress"]) == ("done", False)
    document = get(client, f"{ORDERS}/{published}")
    (line,) = document["items"]
    assert (line["id"], line["unitMultiplier"], line["measurementUnit"]) == ("2", 3.0, "kg")
    assert document["value"] == sum(total["value"] for total in document["totals"])
    fields = invoice(value=document["value"])
    assert client.call("POST", f"{ORDERS}/{published}/invoice", fields).status == 200
    assert status(client, published) == "invoiced"


def test_a_request_lives_from_202_to_done_and_the_order_changes_at_the_end(cell, client, handled):
    before = get(client, f"{ORDERS}/{handled}")
    change = requested(client, handled, **ADD)
    waiting = get(client, f"{SYSTEM}/{handled}/changes/{change}")
    assert (waiting["status"], waiting["inProgress"]) == ("waiting-acknowledgement", True)
    now = get(client, f"{ORDERS}/{handled}")
    assert {**now, "allowEdition": True} == before
    assert get(client, f"{SYSTEM}/{handled}/changes")["requests"] == []
    asyncio.run(settle(cell))
    done = get(client, f"{SYSTEM}/{handled}/changes/{change}")
    assert (done["status"], done["inProgress"]) == ("done", False)
    assert [log["step"] for log in done["logs"]] == [
        "validated",
        "acknowledged",
        "payment-asked",
        "payment-adjusted",
        "confirmed",
        "applied",
    ]
    after = get(client, f"{ORDERS}/{handled}")
    assert (after["value"], after["changesAttachment"]) == (before["value"] + 500, None)
    assert after["paymentData"]["transactions"][0]["payments"][0]["value"] == after["value"]
    history = get(client, f"{SYSTEM}/{handled}/changes")["requests"]
    assert [row["requestId"] for row in history] == [change]
    summary = get(client, f"/api/orders/pvt/document/{handled}/change-summary")
    assert summary["totalChangesValueAggregated"] == 500
    rest = client.call("POST", f"{ORDERS}/{handled}/invoice", invoice(str(after["value"])))
    assert (rest.status, status(client, handled)) == (200, "invoiced")


@pytest.mark.guarantee("G22")
def test_while_it_is_in_progress_invoices_and_changes_wait(client, handled):
    requested(client, handled, **ADD)
    for method, url, body in (
        ("POST", f"{ORDERS}/{handled}/invoice", invoice()),
        ("PATCH", f"{SYSTEM}/{handled}/changes", {"reason": "reason", **DISCOUNT}),
    ):
        answer = client.call(method, url, body)
        assert (answer.status, answer.header("Retry-After")) == (409, "5")
        assert answer.json()["error"]["code"] == "SalesOrderSystem014"
        assert answer.json()["error"]["message"] == "Change In Progress."


def test_a_cancellation_of_the_order_wins(cell, client, handled):
    change = requested(client, handled, **ADD)
    assert client.call("POST", f"{ORDERS}/{handled}/cancel", {}).status == 200
    asyncio.run(settle(cell))
    fields = get(client, f"{SYSTEM}/{handled}/changes/{change}")
    assert (fields["status"], fields["logs"][-1]["step"]) == ("canceled", "canceled")
    assert status(client, handled) == "cancellation-requested"
    assert get(client, f"{ORDERS}/{handled}")["value"] == 2000


@pytest.mark.guarantee("G5")
def test_a_repeated_patch_with_the_same_key_gets_the_first_answer(client, handled):
    body = {"reason": "reason", **DISCOUNT}
    first = patch(client, handled, body, idempotency_key="k")
    again = patch(client, handled, body, idempotency_key="k")
    assert (first.status, again.status, again.body) == (202, 202, first.body)


def test_a_preview_tells_what_would_be_and_stores_nothing(cell, client, handled):
    head = cell.store.head()
    url = f"{SYSTEM}/{handled}/changes/preview"
    answer = client.call("POST", url, {"reason": "reason", **ADD, **DISCOUNT})
    assert answer.status == 200, answer.body
    fields = answer.json()
    assert fields["totalChangeValue"] == 400
    assert [(total["id"], total["value"]) for total in fields["totals"]] == [
        ("Items", 500),
        ("ManualValues", -100),
    ]
    assert sum(total["value"] for total in fields["orderTotals"]) == 2400
    assert cell.store.head() == head
    assert client.call("POST", url, {"reason": "reason"}).json()["error"]["code"] == "CHK0124"


def test_settings_are_the_accounts_until_a_request_has_its_own(client, handled):
    url = f"{SYSTEM}/changes/settings"
    assert get(client, url)["rolloutConfiguration"]["usingDefaultBehavior"] is True
    body = operations()[f"PUT {SYSTEM}/changes/settings"].requests[0]
    put = client.call("PUT", url, body)
    assert put.status == 200, put.body
    assert put.json() == get(client, url)
    kept = put.json()
    assert kept["rolloutConfiguration"].pop("usingDefaultBehavior") is False
    assert kept == body
    closed = {"rolloutConfiguration": {"enableApi": False}}
    assert client.call("PUT", url, closed).status == 200
    refused = patch(client, handled, {"reason": "reason", **DISCOUNT})
    assert refused.json()["error"] == {
        "code": "CHK0124",
        "message": "Invalid change for order.",
        "exception": None,
    }
    own = {"settings": {"rolloutConfiguration": {"enableApi": True}}}
    assert patch(client, handled, {"reason": "reason", **DISCOUNT, **own}).status == 202
    nothing = client.call("PUT", url, {"other": 1}).json()["error"]
    assert nothing["code"] == "SalesOrderSystem027"


def test_what_is_not_there_is_said_so(client, handled):
    unknown = client.call("GET", f"{SYSTEM}/{handled}/changes/none")
    assert unknown.status == 404
    assert unknown.json()["error"]["message"] == "Change order request none not found."
    order = client.call("GET", f"{SYSTEM}/none/changes")
    assert (order.status, order.json()["error"]["code"]) == (404, "CHK0201")
    agreement = {"agreementType": "Acknowledgment"}
    nowhere = client.call("POST", "/pvt/orders/none/changes/c/send-agreement", agreement)
    assert nowhere.json()["error"]["message"] == "Order none not found."
    assert patch(client, handled, {"manualDiscountValue": 1}).json()["error"]["code"] == "OMS004"


def test_a_wrong_agreement_is_named(client, handled):
    change = requested(client, handled, **DISCOUNT)
    url = f"/pvt/orders/{handled}/changes/{change}/send-agreement"
    error = client.call("POST", url, {"agreementType": "Maybe"}).json()["error"]
    assert (error["code"], error["message"]) == (
        "SalesOrderSystem035",
        "The Maybe is not a valid Agreement Type.",
    )
    fields = client.call("POST", url, {"agreementType": "Confirmation"})
    assert fields.json() == {
        "orderId": handled,
        "changeRequestId": change,
        "agreementType": "Confirmation",
    }


def test_without_a_key_the_summary_is_closed_with_problem_details(app, handled):
    answer = Client(app).call("GET", f"/api/orders/pvt/document/{handled}/change-summary")
    assert (answer.status, answer.json()["status"]) == (401, 401)
    assert answer.header("content-type").startswith("application/problem+json")


class Moody(BuiltInGateway):
    """A gateway that fails as often as it gets, and keeps what it did by request id."""

    def __init__(self):
        self.away, self.refuses, self.closed, self.done = 0, False, False, {}

    def adjust(self, transaction, value, request_id):
        if self.closed:
            raise GatewayClosed("401")
        if self.away:
            self.away -= 1
            raise GatewayUnavailable("it is night")
        if self.refuses:
            raise GatewayRejected("No more on this card")
        self.done[request_id] = value
        return Receipt(request_id)


@pytest.fixture
def gateway(monkeypatch):
    gateway = Moody()
    monkeypatch.setattr(outbox, "holder_of", lambda cell, order: gateway)
    return gateway


START = datetime(2030, 1, 1, tzinfo=UTC)


def timed(cell, client):
    """A clock that the test turns, and an order in handling by it."""
    clock = set_clock(cell, START)
    client.app = build(cell)
    order_id = paid(client)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    return clock, order_id


def turned(cell, clock, **actor):
    clock.at += timedelta(**actor)
    asyncio.run(settle(cell))


def test_the_payment_is_requested_again_until_it_answers_and_adjusted_once(cell, client, gateway):
    clock, order_id = timed(cell, client)
    gateway.away = 3
    change = requested(client, order_id, **ADD)
    for seconds in (0, 6, 17, 50):
        turned(cell, clock, seconds=seconds)
    fields = get(client, f"{SYSTEM}/{order_id}/changes/{change}")
    assert fields["status"] == "done"
    assert gateway.done == {change: 500}
    assert [log["step"] for log in fields["logs"]].count("failed") == 3


def test_after_five_tries_it_waits_for_retry(cell, client, gateway):
    clock, order_id = timed(cell, client)
    gateway.away = 5
    change = requested(client, order_id, **ADD)
    for seconds in (0, 6, 17, 50, 150, 3600):
        turned(cell, clock, seconds=seconds)
    fields = get(client, f"{SYSTEM}/{order_id}/changes/{change}")
    assert (fields["status"], fields["tries"]) == ("waiting-confirmation", 5)
    assert fields["error"]["code"] == "OMS503"
    assert client.call("POST", f"{SYSTEM}/{order_id}/changes/{change}/retry").status == 204
    turned(cell, clock)
    assert get(client, f"{SYSTEM}/{order_id}/changes/{change}")["status"] == "done"
    again = client.call("POST", f"{SYSTEM}/{order_id}/changes/{change}/retry")
    assert again.json()["error"]["code"] == "SalesOrderSystem016"


def test_a_refused_increase_waits_at_once_and_can_be_canceled(cell, client, gateway):
    _, order_id = timed(cell, client)
    gateway.refuses = True
    change = requested(client, order_id, **ADD)
    asyncio.run(settle(cell))
    fields = get(client, f"{SYSTEM}/{order_id}/changes/{change}")
    assert fields["error"]["code"] == "CHK00342"
    url = f"{SYSTEM}/{order_id}/changes/{change}/cancel"
    assert client.call("POST", url, {"reason": "never mind"}).status == 200
    assert client.call("POST", url, {"reason": "never mind"}).status == 200
    asyncio.run(settle(cell))
    assert get(client, f"{SYSTEM}/{order_id}/changes/{change}")["status"] == "canceled"
    assert gateway.done == {}
    assert get(client, f"{ORDERS}/{order_id}")["allowEdition"] is True


def test_a_request_is_given_up_after_a_day_and_its_payment_set_back(
    cell, client, gateway, monkeypatch
):
    clock, order_id = timed(cell, client)
    change = requested(client, order_id, **ADD)

    def dies(*_, **__):
        raise RuntimeError("killed between the gateway's answer and its record")

    monkeypatch.setattr(outbox, "adjust_payment", dies)
    turned(cell, clock)
    assert gateway.done == {change: 500}
    turned(cell, clock, hours=24)
    fields = get(client, f"{SYSTEM}/{order_id}/changes/{change}")
    assert (fields["status"], fields["cancellation"]["code"]) == ("canceled", "SalesOrderSystem017")
    turned(cell, clock, minutes=1)
    assert gateway.done == {change: 500, f"{change}/restore": -500}
    assert get(client, f"{ORDERS}/{order_id}")["value"] == 2000


def test_what_may_have_been_paid_is_not_forgotten_when_the_gateway_lets_nobody_in(
    cell, client, gateway, monkeypatch
):
    clock, order_id = timed(cell, client)
    change = requested(client, order_id, **ADD)
    with monkeypatch.context() as dying:
        dying.setattr(outbox, "adjust_payment", lambda *_, **__: 1 / 0)
        turned(cell, clock)
    gateway.closed = True
    turned(cell, clock, hours=24)
    turned(cell, clock, minutes=1)
    assert gateway.done == {change: 500}
    assert get(client, f"{ORDERS}/{order_id}")["workflowIsInError"] is True
    gateway.closed = False
    (dead,) = get(client, "/api/ledger/outbox?state=dead")["list"]
    assert client.call("POST", f"/api/ledger/outbox/{dead['id']}/resume").status == 200
    turned(cell, clock)
    assert gateway.done == {change: 500, f"{change}/restore": -500}
    assert get(client, f"{ORDERS}/{order_id}")["workflowIsInError"] is False


@pytest.mark.parametrize("dies_at", range(6))
def test_a_worker_may_die_after_any_step_and_the_change_is_made_once(
    cell, client, gateway, monkeypatch, dies_at
):
    """Before a step is recorded, or after it was and nobody heard."""
    clock, order_id = timed(cell, client)
    change = requested(client, order_id, **ADD)
    decided, steps = outbox._decided, []

    async def mortal(*arguments, **named):
        steps.append(arguments[2])
        if len(steps) == dies_at // 2 + 1:
            if dies_at % 2:
                await decided(*arguments, **named)
            raise RuntimeError("killed")
        return await decided(*arguments, **named)

    monkeypatch.setattr(outbox, "_decided", mortal)
    turned(cell, clock)
    turned(cell, clock, seconds=6)
    fields = get(client, f"{SYSTEM}/{order_id}/changes/{change}")
    assert fields["status"] == "done"
    assert [log["step"] for log in fields["logs"]].count("applied") == 1
    assert gateway.done == {change: 500}
    assert get(client, f"{ORDERS}/{order_id}")["value"] == 2500


def test_filters_see_each_change_of_either_generation(cell, client, handled):
    expression = "$count(changesAttachment.changesData.itemsAdded) > 0"
    feed = {
        "filter": {"type": "FromOrders", "expression": expression, "disableSingleFire": True},
        "queue": {"visibilityTimeoutInSeconds": 60, "MessageRetentionPeriodInSeconds": 345600},
    }
    assert client.call("POST", "/api/orders/feed/config", feed).status == 200
    requested(client, handled, **ADD)
    asyncio.run(settle(cell))
    drain(cell, client)
    items = client.call("GET", "/api/orders/feed?maxlot=10").json()
    assert {item["orderId"] for item in items} == {handled}
    order = asyncio.run(cell.ledger.order("acme", handled))
    assert isinstance(order.change_requests[0].requested, events.ChangeRequested)


@pytest.mark.guarantee("G6", "G22")
@pytest.mark.parametrize("seed", range(4))
def test_clients_of_two_processes_at_once_end_as_if_one_after_the_other(cell, client, seed):
    """Whoever comes first, the others get the refusal that this implies, and nothing is lost."""
    other = Cell(cell.settings, cell.clock)
    clients = [client, Client(build(other), client.headers)]
    order_id = paid(client)
    assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204
    chance = random.Random(seed)
    commands = [
        ("PATCH", f"{SYSTEM}/{order_id}/changes", {"reason": "reason", **DISCOUNT}),
        ("PATCH", f"{SYSTEM}/{order_id}/changes", {"reason": "reason", **ADD}),
        ("POST", f"{ORDERS}/{order_id}/invoice", invoice("700", "a")),
        ("POST", f"{ORDERS}/{order_id}/invoice", invoice("800", "b")),
        ("POST", f"{ORDERS}/{order_id}/changes", REGISTERED),
    ]

    async def at_once():
        chance.shuffle(commands)
        requested = [chance.choice(clients).ask(*command) for command in commands]
        return await asyncio.gather(settle(cell), *requested, settle(cell))

    _, *answers, _ = asyncio.run(at_once())
    asyncio.run(settle(cell))
    other.close()
    assert {answer.status for answer in answers} <= {200, 202, 400, 409}
    order = asyncio.run(cell.ledger.order("acme", order_id))
    done = [one for one in order.change_requests if one.status == "done"]
    assert len(done) == sum(answer.status == 202 for answer in answers)
    assert not (done and order.registered_changes)
    v1 = sum(-one.change.discount_value for one in order.registered_changes)
    assert order.value == 2000 + v1 + sum(one.requested.value for one in done)
    assert order.value >= order.invoiced_value
    rest = str(order.value - order.invoiced_value)
    assert client.call("POST", f"{ORDERS}/{order_id}/invoice", invoice(rest, "z")).status == 200
    assert status(client, order_id) == "invoiced"
