"""Choosing the gateway of an account from the command line."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from oms_ledger.cli import app
from oms_ledger.orders.payments.gateway import BuiltInGateway
from oms_ledger.services.payments.gateways import gateway_of
from oms_ledger.services.payments.http_gateway import HttpGateway
from projections.accounts import gateways
from tests.support.purchases import ACCOUNT, open_account

URL = "https://pay.example.com"


@pytest.fixture
def run(cell, monkeypatch):
    asyncio.run(open_account(cell.ledger))
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    monkeypatch.setenv("OMS_GATEWAY_TOKEN", "secret-token")

    def command(*words):
        return CliRunner().invoke(app, ["gateway", *words])

    return command


def test_an_account_has_the_built_in_gateway_until_another_is_set(cell, run):
    assert isinstance(gateway_of(cell, ACCOUNT), BuiltInGateway)
    done = run("set", ACCOUNT, URL, "--app-key", "key-1")
    assert done.exit_code == 0, done.output
    remote = gateway_of(cell, ACCOUNT)
    assert isinstance(remote, HttpGateway)
    assert (remote.url, remote.app_key, remote.app_token) == (URL, "key-1", "secret-token")
    shown = run("show", ACCOUNT, "--json")
    fields = json.loads(shown.output)
    assert fields == {"account": ACCOUNT, "gateway": "http", "url": URL, "appKey": "key-1"}
    assert "secret-token" not in run("show", ACCOUNT).output
    assert run("built-in", ACCOUNT).exit_code == 0
    assert isinstance(gateway_of(cell, ACCOUNT), BuiltInGateway)


def test_what_cannot_be_a_gateway_is_refused_with_a_sentence(cell, run):
    for words in (
        ("set", ACCOUNT, "http://10.0.0.1", "--app-key", "k"),
        ("set", ACCOUNT, "ftp://pay.example.com", "--app-key", "k"),
        ("set", "nobody", URL, "--app-key", "k"),
        ("built-in", ACCOUNT),
    ):
        refused = run(*words)
        assert refused.exit_code != 0, words
        assert refused.exception is not None
    with cell.database.snapshot() as connection:
        assert gateways.get(connection, ACCOUNT, cell.encryption) is None
