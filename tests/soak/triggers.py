"""Triggers on orders that become invoiced, while every process and the database are killed.

`python -m tests.soak.triggers --minutes 10 --database postgresql`; a part of `make soak`. At the
end the endpoint was asked for each order what its trigger says, signed, under one id with one body,
whatever was killed; each customer got one mail, under one Message-ID; and there is one run for each
of them, done.
"""

import argparse
import base64
import hashlib
import hmac
import html
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from oms_ledger.eventstore.records import order_stream
from oms_ledger.notifications.channel import TRIGGER
from projections.masterdata.triggers import run_id
from projections.outbox.messages import WAITING
from projections.outbox.tables import outbox_messages
from tests.soak.deployment import ACCOUNT, COMMANDS, Deployment, Writer, until
from tests.soak.faults import PostgresOfOurs, RedisOfOurs
from tests.soak.followers import writing
from tests.soak.soak import DATABASES, say
from tests.support import servers
from tests.support.smtp_sink import SmtpSink

SCHEMA, HOOKED, MAILED = "erp", "tell-erp-invoiced", "tell-customer"
SENDER = "store@example.com"
MOST_BETWEEN_STRIKES = 25  # answers: so a slow machine is struck as often for what it does
SETTLED = 240.0


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class Endpoint:
    """An ERP that answers every second request, by chance, with an error or not at all."""

    def __init__(self, dice: random.Random) -> None:
        self.received: list[Request] = []
        self.accepted: set[str] = set()
        self.repeated = 0
        lock, endpoint = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with lock:
                    endpoint.received.append(Request(self.path, headers, body))
                    endpoint.repeated += headers["webhook-id"] in endpoint.accepted
                    status = dice.choice((200, 204, 500, None))
                if status is None:
                    return  # the connection ends without an answer
                if status < 300:
                    endpoint.accepted.add(headers["webhook-id"])
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A worker that was killed gets no answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/orders"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def schema_of(url: str) -> dict[str, Any]:
    """The guide's trigger, and one that mails the customer."""
    retry = {"times": 20, "delay": {"addMinutes": 0}}
    body = {
        "order": "{!orderId}",
        "to": "{!order.clientProfileData.email}",
        "value": "{!value}",
        "lines": "{!items}",
        "note": "Order {!orderId} of {!clientProfileData.firstName}",
    }
    headers = {"content-type": "application/json", "x-api-key": "s3cret"}
    http = {"type": "http", "uri": url, "method": "POST", "headers": headers, "body": body}
    mail = {
        "type": "email",
        "to": "{!clientProfileData.email}",
        "subject": "Order {!orderId} is invoiced",
        "body": "<p>{!clientProfileData.firstName}: {!value}</p>",
    }
    actions = {HOOKED: http, MAILED: mail}
    triggers = [
        {"name": name, "active": True, "condition": "status=invoiced", "action": a, "retry": retry}
        for name, a in actions.items()
    ]
    return {"properties": {}, "v-triggers": triggers}


