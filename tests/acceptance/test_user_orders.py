"""A shopper's own orders, an operator's look at them, and data that an account masks."""

import asyncio
from dataclasses import replace

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.documents.masking import masked
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from tests.support.client import Client
from tests.support.purchases import (
    ACCOUNT,
    PAID,
    open_account,
    placed,
)

ORDERS = "/api/oms/pvt/orders"
MINE = "/api/oms/user/orders"
DOCUMENT = "/api/orders/pvt/document"


def an_order(number, email, profile=None, **more):
    person = {"email": email, "firstName": "John", "lastName": "Doe", "userProfileId": profile}
    return replace(placed(number), client_profile={**person, "document": "22861749719"}, **more)


PLACED = {
    "v1acme-01": an_order(1, "old@x.com", "P1"),
    "v2acme-01": an_order(2, "New@x.com", "P1"),
    "v3acme-01": an_order(3, "new@x.com"),  # as a guest, before the profile was there
    "v4acme-01": an_order(4, "other@x.com", "P2"),
    "v5acme-01": an_order(5, "new@x.com", "P1"),  # never paid
}


def setting(cell, **settings):
    def decide(_):
        return [AccountSettingsChanged(settings)]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), decide))


@pytest.fixture
def shop(cell, client):
    async def story():
        for order_id, order in PLACED.items():
            await cell.ledger.place(CommandContext(ACCOUNT, "test"), {order_id: order})
            if order_id != "v5acme-01":
                await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, PAID)

    asyncio.run(story())
    return client


def shopper(cell, client, email, account=ACCOUNT):
    token = user_tokens.issue(cell.encryption, UserToken(account, 4_000_000_000, shopper=email))
    return Client(client.app, {"VtexIdclientAutCookie": token})


def ids(answer):
    assert answer.status == 200, answer.body
    return [row["orderId"] for row in answer.json()["list"]]


@pytest.mark.guarantee("G34")
def test_a_shopper_sees_own_orders_across_merged_e_mails_newest_first(cell, shop):
    own = ["v3acme-01", "v2acme-01", "v1acme-01"]
    for email in ("new@x.com", "OLD@x.com"):
        user = shopper(cell, shop, email)
        assert ids(user.call("GET", MINE)) == own
        assert ids(user.call("GET", f"{MINE}?clientEmail=other@x.com")) == own
        for order_id in own:
            assert user.call("GET", f"{MINE}/{order_id}").json()["orderId"] == order_id
        assert user.call("GET", f"{MINE}/last").json()["orderId"] == "v3acme-01"
        foreign = user.call("GET", f"{MINE}/v4acme-01?clientEmail=other@x.com")
        unknown = user.call("GET", f"{MINE}/v9acme-01")
        assert (foreign.status, foreign.body) == (404, unknown.body)
        assert user.call("GET", f"{ORDERS}/v1acme-01").status == 403
    assert ids(shopper(cell, shop, "nobody@x.com").call("GET", MINE)) == []
    assert shopper(cell, shop, "nobody@x.com").call("GET", f"{MINE}/last").status == 404


@pytest.mark.guarantee("G34")
def test_a_shopper_cancels_what_was_ordered_under_a_former_e_mail_and_nothing_else(cell, shop):
    user = shopper(cell, shop, "new@x.com")

    def cancel(order_id):
        url = f"/api/checkout/pub/orders/{order_id}/user-cancel-request"
        return user.call("POST", url, {"reason": "too late"})

    foreign, unknown = cancel("v4acme-01"), cancel("v9acme-01")
    assert (foreign.status, foreign.json()["error"]) == (404, unknown.json()["error"])
    assert cancel("v1acme-01").status == 200
    document = shop.call("GET", f"{ORDERS}/v1acme-01").json()
    assert document["status"] == "cancellation-requested"
    assert document["cancellationRequests"][0]["requestedByUser"] is True
    assert shop.call("GET", f"{ORDERS}/v4acme-01").json()["status"] == "ready-for-handling"


