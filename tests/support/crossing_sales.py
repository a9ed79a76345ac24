"""Sales of a store and its sellers over HTTP, wherever the accounts are: in one cell or in two."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from json import loads
from typing import Any

from sqlalchemy import select

from oms_ledger.cell import Cell
from oms_ledger.directory import KnownCell
from oms_ledger.notifications.channel import PARTNER
from oms_ledger.services.cells.move import Move
from oms_ledger.web import build
from projections.outbox import messages
from projections.outbox.messages import StoredMessage
from projections.outbox.tables import outbox_messages
from tests.support import over_http
from tests.support.cells import TwoCells, close_forwarding
from tests.support.client import Answer, Client
from tests.support.clock import SettableClock
from tests.support.configuring import create_key
from tests.support.patience import HANGS
from tests.support.purchases import purchase
from tests.support.run_until_idle import settle
from tests.support.sales import open_accounts
from workers.outbox import dispatcher

ORDERS = "/api/oms/pvt/orders"
ROUNDS = 50
_OTHER = ("sequence", "orderGroup", "order_group", "marketplaceOrderGroup", "Tid", "tid", "authId")
_APP_KEY = re.compile(r"vtexappkey-[a-zA-Z]+-[0-9A-F]{6}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)")
_LONG_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Deployment:
    """Two cells with their web applications behind sockets, and the accounts of each."""

    def __init__(self, cells: TwoCells, accounts: dict[str, str]) -> None:
        """`accounts` says the cell of each account, `a` or `b`."""
        self.cells, self.at = cells, dict(accounts)
        self.patience = 0
        self.apps: dict[str, Any] = {"a": build(cells.a), "b": build(cells.b)}
        self.clients: dict[str, Client] = {}
        for name, cell in (("a", cells.a), ("b", cells.b)):
            own = [account for account, where in accounts.items() if where == name]
            asyncio.run(open_accounts(cell, *own))
            cells.add(cell, self.apps[name], own)
            for account in own:
                key, token = create_key(cell, account, "Owner")
                headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
                self.clients[account] = Client(self.apps[name], headers, over_http=True)

    def cell_of(self, account: str) -> Cell:
        return self.cells.a if self.at[account] == "a" else self.cells.b

    def call(
        self, account: str, method: str, url: str, body: Any = None, status: int = 0
    ) -> Answer:
        """A request of an account to its cell."""
        answer = self.clients[account].call(method, url, body)
        assert not status or answer.status == status, (url, answer.status, answer.body)
        return answer

    def document(self, account: str, order_id: str) -> dict[str, Any]:
        return dict(self.call(account, "GET", f"{ORDERS}/{order_id}", status=200).json())

    def status(self, account: str, order_id: str) -> str:
        return str(self.document(account, order_id)["status"])

    def rest(self) -> None:
        """Until neither cell has anything left to send; a patient one lets what waits be due."""
        for _ in range(ROUNDS):
            if sum(asyncio.run(settle(cell)) for cell in self.cells.both):
                continue
            if not self.patience or not any(map(_waits, self.cells.both)):
                return
            self.later(seconds=self.patience)
        raise AssertionError("the cells do not come to rest")

    def move(self, account: str) -> None:
        """Move an account to the other cell; its clients go on asking where they did."""
        source = self.cell_of(account)
        target = self.cells.b if source is self.cells.a else self.cells.a
        Move(
            account, source, target, self.cells.directory, rest=lambda _: None, fenced_for=HANGS
        ).run()
        self.at[account] = "b" if self.at[account] == "a" else "a"

    def history(self, account: str, order_id: str) -> list[dict[str, Any]]:
        """The order's events as they are stored, with who recorded them and why."""
        return [
            {"name": row.name, "actor": row.actor, "cause": row.cause, "body": loads(row.body)}
            for row in self.cell_of(account).store.stream(f"{account}/{order_id}")
        ]

    def hide(self, name: str) -> KnownCell:
        """Have nobody reach a cell; answers where it was."""
        _, known, _ = self.cells.directory.read()
        nowhere = replace(known[name], url="http://127.0.0.1:1")
        self.cells.directory.add_cell(nowhere, [])
        return known[name]

    def later(self, **time: float) -> None:
        """Move the clock of both cells on."""
        clock = self.cells.a.clock
        assert isinstance(clock, SettableClock)
        clock.at += timedelta(**time)

    def claim(self, name: str) -> list[StoredMessage]:
        """The messages of a cell that are due, taken to be sent."""
        cell = self.cells.a if name == "a" else self.cells.b
        dispatcher.evaluate(cell, cell.loader())
        return dispatcher.claim(cell, 100)

    def send(self, name: str, claimed: Sequence[StoredMessage]) -> None:
        """Send what was taken."""
        cell = self.cells.a if name == "a" else self.cells.b

        async def sent() -> None:
            try:
                for message in claimed:
                    await dispatcher.dispatch(cell, message)
            finally:
                await cell.partner_clients.close()

        asyncio.run(sent())

    def close(self) -> None:
        for name, cell in (("a", self.cells.a), ("b", self.cells.b)):
            app = self.apps[name]
            close_forwarding(app)
            loop = over_http.loop_of(app)
            asyncio.run_coroutine_threadsafe(cell.partner_clients.close(), loop).result(60)


