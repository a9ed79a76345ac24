"""Exports over HTTP and by the command: the Order report, JSON lines, in the background."""

import asyncio
import csv
import io
import json
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from sqlalchemy import select

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.cli import exports as cli_exports
from oms_ledger.cli.imports import import_file
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders import events
from oms_ledger.orders.documents.report import COLUMNS
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.services.jobs import runner
from projections.exports import rows as exports_rows
from projections.exports.exports import KEPT
from projections.exports.rows import ExportFormat
from projections.exports.spreadsheets import csv_file, xlsx_file
from projections.jobs import jobs
from projections.orders.query import OrderQuery
from projections.subscriptions import leases
from projections.tables import export_chunks
from tests.support.purchases import (
    ACCOUNT,
    PAID,
    open_account,
    placed,
)
from tests.workers.test_jobs import LONG, forget_holder

CSV = "/api/ledger/orders.csv"
EXPORTS = "/api/ledger/exports"


def carried_on(cell, export):
    while asyncio.run(runner.carry_on(cell, export)):
        pass


def two_lines(number, name="Mug"):
    items = (
        events.Item("U1", "7", "1", 2, 1050, details={"name": name}),
        events.Item("U2", "8", "1", 1, 900, price_tags=(events.PriceTag("promo", -80),)),
    )
    totals = (events.Total("Items", 3000), events.Total("Discounts", -80))
    payment = events.Payment("PAY", "2", "Visa", "creditCard", 2920, 2920)
    return replace(placed(number), items=items, totals=totals, payments=(payment,))


@pytest.fixture
def orders(cell, client):
    async def story():
        for number, name in ((1, "=1+1"), (2, 'Cup; "blue", línea\nnova'), (3, "Mug")):
            order_id = f"v{number}acme-01"
            await cell.ledger.place(
                CommandContext(ACCOUNT, "test"), {order_id: two_lines(number, name)}
            )
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, PAID)
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v3acme-01", start_handling)

    asyncio.run(story())
    return client


def rows_of(body):
    assert body.startswith(b"\xef\xbb\xbf")
    text = body.decode("utf-8-sig")
    assert "\r\n" in text
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.guarantee("G33")
def test_the_report_has_the_published_columns_and_a_row_for_each_sku(orders):
    answer = orders.call("GET", CSV)
    assert answer.status == 200
    assert answer.header("content-type") == "text/csv; charset=utf-8"
    rows = rows_of(answer.body)
    assert tuple(rows[0]) == COLUMNS
    assert len(COLUMNS) == len(set(COLUMNS)) == 93
    assert [(row["Order"], row["ID_SKU"]) for row in rows] == [
        (f"v{number}acme-01", sku) for number in (1, 2, 3) for sku in ("7", "8")
    ]
    first = rows[0]
    assert (first["Total Value"], first["SKU Value"]) == ("29.20", "10.50")
    assert (first["Discounts Totals"], first["Quantity_SKU"]) == ("-0.80", "2")
    assert (first["Client Name"], first["Client Last Name"]) == ("Ana", "Souza")
    assert first["Status raw value (temporary)"] == "ready-for-handling"
    assert rows[1]["SKU Total Price"] == "8.20"
    assert first["SKU Name"] == "'=1+1"  # no spreadsheet calculates it
    assert rows[2]["SKU Name"] == 'Cup; "blue", línea\nnova'
    assert "handling" in rows[4]["Status TimeLine"].split(", ")[-1]


@pytest.mark.guarantee("G33")
def test_statuses_are_in_the_requested_language_and_instants_in_the_zone(cell, orders):
    exported = orders.call("GET", f"{CSV}?f_status=handling&utc=-0300&language=pt-BR")
    (row, _) = rows_of(exported.body)
    assert row["Status"] == "Preparando entrega"
    assert row["Creation Date"].endswith("-03:00")
    zoned = orders.call("GET", f"{CSV}?f_status=handling&zone=Asia/Kolkata")
    assert rows_of(zoned.body)[0]["Creation Date"].endswith("+05:30")

    def settled(_):
        return [AccountSettingsChanged({"language": "pt-BR", "time_zone": "America/Bogota"})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), settled))
    row = rows_of(orders.call("GET", f"{CSV}?f_status=handling").body)[0]
    assert (row["Status"], row["Creation Date"][-6:]) == ("Preparando entrega", "-05:00")


