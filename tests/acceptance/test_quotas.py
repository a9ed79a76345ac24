"""What an account has at a time: turns, expressions, exports; and all of it is given back."""

import asyncio
import threading

import pytest

from oms_ledger import jsonata
from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.api.http.turns import Admission
from oms_ledger.eventstore.command import CommandContext
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT


def test_a_request_gives_everything_back(app, client):
    """Answered, refused or failed: no turn stays taken."""
    inner = app
    while not isinstance(inner, Admission):
        inner = inner._app
    turns = inner.turns
    for method, url in (
        ("GET", "/api/oms/pvt/orders"),
        ("GET", "/api/oms/pvt/orders/none"),
        ("POST", "/api/orders/expressions/jsonata"),
        ("PUT", "/api/checkout/pub/orders"),
    ):
        client.call(method, url, {"Expression": "1", "Document": {}})
        assert not turns.taken


@pytest.mark.guarantee("G44")
def test_an_account_tests_few_expressions_at_a_time(client, monkeypatch):
    consume, release, compile = threading.Semaphore(0), threading.Event(), jsonata.compile

    def waiting(*arguments):
        consume.release()
        assert release.wait(HANGS)
        return compile(*arguments)

    monkeypatch.setattr(jsonata, "compile", waiting)
    path, body = "/api/orders/expressions/jsonata", {"Expression": "1", "Document": {}}

    async def story():
        first = [asyncio.create_task(client.ask("POST", path, body)) for _ in range(2)]
        for _ in first:
            assert await asyncio.to_thread(consume.acquire, timeout=HANGS)
        refused = await client.ask("POST", path, body)
        assert (refused.status, refused.header("retry-after")) == (429, "1")
        assert (await client.ask("GET", "/api/oms/pvt/orders")).status == 200
        release.set()
        assert {answer.status for answer in await asyncio.gather(*first)} == {200}
        assert (await client.ask("POST", path, body)).status == 200

    asyncio.run(story())


def test_an_account_has_few_exports_made_at_a_time(cell, client):
    answers = [client.call("POST", "/api/ledger/exports", {}) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 429]
    assert answers[2].header("retry-after") == "10"
    more = [AccountSettingsChanged({"concurrent_exports": 3})]
    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lambda _: more))
    assert client.call("POST", "/api/ledger/exports", {}).status == 202
