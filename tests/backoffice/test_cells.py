"""Cells of long tables: kept by their values and zone, escaped, and nobody's name among them."""

from zoneinfo import ZoneInfo

import pytest

from oms_ledger.backoffice import formats
from oms_ledger.backoffice.cells import KINDS, PERSONAL, Cells
from oms_ledger.backoffice.escaping import escaped
from oms_ledger.backoffice.pages.orders import COLUMNS
from oms_ledger.backoffice.templating import environment

NO_TEXTS = {name for name, (kind, _) in KINDS.items() if kind != "state"}
HOSTILE = "<script>'\"&</script>"


def row_of(**changed):
    row = dict.fromkeys(COLUMNS)
    row |= {"orderId": "v1/<a>", "creationDate": "2026-11-27T02:06:37.0000000+00:00"}
    row |= {"totalItems": 3, "totalValue": 12345, "currencyCode": "BRL", "status": "handling"}
    return row | {"workflowInErrorState": False, "workflowInRetry": False} | changed


@pytest.fixture
def cells():
    made = environment("en").get_template("cells.html").module
    return Cells(lambda name: getattr(made, name))


@pytest.mark.parametrize("name", COLUMNS)
def test_hostile_values_are_texts_in_every_column(cells, name):
    row = row_of()
    if name not in NO_TEXTS:
        row[name] = HOSTILE
    drawn = cells.order_row(row, [name], "acme")
    assert "<script>" not in drawn
    assert escaped(drawn) is drawn, "a row is written as it was drawn"
    if row[name] == HOSTILE:
        assert escaped(HOSTILE) in drawn


def test_a_cell_is_kept_for_its_zone(cells):
    shown = set()
    for zone in ("UTC", "America/Sao_Paulo", "UTC"):
        formats.ZONE.set(ZoneInfo(zone))
        shown.add(cells.order_row(row_of(), ["creationDate"], "acme"))
    assert len(shown) == 2


def test_no_name_of_a_person_is_kept(cells):
    row = row_of(clientName="Ines Cardoso", callCenterOperatorName="Rui Lima", origin="Loja")
    cells.order_row(row, list(COLUMNS), "acme")
    before = cells._kept.cache_info().currsize
    for name in PERSONAL:
        text = cells.order_row(row | {name: "Another One"}, list(COLUMNS), "acme")
        assert text.count("Another One") == 2, "its title and its text"
    assert cells._kept.cache_info().currsize == before
    assert "Ines" not in cells.order_row(row_of(), list(COLUMNS), "acme")


def test_an_event_of_no_order_has_no_link(cells):
    event = {
        "orderId": None,
        "version": 1,
        "at": row_of()["creationDate"],
        "name": "document-saved",
    }
    drawn = cells.event_row(event | {"status": None, "statusBefore": None}, "acme")
    assert "<a " not in drawn
