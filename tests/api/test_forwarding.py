"""What is asked of a cell for another cell's account goes there, once."""

import asyncio
import threading
from functools import partial
from pathlib import Path

import pytest

from oms_ledger.api.http import forwarding
from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT
from oms_ledger.directory import DirectoryCache, Place, set_place
from oms_ledger.eventstore.hosting import LEAVING, LIVE
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from tests.conftest import MASTER_KEY, prepared_database
from tests.support.cells import application, ask, forwarding_of, two_cells
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT, open_account, place_paid

ORDER = "/api/oms/pvt/orders/v1-01"
SIMULATION = "/api/checkout/pub/orderForms/simulation"


@pytest.fixture
def cells(tmp_path: Path):
    with two_cells(partial(prepared_database, "sqlite"), tmp_path, MASTER_KEY) as both:
        yield both


@pytest.fixture
def hosted_by_b(cells):
    """An account with an order in `b`, and the application of `a`."""
    asyncio.run(open_account(cells.b.ledger))
    asyncio.run(place_paid(cells.b.ledger, "v1-01"))
    key, token = create_key(cells.b, ACCOUNT, "Owner")
    app_b, app_a = application(cells.b), application(cells.a)
    cells.add(cells.b, app_b, [ACCOUNT])
    cells.add(cells.a, app_a, [])
    return app_a, {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}


def test_a_request_goes_where_its_account_is(cells, hosted_by_b):
    app, headers = hosted_by_b
    answer = ask(app, headers, "GET", ORDER)
    assert (answer.status, answer.json()["orderId"]) == (200, "v1-01")
    assert len([name for name, _ in answer.headers if name == "x-request-id"]) == 1
    assert ask(app, headers, "POST", f"{ORDER}/start-handling").status == 204
    again = ask(app, headers, "GET", f"/{ACCOUNT}{ORDER}")
    assert again.json()["status"] == "handling"
    refused = ask(app, headers, "POST", f"{ORDER}/invoice", {"type": "Nothing"})
    assert refused.status == 400
    assert cells.a.store.head() == 0


@pytest.mark.parametrize("path", [f"/{ACCOUNT}{SIMULATION}", f"{SIMULATION}?an={ACCOUNT}"])
def test_an_anonymous_request_goes_to_the_account_that_it_names(cells, hosted_by_b, path):
    app, _ = hosted_by_b
    with_body = {"Transfer-Encoding": "chunked"}
    answer = ask(app, with_body, "POST", path, {"items": [], "country": "BRA"})
    assert answer.status == 200, answer.body
    assert answer.json()["items"] == []
    unknown = ask(app, with_body, "POST", path.replace(ACCOUNT, "nobody"), {"items": []})
    assert unknown.status == 404


def test_the_account_is_known_by_name_key_or_token(cells, hosted_by_b):
    now = int(cells.b.clock.now().timestamp())
    token = UserToken(ACCOUNT, now + 600, shopper="kay@example.com")
    text = user_tokens.issue(cells.a.encryption, token)

    def found(*headers, named=None):
        scope = {"state": {REQUESTED_ACCOUNT: named}, "headers": list(headers)}
        return forwarding.account_of(scope, cells.a)

    assert found(named="other") == "other"
    assert found((b"x-vtex-api-appkey", b"vtexappkey-acme-8F21C0")) == "acme"
    assert found((b"vtexidclientautcookie", text.encode())) == ACCOUNT
    assert found((b"cookie", f"VtexIdclientAutCookie={text}".encode())) == ACCOUNT
    assert found((b"x-vtex-api-appkey", b"nonsense")) is None


def test_a_request_is_forwarded_once(cells, hosted_by_b):
    """Two cells that each take the other for the right one: the client is to ask again."""
    app, headers = hosted_by_b
    answer = ask(app, {**headers, "X-OMS-Hops": "1"}, "GET", ORDER)
    assert (answer.status, answer.header("retry-after")) == (503, "1")


