"""Who may come in: every route of the application with every role, and every kind of token."""

import asyncio
import re
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select
from starlette.routing import Route

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.accounts.roles import NOBODY_IN_PARTICULAR, ROLES
from oms_ledger.api.app import application, routes_of
from oms_ledger.api.auth import key_cache
from oms_ledger.api.http.errors import (
    is_checkout,
    is_master_data,
    is_policies,
    is_seller_register,
)
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.tables import events, metadata
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from projections.accounts import app_keys
from projections.subscriptions import registry
from tests.acceptance.test_order_life import EVERY, ORDERS, paid
from tests.support.client import Client
from tests.support.configuring import revoke_key, rotate_key
from tests.support.purchases import ACCOUNT, open_account

FRAMEWORK = {"/openapi.json", "/docs", "/checkout", "/checkout/orderPlaced"}
LOGIN = "/api/vtexid/apptoken/login"


def routes(cell):
    return routes_of(application(cell))


def operation_of(route):
    """The operation that a door of the route names, wherever it is among its dependencies."""
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        if operation := getattr(dependant.call, "operation", None):
            return operation
        waiting += dependant.dependencies
    return None


def calls(cell, **named):
    """(operation, method, URL) of every route, path parameters filled in."""
    for route in routes(cell):
        url = re.sub(r"\{(\w+)(:path)?\}", lambda found: named.get(found[1], "none"), route.path)
        for method in sorted(route.methods):
            yield operation_of(route), method, url


@pytest.mark.guarantee("G50")
def test_every_route_names_an_operation_that_says_what_it_takes(cell):
    unnamed = {
        route.path for route in routes(cell) if operation_of(route) not in registry.operations()
    }
    assert unnamed == set()
    others = {
        route.path
        for route in application(cell).routes
        if isinstance(route, Route) and not isinstance(route, APIRoute)
    }
    assert others == FRAMEWORK
    published = {
        (method.upper(), path)
        for path, methods in application(cell).openapi()["paths"].items()
        for method in methods
    }
    fields = {
        (method, route.path.replace(":path}", "}"))
        for route in routes(cell)
        for method in route.methods
    }
    assert len(published) > 20
    assert published <= fields


# Published as a 401 for a key without the resource.
UNAUTHORIZED = {"configure_carts"}


@pytest.mark.guarantee("G50")
def test_every_route_opens_to_every_role_by_its_resources_alone(cell, client_of):
    for role, resources in ROLES.items():
        client = client_of(role)
        for operation, method, url in calls(cell):
            needed = registry.operations()[operation]
            answer = client.call(method, url)
            allowed = not needed or bool(resources & needed)
            closed = 401 if operation in UNAUTHORIZED else 403
            assert (answer.status == closed) != allowed, (role, operation, url, answer.status)
            if not allowed and closed == 403:
                if is_policies(url):  # published without the names of resources
                    assert answer.json()["message"].startswith("Access denied."), url
                    continue
                if is_master_data(url):
                    message = answer.json()["Message"]
                elif is_seller_register(url):
                    assert answer.json()["data"]["code"] == "CHK003"
                    message = answer.json()["error"]
                else:
                    error = answer.json()["error"]
                    assert error["code"] == "CHK003"
                    message = error["message"]
                assert all(resource in message for resource in needed)


@pytest.mark.guarantee("G50")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-VTEX-API-AppKey": "vtexappkey-acme-000000", "X-VTEX-API-AppToken": "b"},
        {"X-VTEX-API-AppKey": "vtexappkey-acme-000000"},
        {"VtexIdclientAutCookie": "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"},
        {"Authorization": "Bearer nothing"},
        {"Cookie": "VtexIdclientAutCookie_acme=e30.0"},
    ],
    ids=str,
)
def test_without_a_good_key_or_token_every_route_is_closed(cell, app, headers):
    for number, (operation, method, url) in enumerate(calls(cell)):
        if registry.operations()[operation] == NOBODY_IN_PARTICULAR:
            continue
        if "X-VTEX-API-AppKey" in headers:  # failures are counted by key
            headers = {**headers, "X-VTEX-API-AppKey": f"vtexappkey-acme-{number:06}"}
        answer = Client(app, headers).call(method, f"{url}?an=nobody")
        if is_master_data(url):
            assert (answer.status, answer.json()) == (401, {"Message": "Unauthorized"}), url
            continue
        if is_seller_register(url):
            assert (answer.status, answer.json()["data"]["code"]) == (401, "1"), url
            continue
        if is_policies(url):
            assert (answer.status, list(answer.json())) == (401, ["message"]), url
            continue
        code = "ORD062" if is_checkout(url) else "1"
        assert (answer.status, answer.json()["error"]["code"]) == (401, code), (operation, url)


