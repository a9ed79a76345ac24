"""Weeks go by in moments: retries over days, dead letters, retention and expiry by a clock of ours.

No socket is opened and nothing sleeps: the endpoints are a few lines here, and the clock jumps to
the next instant at which something is due.
"""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from oms_ledger.http_client.webhook_client import Answer
from oms_ledger.notifications.webhook import LONGEST_WAIT, retry_after
from oms_ledger.services.accounts.subscriptions import remove_unused
from oms_ledger.services.notifications import outbox
from projections.notifications import deliveries as notifications_deliveries
from projections.notifications import feeds, hook_letters
from projections.notifications.feeds import Feed, FeedQueue
from projections.notifications.hooks import Hook
from projections.outbox.messages import WAITING
from projections.outbox.tables import outbox_attempts as attempts
from projections.outbox.tables import outbox_messages
from projections.outbox.tables import outbox_recipients as r
from projections.subscriptions import checkpoints, lateness
from projections.tables import dead_letters
from projections.tables import hooks as hook_table
from tests.support import hook_deliveries
from tests.support.clock import set_clock
from tests.support.configuring import configure_feed, configure_hook
from tests.support.inline_delivery import Postman
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.workers.notifications.test_dispatcher import settle
from workers import scheduler

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HEALTHY, REFUSED = Answer(200, "HTTP 200"), Answer(500, "HTTP 500")
EVERY = {"type": "FromWorkflow", "status": []}
ORDERS_ON = (0, 1, 2, 9, 10, 20)
"""The days on which an order is placed and paid, nine notifications each."""


class Weeks:
    """The world: what time it is, how each endpoint answers, what it heard and when."""

    def __init__(self, cell):
        self.cell = cell
        self.received = defaultdict(list)
        self.clock = set_clock(cell, START)

    @property
    def now(self):
        return self.clock.at

    @property
    def micros(self):
        return self.clock.micros()

    def answer(self, url):
        match url.removeprefix("https://"):
            case "steady":
                return HEALTHY
            case "outage":
                well = not START + 1.5 * HOUR < self.now < START + timedelta(hours=31)
                return HEALTHY if well else Answer(None, "unreachable")
            case "polite":
                until = START + 2 * DAY + timedelta(hours=5)
                wait = retry_after(format_datetime(until), self.now.timestamp())
                return HEALTHY if self.now >= until else Answer(503, "HTTP 503", wait)
        return REFUSED

    def post(self):
        weeks = self

        class Sender:
            def __init__(self, networks, clock):
                """Nothing to open."""

            async def post(self, url, body, headers):
                answer = weeks.answer(url)
                result = (weeks.now, headers["webhook-id"], answer.status == 200)
                weeks.received[url.removeprefix("https://")].append(result)
                return answer

            async def close(self):
                """Nothing to close."""

        return Sender

    def next_instant(self, end):
        """When a notification falls due that may be given, else the next hour."""
        earlier = outbox_messages.alias()
        later = getattr(func, "max" if self.cell.database.sqlite else "greatest")
        follows = (
            select(earlier.c.position)
            .where(
                earlier.c.recipient == outbox_messages.c.recipient,
                earlier.c.state == WAITING,
                earlier.c.order_id == outbox_messages.c.order_id,
                earlier.c.position < outbox_messages.c.position,
            )
            .exists()
        )
        query = (
            select(func.min(later(outbox_messages.c.due_at, r.c.circuit_open_until)))
            .join_from(outbox_messages, r, r.c.recipient == outbox_messages.c.recipient)
            .where(*hook_deliveries.PENDING, ~follows)
        )
        with self.cell.database.snapshot() as connection:
            first = connection.execute(query).scalar_one()
        coming = [end, self.now + 6 * HOUR]
        if first is not None:
            due = datetime.fromtimestamp(first / 1e6, UTC) + timedelta(seconds=1)
            coming.append(max(due, self.now + timedelta(seconds=1)))
        return min(coming)


@pytest.fixture
def weeks(cell, monkeypatch):
    weeks = Weeks(cell)
    monkeypatch.setattr(outbox, "Sender", weeks.post())
    return weeks


def configure(cell):
    for name in ("steady", "outage", "polite", "dead"):
        hook = Hook(name, ACCOUNT, EVERY, f"https://{name}", {})
        configure_hook(cell, hook, 1)
    configure_feed(cell, Feed("unread", ACCOUNT, EVERY, 60, 345_600), 1)


def advance_change_request(weeks, postman, until):
    """Let time pass, from one instant at which something is due to the next."""
    cell = weeks.cell
    while weeks.now < until:
        fields(weeks, postman)
        scheduler.apply_retention(cell)
        asyncio.run(remove_unused(cell))
        weeks.clock.at = weeks.next_instant(until)


