"""Dry run: what a filter would have produced since some place, and nothing is kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import StreamLoader
from oms_ledger.notifications.filters import Filter, FromOrders
from projections.subscriptions.filtering import Failure, SubscriptionFilter, evaluate
from projections.subscriptions.notification import Notification

PAGE = 200
STRIKES = 200
"""Evaluations that may fail before a trial is given up: such a filter fails on and on."""


@dataclass
class DryRun:
    """How far a dry run is: events passed, evaluated, and what the filter said of them.

    `samples` and `failures` are the new ones since the last report, up to the number asked for.
    """

    position: int
    head: int
    entries: int = 0
    evaluated: int = 0
    matched: int = 0
    failed: int = 0
    micros: int = 0
    aborted: bool = False
    samples: list[Notification] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether there is nothing more to look at, or it was broken off."""
        return self.aborted or self.position >= self.head


def dry_run(
    database: Database,
    loader: StreamLoader,
    account: str,
    filter: Filter,
    *,
    since: int,
    until: int | None = None,
    samples: int = 10,
    masked: bool = False,
) -> Iterator[DryRun]:
    """Reports after each page, the last of them `done`. A filter that fires once fires again.

    `masked`: the filter sees documents as an account shows them that masks.
    """
    head = loader.store.head() if until is None else min(until, loader.store.head())
    sinks = DryRun(position=min(since, head), head=head)
    filter_of = SubscriptionFilter("", account, filter)
    once, single_fire = (
        isinstance(filter, FromOrders) and not filter.disable_single_fire,
        set[str](),
    )
    shown = troubled = 0
    while not sinks.done:
        rows = [row for row in loader.store.page(sinks.position, PAGE) if row.position <= head]
        (evaluated,) = evaluate(database, [filter_of], rows, loader, masked=masked)
        matching = evaluated.notifications
        if once:
            matching = [
                notification
                for notification in matching
                if notification.order_id not in single_fire
            ]
            single_fire.update(notification.order_id for notification in matching)
        sinks = DryRun(
            position=evaluated.until,
            head=head,
            entries=sinks.entries + sum(row.position <= evaluated.until for row in rows),
            evaluated=sinks.evaluated + evaluated.evaluated,
            matched=sinks.matched + len(matching),
            failed=sinks.failed + len(evaluated.failures),
            micros=sinks.micros + evaluated.micros,
            samples=matching[: max(0, samples - shown)],
            failures=evaluated.failures[: max(0, samples - troubled)],
        )
        shown, troubled = shown + len(sinks.samples), troubled + len(sinks.failures)
        often = sinks.failed >= STRIKES and sinks.failed * 2 >= sinks.evaluated
        sinks.aborted = often or evaluated.killed is not None
        yield sinks
    if not sinks.entries:
        yield sinks
