"""A deployment of real processes that a test may kill, its clients, and what must hold after."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.cli.maintenance import stale_views
from oms_ledger.cli.up import prepare
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.integrity import verify
from oms_ledger.eventstore.serialization import stored_name
from oms_ledger.eventstore.tables import events
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.orders.evolve import NOT_IN_DOCUMENT
from oms_ledger.services import signals
from oms_ledger.settings import Settings
from projections.notifications import hook_letters
from projections.outbox.messages import WAITING
from projections.outbox.tables import outbox_attempts as attempts
from projections.outbox.tables import outbox_messages, outbox_recipients
from projections.subscriptions import lateness
from projections.subscriptions import leases as lease_rows
from projections.subscriptions.notification import event_id
from projections.tables import dead_letters, leases
from tests.support import hook_deliveries, servers
from tests.support.configuring import create_key

ACCOUNT = "acme"
COMMANDS = {"web": "serve", "projector": "project", "worker": "work", "scheduler": "scheduler"}
"""The processes of a deployment by name; a second worker would be called `worker-2`."""
ALL_IN_ONE = "web-with-all"
DEADLINE = 180.0  # seconds that anything may take on a busy machine
DAY = 86_400
CHEAPEST = 15_000  # cents: what the FromOrders feeds below call a large order
LARGE_AND_SHIPPED = f'(status = "handling" or status = "invoiced") and value > {CHEAPEST}'
BESIDE_THE_DOCUMENT = {stored_name(event) for event in NOT_IN_DOCUMENT}
"""Events that change no document: an invoice that was sent again, because no answer came."""
EVERY_STATUS: dict[str, Any] = {"type": "FromWorkflow", "status": []}


def until(what: str, holds: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Return as soon as the condition holds; fail, saying what was waited for, if it never does."""
    end = time.monotonic() + deadline
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s for nothing: {what}")
        time.sleep(0.02)


