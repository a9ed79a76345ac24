"""`oms-ledger demo`: an account with sample orders, a feed and a hook, to look around in."""

import asyncio
import contextlib
import json
import os
import sys
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import as_file, files
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import requests
import typer

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.accounts import create_account
from oms_ledger.cli.imports import import_file
from oms_ledger.cli.offers import load_file
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.events import CancellationWindowClosed, OrderEvent
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.services.accounts.keys import create_key
from oms_ledger.services.placement.importing import import_key
from oms_ledger.settings import DEMO_ACCOUNT
from projections.accounts import app_keys
from workers.runtime.stopping import Stop

ACCOUNT = DEMO_ACCOUNT
KEY_FILE = "demo.key"  # in the data folder: the headers of the demo's key
APP_KEY, APP_TOKEN = "X-VTEX-API-AppKey", "X-VTEX-API-AppToken"
FASTSTORE = {"id": "faststore", "fields": ["cartEtag"], "major": 1}
WALKS = (1, 2, 2, 3, 3, 3)  # how far the first orders of the samples have come
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
        prepare_demo(open_cell(), show_key=sys.stdout.isatty())


@app.command()
def receiver(
    show_key: Annotated[
        bool, typer.Option("--show-key", help="Print the demo's key, not only its file.")
    ] = False,
) -> None:
    """Listen for the demo hook's notifications, and set the demo up as far as it is not."""
    stop = Stop().on_signals()
    cell = open_cell()
    server = ThreadingHTTPServer(("127.0.0.1", cell.settings.receiver_port), _Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        prepare_demo(cell, stop, show_key=show_key)
        stop.wait()
    finally:
        server.shutdown()
        server.server_close()


class _Receiver(BaseHTTPRequestHandler):
    """Answer 200 and print what came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        notification = json.loads(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if "OrderId" in notification:
            say(
                f"hook: {notification['OrderId']}"
                f" {notification['LastState']} → {notification['State']}"
            )

    def log_message(self, format: str, *args: Any) -> None:
        """Only notifications are printed."""


def prepare_demo(cell: Cell, stop: Stop | None = None, *, show_key: bool = False) -> None:
    """Set up what the demo lacks; a start that was cut short is taken up where it ended."""
    base = f"http://127.0.0.1:{cell.settings.port}"
    if not _ready(base, stop or Stop()):
        return
    with requests.Session() as session:
        Demo(cell, session, base).prepare(show_key=show_key)


def _ready(base: str, stop: Stop) -> bool:
    until = time.monotonic() + 60
    while not stop.wait(0.1):
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{base}/readyz", timeout=2).ok:
                return True
        if time.monotonic() > until:
            sys.exit(f"oms-ledger: {base}/readyz was not ready within a minute: start it first.")
    return False


class Demo:
    """The demo's account and what is in it; each step looks whether it is done."""

    def __init__(self, cell: Cell, session: requests.Session, base: str) -> None:
        self._cell, self._session, self._base = cell, session, base

    def prepare(self, *, show_key: bool) -> None:
        """Do what is missing, step by step, and print what there is to try."""
        if not self._has_account():
            create_account(self._cell, ACCOUNT)
        file = self._cell.settings.data_dir / KEY_FILE
        headers = self._key(file)
        self._session.headers.update(headers)
        if show_key:
            say("\n".join(["The key of the demo:", "", *_lines_of(headers), ""]))
        say(f"The key of the demo is in {file}, for curl as it is: -H @{file}")
        self._feed()
        if refused := self._hook():
            say(refused)
        self._storefront()
        orders = self._orders()
        for steps, order_id in zip(WALKS, orders, strict=False):
            self._walk(order_id, steps)
        say(_EXPLANATION.format(file=file, base=self._base, order=orders[len(WALKS)]))

    def _has_account(self) -> bool:
        try:
            asyncio.run(self._cell.ledger.account(ACCOUNT))
        except AccountNotFound:
            return False
        return True

    def _key(self, file: Path) -> dict[str, str]:
        """Return the headers of the demo's key, a new one unless that of the file still opens."""
        if file.exists():
            fields = dict(line.split(": ", 1) for line in file.read_text().splitlines())
            with self._cell.database.reading() as connection:
                known = app_keys.get(connection, fields.get(APP_KEY, ""))
            if known is not None and known.opens(
                fields.get(APP_TOKEN, ""), self._cell.clock.micros()
            ):
                return fields
        ctx = CommandContext(ACCOUNT, "demo")
        key, token = asyncio.run(create_key(self._cell.ledger, ctx, "Owner"))
        headers = {APP_KEY: key, APP_TOKEN: token}
        _write_privately(file, "\n".join(_lines_of(headers)) + "\n")
        return headers

    def _feed(self) -> None:
        url = f"{self._base}/api/orders/feed/config"
        if self._session.get(url, timeout=10).ok:
            return
        queue = {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345600}
        feed = {"filter": _EVERY, "queue": queue}
        self._session.post(url, json=feed, timeout=10).raise_for_status()

    def _hook(self) -> str | None:
        """Configure the hook to the demo's receiver; why there is none, when it was refused."""
        url, port = f"{self._base}/api/orders/hook/config", self._cell.settings.receiver_port
        if self._session.get(url, timeout=10).ok:
            return None
        hook = {"filter": _EVERY, "hook": {"url": f"http://127.0.0.1:{port}/", "headers": {}}}
        answer = self._session.post(url, json=hook, timeout=10)
        if answer.ok:
            return None
        fields = answer.json()["error"]["message"]
        return (
            f"The demo goes on without a hook, because its receiver was refused: {fields}. The"
            f" receiver listens on port {port} of this machine: start `oms-ledger demo receiver`,"
            " set OMS_DEMO=on for web and workers, and configure the hook by POST"
            " /api/orders/hook/config."
        )

    def _storefront(self) -> None:
        """Configure the app of custom data that FastStore keeps its cart's tag in."""
        url = f"{self._base}/api/checkout/pvt/configuration/orderForm"
        apps = self._get(url)["apps"]
        if FASTSTORE["id"] not in [one["id"] for one in apps]:
            answer = self._session.patch(url, json={"apps": [*apps, FASTSTORE]}, timeout=10)
            answer.raise_for_status()

    def _orders(self) -> list[str]:
        """Load the sample offers, import the orders; the ids of all, in order of the file."""
        with as_file(files("oms_ledger.samples").joinpath("offers.jsonl")) as offers:
            load_file(self._cell, ACCOUNT, offers)
        with as_file(files("oms_ledger.samples").joinpath("orders.jsonl")) as samples:
            asyncio.run(import_file(self._cell, ACCOUNT, samples))
            lines = samples.read_bytes().splitlines()
        groups = [self._stored(import_key(line)).decode() for line in lines]
        return [json.loads(self._stored(f"group:{group}"))[0] for group in groups]

    def _stored(self, key: str) -> bytes:
        found = self._cell.store.key(ACCOUNT, key)
        assert found is not None, f"the sample orders were imported, but {key} is not there"
        return found

    def _walk(self, order_id: str, steps: int) -> None:
        """Approve the payment; close the cancellation window and start handling; invoice."""
        url = f"{self._base}/api/oms/pvt/orders/{order_id}"
        order = self._get(url)
        if order["status"] == Status.PAYMENT_PENDING:
            payment = order["paymentData"]["transactions"][0]["payments"][0]["id"]
            fields = f"{url}/payments/{payment}/payment-notification"
            self._session.post(fields, timeout=10).raise_for_status()
        if steps >= 2:
            asyncio.run(self._hasten(order_id))
        if steps >= 3 and self._get(url)["status"] == Status.HANDLING:
            invoice = _invoice(order)
            self._session.post(f"{url}/invoice", json=invoice, timeout=10).raise_for_status()

    def _get(self, url: str) -> dict[str, Any]:
        answer = self._session.get(url, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def _hasten(self, order_id: str) -> None:
        """The demo does not wait half an hour for the cancellation window of its samples."""

        def close(order: Order, decision_context: DecisionContext) -> list[OrderEvent]:
            open_now = order.status is Status.WINDOW_TO_CANCEL
            return [CancellationWindowClosed()] if open_now else []

        def handle(order: Order, decision_context: DecisionContext) -> list[OrderEvent]:
            ready = order.status is Status.READY_FOR_HANDLING
            return start_handling(order, decision_context) if ready else []

        for decision in (close, handle):
            await self._cell.ledger.change(CommandContext(ACCOUNT, "demo"), order_id, decision)


def _invoice(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Output",
        "issuanceDate": order["creationDate"],
        "invoiceNumber": f"NF-{order['sequence']}",
        "invoiceValue": str(order["value"]),
        "courier": "Sample Express",
        "trackingNumber": f"TRK{order['sequence']}",
        "trackingUrl": None,
        "items": [],
    }


def _lines_of(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def _write_privately(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)


_EVERY = {"type": "FromWorkflow", "status": []}
_EXPLANATION = """
The account `demo` is ready, with 24 orders, a feed and a hook. Try:

  curl -s -H @{file} '{base}/api/oms/pvt/orders?per_page=5'
  curl -s -H @{file} '{base}/api/oms/pvt/orders/{order}'
  curl -s -H @{file} '{base}/api/orders/feed?maxlot=10'
  curl -s -H @{file} -X POST '{base}/api/oms/pvt/orders/{order}/cancel' -d '{{"reason":"try"}}'

API reference: {base}/docs    State: oms-ledger status
"""
