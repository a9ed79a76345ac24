"""G40: for every filter, what a feed produced is what a plain recomputation over the ledger gives.

Random lives of orders, random filters, and feeds that are run by fits and starts: in pages of
any size, together or alone, with runners that die between judging and storing.
"""

import asyncio
import secrets
from contextlib import suppress
from functools import partial
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_ledger.eventstore.ledger import Taken
from oms_ledger.eventstore.records import instant
from oms_ledger.jsonata import compile
from oms_ledger.notifications.filters import FromWorkflow, parse_filter
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.refusal import Refusal
from projections.notifications import feeds
from projections.notifications.feeds import FeedQueue
from projections.subscriptions import batch as together
from projections.subscriptions import checkpoints as cursors
from projections.subscriptions.batch import run_together
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
    filter, matching, fired = parse_filter(body), [], set()
    rows = [row for row in cell.store.page(0, 100_000) if row.order_id]
    for row in rows:
        if row.position <= since:
            continue
        if isinstance(filter, FromWorkflow):
            passes = filter.matches(row.status, row.moved)
        else:
            folded = cell.folds().load(row.stream, row.version)
            expression = compile(filter.expression, "jsonata-python")
            try:
                passes = expression.truthy(filter_document(folded.state), instant(row.at))
            except ValueError:
                passes = False
            passes = passes and (filter.disable_single_fire or row.order_id not in fired)
        if passes:
            fired.add(row.order_id)
            matching.append(row.position)
    return matching


async def act(cell, what, order_id, number):
    decision = {
        "pay": PAID,
        "handle": start_handling,
        "cancel": partial(cancel, reason="changed my mind", requested_by_user=True),
    }
    with suppress(Refusal, Taken):  # not everything is allowed at any time
        if what == "place":
            await place(cell.ledger, order_id, number)
        else:
            await cell.ledger.change(ACCOUNT, order_id, decision[what], by="test")


def follow(cell, queues, what, which):
    folds = cell.folds()
    if what == "run alone":
        told = queues[which % len(queues)]
        cursors.run(cell.database, folds, told.cursor, told)
    elif what == "run":
        left = run_together(cell.database, folds, queues).left
        run_together(cell.database, folds, [one for one in queues if one.cursor in left])
    else:
        die = patch.object(together, "store_together", side_effect=Killed)
        with die, suppress(Killed):
            run_together(cell.database, folds, queues)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(filters, min_size=1, max_size=4), st.lists(acts, max_size=30), st.integers(1, 9))
def test_G40_every_feed_gets_what_a_recomputation_gives(cell, bodies, story, page):
    asyncio.run(open_once(cell))
    run = secrets.token_hex(4)
    since = cell.store.head()
    keys = [f"key-{run}-{number}" for number, _ in enumerate(bodies)]
    queues = []
    for key, body in zip(keys, bodies, strict=True):
        feed = feeds.Feed(key, ACCOUNT, body, EVERY.visibility, EVERY.retention)
        queues.append(FeedQueue(cell.database, configure(cell, feed, since)))
    with patch.object(together, "PAGE", page):
        for number, (what, which) in enumerate(story):
            if what in ("run", "run alone", "crash"):
                follow(cell, queues, what, which)
            else:
                asyncio.run(act(cell, what, f"v{run}{which}-01", number))
        for told in queues:
            while run_together(cell.database, cell.folds(), [told]):
                pass
    for key, body in zip(keys, bodies, strict=True):
        assert produced(cell, key) == recomputed(cell, body, since), body


async def open_once(cell):
    if not cell.store.head():
        await open_account(cell.ledger)
