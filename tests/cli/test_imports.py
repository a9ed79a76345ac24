"""Importing files: what can be imported is, once; what cannot gets with its line."""

import asyncio
import json
from importlib.resources import files
from pathlib import Path

import pytest

from oms_ledger.cli.imports import import_file
from oms_ledger.cli.maintenance import rebuild_view, stale_views
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.handling.decide import close_cancellation_window
from projections.orders import query, views
from projections.orders.query import OrderQuery
from projections.orders.views import OrderViews
from projections.subscriptions import checkpoints
from projections.timers import deadlines
from projections.timers.deadlines import Timers
from tests.support.order_documents import document
from tests.support.purchases import ACCOUNT, open_account

PUBLISHED = Path(__file__).parents[1] / "published" / "order.json"


def lines_of_samples():
    return files("oms_ledger.samples").joinpath("orders.jsonl").read_text("utf-8").splitlines()


def run(cell, file):
    return asyncio.run(import_file(cell, ACCOUNT, file))


def listed(cell):
    checkpoints.run(cell.database, cell.loader(), views.SUBSCRIPTION, OrderViews())
    with cell.database.snapshot() as connection:
        page = query.page(connection, OrderQuery(ACCOUNT, per_page=100))
    return page


def test_a_file_is_imported_once_and_bad_lines_do_not_stop_the_rest(cell, tmp_path):
    asyncio.run(open_account(cell.ledger))
    file = tmp_path / "orders.jsonl"
    good = lines_of_samples()
    bad = json.loads(good[0]) | {"items": []}
    file.write_text("\n".join([*good[:5], "not json", json.dumps(bad), "", "[]", *good[5:]]))
    report = run(cell, file)
    assert (report["imported"], report["known"]) == (24, 0)
    assert [refused["line"] for refused in report["refused"]] == [6, 7, 9]
    head = cell.store.head()
    again = run(cell, file)
    assert (again["imported"], again["known"], cell.store.head()) == (0, 24, head)
    assert listed(cell).totals.count == 24


def test_a_published_order_document_is_imported_as_it_says(cell, tmp_path):
    asyncio.run(open_account(cell.ledger))
    document = json.loads(PUBLISHED.read_text("utf-8"))["example"]
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(document))
    assert run(cell, file)["imported"] == 1
    assert run(cell, file)["known"] == 1
    (row,) = (json.loads(row) for row in listed(cell).rows)
    assert (row["orderId"], row["status"]) == (document["orderId"], document["status"])


@pytest.mark.guarantee("G31")
def test_a_rebuilt_view_agrees_with_the_ledger(cell, tmp_path):
    asyncio.run(open_account(cell.ledger))
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join(lines_of_samples()))
    run(cell, file)
    assert rebuild_view(cell, views.SUBSCRIPTION) == cell.store.head()
    assert stale_views(cell) == []


def due(cell):
    checkpoints.run(cell.database, cell.loader(), deadlines.SUBSCRIPTION, Timers())
    with cell.database.snapshot() as connection:
        return deadlines.due(connection, 2**62)


def test_time_moves_an_imported_order_only_on_request(cell, tmp_path):
    asyncio.run(open_account(cell.ledger))
    fields = document("coupon-free-shipping-custom-data-2024")
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(fields))
    assert run(cell, file)["imported"] == 1
    order = asyncio.run(cell.ledger.order(ACCOUNT, fields["orderId"]))
    assert (order.status, due(cell)) == ("window-to-cancel", [])
    asyncio.run(
        cell.ledger.change(
            CommandContext(ACCOUNT, "test"), order.order_id, close_cancellation_window
        )
    )
    assert asyncio.run(cell.ledger.order(ACCOUNT, order.order_id)) == order
    for _ in range(2):
        report = asyncio.run(import_file(cell, ACCOUNT, file, resume=True))
        assert (report["imported"], report["known"]) == (0, 1)
    order = asyncio.run(cell.ledger.order(ACCOUNT, fields["orderId"]))
    assert order.status == "ready-for-handling"


def test_an_import_with_resume_goes_on_from_where_it_stood(cell, tmp_path):
    asyncio.run(open_account(cell.ledger))
    fields = document("coupon-free-shipping-custom-data-2024")
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(fields))
    assert asyncio.run(import_file(cell, ACCOUNT, file, resume=True))["imported"] == 1
    assert due(cell) == [(ACCOUNT, fields["orderId"], "cancellation-window")]
