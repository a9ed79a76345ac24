"""List orders and the extended search over HTTP: filters, search, order, pages, figures."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from statistics import stdev
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from projections.orders import views as orders_views
from projections.orders.views import OrderViews
from projections.outbox.tables import outbox_messages
from projections.subscriptions import checkpoints, leases
from projections.tables import order_search_terms, order_totals
from projections.tables import order_views as views
from tests.support.purchases import (
    ACCOUNT,
    PAID,
    open_account,
    placed,
)
from workers.projector import ensure_subscriptions

ORDERS = "/api/oms/pvt/orders"
SEARCH = "/api/orders/extendsearch/orders"


def an_order(number, **changes):
    """Order n of n units at 1000 cents; what else gets of it is in `changes`."""
    return replace(placed(number, 1000, number), **changes)


def person(first, last, email, **more):
    return {"client_profile": {"firstName": first, "lastName": last, "email": email, **more}}


def paid_by(name, **details):
    payment = events.Payment(f"PAY{name}", "2", name, "creditCard", 1000, 1000, details=details)
    return {"payments": (payment,)}


def fields(**details):
    return {"details": details}


ODD_NAME = 'The "Good"  Shop & Co: São'
PROMOTED = {"rateAndBenefitsIdentifiers": [{"id": "r1", "name": "Free Shipping"}]}
JOSE = person("José", "Ávila", "a+b@x.com", document="123.456.789-09")
ANA = person("Ana", "Souza", "ANA@x.com", document="99")
ANABELA = person("Anabela", "Reis", "r@x.com")
IN_STORE = {"utmSource": "Christmas", "marketingTags": ["vtex-instore"]}
BY_OPERATOR = fields(
    salesChannelData={"name": "Main"},
    callCenterOperatorData={"userName": "Op One"},
    giftRegistryData={"giftRegistryId": "11223"},
)
BOLETO = paid_by("Boleto, Bancário", tid="T-1", connectorResponses={"Tid": "T-1", "nsu": "0042"})

ORDERS_PLACED = {
    "v1acme-01": an_order(1, seller_name=ODD_NAME, **JOSE),
    "v2acme-01": an_order(2, seller_name="Plain", affiliate_id="WLM", **ANA),
    "v3acme-01": an_order(3, marketing=IN_STORE, **ANABELA),
    "v4acme-01": an_order(4, sales_channel="7", **BY_OPERATOR),
    "v5acme-01": an_order(
        5,
        flow="seller",
        marketplace_order_id="MKT-5",
        **fields(ratesAndBenefitsData=PROMOTED),
        **BOLETO,
    ),
}


@pytest.fixture
def orders(cell, client):
    """Five orders: the first two paid, the third canceled, the last two as placed."""

    async def story():
        for order_id, order in ORDERS_PLACED.items():
            await cell.ledger.place(CommandContext(ACCOUNT, "test"), {order_id: order})
        for order_id in list(ORDERS_PLACED)[:3]:
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, PAID)

        def canceled(order, context):
            return cancel(order, context, reason=None, requested_by_user=False)

        for _ in range(2):  # asked for, and accepted by the seller, who is the same here
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v3acme-01", canceled)

    asyncio.run(story())
    return client


def listed(client, *pairs, path=ORDERS, **parameters):
    query = urlencode([*pairs, *parameters.items()])
    answer = client.call("GET", f"{path}?{query}")
    assert answer.status == 200, answer.body
    return answer.json()


def numbers(answer):
    return sorted(int(row["orderId"][1]) for row in answer["list"])


FILTERS = [
    ({"f_status": "ready-for-handling"}, [1, 2]),
    ({"f_status": "READY-FOR-HANDLING,canceled"}, [1, 2, 3]),
    ({"f_status": "shipped"}, []),
    ({"f_status": "$$ALL_VALUES$$"}, [1, 2, 3]),
    ({"f_status": ""}, [1, 2, 3]),
    ({"f_statusDescription": "Pronto para o manuseio"}, [1, 2]),
    ({"f_statusDescription": "Canceled", "f_status": "ready-for-handling"}, []),
    ({"f_sellerNames": 'the "good"  shop & co: são'}, [1]),
    ({"f_sellerNames": 'The "Good" Shop & Co: São'}, []),  # one space less
    ({"f_sellerNames": 'The "Good"  Shop & Co: Sao'}, []),
    ({"f_sellerNames": "Plain,Acme"}, [2, 3]),
    ({"f_affiliateId": "wlm"}, [2]),
    ({"f_UtmSource": "christmas"}, [3]),
    ({"f_isInstore": "True"}, [3]),
    ({"f_isInstore": "0"}, [1, 2]),
    ({"f_hasOutputInvoice": "false"}, [1, 2, 3]),
    ({"f_hasInputInvoice": "true"}, []),
    ({"filterError": "all"}, []),
    ({"salesChannelId": "1"}, [1, 2, 3]),
    ({"f_salesChannel": "Main"}, []),
    ({"searchField": "sku_Ids", "sku_Ids": "7,8"}, [1, 2, 3]),
    ({"sku_Ids": "8"}, [1, 2, 3]),  # no field is named
    ({"searchField": "paymentId", "paymentId": "PAY"}, [1, 2, 3]),
    ({"searchField": "nsu", "nsu": "0042"}, []),
    ({"f_creationDate": "creationDate:[2020-01-01T00:00:00Z TO *]"}, [1, 2, 3]),
    ({"f_creationDate": "[2022-01-01T02:00:00.000Z TO 2022-01-01T01:59:59.999Z]"}, []),
    ({"f_creationDate": "[* TO 2020-01-01T00:00:00-0300]"}, []),
    ({"f_authorizedDate": "authorizedDate:[2020-01-01T00:00:00Z TO *]"}, [1, 2, 3]),
    ({"f_readyForHandlingDate": "[* TO *]"}, [1, 2, 3]),
    ({"q": "v1acme"}, [1]),
    ({"q": "V2ACME-01"}, [2]),
    ({"q": "3"}, [3]),  # the sequence
    ({"q": "a+b@x.com"}, [1]),
    ({"q": "ana@X.com"}, [2]),
    ({"q": "123.456.789-09"}, [1]),
    ({"q": "12345678909"}, [1]),
    ({"q": "jose"}, [1]),
    ({"q": "Ana"}, [2, 3]),
    ({"q": "souza ana"}, [2]),
    ({"q": "nabela"}, []),
    ({"q": "avila", "f_status": "canceled"}, []),
    ({"unknown": "ignored", "total": "3", "pages": "1"}, [1, 2, 3]),
]


@pytest.mark.guarantee("G32")
@pytest.mark.parametrize("incomplete", [False, True], ids=["complete", "incomplete"])
def test_filters_find_what_they_say(orders, incomplete):
    if not incomplete:
        for requested, expected in FILTERS:
            answer = listed(orders, **requested)
            assert (numbers(answer), requested) == (expected, requested)
            assert (answer["paging"]["total"], requested) == (len(expected), requested)
        return
    for requested, expected in [
        ({}, [4, 5]),
        ({"f_salesChannel": "main"}, [4]),
        ({"salesChannelId": "7"}, [4]),
        ({"f_callCenterOperatorName": "OP ONE"}, [4]),
        ({"searchField": "listId", "listId": "11223"}, [4]),
        ({"f_RnB": "free shipping"}, [5]),
        ({"searchField": "tid", "tid": "T-1"}, [5]),
        ({"searchField": "nsu", "nsu": "0042"}, [5]),
        ({"f_paymentNames": "Boleto, Bancário"}, []),  # a comma parts two values
        ({"f_status": "handling"}, []),
    ]:
        answer = listed(orders, incompleteOrders="True", **requested)
        assert (numbers(answer), requested) == (expected, requested)
        assert answer["paging"]["total"] == len(expected)
    repeated = [("f_paymentNames", "Boleto, Bancário"), ("f_paymentNames", "Visa")]
    assert numbers(listed(orders, *repeated, incompleteOrders="true")) == [4, 5]


@pytest.mark.guarantee("G32")
def test_a_thousand_values_of_a_filter_are_no_error(orders):
    names = ",".join(f"shop {n}" for n in range(999))
    assert numbers(listed(orders, f_sellerNames=f"{names},Plain")) == [2]
    assert numbers(listed(orders, f_status=f"{names},canceled")) == [3]
    many = {"f_sellerNames": [*(f"shop {n}" * 20 for n in range(999)), "Plain"]}
    assert orders.call("POST", SEARCH, many).json()["paging"]["total"] == 1
    many["f_sellerNames"].append("one more")
    assert orders.call("POST", SEARCH, many).status == 400


@pytest.mark.guarantee("G32")
def test_a_list_walked_page_by_page_shows_each_order_once(cell, client):
    async def story():
        many = {f"v{n}acme-01": an_order(n % 3 + 1, sequence=n) for n in range(23)}
        for order_id, order in many.items():
            await cell.ledger.place(CommandContext(ACCOUNT, "test"), {order_id: order})
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, PAID)
        return many

    many = asyncio.run(story())
    for field in ("creationDate", "orderId", "items", "totalValue", "origin"):
        walks = []
        for direction in ("asc", "desc"):
            walk = []
            for page in range(1, 7):
                answer = listed(
                    client, orderBy=f"{field}, {direction}", per_page="4", page=str(page)
                )
                assert answer["paging"] == {
                    **{"total": 23, "pages": 6, "currentPage": page, "perPage": 4},
                }
                walk += [row["orderId"] for row in answer["list"]]
            assert sorted(walk) == sorted(many)
            walks.append(walk)
        assert walks[0] == walks[1][::-1]
    assert listed(client, page="0")["paging"]["currentPage"] == 1


def test_pages_end_at_30_unless_the_account_lifts_it(cell, orders):
    refused = orders.call("GET", f"{ORDERS}?page=31")
    assert (refused.status, refused.json()["error"]["message"]) == (400, "Max page exceed")
    assert orders.call("GET", f"{ORDERS}?per_page=101").status == 400

    def lifted(_):
        return [AccountSettingsChanged({"list_pages": 0})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lifted))
    assert listed(orders, page="31")["list"] == []


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("f_creationDate", "yesterday"),
        ("f_invoicedDate", "[2022-01-01T02:00:00.000Z]"),
        ("orderBy", "v502556llux-01,asc"),
        ("f_shippingEstimate", "soon"),
        ("f_isInstore", "maybe"),
        ("per_page", "-1"),
        ("filterError", "x"),
        ("q", "nul\0"),
    ],
)
def test_a_question_that_cannot_be_answered_names_its_parameter(client, name, value):
    answer = client.call("GET", f"{ORDERS}?{urlencode({name: value})}")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")
    assert name in answer.json()["error"]["message"]


def test_figures_are_over_all_that_match_and_by_origin_and_currency(orders):
    stats = listed(orders, per_page="1")["stats"]["stats"]
    value = stats["totalValue"]
    assert {k: v for k, v in value.items() if k != "Facets"} == {
        **{"Count": 3, "Max": 3000, "Mean": 2000, "Min": 1000, "Missing": 0},
        **{"StdDev": stdev([1000, 2000, 3000]), "Sum": 6000, "SumOfSquares": 14_000_000},
    }
    assert stats["totalItems"]["Sum"] == 6
    origins = value["Facets"]["origin"]
    assert list(origins) == ["Marketplace"]
    assert origins["Marketplace"]["Sum"] == 6000
    assert origins["Marketplace"]["Facets"] is None
    assert value["Facets"]["currencyCode"]["BRL"]["Count"] == 3
    bare = listed(orders, _stats="0")["stats"]["stats"]["totalValue"]
    assert (bare["Count"], bare["Sum"], bare["Facets"]) == (3, 0, {})


def test_kept_figures_and_figures_added_up_over_orders_agree(orders):
    today = datetime.now(UTC).replace(microsecond=0)
    around = f"[{today - timedelta(days=40):%Y-%m-%dT%H:%M:%SZ} TO {today:%Y-%m-%dT23:59:59.999Z}]"
    whole = listed(orders)["stats"]
    assert listed(orders, f_creationDate=around)["stats"] == whole
    assert listed(orders, q="v")["stats"] == whole
    assert listed(orders, f_hasInputInvoice="false")["stats"] == whole
    ready = listed(orders, f_status="ready-for-handling")["stats"]
    assert listed(orders, f_status="ready-for-handling", q="v")["stats"] == ready


def test_facets_count_the_values_of_all_that_match(orders):
    assert listed(orders)["facets"] == []
    facets = {facet["name"]: facet for facet in listed(orders, _facets="1")["facets"]}
    assert facets["status"] == {
        "name": "status",
        "type": "multiple",
        "items": [
            {"name": "Ready for handling", "quantity": 2, "url": "ready-for-handling"},
            {"name": "Canceled", "quantity": 1, "url": "canceled"},
        ],
        "rangeUrlTemplate": "f_status",
    }
    sellers = {item["name"]: item["quantity"] for item in facets["sellerNames"]["items"]}
    assert sellers == {'The "Good"  Shop & Co: São': 1, "Plain": 1, "Acme": 1}
    assert facets["isInstore"]["items"][0] == {"name": "true", "quantity": 1, "url": "true"}
    assert facets["creationDate"]["type"] == "date"
    for facet in facets.values():
        for item in facet["items"]:
            found = listed(orders, (facet["rangeUrlTemplate"], item["url"]))["paging"]["total"]
            assert found == item["quantity"], (facet["name"], item)
    some = listed(orders, _facets="sellerNames,status", q="v", f_status="canceled")["facets"]
    assert [facet["name"] for facet in some] == ["status", "sellerNames"]
    assert [item["quantity"] for item in some[1]["items"]] == [1]


def test_promised_dates_are_days_of_the_requested_zone(cell, client):
    now = cell.clock.now()
    promised = {
        "v1acme-01": now.replace(hour=23, minute=30),
        "v2acme-01": now.replace(hour=12) + timedelta(days=1),
        "v3acme-01": now.replace(hour=12) + timedelta(days=5),
        "v4acme-01": now - timedelta(days=2),
    }

    async def story():
        for n, (order_id, at) in enumerate(promised.items(), 1):
            line = {"itemIndex": 0, "shippingEstimateDate": at.isoformat()}
            order = an_order(n, logistics=(line,))
            await cell.ledger.place(CommandContext(ACCOUNT, "test"), {order_id: order})
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, PAID)

    asyncio.run(story())
    for utc, zone in (("", UTC), ("+1200", timezone(timedelta(hours=12)))):
        today = now.astimezone(zone).date()
        ahead = [(at.astimezone(zone).date() - today).days for at in promised.values()]
        for requested, days in {"0.days": (0,), "1.days": (1,), "7.days": range(8)}.items():
            expected = [n for n, day in enumerate(ahead, 1) if day in days]
            assert numbers(listed(client, f_shippingEstimate=requested, utc=utc)) == expected
    assert 4 in numbers(listed(client, f_shippingEstimate="-1.days"))
    assert not {2, 3} & set(numbers(listed(client, f_shippingEstimate="-1.days")))


def test_rows_are_in_the_requested_language(orders):
    row = listed(orders, q="v1acme")["list"][0]
    assert (row["clientName"], row["items"], row["totalItems"]) == ("José Ávila", None, 1)
    assert row["marketPlaceOrderId"] is None
    fields = orders.call("GET", f"{ORDERS}?q=v1acme", accept_language="pt-BR,pt;q=0.9").json()
    assert fields["list"] == [{**row, "statusDescription": "Pronto para o manuseio"}]


def test_the_extended_search_takes_its_questions_in_a_body_or_the_query(orders):
    answer = orders.call("POST", SEARCH, {"f_status": "ready-for-handling", "sku_Ids": "7,1"})
    fields = answer.json()
    assert [row["orderId"] for row in fields["list"]] == ["v2acme-01", "v1acme-01"]
    assert fields["reportRecordsLimit"] == 50_000
    row = fields["list"][1]
    assert row["clientEmail"] == "a+b@x.com"
    assert row["ingestPipelineMetadata"] == []
    assert row["creationDate"].endswith("Z")
    assert orders.call("POST", f"{SEARCH}?q=v1acme").json()["paging"]["total"] == 1
    wrong = orders.call("POST", SEARCH, {"f_status": {"a": 1}})
    assert (wrong.status, "f_status" in wrong.json()["error"]["message"]) == (400, True)
    published = {"f_isInstore": False, "per_page": 30, "page": 1, "incompleteOrders": False}
    assert orders.call("POST", SEARCH, published).json()["paging"]["total"] == 2


def test_errors_are_shown_and_found_permanent_or_being_tried_again(cell, orders):
    def failed(order, _):
        return [
            events.OutboxMessageFailed(
                message_id="c", recipient="seller:x", kind="cancel", why="no such order"
            )
        ]

    asyncio.run(cell.ledger.change(CommandContext(ACCOUNT, "test"), "v2acme-01", failed))
    fields: dict[str, Any] = {
        c.name: "" for c in outbox_messages.c if not c.nullable and c.server_default is None
    }
    fields |= {
        c.name: 0 for c in outbox_messages.c if c.name in fields and c.type.python_type is int
    }
    waiting: dict[str, Any] = {"id": "w", "account": ACCOUNT, "order_id": "v1acme-01"}
    waiting |= {"ordering_key": f"{ACCOUNT}/v1acme-01", "state": "pending"}
    waiting |= {"channel": "partner", "body": b"{}", "attempts": 1}
    to_a_hook = {"id": "h", "order_id": "v3acme-01", "ordering_key": f"{ACCOUNT}/v3acme-01"}
    to_a_hook |= {"channel": "webhook"}  # nothing of the order fails with it
    with cell.database.writing() as connection:
        for message in (waiting, waiting | to_a_hook):
            connection.execute(outbox_messages.insert(), fields | message)
    found = {kind: numbers(listed(orders, filterError=kind)) for kind in ("all", "temp", "perm")}
    assert found == {"all": [1, 2], "temp": [1], "perm": [2]}
    assert listed(orders, filterError="temp")["paging"]["total"] == 1
    rows = {row["orderId"]: row for row in listed(orders)["list"]}
    assert [rows[f"v{n}acme-01"]["workflowInErrorState"] for n in (1, 2, 3)] == [False, True, False]
    assert [rows[f"v{n}acme-01"]["workflowInRetry"] for n in (1, 2, 3)] == [True, False, False]
    searched = orders.call("POST", SEARCH, {"filterError": "temp"}).json()["list"]
    assert [row["workflowInRetry"] for row in searched] == [True]


def test_orders_older_than_the_account_lets_be_seen_are_unknown(cell, orders):
    async def old():
        imported = events.OrderImported(
            placed=an_order(9),
            status="invoiced",
            created_at=datetime(2020, 1, 1, tzinfo=UTC),
            changed_at=datetime(2020, 1, 2, tzinfo=UTC),
        )
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v9acme-01": imported})

    asyncio.run(old())
    assert numbers(listed(orders)) == [1, 2, 3, 9]

    def limited(_):
        return [AccountSettingsChanged({"order_access_days": 730})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), limited))
    assert numbers(listed(orders)) == [1, 2, 3]
    assert listed(orders)["paging"]["total"] == 3
    assert orders.call("GET", f"{ORDERS}/v9acme-01").status == 404
    assert orders.call("GET", "/api/orders/pvt/document/v9acme-01").status == 404
    assert orders.call("GET", f"{ORDERS}/order-group/v9acme").status == 404


def stored(cell):
    with cell.database.snapshot() as connection:
        return [
            sorted(map(repr, (tuple(row) for row in connection.execute(select(table)))))
            for table in (views, order_search_terms, order_totals)
        ]


@pytest.mark.guarantee("G31")
def test_rebuilt_views_terms_and_figures_are_as_those_kept_live(cell, orders):
    listed(orders)
    live = stored(cell)
    assert all(live)
    with cell.database.writing() as connection:
        checkpoints.create(connection, "again", 0)
    token = leases.acquire(cell.database, "again")
    loader = cell.loader()
    while checkpoints.advance(cell.database, loader, "again", token, OrderViews(), limit=7):
        pass
    assert stored(cell) == live  # over views that are there
    with cell.database.writing() as connection:
        orders_views.clear(connection)
        checkpoints.drop(connection, "again")
        checkpoints.create(connection, "again", 0)
    token = leases.acquire(cell.database, "again")
    while checkpoints.advance(cell.database, cell.loader(), "again", token, OrderViews(), limit=7):
        pass
    assert stored(cell) == live  # from nothing


@pytest.mark.guarantee("G31")
def test_a_release_that_folds_views_otherwise_folds_them_anew_at_its_start(
    cell, orders, monkeypatch
):
    listed(orders)
    live, head = stored(cell), cell.store.head()
    monkeypatch.setattr(OrderViews, "view_version", OrderViews.view_version + 1)
    ensure_subscriptions(cell.database)
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, orders_views.SUBSCRIPTION) == 0
    assert numbers(listed(orders)) == [1, 2, 3]  # the reader brings them up again
    with cell.database.snapshot() as connection:
        assert checkpoints.position(connection, orders_views.SUBSCRIPTION) == head
    assert stored(cell) == live


@pytest.mark.guarantee("G51")
def test_terms_and_figures_of_another_account_are_not_seen(cell, orders, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    other_account = client_of("Owner", "other")
    for requested in ({}, {"q": "v1acme"}, {"f_sellerNames": "Plain"}, {"f_status": "canceled"}):
        fields = listed(other_account, _facets="1", **requested)
        assert (fields["list"], fields["paging"]["total"]) == ([], 0)
        assert not any(facet["items"] for facet in fields["facets"] if facet["type"] == "multiple")