def cells_of(book):
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        assert opened.testzip() is None
        for name in opened.namelist():
            ElementTree.fromstring(opened.read(name))
        sheet = ElementTree.fromstring(opened.read("xl/worksheets/sheet1.xml"))
    return [
        ["".join(cell.itertext()) for cell in row.iter(f"{space}c")]
        for row in sheet.iter(f"{space}row")
    ]


def test_a_workbook_says_the_same_as_the_table(orders):
    exported = cells_of(orders.call("GET", "/api/ledger/orders.xlsx").body)
    assert tuple(exported[0]) == COLUMNS
    table = rows_of(orders.call("GET", CSV).body)
    assert len(exported) == 1 + len(table)
    for row, cells in zip(table, exported[1:], strict=True):
        assert [cell.removeprefix("'") for cell in row.values()] == cells


def test_lines_of_json_are_documents_that_can_be_imported_again(cell, orders, tmp_path):
    lines = orders.call("GET", "/api/ledger/orders.jsonl").body.splitlines()
    documents = [json.loads(line) for line in lines]
    for document in documents:
        got = orders.call("GET", f"/api/oms/pvt/orders/{document['orderId']}").json()
        assert document == got
    asyncio.run(open_account(cell.ledger, name="other"))
    file = tmp_path / "orders.jsonl"
    file.write_bytes(b"\n".join(lines))
    report = asyncio.run(import_file(cell, "other", file))
    assert (report["imported"], report["refused"]) == (3, [])


@pytest.mark.guarantee("G33")
def test_an_export_in_the_background_tells_its_progress_and_is_fetched(cell, orders, monkeypatch):
    monkeypatch.setattr(exports_rows, "PAGE", 2)
    direct = orders.call("GET", f"{CSV}?f_status=ready-for-handling,handling").body
    requested = {"f_status": ["ready-for-handling", "handling"], "format": "csv"}
    consume = orders.call("POST", EXPORTS, requested)
    assert consume.status == 202
    exported = consume.json()
    url = f"{EXPORTS}/{exported['id']}"
    assert (exported["state"], exported["progress"]) == ("running", {"orders": 0, "total": 3})
    assert orders.call("GET", f"{url}/download").status == 409

    assert asyncio.run(runner.carry_on(cell, exported["id"], seconds=0)), "one piece is made"
    assert orders.call("GET", url).json()["progress"] == {"orders": 2, "total": 3}
    late = asyncio.run(
        cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v9acme-01": two_lines(9)})
    )
    assert late
    assert not asyncio.run(runner.carry_on(cell, exported["id"], seconds=LONG))
    done = orders.call("GET", url).json()
    assert (done["state"], done["progress"]) == ("complete", {"orders": 3, "total": 3})
    assert done["failedOrders"] == []
    assert orders.call("GET", f"{url}/download").body == direct
    assert [one["id"] for one in orders.call("GET", EXPORTS).json()] == [exported["id"]]
    with cell.database.writing() as connection:
        assert runner.expire(connection, cell.clock.micros() + KEPT - 60_000_000) == 0
        assert runner.expire(connection, cell.clock.micros() + KEPT + 1) == 1
        assert connection.execute(select(export_chunks)).all() == []
    assert orders.call("GET", url).status == 404


@pytest.mark.guarantee("G33")
def test_two_workers_on_one_export_leave_nothing_out_and_nothing_twice(cell, orders, monkeypatch):
    monkeypatch.setattr(exports_rows, "PAGE", 1)
    exported = orders.call("POST", EXPORTS, {"format": "jsonl"}).json()
    with cell.database.writing() as connection:
        job, stale = jobs.begin(connection, exported["id"], 1, most=None, bounded=())
    assert not asyncio.run(runner.carry_on(cell, exported["id"])), "somebody has it"
    late = asyncio.run(runner._step(cell, job))
    forget_holder(cell, exported["id"])
    assert asyncio.run(runner.carry_on(cell, exported["id"], seconds=0)), "somebody else is faster"
    with cell.database.writing() as connection, pytest.raises(leases.Fenced):
        runner._store(connection, cell, job, stale, late)
    carried_on(cell, exported["id"])
    lines = orders.call("GET", f"{EXPORTS}/{exported['id']}/download").body.splitlines()
    assert [json.loads(line)["orderId"] for line in lines] == [f"v{n}acme-01" for n in (1, 2, 3)]


