"""Signing in: the first link, passwords, sessions, and who may send a form."""

import re

import pytest
from sqlalchemy import select, update

from oms_ledger.accounts.roles import ROLES
from oms_ledger.backoffice.protection import HEADERS
from oms_ledger.eventstore.tables import metadata
from oms_ledger.services.operators import invitations
from projections.operators import sessions
from projections.operators.tables import operator_sessions, sign_in_failures
from tests.backoffice.conftest import PASSWORD
from tests.support.browsing import Browser
from tests.support.configuring import disable_operator
from tests.support.purchases import ACCOUNT

SIGN_IN = "/admin/-/sign-in"


def credentials(password=PASSWORD, email="ana@example.com"):
    return {"email": email, "password": password}


def test_first_link_makes_an_owner_and_is_used_up(cell, app):
    token = invitations.first_link(cell, ACCOUNT)
    browser = Browser(app)
    assert "first operator" in browser.get("/admin/-/first").text
    given = {"token": f"#{token}", "name": "Ana", **credentials()}
    used = browser.post("/admin/-/first", given)
    assert (used.status, used.location) == (303, "/admin")
    assert browser.follow(used).location == f"/admin/{ACCOUNT}"
    assert "Home" in browser.get(f"/admin/{ACCOUNT}").text
    again = Browser(app).post("/admin/-/first", given)
    assert again.status == 410
    assert "used already" in again.text
    assert invitations.first_link(cell, ACCOUNT) is None


def test_a_new_first_link_ends_the_former_one(cell, app):
    former = invitations.first_link(cell, ACCOUNT)
    invitations.first_link(cell, ACCOUNT)
    given = {"token": former, "name": "Ana", **credentials()}
    assert Browser(app).post("/admin/-/first", given).status == 410


@pytest.mark.parametrize(
    "password", ["short", "ana@example.com", "password1234567", "aaaaaaaaaaaaaa"]
)
def test_weak_passwords_are_refused_and_the_link_stays(cell, app, password):
    token = invitations.first_link(cell, ACCOUNT)
    browser = Browser(app)
    given = {"token": token, "name": "Ana", **credentials(password)}
    refused = browser.post("/admin/-/first", given)
    assert refused.status == 400
    assert token in refused.html
    assert browser.post("/admin/-/first", {**given, **credentials()}).status == 303


def test_sign_in_leads_to_the_page_that_was_wanted(app, operator_of):
    operator_of()
    browser = Browser(app)
    closed = browser.get(f"/admin/{ACCOUNT}?utc=1")
    assert closed.location == f"{SIGN_IN}?next=/admin/acme%3Futc%3D1"
    form = browser.follow(closed)
    assert f'value="/admin/{ACCOUNT}?utc=1"' in form.html
    done = browser.post(SIGN_IN, {**credentials(), "next": f"/admin/{ACCOUNT}?utc=1"})
    assert done.location == f"/admin/{ACCOUNT}?utc=1"
    assert browser.follow(done).status == 200


@pytest.mark.parametrize(
    "next_", ["https://evil.example", "//evil.example", "/admin//evil", "/\\evil", "javascript:1"]
)
def test_sign_in_never_leads_to_another_site(app, operator_of, next_):
    operator_of()
    done = Browser(app).post(SIGN_IN, {**credentials(), "next": next_})
    assert (done.status, done.location) == (303, "/admin")


def test_unknown_and_known_addresses_answer_alike(app, operator_of):
    operator_of()
    known = Browser(app).post(SIGN_IN, credentials("wrong password"))
    unknown = Browser(app).post(SIGN_IN, credentials("wrong password", "eve@example.com"))
    assert known.status == unknown.status == 401
    assert known.html == unknown.html.replace("eve@example.com", "ana@example.com")


def test_five_failures_block_the_sixth_try_though_right(cell, app, operator_of):
    operator_of()
    newcomer, known = Browser(app), Browser(app)
    assert known.post(SIGN_IN, credentials()).status == 303
    for _ in range(5):
        assert newcomer.post(SIGN_IN, credentials("wrong password")).status == 401
    blocked = newcomer.post(SIGN_IN, credentials())
    assert blocked.status == 429
    assert int(blocked.header("retry-after")) in range(1, 61)
    # A browser that signed in before is counted apart: anonymous callers shut nobody out.
    known.cookies.pop("oms")
    assert known.post(SIGN_IN, credentials()).status == 303
    for _ in range(5):
        newcomer.post(SIGN_IN, credentials("wrong password"))
    with cell.database.writing() as connection:
        connection.execute(update(sign_in_failures).values(blocked_until=0))
    assert newcomer.post(SIGN_IN, credentials()).status == 303