@pytest.mark.guarantee("G34")
def test_pages_of_own_orders_are_counted(cell, shop):
    user = shopper(cell, shop, "new@x.com")
    first = user.call("GET", f"{MINE}?per_page=2&page=0").json()
    assert first["paging"] == {"total": 3, "pages": 2, "currentPage": 1, "perPage": 2}
    second = user.call("GET", f"{MINE}?pageSize=2&page=2").json()
    assert [row["orderId"] for row in second["list"]] == ["v1acme-01"]
    assert second["stats"]["stats"]["totalValue"]["Count"] == 3
    assert user.call("GET", f"{MINE}?per_page=101").status == 400
    assert user.call("GET", f"{MINE}?page=x").status == 400


@pytest.mark.guarantee("G34")
def test_an_operator_looks_for_a_customer_and_lists_all_only_as_who_may(shop, client_of):
    operator = client_of("Call center operator")
    found = operator.call("GET", f"{MINE}?clientEmail=old%40x.com")
    assert ids(found) == ["v3acme-01", "v2acme-01", "v1acme-01"]
    refused = operator.call("GET", MINE)
    assert (refused.status, "clientEmail" in refused.json()["error"]["message"]) == (400, True)
    assert operator.call("GET", f"{MINE}/v4acme-01").status == 200
    assert operator.call("GET", f"{MINE}/v4acme-01?clientEmail=new@x.com").status == 404
    assert len(ids(shop.call("GET", MINE))) == 4
    assert client_of("Feed reader").call("GET", MINE).status == 403


@pytest.mark.guarantee("G51")
def test_a_shopper_of_one_account_is_nobody_in_another(cell, shop):
    asyncio.run(open_account(cell.ledger, name="other"))
    other_shopper = shopper(cell, shop, "new@x.com", account="other")
    assert ids(other_shopper.call("GET", MINE)) == []
    assert other_shopper.call("GET", f"{MINE}/v1acme-01").status == 404
    assert other_shopper.call("GET", f"{MINE}?an={ACCOUNT}").status == 403


def test_buyers_of_a_company_search_by_text_status_and_agent(cell, shop):
    agent = {"purchaseAgentData": {"purchaseAgents": [{"id": "AG-1"}]}}
    order = an_order(6, "buyer@x.com", details=agent)

    async def story():
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v6acme-01": order})
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v6acme-01", PAID)

    asyncio.run(story())
    assert len(ids(shop.call("GET", f"{MINE}?purchase_agent_id=AG-1"))) == 5  # ignored elsewhere
    setting(cell, b2b=True)
    requested = {
        "purchase_agent_id=ag-1&purchase_agent_id=ag-2": ["v6acme-01"],
        "text=buyer@x.com": ["v6acme-01"],
        "text=buyer": [],
        "status=handling&status=canceled": [],
        "creation_date=creationDate:[* TO 2020-01-01T00:00:00Z]": [],
        "my_pending_approvals=true": [],
        "text=v6acme-01&status=ready-for-handling": ["v6acme-01"],
    }
    for query, expected in requested.items():
        assert ids(shop.call("GET", f"{MINE}?{query}")) == expected, query


# Masking


def test_the_published_examples_are_masked_as_published():
    assert masked("John") == "J***"
    assert masked("john.doe@example.com") == "j***.d**@e******.c**"


@pytest.fixture
def masking(cell, shop):
    where = {"street": "Long Road", "city": "Rio", "addressType": "residential"}
    address = {"receiverName": "John Doe", **where}
    order = replace(an_order(7, "john.doe@example.com"), address=address)

    async def story():
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v7acme-01": order})
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v7acme-01", PAID)

    asyncio.run(story())
    setting(cell, pii=True)
    return shop


