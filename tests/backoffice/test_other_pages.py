"""Stream, feeds and hooks, playground, outbox, tasks, people, team, keys, settings, runs."""

import asyncio
import re
from html import unescape

import pytest
from sqlalchemy import update

from oms_ledger.accounts.roles import ROLES
from projections.operators.tables import operator_sessions, operators
from projections.subscriptions import checkpoints, registry
from projections.subscriptions.views import VIEWS
from projections.tables import leases, subscriptions
from tests.acceptance.test_order_life import ORDERS, paid
from tests.backoffice.conftest import PASSWORD
from tests.backoffice.test_sign_in import everything
from tests.support.browsing import Browser
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle

ROOT = f"/admin/{ACCOUNT}"
QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345600}
EVERY = {"filter": {"type": "FromWorkflow", "status": []}, "queue": QUEUE}

# Page: the operation that opens it; None where anybody may.
PAGES = {
    "": None,
    "orders": "list_orders",
    "orders/filters": "list_orders",
    "orders/{order}": "order_history",
    "orders/{order}?version=2": "order_history",
    "orders/{order}/events/2": "order_history",
    "orders/{order}/changes?from=1": "order_history",
    "orders/{order}/raw": "order_history",
    "orders/{order}/conversation": "conversation",
    "stream": "account_events",
    "stream?name=order-placed": "account_events",
    "stream?orderId={order}": "account_events",
    "feeds": "hook_state",
    "feeds/{key}": "hook_state",
    "feeds/{key}/queue": "hook_state",
    "feeds/{key}/attempts": "hook_state",
    "feeds/{key}/dead-letters": "hook_state",
    "feeds/{key}/settings": "hook_state",
    "feeds/replay": "hook_replay",
    "playground": "feed_explain",
    "outbox": "view_calls",
    "tasks": "read_tasks",
    "people": "look_up_person",
    "carts": "list_carts",
    "offers": "read_offers",
    "offers?kind=delivery": "read_offers",
    "partners": "read_sellers",
    "partners/sellers/1": "read_sellers",
    "masterdata": "list_entities",
    "masterdata/CL": "read_documents",
    "runs": "export_orders",
    "team": "manage_users",
    "keys": "manage_keys",
    "settings": "read_account",
    "history": "account_history",
}


@pytest.fixture
def client(cell, app):
    key, token = create_key(cell, ACCOUNT, "Owner", "erp")
    made = Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})
    assert made.call("POST", "/api/orders/feed/config", EVERY).status == 200
    return made


@pytest.mark.parametrize("role", ROLES)
def test_every_page_opens_by_the_resources_of_the_api(cell, client, browser_of, role):
    order, key = paid(client), client.headers["X-VTEX-API-AppKey"]
    browser = browser_of(role)
    asyncio.run(settle(cell))  # its customer is told of the order
    before = caught_up(cell)
    for page, operation in PAGES.items():
        shown = browser.get(f"{ROOT}/{page.format(order=order, key=key)}".rstrip("/"))
        needed = registry.operations()[operation] if operation else frozenset()
        allowed = not needed or bool(needed & ROLES[role])
        assert shown.status == (200 if allowed else 403), (role, page, shown.text[:400])
        assert shown.html.count("<h1") == 1
    assert caught_up(cell) == before  # a GET changes nothing


def caught_up(cell):
    """All rows of all tables once the views have caught up; but for where subscriptions stand."""
    for name, view in VIEWS.items():
        checkpoints.run(cell.database, cell.loader(), name, view())
    moving = (subscriptions.name, leases.name)
    return {name: rows for name, rows in everything(cell).items() if name not in moving}


def test_links_of_every_page_lead_somewhere(client, browser):
    order, key = paid(client), client.headers["X-VTEX-API-AppKey"]
    waiting = [f"{ROOT}/{page.format(order=order, key=key)}".rstrip("/") for page in PAGES]
    seen, broken = set(waiting), []
    for target in waiting:
        shown = browser.get(target)
        if shown.status not in (200, 303, 409):
            broken.append((target, shown.status))
        for link in set(re.findall(r'href="(/admin/[^"#]*)"', shown.html)):
            link = link.replace("&amp;", "&")
            pattern = re.sub(r"\d+|v\d+\w+-\d+", "N", link)
            if pattern not in seen and "/static/" not in link and len(seen) < 120:
                seen.add(pattern)
                waiting.append(link)
    assert broken == []


