"""Every view is recomputed and compared: what was tampered with is named by its position (G8)."""

import asyncio

import pytest
from sqlalchemy import Table, delete, insert, select, update

from oms_ledger.cli.maintenance import rebuild_view, stale_views
from oms_ledger.eventstore.records import order_stream
from oms_ledger.services.privacy.steps import catch_up
from projections import tables
from projections.notifications import feeds, hooks
from projections.notifications.feeds import Feed
from projections.notifications.hooks import Hook
from projections.orders import views
from projections.outbox.tables import outbox_messages
from projections.subscriptions.batch import run_batch
from projections.subscriptions.views import VIEWS
from tests.support.configuring import configure_feeds, configure_hook, create_key
from tests.support.purchases import (
    ACCOUNT,
    open_account,
    place,
    place_paid,
)


@pytest.fixture
def orders(cell):
    async def story():
        await open_account(cell.ledger)
        for number in range(1, 4):
            await place_paid(cell.ledger, f"v{number}-01", number)
        await place(cell.ledger, "v4-01", 4)

    asyncio.run(story())
    for view in VIEWS:
        catch_up(cell, view)
    assert stale_views(cell) == []


def last_position(cell, order_id):
    return cell.store.stream(order_stream(ACCOUNT, order_id))[-1].position


def of(table, order_id):
    return (table.c.account == ACCOUNT) & (table.c.order_id == order_id)


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize(
    ("table", "order_id", "change"),
    [
        (tables.order_views, "v2-01", {"value": 1}),
        (tables.order_views, "v2-01", {"status": "canceled"}),
        (tables.order_views, "v3-01", {"row": b"{}"}),
        (tables.order_views, "v3-01", {"document": b"{}"}),
        (tables.order_views, "v1-01", {"version": 1}),
        (tables.order_views, "v1-01", None),
        (tables.order_search_terms, "v2-01", {"shown": "nobody"}),
        (tables.order_search_terms, "v2-01", None),
        (tables.timers, "v4-01", {"due_at": 1}),
        (tables.timers, "v4-01", None),
        (tables.customer_index, "v1-01", {"name": "0" * 32}),
        (tables.customer_index, "v3-01", None),
    ],
    ids=str,
)
def test_a_row_that_differs_is_named_by_the_entry_it_should_come_of(
    cell, orders, table, order_id, change
):
    with cell.database.writing() as connection:
        if change is None:
            connection.execute(delete(table).where(of(table, order_id)))
        else:
            connection.execute(update(table).where(of(table, order_id)).values(change))
    found = [one for one in stale_views(cell) if one.view == table.name]
    assert [(one.order_id, one.position) for one in found] == [
        (order_id, last_position(cell, order_id))
    ]


@pytest.mark.guarantee("G8")
def test_a_row_about_an_order_that_the_ledger_does_not_know_is_named(cell, orders):
    with cell.database.writing() as connection:
        made_up = {"account": ACCOUNT, "order_id": "v9-01", "kind": "placement", "due_at": 1}
        connection.execute(insert(tables.timers).values(made_up))
    (found,) = stale_views(cell)
    assert (found.view, found.order_id, found.position) == ("timers", "v9-01", 0)


@pytest.mark.guarantee("G8")
def test_totals_that_are_not_the_sum_of_their_orders_are_named(cell, orders):
    with cell.database.writing() as connection:
        figures = tables.order_totals
        connection.execute(update(figures).values(value_sum=figures.c.value_sum + 1))
    assert {one.view for one in stale_views(cell)} == {"order_totals"}


@pytest.mark.guarantee("G8")
def test_views_that_lag_or_are_rebuilt_agree_all_the_same(cell, orders):
    asyncio.run(place_paid(cell.ledger, "v5-01", 5))
    assert stale_views(cell) == []
    rebuild_view(cell, views.SUBSCRIPTION)
    assert stale_views(cell) == []


@pytest.fixture
def notified(cell, orders):
    """A feed and a hook of the account with an item each of every change, and one key beside."""
    every = {"type": "FromWorkflow", "status": []}
    keys = [create_key(cell, ACCOUNT, "Owner")[0] for _ in range(2)]
    other = create_key(cell, "other", "Owner")[0]
    configure_feeds(cell, [Feed(keys[0], ACCOUNT, every, 60, 345_600)], 0)
    configure_feeds(cell, [Feed(other, "other", every, 60, 345_600)], 0)
    configure_hook(cell, Hook(keys[1], ACCOUNT, every, "https://example.com/", {}), 0)
    with cell.database.snapshot() as connection:
        feed = next(iter(feeds.destinations(connection, cell.database, ACCOUNT)))
        hook = next(iter(hooks.destinations(connection, cell.database, ACCOUNT)))
    loader = cell.loader()
    while run_batch(cell.database, loader, [feed, hook]):
        pass  # a busy machine makes any filter slow
    for view in VIEWS:
        catch_up(cell, view)
    assert stale_views(cell) == []
    return other


OF_MESSAGES = {"event_id": "id", "app_key": "recipient", "notification": "body"}
WAITING: dict[str, tuple[Table, dict[str, str]]] = {
    "feed_items": (tables.feed_items, {}),
    "deliveries": (outbox_messages, OF_MESSAGES),
}


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize("view", ["feed_items", "deliveries"])
@pytest.mark.parametrize(
    "change",
    [
        {"order_id": "v9-01"},
        {"event_id": "0" * 32},
        {"position": 1},
        {"app_key": "that of another account"},
        {"app_key": "of nobody"},
        {"state": "canceled", "notification": b"{}"},
        {"last_change": 1, "notification": b"{}"},
    ],
    ids=str,
)
def test_a_notification_that_its_event_does_not_say_is_named(cell, notified, view, change):
    table, names = WAITING[view]
    values = {names.get(name, name): value for name, value in change.items()}
    values = {name: value for name, value in values.items() if name in table.c}
    if view == "deliveries":
        values.pop("state", None)  # the state of a message is another
    if change.get("app_key") == "that of another account":
        values[names.get("app_key", "app_key")] = notified
    with cell.database.writing() as connection:
        first = connection.execute(select(table).order_by(table.c.position)).first()
        at = table.c.position == first.position
        connection.execute(update(table).where(at).values(**values))
    (found,) = stale_views(cell)
    assert found.view == view
    assert found.position == values.get("position", first.position)
    assert found.order_id == values.get("order_id", first.order_id)
