"""Texts of strangers are shown as they were sent: nothing runs, nothing is loaded, all fits."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Dialog, Page

from tests.browser.conftest import Site, Violations, beside
from tests.browser.test_everywhere import WIDTHS, addresses
from tests.support.purchases import ACCOUNT, purchase
from tests.support.run_until_idle import settle

ROOT = f"/admin/{ACCOUNT}"
SHORT = '"><img src=//evil.example/x onerror=window.hit=1>\u202e{{7*7}}😀'
HOSTILE = f"<script>window.hit = 1</script>' {SHORT}</textarea></title><svg onload=window.hit=1>"
LINK = "javascript:window.hit=1"
WORD = "W" * 2_000
TASKS = "/api/do/tasks"
ORDERS = "/api/oms/pvt/orders"


def hostile_purchase() -> dict[str, Any]:
    body = purchase()
    body["items"][0] |= {"name": HOSTILE, "refId": SHORT}
    body["items"][0]["priceTags"] = [{"name": HOSTILE, "value": 0, "rawValue": 0}]
    body["clientProfileData"] |= {"firstName": HOSTILE, "lastName": WORD, "phone": SHORT}
    address = body["shippingData"]["address"]
    address |= {"receiverName": HOSTILE, "street": HOSTILE, "complement": WORD, "city": HOSTILE}
    address |= {"neighborhood": HOSTILE, "reference": HOSTILE, "number": SHORT}
    body["marketingData"] |= {"utmSource": HOSTILE, "utmCampaign": WORD, "coupon": SHORT}
    body["openTextField"] = HOSTILE
    return body


def plant(site: Site) -> list[str]:
    """Put the texts wherever the API takes one; the pages of what holds them."""

    def call(method: str, path: str, body: Any) -> Any:
        answer = site.call(method, path, body)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def place() -> str:
        placed = call("PUT", "/api/checkout/pub/orders?sc=1", hostile_purchase())
        (transaction,) = placed["transactionData"]["merchantTransactions"]
        card = [{"paymentSystem": 2, "value": 2000, "fields": {"cardNumber": "4444333322221111"}}]
        path = f"/api/payments/transactions/{transaction['transactionId']}/payments"
        call("POST", path, card)
        group = placed["orders"][0]["orderGroup"]
        call("POST", f"/api/checkout/pub/gatewayCallback/{group}/", {})
        order_id: str = placed["orders"][0]["orderId"]
        call("POST", f"{ORDERS}/{order_id}/start-handling", None)
        return order_id

    changed, invoiced = place(), place()
    call("POST", f"{ORDERS}/{changed}/interactions", {"source": HOSTILE, "message": HOSTILE + WORD})
    call("POST", f"{ORDERS}/{changed}/cancel", {"reason": HOSTILE})
    invoice = {"type": "Output", "invoiceNumber": SHORT, "invoiceValue": 2000, "courier": HOSTILE}
    invoice |= {"issuanceDate": "2026-01-02", "trackingNumber": HOSTILE, "trackingUrl": LINK}
    call("POST", f"{ORDERS}/{invoiced}/invoice", invoice)
    created = call("POST", "/api/ledger/keys", {"label": SHORT, "role": "Owner"})
    call("PATCH", f"/api/ledger/keys/{created['appKey']}", {"label": HOSTILE[:60]})
    mail = {"mail_created": f"{HOSTILE}|{WORD}", "seller_name": HOSTILE}
    call("PATCH", "/api/ledger/account", mail)
    about = {"target": [{"id": changed, "type": "order", "url": LINK}], "domain": "oms"}
    task = {"context": HOSTILE, "name": HOSTILE, "description": HOSTILE, "priority": "Critical"}
    call("POST", TASKS, {**about, **task, "owner": HOSTILE})
    note = {"target": about["target"][0], "domain": "oms", "description": HOSTILE + WORD[:500]}
    call("POST", "/api/do/notes", note)
    person = {"email": "zoe@example.com", "firstName": HOSTILE, "lastName": WORD}
    call("POST", "/api/dataentities/CL/documents", person)
    seller = {"id": "warehouse", "name": HOSTILE, "isActive": True, "isVtex": False}
    seller |= {"fulfillmentEndpoint": "https://warehouse.example.com/?token=x"}
    call("POST", "/api/seller-register/pvt/sellers", seller)
    queue = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345600}
    expression = {"type": "FromOrders", "expression": f"status = {json.dumps(HOSTILE)}"}
    call("POST", "/api/orders/feed/config", {"filter": expression, "queue": queue})
    beside(lambda: settle(site.cell))
    orders = [f"{ROOT}/orders/{order_id}" for order_id in (changed, invoiced)]
    return [
        *orders,
        *(f"{order}/{more}" for order in orders for more in ("raw", "conversation", "cancel")),
        *(f"{orders[1]}/tracking", f"{ROOT}/partners/sellers/warehouse"),
        f"{ROOT}/playground?order={changed}&expression={quote(HOSTILE)}",
        *(f"{ROOT}/{page}?q={quote(HOSTILE)}" for page in ("orders", "carts")),
        f"{ROOT}/stream?actor={quote(HOSTILE)}&name={quote(SHORT)}",
        f"{ROOT}/{quote(HOSTILE, safe='')}",
    ]


@pytest.mark.scenario(6)
@pytest.mark.scenario(7)
def test_hostile_texts_are_text_on_every_page(site: Site, page: Page, violations: Violations):
    """Whatever the browser has to say of the policy, `violations` holds."""
    targets = addresses(site) + plant(site)
    targets += [f"{ROOT}/tasks/{task['id']}" for task in site.call("GET", TASKS).json()["items"]]
    requested: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: requested.append(request.url))

    def opened(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", opened)
    found, telling = [], 0
    for target in targets:
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        answer = page.goto(target)
        assert answer is not None
        if answer.status >= 500 or page.evaluate("window.hit") is not None:
            found.append(f"{target}: {answer.status}, or a script ran")
        if page.locator("main :is(script, img, svg[onload])").count():
            found.append(f"{target}: a text became an element")
        if page.locator("main a[href^=javascript]").count():
            found.append(f"{target}: a link runs a script")
        telling += HOSTILE[:40] in (page.locator("main").text_content() or "")
        for width in (WIDTHS[0], WIDTHS[-1]):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{target} at {width}: {wide} px wide")
    assert not found, "\n".join(found)
    assert telling >= 12
    assert dialogs == []
    assert [url for url in requested if not url.startswith(site.base)] == []
