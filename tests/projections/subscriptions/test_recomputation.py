"""G40: for every filter, what a feed produced is what a plain recomputation over the ledger gives.

Random lives of orders, random filters, and feeds that are run by fits and starts: in pages of
any size, together or alone, with runners that die between evaluating and storing.
"""

import asyncio
import secrets
from contextlib import suppress
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import instant
from oms_ledger.jsonata import compile
from oms_ledger.notifications.filters import FromWorkflow, parse_filter
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.refusal import Refusal
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import batch, checkpoints
from projections.subscriptions.batch import run_batch
from tests.projections.subscriptions.test_checkpoints import EVERY, configure, produced
from tests.support.purchases import (
    ACCOUNT,
    PAID,
    open_account,
    place,
)

EXPRESSIONS = (
    'status = "handling"',
    "value > 0",
    'status in ["payment-approved", "canceled"] and items.quantity = 1',
    "$count(cancellationRequests) > 0",
    "finished or allowCancellation",
    'status = "canceled" ? "a" + 1 : state = "handling"',
    'workflowData.instances.timeLine[stepName = "start-handling"]',
)
statuses = st.lists(
    st.sampled_from(["handling", "canceled", "payment-pending", "order-completed", "odd"])
)
filters = st.one_of(
    st.builds(lambda status: {"type": "FromWorkflow", "status": status}, statuses),
    st.builds(
        lambda text, often: {"expression": text, "disableSingleFire": often},
        st.sampled_from(EXPRESSIONS),
        st.booleans(),
    ),
)
acts = st.tuples(
    st.sampled_from(["place", "pay", "handle", "cancel", "run", "run alone", "crash"]),
    st.integers(0, 2),
)


class Killed(Exception):
    """The runner dies."""


def recomputed(cell, body, since):
    """The plain way: every version's whole document, one after the other, by the reference."""
    filter, matching, single_fire = parse_filter(body), [], set()
    rows = [row for row in cell.store.page(0, 100_000) if row.order_id]
    for row in rows:
        if row.position <= since:
            continue
        if isinstance(filter, FromWorkflow):
            matches = filter.matches(row.status, row.moved)
        else:
            loaded_state = cell.loader().load(row.stream, row.version)
            expression = compile(filter.expression, "jsonata-python")
            try:
                matches = expression.truthy(filter_document(loaded_state.state), instant(row.at))
            except ValueError:
                matches = False
            matches = matches and (filter.disable_single_fire or row.order_id not in single_fire)
        if matches:
            single_fire.add(row.order_id)
            matching.append(row.position)
    return matching


async def act(cell, what, order_id, number):
    decision = {
        "pay": PAID,
        "handle": start_handling,
        "cancel": partial(cancel, reason="changed my mind", requested_by_user=True),
    }
    with suppress(Refusal, KeyTaken):  # not everything is allowed at any time
        if what == "place":
            await place(cell.ledger, order_id, number)
        else:
            await cell.ledger.change(CommandContext(ACCOUNT, "test"), order_id, decision[what])


def follow(cell, queues, what, which):
    loader = cell.loader()
    if what == "run alone":
        sinks = queues[which % len(queues)]
        checkpoints.run(cell.database, loader, sinks.subscription, sinks)
    elif what == "run":
        left = run_batch(cell.database, loader, queues).left
        run_batch(cell.database, loader, [one for one in queues if one.subscription in left])
    else:
        die = patch.object(batch, "store_batch", side_effect=Killed)
        with die, suppress(Killed):
            run_batch(cell.database, loader, queues)


@pytest.mark.guarantee("G40")
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(filters, min_size=1, max_size=4), st.lists(acts, max_size=30), st.integers(1, 9))
def test_every_feed_gets_what_a_recomputation_gives(cell, bodies, story, page):
    asyncio.run(open_once(cell))
    run = secrets.token_hex(4)
    since = cell.store.head()
    keys = [f"key-{run}-{number}" for number, _ in enumerate(bodies)]
    queues = []
    for key, body in zip(keys, bodies, strict=True):
        feed = feeds.Feed(key, ACCOUNT, body, EVERY.visibility, EVERY.retention)
        queues.append(FeedQueue(cell.database, configure(cell, feed, since)))
    with patch.object(batch, "PAGE", page):
        for number, (what, which) in enumerate(story):
            if what in ("run", "run alone", "crash"):
                follow(cell, queues, what, which)
            else:
                asyncio.run(act(cell, what, f"v{run}{which}-01", number))
        for sinks in queues:
            while run_batch(cell.database, cell.loader(), [sinks]):
                pass
    for key, body in zip(keys, bodies, strict=True):
        assert produced(cell, key) == recomputed(cell, body, since), body


async def open_once(cell):
    if not cell.store.head():
        await open_account(cell.ledger)
