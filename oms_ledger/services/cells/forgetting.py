"""Deletes what a former cell keeps of an account that lives in another one.

Events stay, because the cell's chain of seals runs through them; without their data keys nobody
can read what they say of persons. Views, documents and what jobs left go. Nothing brings the data
keys back, so the account cannot return to this cell.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, delete, select, tuple_

from oms_ledger.cell import Cell
from oms_ledger.directory import Directory
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.hosting import FORGOTTEN, GONE
from oms_ledger.eventstore.tables import data_keys, events
from oms_ledger.services.cells.move import STEPS
from projections.jobs.tables import job_inputs, jobs
from projections.masterdata.tables import (
    document_entities,
    document_schemas,
    document_scroll_items,
    document_scrolls,
    document_terms,
    documents,
)
from projections.operators.tables import run_orders
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from projections.tables import (
    customer_index,
    export_chunks,
    order_search_terms,
    order_totals,
    order_views,
    timers,
)

PAGE = 1000


class ForgetRefused(Exception):
    """What the cell keeps of the account is needed as things are; nothing has changed."""


@dataclass(frozen=True)
class Kept:
    """A table with rows of accounts. `scope` says which ones are an account's."""

    table: Table
    scope: Callable[[str], ColumnElement[bool]]


def _of_account(table: Table) -> Kept:
    return Kept(table, lambda account: table.c.account == account)


def _of_jobs(table: Table, job: ColumnElement[str]) -> Kept:
    return Kept(table, lambda one: job.in_(select(jobs.c.id).where(jobs.c.account == one)))


def _of_scrolls(account: str) -> ColumnElement[bool]:
    scrolls = select(document_scrolls.c.token).where(document_scrolls.c.account == account)
    return document_scroll_items.c.token.in_(scrolls)


KEPT: tuple[Kept, ...] = (
    *map(_of_account, (order_views, order_search_terms, order_totals, customer_index, timers)),
    *map(_of_account, (documents, document_terms, document_schemas, document_entities)),
    _of_jobs(export_chunks, export_chunks.c.id),
    _of_jobs(job_inputs, job_inputs.c.job),
    _of_jobs(run_orders, run_orders.c.run),
    Kept(document_scroll_items, _of_scrolls),
    # What others are found by comes last.
    *map(_of_account, (document_scrolls, jobs)),
)
"""What of an account stays behind when it moves, besides events and data keys."""


def forget(cell: Cell, directory: Directory, account: str) -> Iterator[int]:
    """Delete what the cell keeps of an account; yields how many rows each transaction deleted.

    It may end anywhere, and be begun again. `ForgetRefused` unless the account has moved away.
    """
    _require_elsewhere(cell, directory, account)
    with cell.database.writing() as connection:
        hosting.change(connection, account, GONE, FORGOTTEN, to=FORGOTTEN)
    yield from _data_keys(cell, account)
    # Views that are behind the last event would write rows again.
    head = cell.store.head()
    for name, view in VIEWS.items():
        checkpoints.catch_up(cell.database, cell.loader(), name, view(), head)
    for kept in KEPT:
        yield from _rows(cell, account, kept)


def _require_elsewhere(cell: Cell, directory: Directory, account: str) -> None:
    _, _, places = directory.read()
    if (place := places.get(account)) is None or not place.live:
        raise ForgetRefused(f"The directory knows no cell in which the account {account} is live.")
    if place.cell == cell.settings.cell:
        raise ForgetRefused(f"The account {account} is live in this cell.")
    if directory.unfinished(account, place.epoch, STEPS[-1]) is not None:
        raise ForgetRefused(f"The move of the account {account} has not ended: move it again.")
    with cell.database.reading() as connection:
        state = hosting.state_of(connection, account)
    if state not in (GONE, FORGOTTEN):
        raise ForgetRefused(f"The account {account} has not moved away from this cell.")


def _data_keys(cell: Cell, account: str) -> Iterator[int]:
    """Delete the keys of all streams but the account's own: it has secrets, and names no person."""
    own, after = f"{account}/", 0
    e = events.c
    while True:
        page = select(e.position, e.stream).where(e.account == account, e.position > after)
        with cell.database.writing() as connection:
            hosting.require(connection, account, FORGOTTEN)
            found = connection.execute(page.order_by(e.position).limit(PAGE)).all()
            if not found:
                return
            after = found[-1].position
            streams = sorted({row.stream for row in found} - {own})
            gone = connection.execute(delete(data_keys).where(data_keys.c.stream.in_(streams)))
        for stream in streams:
            cell.encryption.forget(stream)
        yield gone.rowcount


def _rows(cell: Cell, account: str, kept: Kept) -> Iterator[int]:
    keys = list(kept.table.primary_key)
    page = select(*keys).where(kept.scope(account)).limit(PAGE)
    deletion = delete(kept.table).where(tuple_(*keys).in_(page))
    while True:
        with cell.database.writing() as connection:
            hosting.require(connection, account, FORGOTTEN)
            count = connection.execute(deletion).rowcount
        if not count:
            return
        yield count
