"""Partners outside as processes of their own, killed like the deployment: nothing is lost."""

import pytest

from tests.soak.partners import sales

TRADES = 6


@pytest.mark.guarantee("G45", "G47", "G48")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_each_partner_gets_what_is_pending_in_order(database: str) -> None:
    with sales(database, "short") as made:
        for _ in range(TRADES):
            made.trade()
            made.strike()
        made.settle()
        counts = made.require_everything()
    assert counts["orders"] == 2 * TRADES
    assert counts["requests taken"] >= counts["of them owed"]
