"""Why not: what gets of every command is what the command itself answers."""

import asyncio

import pytest

from tests.acceptance.order_kinds import (
    ORDERS_OF_ONE,
    act,
    divergent,
    fulfilled_elsewhere,
)
from tests.acceptance.test_partners import paid as bought
from tests.acceptance.test_partners import place as ordered
from tests.acceptance.test_partners import sold_by
from tests.support.run_until_idle import settle
from tests.support.sales import (
    OTHER_SHOP,
    SHOP,
    STORE,
    open_accounts,
)

COMMANDS = {
    *("payment-notification", "fulfill", "authorize-fulfillment", "start-handling"),
    *("waiting-for-fulfillment", "ready-for-invoicing", "invoice (Output)", "invoice (Input)"),
    *("tracking number", "tracking", "change (v1)", "change (v2)", "retry change (v2)"),
    *("cancel change (v2)", "change seller", "cancel", "deny cancellation", "refund"),
}


def explained(client, order_id):
    url = f"/api/ledger/orders/{order_id}/actions?seller={OTHER_SHOP}"
    fields = client.call("GET", url)
    assert fields.status == 200, fields.body
    return fields.json()["actions"]


def recorded(client, order_id):
    fields = client.call("GET", f"/api/ledger/orders/{order_id}/events?limit=200").json()
    return [event["name"] for event in fields["events"]]


def send(client, action):
    return client.call(action["method"], action["path"], action["body"])


def agree(client, made):
    """What gets of each command of such an order is what it answers; the commands' names."""
    order_id = made(client)
    actions = explained(client, order_id)
    before = recorded(client, order_id)
    for action in (one for one in actions if not one["allowed"]):
        answer = send(client, action)
        error = answer.json()["error"]
        fields = {"status": answer.status, "code": error["code"], "message": error["message"]}
        assert fields == action["refusal"], action
    assert recorded(client, order_id) == before
    for index, fields in enumerate(actions):
        if not fields["allowed"]:
            continue
        order_id = made(client)
        action = explained(client, order_id)[index]
        assert action["command"] == fields["command"]
        before = recorded(client, order_id)
        answer = send(client, action)
        assert answer.status < 300, (action, answer.body)
        new = recorded(client, order_id)[len(before) :]
        if action["command"] == "change seller":  # the other seller answered meanwhile
            new = new[: len(action["wouldRecord"])]
        assert new == action["wouldRecord"], action
    return {action["command"] for action in actions}


@pytest.mark.parametrize("made", ORDERS_OF_ONE, ids=lambda made: made.__name__)
def test_what_is_said_of_every_command_is_what_it_answers(client, made):
    names = agree(client, made)
    elsewhere = made in (fulfilled_elsewhere, divergent)  # takes no money, so has no transaction
    missing = {"payment-notification", "refund"} if elsewhere else set()
    assert names == COMMANDS - missing


def sold(cell, store, shop):
    order_id = bought(store, sold_by(SHOP))
    asyncio.run(settle(cell))
    return order_id


def sold_and_pending(cell, store, shop):
    body = sold_by(SHOP)
    body["paymentData"]["payments"][0]["paymentSystem"] = "125"
    order_id = bought(store, body)
    asyncio.run(settle(cell))
    return order_id


def left_by_its_seller(cell, store, shop):
    order_id = sold(cell, store, shop)
    for _ in range(2):
        act(shop, f"00-{order_id}", "cancel")
    asyncio.run(settle(cell))
    return order_id


def waiting_for_its_seller(cell, store, shop):
    order_id = sold(cell, store, shop)
    act(store, order_id, "cancel")
    asyncio.run(settle(cell))
    return order_id


@pytest.mark.parametrize(
    "made",
    [sold, sold_and_pending, left_by_its_seller, waiting_for_its_seller],
    ids=lambda made: made.__name__,
)
def test_the_same_of_orders_that_another_account_delivers(cell, app, client_of, made):
    asyncio.run(open_accounts(cell, STORE, SHOP, OTHER_SHOP))
    store, shop = client_of(account=STORE), client_of(account=SHOP)
    assert agree(store, lambda client: made(cell, client, shop)) == COMMANDS


def test_a_change_of_seller_is_tried_with_the_seller_that_is_named(cell, app, client_of):
    asyncio.run(open_accounts(cell, STORE, SHOP))
    store, shop = client_of(account=STORE), client_of(account=SHOP)
    order_id = left_by_its_seller(cell, store, shop)

    def of_seller(query):
        url = f"/api/ledger/orders/{order_id}/actions{query}"
        actions = store.call("GET", url).json()["actions"]
        return next(one for one in actions if one["command"] == "change seller")

    assert of_seller("")["allowed"]
    assert of_seller("?seller=nobody")["refusal"]["code"] == "CHK0162"
    assert of_seller(f"?seller={SHOP}")["refusal"]["code"] == "CHK0195"
    assert ordered(store, sold_by("nobody")).status == 400