@pytest.mark.guarantee("G33")
def test_an_order_that_cannot_be_rendered_is_named_and_stops_nothing(cell, orders, monkeypatch):
    exported = orders.call("POST", EXPORTS, {"format": "csv"}).json()
    rows = ExportFormat.rows

    def odd(self, order):
        if order.place[1] == "v2acme-01":
            raise KeyError("items")
        return rows(self, order)

    monkeypatch.setattr(ExportFormat, "rows", odd)
    carried_on(cell, exported["id"])
    done = orders.call("GET", f"{EXPORTS}/{exported['id']}").json()
    assert (done["state"], done["failedOrders"]) == ("complete", ["v2acme-01"])
    assert done["progress"] == {"orders": 2, "total": 3}


@pytest.mark.guarantee("G51")
def test_an_export_is_seen_by_its_account_alone(cell, orders, client_of):
    exported = orders.call("POST", EXPORTS, {}).json()
    asyncio.run(open_account(cell.ledger, name="other"))
    other_account = client_of("Owner", "other")
    assert other_account.call("GET", f"{EXPORTS}/{exported['id']}").status == 404
    assert other_account.call("GET", f"{EXPORTS}/{exported['id']}/download").status == 404
    assert other_account.call("DELETE", f"{EXPORTS}/{exported['id']}").status == 404
    assert other_account.call("GET", EXPORTS).json() == []
    assert rows_of(other_account.call("GET", CSV).body) == []
    assert orders.call("DELETE", f"{EXPORTS}/{exported['id']}").status == 204
    assert orders.call("POST", EXPORTS, {"format": "pdf"}).status == 400


@pytest.mark.guarantee("G56")
def test_an_export_of_an_erased_person_is_gone(cell, orders):
    exported = orders.call("POST", EXPORTS, {"format": "jsonl"}).json()
    carried_on(cell, exported["id"])
    url = f"{EXPORTS}/{exported['id']}/download"
    assert b"ana@example.com" in orders.call("GET", url).body
    requested = {"email": "ana@example.com", "dryRun": False, "includeOpen": True}
    assert orders.call("POST", "/api/ledger/erasures", requested).json()["erased"] == 3
    assert orders.call("GET", url).status == 404
    assert b"ana@example.com" not in orders.call("GET", CSV).body


def test_an_account_that_masks_exports_masked(cell, orders):
    def masking(_):
        return [AccountSettingsChanged({"pii": True})]

    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), masking))
    row = rows_of(orders.call("GET", CSV).body)[0]
    assert (row["Client Name"], row["Email"]) == ("A**", "a**@e******.c**")
    assert b"ana@example.com" not in orders.call("GET", "/api/ledger/orders.jsonl").body


@pytest.mark.guarantee("G33")
def test_the_command_writes_a_whole_file_or_none(cell, orders, tmp_path, monkeypatch):
    orders.call("GET", "/api/oms/pvt/orders")  # the views are there
    export_format = ExportFormat("UTC", "en-US", masked=False)
    for format in ("csv", "jsonl", "xlsx"):
        file = tmp_path / f"orders.{format}"
        assert cli_exports.write(cell, OrderQuery(ACCOUNT), export_format, format, file) == 3
        assert file.read_bytes()
    broken = tmp_path / "broken.csv"

    def failing(*_):
        raise OSError("no space left")

    monkeypatch.setattr(cli_exports, "csv_file", failing)
    with pytest.raises(OSError, match="no space"):
        cli_exports.write(cell, OrderQuery(ACCOUNT), export_format, "csv", broken)
    assert not broken.exists()


@pytest.mark.guarantee("G33")
def test_a_table_is_written_piece_by_piece_and_a_full_sheet_is_followed_by_another(monkeypatch):
    monkeypatch.setattr("projections.exports.spreadsheets.MOST_ROWS", 4)
    page = [["x"] * len(COLUMNS)]
    requested = []

    def pages():
        for number in range(7):
            requested.append(number)
            yield page

    content = csv_file(pages())
    next(content)
    next(content)
    assert requested == [0]
    book = b"".join(xlsx_file(iter([page] * 7)))
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        sheets = [name for name in opened.namelist() if "worksheets/" in name]
    assert len(sheets) == 3
