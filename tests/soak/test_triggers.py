"""Triggers on orders that become invoiced, while processes and the database are killed."""

import pytest

from tests.soak.triggers import invoiced, written

ORDERS, STRIKES = 3, 3


@pytest.mark.guarantee("G45", "G72", "G75")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_each_invoiced_order_reaches_endpoint_and_customer_once(database: str) -> None:
    with invoiced(database, f"short-{database}") as (made, postgres):
        with written(made, ORDERS) as writer:
            for _ in range(STRIKES):
                writer.wait_for_answers(5)
                made.strike(postgres)
            writer.wait_for_answers(6)
        made.settle()
        counts = made.require_everything(writer.placed)
    assert counts["orders"] >= ORDERS
    assert counts["asked"] >= counts["orders"]