def test_a_cell_that_is_away_is_no_error_of_the_client(cells, hosted_by_b):
    app, headers = hosted_by_b
    with cells.directory.changing() as connection:
        set_place(connection, Place(ACCOUNT, "nowhere", 1, LIVE))
    answer = ask(app, headers, "GET", ORDER)
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.json()["error"]["code"] == "OMS503"


def test_writes_wait_for_an_account_that_moves(cells, hosted_by_b, monkeypatch):
    """It leaves `a` for `b`: a read is answered here, a write by whoever has it then."""
    app, headers = hosted_by_b
    cache = forwarding_of(app)._cache
    with cells.directory.changing() as connection:
        set_place(connection, Place(ACCOUNT, "a", 1, LEAVING))
    assert ask(app, headers, "GET", ORDER).status == 401  # `a` has no such key
    cache._clock = lambda: cache._read_at + 60  # every look is a fresh one
    looks = []
    sleep = asyncio.sleep

    async def look(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            with cells.directory.changing() as connection:
                set_place(connection, Place(ACCOUNT, "b", 1, LIVE))
        await sleep(0)

    monkeypatch.setattr(forwarding, "_rest", look)
    assert ask(app, headers, "POST", f"{ORDER}/start-handling").status == 204
    assert len(looks) == 3


def test_a_write_does_not_wait_for_ever(cells, hosted_by_b, monkeypatch):
    app, headers = hosted_by_b
    monkeypatch.setattr(forwarding, "PATIENCE", 0.0)
    with cells.directory.changing() as connection:
        set_place(connection, Place(ACCOUNT, "a", 1, LEAVING))
    answer = ask(app, headers, "POST", f"{ORDER}/start-handling")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


def test_a_long_answer_is_passed_on_as_it_comes(cells, hosted_by_b):
    """A stream of server-sent events: its first bytes are here while it goes on."""
    app, headers = hosted_by_b
    seen, gone = [], threading.Event()

    async def story():
        hung_up = asyncio.Event()
        pending = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if pending:
                return pending.pop()
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            seen.append(message)
            if message.get("body"):
                hung_up.set()

        sent = {"host": "127.0.0.1", **headers, "Accept": "text/event-stream"}
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/ledger/events",
            "raw_path": b"/api/ledger/events",
            "query_string": b"after=0",
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
        }
        try:
            await app(scope, receive, send)
        finally:
            await forwarding_of(app).close()
        gone.set()

    asyncio.run(story())
    assert gone.is_set()
    assert seen[0]["status"] == 200
    assert dict(seen[0]["headers"])[b"content-type"].startswith(b"text/event-stream")


@pytest.mark.usefixtures("hosted_by_b")
def test_a_directory_that_is_away_is_remembered(cells):
    now = [0.0]
    cache = DirectoryCache(cells.directory, lambda: now[0])
    assert cache.refresh()
    assert cache.fresh
    place = cache.place(ACCOUNT)
    assert place is not None
    assert place.cell == "b"
    now[0] = 1.5
    assert not cache.fresh
    cells.directory.database.close()
    path = cells.directory.database.path
    moved = path.rename(path.with_suffix(".away"))
    path.mkdir()  # nothing that a database opens
    try:
        assert not cache.refresh()
        assert cache.place(ACCOUNT) == place
        assert cache.fresh  # asked again in a second, not by each request
    finally:
        path.rmdir()
        moved.rename(path)


def test_a_cell_alone_has_nothing_in_between(cell):
    app = application(cell)
    while hasattr(app, "_app"):
        assert not isinstance(app, forwarding.Forwarding)
        app = app._app


def test_an_answer_is_the_same_through_another_cell(cells, hosted_by_b):
    """Bytes and headers, but for what is of a connection or a request."""
    app, headers = hosted_by_b
    through = ask(app, headers, "GET", ORDER)

    async def straight():
        return await Client(application(cells.b), headers, over_http=False).ask("GET", ORDER)

    own = asyncio.run(straight())
    ignored = {"x-request-id", "date", "server", "content-length"}
    assert through.body == own.body
    assert {h for h in through.headers if h[0] not in ignored} == {
        h for h in own.headers if h[0] not in ignored
    }
