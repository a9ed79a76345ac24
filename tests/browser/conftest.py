"""A real browser on real pages: Debian's Chromium, or the one that OMS_TEST_CHROMIUM names.

The application runs behind a real server in a thread, on a loopback port of its own. A missing
browser fails the tests; nothing is skipped.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import requests
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from oms_ledger.cell import Cell
from oms_ledger.services.operators import passwords
from oms_ledger.web import build
from tests.conftest import opened, prepared_database
from tests.support import over_http
from tests.support.configuring import begin_session, create_key, create_operator
from tests.support.purchases import ACCOUNT, open_account, place_paid

PASSWORD = "correct horse battery"
EMAIL = "ana@example.com"
LOOPBACK = (ip_network("127.0.0.1/32"),)


def chromium() -> str:
    named = os.environ.get("OMS_TEST_CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "The browser tests need Chromium: apt-get install chromium"
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.fspath):
            item.add_marker("browser")


@dataclass
class Site:
    """The application behind a socket, and a key of its account to ask the API with."""

    cell: Cell
    base: str
    headers: dict[str, str]
    operator: str

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(
            method, f"{self.base}{path}", json=body, headers=self.headers, timeout=30
        )

    def place(self, number: int = 1) -> str:
        """A paid order, ready for handling."""
        return _place(self.cell, number)

    def order(self, order_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/api/oms/pvt/orders/{order_id}").json()
        return found

    def session(self) -> str:
        """The token of a new session of the operator."""
        return begin_session(self.cell, self.operator)


def beside(story: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run a story in a thread: the browser's own loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(story())).result()


def _place(cell: Cell, number: int) -> str:
    order_id = f"v{number}acme-01"
    beside(lambda: place_paid(cell.ledger, order_id, number))
    return order_id


@cache
def password_hash() -> str:
    """Made once: it is dear on purpose."""
    return passwords.hash_password(PASSWORD)


@contextmanager
def standing(database: str, tmp_path: Path, *, claimed: bool = True) -> Iterator[Site]:
    """The application on a database of its own; `claimed`: somebody may sign in already."""
    with prepared_database(database, tmp_path) as url, opened(url, tmp_path) as closed:
        # Hooks of the tests listen on loopback.
        cell = Cell(replace(closed.settings, hook_allowed_networks=LOOPBACK), closed.clock)
        beside(lambda: open_account(cell.ledger))
        key, token = create_key(cell, ACCOUNT, "Owner", "erp")
        operator = ""
        if claimed:
            operator = create_operator(
                cell,
                ACCOUNT,
                "Owner",
                email=EMAIL,
                name="Ana",
                password_hash=password_hash(),
                deployment=True,
            )
        base = over_http.serve(build(cell))
        headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
        yield Site(cell, base, headers, operator)
        over_http.stop_all()
        cell.close()


@pytest.fixture(params=["sqlite"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with standing(request.param, tmp_path) as made:
        yield made


@pytest.fixture(scope="package")
def launched() -> Iterator[Browser]:
    """One browser for all tests: starting it is dear."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def chrome(site: Site, launched: Browser) -> Iterator[Browser]:
    """The browser, for contexts of a test's own: they end before the site does."""
    yield launched
    for context in list(launched.contexts):
        context.close()


@dataclass
class Violations:
    """What a browser complained of: errors of the console, of the policy, of the script."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._logged)
        page.on("pageerror", lambda error: self.found.append(str(error)))

    def _logged(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource")  # an answer that is no 200
        if message.type in ("error", "warning") and not refused:
            self.found.append(message.text)


@pytest.fixture
def violations() -> Iterator[Violations]:
    kept = Violations()
    yield kept
    assert kept.found == []


@pytest.fixture
def context(site: Site, chrome: Browser) -> Iterator[BrowserContext]:
    """A browser in which the operator is signed in."""
    made = chrome.new_context(base_url=site.base, viewport={"width": 1360, "height": 900})
    made.add_cookies([{"name": "oms", "value": site.session(), "url": site.base}])
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, violations: Violations) -> Page:
    made = context.new_page()
    made.set_default_timeout(15_000)
    violations.watch(made)
    return made


expect.set_options(timeout=15_000)

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # the nodes of all that passed are megabytes
}
BY_COLOR = ["color-contrast", "link-in-text-block"]
OF_COLORS = {**RULES, "runOnly": {"type": "rule", "values": BY_COLOR}}
"""What another scheme can break: it changes colors alone (`tests/backoffice`)."""


def axe(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    """What axe finds on the page, a line each; the page gets axe once."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("rules => axe.run(rules).then(found => found.violations)", rules)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found
        for node in one["nodes"]
    ]
