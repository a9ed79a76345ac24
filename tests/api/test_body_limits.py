"""What is too large, too slow or too much is ended before it costs anything."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import current_thread
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request

from oms_ledger.api.app import application, operations_of
from oms_ledger.api.auth.key_cache import FRESH, NEWCOMERS, ApiKeyCache
from oms_ledger.api.http import errors
from oms_ledger.api.http.addressing import AccountResolver
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.body_limits import HUGE, LARGE, LIMITS, MIB, SMALL, BodyLimits, LargeBodies
from oms_ledger.api.http.errors import ApiError
from oms_ledger.web import build
from projections.subscriptions import registry
from tests.conftest import opened, prepared_database
from tests.support import over_http
from tests.support.asgi import ask
from tests.support.configuring import create_key
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT, open_account

PLACE = "/api/checkout/pub/orders"
COMMIT = "/api/orders/feed"
CALLBACK = "/api/checkout/pub/gatewayCallback/{group}"
TRACKING = "/pvt/orders/{order_id}/invoice/{number:path}/tracking"
ROUTES = [
    ("PUT", PLACE, "place_order"),
    ("POST", COMMIT, "feed_commit"),
    ("POST", CALLBACK, "process_order"),
    ("PUT", TRACKING, "track_invoice"),
]

inner = FastAPI()
errors.install(inner)


@inner.put(PLACE)
@inner.post(COMMIT)
@inner.post(CALLBACK)
@inner.put(TRACKING)
async def read(request: Request) -> Any:
    body = await json_body(request)
    return {"read": len(body) if body else 0}


def app_of(**options: Any) -> Any:
    paths = [path for _, path, _ in ROUTES]
    return AccountResolver(BodyLimits(inner, ROUTES, **options), paths)


app = app_of()


def test_every_listed_operation_is_one_and_the_contracts_limits_hold():
    assert set(LIMITS) <= registry.operations().keys()
    limits = {
        operation: LIMITS.get(operation, SMALL)
        for operation in ("sign_in", "cancel_order", "write_tasks", "feed_commit", "place_order")
    }
    assert limits == {
        "sign_in": 16 * 1024,
        "cancel_order": 16 * 1024,
        "write_tasks": 16 * 1024,
        "feed_commit": 256 * 1024,
        "place_order": 2 * MIB,
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The whole application, its routes, and a key with hardly a right."""
    folder = tmp_path_factory.mktemp("limits")
    with prepared_database("sqlite", folder) as url, opened(url, folder) as cell:
        key, token = create_key(cell, ACCOUNT, "Call center operator")
        asyncio.run(open_account(cell.ledger))
        yield build(cell), list(operations_of(application(cell))), (key, token)


@pytest.mark.guarantee("G64")
@pytest.mark.parametrize("key", ["none", "wrong", "without the right"])
def test_a_body_beyond_the_limit_is_answered_before_a_byte_of_it(whole, key):
    """Every route, by whom nobody knows: 413 before the body, and before the key is looked up."""
    app, routes, known = whole
    pair = {"none": None, "wrong": ("vtexappkey-acme-000000", "b"), "without the right": known}[key]
    names = ("X-VTEX-API-AppKey", "X-VTEX-API-AppToken")
    headers = list(zip(names, pair, strict=True)) if pair else []
    for method, path, operation in routes:
        announced = str(LIMITS.get(operation, SMALL) + 1)
        sent = [("Content-Length", announced), *headers]
        answer = asyncio.run(_unread(app, method, path.replace(":path}", "}"), sent))
        assert answer == 413, (method, path)


async def _unread(app: Any, method: str, path: str, headers: list[tuple[str, str]]) -> int:
    """The status of the answer; reading the body before it fails."""
    sent: list[Any] = []

    async def receive() -> Any:
        assert sent, "a byte of the body was asked for before the answer"
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"a"), *((k.lower().encode(), v.encode()) for k, v in headers)],
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("length", "status"), [("16384", 200), ("16385", 413), ("9" * 5000, 413)], ids=str
)
def test_a_body_is_refused_by_the_length_it_announces(length, status):
    path = CALLBACK.replace("{group}", "v1")
    answer = ask(app, path, b"{}", method="POST", headers=[("Content-Length", length)])
    assert answer.status == status