def _waits(cell: Cell) -> bool:
    m = outbox_messages.c
    waiting = select(m.id).where(m.channel == PARTNER.name, m.state == messages.WAITING)
    with cell.database.reading() as connection:
        return connection.execute(waiting).first() is not None


@contextmanager
def opened(cells: TwoCells, accounts: dict[str, str]) -> Iterator[Deployment]:
    deployment = Deployment(cells, accounts)
    try:
        yield deployment
    finally:
        deployment.close()


def invoice(number: str, value: int, quantity: int) -> dict[str, Any]:
    return {
        "type": "Output",
        "invoiceNumber": number,
        "invoiceValue": value,
        "issuanceDate": "2026-01-01",
        "items": [{"id": "7", "quantity": quantity, "price": 1000}],
    }


@dataclass
class Sale:
    """One purchase in a store, with the seller that delivers it."""

    deployment: Deployment
    store: str
    shop: str
    order_id: str = ""
    seen: list[Any] = field(default_factory=list)
    """What both sides showed, with ids and instants masked."""

    @property
    def below(self) -> str:
        return f"00-{self.order_id}"

    def place(self, *chain: str, quantity: int = 3) -> Answer:
        body = purchase(price=1000, quantity=quantity)
        body["items"][0]["seller"] = (chain or (self.shop,))[0]
        if len(chain) > 1:
            body["items"][0]["sellerChain"] = list(chain)
        answer = self.deployment.call(self.store, "PUT", "/api/checkout/pub/orders", body)
        if answer.status == 201:
            placed = answer.json()["orders"][0]
            self.order_id = placed["orderId"]
            paid = f"/api/checkout/pub/gatewayCallback/{placed['orderGroup']}"
            self.deployment.call(self.store, "POST", paid, {}, status=204)
        return answer

    def at_store(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        return self._at(self.store, self.order_id, method, path, body, status)

    def at_shop(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        return self._at(self.shop, self.below, method, path, body, status)

    def _at(
        self, account: str, order_id: str, method: str, path: str, body: Any, status: int
    ) -> Any:
        url = f"{ORDERS}/{order_id}{path}" if path.startswith("/") or not path else path
        answer = self.deployment.call(account, method, url, body, status=status)
        return answer.json() if answer.body else None

    def look(self) -> tuple[str, str]:
        """Let all come to rest, and remember what both sides show; their statuses."""
        self.deployment.rest()
        found = []
        for account, order_id in ((self.store, self.order_id), (self.shop, self.below)):
            document = self.deployment.document(account, order_id)
            found.append(document["status"])
            history = self.deployment.history(account, order_id)
            self.seen.append(self._masked({"document": document, "history": history}))
        return found[0], found[1]

    def differences(self, other: "Sale") -> list[str]:
        """Where what the sales showed is not the same."""
        return list(differences("", self.seen, other.seen))

    def _masked(self, value: Any) -> Any:
        """A document without what is another one in every sale: ids, numbers, names, instants."""
        if isinstance(value, dict):
            return {key: "*" if key in _OTHER else self._masked(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._masked(one) for one in value]
        if not isinstance(value, str):
            return value
        text = _APP_KEY.sub("KEY", value.replace(self.order_id, "ORDER"))
        for name, shown in ((self.store, "STORE"), (self.shop, "SHOP")):
            text = re.sub(name, shown, text, flags=re.IGNORECASE)
        return _LONG_ID.sub("ID", _INSTANT.sub("AT", text))


def differences(place: str, one: Any, other: Any) -> Iterator[str]:
    """The places at which two values differ, with what is there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(f"{place}.{key}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(f"{place}[{index}]", *pair)
    elif one != other:
        yield f"{place}: {one!r}, {other!r}"
