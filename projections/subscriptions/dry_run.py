"""Dry run: what a filter would have produced since some place, and nothing is kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Folds
from oms_ledger.notifications.filters import Filter, FromOrders
from projections.subscriptions.filtering import Asking, Failure, judge
from projections.subscriptions.notification import Notice

PAGE = 200
STRIKES = 200
"""Evaluations that may fail before a trial is given up: such a filter fails on and on."""


@dataclass
class Trial:
    """How far a dry run is: entries passed, judged, and what the filter said of them.

    `samples` and `failures` are the news since the last report, up to the number asked for.
    """

    position: int
    head: int
    entries: int = 0
    judged: int = 0
    passed: int = 0
    failed: int = 0
    micros: int = 0
    gave_up: bool = False
    samples: list[Notice] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return self.gave_up or self.position >= self.head


def dry_run(
    database: Database,
    folds: Folds,
    account: str,
    filter: Filter,
    *,
    since: int,
    until: int | None = None,
    samples: int = 10,
    masked: bool = False,
) -> Iterator[Trial]:
    """Reports after each page, the last of them `done`. A filter that fires once fires anew.

    `masked`: the filter sees documents as an account shows them that masks.
    """
    head = folds.store.head() if until is None else min(until, folds.store.head())
    told = Trial(position=min(since, head), head=head)
    asking = Asking("", account, filter)
    once, fired = isinstance(filter, FromOrders) and not filter.disable_single_fire, set[str]()
    shown = troubled = 0
    while not told.done:
        rows = [row for row in folds.store.page(told.position, PAGE) if row.position <= head]
        (judged,) = judge(database, [asking], rows, folds, masked=masked)
        passing = judged.notices
        if once:
            passing = [notice for notice in passing if notice.order_id not in fired]
            fired.update(notice.order_id for notice in passing)
        told = Trial(
            position=judged.until,
            head=head,
            entries=told.entries + sum(row.position <= judged.until for row in rows),
            judged=told.judged + judged.judged,
            passed=told.passed + len(passing),
            failed=told.failed + len(judged.failures),
            micros=told.micros + judged.micros,
            samples=passing[: max(0, samples - shown)],
            failures=judged.failures[: max(0, samples - troubled)],
        )
        shown, troubled = shown + len(told.samples), troubled + len(told.failures)
        often = told.failed >= STRIKES and told.failed * 2 >= told.judged
        told.gave_up = often or judged.killed is not None
        yield told
    if not told.entries:
        yield told
