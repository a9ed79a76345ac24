"""Texts of strangers are shown as they were sent: nothing runs, nothing is loaded, all fits."""

import asyncio
from dataclasses import replace
from threading import Thread

import pytest
from playwright.sync_api import Page

from oms_ledger.eventstore.command import CommandContext
from tests.browser.conftest import Site
from tests.support.purchases import ACCOUNT, placed

ROOT = f"/admin/{ACCOUNT}"
TEXTS = (
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 1">',
    "javascript:window.hit=1",
    "{{7*7}}",
    "\u202egnihtemos",
    "x" * 5_000,
)


def place(site: Site, text: str) -> str:
    """An order that says the text wherever it can; placed in a thread, beside the browser's."""
    order = placed(1)
    client = {"email": "ana@example.com", "firstName": text, "lastName": text, "document": text}
    hostile = replace(order, client_profile=client, seller_name=text)
    work = site.cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v1acme-01": hostile})
    running = Thread(target=lambda: asyncio.run(work))
    running.start()
    running.join()
    return "v1acme-01"


@pytest.mark.scenario(6)
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:20])
def test_hostile_texts_are_text(site: Site, page: Page, text: str):
    order_id = place(site, text)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for target in (f"{ROOT}/orders", f"{ROOT}/orders/{order_id}", f"{ROOT}/stream"):
        page.goto(target)
        assert page.evaluate("window.hit") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 1360, target
    page.goto(f"{ROOT}/orders/{order_id}")
    assert text[:40] in page.locator("main").inner_text()
    assert all(url.startswith(site.base) for url in asked)
