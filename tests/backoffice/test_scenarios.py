"""Pages say what the API says: lists, versions, refusals, arithmetic; on both databases."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_ledger.backoffice.commands import BY_SLUG, FORMS, action_of, buttons
from oms_ledger.backoffice.pages.orders import COLUMNS
from tests.acceptance.order_kinds import (
    ORDERS_OF_ONE,
    canceled,
    divergent,
    handling,
    invoiced,
    partly,
    pending,
    requested,
)
from tests.acceptance.test_order_life import ORDERS, paid
from tests.backoffice.test_order_pages import key_and_version
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT

ROOT = f"/admin/{ACCOUNT}"
STATUSES = (
    *("payment-pending", "ready-for-handling", "handling", "cancellation-requested"),
    *("invoiced", "canceled"),
)


@pytest.fixture
def client(cell, app):
    key, token = create_key(cell, ACCOUNT, "Owner", "erp")
    return Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})


def actions_of(client, order_id):
    return client.call("GET", f"/api/ledger/orders/{order_id}/actions").json()["actions"]


def versions_of(client, order_id):
    return client.call("GET", f"/api/ledger/orders/{order_id}/events").json()["versions"]


def test_list_shows_what_the_api_lists_whatever_the_filter(client, browser):
    for made in (pending, paid, paid, handling, invoiced, requested, partly):
        made(client)

    @settings(max_examples=50, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(
        statuses=st.sets(st.sampled_from(STATUSES), max_size=3),
        text=st.sampled_from(["", "", "acme", "nobody at all", "-01"]),
        order_by=st.sampled_from(["", "totalValue,asc", "creationDate,asc", "orderId,desc"]),
        per_page=st.sampled_from(["", "2", "5"]),
    )
    def agree(statuses, text, order_by, per_page):
        query = {"f_status": ",".join(sorted(statuses)), "q": text}
        query |= {"orderBy": order_by, "per_page": per_page}
        sent = urlencode({name: value for name, value in query.items() if value})
        listed = client.call(
            "GET", f"{ORDERS}?{sent}" if "per_page" in sent else f"{ORDERS}?{sent}&per_page=25"
        ).json()
        page = browser.get(f"{ROOT}/orders?{sent}")
        assert page.status == 200, page.text
        shown = re.findall(r'<a class="id[^"]*"[^>]*href="/admin/[^"]+/orders/([^"?]+)"', page.html)
        assert shown == [row["orderId"] for row in listed["list"]], sent

    agree()


def test_list_shows_every_column(client, browser):
    paid(client)
    page = browser.get(f"{ROOT}/orders?columns={','.join(COLUMNS)}")
    assert page.status == 200, page.text
    assert page.html.count("<th") == 1 + len(COLUMNS) + page.html.count("<thead")


@pytest.mark.parametrize("made", ORDERS_OF_ONE)
def test_each_command_has_its_button_or_its_refusal(client, browser, made):
    order_id = made(client)
    actions = actions_of(client, order_id)
    html = browser.get(f"{ROOT}/orders/{order_id}").html
    refused = set(re.findall(r'data-refused="([^"]+)"', html))
    assert {unescape(one) for one in refused} == {
        action["command"] for action in actions if not action["allowed"]
    }
    offered = set(re.findall(r'data-action="([^"]+)"', html))
    assert offered == {button.form.slug for button in buttons(actions)}


def without_ids(text):
    return re.sub(r"[0-9a-f]{32}", "…", text)


@pytest.mark.parametrize("made", [pending, handling, invoiced, canceled, divergent])
def test_a_refused_form_shows_the_refusal_and_records_nothing(client, browser, made):
    order_id = made(client)
    for form in FORMS:
        actions = actions_of(client, order_id)
        action = action_of(form, actions)
        if action is None or action["allowed"]:
            continue
        before = versions_of(client, order_id)
        page = browser.get(f"{ROOT}/orders/{order_id}/{form.slug}")
        if page.status == 303:
            continue  # it leads to the form that fits
        assert page.status == action["refusal"]["status"], (form.slug, page.text[:600])
        assert without_ids(action["refusal"]["message"]) in without_ids(page.text)
        assert action["refusal"]["code"] in page.text
        typed = {"key": "k" * 32, "version": str(before), "reason": "typed by hand"}
        answer = browser.post(f"{ROOT}/orders/{order_id}/{form.slug}", typed)
        assert answer.status in (400, 404, 409, action["refusal"]["status"]), answer.text[:600]
        assert versions_of(client, order_id) == before, form.slug


def test_what_was_typed_stays_in_a_form_that_is_refused(client, browser):
    order_id = handling(client)
    target = f"{ROOT}/orders/{order_id}/invoice"
    fields = key_and_version(browser.get(target))
    fields |= {"number": "NF-77", "value": "99999.99", "courier": "Fast & Sons", "quantity-0": "1"}
    refused = browser.post(target, fields)
    assert refused.status == 400
    assert "Invoice value exceeds order value" in refused.text
    for value in ("NF-77", "99999.99", "Fast &amp; Sons"):
        assert f'value="{value}"' in refused.html
    assert BY_SLUG["invoice"].template == "invoice"


@pytest.mark.parametrize("made", [invoiced, requested, partly])
def test_every_version_is_the_one_of_the_api(client, browser, made):
    order_id = made(client)
    versions = versions_of(client, order_id)
    for version in range(1, versions + 1):
        document = client.call("GET", f"/api/ledger/orders/{order_id}?version={version}").json()
        document = document.get("document", document)
        page = browser.get(f"{ROOT}/orders/{order_id}?version={version}")
        assert page.status == 200, page.text[:600]
        for item in document["items"]:
            assert f">{item['id']}<" in page.html
        total = re.search(r'<tr class="sum">.*?<td class="num">(.*?)</td>', page.html)[1]
        assert re.sub(r"\D", "", unescape(total)) == str(document["value"]), (version, total)
        assert ('data-action="' in page.html) == (version == versions and bool(
            buttons(actions_of(client, order_id))
        ))  # fmt: skip


def test_a_change_is_previewed_to_the_cent(client, browser):
    order_id = handling(client)
    item = client.call("GET", f"{ORDERS}/{order_id}").json()["items"][0]
    body = {"reason": "x", "manualDiscountValue": 123}
    url = f"/api/order-system/orders/{order_id}/changes/preview"
    answer = client.call("POST", url, body)
    assert answer.status == 200, answer.body
    target = f"{ROOT}/orders/{order_id}/change"
    query = urlencode({"discount": "1.23", "reason": "x", "quantity-0": str(item["quantity"])})
    page = browser.get(f"{target}?{query}")
    sums = re.findall(r'<tr class="sum">(.*?)</tr>', page.html, re.DOTALL)
    before, after, difference = re.findall(r'<td class="num">(.*?)</td>', sums[-1])
    cents = [int(re.sub(r"\D", "", unescape(one))) for one in (before, after, difference)]
    assert cents == [2000, 1877, 123]
    done = browser.post(target, {**key_and_version(page), "discount": "1.23", "reason": "x"})
    assert done.status == 303, done.text[:600]