def fields(weeks, postman):
    """Everything that is due now is evaluated and given, as after the scheduler's sweep."""
    cell = weeks.cell
    with cell.database.snapshot() as connection:
        feed = feeds.get(connection, "unread")
        late = lateness.behind(connection, cell.store.head())
    if feed is not None:
        checkpoints.run(cell.database, cell.loader(), "feed:unread", FeedQueue(cell.database, feed))
    if any(subscription.startswith("hook:") for subscription in late):
        postman.evaluate(ACCOUNT)
    postman.signal_due()
    settle(cell, lambda: quiet(weeks, postman))


def quiet(weeks, postman):
    cell = weeks.cell
    with cell.database.snapshot() as connection:
        late = lateness.behind(connection, cell.store.head())
        due = notifications_deliveries.with_due(connection, weeks.micros)
    evaluated = not any(subscription.startswith("hook:") for subscription in late)
    return evaluated and not due and postman.idle


@pytest.mark.guarantee("G43")
def test_over_three_weeks_every_notification_is_accepted_or_dead_after_three_days(weeks):
    cell = weeks.cell
    asyncio.run(open_account(cell.ledger))
    configure(cell)
    postman = Postman(cell)
    try:
        for number, day in enumerate(ORDERS_ON):
            advance_change_request(weeks, postman, START + day * DAY + HOUR)
            asyncio.run(place_paid(cell.ledger, f"v{number}-01", number + 1))
            if day == 2:
                fields(weeks, postman)
                require_expired_and_kept(weeks)
        advance_change_request(weeks, postman, START + 24 * DAY)
    finally:
        postman.close()
    require_accepted(weeks)
    require_dead(weeks)
    require_retention(weeks)


def accepted(weeks, name):
    return [event for _, event, well in weeks.received[name] if well]


def require_expired_and_kept(weeks):
    """On the third day: nobody was removed, what the outage kept got when it was over."""
    with weeks.cell.database.snapshot() as connection:
        names = set(connection.execute(select(hook_table.c.app_key)).scalars())
    assert names == {"steady", "outage", "polite", "dead"}
    assert len(accepted(weeks, "outage")) == 27


def require_accepted(weeks):
    """Hooks that came back given all of it, each notification once; none of theirs is dead.

    The days from 2 to 9 are a silence in which a hook that owes nothing is removed; the dead one,
    which owes until day 5 and longer, is there on day 9 or not by what it still owes.
    """
    for name in ("steady", "outage", "polite"):
        events = accepted(weeks, name)
        assert len(events) == len(set(events)) == 27, name
    waits = [at for at, _, well in weeks.received["polite"] if not well]
    assert all(later - sooner >= 6 * HOUR - HOUR / 60 for sooner, later in pairwise(waits[1:]))


def require_dead(weeks):
    cell = weeks.cell
    with cell.database.snapshot() as connection:
        letters = hook_letters.page(connection, "hook:dead", 0, 1000)
        assert set(hook_letters.counted(connection)) == {"hook:dead"}
        others = dead_letters.c.subscription != "feed:unread"
        assert connection.execute(select(dead_letters).where(others)).all() == []
        made = connection.execute(
            select(attempts).where(attempts.c.recipient == "dead").order_by(attempts.c.at)
        ).all()
    assert letters
    tries = defaultdict(list)
    for one in made:
        tries[one.position].append(one)
    first = min(letters, key=lambda letter: letter.position)
    own = tries[first.position]
    assert len(own) >= 15  # a retry of days
    assert own[-1].at - own[0].at >= 3 * DAY / timedelta(microseconds=1)
    gaps = [timedelta(microseconds=b.at - a.at) for a, b in pairwise(own)]
    assert gaps[0] >= timedelta(seconds=5)
    assert max(gaps) <= LONGEST_WAIT * 1.1 + HOUR
    assert all(later >= sooner * 0.5 for sooner, later in pairwise(gaps[:8]))
    result = dict.fromkeys(event for _, event, _ in weeks.received["dead"])
    assert len(result) >= len(letters)


def require_retention(weeks):
    """Items are buried at their retention, the feed goes when it got none for as long."""
    cell = weeks.cell
    with cell.database.snapshot() as connection:
        mine = dead_letters.c.subscription == "feed:unread"
        letters = connection.execute(select(dead_letters).where(mine)).all()
        assert feeds.get(connection, "unread") is None
        old = attempts.c.at < weeks.micros - 15 * 86_400_000_000
        kept = set(connection.execute(select(attempts.c.recipient).where(old)).scalars())
    assert len(letters) == 27
    assert {letter.reason for letter in letters} == {"retention"}
    for letter in letters:
        age = letter.at - weeks.micros
        assert age < 0
    assert kept <= {"dead"}
