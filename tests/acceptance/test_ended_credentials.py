"""A credential ends when what it was made from is ended, and not before (G65)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from oms_ledger.api.auth import checkout_cookies, key_cache
from oms_ledger.cli import app as command
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.privacy.erase import erase
from oms_ledger.services.privacy.steps import Person
from projections import tables
from tests.acceptance.test_order_life import place
from tests.acceptance.test_stream import EVENTS as STREAM
from tests.acceptance.test_stream import client_news
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.configuring import revoke_key, rotate_key
from tests.support.purchases import ACCOUNT, place_paid

LOGIN, ISSUE = "/api/vtexid/apptoken/login", "/api/ledger/shopper-tokens"
WHO = "Ana@x.com"
PROBES = {"user token": "/api/oms/pvt/orders", "shopper token": "/api/oms/user/orders"}
CARRIERS: dict[str, Callable[[str], dict[str, str]]] = {
    "header": lambda token: {"VtexIdclientAutCookie": token},
    "cookie": lambda token: {"Cookie": f"VtexIdclientAutCookie_{ACCOUNT}={token}"},
    "bearer": lambda token: {"Authorization": f"Bearer {token}"},
}
HOUR = 3_600_000_000


def _rotate(overlap: int):
    def event(cell, key: str) -> None:
        rotate_key(cell, key, overlap // 1_000_000)

    return event


def _overlap_is_over(cell, key: str) -> None:
    _rotate(HOUR)(cell, key)
    with cell.database.writing() as connection:
        connection.execute(update(tables.app_keys).values(previous_until=1))


def _revoke(cell, key: str) -> None:
    revoke_key(cell, key)


def _erase(kind: str, value: str):
    def event(cell, key: str) -> None:
        person = Person(kind, value)
        asyncio.run(
            erase(cell, CommandContext(ACCOUNT, "test"), person, dry_run=False, include_open=True)
        )

    return event


def _not_before(*words: str):
    def event(cell, key: str) -> None:
        done = CliRunner().invoke(command, ["token", "revoke", "--account", ACCOUNT, *words])
        assert done.exit_code == 0, done.output

    return event


def _nothing(cell, key: str) -> None:
    pass


# What happens, and what is ended by it.
EVENTS: dict[str, tuple[Callable[..., None], set[str]]] = {
    "nothing": (_nothing, set()),
    "rotated": (_rotate(0), {"user token", "shopper token"}),
    "rotated with an overlap": (_rotate(HOUR), set()),
    "the overlap is over": (_overlap_is_over, {"user token", "shopper token"}),
    "revoked": (_revoke, {"user token", "shopper token"}),
    "person erased": (_erase("email", WHO.lower()), {"shopper token"}),
    "another erased": (_erase("email", "bob@x.com"), set()),
    "not before, of the person": (_not_before("--email", "ana@x.com"), {"shopper token"}),
    "not before, of another": (_not_before("--email", "bob@x.com"), set()),
    "not before, of all": (_not_before("--all"), {"user token", "shopper token", "cookie"}),
}


@pytest.fixture
def at_once(cell, monkeypatch):
    """As a second later: what is known of keys is not remembered."""
    monkeypatch.setattr(key_cache, "FRESH", 0)
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)


def issued(client: Client) -> dict[str, str]:
    """A user token of the client's key, and a shopper's token that it issued."""
    key = {
        "appkey": client.headers["X-VTEX-API-AppKey"],
        "apptoken": client.headers["x-vtex-api-apptoken"],
    }
    token = Client(client.app).call("POST", LOGIN, key).json()["token"]
    by_token = Client(client.app, {"VtexIdclientAutCookie": token})
    shopper = by_token.call("POST", ISSUE, {"email": WHO}).json()["token"]
    return {"user token": token, "shopper token": shopper}


def status(client: Client, kind: str, token: str, carrier: str) -> int:
    return Client(client.app, CARRIERS[carrier](token)).call("GET", PROBES[kind]).status


@pytest.mark.guarantee("G65")
@pytest.mark.parametrize("event", EVENTS)
def test_tokens_end_with_what_they_were_made_from(cell, client_of, at_once, event):
    happens, ended = EVENTS[event]
    client, other = client_of(), client_of()
    tokens, others = issued(client), issued(other)
    sent = place(other, host=f"{ACCOUNT}.localhost").headers
    cookies = [v.partition(";")[0] for k, v in sent if k == "set-cookie"]
    happens(cell, client.headers["X-VTEX-API-AppKey"])
    for kind, token in tokens.items():
        found = {carrier: status(client, kind, token, carrier) for carrier in CARRIERS}
        assert found == dict.fromkeys(CARRIERS, 401 if kind in ended else 200), kind
    if event in ("rotated", "revoked"):
        assert {status(client, kind, others[kind], "header") for kind in others} == {200}
    for kind, token in issued(other).items():
        assert status(client, kind, token, "header") == 200
    for cookie in cookies:
        bearer = Client(client.app, {"Cookie": cookie, "host": f"{ACCOUNT}.localhost"})
        answer = bearer.call("POST", "/api/checkout/pub/gatewayCallback/none")
        assert answer.status == 401  # another purchase's


@pytest.mark.guarantee("G65")
@pytest.mark.parametrize("number", [0, 1])
def test_a_placements_cookie_ends_after_an_hour_or_with_its_account(cell, client, at_once, number):
    clock = set_clock(cell, cell.clock.now())
    placed = place(client)
    group = placed.json()["orders"][0]["orderGroup"]
    cookie = [v for k, v in placed.headers if k == "set-cookie"][number].partition(";")[0]
    url = f"/api/checkout/pub/gatewayCallback/{group}?an={ACCOUNT}"
    bearer = Client(client.app, {"Cookie": cookie})
    assert bearer.call("POST", url).status == 204
    clock.at += timedelta(seconds=checkout_cookies.LIFETIME - 1)
    assert bearer.call("POST", url).status == 204
    clock.at += timedelta(seconds=2)
    assert bearer.call("POST", url).status == 401
    clock.at -= timedelta(seconds=checkout_cookies.LIFETIME)
    assert bearer.call("POST", url).status == 204
    _not_before("--all")(cell, "")
    assert bearer.call("POST", url).status == 401


@pytest.mark.guarantee("G65")
def test_a_cookie_with_another_end_or_of_another_kind_opens_nothing(cell, client):
    placed = place(client)
    group = placed.json()["orders"][0]["orderGroup"]
    url = f"/api/checkout/pub/gatewayCallback/{group}?an={ACCOUNT}"
    first, second = (v.partition(";")[0] for k, v in placed.headers if k == "set-cookie")
    one, two = first.partition("=")[2], second.partition("=")[2].partition("=")[2]
    forged = [
        f"Vtex_CHKO_Auth={two}",
        f"CheckoutDataAccess=VTEX_CHK_Order_Auth={one}",
        f"Vtex_CHKO_Auth=////{one[4:]}",
        f"Vtex_CHKO_Auth={one[:-3]}",
        "Vtex_CHKO_Auth=",
        "Vtex_CHKO_Auth=é",
    ]
    for cookie in forged:
        assert Client(client.app, {"Cookie": cookie}).call("POST", url).status == 401, cookie
    assert Client(client.app, {"Cookie": f"a=b; {second}"}).call("POST", url).status == 204


@pytest.mark.guarantee("G65")
def test_a_poll_tells_nothing_to_a_credential_that_ended_meanwhile(cell, client, at_once):
    token = issued(client)["user token"]
    reader = Client(client.app, {"VtexIdclientAutCookie": token})
    head = cell.store.head()

    async def story() -> int:
        waiting = asyncio.create_task(reader.ask("GET", f"{STREAM}?after={head}&wait=60"))
        while not client_news(client)._waiting:
            await asyncio.sleep(0)
        _revoke(cell, client.headers["X-VTEX-API-AppKey"])
        await place_paid(cell.ledger, "v9-01", 9)
        return (await waiting).status

    assert asyncio.run(story()) == 401
