"""v1 increases over HTTP, paid by a gateway over HTTP: what it holds is what the order costs."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.services.changes import registration, v1_payment
from oms_ledger.settings import Settings
from projections.accounts.gateways import RemoteGateway
from projections.outbox import messages
from tests.acceptance.test_http_gateway import LOOPBACK, Gateway
from tests.acceptance.test_order_life import ORDERS, invoice
from tests.acceptance.test_payments import (
    APPROVED,
    Placed,
    body,
    card,
)
from tests.acceptance.test_registered_changes import change
from tests.support.clock import set_clock
from tests.support.configuring import configure_gateway
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle

SYSTEM = "/api/order-system/orders"


class Counting(Gateway):
    """Counts what it has authorized: what it said yes to, less what it let go."""

    def __init__(self):
        super().__init__()
        self.values = {}

    def answer(self, method, path, fields, headers):
        if method == "POST" and "/payments?" in path and not self.away:
            self.values |= {one["id"]: one["value"] for one in fields}
        return super().answer(method, path, fields, headers)

    @property
    def authorized(self):
        requested = {
            name for name, (what, _) in self.done.items() if what == "authorization-request"
        }
        more = sum(value for name, value in self.values.items() if name in requested)
        return 2000 + more - sum(one["value"] for one in self.did("cancellation-request"))


@pytest.fixture
def far():
    gateway = Counting()
    yield gateway
    gateway.close()


@pytest.fixture
def cell(cell, tmp_path, far):
    """A cell that may connect to loopback addresses, and whose account has a gateway there."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=cell.settings.database_url,
        master_key=b"k" * 32,
        hook_allowed_networks=LOOPBACK,
    )
    opened = Cell(settings, cell.clock)
    remote = RemoteGateway(ACCOUNT, far.url, "key-1", "secret-token")
    configure_gateway(opened, remote)
    yield opened
    opened.close()


@pytest.fixture
def order(cell, far, client):
    """The id of an order of 20.00 in handling."""
    bought = Placed(client, body())
    bought.send(card(APPROVED))
    assert bought.process().status == 204
    assert client.call("POST", f"{ORDERS}/{bought.ids[0]}/start-handling").status == 204
    asyncio.run(settle(cell))
    return bought.ids[0]


def more(client, order, value=500, request_id="more", **headers):
    body = {
        "requestId": request_id,
        "reason": "reason",
        "discountValue": 0,
        "incrementValue": value,
    }
    return client.call("POST", f"{ORDERS}/{order}/changes", body, **headers)


def value(client, order):
    return client.call("GET", f"{ORDERS}/{order}").json()["value"]


def later(cell, **actor):
    """So much later, all timers and calls done; from here on the clock stands."""
    set_clock(cell, cell.clock.now() + timedelta(**actor))
    asyncio.run(settle(cell))


def history(cell, order):
    rows = cell.store.stream(order_stream(ACCOUNT, order))
    return [row.name for row in rows if row.name.startswith("change-")]


def refusal(answer):
    error = answer.json()["error"]
    return answer.status, error["code"], error["message"]


def dies_over(client, order):
    """The process dies over the request: no answer, or over a socket the server's word for that."""
    answer = None
    with suppress(OSError):
        answer = more(client, order)
    assert answer is None or answer.status == 500


def crashes(monkeypatch):
    """The process that registers dies after the gateway's yes."""

    async def dies(*arguments, **named):
        raise OSError("the process died")

    paid = v1_payment.authorize_increase

    async def pays_and_dies(*arguments, **named):
        await paid(*arguments, **named)
        await dies()

    monkeypatch.setattr(registration, "authorize_increase", pays_and_dies)


@pytest.mark.guarantee("G26")
def test_an_increase_is_prepared_paid_registered_and_invoiced(cell, far, client, order):
    pan = {"id": "9", "quantity": 1, "price": 500}
    assert change(client, order, itemsAdded=[pan]).status == 200
    assert history(cell, order) == ["change-prepared", "change-registered"]
    assert value(client, order) == far.authorized == 2500
    assert client.call("POST", f"{ORDERS}/{order}/invoice", invoice("2500")).status == 200
    asyncio.run(settle(cell))
    assert far.did("settlement-request") == [{"value": 2500}]
    assert far.did("cancellation-request") == []


def test_a_decrease_needs_no_preparation(cell, far, client, order):
    assert change(client, order, discountValue=100).status == 200
    assert history(cell, order) == ["change-registered"]


@pytest.mark.guarantee("G5")
def test_an_answer_that_was_lost_is_requested_again_and_paid_once(cell, far, client, order):
    far.trouble = [200, 502]  # it takes the payment, authorizes it, and nobody hears it
    assert refusal(more(client, order)) == (500, "OMS010", "500 Internal Server Error")
    assert (value(client, order), far.authorized) == (2000, 2500)
    again = more(client, order)
    assert again.status == 200
    assert more(client, order).body == again.body
    later(cell, days=1)
    assert value(client, order) == far.authorized == 2500
    assert history(cell, order) == ["change-prepared", "change-registered"]


