"""A code after the password: set by the person, used once, guessed at slowly, reset by others."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from oms_ledger.accounts.operators import stream_of
from oms_ledger.cli import app as command_line
from oms_ledger.eventstore.tables import events
from oms_ledger.services.operators import invitations, second_factor
from oms_ledger.services.operators.recording import by_deployment
from projections.operators import directory, failures
from projections.operators.tables import operators
from projections.ops.verify_configuration import verify_configuration
from tests.backoffice.conftest import PASSWORD
from tests.support.browsing import Browser
from tests.support.clock import set_clock
from tests.support.configuring import run
from tests.support.purchases import ACCOUNT

SIGN_IN, CODE, MINE = "/admin/-/sign-in", "/admin/-/code", "/admin/-/me/second-factor"
CREDENTIALS = {"email": "ana@example.com", "password": PASSWORD}
START = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
TEAM = f"/admin/{ACCOUNT}/team"


class Device:
    """An authenticator app with the key of one person, by the clock of the cell."""

    def __init__(self, cell, secret):
        self.clock, self.totp = set_clock(cell, START), pyotp.TOTP(secret)

    @property
    def code(self):
        return self.totp.at(self.clock.at)

    @property
    def wrong(self):
        return f"{(int(self.code) + 1) % 1_000_000:06}"

    def later(self, seconds=30):
        self.clock.at += timedelta(seconds=seconds)
        return self.code


def shown_secret(page):
    key = re.search(r'class="secret"[^>]*>([^<]*)<', page.html)
    offered = re.search(r'name="offered" value="([^"]*)"', page.html)
    return key[1].replace(" ", ""), offered[1]


def turned_on(cell, browser):
    """The device of who is signed in in a browser, used for the first time."""
    secret, offered = shown_secret(browser.get(MINE))
    device = Device(cell, secret)
    given = {"do": "on", "offered": offered, "password": PASSWORD, "code": device.code}
    assert browser.post(MINE, given).location == "/admin/-/me"
    return device


def recorded(cell, operator):
    query = select(events.c.name, events.c.actor).where(events.c.stream == stream_of(operator))
    with cell.database.snapshot() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(events.c.version))]


def ana_of(cell):
    with cell.database.snapshot() as connection:
        return directory.by_email(connection, "ana@example.com")


def differing_operators(cell):
    """What `verify` finds of people."""
    found = verify_configuration(cell.database, cell.loader())
    return [one for one in found if one.table == operators.name]


@pytest.fixture
def device(cell, browser):
    return turned_on(cell, browser)


def test_a_code_counts_for_its_step_and_one_around_it():
    """The secret and the values of the appendix of RFC 6238, cut to six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        for distance in (-30, 0, 30):
            assert second_factor.step_of(secret, code, seconds + distance) == seconds // 30
        for distance in (-60, 60):
            with pytest.raises(second_factor.CodeRefused):
                second_factor.step_of(secret, code, seconds + distance)
    assert second_factor.step_of(secret, " 287 082 ", 59) == 1
    for odd in ("", "28708", "2870820", "²87082", "٢٨٧٠٨٢", "-287082", "287082\n0", "a" * 9000):
        with pytest.raises(second_factor.CodeRefused):
            second_factor.step_of(secret, odd, 59)


def test_signing_in_takes_the_code_after_the_password(cell, app, device):
    other = Browser(app)
    signed_in = other.post(SIGN_IN, {**CREDENTIALS, "next": "/admin/-/me"})
    assert signed_in.location == CODE
    assert "oms" not in other.cookies
    assert other.get("/admin/-/me").status == 303
    assert "one-time-code" in other.follow(signed_in).html
    wrong = other.post(CODE, {"code": device.wrong})
    assert (wrong.status, "wrong, or was used" in wrong.text) == (401, True)
    done = other.post(CODE, {"code": device.later()})
    assert done.location == "/admin/-/me"
    assert other.follow(done).status == 200
    assert "oms-code" not in other.cookies
    assert [name for name, _ in recorded(cell, ana_of(cell).id)] == [
        "operator-created",
        "operator-signed-in",
        "operator-second-factor-set",
        "operator-sign-in-refused",
        "operator-signed-in",
    ]


def test_a_code_is_used_once(cell, app, device):
    one, other = Browser(app), Browser(app)
    for browser in (one, other):
        browser.post(SIGN_IN, CREDENTIALS)
    assert one.post(CODE, {"code": device.code}).status == 401, "it turned the factor on"
    device.later()
    assert one.post(CODE, {"code": device.code}).status == 303
    assert other.post(CODE, {"code": device.code}).status == 401
    device.later()
    both = [Browser(app), Browser(app)]
    for browser in both:
        browser.post(SIGN_IN, CREDENTIALS)
    with ThreadPoolExecutor(2) as threads:
        statuses = threads.map(lambda one: one.post(CODE, {"code": device.code}).status, both)
    assert sorted(statuses) == [303, 401]


def test_guessed_codes_are_blocked_apart_from_passwords(cell, app, device):
    newcomer = Browser(app)
    newcomer.post(SIGN_IN, CREDENTIALS)
    for _ in range(failures.ALLOWED):
        assert newcomer.post(CODE, {"code": device.wrong}).status == 401
    device.later()
    blocked = newcomer.post(CODE, {"code": device.code})
    assert blocked.status == 429
    assert int(blocked.header("retry-after")) in range(1, 61)
    assert newcomer.post(SIGN_IN, CREDENTIALS).location == CODE, "a right password lifts nothing"
    assert newcomer.post(CODE, {"code": device.code}).status == 429
    device.later(61)
    assert newcomer.post(CODE, {"code": device.code}).status == 303


