"""One command over many orders: previewed by reason, done once each, stopped, reported."""

import asyncio

import pytest
from sqlalchemy import update

from oms_ledger.services.jobs import runner
from oms_ledger.services.operators import bulk
from projections.jobs import jobs
from projections.jobs.tables import jobs as table
from projections.operators import runs
from projections.operators.tables import run_orders
from tests.acceptance.test_order_life import ORDERS, paid

RUNS = "/api/ledger/runs"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(bulk, "PAUSE", 0)


def carried_on(cell, run):
    while asyncio.run(runner.carry_on(cell, run)):
        pass


def test_a_run_does_what_its_preview_said(client, cell):
    orders = [paid(client) for _ in range(4)]
    client.call("POST", f"{ORDERS}/{orders[0]}/start-handling")
    requested = {"command": "start-handling", "orders": [*orders, "nothing"]}
    preview = client.call("POST", f"{RUNS}/preview", requested).json()
    assert (preview["matched"], preview["can"], preview["cannot"]) == (5, 3, 2)
    assert {tuple(reason["orders"]) for reason in preview["reasons"]} == {
        (orders[0],),
        ("nothing",),
    }
    consume = client.call("POST", RUNS, requested)
    assert (consume.status, consume.json()["state"]) == (202, "running")
    run = consume.json()["id"]
    carried_on(cell, run)
    report = client.call("GET", f"{RUNS}/{run}").json()
    assert (report["state"], report["done"], report["refused"]) == ("complete", 3, 2)
    for order in orders[1:]:
        events = client.call("GET", f"/api/ledger/orders/{order}/events").json()["events"]
        started = [one for one in events if one["name"] == "handling-started"]
        assert [one["cause"] for one in started] == [f"run:{run}"]
    assert client.call("GET", RUNS).json()["runs"][0]["id"] == run


def test_who_died_before_it_gave_the_outcome_doubles_nothing(client, cell):
    order = paid(client)
    run = client.call("POST", RUNS, {"command": "start-handling", "orders": [order]}).json()["id"]
    carried_on(cell, run)
    with cell.database.writing() as connection:  # as if the outcome had never been stored
        connection.execute(update(run_orders).values(outcome=None))
        connection.execute(update(table).values(state="running", finished_at=None))
    before = cell.store.head()
    carried_on(cell, run)
    report = client.call("GET", f"{RUNS}/{run}").json()
    assert (report["done"], report["refused"]) == (1, 0)
    assert cell.store.head() == before


def test_a_filter_is_frozen_when_the_run_begins(client, cell):
    order = paid(client)
    requested = {"command": "cancel", "reason": "x", "query": {"f_status": "ready-for-handling"}}
    run = client.call("POST", RUNS, requested).json()
    later = paid(client)
    carried_on(cell, run["id"])
    assert run["total"] == 1
    assert client.call("GET", f"{ORDERS}/{order}").json()["status"] != "ready-for-handling"
    assert client.call("GET", f"{ORDERS}/{later}").json()["status"] == "ready-for-handling"


def test_a_stopped_run_leaves_the_rest_alone(client, cell):
    order = paid(client)
    run = client.call("POST", RUNS, {"command": "start-handling", "orders": [order]}).json()["id"]
    assert client.call("POST", f"{RUNS}/{run}/stop").json()["state"] == "stopped"
    carried_on(cell, run)
    assert client.call("GET", f"{ORDERS}/{order}").json()["status"] == "ready-for-handling"
    with cell.database.snapshot() as connection:
        assert jobs.unfinished(connection, runs.KIND) == []


def test_wrong_runs_are_refused(client, client_of):
    for wrong in (
        {"command": "invoice", "orders": []},
        {"command": "cancel"},
        {"command": "cancel", "orders": [], "query": {}},
    ):
        assert client.call("POST", f"{RUNS}/preview", wrong).status == 400, wrong
    gateway = client_of("IntegrationProfile - Fulfillment Gateway")
    requested = {"command": "start-handling", "orders": []}
    assert gateway.call("POST", f"{RUNS}/preview", requested).status == 403
    assert client.call("GET", f"{RUNS}/nothing").status == 404


def test_a_denial_needs_a_pending_request(client, cell):
    order = paid(client)
    for command in ("start-handling", "cancel"):
        client.call("POST", f"{ORDERS}/{order}/{command}", {})
    requested = {
        "command": "deny-cancellation",
        "reason": "packed",
        "orders": [order, paid(client)],
    }
    preview = client.call("POST", f"{RUNS}/preview", requested).json()
    assert (preview["can"], preview["cannot"]) == (1, 1)
