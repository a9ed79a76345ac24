"""`oms-ledger demo`: an account with sample orders, a feed and a hook, to look around in."""

import asyncio
import contextlib
import json
import sys
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import as_file, files
from threading import Thread
from typing import Any

import requests
import typer

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.accounts import create_account
from oms_ledger.cli.imports import import_file
from oms_ledger.orders.decide import Facts
from oms_ledger.orders.events import CancellationWindowClosed, OrderEvent
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.order import Order
from projections.accounts import app_keys
from projections.orders import query as order_list
from projections.orders.query import Question
from workers.runtime.stopping import Stop

ACCOUNT = "demo"
app = typer.Typer(help="The demo: sample data, a feed, and a hook with its receiver.")
say = partial(print, flush=True)


def sample_order() -> dict[str, Any]:
    """The first of the shipped sample orders, as a place-order body."""
    text = files("oms_ledger.samples").joinpath("orders.jsonl").read_text("utf-8")
    order: dict[str, Any] = json.loads(text.splitlines()[0])
    return order


@app.callback(invoke_without_command=True)
def demo(context: typer.Context) -> None:
    """Create the account `demo` with sample orders on a system that is running."""
    if context.invoked_subcommand is None:
        prepare_demo(open_cell())


@app.command()
def receiver() -> None:
    """Listen for the demo hook's notices, and set the demo up at the first start."""
    stop = Stop().on_signals()
    cell = open_cell()
    server = ThreadingHTTPServer(("127.0.0.1", cell.settings.port + 1), _Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        prepare_demo(cell, stop)
        stop.wait()
    finally:
        server.shutdown()
        server.server_close()


class _Receiver(BaseHTTPRequestHandler):
    """Answers 200 and prints what it was told."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        notice = json.loads(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if "OrderId" in notice:
            say(f"hook: {notice['OrderId']} {notice['LastState']} → {notice['State']}")

    def log_message(self, format: str, *args: Any) -> None:
        """Only notices are printed."""


def prepare_demo(cell: Cell, stop: Stop | None = None) -> None:
    """Nothing when the account `demo` is there already; what is tried next is printed anyway."""
    base = f"http://127.0.0.1:{cell.settings.port}"
    if not _ready(base, stop or Stop()):
        return
    try:
        asyncio.run(cell.ledger.account(ACCOUNT))
    except AccountNotFound:
        _first_start(cell, base)
    else:
        say(f"The demo goes on. A new key: oms-ledger key create --account {ACCOUNT} --role Owner")


def _ready(base: str, stop: Stop) -> bool:
    until = time.monotonic() + 60
    while not stop.wait(0.1):
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{base}/readyz", timeout=2).ok:
                return True
        if time.monotonic() > until:
            sys.exit(f"oms-ledger: {base}/readyz was not ready within a minute: start it first.")
    return False


def _first_start(cell: Cell, base: str) -> None:
    create_account(cell, ACCOUNT)
    with cell.database.writing() as connection:
        key, token = app_keys.create(connection, ACCOUNT, "Owner")
    with requests.Session() as session:
        session.headers.update({"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})
        if refused := configure(session, base, cell.settings.port + 1):
            say(refused)
        with as_file(files("oms_ledger.samples").joinpath("orders.jsonl")) as samples:
            asyncio.run(import_file(cell, ACCOUNT, samples))
        orders = [json.loads(row)["orderId"] for row in asyncio.run(_some(cell))]
        for steps, order_id in zip((1, 2, 2, 3, 3, 3), orders, strict=False):
            _walk(cell, session, base, order_id, steps)
        _explain(base, key, token, orders[6])


def configure(session: requests.Session, base: str, port: int) -> str | None:
    """A feed, and a hook to the demo's receiver; why there is no hook, when it was refused."""
    every = {"type": "FromWorkflow", "status": []}
    queue = {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345600}
    feed = {"filter": every, "queue": queue}
    hook = {"filter": every, "hook": {"url": f"http://127.0.0.1:{port}/", "headers": {}}}
    session.post(f"{base}/api/orders/feed/config", json=feed, timeout=10).raise_for_status()
    answer = session.post(f"{base}/api/orders/hook/config", json=hook, timeout=10)
    if answer.ok:
        return None
    told = answer.json()["error"]["message"]
    return (
        f"The demo goes on without a hook, because its receiver was refused: {told}. The receiver"
        f" listens on port {port} of this machine: start `oms-ledger demo receiver`, set"
        " OMS_HOOK_ALLOWED_NETWORKS=127.0.0.0/8 for web and workers, and configure the hook by"
        " POST /api/orders/hook/config."
    )


async def _some(cell: Cell) -> list[bytes]:
    """The demo's newest orders, once the views have them."""
    while True:
        with cell.database.reading() as connection:
            page = order_list.page(connection, Question(ACCOUNT, per_page=24))
        if page.totals.count >= 24:
            return page.rows
        await asyncio.sleep(0.05)


def _walk(cell: Cell, session: requests.Session, base: str, order_id: str, steps: int) -> None:
    """Approve the payment; close the cancellation window and start handling; invoice."""
    url = f"{base}/api/oms/pvt/orders/{order_id}"
    order = session.get(url, timeout=10).json()
    payment = order["paymentData"]["transactions"][0]["payments"][0]["id"]
    session.post(f"{url}/payments/{payment}/payment-notification", timeout=10).raise_for_status()
    if steps < 2:
        return
    asyncio.run(_hasten(cell, order_id))
    if steps < 3:
        return
    invoice = {
        "type": "Output",
        "issuanceDate": order["creationDate"],
        "invoiceNumber": f"NF-{order['sequence']}",
        "invoiceValue": str(order["value"]),
        "courier": "Sample Express",
        "trackingNumber": f"TRK{order['sequence']}",
        "trackingUrl": None,
        "items": [],
    }
    session.post(f"{url}/invoice", json=invoice, timeout=10).raise_for_status()


async def _hasten(cell: Cell, order_id: str) -> Order:
    """The demo does not wait half an hour for the cancellation window of its samples."""

    def close(order: Order, facts: Facts) -> list[OrderEvent]:
        return [CancellationWindowClosed()]

    await cell.ledger.change(ACCOUNT, order_id, close, by="demo")
    return await cell.ledger.change(ACCOUNT, order_id, start_handling, by="demo")


def _explain(base: str, key: str, token: str, order_id: str) -> None:
    headers = f"-H 'X-VTEX-API-AppKey: {key}' -H 'X-VTEX-API-AppToken: {token}'"
    say(
        f"""
The account `demo` is ready, with 24 orders, a feed and a hook. Its key is shown this once:

  X-VTEX-API-AppKey:   {key}
  X-VTEX-API-AppToken: {token}

Try:

  curl -s {headers} '{base}/api/oms/pvt/orders?per_page=5'
  curl -s {headers} '{base}/api/oms/pvt/orders/{order_id}'
  curl -s {headers} '{base}/api/orders/feed?maxlot=10'
  curl -s {headers} -X POST '{base}/api/oms/pvt/orders/{order_id}/cancel' -d '{{"reason":"try"}}'

API reference: {base}/docs    Metrics: {base}/metrics    State: oms-ledger status
"""
    )