def test_stream_jumps_and_opens_one_event(client, browser):
    order = paid(client)
    events = client.call("GET", f"/api/ledger/orders/{order}/events").json()["events"]
    shown = browser.get(f"{ROOT}/stream/{events[-1]['position']}")
    assert order in shown.text
    assert browser.get(f"{ROOT}/stream?jump=2").location == f"{ROOT}/stream/2"
    assert browser.get(f"{ROOT}/stream?jump={order}").location == f"{ROOT}/stream?orderId={order}"
    assert "to=" in browser.get(f"{ROOT}/stream?jump=-2h").location
    assert browser.get(f"{ROOT}/stream/999999").status == 404


def test_one_filter_of_the_stream_is_removed_and_the_others_stay(client, browser):
    paid(client)
    shown = browser.get(f"{ROOT}/stream?name=order-placed&actor=erp")
    assert f'href="{ROOT}/stream?actor=erp"' in shown.html
    assert f'href="{ROOT}/stream?name=order-placed"' in shown.html


def test_playground_shows_each_version_and_marks_a_mistake(client, browser):
    order = paid(client)
    good = f'{ROOT}/playground?order={order}&expression=status = "ready-for-handling"'
    shown = browser.get(good.replace(" ", "%20").replace('"', "%22"))
    versions = client.call("GET", f"/api/ledger/orders/{order}/events").json()["versions"]
    assert shown.html.count("data-version=") == versions
    assert "yes" in shown.text
    key = client.headers["X-VTEX-API-AppKey"]
    chosen = browser.get(f"{good}&key={key}".replace(" ", "%20").replace('"', "%22"))
    save = unescape(re.search(r'href="([^"]*settings[?]expression=[^"]*)"', chosen.html)[1])
    assert "status = &#34;ready-for-handling&#34;" in browser.get(save).html
    wrong = browser.get(f"{ROOT}/playground?order={order}&expression=status%20%3D%3D%20(")
    assert 'role="alert"' in wrong.html


def test_feed_is_configured_and_removed_by_a_person(client, browser):
    key = client.headers["X-VTEX-API-AppKey"]
    target = f"{ROOT}/feeds/{key}"
    fields = {
        "do": "configure",
        "kind": "feed",
        "type": "FromWorkflow",
        "statuses": "handling, invoiced",
        "visibility": "30",
        "retention": "345600",
    }
    assert browser.post(target, fields).status == 303
    config = client.call("GET", "/api/orders/feed/config").json()
    assert config["filter"]["status"] == ["handling", "invoiced"]
    refused = browser.post(target, {**fields, "visibility": "0"})
    assert refused.status == 400
    assert "visibility" in refused.text
    assert 'value="handling, invoiced"' in refused.html
    assert 'name="visibility" type="number" min="1" value="0"' in refused.html
    history = client.call("GET", "/api/ledger/account/events").json()["events"][0]
    assert history["name"] == "feed-configured"
    assert history["actor"].startswith("person:")
    assert browser.post(target, {"do": "remove", "kind": "feed"}).status == 303
    assert client.call("GET", "/api/orders/feed/config").status == 404


def test_one_order_is_sent_again(client, browser):
    order, key = paid(client), client.headers["X-VTEX-API-AppKey"]
    done = browser.post(f"{ROOT}/feeds/replay", {"target": f"feed:{key}", "orderId": order})
    assert done.status == 303, done.text
    assert "sent again" in browser.follow(done).text
    counted = browser.post(f"{ROOT}/feeds/replay", {"target": f"feed:{key}", "since": "0"})
    assert counted.status == 200
    assert "would be sent again" in counted.text


def test_team_is_invited_and_the_last_owner_stays(cell, browser, app):
    invite = {"do": "invite", "email": "bo@example.com", "role": "OMS - Read only"}
    shown = browser.post(f"{ROOT}/team", invite)
    assert shown.status == 200, shown.text
    token = re.search(r"/admin/-/link#([\w-]+)", shown.html)[1]
    other = Browser(app)
    given = {"token": token, "name": "Bo", "password": PASSWORD}
    assert other.post("/admin/-/link", given).status == 303
    assert other.get(ROOT).status == 200
    mine = re.search(r'value="(p\w+)"', browser.get(f"{ROOT}/team").html)[1]
    refused = browser.post(f"{ROOT}/team", {"do": "remove", "operator": mine})
    assert refused.status == 409
    assert "no Owner" in refused.text


