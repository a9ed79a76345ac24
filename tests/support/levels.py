"""Three accounts that sell for each other, and a seller outside of two of them."""

import asyncio
from typing import Any
from urllib.parse import quote

from oms_ledger.cell import Cell
from oms_ledger.web import build
from tests.support.client import Answer, Client
from tests.support.configuring import create_key
from tests.support.outside_sales import ORDERS, register_seller
from tests.support.outsider import Outsider
from tests.support.run_until_idle import settle
from tests.support.sales import MIDDLE, SHOP, STORE, open_accounts

OUTSIDE = "elsewhere"


class World:
    """Accounts with a client each, and the seller outside with a key of each that it sells for."""

    def __init__(self, cell: Cell, outsider: Outsider) -> None:
        self.cell, self.outsider = cell, outsider
        app = build(cell)
        asyncio.run(open_accounts(cell, STORE, MIDDLE, SHOP, window_to_change_seller_days=0))
        self.clients = {account: self._client(app, account) for account in (STORE, MIDDLE, SHOP)}
        for account in (STORE, MIDDLE):
            register_seller(cell, f"{outsider.url}/{account}", OUTSIDE, account)
        self.as_seller = {
            account: self._client(app, account, f"seller:{OUTSIDE}") for account in (STORE, MIDDLE)
        }

    def _client(self, app: Any, account: str, party: str | None = None) -> Client:
        key, token = create_key(self.cell, account, "Owner", party=party)
        headers = {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}
        return Client(app, headers, conforming=False)  # parts of a unit are no integer

    def order(self, account: str, order_id: str) -> dict[str, Any]:
        """The document of an order that is there."""
        answer = self.clients[account].call("GET", f"{ORDERS}/{quote(order_id, safe='')}")
        assert answer.status == 200, (account, order_id, answer.body)
        return dict(answer.json())

    def act(self, account: str, order_id: str, action: str, body: Any = None) -> Answer:
        """What an account does to an order of its own; then everything that follows happens."""
        path = f"{ORDERS}/{quote(order_id, safe='')}/{action}"
        answer = self.clients[account].call("POST", path, body or {})
        self.rest()
        return answer

    def rest(self) -> None:
        """Let everything happen that is due."""
        asyncio.run(settle(self.cell))