@pytest.mark.guarantee("G53")
def test_a_streamed_body_is_cut_off_at_the_limit_of_its_operation():
    for method, path, limit in (
        ("POST", "/api/checkout/pub/gatewayCallback/v1", SMALL),
        ("POST", COMMIT, 256 * 1024),
        ("PUT", "/lux/PVT/orders/v1/invoice/1/2/tracking", MIB),
        ("PUT", PLACE, 2 * MIB),
    ):
        path = path.replace("/lux/PVT", "/pvt")
        half = b" " * (limit // 2)
        assert ask(app, path, half, half, method=method).status == 200
        answer = ask(app, path, half, half, b" ", half, method=method)
        assert (answer.status, answer.error["code"]) == (413, "OMS004")
        assert str(limit) in answer.error["message"]


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "identity, gzip"])
def test_a_compressed_body_is_refused_by_its_name(encoding):
    path = CALLBACK.replace("{group}", "v1")
    headers = [("Content-Encoding", encoding), ("Content-Length", "5")]
    answer = ask(app, path, b"\x1f\x8b\x08", method="POST", headers=headers)
    assert (answer.status, answer.error["code"]) == (415, "OMS004")
    assert encoding in answer.error["message"]
    assert dict(answer.headers)["accept-encoding"] == "identity"
    streamed = [("Content-Encoding", encoding), ("Transfer-Encoding", "chunked")]
    assert ask(app, path, b"\x1f", method="POST", headers=streamed).status == 415
    plain = [("Content-Encoding", "identity"), ("Content-Length", "2")]
    assert ask(app, path, b"{}", method="POST", headers=plain).status == 200


def test_no_operation_takes_more_than_the_deployment_does():
    small = app_of(most=1000)
    assert ask(small, PLACE, b" " * 1000, method="PUT").status == 200
    assert ask(small, PLACE, b" " * (SMALL + 1), method="PUT").status == 413


def test_refusals_of_checkout_paths_have_its_shape_under_any_spelling():
    answer = ask(
        app, "/lux/API/Checkout/pub/gatewaycallback/v1", method="POST",
        headers=[("Content-Length", "16385"), ("X-Request-Id", "mine")],
    )  # fmt: skip
    assert answer.status == 413
    assert b'"operationId":"mine"' in answer.body


def test_large_bodies_are_parsed_by_a_thread_of_their_own(monkeypatch):
    threads: list[str] = []
    monkeypatch.setattr(
        "oms_ledger.api.http.bodies._read", lambda _: threads.append(current_thread().name)
    )
    for size in (100, LARGE, LARGE + 1, HUGE, HUGE + 1):
        assert ask(app, PLACE, b" " * size, method="PUT").status == 200
    kinds = [name.partition("_")[0] for name in threads]
    assert kinds == ["MainThread"] * 2 + ["large-bodies"] * 2 + ["huge-bodies"]


@pytest.mark.guarantee("G64")
def test_large_bodies_beyond_the_room_for_them_have_to_come_back():
    large = LargeBodies(limit=2 * MIB)
    app = app_of(large=large)
    body = b" " * (LARGE + 1)
    announced = [("Content-Length", str(len(body)))]
    assert ask(app, PLACE, body, method="PUT", headers=announced).status == 200
    assert large.weight == 0  # given back
    large.take(2 * MIB - LARGE)
    answer = ask(app, PLACE, body, method="PUT", headers=announced)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert ask(app, PLACE, b" " * SMALL, method="PUT").status == 200
    large.refund(2 * MIB - LARGE)
    # Who does not say how much is coming may bring as much as the operation takes.
    assert ask(app, PLACE, body[:10], body[10:], method="PUT").status == 200
    large.take(1)
    assert ask(app, PLACE, body[:10], body[10:], method="PUT").status == 503
    assert large.weight == 1


