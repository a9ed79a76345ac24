"""What the databases are asked follows indexes, and is not more in a long ledger than in a short.

Nothing is timed. A ledger of 20 orders grows to 400; at both sizes every hot action is done once,
and the statements that it makes are written down, then explained in the large one. PostgreSQL
explains with `enable_seqscan` off, so that a sequential scan gets only where no index serves.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import event

from oms_ledger.cell import Cell
from oms_ledger.deciders import DECIDERS
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.eventstore.postgres import PostgresAppender
from oms_ledger.eventstore.records import Key, Write, order_stream
from oms_ledger.eventstore.tables import metadata
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.web import build
from projections.notifications import deliveries, feeds, hooks
from projections.notifications.feeds import Feed, FeedQueue
from projections.notifications.hooks import Hook, HookDeliveries
from projections.outbox import claims
from projections.subscriptions import checkpoints
from tests.conftest import opened, prepared_database
from tests.support.client import Client
from tests.support.configuring import configure_feed, configure_hook, create_key
from tests.support.purchases import (
    ACCOUNT,
    open_account,
    place_paid,
    purchase,
)
from tests.support.run_until_idle import settle
from workers.projector import Following, ensure_subscriptions

T = TypeVar("T")

FEW, MANY = 20, 400
ORDERS, FEED = "/api/oms/pvt/orders", "/api/orders/feed"
EVERY = {"type": "FromWorkflow", "status": []}
SINCE_2020 = "f_creationDate=creationDate:[2020-01-01T00:00:00.000Z TO 2100-01-01T00:00:00.000Z]"

LISTS = {
    "list": "",
    "list by status": "f_status=handling",
    "list by creation": SINCE_2020,
    "list by creation and status": f"{SINCE_2020}&f_status=handling",
    "list by payment": "f_paymentNames=Visa",
    "list in order of value": "orderBy=totalValue,desc",
    "list in order of items": "orderBy=items,asc",
    "list in order of origin": "orderBy=origin,desc",
    "list in order of ids": "orderBy=orderId,asc",
    "search for an order": "q=v17acme-01",
}
STARTING = "start"
ACTIONS = (
    *("command", "command on an order not in memory", "place", "get", "get by sequence", *LISTS),
    *("feed retrieve", "feed commit", "hook pick", "hooks that are owed", "cursor page"),
    *("cursor page of an account", "append", STARTING),
)


@dataclass(frozen=True)
class ParsedRequest:
    """A statement with its first parameters; none where they are written into its text."""

    text: str
    parameters: Any = None


@dataclass
class Grown:
    """A ledger, and what each action asked of the database while it was small and when large."""

    cell: Cell
    client: Client
    few: dict[str, list[ParsedRequest]] = field(default_factory=dict)
    many: dict[str, list[ParsedRequest]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.client.headers["X-VTEX-API-AppKey"]


@contextmanager
def result(cell: Cell) -> Iterator[list[ParsedRequest]]:
    """What is asked meanwhile, by SQLAlchemy and by the connection that appends."""
    requested: list[ParsedRequest] = []

    def note(_, __, text, parameters, ___, many):
        requested.append(ParsedRequest(text, parameters[0] if many else parameters))

    with ExitStack() as listening:
        event.listen(cell.database.engine, "before_cursor_execute", note)
        listening.callback(event.remove, cell.database.engine, "before_cursor_execute", note)
        appending = getattr(cell.store._appender, "_connection")  # noqa: B009
        if cell.database.sqlite:
            appending.set_trace_callback(lambda text: requested.append(ParsedRequest(text)))
            listening.callback(appending.set_trace_callback, None)
        elif appending is not None:

            class Noting(psycopg.Cursor):
                def execute(self, query, *rest, **more):
                    requested.append(ParsedRequest(query))
                    return super().execute(query, *rest, **more)

            appending.cursor_factory = Noting
            listening.callback(setattr, appending, "cursor_factory", psycopg.Cursor)
        yield requested


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def grown(request, tmp_path_factory) -> Iterator[Grown]:
    folder = tmp_path_factory.mktemp("grown")
    with (
        prepared_database(request.param, folder) as url,
        opened(url, folder) as cell,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Keys and accounts are looked at again each second: not while statements are counted.
        patch.setattr("oms_ledger.api.auth.key_cache.FRESH", 600)
        patch.setattr("oms_ledger.ledger._ACCOUNT_FRESH", 600)
        asyncio.run(open_account(cell.ledger))
        key, token = create_key(cell, ACCOUNT, "Owner")
        configure_feed(cell, Feed(key, ACCOUNT, EVERY, 60, 345_600))
        configure_hook(cell, Hook(key, ACCOUNT, EVERY, "http://h.x/", {}))
        client = Client(build(cell), {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})
        its = Grown(cell, client)
        grow(its, 1, FEW)
        its.few = each_action(its, 1)
        grow(its, FEW + 1, MANY)
        if not cell.database.sqlite:  # as autovacuum does, for whom there is no time here
            with cell.database.writing() as connection:
                connection.exec_driver_sql("ANALYZE")
        its.many = each_action(its, FEW + 1)
        yield its


def grow(its: Grown, first: int, last: int) -> None:
    """Orders, half of them in handling, with all that follows of them."""
    ledger = its.cell.ledger

    async def lived(number: int) -> None:
        order_id = f"v{number}acme-01"
        await place_paid(ledger, order_id, number)
        if number % 2 == 0:
            await ledger.change(CommandContext(ACCOUNT, "test"), order_id, start_handling)

    async def all_of_them() -> None:
        await asyncio.gather(*(lived(number) for number in range(first, last + 1)))

    asyncio.run(all_of_them())
    follow(its)


def follow(its: Grown) -> None:
    """Views, feed and hook stand at the head."""
    cell = its.cell
    asyncio.run(settle(cell))
    with cell.database.snapshot() as connection:
        feed, hook = feeds.get(connection, its.key), hooks.get(connection, its.key, cell.encryption)
    queues = {
        feeds.subscription_of(its.key): FeedQueue(cell.database, feed),
        deliveries.hook_subscription(its.key): HookDeliveries(
            cell.database, its.key, ACCOUNT, hook.filter
        ),
    }
    for subscription, queue in queues.items():
        checkpoints.run(cell.database, cell.loader(), subscription, queue)


def each_action(its: Grown, number: int) -> dict[str, list[ParsedRequest]]:
    """What every hot action asks, done on orders from a number on that is odd."""
    cell, client = its.cell, its.client
    fields: dict[str, list[ParsedRequest]] = {}

    def done(name: str, work: Callable[[], T]) -> T:
        with result(cell) as requested:
            outcome = work()
        fields[name] = requested
        return outcome

    def handled(order_id: str) -> None:
        assert client.call("POST", f"{ORDERS}/{order_id}/start-handling").status == 204

    # From now on the key is known, and there is a block of sequence numbers.
    assert client.call("PUT", "/api/checkout/pub/orders", purchase()).status == 201
    done("command", lambda: handled(f"v{number}acme-01"))
    cell.ledger.loader.forget(order_stream(ACCOUNT, f"v{number + 2}acme-01"))
    done("command on an order not in memory", lambda: handled(f"v{number + 2}acme-01"))
    done("place", lambda: client.call("PUT", "/api/checkout/pub/orders", purchase()))
    done("append", lambda: cell.store.append([a_write(cell, f"v{number + 4}acme-01")]))
    done("cursor page", lambda: one_round(cell))
    follow(its)
    done("get", lambda: client.call("GET", f"{ORDERS}/v{number}acme-01"))
    done("get by sequence", lambda: client.call("GET", f"{ORDERS}/seq{number}"))
    for name, query in LISTS.items():
        page = done(name, partial(client.call, "GET", f"{ORDERS}?{query}")).json()
        assert page["list"], name
    lot = done("feed retrieve", lambda: client.call("GET", f"{FEED}?maxlot=10")).json()
    handles = {"handles": [item["handle"] for item in lot]}
    assert len(lot) == 10
    done("feed commit", lambda: client.call("POST", FEED, handles))
    done("hook pick", lambda: picked(cell, its.key))
    done("hooks that are owed", lambda: due(cell, its.key))
    done("cursor page of an account", lambda: cell.store.orders_page(ACCOUNT, 9, 10**9, 500))
    fields[STARTING] = started(cell)
    return fields


def a_write(cell: Cell, order_id: str) -> Write:
    """One more event of an order, with a key of a request and the data key of a new order."""
    *_, last = cell.store.stream(order_stream(ACCOUNT, order_id))
    more = last._replace(version=last.version + 1)
    return Write((more,), (Key(ACCOUNT, f"k:{order_id}", b"{}"),), ((f"new/{order_id}", b"k"),))


def one_round(cell: Cell) -> None:
    following = Following(cell)
    following.round()
    following.release()


def picked(cell: Cell, key: str) -> None:
    with cell.database.snapshot() as connection:
        found = claims.waiting(connection, WEBHOOK, key, cell.clock.micros(), 64)
    assert len(found) == 64


def due(cell: Cell, key: str) -> None:
    with cell.database.snapshot() as connection:
        assert deliveries.with_due(connection, cell.clock.micros(), key) == [key]


def started(cell: Cell) -> list[ParsedRequest]:
    """What a web process and a projector ask before they are ready, and in their first round."""
    other = Cell(cell.settings, cell.clock)
    with result(other) as requested:
        other.require_tables()
        ensure_subscriptions(other.database)
        other.store.accounts_after(other.store.head())
        one_round(other)
        assert Client(build(other)).call("GET", "/readyz").status == 200
    other.close()
    return requested


# Explained


def plan(cell: Cell, requested: ParsedRequest) -> list[str]:
    """A line for each step of the plan, as the database says it."""
    with cell.database.engine.connect() as connection:
        if cell.database.sqlite:
            explained = f"EXPLAIN QUERY PLAN {requested.text}"
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explained = f"EXPLAIN {requested.text}"
        found = connection.exec_driver_sql(explained, requested.parameters or ()).all()
        connection.rollback()
    return [str(row[-1]) for row in found]


def faults(lines: list[str]) -> list[str]:
    """Whole tables that are read, and what is put in order though only a page of it is wanted.

    Of subscriptions there are as many as feeds and hooks, and in `hosted` as many rows as accounts
    that moved, whatever the ledger's length.
    """
    tables, found, limit = set(metadata.tables) - {"subscriptions", "hosted"}, [], None
    for line in lines:
        scanned = re.match(r"SCAN (\w+)|.*Seq Scan on (\w+)", line)
        if scanned and (scanned[1] or scanned[2]) in tables:
            found.append(line)
        depth = len(line) - len(line.lstrip())
        if limit is not None and depth <= limit:
            limit = None
        if re.match(r"\s*(-> +)?Limit ", line) and limit is None:
            limit = depth
        if limit is not None and re.match(r"\s*-> +(Incremental )?Sort ", line):
            found.append(line)
    return found


def plans(its: Grown, action: str) -> Iterator[tuple[ParsedRequest, list[str]]]:
    """Of what an action asked of the large ledger; what only begins or ends has none."""
    for requested in its.many[action]:
        if re.match(r"\W*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", requested.text):
            if "append_events" in requested.text:
                continue  # its statements are inside: see the test below
            yield requested, plan(its.cell, requested)


@pytest.mark.guarantee("G60")
@pytest.mark.parametrize("action", ACTIONS)
def test_what_an_action_asks_follows_indexes(grown, action):
    for requested, lines in plans(grown, action):
        if " WHERE " not in requested.text and " LIMIT 1" in requested.text:
            continue  # the last row
        found = faults(lines)
        if "order_id IN (" in requested.text:  # orders that are named are put in order, no others
            found = [line for line in found if " Sort " not in line]
        elif " LIMIT " in requested.text:
            found += [line for line in lines if "TEMP B-TREE FOR ORDER BY" in line]
        assert not found, "\n".join([requested.text, *lines])


@pytest.mark.guarantee("G60")
def test_the_function_that_appends_follows_indexes(grown):
    if grown.cell.database.sqlite:
        return  # it appends by statements that are explained like all others
    appender = PostgresAppender(grown.cell.database)
    with psycopg.connect(grown.cell.database.url) as connection:
        connection.execute("SET enable_seqscan = off")
        appender._connection = connection
        ((last),) = appender.append([a_write(grown.cell, "v33acme-01")])
        assert last == grown.cell.store.head() + 1
        read = connection.execute(
            "SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables"
            " WHERE relname = ANY (%s)",
            (["events", "unique_keys", "data_keys", "seals"],),
        ).fetchall()
        connection.rollback()
    assert {name for name, scans, _ in read if scans} == set()
    assert {name for name, _, by_index in read if by_index} >= {"events", "unique_keys", "seals"}


@pytest.mark.guarantee("G60")
@pytest.mark.parametrize("action", [one for one in ACTIONS if one != STARTING])
def test_an_action_makes_as_many_statements_in_a_long_ledger(grown, action):
    few, many = grown.few[action], grown.many[action]
    assert len(few) == len(many), "\n".join(requested.text for requested in many)
    assert few


@pytest.mark.guarantee("G60")
def test_the_calls_of_a_page_of_orders_are_found_by_its_orders(grown):
    """What waits to be given may be much: a list does not look through it."""
    ((_, lines),) = (
        (requested, lines)
        for requested, lines in plans(grown, "list")
        if "FROM outbox_messages" in requested.text
    )
    assert any("outbox_messages_key" in line for line in lines), lines


@pytest.mark.guarantee("G62")
def test_starting_asks_as_much_in_a_long_ledger_and_follows_indexes(grown):
    few, many = grown.few[STARTING], grown.many[STARTING]
    assert [requested.text for requested in few] == [requested.text for requested in many]
    of_entries = [
        requested.text
        for requested, _ in plans(grown, STARTING)
        if re.search(
            r"\bFROM (events|order_views|order_terms|feed_items|outbox_messages)\b", requested.text
        )
    ]
    assert of_entries
    for text in of_entries:  # a page, the head, or what came since
        assert re.search(r" LIMIT |max\(events.position\)", text), text


@pytest.mark.guarantee("G62")
def test_who_follows_the_ledger_remembers_so_many_orders_and_no_more(grown):
    cell, room, at, streams = grown.cell, 60, 0, set[str]()
    loader = StreamLoader(cell.store, cell.encryption, DECIDERS, cached=room)
    while rows := cell.store.page(at, 50):
        for step in loader.steps(rows):
            streams.add(step.row.stream)
            kept = sum(loader.cached(stream) is not None for stream in streams)
            assert kept <= room
        at = rows[-1].position
    assert len(streams) > MANY