def free_port() -> int:
    """Below the range that outgoing connections take, so that a restart finds it free."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


# The receiver of a hook


@dataclass(frozen=True)
class ReceivedNotification:
    """A notification as it came in, and whether it was answered 200."""

    event_id: str
    order_id: str
    state: str
    last_state: str | None
    accepted: bool


class Receiver:
    """A hook's endpoint. `refuses` says of a notification's id and its attempt (1, 2, …) if it
    fails.
    """

    def __init__(self, refuses: Callable[[str, int], bool] = lambda _, __: False) -> None:
        self.received: list[ReceivedNotification] = []
        self._refuses = refuses
        self._attempts: dict[str, int] = {}
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                notification = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(
                    receiver.receive(self.headers.get("webhook-id", ""), notification)
                )
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A worker that was killed gets no answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def receive(self, event: str, notification: dict[str, Any]) -> int:
        if "OrderId" not in notification:
            return 200  # the ping of the configuration
        with self._lock:
            self._attempts[event] = self._attempts.get(event, 0) + 1
            accepted = not self._refuses(event, self._attempts[event])
            fields = (notification["OrderId"], notification["State"], notification["LastState"])
            self.received.append(ReceivedNotification(event, *fields, accepted))
        return 200 if accepted else 500

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def receiving(
    refuses: Callable[[str, int], bool] = lambda _, __: False,
) -> Iterator[Receiver]:
    receiver = Receiver(refuses)
    try:
        yield receiver
    finally:
        receiver.close()


# The processes


class Deployment:
    """The four processes of a cell with one account, its keys, feeds and hook."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.cell = Cell(Settings(data_dir=folder, database_url=database_url, redis_url=redis_url))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMS_", "REDIS_"))}
        self.environ = {
            **kept,
            "OMS_DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "OMS_DATA_DIR": str(folder),
            "OMS_PORT": str(self.port),
            "OMS_HOOK_ALLOWED_NETWORKS": "127.0.0.1/32",
            "OMS_DEMO": "off",
            # Processes start often here: all of a run share their compiled modules.
            "PYTHONPYCACHEPREFIX": str(Path(os.environ[servers.RUN]) / "pycache"),
        }
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        prepare(self.cell)
        asyncio.run(
            self.cell.ledger.change_account(CommandContext(ACCOUNT, "test"), _found_account)
        )

    def command(self, name: str) -> list[str]:
        together = ["--one-process"] if name == ALL_IN_ONE else []
        return [sys.executable, "-m", "oms_ledger", COMMANDS[name.partition("-")[0]], *together]

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.command(name),
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # Left to the cleaner of the run, should the run itself be killed.
        self._note(name).write_text(str(self.processes[name].pid))

    def _note(self, name: str) -> Path:
        return Path(os.environ[servers.RUN]) / f"process-{self.port}-{name}.pid"

    def kill(self, name: str, *, leases_run_out: bool = True) -> None:
        """Kill -9 it with its children; its leases run out now instead of in ten seconds."""
        process = self.processes.pop(name)
        self._note(name).unlink()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not leases_run_out:
            return
        with self.cell.database.writing() as connection:
            its = leases.c.holder.startswith(_holder(process), autoescape=True)
            connection.execute(update(leases).where(its).values(expires_at=0))

    def at_work(self, name: str) -> bool:
        """Whether the process holds a lease just now."""
        its = leases.c.holder.startswith(_holder(self.processes[name]), autoescape=True)
        with self.cell.database.snapshot() as connection:
            return connection.execute(select(leases.c.name).where(its)).first() is not None

    def wait_for_web(self) -> None:
        until("the web process answers", self._ready)

    def _ready(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.base}/readyz", timeout=5).ok
        return False

    def close(self) -> None:
        for name, process in self.processes.items():
            self._note(name).unlink(missing_ok=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.cell.close()

    def run(self, *arguments: str, seconds: float = DEADLINE) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "oms_ledger", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def logs(self) -> str:
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-4000:]}"
            for file in sorted(self.folder.glob("*.log"))
        )

    def new_client(self) -> "Client":
        return Client(self.base, *create_key(self.cell, ACCOUNT, "Owner"))

    # What the database says

    def history(self) -> list[Any]:
        """Every event of every order, in order of the ledger."""
        other = (events.c.stream == f"{ACCOUNT}/") | events.c.stream.like(f"{ACCOUNT}/%/%")
        query = select(events).where(~other).order_by(events.c.position)
        with self.cell.database.snapshot() as connection:
            return list(connection.execute(query))

    def positions(self) -> list[int]:
        """The positions of all events, of whatever stream."""
        query = select(events.c.position).order_by(events.c.position)
        with self.cell.database.snapshot() as connection:
            return list(connection.execute(query).scalars())

    def count(self, table: Any) -> int:
        with self.cell.database.snapshot() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def settled(self) -> bool:
        """Whether every follower has passed what it has to, and nothing is pending.

        What a gateway answers becomes an event: no message may wait but for what is due in days.
        """
        return not self._pending(1)

    def _pending(self, at_most: int) -> list[object]:
        """The subscriptions that are behind and messages that are due, as many as asked for."""
        soon = self.cell.clock.micros() + DAY * 1_000_000
        t = outbox_messages.c
        due = (t.state == WAITING) & ((t.due_at < soon) | (t.channel == WEBHOOK.name))
        head = self.cell.store.head()
        with self.cell.database.snapshot() as connection:
            behind = lateness.behind(connection, head)
            messages = connection.execute(select(outbox_messages).where(due).limit(at_most))
            return [*behind, *messages.mappings()]

    def hasten(self, app_key: str) -> None:
        """The waits between attempts, and the pause of an open circuit, are over now."""
        with self.cell.database.writing() as connection:
            lease_rows.create(connection, f"delivery:{app_key}")  # perhaps nobody ever held it
            hook_deliveries.change(connection, hook_deliveries.of(app_key), due_at=0)
            r = outbox_recipients
            calm = update(r).where(r.c.recipient == app_key)
            connection.execute(calm.values(circuit_open_until=0))
        signals.signal(self.cell.redis, [f"hook:{app_key}"])


def _holder(process: subprocess.Popen[bytes]) -> str:
    """What the process's name begins with."""
    return f"{socket.gethostname()}:{process.pid}:"


def _found_account(_: Account | None) -> list[AccountEvent]:
    return [AccountCreated(ACCOUNT, "acme"), AccountSettingsChanged({"grace_period_minutes": 0})]


