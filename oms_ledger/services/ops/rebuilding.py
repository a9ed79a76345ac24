"""Rebuild a view while everything goes on: a second subscription takes the ledger through it."""

import asyncio
from collections.abc import Iterator

from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.orders import views
from projections.subscriptions import checkpoints, leases
from projections.subscriptions.views import VIEWS

PAGES, EVENTS = 5, checkpoints.PAGE  # of one step, of one page


class RebuildArguments(Arguments):
    """Which view."""

    view: str = views.SUBSCRIPTION

    def model_post_init(self, _: object) -> None:
        """`ValueError` where there is no view of this name."""
        if self.view not in VIEWS:
            raise ValueError(f"view: found {self.view!r}, expected one of {', '.join(VIEWS)}")


def subscription_of(view: str) -> str:
    """The name of the subscription that a rebuild goes by."""
    return f"rebuild:{view}"


def rebuild(cell: Cell, view: str) -> Iterator[int]:
    """Yield how many events were applied so far; begun before, it goes on where it stood."""
    subscription, loader, destination = subscription_of(view), cell.loader(), VIEWS[view]()
    with cell.database.writing() as connection:
        if checkpoints.position(connection, subscription) is None:
            checkpoints.create(connection, subscription, 0, kind="rebuild")
    token = leases.acquire(cell.database, subscription, steal=True)
    assert token is not None, "a lease can always be stolen"
    while count := checkpoints.advance(
        cell.database, loader, subscription, token, destination, EVENTS
    ):
        yield count


def drop(connection: Connection, view: str) -> None:
    """Forget the second subscription: the view is rebuilt."""
    checkpoints.drop(connection, subscription_of(view))


async def step(run: JobRun, arguments: RebuildArguments) -> Step:
    """Some pages of events; the last step forgets the subscription."""
    return await asyncio.to_thread(_step, run.cell, arguments.view, run.job.done)


def _step(cell: Cell, view: str, done: int) -> Step:
    pages = rebuild(cell, view)
    over = not all(next(pages, 0) for _ in range(PAGES))
    with cell.database.reading() as connection:
        done = checkpoints.position(connection, subscription_of(view)) or done
    if over:
        result = {"view": view, "events": done}
        return Step(done, done, result=result, store=lambda found: drop(found, view))
    return Step(done, max(done, cell.store.head()))
