"""`oms-ledger calls`: what did not come through is listed, made again, or left out."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from oms_ledger.cli import app
from oms_ledger.services import signals
from oms_ledger.services.outbox.outcomes import PermanentFailure
from tests.support.run_until_idle import settle
from tests.support.sales import (
    SHOP,
    STORE,
    open_accounts,
    sell,
)
from workers.outbox import dispatcher


@pytest.fixture
def fields(cell, monkeypatch):
    """Runs a command line; what it printed. Redis is away, which costs a signal only."""
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    monkeypatch.setattr(signals, "signal", lambda *_: 0)

    def run(*words):
        result = CliRunner().invoke(app, ["outbox", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.mark.guarantee("G45")
def test_an_operator_finds_a_dead_call_and_has_it_made_again(cell, fields, monkeypatch):
    good = dispatcher.HANDLERS["place-fulfillment"]

    async def broken(cell, message):
        raise PermanentFailure("the line is dead")

    monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", broken)

    async def sale():
        await open_accounts(cell, STORE, SHOP)
        order_id = await sell(cell)
        await settle(cell)
        return order_id

    order_id = asyncio.run(sale())
    (dead,) = json.loads(fields("list", "--state", "dead", "--json"))
    listed = fields("list", "--order", order_id)
    assert dead["id"] in listed
    assert "the line is dead" in listed
    monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", good)
    assert "pending" in fields("resume", dead["id"], "--account", STORE)
    asyncio.run(settle(cell))
    assert str(asyncio.run(cell.ledger.order(STORE, order_id)).status) == "payment-approved"


@pytest.mark.guarantee("G45")
def test_an_operator_leaves_a_call_out(cell, fields, monkeypatch):
    async def broken(cell, message):
        raise PermanentFailure("the line is dead")

    monkeypatch.setitem(dispatcher.HANDLERS, "place-fulfillment", broken)

    async def sale():
        await open_accounts(cell, STORE, SHOP)
        await sell(cell)
        await settle(cell)

    asyncio.run(sale())
    (dead,) = json.loads(fields("list", "--state", "dead", "--json"))
    skip = ("skip", dead["id"], "--account", STORE, "--reason", "sold by telephone")
    assert "skipped" in fields(*skip)
    assert json.loads(fields("list", "--state", "dead", "--json")) == []
