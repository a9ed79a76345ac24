"""Exports over HTTP and by the command: the Order report, JSON lines, in the background."""

import asyncio
import csv
import io
import json
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.cli import exports as command
from oms_ledger.cli.imports import import_file
from oms_ledger.orders import events as e
from oms_ledger.orders.documents.report import COLUMNS
from oms_ledger.orders.handling.decide import start_handling
from projections.exports import jobs as exports
from projections.exports import rows as order_export
from projections.exports.jobs import KEPT
from projections.exports.rows import Manner
from projections.exports.spreadsheets import csv_file, xlsx_file
from projections.orders.query import Question
from projections.subscriptions.checkpoints import now_micros
from tests.support.purchases import (
    ACCOUNT,
    PAID,
    open_account,
    placed,
)
from workers.exports import runner as exporting

CSV = "/api/ledger/orders.csv"
EXPORTS = "/api/ledger/exports"


def two_lines(number, name="Mug"):
    items = (
        e.Item("U1", "7", "1", 2, 1050, details={"name": name}),
        e.Item("U2", "8", "1", 1, 900, price_tags=(e.PriceTag("promo", -80),)),
    )
    totals = (e.Total("Items", 3000), e.Total("Discounts", -80))
    payment = e.Payment("PAY", "2", "Visa", "creditCard", 2920, 2920)
    return replace(placed(number), items=items, totals=totals, payments=(payment,))


@pytest.fixture
def orders(cell, client):
    async def story():
        for number, name in ((1, "=1+1"), (2, 'Cup; "blue", línea\nnova'), (3, "Mug")):
            order_id = f"v{number}acme-01"
            await cell.ledger.place(ACCOUNT, {order_id: two_lines(number, name)}, by="test")
            await cell.ledger.change(ACCOUNT, order_id, PAID, by="test")
        await cell.ledger.change(ACCOUNT, "v3acme-01", start_handling, by="test")

    asyncio.run(story())
    return client


def rows_of(body):
    assert body.startswith(b"\xef\xbb\xbf")
    text = body.decode("utf-8-sig")
    assert "\r\n" in text
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_G33_the_report_has_the_published_columns_and_a_row_for_each_sku(orders):
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


def test_G33_statuses_are_in_the_language_and_instants_in_the_zone_asked_for(cell, orders):
    told = orders.call("GET", f"{CSV}?f_status=handling&utc=-0300&language=pt-BR")
    (row, _) = rows_of(told.body)
    assert row["Status"] == "Preparando entrega"
    assert row["Creation Date"].endswith("-03:00")
    zoned = orders.call("GET", f"{CSV}?f_status=handling&zone=Asia/Kolkata")
    assert rows_of(zoned.body)[0]["Creation Date"].endswith("+05:30")

    def settled(_):
        return [AccountSettingsChanged({"language": "pt-BR", "time_zone": "America/Bogota"})]

    asyncio.run(cell.ledger.change_account(ACCOUNT, settled, by="test"))
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
    told = cells_of(orders.call("GET", "/api/ledger/orders.xlsx").body)
    assert tuple(told[0]) == COLUMNS
    table = rows_of(orders.call("GET", CSV).body)
    assert len(told) == 1 + len(table)
    for row, cells in zip(table, told[1:], strict=True):
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


def test_G33_an_export_in_the_background_tells_its_progress_and_is_fetched(
    cell, orders, monkeypatch
):
    monkeypatch.setattr(order_export, "PAGE", 2)
    direct = orders.call("GET", f"{CSV}?f_status=ready-for-handling,handling").body
    asked = {"f_status": ["ready-for-handling", "handling"], "format": "csv"}
    begun = orders.call("POST", EXPORTS, asked)
    assert begun.status == 202
    told = begun.json()
    url = f"{EXPORTS}/{told['id']}"
    assert (told["state"], told["progress"]) == ("running", {"orders": 0, "total": 3})
    assert orders.call("GET", f"{url}/download").status == 409

    def step():
        with cell.database.reading() as connection:
            return exports.carry_on(cell.database, exports.get(connection, ACCOUNT, told["id"]))

    assert step()
    assert orders.call("GET", url).json()["progress"] == {"orders": 2, "total": 3}
    late = asyncio.run(cell.ledger.place(ACCOUNT, {"v9acme-01": two_lines(9)}, by="test"))
    assert late
    assert not exporting.carry_on(cell.database, told["id"])
    done = orders.call("GET", url).json()
    assert (done["state"], done["progress"]) == ("complete", {"orders": 3, "total": 3})
    assert done["missing"] == []
    assert orders.call("GET", f"{url}/download").body == direct
    assert [one["id"] for one in orders.call("GET", EXPORTS).json()] == [told["id"]]
    with cell.database.writing() as connection:
        assert exports.expire(connection, now_micros() + KEPT - 60_000_000) == 0
        assert exports.expire(connection, now_micros() + KEPT + 1) == 1
    assert orders.call("GET", url).status == 404


