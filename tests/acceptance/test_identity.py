"""Whose an order is: what the server gave, whatever clients write about themselves (G63)."""

import asyncio
import random
from dataclasses import replace
from functools import partial

import pytest

from oms_ledger.accounts.roles import ROLES
from oms_ledger.api.auth.checkout_access import ANONYMOUS
from oms_ledger.api.auth.dependencies import SHOPPER, Caller
from oms_ledger.api.auth.ownership import identified
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.parts import Json
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.placement.decide import place
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from oms_ledger.services.customers.identity import profile_id
from tests.support.client import Client
from tests.support.purchases import ACCOUNT, purchase
from tests.support.run_until_idle import settle

MINE = "/api/oms/user/orders"
ORDERS = "/api/oms/pvt/orders"
# The first two shop. A long s and a Kelvin sign are an s and a k to who folds cases further.
EMAILS = ("kiss@x.com", "Victim@x.com", "ki\u017fs@x.com", "\u212aiss@x.com", "old@x.com")
PROFILES = ("P1", "P2")


def body(email: str, profile: object) -> Json:
    fields = {"email": email, "userProfileId": profile, "firstName": "Ana", "lastName": "Souza"}
    return {**purchase(), "clientProfileData": fields}


def shopper(cell, app, email: str) -> Client:
    token = user_tokens.issue(cell.encryption, UserToken(ACCOUNT, 4_000_000_000, shopper=email))
    return Client(app, {"VtexIdclientAutCookie": token})


def places(cell, caller: Caller, number: int, sent: Json) -> str:
    """Place and pay what the caller sent, as the endpoints do it after they let the caller in."""
    ids = (f"{number}-{one}" for one in range(100))

    async def story() -> str:
        placed = dict(
            place(
                identified(cell, caller, sent),
                order_group=f"v{number}acme",
                sequences=(number,),
                transaction_id=f"T{number}",
                new_id=lambda: next(ids),
                account=await cell.ledger.account(ACCOUNT),
            )
        )
        placed = {order_id: replace(order, logistics=()) for order_id, order in placed.items()}
        ((order_id, order),) = (
            await cell.ledger.place(CommandContext(ACCOUNT, caller.app_key), placed)
        ).items()
        paid = partial(process_order, approved=frozenset(p.id for p in order.payments))
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, paid)
        return str(order_id)

    return asyncio.run(story())


def people(edges: set[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """By e-mail, as it says who somebody is, all e-mails that one profile after another joins."""
    joined = {email: {email} for email, _ in edges}
    for _ in edges:
        for email, profile in edges:
            for other, same in edges:
                if profile == same:
                    joined[email] |= joined[other]
    return {email: frozenset(all_of) for email, all_of in joined.items()}


@pytest.mark.guarantee("G63")
@pytest.mark.parametrize("seed", range(3))
def test_orders_are_theirs_by_what_server_and_keys_gave(cell, app, client, seed):
    dice = random.Random(seed)
    key = Caller(ACCOUNT, "key", ROLES["Owner"])
    plain_key = Caller(ACCOUNT, "reader", ROLES["OMS - Full access"])
    shoppers = [Caller(ACCOUNT, SHOPPER, frozenset(), email) for email in EMAILS[:2]]
    callers = [key, plain_key, *shoppers, Caller(ACCOUNT, ANONYMOUS, frozenset())]
    derived = [profile_id(cell.encryption, ACCOUNT, email) for email in EMAILS]
    edges, placed = set[tuple[str, str]](), dict[str, str]()
    for number in range(1, 15):
        caller, email = dice.choice(callers), dice.choice(EMAILS)
        sent = dice.choice([*PROFILES, *derived, None, 7])
        order_id = places(cell, caller, number, body(email, sent))
        who = email.lower() if email.isascii() else email
        given = sent if caller is key and isinstance(sent, str) else derived[EMAILS.index(email)]
        edges.add((who, given))
        placed[order_id] = who
        document = client.call("GET", f"{ORDERS}/{order_id}").json()
        assert document["clientProfileData"]["userProfileId"] == given
    for email in EMAILS[:2]:
        own = people(edges).get(email.lower(), frozenset({email.lower()}))
        user = shopper(cell, app, email)
        listed = user.call("GET", f"{MINE}?per_page=100").json()["list"]
        assert {row["orderId"] for row in listed} == {o for o, who in placed.items() if who in own}
        for order_id, who in placed.items():
            theirs = who in own
            url = f"/api/checkout/pub/orders/{order_id}/user-cancel-request"
            assert (user.call("GET", f"{MINE}/{order_id}").status == 200) is theirs
            assert (user.call("POST", url, {"reason": "mine"}).status != 404) is theirs


@pytest.mark.guarantee("G63")
def test_a_changed_e_mail_takes_the_order_along_and_merges_nobody(cell, app, client, client_of):
    anonymous = Caller(ACCOUNT, ANONYMOUS, frozenset())
    changed, kept = (places(cell, anonymous, n, body("victim@x.com", None)) for n in (1, 2))
    assert client.call("POST", f"{ORDERS}/{changed}/start-handling", {}).status < 300
    victims = profile_id(cell.encryption, ACCOUNT, "victim@x.com")
    line = {"id": "7", "quantity": 1, "price": 2000}
    fields = {"email": "thief@x.com", "userProfileId": victims}
    change = {
        "reason": "moved",
        "manualDiscountValue": 1,
        "replace": [
            {"from": {"items": [line]}, "to": {"items": [line], "clientProfileData": fields}}
        ],
    }
    url = f"/api/order-system/orders/{changed}/changes"
    answer = client_of("OMS - Full access").call("PATCH", url, change)
    assert answer.status == 202, answer.body
    asyncio.run(settle(cell))
    profile = client.call("GET", f"{ORDERS}/{changed}").json()["clientProfileData"]
    assert (profile["email"], profile["userProfileId"] == victims) == ("thief@x.com", False)
    thief, victim = shopper(cell, app, "thief@x.com"), shopper(cell, app, "victim@x.com")
    for user, theirs, others in ((thief, changed, kept), (victim, kept, changed)):
        assert user.call("GET", f"{MINE}/{theirs}").status == 200
        assert user.call("GET", f"{MINE}/{others}").status == 404
