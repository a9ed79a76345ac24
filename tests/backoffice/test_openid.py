"""Signing in by an OpenID provider: whom it names is let in if invited, and nobody else."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey

from oms_ledger.services.operators import openid
from oms_ledger.services.operators.claimed_roles import roles_of
from oms_ledger.settings import ClaimedRole, Settings, SettingsError
from projections.operators import directory
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


DESK = ClaimedRole("groups", "desk", ACCOUNT, "OMS - Read only")
OWNERS = ClaimedRole("groups", "owners", ACCOUNT, "Owner")


def role_of(cell, email="ana@example.com"):
    with cell.database.snapshot() as connection:
        operator = directory.by_email(connection, email)
    return operator and operator.roles.get(ACCOUNT)


def signed_in(app, provider, **claims):
    """What the callback answers a person of whom the provider claims that."""
    provider.claims = claims
    browser = Browser(app)
    return browser.get(led_back(browser)).status


def test_a_claim_gives_changes_and_takes_a_role(cell, app, provider, operator_of):
    operator_of(email="bo@example.com")
    choose(cell, openid_roles=(OWNERS, DESK))
    assert signed_in(app, provider) == 403  # no claim, no invitation
    assert role_of(cell) is None
    assert signed_in(app, provider, groups=["staff", "desk"]) == 303
    assert role_of(cell) == "OMS - Read only"
    assert signed_in(app, provider, groups="owners") == 303
    assert role_of(cell) == "Owner"
    assert signed_in(app, provider, groups=["desk", "owners"]) == 303
    assert role_of(cell) == "Owner"
    assert signed_in(app, provider, groups=["desk"], email_verified=False) == 403
    assert role_of(cell) == "Owner"
    signed_in(app, provider, groups=[])
    assert role_of(cell) is None
    changes = ("operator-invited", "operator-role-changed", "operator-removed")
    rows = [row for row in cell.store.page(0, 1000) if row.name in changes]
    assert [row.name for row in rows if row.actor == "openid"] == list(changes)


def test_a_role_taken_ends_the_sessions_that_had_it(cell, app, provider, operator_of):
    operator_of(email="bo@example.com")
    choose(cell, openid_roles=(OWNERS,))
    provider.claims = {"groups": "owners"}
    before = Browser(app)
    before.get(led_back(before))
    assert before.get(f"/admin/{ACCOUNT}/orders").status == 200
    after = Browser(app)
    provider.claims = {"groups": "none"}
    after.get(led_back(after))
    assert after.get(f"/admin/{ACCOUNT}/orders").status == 404
    assert before.get(f"/admin/{ACCOUNT}/orders").status == 303


def test_the_last_owner_stays_one_and_the_disabled_stay_out(cell, app, provider, operator_of):
    operator_of()
    choose(cell, openid_roles=(OWNERS, DESK))
    assert signed_in(app, provider, groups="desk") == 303
    assert role_of(cell) == "Owner"
    disable_operator(cell, "ana@example.com")
    assert signed_in(app, provider, groups="owners") == 403


def test_roles_elsewhere_stay_and_a_value_is_no_part_of_another():
    elsewhere = ClaimedRole("dept", "7", "other", "Owner")
    rules = (OWNERS, DESK, elsewhere)
    assert roles_of(rules, {"groups": "desk2", "dept": 7}) == {ACCOUNT: None, "other": None}
    assert roles_of(rules, {"groups": ["owners-to-be"], "dept": "7"})["other"] == "Owner"
    assert roles_of((), {"groups": "owners"}) == {}


def test_roles_are_read_from_the_setting():
    given = {
        "OMS_OIDC_ISSUER": "https://accounts.example.com",
        "OMS_OIDC_CLIENT_ID": CLIENT,
        "OMS_OIDC_CLIENT_SECRET": SECRET,
        "OMS_OIDC_ROLES": "groups cn=desk=acme:OMS - Read only; groups owners = acme:Owner;",
    }
    assert Settings.from_environment(given).openid_roles == (
        ClaimedRole("groups", "cn=desk", "acme", "OMS - Read only"),
        ClaimedRole("groups", "owners", "acme", "Owner"),
    )
    with pytest.raises(SettingsError):
        Settings.from_environment({**given, "OMS_OIDC_ROLES": "groups desk=acme"})


@pytest.mark.parametrize(
    "environ",
    [
        {"OMS_OIDC_ROLES": "groups desk=acme:Owner"},
        {"OMS_OIDC_ISSUER": "https://accounts.example.com"},
        {"OMS_PASSWORDS": "off"},
    ],
)
def test_half_a_setting_is_refused(environ):
    with pytest.raises(SettingsError):
        Settings.from_environment(environ)