def test_cookies_say_what_a_browser_must_not_do(app, operator_of):
    operator_of()
    done = Browser(app).post(SIGN_IN, credentials())
    cookies = [value.lower() for name, value in done.headers if name == "set-cookie"]
    assert len(cookies) == 2
    for cookie in cookies:
        assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.split("; "))


def test_no_password_is_taken_over_http_from_afar(app, operator_of):
    operator_of()
    far = Browser(app, host="oms.example.com")
    assert "OMS_PUBLIC_URL" in far.get(SIGN_IN).text
    assert far.post(SIGN_IN, credentials()).status == 403
    assert far.cookies == {}


def test_sign_out_everywhere_ends_the_other_browser_too(app, operator_of):
    operator_of()
    one, other = Browser(app), Browser(app)
    for browser in (one, other):
        browser.post(SIGN_IN, credentials())
        assert browser.get("/admin/-/me").status == 200
    one.post("/admin/-/sign-out", {"everywhere": "yes"})
    assert other.get("/admin/-/me").location == f"{SIGN_IN}?next=/admin/-/me"


def test_idle_and_old_sessions_are_over(cell, app, browser):
    assert browser.get("/admin/-/me").status == 200
    t = operator_sessions
    with cell.database.writing() as connection:
        connection.execute(update(t).values(seen_at=t.c.seen_at - sessions.IDLE - 1))
    assert browser.get("/admin/-/me").status == 303


def test_a_disabled_person_is_out_at_once(cell, app, browser):
    disable_operator(cell, "ana@example.com")
    assert browser.get("/admin/-/me").status == 303
    assert Browser(app).post(SIGN_IN, credentials()).status == 401


def test_a_new_password_ends_other_sessions(cell, app, operator_of):
    operator_of()
    one, other = Browser(app), Browser(app)
    for browser in (one, other):
        browser.post(SIGN_IN, credentials())
    given = {"present": PASSWORD, "password": "another good one 1"}
    assert one.post("/admin/-/me/password", {**given, "present": "no"}).status == 401
    assert one.post("/admin/-/me/password", given).status == 303
    assert other.get("/admin/-/me").status == 303
    assert one.get("/admin/-/me").status == 200
    assert Browser(app).post(SIGN_IN, credentials("another good one 1")).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://127.0.0.1:8080"},
        {"sec_fetch_site": "none"},
        {"origin": "http://127.0.0.1:8081"},
        {"origin": "null"},
        {"accept": "text/html"},
    ],
    ids=str,
)
def test_forms_of_other_sites_change_nothing(cell, browser, headers):
    before = everything(cell)
    refused = browser.post("/admin/-/me", {"name": "Eve"}, **headers)
    assert refused.status == 403
    assert everything(cell) == before


def test_a_form_of_the_own_origin_is_taken_by_either_header(browser):
    assert browser.post("/admin/-/me", {"name": "A"}, origin="http://127.0.0.1:8080").status == 303
    assert browser.post("/admin/-/me", {"name": "B"}, sec_fetch_site="same-origin").status == 303


def everything(cell):
    """All rows of all tables, but for when a session was seen."""
    with cell.database.snapshot() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(*columns)).all()))
            for table in metadata.sorted_tables
            if (columns := [c for c in table.columns if c.name not in ("seen_at", "message")])
        }


def test_every_answer_has_the_headers_that_bind_a_browser(app, browser):
    targets = ("/admin/-/me", f"/admin/{ACCOUNT}", "/admin/-/nothing", SIGN_IN, "/admin/-/static/x")
    for target in targets:
        shown = browser.get(target)
        assert all(shown.header(name) == value for name, value in HEADERS.items()), target
        assert shown.header("cache-control") == "no-store"


def test_static_files_are_kept_by_a_browser_for_a_year(browser):
    page = browser.get("/admin/-/me").html
    names = set(re.findall(r"/admin/-/static/[^\"]+", page))
    assert len(names) == 4
    for name in names:
        shown = browser.get(name)
        assert shown.status == 200
        assert "immutable" in shown.header("cache-control")


def test_the_session_cookie_opens_no_api(app, browser):
    assert browser.get("/api/oms/pvt/orders").status == 401
    assert browser.get("/api/ledger/events").status == 401


def test_another_account_is_not_there(browser):
    assert browser.get("/admin/other").status == 404
    assert "Not found" in browser.get("/admin/other").text


@pytest.mark.parametrize("role", ROLES)
def test_home_opens_for_every_role(browser_of, role):
    shown = browser_of(role).get(f"/admin/{ACCOUNT}")
    assert shown.status == 200
    assert "Home" in shown.text
