"""The registers of partners from the command line."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from oms_ledger.cli import app
from projections.accounts import app_keys, sellers
from tests.support.purchases import ACCOUNT, open_account

URL = "https://seller.example.com"


@pytest.fixture
def run(cell, monkeypatch):
    asyncio.run(open_account(cell.ledger))
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    monkeypatch.setenv("OMS_SELLER_TOKEN", "secret-token")
    return lambda *words: CliRunner().invoke(app, words)


def test_a_seller_is_set_listed_without_its_secrets_and_removed(cell, run):
    done = run("seller", "set", ACCOUNT, "elsewhere", f"{URL}?token=T", "--app-key", "key-1")
    assert done.exit_code == 0, done.output
    with cell.database.snapshot() as connection:
        known = sellers.seller(connection, ACCOUNT, "elsewhere", cell.encryption)
    found = (known.endpoint, known.app_key, known.app_token)
    assert found == (f"{URL}?token=T", "key-1", "secret-token")
    listed = json.loads(run("seller", "list", ACCOUNT, "--json").output)
    shown = {"seller": "elsewhere", "name": "elsewhere", "active": True}
    assert listed[1] == {**shown, "endpoint": f"{URL}?token=***"}
    assert "secret-token" not in repr(known) + run("seller", "list", ACCOUNT).output
    for words, active in (("deactivate", False), ("activate", True)):
        assert run("seller", words, ACCOUNT, "elsewhere").exit_code == 0
        listed = json.loads(run("seller", "list", ACCOUNT, "--json").output)
        assert listed[1]["active"] is active
    assert run("seller", "map", ACCOUNT, "elsewhere", "1=GCB").exit_code == 0
    assert run("seller", "remove", ACCOUNT, "elsewhere").exit_code == 0
    assert len(json.loads(run("seller", "list", ACCOUNT, "--json").output)) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("set", ACCOUNT, "elsewhere", "http://user@10.0.0.1", "--app-key", "k"),
        ("set", ACCOUNT, "elsewhere", "ftp://seller.example.com", "--app-key", "k"),
        ("set", "nobody", "elsewhere", URL, "--app-key", "k"),
        ("remove", ACCOUNT, "elsewhere"),
        ("activate", ACCOUNT, "elsewhere"),
        ("map", ACCOUNT, "elsewhere", "one"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(run, words):
    refused = run("seller", *words)
    assert refused.exit_code != 0
    assert str(refused.exception)


def test_an_affiliate_is_set_listed_and_removed(run):
    endpoint = "https://connector.example.com"
    set_ = run("affiliate", "set", ACCOUNT, "MKP", "--name", "M", "--connector-endpoint", endpoint)
    assert set_.exit_code == 0, set_.output
    (listed,) = json.loads(run("affiliate", "list", ACCOUNT, "--json").output)
    assert (listed["affiliate"], listed["endpoint"]) == ("MKP", endpoint)
    assert run("affiliate", "remove", ACCOUNT, "MKP").exit_code == 0
    assert run("affiliate", "remove", ACCOUNT, "MKP").exit_code != 0
    assert run("affiliate", "set", ACCOUNT, "MAP", "--name", "M").exit_code != 0


def test_a_key_is_bound_to_a_party(run):
    words = ("key", "create", "--account", ACCOUNT, "--role", "Owner")
    assert run(*words, "--party", "seller:elsewhere").exit_code == 0
    assert run(*words, "--party", "elsewhere").exit_code != 0
    (key,) = json.loads(run("key", "list", "--account", ACCOUNT, "--json").output)
    assert key["party"] == "seller:elsewhere"


def test_a_key_has_single_resources_besides_a_role_or_instead_of_one(cell, run):
    words = ("key", "create", "--account", ACCOUNT, "--json")
    single = ("--resource", "Read only documents", "--resource", "View index details")
    assert run(*words).exit_code != 0
    assert run(*words, "--resource", "Everything").exit_code != 0
    assert run(*words, *single).exit_code == 0
    assert run(*words, "--role", "OMS - Read only", *single[:2]).exit_code == 0
    alone, besides = json.loads(run("key", "list", "--account", ACCOUNT, "--json").output)
    assert (alone["role"], alone["resources"]) == ("", "Read only documents, View index details")
    assert (besides["role"], besides["resources"]) == ("OMS - Read only", "Read only documents")
    with cell.database.snapshot() as connection:
        granted = app_keys.get(connection, besides["appKey"]).granted
    assert {"View order", "Read only documents"} < granted