@contextlib.contextmanager
def deployed(
    folder: Path,
    database_url: str,
    redis_url: str,
    names: Iterable[str] = COMMANDS,
    **environ: str,
) -> Iterator[Deployment]:
    """All processes started, the web process answering; a failure shows their logs.

    `environ` is for the processes alone: the test's own connections go to the address given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deployment = Deployment(folder, database_url, redis_url)
    deployment.environ |= environ
    try:
        for name in names:
            deployment.start(name)
        deployment.wait_for_web()
        yield deployment
    except BaseException as error:
        error.add_note(deployment.logs())
        with contextlib.suppress(SQLAlchemyError):
            error.add_note(f"pending: {deployment._pending(3)}")
        raise
    finally:
        deployment.close()


# The clients


@dataclass
class Client:
    """Asks again until it is answered, as a client does that wants its order placed."""

    base: str
    app_key: str
    token: str
    answered: int = 0
    unanswered: int = 0
    server_errors: list[str] = field(default_factory=list)
    patient: bool = False
    """Whether a 503 is to be expected, and no answer: the database may be away."""

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        keys = {"X-VTEX-API-AppKey": self.app_key, "X-VTEX-API-AppToken": self.token}
        self._session.headers.update(keys)

    def close(self) -> None:
        self._session.close()

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[requests.Response, bool]:
        """The answer, and whether an earlier try may have been carried out without one."""
        before, end = self.unanswered, time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                url, named = (
                    f"{self.base}{path}",
                    {k.replace("_", "-"): headers[k] for k in headers},
                )
                answer = self._session.request(method, url, json=body, headers=named, timeout=10)
            except requests.RequestException:
                self.unanswered += 1
                time.sleep(0.05)
                continue
            if self.patient and answer.status_code == 503:
                self.unanswered += 1
                time.sleep(0.05)
                continue
            self.answered += 1
            if answer.status_code < 500:
                return answer, self.unanswered > before
            self.server_errors.append(f"{method} {path}: {answer.status_code} {answer.text}")
            self.unanswered += 1
        raise AssertionError(f"{method} {path} was never answered")

    def do(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        answer, _ = self.ask(method, path, body, **headers)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    # Feeds and hooks

    def configure_feed(self, filter: dict[str, Any]) -> None:
        """Nothing comes back to the feed during a test: an item seen twice is there twice."""
        queue = {"visibilityTimeoutInSeconds": 43_200, "messageRetentionPeriodInSeconds": 4 * DAY}
        self.do("POST", "/api/orders/feed/config", {"filter": filter, "queue": queue})

    def configure_hook(self, filter: dict[str, Any], url: str) -> None:
        hook = {"filter": filter, "hook": {"url": url, "headers": {}}}
        self.do("POST", "/api/orders/hook/config", hook)

    def drain_feed(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while lot := self._retrieve():
            items += lot
            self.do("POST", "/api/orders/feed", {"handles": [item["handle"] for item in lot]})
        return items

    def _retrieve(self) -> list[dict[str, Any]]:
        """Ask once: what a lost answer hands out stays hidden longer than a test takes."""
        url = f"{self.base}/api/orders/feed?maxlot=10"
        answer = self._session.get(url, timeout=DEADLINE)
        assert answer.ok, f"{answer.status_code} {answer.text}"
        lot: list[dict[str, Any]] = answer.json()
        return lot


class Writer:
    """A thread that takes order after order from its placement to its last invoice."""

    def __init__(self, client: Client, at_least: int, name: str = "order") -> None:
        self.client = client
        self.name = name
        self.placed: dict[str, int] = {}
        """What was answered to be placed: order ids and their values in cents."""
        self.head = 0
        """The ledger's last position when the load had ended."""
        self._at_least = at_least
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        samples = files("oms_ledger.samples").joinpath("orders.jsonl").read_text("utf-8")
        self._bodies = [json.loads(line) for line in samples.splitlines()]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._failure is not None and not failed:
            raise self._failure

    def wait_for_answers(self, more: int) -> None:
        """Until so many more requests were answered: the load goes on."""
        goal = self.client.answered + more
        until(f"{more} more answers", lambda: self._going() and self.client.answered >= goal)

    def wait_for_silence(self) -> None:
        """Until one more request got no answer."""
        known = self.client.unanswered
        until("a request without an answer", lambda: self._going() and self._unanswered(known))

    def _unanswered(self, known: int) -> bool:
        return self.client.unanswered > known

    def _going(self) -> bool:
        assert self._failure is None, self._failure
        assert self._thread.is_alive()
        return True

    def _run(self) -> None:
        try:
            number = 0
            while number < self._at_least or not self._ended.is_set():
                self._live_through(number, self._bodies[number % len(self._bodies)])
                number += 1
                if number >= self._at_least:
                    self._ended.wait(0.2)  # from here on a light load is enough
        except BaseException as error:
            self._failure = error

    def _live_through(self, number: int, body: dict[str, Any]) -> None:
        do = self.client.do
        url, known, value = self._handled(number, body)
        invoice = {
            "type": "Output",
            "issuanceDate": known["creationDate"],
            "invoiceNumber": f"NF-{self.name}-{number}",
            "invoiceValue": value,
        }
        do("POST", f"{url}/invoice", invoice)

    def _handled(self, number: int, body: dict[str, Any]) -> tuple[str, dict[str, Any], int]:
        """An order placed, paid and in handling: its address, its document, its value."""
        do, key = self.client.do, f"{self.name}-{number}"
        placed = do("PUT", "/api/checkout/pub/orders", body, Idempotency_Key=key).json()
        (order,) = placed["orders"]
        order_id, value = order["orderId"], order["value"]
        self.placed[order_id] = value
        transaction = placed["transactionData"]["merchantTransactions"][0]["transactionId"]
        payment = {
            "paymentSystem": body["paymentData"]["payments"][0]["paymentSystem"],
            "installments": 1,
            "value": value,
            "referenceValue": value,
            "fields": {"cardNumber": "4111111111111111"},
            "transaction": {"id": transaction},
        }
        do("POST", f"/api/payments/transactions/{transaction}/payments", [payment])
        do("POST", f"/api/checkout/pub/gatewayCallback/{order['orderGroup']}")
        url = f"/api/oms/pvt/orders/{order_id}"
        known = do("GET", url).json()
        if known["status"] == "payment-pending":
            its = known["paymentData"]["transactions"][0]["payments"][0]["id"]
            do("POST", f"{url}/payments/{its}/payment-notification")
        answer, maybe_done = self.client.ask("POST", f"{url}/start-handling")
        if not answer.ok:
            assert maybe_done, f"{answer.status_code} {answer.text}"
            assert do("GET", url).json()["status"] == "handling"
        return url, known, value