def entries(cell, account):
    with cell.database.snapshot() as connection:
        query = select(events.c.position).where(events.c.account == account)
        return list(connection.execute(query).scalars())


@pytest.mark.guarantee("G51")
def test_no_route_shows_or_changes_what_is_another_accounts(cell, client, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    order_id = paid(client)
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    (transaction,) = document["paymentData"]["transactions"]
    assert client.call("POST", "/api/orders/feed/config", EVERY).status == 200
    before = entries(cell, ACCOUNT)
    other_account = client_of("Owner", "other")
    named = {
        "order_id": order_id,
        "order_group": document["orderGroup"],
        "transaction_id": transaction["transactionId"],
        "payment_id": transaction["payments"][0]["id"],
    }
    telling = (*named.values(), document["clientProfileData"]["email"])
    for operation, method, url in calls(cell, **named):
        if registry.operations()[operation] == NOBODY_IN_PARTICULAR:
            continue
        answer = other_account.call(method, url)
        assert answer.status != 500, (operation, url, answer.body)
        fields = answer.body.decode(errors="replace")
        assert not [value for value in telling if value in fields and value not in url], (
            url,
            fields,
        )
        assert answer.status >= 400 or order_id not in url, (operation, url, answer.body)
        assert other_account.call(method, f"{url}?an={ACCOUNT}").status == 403, (operation, url)
    assert entries(cell, ACCOUNT) == before
    assert client.call("GET", "/api/orders/feed/config").status == 200
    assert client.call("GET", f"{ORDERS}/{order_id}").json() == document


# User tokens


def signed_in(client):
    key = {
        "appkey": client.headers["X-VTEX-API-AppKey"],
        "apptoken": client.headers["x-vtex-api-apptoken"],
    }
    return Client(client.app, {}).call("POST", LOGIN, key)


def carriers(token):
    return [
        {"VtexIdclientAutCookie": token},
        {"vtexidclientautcookie": token},
        {"Authorization": f"Bearer {token}"},
        {"Proxy-Authorization": f"Bearer {token}"},
        {"Cookie": f"a=b; VtexIdclientAutCookie={token}"},
        {"Cookie": f"VtexIdclientAutCookie_acme={token}"},
    ]


def test_a_key_signs_in_and_its_token_opens_what_the_key_opens(client_of):
    key = client_of("OMS - Read only")
    fields = signed_in(key).json()
    assert set(fields) == {"authStatus", "token", "expires"}
    assert fields["authStatus"] == "Success"
    for headers in carriers(fields["token"]):
        user = Client(key.app, headers)
        assert user.call("GET", f"{ORDERS}/none-01").status == 404, headers
        assert user.call("GET", ORDERS).status == 403, headers
        assert user.call("GET", f"{ORDERS}/none-01?an=acme").status == 404
    wrong = {"appkey": key.headers["X-VTEX-API-AppKey"], "apptoken": "wrong"}
    answer = key.call("POST", LOGIN, wrong)
    assert (answer.status, answer.json()["error"]["message"]) == (401, "Unauthorized access")


@pytest.mark.guarantee("G55")
def test_a_revoked_key_takes_its_tokens_along(cell, client, monkeypatch):
    token = signed_in(client).json()["token"]
    revoke_key(cell, client.headers["X-VTEX-API-AppKey"])
    monkeypatch.setattr(key_cache, "FRESH", 0)  # as a second later
    user = Client(client.app, {"VtexIdclientAutCookie": token})
    assert user.call("GET", ORDERS).status == 401


@pytest.mark.guarantee("G55")
def test_forged_expired_and_foreign_user_tokens_open_nothing(cell, client):
    key = client.headers["X-VTEX-API-AppKey"]
    with cell.database.snapshot() as connection:
        known = app_keys.get(connection, key)
    generation = known.generation_of(client.headers["x-vtex-api-apptoken"], 0)
    genuine = UserToken(ACCOUNT, 4_000_000_000, key, generation=generation)
    text = user_tokens.issue(cell.encryption, genuine)
    assert Client(client.app, {"VtexIdclientAutCookie": text}).call("GET", ORDERS).status == 200
    body, _, signature = text.partition(".")
    elsewhere = Encryption(b"x" * 32)
    other = user_tokens.issue(cell.encryption, replace(genuine, account="other"))
    forged = [
        f"{body}.{signature[:-1]}{'0' if signature[-1] != '0' else '1'}",
        f"{body}x.{signature}",
        f"{other.partition('.')[0]}.{signature}",
        body,
        f".{signature}",
        "",
        user_tokens.issue(elsewhere, genuine),
        user_tokens.issue(cell.encryption, replace(genuine, expires=1)),
        user_tokens.issue(cell.encryption, replace(genuine, generation=None)),
        user_tokens.issue(cell.encryption, replace(genuine, generation="0" * 16)),
    ]
    for token in forged:
        answer = Client(client.app, {"VtexIdclientAutCookie": token}).call("GET", ORDERS)
        assert answer.status == 401, token


def test_a_back_end_signs_shoppers_in_and_they_have_no_resource(cell, client_of):
    back_end = client_of("Storefront")
    fields = back_end.call("POST", "/api/ledger/shopper-tokens", {"email": "ana@example.com"})
    assert fields.status == 201
    shopper = Client(back_end.app, {"VtexIdclientAutCookie": fields.json()["token"]})
    own = ("/api/oms/user/", "/api/checkout/pub/orders/")
    for operation, method, url in calls(cell):
        pays = operation in ("place_order", "send_payments", "use_cart") and "/pvt/" not in url
        if registry.operations()[operation] and not pays and not url.startswith(own):
            closed = 401 if operation in UNAUTHORIZED else 403
            assert shopper.call(method, url).status == closed, (operation, url)
    odd = back_end.call("POST", "/api/ledger/shopper-tokens", {"email": "nobody"})
    assert odd.status == 400


# Keys


@pytest.mark.guarantee("G55")
def test_both_tokens_of_a_key_open_while_it_is_rotated(cell, client):
    key, former = client.headers["X-VTEX-API-AppKey"], client.headers["x-vtex-api-apptoken"]
    token = rotate_key(cell, key, 3_600)
    with cell.database.reading() as connection:
        stored = app_keys.get(connection, key)
    assert stored.opens(token, stored.previous_until - 1)
    assert stored.opens(former, stored.previous_until - 1)
    assert not stored.opens(former, stored.previous_until)
    assert stored.opens(token, stored.previous_until)
    assert not stored.opens("", 0)
    rotate_key(cell, key, 0)
    revoke_key(cell, key)
    with cell.database.reading() as connection:
        revoked = app_keys.get(connection, key)
    assert not any(revoked.opens(text, 0) for text in (token, former))


@pytest.mark.guarantee("G54")
def test_no_token_or_secret_lies_in_the_database_as_it_was_given(cell, client):
    token = client.headers["x-vtex-api-apptoken"]
    user = signed_in(client).json()["token"]
    order_id = paid(client)
    listed = client.call("GET", f"{ORDERS}?q={order_id}")
    with cell.database.snapshot() as connection:
        stored = [
            str(tuple(row))
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
        ]
    assert any(client.headers["X-VTEX-API-AppKey"] in row for row in stored)
    for secret in (token, user):
        assert not any(secret in row for row in stored)
        assert secret not in listed.body.decode()


def test_an_account_over_its_rate_limit_learns_when_to_try_again(cell, client):
    def limited(_):
        return [AccountSettingsChanged({"rate_limit_per_minute": 2})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), limited))
    answers = [client.call("GET", f"{ORDERS}/none-01") for _ in range(6)]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) >= 2  # a minute may have turned among the six
    assert 1 <= int(refused[0].header("retry-after")) <= 60
    assert client.call("GET", "/healthz").status == 200


def test_a_right_token_opens_whoever_failed_with_its_key_before(client):
    path = "/api/oms/pvt/orders"
    answers = [client.call("GET", path, x_vtex_api_apptoken="wrong").status for _ in range(22)]
    assert answers == [401] * 20 + [429] * 2
    assert client.call("GET", path).status == 200