@pytest.mark.guarantee("G5")
def test_an_idempotency_key_stands_for_the_registered_change(cell, far, client, order):
    far.trouble = [200, 502]
    assert more(client, order, idempotency_key="k").status == 500
    first = more(client, order, idempotency_key="k")
    again = more(client, order, idempotency_key="k")
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert again.header("Idempotent-Replayed") == "true"
    assert value(client, order) == far.authorized == 2500


@pytest.mark.guarantee("G23")
def test_what_nobody_registers_is_given_back_and_requested_of_the_gateway_once(
    cell, far, client, order, monkeypatch
):
    with monkeypatch.context() as patched:
        crashes(patched)
        dies_over(client, order)
    assert far.authorized == 2500
    later(cell, minutes=10)
    assert value(client, order) == far.authorized == 2000
    later(cell, days=1)
    assert far.did("cancellation-request") == [{"value": 500}]
    names = ["change-prepared", "change-abandoned", "change-withdrawn"]
    assert history(cell, order) == names
    assert more(client, order).status == 200
    assert value(client, order) == far.authorized == 2500


@pytest.mark.guarantee("G23")
def test_a_gateway_that_is_away_gives_back_when_it_is_there_again(
    cell, far, client, order, monkeypatch
):
    with monkeypatch.context() as patched:
        crashes(patched)
        dies_over(client, order)
    far.away = True
    later(cell, minutes=10)
    with cell.database.snapshot() as connection:
        (pending,) = messages.listed(connection, state=messages.WAITING)
    assert (pending.kind, "maintenance" in pending.last_error) == ("withdraw-change", True)
    far.away = False
    later(cell, minutes=1)
    assert value(client, order) == far.authorized == 2000


@pytest.mark.guarantee("G22")
def test_an_order_that_is_invoiced_meanwhile_keeps_its_value(cell, far, client, order, monkeypatch):
    paid = v1_payment.authorize_increase

    async def invoiced_meanwhile(*arguments, **named):
        name = await paid(*arguments, **named)
        fields = await client.ask("POST", f"{ORDERS}/{order}/invoice", invoice("2000"))
        assert fields.status == 200
        return name

    monkeypatch.setattr(registration, "authorize_increase", invoiced_meanwhile)
    refused = more(client, order)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "OMS010")
    asyncio.run(settle(cell))
    assert value(client, order) == far.authorized == 2000
    assert far.did("settlement-request") == [{"value": 2000}]
    assert far.did("cancellation-request") == [{"value": 500}]


@pytest.mark.guarantee("G6")
def test_while_an_increase_is_prepared_other_changes_wait_and_invoices_do_not(
    cell, far, client, order
):
    far.trouble = [200, 502]
    assert more(client, order).status == 500
    head = cell.store.head()
    v2 = {"reason": "reason", "manualDiscountValue": 1}
    for answer in (
        more(client, order, request_id="other"),
        more(client, order, value=501),
        change(client, order, discountValue=1),
        client.call("PATCH", f"{SYSTEM}/{order}/changes", v2),
    ):
        assert refusal(answer) == (409, "SalesOrderSystem014", "Change In Progress.")
        assert answer.header("Retry-After") == "5"
    assert cell.store.head() == head
    part = client.call("POST", f"{ORDERS}/{order}/invoice", invoice("1000"))
    assert part.status == 200
    assert more(client, order).status == 200
    assert value(client, order) == far.authorized == 2500


def test_a_denied_increase_leaves_the_order_as_it_was(cell, far, client, order):
    far.status = "Denied"
    before = client.call("GET", f"{ORDERS}/{order}").json()
    assert more(client, order).status == 400
    assert client.call("GET", f"{ORDERS}/{order}").json() == before
    assert history(cell, order) == ["change-prepared", "change-withdrawn"]
    later(cell, days=1)
    assert far.did("cancellation-request") == []


@pytest.mark.guarantee("G45")
@pytest.mark.parametrize("status", [401, 403])
def test_a_gateway_that_lets_nobody_in_is_shown(cell, far, client, order, status):
    far.trouble = [status] * 2
    assert more(client, order).status == 500
    asyncio.run(settle(cell))
    assert client.call("GET", f"{ORDERS}/{order}").json()["workflowIsInError"] is True


@pytest.mark.guarantee("G27")
def test_a_request_id_of_any_letters_reaches_the_gateway(cell, far, client, order):
    request_id = "größer 大 #1"
    assert more(client, order, request_id=request_id).status == 200
    assert f"{order}/{request_id}" in far.done
    assert value(client, order) == far.authorized == 2500


def test_the_history_tells_of_a_preparation(client, order):
    assert more(client, order).status == 200
    fields = client.call("GET", f"/api/ledger/orders/{order}/events").json()
    entry = next(one for one in fields["events"] if one["name"] == "change-prepared")
    assert entry["data"] == {"requestId": "more", "value": 500, "askedAs": f"{order}/more"}
    assert entry["changes"] == []
