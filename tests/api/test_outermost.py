"""What holds for every answer: headers, HEAD, one host, no exception that reaches the server."""

import asyncio
import re
from typing import Any

import pytest

from oms_ledger.api.app import application, routes_of
from oms_ledger.api.http.outermost import Outermost
from oms_ledger.web import build
from tests.acceptance.conftest import app, client, client_of
from tests.support.asgi import ask
from tests.support.client import Client

__all__ = ["app", "client", "client_of"]

KEPT = ("/healthz", "/readyz", "/docs", "/openapi.json")
GET_ORDER = "/api/oms/pvt/orders/none-01"


@pytest.mark.guarantee("G66")
def test_no_answer_of_any_route_is_kept_or_guessed(cell, client):
    for route in routes_of(application(cell)):
        url = re.sub(r"\{[^}]+\}", "none", route.path)
        for method in sorted(route.methods):
            for sender in (client, Client(client.app)):
                answer = sender.call(method, url)
                headers = dict(answer.headers)
                names = [name for name, _ in answer.headers if name != "set-cookie"]
                assert len(set(names)) == len(names), url
                assert headers["x-content-type-options"] == "nosniff", url
                assert headers["referrer-policy"] == "no-referrer", url
                expected = None if url.startswith(KEPT) else "no-store"
                assert headers.get("cache-control") == expected, (method, url)


@pytest.mark.parametrize("url", ["/nowhere", "/admin/nowhere", "/api/oms/pvt/orders/%ff"])
def test_an_error_outside_of_the_routes_is_not_kept_either(client, url):
    headers = dict(client.call("GET", url).headers)
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    "url", ["/healthz", "/readyz", "/api/oms/pvt/orders", GET_ORDER, "/nowhere", "/openapi.json"]
)
def test_head_is_get_without_its_body(client, url):
    got, head = (client.call(method, url) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (got.status, b"")
    same = {"content-type", "content-length", "cache-control"}
    assert {k: v for k, v in head.headers if k in same} == {
        k: v for k, v in got.headers if k in same
    }


def test_head_of_a_stream_ends_with_its_headers(client):
    answer = client.call("HEAD", "/api/ledger/events", accept="text/event-stream")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("hosts", [[], [""], ["acme.localhost", "other.localhost"]])
def test_a_request_has_one_host(cell, hosts):
    answer = ask(build(cell), GET_ORDER, headers=[("Host", host) for host in hosts], host=None)
    assert (answer.status, answer.error["code"]) == (400, "OMS004")


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (GET_ORDER, [("Content-Length", "5"), ("Transfer-Encoding", "chunked")]),
        (GET_ORDER, [("X-VTEX-API-AppKey", "a"), ("x-vtex-api-appkey", "b")]),
        (GET_ORDER, [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]),
        (GET_ORDER, [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]),
        ("*", []),
    ],
    ids=["lengths", "keys", "tokens", "repeats", "no path"],
)
def test_a_request_that_a_proxy_reads_otherwise_is_refused(cell, url, headers):
    answer = ask(build(cell), url, headers=[("Host", "acme.localhost"), *headers], host=None)
    assert (answer.status, answer.error["code"]) == (400, "OMS004")


@pytest.mark.parametrize("started", [False, True])
def test_no_exception_reaches_the_server(started):
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("secret")

    answer = ask(Outermost(broken), "/", headers=[("Host", "localhost")])
    assert b"secret" not in answer.body
    assert answer.status == (200 if started else 500)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a")]}

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    asyncio.run(Outermost(broken)(scope, receive, send))
