"""Coming in for the first time, guessing a password, and what a role leaves out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from oms_ledger.services.operators import invitations
from projections.operators.tables import operator_roles
from tests.browser.conftest import EMAIL, PASSWORD, Site, axe, standing
from tests.browser.test_everywhere import addresses
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT

ROOT = f"/admin/{ACCOUNT}"
NOW = datetime.now(UTC)


@pytest.mark.scenario(1)
def test_the_first_link_leads_home_once(tmp_path: Path, launched: Browser):
    with standing("sqlite", tmp_path, claimed=False) as site:
        token = invitations.first_link(site.cell, ACCOUNT)
        context = launched.new_context(base_url=site.base)
        page = context.new_page()
        page.goto(f"/admin/-/first#{token}")
        assert axe(page) == []
        page.get_by_label("Your name").fill("Ana")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
        expect(page.get_by_role("link", name="Team")).to_be_visible()  # it is an Owner
        expect(page.get_by_role("link", name="System")).to_be_visible()
        assert invitations.first_link(site.cell, ACCOUNT) is None
        page.goto(f"/admin/-/first#{token}")
        page.get_by_label("Your name").fill("Eve")
        page.get_by_label("E-mail").fill("eve@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("used already")
        context.close()


def attempt(page: Page, email: str, password: str) -> tuple[int, str]:
    """The status and what is said when somebody tries to sign in."""
    page.goto("/admin/-/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name="Sign in").click()
    assert navigation.value is not None
    return navigation.value.status, page.get_by_role("alert").inner_text()


@pytest.mark.scenario(2)
def test_the_sixth_try_waits_though_it_is_right(site: Site, chrome: Browser):
    page = chrome.new_page(base_url=site.base)
    known = attempt(page, EMAIL, "not the password")
    assert known == attempt(page, "nobody@example.com", "not the password")
    assert known[0] == 401
    for _ in range(4):
        assert attempt(page, EMAIL, "not the password") == known
    status, said = attempt(page, EMAIL, PASSWORD)
    assert status == 429
    assert "Try again in" in said


@pytest.mark.scenario(2)
def test_a_second_factor_is_turned_on_and_required(site: Site, page: Page, chrome: Browser):
    page.goto("/admin/-/me")
    page.get_by_role("link", name="Turn on a second factor").click()
    key = page.get_by_label("Key", exact=True).inner_text().replace(" ", "")
    codes = pyotp.TOTP(key)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code of six digits").fill(codes.at(set_clock(site.cell, NOW).at))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("status")).to_contain_text("takes a code from now on")
    newcomer = chrome.new_page(base_url=site.base)
    newcomer.goto(ROOT)
    newcomer.get_by_label("E-mail").fill(EMAIL)
    newcomer.get_by_label("Password").fill(PASSWORD)
    newcomer.get_by_role("button", name="Sign in").click()
    field = newcomer.get_by_label("Code of six digits")
    expect(field).to_be_focused()
    assert axe(newcomer) == []
    field.fill("000000")
    field.press("Enter")
    expect(newcomer.get_by_role("alert")).to_contain_text("wrong, or was used already")
    assert axe(newcomer) == []
    later = set_clock(site.cell, NOW + timedelta(seconds=30)).at
    field.fill(codes.at(later))
    field.press("Enter")
    expect(newcomer.get_by_role("heading", name="Home", level=1)).to_be_visible()
    page.goto("/admin/-/me/second-factor")
    assert axe(page) == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("link", name="Turn on a second factor")).to_be_visible()


@pytest.mark.scenario(4)
def test_a_reader_finds_nothing_that_changes(site: Site, page: Page):
    targets = addresses(site)
    with site.cell.database.writing() as connection:
        connection.execute(update(operator_roles).values(role="OMS - Read only"))
    before = site.cell.store.head()
    opened = 0
    for target in targets:
        answer = page.goto(target)
        assert answer is not None
        opened += answer.status == 200
        if target.startswith(ROOT):
            forms = page.locator("main form[method=post]:has(button):not([role=search])")
            sent = {form.get_attribute("action") or target for form in forms.all()}
            assert sent <= {f"{ROOT}/orders/views"}, target  # one's own
            expect(page.locator("[data-action]")).to_have_count(0)
    assert opened > 10
    page.goto(ROOT)
    tried = page.evaluate(
        "path => fetch(path, {method: 'POST', body: new URLSearchParams({version: '17'})})"
        ".then(answer => answer.status)",
        f"{ROOT}/orders/v1acme-01/cancel",
    )
    assert tried == 403
    assert site.cell.store.head() == before
