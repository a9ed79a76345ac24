"""An anonymous caller's expression is worked on beside the loop: others are answered meanwhile
(G44).
"""

import asyncio
import threading

import pytest

from oms_ledger import jsonata
from tests.support.patience import HANGS

FILTER = {"type": "FromOrders", "expression": "value > 1"}
QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
REQUESTS = {
    "/api/orders/feed/config": ({"filter": FILTER, "queue": QUEUE}, 200),
    # pinged after the filter was read, and port 1 is refused
    "/api/orders/hook/config": ({"filter": FILTER, "hook": {"url": "https://127.0.0.1:1/"}}, 400),
    "/api/orders/expressions/jsonata": ({"Expression": "value > 1", "Document": {"value": 2}}, 200),
    "/api/ledger/feed/dry-run": ({"filter": FILTER, "since": 0}, 200),
    "/api/ledger/feed/explain": ({"filter": FILTER, "orderId": "v1-01"}, 404),
    "/api/ledger/hook/dry-run": ({"filter": FILTER, "since": 0}, 200),
    "/api/ledger/hook/explain": ({"filter": FILTER, "orderId": "v1-01"}, 404),
}


@pytest.mark.guarantee("G44")
@pytest.mark.parametrize("path", REQUESTS)
def test_others_are_answered_while_an_expression_is_worked_on(client, monkeypatch, path):
    """Compiling stands still until somebody else's request was answered."""
    consume, answered, compile = threading.Event(), threading.Event(), jsonata.compile

    def waiting(*arguments):
        consume.set()
        assert answered.wait(HANGS), "nobody else was answered"
        return compile(*arguments)

    monkeypatch.setattr(jsonata, "compile", waiting)
    body, status = REQUESTS[path]

    async def other():
        assert await asyncio.to_thread(consume.wait, HANGS)
        assert (await client.ask("GET", "/healthz")).status == 200
        answered.set()

    async def story():
        requested, _ = await asyncio.gather(client.ask("POST", path, body), other())
        assert requested.status == status

    asyncio.run(story())