class Invoiced:
    """A deployment whose processes a test may kill, with an endpoint and a mail server."""

    def __init__(self, folder: Path, url: str, redis_url: str, seed: str) -> None:
        self._dice = random.Random(seed)
        self.endpoint, self.sink = Endpoint(random.Random(seed)), SmtpSink()
        self.sink.__enter__()
        self.deployment = Deployment(folder / "cell", url, redis_url)
        self.deployment.environ |= {"OMS_SMTP_URL": self.sink.url, "OMS_MAIL_FROM": SENDER}
        for name in COMMANDS:
            self.deployment.start(name)
        self.deployment.wait_for_web()
        self.client = self.deployment.new_client()
        path = f"/api/dataentities/orders/schemas/{SCHEMA}"
        self.client.do("PUT", path, schema_of(self.endpoint.url))
        secret = self.client.do("POST", "/api/ledger/masterdata/trigger-secret").json()["secret"]
        self._secret = base64.b64decode(secret.removeprefix("whsec_"))
        self.strikes: Counter[str] = Counter()

    def close(self) -> None:
        self.client.close()
        self.deployment.close()
        self.endpoint.close()
        self.sink.__exit__()

    def strike(self, postgres: PostgresOfOurs | None) -> None:
        """Kill a process, or the database, at random; and start it again."""
        names = [*COMMANDS, "worker", *(["postgresql"] if postgres else [])]
        name = self._dice.choice(names)
        if postgres is not None and name == "postgresql":
            postgres.crash()
            postgres.start()
            self.deployment.cell.database.engine.dispose()
        else:
            self.deployment.kill(name)
            self.deployment.start(name)
        self.strikes[name] += 1

    def settle(self) -> None:
        until("every run is done", self._quiet, SETTLED)

    def _quiet(self) -> bool:
        """Whether nothing is left; what a killed process had claimed is let go at once."""
        with self.deployment.cell.database.writing() as connection:
            waiting = (outbox_messages.c.state == WAITING, outbox_messages.c.claimed_until > 0)
            mine = (outbox_messages.c.channel == TRIGGER.name, *waiting)
            now = self.deployment.cell.clock.micros()
            longer = outbox_messages.c.claimed_until > now + 30_000_000
            held = update(outbox_messages).where(*mine, longer)
            connection.execute(held.values(claimed_until=now + 30_000_000))
        return self.deployment.settled()

    # What must hold

    def require_everything(self, placed: dict[str, int]) -> dict[str, Any]:
        """What was counted: more than one of a kind for an order is what was made again."""
        runs = {HOOKED: self._runs(HOOKED), MAILED: self._runs(MAILED)}
        requests = self._requests()
        mails = self._mails()
        for order_id in placed:
            document = self._document(order_id)
            assert document["status"] == "invoiced"
            self._require_request(order_id, document, runs[HOOKED].pop(order_id), requests)
            self._require_mail(order_id, document, runs[MAILED].pop(order_id), mails)
        assert runs == {HOOKED: {}, MAILED: {}}, "runs that nothing fired"
        assert not requests, "requests that no run makes"
        assert not mails, "mails that no run sends"
        return {
            "orders": len(placed),
            "strikes": dict(self.strikes),
            "asked": len(self.endpoint.received),
            "asked once more after an acceptance": self.endpoint.repeated,
            "mails": sum(len(sent) for sent in self._mails().values()),
        }

    def _runs(self, trigger: str) -> dict[str, str]:
        """By order the one run of a trigger: the id of the event that fired it, and done."""
        query = select(outbox_messages).where(
            outbox_messages.c.channel == TRIGGER.name,
            outbox_messages.c.recipient == f"orders/{SCHEMA}/{trigger}",
        )
        with self.deployment.cell.database.snapshot() as connection:
            rows = list(connection.execute(query))
        found: dict[str, str] = {}
        for row in rows:
            order_id = row.ordering_key.removeprefix(f"{ACCOUNT}/")
            assert order_id not in found, f"{trigger} ran twice for {order_id}"
            assert row.state == "delivered", (order_id, trigger, row.state, row.last_error)
            stream = order_stream(ACCOUNT, order_id)
            became = [
                e for e in self.deployment.cell.store.stream(stream) if e.status == "invoiced"
            ]
            assert row.id == run_id(stream, became[0].version, SCHEMA, trigger)
            found[order_id] = row.id
        return found

    def _requests(self) -> dict[str, list[Request]]:
        found: dict[str, list[Request]] = {}
        for one in self.endpoint.received:
            found.setdefault(one.headers["webhook-id"], []).append(one)
        return found

    def _mails(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for mail in self.sink.mails:
            subject = str(mail.message["Subject"])
            if subject.startswith("Order ") and subject.endswith(" is invoiced"):
                found.setdefault(str(mail.message["Message-ID"]), []).append(mail)
        return found

    def _document(self, order_id: str) -> dict[str, Any]:
        path = f"/api/dataentities/orders/documents/{order_id}?_fields=_all"
        document: dict[str, Any] = self.client.do("GET", path).json()
        return document

    def _require_request(
        self,
        order_id: str,
        document: dict[str, Any],
        run: str,
        by_run: dict[str, list[Request]],
    ) -> None:
        """At least once, each time the same; and accepted."""
        requests = by_run.pop(run)
        assert run in self.endpoint.accepted
        name = document["clientProfileData"]["firstName"]
        assert len({one.body for one in requests}) == 1
        for one in requests:
            assert one.path == "/hooks/orders"
            assert one.headers["webhook-signature"] == self._signature(one)
            assert one.headers["content-type"] == "application/json"
            assert one.headers["x-api-key"] == "s3cret"
            assert json.loads(one.body) == {
                "order": order_id,
                "to": document["clientProfileData"]["email"],
                "value": document["value"],
                "lines": document["items"],
                "note": f"Order {order_id} of {name}",
            }

    def _signature(self, request: Request) -> str:
        """As Standard Webhooks has receivers work it out."""
        named = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
        signed = hmac.new(self._secret, named.encode() + request.body, hashlib.sha256)
        return f"v1,{base64.b64encode(signed.digest()).decode()}"

    def _require_mail(
        self, order_id: str, document: dict[str, Any], run: str, mails: dict[str, list[Any]]
    ) -> None:
        """The same mail at every attempt, once in the conversation."""
        sent = mails.pop(f"<{run}@example.com>")
        email = document["clientProfileData"]["email"]
        text = (
            f"<p>{html.escape(document['clientProfileData']['firstName'])}: {document['value']}</p>"
        )
        for mail in sent:
            assert mail.recipients == [email]
            assert mail.message["Subject"] == f"Order {order_id} is invoiced"
            assert text in mail.message.get_body(("html",)).get_content()
        path = f"/api/oms/pvt/orders/{order_id}/conversation-message"
        said = [one["subject"] for one in self.client.do("GET", path).json()]
        assert said.count(f"Order {order_id} is invoiced") == 1


@contextmanager
def invoiced(database: str, seed: str) -> Iterator[tuple[Invoiced, PostgresOfOurs | None]]:
    with tempfile.TemporaryDirectory(prefix="oms-triggers-") as name, ExitStack() as stack:
        folder = Path(name)
        redis = RedisOfOurs(folder / "redis")
        stack.callback(redis.kill)
        postgres = PostgresOfOurs(f"triggers-{seed}") if database == "postgresql" else None
        if postgres is not None:
            stack.callback(postgres.crash)
        url = postgres.url if postgres else f"sqlite:///{folder / 'ledger.sqlite3'}"
        made = Invoiced(folder, url, redis.url, seed)
        stack.callback(made.close)
        try:
            yield made, postgres
        except BaseException as error:
            error.add_note(f"seed {seed}\n{made.deployment.logs()}")
            raise


@contextmanager
def written(made: Invoiced, at_least: int) -> Iterator[Writer]:
    """Orders under way, whose clients take a database that is away for what it is."""
    made.client.patient = True
    with writing(made.deployment, at_least) as writer:
        writer.client.patient = True
        yield writer


def run(database: str, minutes: float, seed: str) -> dict[str, Any]:
    """What was counted; raises where something is lost, made twice or of another form."""
    with invoiced(database, seed) as (made, postgres):
        end = time.monotonic() + 60 * minutes
        dice = random.Random(seed)
        with written(made, 1) as writer:
            while time.monotonic() < end:
                writer.wait_for_answers(dice.randint(1, MOST_BETWEEN_STRIKES))
                made.strike(postgres)
        made.settle()
        return made.require_everything(writer.placed)


def main() -> int:
    default = float(os.environ.get("MINUTES") or (0.5 if os.environ.get("QUICK") else 5))
    requested = argparse.ArgumentParser(description=__doc__)
    requested.add_argument("--minutes", type=float, default=default, help="for each database")
    requested.add_argument("--database", choices=DATABASES, action="append")
    requested.add_argument("--seed", default=os.environ.get("SEED") or str(time.time_ns()))
    given = requested.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    servers.begin()
    try:
        for database in given.database or DATABASES:
            say(f"triggers on {database}: {given.minutes:g} minutes, seed {given.seed}")
            for name, count in run(database, given.minutes, given.seed).items():
                say(f"  {name}: {count}")
    finally:
        servers.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
