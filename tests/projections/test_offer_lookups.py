"""Looking offers up reads what is asked for, right after a load too."""

import pytest

from oms_ledger.offers.reading import key, stored
from projections.offers import lookup, rows

FEW, MANY = 50, 3_000


def load(cell, count):
    found = [stored({"sku": f"s{n}", "price": 100, "name": "x" * 200}, n + 1) for n in range(count)]
    with cell.database.writing() as connection:
        return rows.load(connection, "acme", found, replace=False)


@pytest.mark.guarantee("G62")
def test_look_ups_after_a_load_do_not_read_the_table(cell):
    load(cell, FEW)
    with cell.database.snapshot() as connection:
        assert len(lookup.offers_of(connection, "acme", [("s1", "1"), ("s2", "1")])) == 2
    loaded = load(cell, MANY)
    assert (loaded.changed, loaded.unchanged) == (MANY - FEW, FEW)
    with cell.database.snapshot() as connection:
        assert len(lookup.offers_of(connection, "acme", [("s1", "1"), ("s9999", "1")])) == 1
        if cell.database.sqlite:
            return  # it has no statistics: the key is always what it looks by
        named = ", ".join(f"'{key(f's{n * 7}', '1')}'" for n in range(10))
        where = f"account = 'acme' AND kind = 'offer' AND key IN ({named})"
        plan = connection.exec_driver_sql(f"EXPLAIN SELECT body FROM offers WHERE {where}")
        steps = "\n".join(plan.scalars())
    assert "offers_pkey" in steps
    assert "Filter" not in steps