def test_G33_two_workers_on_one_export_leave_nothing_out_and_nothing_twice(
    cell, orders, monkeypatch
):
    monkeypatch.setattr(order_export, "PAGE", 1)
    told = orders.call("POST", EXPORTS, {"format": "jsonl"}).json()
    with cell.database.reading() as connection:
        stale = exports.get(connection, ACCOUNT, told["id"])
    for _ in range(2):
        exports.carry_on(cell.database, stale)  # the second finds that it was faster itself
    while exporting.carry_on(cell.database, told["id"]):
        pass
    lines = orders.call("GET", f"{EXPORTS}/{told['id']}/download").body.splitlines()
    assert [json.loads(line)["orderId"] for line in lines] == [f"v{n}acme-01" for n in (1, 2, 3)]


def test_G33_an_order_that_cannot_be_told_is_named_and_stops_nothing(cell, orders, monkeypatch):
    told = orders.call("POST", EXPORTS, {"format": "csv"}).json()
    rows = Manner.rows

    def odd(self, order):
        if order.place[1] == "v2acme-01":
            raise KeyError("items")
        return rows(self, order)

    monkeypatch.setattr(Manner, "rows", odd)
    exporting.carry_on(cell.database, told["id"])
    done = orders.call("GET", f"{EXPORTS}/{told['id']}").json()
    assert (done["state"], done["missing"]) == ("complete", ["v2acme-01"])
    assert done["progress"] == {"orders": 2, "total": 3}


def test_G51_an_export_is_seen_by_its_account_alone(cell, orders, client_of):
    told = orders.call("POST", EXPORTS, {}).json()
    asyncio.run(open_account(cell.ledger, name="other"))
    stranger = client_of("Owner", "other")
    assert stranger.call("GET", f"{EXPORTS}/{told['id']}").status == 404
    assert stranger.call("GET", f"{EXPORTS}/{told['id']}/download").status == 404
    assert stranger.call("DELETE", f"{EXPORTS}/{told['id']}").status == 404
    assert stranger.call("GET", EXPORTS).json() == []
    assert rows_of(stranger.call("GET", CSV).body) == []
    assert orders.call("DELETE", f"{EXPORTS}/{told['id']}").status == 204
    assert orders.call("POST", EXPORTS, {"format": "pdf"}).status == 400


def test_G56_an_export_of_an_erased_person_is_gone(cell, orders):
    told = orders.call("POST", EXPORTS, {"format": "jsonl"}).json()
    while exporting.carry_on(cell.database, told["id"]):
        pass
    url = f"{EXPORTS}/{told['id']}/download"
    assert b"ana@example.com" in orders.call("GET", url).body
    asked = {"email": "ana@example.com", "dryRun": False, "includeOpen": True}
    assert orders.call("POST", "/api/ledger/erasures", asked).json()["erased"] == 3
    assert orders.call("GET", url).status == 404
    assert b"ana@example.com" not in orders.call("GET", CSV).body


def test_an_account_that_masks_exports_masked(cell, orders):
    def masking(_):
        return [AccountSettingsChanged({"pii": True})]

    asyncio.run(cell.ledger.change_account(ACCOUNT, masking, by="test"))
    row = rows_of(orders.call("GET", CSV).body)[0]
    assert (row["Client Name"], row["Email"]) == ("A**", "a**@e******.c**")
    assert b"ana@example.com" not in orders.call("GET", "/api/ledger/orders.jsonl").body


def test_G33_the_command_writes_a_whole_file_or_none(cell, orders, tmp_path, monkeypatch):
    orders.call("GET", "/api/oms/pvt/orders")  # the views are there
    manner = Manner("UTC", "en-US", masked=False)
    for format in ("csv", "jsonl", "xlsx"):
        file = tmp_path / f"orders.{format}"
        assert command.write(cell, Question(ACCOUNT), manner, format, file) == 3
        assert file.read_bytes()
    broken = tmp_path / "broken.csv"

    def failing(*_):
        raise OSError("no space left")

    monkeypatch.setattr(command, "csv_file", failing)
    with pytest.raises(OSError, match="no space"):
        command.write(cell, Question(ACCOUNT), manner, "csv", broken)
    assert not broken.exists()


def test_G33_a_table_is_written_piece_by_piece_and_a_full_sheet_is_followed_by_another(monkeypatch):
    monkeypatch.setattr("projections.exports.spreadsheets.MOST_ROWS", 4)
    page = [["x"] * len(COLUMNS)]
    asked = []

    def pages():
        for number in range(7):
            asked.append(number)
            yield page

    content = csv_file(pages())
    next(content)
    next(content)
    assert asked == [0]
    book = b"".join(xlsx_file(iter([page] * 7)))
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        sheets = [name for name in opened.namelist() if "worksheets/" in name]
    assert len(sheets) == 3
