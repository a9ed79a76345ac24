"""What happened before a release is told to no outsider when it is deployed."""

from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import delete, update

from oms_ledger import migrations
from oms_ledger.web import build
from projections.outbox import messages
from projections.outbox.tables import outbox_messages, outbox_starts
from projections.tables import subscriptions
from tests.support.clock import set_clock
from tests.support.outside_sales import ORDERS, cancel, invoice, opened, rest, sold_outside
from tests.support.outsider import Outsider, well_behaved_marketplace

BEFORE = "0018_one_outbox"


def deployed(cell):
    """The tables as of a release that told outsiders nothing, then those of this one."""
    config = migrations._config()
    with cell.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, BEFORE)
    migrations.migrate(cell.database)


@pytest.mark.guarantee("G47")
def test_old_events_are_sent_to_nobody_and_new_ones_are(cell, client):
    with opened(cell) as cell, Outsider(well_behaved_marketplace) as marketplace:
        client.app = build(cell)
        clock = set_clock(cell, datetime(2026, 1, 1, tzinfo=UTC))
        invoiced, canceled, ready = (
            sold_outside(client, f"{marketplace.url}/mkt", number) for number in ("1", "2", "3")
        )
        rest(cell, clock)
        for order_id in (invoiced, ready):
            client.call("POST", f"{ORDERS}/{order_id}/start-handling")
        invoice(client, invoiced, "1", 3000)
        for _ in range(2):
            cancel(client, canceled)
        deployed(cell)
        with cell.database.snapshot() as connection:
            starts = {row.position for row in connection.execute(outbox_starts.select())}
        assert starts == {cell.store.head()}
        with cell.database.writing() as connection:  # whatever reads the old events again
            connection.execute(delete(outbox_messages))
            again = update(subscriptions).where(subscriptions.c.id == messages.SUBSCRIPTION)
            connection.execute(again.values(position=0))
        rest(cell, clock)
        assert marketplace.received == []
        invoice(client, ready, "1", 3000)
        rest(cell, clock)
        assert [one.order_id for one in marketplace.received] == ["3"]