def test_many_tries_at_once_are_no_more_than_one_after_the_other(cell):
    async def many():
        async def one():
            take = (failures.take, "somebody")
            return await cell.write(*take, known_browser=False, now=cell.clock.micros())

        return await asyncio.gather(*(one() for _ in range(30)))

    waits = asyncio.run(many())
    assert sum(wait == 0 for wait in waits) == failures.ALLOWED


def test_the_step_in_between_is_bound_to_password_secret_and_time(cell, app, browser, device):
    waiting = Browser(app)
    waiting.post(SIGN_IN, CREDENTIALS)
    kept = dict(waiting.cookies)
    for spoiled in ("", "nonsense", kept["oms-code"][:-8] + "AAAAAAA="):
        odd = Browser(app, cookies={"oms-code": spoiled})
        assert odd.get(CODE).location == SIGN_IN
        assert odd.post(CODE, {"code": device.later()}).status == 401
    device.later(601)
    late = waiting.post(CODE, {"code": device.code})
    assert "Sign in again" in late.text
    again = Browser(app)
    again.post(SIGN_IN, CREDENTIALS)
    given = {"present": PASSWORD, "password": "another good one 1"}
    assert browser.post("/admin/-/me/password", given).status == 303
    assert again.post(CODE, {"code": device.later()}).status == 401
    assert again.get("/admin/-/me").status == 303


def test_turning_on_takes_the_password_and_a_code_of_the_key_shown(cell, app, browser):
    secret, offered = shown_secret(browser.get(MINE))
    device = Device(cell, secret)
    right = {"do": "on", "offered": offered, "password": PASSWORD, "code": device.code}
    for wrong in ({"password": "no"}, {"code": device.wrong}, {"code": ""}):
        refused = browser.post(MINE, right | wrong)
        assert refused.status == 401
        assert shown_secret(refused)[0] == secret, "the key that the device has already"
    for foreign in ("", "00", "zz", offered[:-2] + "00"):
        assert browser.post(MINE, right | {"offered": foreign}).location == MINE
    assert ana_of(cell).second_factor is None
    other = Browser(app)
    other.post(SIGN_IN, CREDENTIALS)
    assert browser.post(MINE, right).status == 303
    assert other.get("/admin/-/me").status == 303, "other sessions end"
    assert browser.get("/admin/-/me").status == 200
    assert secret.encode() not in ana_of(cell).second_factor
    assert browser.post(MINE, right | {"code": device.later()}).status == 409
    assert differing_operators(cell) == []


def test_the_secret_is_sealed_and_a_foreign_one_is_found(cell, app, device):
    ana = ana_of(cell)
    kept = b"".join(
        bytes(row.body) + bytes(row.personal or b"") for row in cell.store.stream(stream_of(ana.id))
    )
    assert device.totp.secret.encode() not in kept
    foreign = cell.encryption.seal(b"A" * 32, directory.place("another"))
    with cell.database.writing() as connection:
        connection.execute(update(operators).values(second_factor=foreign))
    (found,) = differing_operators(cell)
    assert "second_factor" in found.reason


def test_turning_off_takes_the_password(cell, app, browser, device):
    assert browser.post(MINE, {"do": "off", "password": "no"}).status == 401
    assert browser.post(MINE, {"do": "off", "password": PASSWORD}).status == 303
    assert Browser(app).post(SIGN_IN, CREDENTIALS).location == "/admin"
    assert ana_of(cell).second_factor is None


def test_a_link_for_another_password_is_no_second_factor(cell, app, device):
    link = run(cell, lambda c: invitations.reset(c, by_deployment("test"), "ana@example.com"))
    browser = Browser(app)
    given = {"token": link, "name": "Ana", "password": "another good one 1"}
    assert browser.post("/admin/-/link", given).location == CODE
    assert browser.get("/admin/-/me").status == 303
    assert browser.post(CODE, {"code": device.later()}).location == "/admin"


def test_an_owner_resets_it_of_who_is_in_the_account_alone(cell, app, browser_of):
    owner = browser_of(email="olga@example.com")
    ana = browser_of(role="OMS - Read only")
    device = turned_on(cell, ana)
    assert "Turn off the second factor" in owner.get(TEAM).text
    done = owner.post(TEAM, {"do": "reset", "operator": ana_of(cell).id})
    assert done.location == TEAM
    assert ana.get("/admin/-/me").status == 303
    assert Browser(app).post(SIGN_IN, CREDENTIALS).location == "/admin"
    name, actor = recorded(cell, ana_of(cell).id)[-2]
    assert (name, actor.startswith("person:")) == ("operator-second-factor-removed", True)
    assert device.totp.secret


def test_an_owner_resets_nothing_of_who_runs_the_deployment(cell, app, browser_of, monkeypatch):
    owner = browser_of(email="olga@example.com")
    turned_on(cell, browser_of(deployment=True))
    refused = owner.post(TEAM, {"do": "reset", "operator": ana_of(cell).id})
    assert (refused.status, "person reset-second-factor" in refused.text) == (403, True)
    assert ana_of(cell).second_factor is not None
    monkeypatch.setattr("oms_ledger.cli.operators.open_migrated", lambda: cell)
    words = ["person", "reset-second-factor", "--email", "ana@example.com"]
    assert CliRunner().invoke(command_line, words).exit_code == 0
    assert ana_of(cell).second_factor is None
    assert recorded(cell, ana_of(cell).id)[-1] == ("operator-second-factor-removed", "operator")