def fields(document):
    profile, address = document["clientProfileData"], document["shippingData"]["address"]
    return (
        *(profile[name] for name in ("email", "firstName", "document")),
        *(address[name] for name in ("receiverName", "street", "city")),
    )


HIDDEN = ("j***.d**@e******.c**", "J***", "2**********", "J*** D**", "L*** R***", "Rio")
PLAIN = ("john.doe@example.com", "John", "22861749719", "John Doe", "Long Road", "Rio")


def test_an_account_that_masks_shows_nobody_in_documents_and_lists(masking):
    for url in (f"{ORDERS}/v7acme-01", f"{DOCUMENT}/v7acme-01", f"{DOCUMENT}/v7acme-01?reason="):
        assert fields(masking.call("GET", url).json()) == HIDDEN
    assert fields(masking.call("GET", f"{ORDERS}/order-group/v7acme").json()[0]) == HIDDEN
    (row,) = masking.call("GET", f"{ORDERS}?q=v7acme").json()["list"]
    assert row["clientName"] == "J*** D**"
    found = masking.call("POST", "/api/orders/extendsearch/orders", {"q": "v7acme"}).json()["list"]
    assert [(r["clientEmail"], r["clientDocument"]) for r in found] == [(HIDDEN[0], HIDDEN[2])]


def test_in_an_account_that_masks_only_whole_names_and_documents_find_somebody(masking):
    totals = {
        q: masking.call("GET", f"{ORDERS}?q={q}").json()["paging"]["total"]
        for q in ("john doe", "john", "Jo", "22861749719", "2286")
    }
    assert totals == {"john doe": 5, "john": 0, "Jo": 0, "22861749719": 5, "2286": 0}


def test_a_reason_unmasks_and_its_reader_is_in_the_orders_history(cell, masking):
    before = cell.store.head()
    for nothing in ("", "null", "undefined", " "):
        url = f"{DOCUMENT}/v7acme-01?reason={nothing}"
        assert fields(masking.call("GET", url).json()) == HIDDEN
    assert cell.store.head() == before
    url = f"{DOCUMENT}/v7acme-01?reason=complaint+17"
    answer = masking.call("GET", url)
    assert fields(answer.json()) == PLAIN
    (row,) = cell.store.page(before)
    assert (row.name, row.actor) == (
        "personal-data-disclosed",
        masking.headers["X-VTEX-API-AppKey"],
    )
    assert row.cause == answer.header("x-request-id")
    (event,) = cell.loader().events([row])
    assert event == events.PersonalDataDisclosed("complaint 17")
    again = masking.call("GET", f"{DOCUMENT}/v7acme-01").json()
    assert again["lastChange"] == answer.json()["lastChange"]
    assert masking.call("GET", f"{DOCUMENT}/v9acme-01?reason=x").status == 404


def test_the_past_of_an_order_is_masked_as_its_present(masking):
    past = "/api/ledger/orders/v7acme-01"
    assert fields(masking.call("GET", f"{past}?version=1").json()) == HIDDEN
    for url in (past, f"{past}?document=pii", f"{past}/events", f"{past}/events?document=pii"):
        answer = masking.call("GET", url)
        assert answer.status == 200
        assert not [text for text in PLAIN[:5] if f'"{text}"' in answer.body.decode()], url


def test_shoppers_see_themselves_unmasked_and_operators_do_not(cell, masking):
    user = shopper(cell, masking, "john.doe@example.com")
    assert fields(user.call("GET", f"{MINE}/v7acme-01").json()) == PLAIN
    assert user.call("GET", MINE).json()["list"][0]["clientName"] == "John Doe"
    assert fields(masking.call("GET", f"{MINE}/v7acme-01").json()) == HIDDEN


def test_without_the_setting_a_reason_has_no_effect(cell, shop):
    before = cell.store.head()
    document = shop.call("GET", f"{DOCUMENT}/v1acme-01?reason=curious").json()
    assert document["clientProfileData"]["email"] == "old@x.com"
    assert cell.store.head() == before