def test_what_is_dangerous_asks_for_the_password_again(cell, browser):
    with cell.database.writing() as connection:
        connection.execute(update(operator_sessions).values(verified_at=0))
    requested = browser.post(f"{ROOT}/keys", {"do": "create", "role": "Feed reader"})
    assert requested.location == f"/admin/-/verify?next=%2Fadmin%2F{ACCOUNT}%2Fkeys"
    wrong = browser.post("/admin/-/verify", {"next": f"{ROOT}/keys", "password": "no"})
    assert wrong.status == 401
    right = browser.post("/admin/-/verify", {"next": f"{ROOT}/keys", "password": PASSWORD})
    assert right.location == f"{ROOT}/keys"
    made = browser.post(f"{ROOT}/keys", {"do": "create", "role": "Feed reader", "label": "wms"})
    assert "X-VTEX-API-AppToken" in made.text


def test_setting_is_changed_by_its_form(client, browser):
    done = browser.post(f"{ROOT}/settings", {"name": "payment_expiry", "value": "7"})
    assert done.status == 303
    content = client.call("GET", "/api/ledger/account").json()["settings"]
    assert next(s["value"] for s in content if s["name"] == "payment_expiry") == 7
    assert browser.post(f"{ROOT}/settings", {"name": "pii", "value": "no idea"}).status == 400
    assert "Account settings changed" in browser.get(f"{ROOT}/history").text


def test_person_is_erased_after_a_look_and_the_password(client, browser):
    order = paid(client)
    email = client.call("GET", f"{ORDERS}/{order}").json()["clientProfileData"]["email"]
    look = browser.post(f"{ROOT}/people/erase", {"who": email})
    assert "are open and stay" in look.text
    fields = {"who": email, "again": email, "do": "erase", "include-open": "yes", "key": "k1"}
    assert browser.post(f"{ROOT}/people/erase", {**fields, "again": "x"}).status == 400
    assert browser.post(f"{ROOT}/people/erase", {**fields, "password": "no"}).status == 400
    done = browser.post(f"{ROOT}/people/erase", {**fields, "password": PASSWORD})
    assert done.status == 200, done.text
    assert email not in done.html
    for page in (f"orders/{order}", f"orders/{order}?version=1", "orders", f"orders/{order}/raw"):
        assert email not in browser.get(f"{ROOT}/{page}").html


def test_export_is_begun_and_shown(client, browser):
    paid(client)
    done = browser.post(f"{ROOT}/exports", {"query": "f_status=handling", "format": "csv"})
    assert done.status == 303, done.text
    assert "csv" in browser.follow(done).text


def test_cancellation_is_decided_from_the_task(client, browser):
    order = paid(client)
    for command in ("start-handling", "cancel"):
        client.call("POST", f"{ORDERS}/{order}/{command}", {})
    assert "cancellation requested" in browser.get(ROOT).text
    listed = browser.get(f"{ROOT}/tasks")
    task = re.search(rf'href="({ROOT}/tasks/[^"?]+)"', listed.html)[1]
    shown = browser.get(task)
    assert "Deny the cancellation" in shown.text
    assert browser.post(task, {"text": "Asked the warehouse"}).status == 303
    assert "Asked the warehouse" in browser.get(task).text


def test_system_is_for_who_looks_after_the_deployment(client, browser_of):
    paid(client)
    keeper = browser_of("OMS - Read only", "cy@example.com", deployment=True)
    shown = keeper.get("/admin/-/system")
    assert shown.status == 200, shown.text
    assert "order-views" in shown.text
    verified = keeper.get("/admin/-/system/verification")
    assert verified.html.strip().endswith('"done":true}')
    assert "agree" in verified.html
    other = browser_of("Owner", "bo@example.com")
    assert other.get("/admin/-/system").status == 403
    assert client.call("GET", "/api/ledger/system").status == 403


@pytest.mark.parametrize("language", ["pt", "es", "qps"])
def test_pages_are_in_the_language_of_the_person(cell, client, browser, language):
    order, key = paid(client), client.headers["X-VTEX-API-AppKey"]
    with cell.database.writing() as connection:
        connection.execute(update(operators).values(language=language))
    for page in PAGES:
        shown = browser.get(f"{ROOT}/{page.format(order=order, key=key)}".rstrip("/"))
        assert shown.status == 200, shown.text
    title = {"pt": "Pedidos", "es": "Pedidos", "qps": "Orders ē"}[language]
    assert title in browser.get(f"{ROOT}/orders").text
