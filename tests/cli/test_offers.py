"""`oms-ledger offers`: loading a table, all or nothing, again and again."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from oms_ledger import cli
from oms_ledger.cli.accounts import create_account
from oms_ledger.cli.offers import load_file
from oms_ledger.offers.reading import InvalidOffer
from oms_ledger.offers.reading import stored as stored_row
from projections.offers import rows
from tests.support.purchases import ACCOUNT

ROWS: list[dict[str, Any]] = [
    {"sku": "1", "price": 100, "name": "Mug"},
    {"sku": "2", "price": 200, "stock": 3, "sales_channels": ["1", "2"]},
    {"kind": "delivery", "id": "Normal", "estimate": "3bd", "country": "BRA"},
    {"kind": "payment", "system": "2"},
]


@pytest.fixture
def here(cell, monkeypatch):
    create_account(cell, ACCOUNT)
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    return cell


def write(path, fields):
    path.write_text("".join(json.dumps(one) + "\n" for one in fields))
    return path


def run(*words):
    return CliRunner().invoke(cli.app, ["offers", *words, "--account", ACCOUNT])


def test_loading_again_changes_only_what_differs(here, tmp_path):
    file = write(tmp_path / "offers.jsonl", ROWS)
    first, again = load_file(here, ACCOUNT, file), load_file(here, ACCOUNT, file)
    assert (first.changed, first.unchanged) == (4, 0)
    assert (again.changed, again.unchanged, again.removed) == (0, 4, 0)
    cheaper = [{**ROWS[0], "price": 90}]
    assert load_file(here, ACCOUNT, write(file, cheaper)).changed == 1
    replaced = load_file(here, ACCOUNT, file, replace=True)
    assert (replaced.unchanged, replaced.removed) == (1, 3)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"sku": "3"}, "price"),
        ({"sku": "3", "price": -1}, "price"),
        ({"sku": "3", "price": 1.5}, "price"),
        ({"sku": "3", "price": 1, "colour": "red"}, "colour"),
        ({"kind": "coupon"}, "kind"),
        ({"kind": "delivery", "id": "x", "estimate": "soon"}, "estimate"),
        ({"kind": "delivery", "id": "x", "estimate": "1d", "channel": "pickup-in-point"}, "pickup"),
        ({"kind": "payment", "system": "Visa"}, "system"),
        ({"kind": "address", "country": "Brazil", "postal_code": "1"}, "country"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_loaded(here, tmp_path, wrong, reason):
    file = write(tmp_path / "offers.jsonl", [*ROWS, wrong])
    with pytest.raises(InvalidOffer, match=rf"line 5: .*{reason}"):
        load_file(here, ACCOUNT, file)
    with here.database.snapshot() as connection:
        assert rows.counts(connection, ACCOUNT) == {}


def test_a_spreadsheet_of_offers_is_loaded(here, tmp_path):
    file = tmp_path / "offers.csv"
    file.write_text(
        "sku,price,name,stock,unit_multiplier,active,sales_channels,categories\n"
        '1,3190,"Mug, blue",7,0.35,true,1|2,"{""1"": ""Home""}"\n'
        "2,100,,,,false,,\n"
    )
    assert load_file(here, ACCOUNT, file).changed == 2
    fields = json.loads(run("list", "--json").stdout)["rows"]
    assert (fields[0]["name"], fields[0]["stock"], fields[0]["unit_multiplier"]) == (
        "Mug, blue",
        7,
        "0.35",
    )
    assert fields[0]["sales_channels"] == ["1", "2"]
    assert (fields[1]["active"], fields[1]["stock"]) == (False, None)


def test_commands_show_quote_and_remove(here, tmp_path):
    file = write(tmp_path / "offers.jsonl", ROWS)
    assert "4 set" in run("load", str(file)).stdout
    assert '"name":"Mug"' in run("show", "1").stdout.replace(" ", "").replace("\n", "")
    assert run("show", "9").exit_code == 1
    quoted = json.loads(run("quote", "--sku", "2", "--quantity", "5", "--json").stdout)
    assert (quoted["availability"], quoted["quantity"]) == ("available", 3)
    assert run("remove").exit_code == 2
    assert "1 removed" in run("remove", "--sku", "1").stdout
    assert "3 removed" in run("remove", "--all").stdout


def test_of_two_deliveries_by_one_name_the_nearer_range_wins(here):
    wide = {"kind": "delivery", "id": "Normal", "estimate": "9bd", "price": 900, "country": "BRA"}
    near = {**wide, "estimate": "1bd", "price": 100}
    near |= {"postal_from": "01000-000", "postal_to": "01999-999"}
    fields = [stored_row(one, 1) for one in (wide, near, ROWS[0])]
    with here.database.writing() as connection:
        rows.load(connection, ACCOUNT, fields, replace=False)
    for code, price in (("01310-100", 100), ("99999-999", 900)):
        quoted = run("quote", "--sku", "1", "--postal-code", code, "--json").stdout
        assert [one["price"] for one in json.loads(quoted)["slas"]] == [price]
