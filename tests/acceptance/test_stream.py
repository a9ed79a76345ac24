"""The account's change stream: nothing missed, nothing twice, whoever writes meanwhile."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from oms_ledger.cell import Cell
from oms_ledger.web import build
from tests.acceptance.test_order_life import ORDERS, paid
from tests.support.client import Client
from tests.support.purchases import ACCOUNT, open_account, place_paid

EVENTS = "/api/ledger/events"


def written(cell, account=ACCOUNT):
    rows = cell.store.page(0, 100_000)
    return [row.position for row in rows if row.account == account and row.order_id]


def walked(client, **headers):
    after, seen = 0, []
    while True:
        page = client.call("GET", f"{EVENTS}?after={after}&limit=5", **headers).json()
        seen += [event["position"] for event in page["events"]]
        if not page["events"]:
            return seen, page
        after = page["next"]


def test_the_stream_tells_every_entry_of_the_accounts_orders_and_no_others(cell, client, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    order_id = paid(client)
    asyncio.run(place_paid(cell.ledger, "o-01", account="other"))
    paid(client)
    seen, last = walked(client)
    assert seen == written(cell)
    assert last["next"] == last["head"] == cell.store.head()
    assert walked(client_of(account="other"))[0] == written(cell, "other")
    first = client.call("GET", f"{EVENTS}?limit=1").json()["events"][0]
    assert (first["orderId"], first["name"]) == (order_id, "order-placed")
    assert "clientProfile" not in first["data"]
    assert first["data"]["items"][0]["price"] == 2000


def test_a_poll_waits_for_news_and_tells_them_at_once(cell, client):
    paid(client)
    head = cell.store.head()
    other = Cell(cell.settings, cell.clock)  # another process writes

    async def story():
        waiting = asyncio.create_task(client.ask("GET", f"{EVENTS}?after={head}&wait=60"))
        while not client_news(client)._waiting:
            await asyncio.sleep(0)
        await place_paid(other.ledger, "v9-01", 9)
        return (await waiting).json()

    page = asyncio.run(story())
    assert page["events"][0]["orderId"] == "v9-01"
    assert page["events"][0]["position"] == head + 1
    other.close()


def client_news(client):
    app = client.app
    while not hasattr(app, "state"):
        app = app._app
    return app.state.news


class Listener:
    """An event source: reads a stream until it has seen enough, then hangs up."""

    def __init__(self, client, url, last_event_id=None):
        self.client, self.url = client, url
        self.last_event_id = last_event_id
        self.events, self.news = [], asyncio.Event()

    async def __call__(self):
        sent = {"host": "127.0.0.1", **self.client.headers, "Accept": "text/event-stream"}
        if self.last_event_id is not None:
            sent["Last-Event-ID"] = str(self.last_event_id)
        path, _, query = self.url.partition("?")
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
        }
        gone = asyncio.Event()
        pending = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if pending:
                return pending.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.type = dict(message["headers"])[b"content-type"]
            for block in message.get("body", b"").decode().split("\n\n"):
                if block.startswith("id: "):
                    self._receive(dict(line.split(": ", 1) for line in block.split("\n")))
            self.news.set()

        await self.client.app(scope, receive, send)

    def _receive(self, event):
        fields = json.loads(event["data"])
        assert event["id"] == str(fields["position"])
        assert event["event"] == fields["name"]
        self.last_event_id = fields["position"]
        self.events.append(fields["position"])


async def listen(client, blocks, enough):
    """What an event source hears that hangs up after a few blocks, again and again."""
    seen: list[Any] = []
    last = 0
    while not enough(len(seen)):
        listener = Listener(client, f"{EVENTS}?limit=3", last)
        task = asyncio.create_task(listener())
        for _ in range(blocks):
            listener.news.clear()
            await listener.news.wait()
            if enough(len(seen) + len(listener.events)):
                break
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        seen += listener.events
        last = listener.last_event_id
    return seen


async def poll(client, enough):
    seen: list[Any] = []
    after = 0
    while not enough(len(seen)):
        page = (await client.ask("GET", f"{EVENTS}?after={after}&limit=4&wait=30")).json()
        seen += [event["position"] for event in page["events"]]
        after = page["next"]
    return seen


async def write(index, ledger, orders):
    for number in range(orders):
        await place_paid(ledger, f"w{index}n{number}-01", 100 * index + number)
        await place_paid(ledger, f"x{index}n{number}-01", number, account="other")


@pytest.mark.guarantee("G4")
def test_listeners_miss_nothing_and_see_nothing_twice_while_many_write(cell, client):
    """Event sources that are cut off at random points and connect again by `Last-Event-ID`."""
    asyncio.run(open_account(cell.ledger, name="other"))
    cells = [Cell(cell.settings, cell.clock) for _ in range(3)]
    readers = [Client(build(one), client.headers) for one in cells]
    orders = 6

    async def story():
        total: list[Any] = []

        def enough(seen):
            return bool(total) and seen >= total[0]

        async def all_written():
            await asyncio.gather(*(write(i, one.ledger, orders) for i, one in enumerate(cells)))
            total.append(len(written(cell)))
            await place_paid(cells[0].ledger, "last-01", 999)  # signals who waits for more

        *seen, _ = await asyncio.gather(
            listen(readers[0], 2, enough),
            listen(readers[1], 3, enough),
            poll(readers[2], enough),
            all_written(),
        )
        return total[0], seen

    total, followers = asyncio.run(story())
    for seen in followers:
        assert len(seen) >= total >= 3 * orders
        assert seen == written(cell)[: len(seen)]
    for one in cells:
        one.close()


def test_who_waits_is_let_go_when_the_process_ends(cell, client):
    paid(client)
    head = cell.store.head()

    within = replace(client, over_http=False)  # one loop, the one that gets to end

    async def story():
        news = client_news(client)
        listener = Listener(client, f"{EVENTS}?after={head}")
        waiting = [
            asyncio.create_task(within.ask("GET", f"{EVENTS}?after={head}&wait=60")),
            asyncio.create_task(listener()),
        ]
        while len(news._waiting) < 2:
            await asyncio.sleep(0)
        news.close()
        return (await asyncio.gather(*waiting))[0].json()

    page = asyncio.run(story())
    assert (page["events"], page["next"]) == ([], head)


def test_a_stream_ends_after_a_silence_on_request(client):
    order_id = paid(client)
    listener = Listener(client, f"{EVENTS}?wait=0")
    asyncio.run(listener())
    assert listener.status == 200
    assert listener.type.startswith(b"text/event-stream")
    again = Listener(client, f"{EVENTS}?wait=0", listener.last_event_id)
    client.call("POST", f"{ORDERS}/{order_id}/start-handling")
    asyncio.run(again())
    assert len(again.events) == 2
    assert min(again.events) > max(listener.events)


@pytest.mark.guarantee("G55", "G53")
@pytest.mark.parametrize(
    "query",
    ["?after=-1", "?after=x", "?after=999999", "?after=9" + "9" * 30, "?limit=0", "?wait=61"],
)
def test_a_forged_position_is_refused(client, query):
    answer = client.call("GET", f"{EVENTS}{query}")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")


@pytest.mark.guarantee("G55")
@pytest.mark.parametrize("position", ["x", "-1", "1.5", "9" * 40, "999999"])
def test_a_forged_last_event_id_is_refused(client, position):
    answer = client.call("GET", EVENTS, last_event_id=position, accept="text/event-stream")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "OMS004")


def test_the_head_counts_nothing_of_another_account(cell, client):
    asyncio.run(place_paid(cell.ledger, "v1-01", 1))
    own = client.call("GET", EVENTS).json()["head"]
    assert own == cell.store.head()
    asyncio.run(open_account(cell.ledger, name="other"))
    asyncio.run(place_paid(cell.ledger, "v9-01", 9, account="other"))
    assert cell.store.head() > own
    page = client.call("GET", f"{EVENTS}?after={own}").json()
    assert (page["events"], page["next"], page["head"]) == ([], own, own)
    assert client.call("GET", f"{EVENTS}?before={2**61}").json()["head"] == own
    for beyond in (own + 1, cell.store.head()):
        answer = client.call("GET", f"{EVENTS}?after={beyond}")
        assert (answer.status, str(own) in answer.json()["error"]["message"]) == (400, True)
    assert client.call("GET", f"{EVENTS}?after={own}&wait=1").json()["next"] == own