# What must hold after any faults


def require_whole_histories(deployment: Deployment, writer: Writer) -> None:
    """Every order that was answered is there once and lived to its end, without a gap (G1)."""
    versions: dict[str, list[int]] = {}
    last, invoices = {}, list[str]()
    history = deployment.history()
    for row in history:
        order_id = row.stream.removeprefix(f"{ACCOUNT}/")
        versions.setdefault(order_id, []).append(row.version)
        last[order_id] = row.status
        if row.name == "invoice-issued":
            invoices.append(order_id)
    assert versions.keys() == writer.placed.keys()
    for order_id, found in versions.items():
        assert found == list(range(1, len(found) + 1)), order_id
    assert set(last.values()) == {"invoiced"}
    assert sorted(invoices) == sorted(last)
    positions = deployment.positions()
    assert positions == list(range(1, 1 + len(positions)))
    assert writer.client.server_errors == []


def moves(deployment: Deployment) -> list[Any]:
    """The events that a FromWorkflow filter of every status passes."""
    return [r for r in deployment.history() if r.status and r.status != r.status_before]


def shipments(deployment: Deployment, values: dict[str, int]) -> list[Any]:
    """The events that change a document and after which `LARGE_AND_SHIPPED` is true."""
    return [
        row
        for row in deployment.history()
        if row.name not in BESIDE_THE_DOCUMENT
        and row.status in ("handling", "invoiced")
        and values[row.stream.removeprefix(f"{ACCOUNT}/")] > CHEAPEST
    ]


def first_of_each_order(rows: list[Any]) -> list[Any]:
    return list({row.stream: row for row in reversed(rows)}.values())[::-1]


def _notification_of(subscription: str, row: Any) -> tuple[str, str, str, str | None]:
    order_id = row.stream.removeprefix(f"{ACCOUNT}/")
    return event_id(subscription, row.position), order_id, row.status, row.status_before


def require_feed(client: Client, rows: list[Any]) -> None:
    """What the feed hands out is what its filter passes of the ledger: none missing or doubled."""
    found = [
        (item["eventId"], item["orderId"], item["state"], item["lastState"])
        for item in client.drain_feed()
    ]
    expected = [_notification_of(f"feed:{client.app_key}", row) for row in rows]
    missing, more = set(expected) - set(found), set(found) - set(expected)
    assert sorted(found) == sorted(expected), (missing, more, len(found), len(expected))


def require_notifications(client: Client, receiver: Receiver, rows: list[Any]) -> None:
    """Every notification was accepted, and an order's were first received in the order of the
    ledger.
    """
    expected: dict[str, list[Any]] = {}
    for row in rows:
        fields = _notification_of(f"hook:{client.app_key}", row)
        expected.setdefault(fields[1], []).append(fields)
    result: dict[str, dict[Any, None]] = {}
    accepted = set()
    for one in receiver.received:
        fields = (one.event_id, one.order_id, one.state, one.last_state)
        result.setdefault(one.order_id, {})[fields] = None
        if one.accepted:
            accepted.add(one.event_id)
    assert {order: list(notifications) for order, notifications in result.items()} == expected
    assert accepted == {
        fields[0] for notifications in expected.values() for fields in notifications
    }


def require_a_sound_ledger(deployment: Deployment, written: int) -> None:
    """The chain of seals holds up to what the load had written at its end and beyond, the views
    agree with it, and nothing was given up.
    """
    cell = deployment.cell
    head = cell.store.head()
    assert head >= written > 0
    assert max(verify(cell.store, head)) >= written
    assert stale_views(cell) == []
    assert deployment.count(dead_letters) == 0
    with deployment.cell.database.snapshot() as connection:
        assert hook_letters.counted(connection) == {}


def failed_attempts(deployment: Deployment) -> int:
    query = select(func.count()).where(
        attempts.c.recipient.is_not(None), attempts.c.outcome != "HTTP 200"
    )
    with deployment.cell.database.snapshot() as connection:
        return int(connection.execute(query).scalar_one())
