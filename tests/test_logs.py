"""No log line carries a secret or a person's data, whatever fails, or is above 8 KiB (G66)."""

import asyncio
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import cast

import orjson
import pytest
import structlog
from sqlalchemy import insert, text
from sqlalchemy.exc import OperationalError

from oms_ledger import logs
from oms_ledger.settings import Settings
from oms_ledger.web import build
from projections import tables
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT, open_account, purchase

MARKER = "Zyxwvut-7391"


class Written(io.StringIO):
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@pytest.fixture
def written() -> Iterator[Written]:
    """What is logged, as a process of a deployment logs it."""
    root, before = logging.getLogger(), (list(logging.getLogger().handlers), logging.root.level)
    hooks = sys.excepthook, threading.excepthook
    stream = Written()
    logs.configure(Settings(), stream)
    yield stream
    root.handlers[:], root.level = before
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)
    structlog.reset_defaults()


def check(stream: Written) -> list[dict[str, object]]:
    """Every line as JSON, short and without the marker."""
    fields = stream.getvalue()
    assert MARKER not in fields
    assert all(len(line.encode()) <= logs.LONGEST_LINE for line in stream.lines())
    return [orjson.loads(line) for line in stream.lines()]


@pytest.fixture
def client(cell) -> Client:
    asyncio.run(open_account(cell.ledger))
    key, token = create_key(cell, ACCOUNT, "Owner")
    return Client(build(cell), {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})


def body() -> dict[str, object]:
    sent = purchase()
    email = f"{MARKER}@example.com"
    profile = {**sent["clientProfileData"], "firstName": MARKER, "email": email}
    address = {**sent["shippingData"]["address"], "street": MARKER, "receiverName": MARKER}
    sent["shippingData"] = {**sent["shippingData"], "address": address}
    return {**sent, "clientProfileData": profile, "openTextField": {"value": MARKER}}


@pytest.mark.guarantee("G66")
@pytest.mark.parametrize("table", ["order_views", "events"])
def test_a_database_that_fails_tells_the_log_no_person(cell, client, written, table):
    placed = client.call("PUT", "/api/checkout/pub/orders", body())
    assert placed.status == 201
    with cell.database.writing() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO gone"))
    calls = [
        ("PUT", "/api/checkout/pub/orders", body()),
        ("GET", f"/api/oms/pvt/orders?q={MARKER}", None),
        ("GET", f"/api/oms/user/orders?clientEmail={MARKER}@example.com", None),
        ("GET", f"/api/oms/pvt/orders/{MARKER}", None),
        ("POST", "/api/ledger/erasures", {"email": f"{MARKER}@example.com", "dryRun": True}),
        ("GET", "/api/oms/pvt/orders?f_sellerNames=" + ",".join([MARKER] * 2000), None),
    ]
    failed = 0
    for method, url, sent in calls:
        answer = client.call(method, url, sent)
        failed += answer.status >= 500
        assert MARKER not in answer.body.decode() or answer.status < 500
    fields = check(written)
    assert failed >= 1
    assert len(fields) == failed  # one line a failure


@pytest.mark.guarantee("G66")
def test_a_constraint_names_no_value(cell, written):
    log = structlog.get_logger("test")
    row = {"app_key": MARKER, "account": MARKER, "role": MARKER, "token_hash": b"", "created_at": 1}
    try:
        with cell.database.writing() as connection:
            connection.execute(insert(tables.app_keys), [row, row])
    except Exception as error:
        log.error("failed", exc_info=error)
        log.error("failed", error=error)
        logging.getLogger("library").exception("broken")
    first, second, third = check(written)
    assert "IntegrityError" in str(first["error"])
    assert first["error"] == second["error"] == third["error"]
    assert any("test_logs.py" in str(place) for place in cast(list[object], first["at"]))


def _deep() -> None:
    try:
        raise KeyError(MARKER)
    except KeyError as error:
        raise ValueError(f"found {MARKER}") from error


def _huge() -> None:
    structlog.get_logger().error("huge", values=["x" * 10_000] * 10_000, **{"k" * 500: "y" * 9000})


def _nested() -> None:
    structlog.get_logger().warning(
        "nested", of={str(n): {"a": ["é" * 500] * 50} for n in range(99)}
    )


def _library() -> None:
    logging.getLogger("library").warning("said %s" + "\n" * 5, "x" * 100_000)


@pytest.mark.guarantee("G66")
@pytest.mark.parametrize("happens", [_huge, _nested, _library], ids=lambda one: one.__name__)
def test_a_line_is_short_and_one_line(written, happens: Callable[[], None]):
    happens()
    assert len(check(written)) == 1


@pytest.mark.guarantee("G66")
def test_what_nobody_catches_is_one_line_too(written):
    try:
        _deep()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=_deep)
    thread.start()
    thread.join()
    fields = check(written)
    assert [one["event"] for one in fields] == ["process_failed"] * 2
    assert {one["error"] for one in fields} == {"ValueError ← KeyError"}


def test_a_reason_tells_what_can_be_known_of_the_machine():
    assert logs.reason(ConnectionRefusedError(111, "Connection refused")) == (
        "ConnectionRefusedError 111 Connection refused"
    )
    away = OperationalError("SELECT 1", {"a": MARKER}, OSError(28, "No space left on device"))
    assert logs.reason(away) == "OperationalError ← OSError 28 No space left on device"


@pytest.mark.guarantee("G65", "G66")
def test_each_refused_access_is_a_line_without_what_was_sent(client, written):
    key = client.headers["X-VTEX-API-AppKey"]
    for headers in (
        {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": MARKER},
        {"X-VTEX-API-AppKey": MARKER, "X-VTEX-API-AppToken": MARKER},
        {"VtexIdclientAutCookie": MARKER},
        {},
    ):
        answer = Client(client.app, headers).call("GET", f"/api/oms/pvt/orders/{MARKER}")
        assert answer.status == 401
    events = check(written)
    assert [one["event"] for one in events] == ["access_refused"] * 4
    assert [one["app_key"] for one in events] == [key, None, None, None]
    assert {one["route"] for one in events} == {"/api/oms/pvt/orders/{order_id}"}
