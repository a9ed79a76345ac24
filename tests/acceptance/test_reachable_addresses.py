"""Which addresses an account can have called, of every kind and with every setting (G52)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

import pytest
import requests

from oms_ledger.cell import Cell
from oms_ledger.http_client.addresses import REFUSED
from oms_ledger.http_client.sessions import ForbiddenAddress, session
from oms_ledger.orders.payments.gateway import GatewayRejected, GatewayUnavailable, Transaction
from oms_ledger.services.notifications.outbox import Endpoints
from oms_ledger.services.payments.gateways import gateway_of
from oms_ledger.settings import DEMO_ACCOUNT, AllowedNetwork
from oms_ledger.web import build
from projections.accounts.gateways import RemoteGateway
from tests.support.client import Client
from tests.support.clock import SettableClock
from tests.support.configuring import configure_gateway, create_key
from tests.support.listening import listening
from tests.support.purchases import open_account

OTHER = "other"
LOOPBACK = ip_network("127.0.0.1/32")
BODY = {"filter": {"type": "FromWorkflow", "status": []}}
TRANSACTION = Transaction("T", "v1acme", "ACME", "BRL", ())


def _hook_is_configured(cell: Cell, account: str, url: str) -> None:
    key, token = create_key(cell, account, "Owner")
    client = Client(build(cell), {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token})
    body = {**BODY, "hook": {"url": url, "headers": {}}}
    answer = client.call("POST", "/api/orders/hook/config", body)
    # One sentence, whatever was found there: closed, open, or something that speaks.
    assert (answer.status, answer.json()["error"]["message"]) == (400, REFUSED)


def _hook_is_called(cell: Cell, account: str, url: str) -> None:
    async def fields() -> None:
        endpoints = Endpoints(cell)
        try:
            await endpoints._sender(account).post(url, "{}", {})
        finally:
            await endpoints.close()

    asyncio.run(fields())


def _gateway_is_called(cell: Cell, account: str, url: str) -> None:
    configure_gateway(cell, RemoteGateway(account, url, "k", "t"))
    with pytest.raises((GatewayUnavailable, GatewayRejected)):
        gateway_of(cell, account).open(TRANSACTION)


def _seller_is_called(cell: Cell, account: str, url: str) -> None:
    with pytest.raises((requests.RequestException, ForbiddenAddress)):
        session(cell.settings.networks_of(account)).patch(url, timeout=(5, 5))


MESSAGES: dict[str, Callable[[Cell, str, str], None]] = {
    "hook is configured": _hook_is_configured,
    "hook is called": _hook_is_called,
    "gateway is called": _gateway_is_called,
    "seller is called": _seller_is_called,
}


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize("call", MESSAGES)
def test_only_what_was_opened_for_an_account_is_called(cell, tmp_path, call):
    for account in (DEMO_ACCOUNT, OTHER):
        asyncio.run(open_account(cell.ledger, name=account))
    with listening() as (receiver, at_receiver), listening() as (inside, at_inside):
        plain = replace(cell.settings, port=receiver - 1, data_dir=tmp_path)
        one_port = replace(plain, hook_allowed_networks=(AllowedNetwork(LOOPBACK, inside),))
        # Settings, account, port: whether something may be seen there.
        table = {
            (plain, DEMO_ACCOUNT, receiver): False,
            (plain, OTHER, inside): False,
            (replace(plain, demo=True), DEMO_ACCOUNT, receiver): True,
            (replace(plain, demo=True), DEMO_ACCOUNT, inside): False,
            (replace(plain, demo=True), OTHER, receiver): False,
            (replace(plain, demo=True), OTHER, inside): False,
            (one_port, OTHER, inside): True,
            (one_port, OTHER, receiver): False,
            (one_port, DEMO_ACCOUNT, receiver): False,
        }
        for (settings, account, port), expected in table.items():
            opened, outcome = (
                Cell(settings, SettableClock()),
                {receiver: at_receiver, inside: at_inside}[port],
            )
            at_receiver.clear()
            at_inside.clear()
            for host in ("127.0.0.1", "localhost", "[::1]", "127.1", "0.0.0.0"):
                if expected and host != "127.0.0.1":
                    continue
                for scheme in ("http", "https"):
                    MESSAGES[call](opened, account, f"{scheme}://{host}:{port}/admin/shutdown")
            opened.close()
            assert bool(outcome) is expected, (settings.demo, account, port)
            assert len(at_receiver) + len(at_inside) == len(outcome)
