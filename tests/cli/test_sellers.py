"""Telling from the command line where sellers outside the deployment are reached."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from oms_ledger.cli import app
from projections.accounts import sellers
from tests.support.purchases import ACCOUNT, open_account

URL = "https://seller.example.com"


@pytest.fixture
def run(cell, monkeypatch):
    asyncio.run(open_account(cell.ledger))
    monkeypatch.setattr("oms_ledger.cli.sellers.open_cell", lambda: cell)
    monkeypatch.setenv("OMS_SELLER_TOKEN", "secret-token")
    return lambda *words: CliRunner().invoke(app, ["seller", *words])


def test_a_seller_is_set_listed_without_its_token_and_removed(cell, run):
    done = run("set", ACCOUNT, "elsewhere", URL, "--app-key", "key-1")
    assert done.exit_code == 0, done.output
    with cell.database.reading() as connection:
        known = sellers.seller(connection, ACCOUNT, "elsewhere", cell.encryption)
    assert (known.endpoint, known.app_key, known.app_token) == (URL, "key-1", "secret-token")
    listed = run("list", ACCOUNT, "--json")
    assert json.loads(listed.output) == [{"seller": "elsewhere", "url": URL}]
    assert "secret-token" not in repr(known) + run("list", ACCOUNT).output
    assert run("remove", ACCOUNT, "elsewhere").exit_code == 0
    assert json.loads(run("list", ACCOUNT, "--json").output) == []


@pytest.mark.parametrize(
    "words",
    [
        ("set", ACCOUNT, "elsewhere", "http://10.0.0.1", "--app-key", "k"),
        ("set", ACCOUNT, "elsewhere", "ftp://seller.example.com", "--app-key", "k"),
        ("set", "nobody", "elsewhere", URL, "--app-key", "k"),
        ("remove", ACCOUNT, "elsewhere"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(run, words):
    refused = run(*words)
    assert refused.exit_code != 0
    assert str(refused.exception)
