"""Signing in by an OpenID provider: whom it names is let in if invited, and nobody else."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey

from oms_ledger.services.operators import openid
from oms_ledger.settings import Settings, SettingsError
from tests.support.browsing import Browser
from tests.support.clock import set_clock
from tests.support.configuring import disable_operator
from tests.support.openid_provider import CLIENT, SECRET, openid_provider
from tests.support.purchases import ACCOUNT

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


@pytest.fixture
def provider(cell):
    set_clock(cell, NOW)
    with openid_provider(SECONDS) as running:
        choose(cell, openid_issuer=running.issuer, openid_client=CLIENT, openid_secret=SECRET)
        yield running


def choose(cell, **changes):
    """Other settings for a cell that is open."""
    object.__setattr__(cell, "settings", replace(cell.settings, **changes))


def led_back(browser, wanted=f"/admin/{ACCOUNT}/orders"):
    """Begin here, sign in there: the address that the provider leads the browser to."""
    begun = browser.get(f"/admin/-/openid?next={wanted}")
    assert begun.status == 303, begun.text
    there = requests.get(begun.location, allow_redirects=False, timeout=60)
    assert there.status_code == 302
    parts = urlsplit(there.headers["Location"])
    return f"{parts.path}?{parts.query}"


def test_an_invited_person_is_led_to_the_page_that_was_wanted(cell, app, provider, operator_of):
    operator_of()
    browser = Browser(app)
    assert 'href="/admin/-/openid' in browser.get("/admin/-/sign-in").html
    done = browser.get(led_back(browser))
    assert (done.status, done.location) == (303, f"/admin/{ACCOUNT}/orders")
    assert browser.get(f"/admin/{ACCOUNT}/orders").status == 200
    assert not browser.cookies.get("oms-openid")
    browser.get(led_back(browser))
    signed_in = [row for row in cell.store.page(0, 1000) if row.name == "operator-signed-in"]
    assert [b'"known_browser":true' in row.body for row in signed_in] == [False, True]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@example.com"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"iss": "https://elsewhere.example.com"},
        {"exp": 1},
        {"nonce": "of another sign-in"},
        {"auth_time": None},
        {"auth_time": SECONDS - 3600},
        {"auth_time": SECONDS + 3600},
        {"auth_time": str(SECONDS)},
        {"auth_time": True},
    ],
)
def test_what_does_not_fit_lets_nobody_in(app, provider, operator_of, claims):
    operator_of()
    browser = Browser(app)
    provider.claims = claims
    refused = browser.get(led_back(browser))
    assert refused.status == 403, refused.text
    assert "did not work" in refused.text
    assert browser.get(f"/admin/{ACCOUNT}").status == 303


def test_a_foreign_key_a_used_code_and_another_browser_let_nobody_in(app, provider, operator_of):
    operator_of()
    browser = Browser(app)
    provider.key = RSAKey.generate_key(2048)
    assert browser.get(led_back(browser)).status == 403
    provider.key = None
    address = led_back(browser)
    assert Browser(app).get(address).status == 403  # without the cookie of who began
    other = Browser(app)
    led_back(other)
    assert other.get(address).status == 403  # with the cookie of another sign-in
    assert browser.get(address).status == 303
    assert browser.get(address).status == 403  # once more


def test_a_sign_in_that_took_too_long_begins_again(app, provider, operator_of, monkeypatch):
    operator_of()
    browser = Browser(app)
    address = led_back(browser)
    monkeypatch.setattr(openid, "LIFE", -1)
    assert "took too long" in browser.get(address).text


def test_a_disabled_person_stays_out(cell, app, provider, operator_of):

    operator_of()
    disable_operator(cell, "ana@example.com")
    browser = Browser(app)
    assert browser.get(led_back(browser)).status == 403


def test_passwords_may_be_closed(cell, app, provider, operator_of):
    operator_of()
    choose(cell, passwords=False)
    browser = Browser(app)
    assert 'name="password"' not in browser.get("/admin/-/sign-in").html
    given = {"email": "ana@example.com", "password": "correct horse battery"}
    assert browser.post("/admin/-/sign-in", given).status == 403
    assert browser.get(led_back(browser)).status == 303


def test_another_issuer_and_a_silent_one_are_refused(cell, app, provider):
    browser = Browser(app)
    honest, provider.issuer = provider.issuer, "https://elsewhere.example.com"
    assert browser.get("/admin/-/openid").status == 403
    provider.issuer = honest
    choose(cell, openid_issuer="http://127.0.0.1:1")
    assert "does not answer" in browser.get("/admin/-/openid").text


@pytest.mark.parametrize(
    "environ",
    [
        {"OMS_OIDC_ISSUER": "https://accounts.example.com"},
        {"OMS_PASSWORDS": "off"},
    ],
)
def test_half_a_setting_is_refused(environ):
    with pytest.raises(SettingsError):
        Settings.from_environment(environ)
