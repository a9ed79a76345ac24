"""A destination that is told notices: a cursor's filter judges, and what passes is kept.

Feeds and hooks differ in `keep` alone: in which table a notice waits for its reader. What both
can do besides (replay, dry run, explain, dead letters) is written for any destination of this
kind (`.replay`, `.dry_run`, `.explain`, `.dead_letters`); their API and commands take a `Kind`
(`.kinds`), so a new kind of destination gets all of them at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import Page
from oms_ledger.notifications.filters import FromOrders, parse_filter
from projections.subscriptions import pauses
from projections.subscriptions.checkpoints import now_micros
from projections.subscriptions.filtering import Asking, Judged, judge
from projections.subscriptions.notification import Notice
from projections.tables import cursors, fired, judgings, struck

log = structlog.get_logger(__name__)


class Told:
    """Destination of a cursor that keeps a notice of each entry its filter passes."""

    def __init__(
        self, database: Database, cursor: str, account: str, filter: dict[str, Any]
    ) -> None:
        self.database = database
        self.asking = Asking(cursor, account, parse_filter(filter))

    @property
    def cursor(self) -> str:
        return self.asking.cursor

    @property
    def account(self) -> str:
        return self.asking.account

    @property
    def fires_once(self) -> bool:
        filter = self.asking.filter
        return isinstance(filter, FromOrders) and not filter.disable_single_fire

    def keep(self, connection: Connection, notices: Sequence[Notice]) -> None:
        """Store some notices, of which those that are `replayed` may be there already."""
        raise NotImplementedError

    def produce(self, page: Page) -> Judged:
        (judged,) = judge(self.database, [self.asking], page.rows, page.folds)
        return judged

    def store(self, connection: Connection, produced: object) -> None:
        assert isinstance(produced, Judged)
        query = select(cursors.c.replaying_until).where(cursors.c.id == self.cursor)
        until = connection.execute(query).scalar_one() if produced.notices else 0
        store_together(connection, [(self, produced)], {self.cursor: until})

    def tell(self, connection: Connection, notices: Sequence[Notice]) -> None:
        """Keep notices, and remember that their orders fired."""
        self.keep(connection, notices)
        if self.fires_once:
            fresh = [
                {"cursor": self.cursor, "order_id": n.order_id, "position": n.position}
                for n in notices
            ]
            connection.execute(insert(fired), fresh)


def store_together(
    connection: Connection, told: Sequence[tuple[Told, Judged]], replaying_until: Mapping[str, int]
) -> None:
    """What a page came to for some cursors; up to `replaying_until` it is produced again."""
    _count(connection, told)
    for one, judged in told:
        if judged.notices:
            until = replaying_until[one.cursor]
            one.tell(
                connection,
                [replace(n, replayed=True) if n.position <= until else n for n in judged.notices],
            )


def _count(connection: Connection, told: Sequence[tuple[Told, Judged]]) -> None:
    """Add up what judging by expressions came to, and remember where the clock stopped it."""
    rows = [
        _figures(one.cursor, judged)
        for one, judged in told
        if isinstance(one.asking.filter, FromOrders)
    ]
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    counted = dialect.insert(judgings)
    new = counted.excluded
    more: dict[str, Any] = {
        name: judgings.c[name] + new[name] for name in ("judged", "passed", "failed", "micros")
    }
    for name in ("last_failure", "last_failure_position", "last_failure_at"):
        more[name] = func.coalesce(new[name], judgings.c[name])
    connection.execute(counted.on_conflict_do_update(index_elements=["cursor"], set_=more), rows)
    stopped = [
        {"cursor": one.cursor, "position": failure.position}
        for one, judged in told
        for failure in judged.failures
        if failure.struck
    ]
    if stopped:
        connection.execute(dialect.insert(struck).on_conflict_do_nothing(), stopped)
    for one, judged in told:
        if killed := judged.killed:
            pauses.pause(connection, one.cursor, killed.position, killed.order_id)
            log.error(
                "filter_paused",
                subscription=one.cursor,
                position=killed.position,
                order_id=killed.order_id,
            )


def _figures(cursor: str, judged: Judged) -> dict[str, Any]:
    last = judged.failures[-1] if judged.failures else None
    return {
        "cursor": cursor,
        "judged": judged.judged,
        "passed": len(judged.notices),
        "failed": len(judged.failures),
        "micros": judged.micros,
        "last_failure": last and last.message,
        "last_failure_position": last and last.position,
        "last_failure_at": last and now_micros(),
    }


def forget(connection: Connection, cursor: str) -> None:
    """Forget what the cursor's former filter came to: orders fired, evaluations stopped."""
    for table in (fired, struck, judgings):
        connection.execute(delete(table).where(table.c.cursor == cursor))
    pauses.resume(connection, cursor)


def fence(connection: Connection, cursor: str) -> None:
    """Whoever runs the cursor now stores nothing more and starts anew."""
    values = {"token": cursors.c.token + 1, "leased_until": 0}
    connection.execute(update(cursors).where(cursors.c.id == cursor).values(values))