@pytest.mark.guarantee("G64")
@pytest.mark.parametrize("options", [{"quiet": 0.0}, {"whole": 0.0}], ids=str)
def test_a_body_that_brings_nothing_is_ended(options):
    async def story() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.Event().wait()  # never

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "PUT", "path": PLACE, "query_string": b"",
            "headers": [(b"content-length", b"1000000")], "scheme": "http",
        }  # fmt: skip
        await app_of(**options)(scope, receive, send)
        return sent

    sent = asyncio.run(story())
    assert sent[0]["status"] == 408
    assert b"did not come" in sent[1]["body"]


@pytest.mark.guarantee("G64")
def test_keys_are_looked_up_beside_what_others_have_requested():
    """The pool of everything else is full, and stays so."""
    release = threading.Event()
    database = SimpleNamespace(reading=lambda: pytest.fail("not asked"))
    api_keys = ApiKeyCache(SimpleNamespace(database=database))  # type: ignore[arg-type]
    setattr(api_keys, "_look_up", lambda _: None)  # noqa: B010

    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        waiting = loop.run_in_executor(None, release.wait)
        assert await api_keys.key("vtexappkey-acme-000000") is None
        assert not waiting.done()
        release.set()
        await waiting

    asyncio.run(story())


@pytest.mark.guarantee("G64")
def test_names_that_nobody_has_keep_no_known_key_waiting():
    """Look-ups of new names stand still: those beyond are refused, and who is known goes on."""
    release, now = threading.Event(), [100.0]
    api_keys = ApiKeyCache(SimpleNamespace(), lambda: now[0])  # type: ignore[arg-type]
    good = "vtexappkey-acme-GOODXX"

    def look_up(name: str) -> Any:
        if name != good:
            assert release.wait(HANGS)
            return None
        return SimpleNamespace(app_key=name)

    setattr(api_keys, "_look_up", look_up)  # noqa: B010

    async def story() -> None:
        assert await api_keys.key(good)
        trying = [
            asyncio.create_task(api_keys.key(f"vtexappkey-acme-{n:06}"))
            for n in range(NEWCOMERS + 1)
        ]
        (refused,), waiting = await asyncio.wait(trying, return_when=asyncio.FIRST_COMPLETED)
        error = refused.exception()
        assert isinstance(error, ApiError)
        assert error.status == 503
        now[0] += 2 * FRESH
        assert await api_keys.key(good)  # it was remembered for too long, and is looked up
        release.set()
        assert await asyncio.gather(*waiting) == [None] * NEWCOMERS

    asyncio.run(story())


@pytest.mark.guarantee("G53")
def test_a_server_answers_an_announcement_at_once_and_who_sends_all_the_same():
    async def story() -> None:
        body = b" " * (9 * MIB)
        status, _, _ = await over_http.ask(app, "PUT", PLACE, {"host": "127.0.0.1"}, body)
        assert status == 413

    asyncio.run(story())
    (served,) = over_http._running.values()
    with socket.create_connection(("127.0.0.1", served.port), timeout=HANGS) as connection:
        connection.sendall(
            f"PUT {PLACE} HTTP/1.1\r\nHost: x\r\nContent-Length: {9 * MIB}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("broken", [RuntimeError("invalid chunk"), None], ids=["error", "end"])
def test_a_body_that_breaks_off_is_the_clients(broken):
    async def story() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            if broken:
                raise broken
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "PUT", "path": PLACE, "query_string": b"",
            "headers": [(b"transfer-encoding", b"chunked")], "scheme": "http",
        }  # fmt: skip
        await app(scope, receive, send)
        return sent

    assert asyncio.run(story())[0]["status"] == 400


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("size", [b"FFFFFFFFFFFFFFFFFF", b"zz", b"-1"])
def test_a_broken_chunk_is_no_5xx(size):
    """The server may close the connection before the answer."""

    async def begin() -> None:
        await over_http.ask(app, "GET", "/nowhere", {"host": "127.0.0.1"}, b"")

    asyncio.run(begin())
    (served,) = over_http._running.values()
    head = f"PUT {PLACE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=HANGS) as connection:
        connection.sendall(head.encode() + size + b"\r\n")
        with suppress(ConnectionResetError):
            assert not connection.recv(1000).startswith(b"HTTP/1.1 5")
