"""Erasing a person from the orders of an account, everywhere (contract G56), step by step.

Each order's data key is deleted in the transaction that records the erasure; from then on no
process opens what the key kept, because a key is used only while the database has it. The views
are brought up before the end, so that no answer of any process shows the person afterwards.

What is found is kept with the job before anything is erased: a process that is killed meanwhile
leaves enough to erase the rest, though the orders no longer say whose they were.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.privacy.erase import erase_person, is_open
from oms_ledger.services.accounts.token_end import end_tokens
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from oms_ledger.services.masterdata.profiles import (
    delete_documents,
    delete_profiles,
    documents_of_person,
)
from projections import tables
from projections.carts import store as carts
from projections.conversation import messages as conversation
from projections.customers import index
from projections.desk import notes, tasks
from projections.exports import exports
from projections.masterdata import documents, runs
from projections.outbox import messages
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS

AT_ONCE = 50  # orders under way at the same time


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to erase: `kind` is `email` or `document`."""

    kind: str
    value: str


class ErasureArguments(Arguments):
    """`kind` is `email` or `document`, `value` the person's."""

    kind: Literal["email", "document"]
    value: str = Field(min_length=1, max_length=254)
    include_open: bool = False
    include_documents: bool = False
    """Also documents of entities other than clients and addresses that hold a name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a person is found by and in. Open orders are left out unless they are asked for."""

    chosen: list[Order]
    left: list[Order]
    names: set[tuple[str, str]]
    emails: set[str]
    carts: int
    documents: list[tuple[str, str]]
    """Entity and id of documents that hold a name, clients and addresses aside."""


async def find(cell: Cell, account: str, person: Person, *, include_open: bool) -> Found:
    """The person's orders, names and carts; nothing is erased."""
    await cell.ledger.account(account)  # refuses one that does not exist
    for view in (index.SUBSCRIPTION, documents.SUBSCRIPTION):
        await asyncio.to_thread(catch_up, cell, view)
    found = await asyncio.to_thread(_orders_of, cell, account, person)
    orders = [await cell.ledger.order(account, order_id) for order_id in found]
    left = [order for order in orders if is_open(order) and not include_open]
    chosen = [order for order in orders if order not in left]
    emails = _emails(person, orders)
    names = {(person.kind, person.value), *(("email", email) for email in emails)}
    count = await asyncio.to_thread(_carts_of, cell, account, names)
    holding = await asyncio.to_thread(documents_of_person, cell, account, names)
    return Found(chosen, left, names, emails, count, holding)


ENDING = 4
"""Steps besides those of the orders: tokens and carts, views, profiles, what is left over."""


async def step(run: JobRun, arguments: ErasureArguments) -> Step:
    """One step of an erasure: find, end tokens, erase some orders, bring views up, clean up."""
    place = run.job.place
    if not place:
        return await _begin(run, arguments)
    return await _STEPS[place["next"]](run, dict(place))


async def _begin(run: JobRun, arguments: ErasureArguments) -> Step:
    person = Person(arguments.kind, arguments.value)
    found = await find(run.cell, run.job.account, person, include_open=arguments.include_open)
    place = {
        "next": "tokens",
        "erasureId": secrets.token_hex(16),
        "orders": [order.order_id for order in found.chosen],
        "open": [order.order_id for order in found.left],
        "carts": found.carts,
        "erased": 0,
        "withDocuments": arguments.include_documents,
        "documents": 0,
    }
    personal = {
        **run.personal,
        "names": sorted(found.names),
        "emails": sorted(found.emails),
    }
    return Step(0, len(found.chosen) + ENDING, place, personal)


async def _end_tokens(run: JobRun, place: dict[str, Any]) -> Step:
    await end_tokens(run.cell, run.context, run.personal["emails"])
    await asyncio.to_thread(_delete_carts, run.cell, run.job.account, _names(run))
    return _after(run, place, "orders")


async def _erase_orders(run: JobRun, place: dict[str, Any]) -> Step:
    at = int(place["erased"])
    some = place["orders"][at : at + AT_ONCE]
    decision = partial(erase_person, erasure_id=place["erasureId"])
    await asyncio.gather(
        *(run.cell.ledger.change(run.context, order_id, decision) for order_id in some)
    )
    place["erased"] = at + len(some)
    over = place["erased"] >= len(place["orders"])
    return _after(run, place, "views" if over else "orders", len(some))


async def _catch_up_views(run: JobRun, place: dict[str, Any]) -> Step:
    for subscription in VIEWS:
        await asyncio.to_thread(catch_up, run.cell, subscription)
    return _after(run, place, "profiles")


async def _delete_profiles(run: JobRun, place: dict[str, Any]) -> Step:
    await delete_profiles(run.cell, run.context, _names(run))
    if place.get("withDocuments"):
        place["documents"] += await delete_documents(run.cell, run.context, _names(run))
    return _after(run, place, "sweep")


async def _visit_all(run: JobRun, place: dict[str, Any]) -> Step:
    await asyncio.to_thread(_visit, run.cell, run.job.account, place["orders"])
    result = {name: place[name] for name in ("erasureId", "orders", "open", "carts")}
    result["documents"] = place.get("documents", 0)
    total = len(place["orders"]) + ENDING
    return Step(total, total, result=result)


_STEPS: dict[str, Callable[[JobRun, dict[str, Any]], Awaitable[Step]]] = {
    "tokens": _end_tokens,
    "orders": _erase_orders,
    "views": _catch_up_views,
    "profiles": _delete_profiles,
    "sweep": _visit_all,
}


def _after(run: JobRun, place: dict[str, Any], following: str, done: int = 1) -> Step:
    return Step(run.job.done + done, run.job.total, {**place, "next": following})


def _names(run: JobRun) -> set[tuple[str, str]]:
    return {(kind, value) for kind, value in run.personal["names"]}


def _emails(person: Person, orders: list[Order]) -> set[str]:
    """The e-mails whose tokens end with the erasure, known while the orders still have them."""
    named = {person.value} if person.kind == "email" else set()
    written = {order.placed.client_profile.get("email") for order in orders}
    return named | {email for email in written if isinstance(email, str) and email}


def _carts_of(cell: Cell, account: str, names: set[tuple[str, str]]) -> int:
    with cell.database.snapshot() as connection:
        found = (
            carts.of_person(connection, cell.encryption, account, kind, value)
            for kind, value in names
        )
        return len({cart for some in found for cart in some})


def _delete_carts(cell: Cell, account: str, names: set[tuple[str, str]]) -> int:
    with cell.database.writing() as connection:
        return sum(
            carts.erase_person(connection, cell.encryption, account, kind, value)
            for kind, value in sorted(names)
        )


def _orders_of(cell: Cell, account: str, person: Person) -> list[str]:
    with cell.database.reading() as connection:
        return index.orders_of(connection, cell.encryption, account, person.kind, person.value)


def catch_up(cell: Cell, subscription: str) -> None:
    """Take the subscription of a view over and bring it to the head, whoever held it."""
    head, view = cell.store.head(), VIEWS[subscription]()
    checkpoints.catch_up(cell.database, cell.loader(), subscription, view, head)


def _visit(cell: Cell, account: str, order_ids: list[str]) -> None:
    """Take out what errors may have repeated of the person, and what SQLite overwrote.

    PostgreSQL takes what was overwritten out by itself, when it vacuums.
    """
    with cell.database.writing() as connection:
        if order_ids:  # an export that was made before may show the person: it is made again
            exports.forget(connection, account)
        for at in range(0, len(order_ids), AT_ONCE):
            some = order_ids[at : at + AT_ONCE]
            tasks.erase(connection, account, some)
            notes.erase(connection, account, some)
            conversation.forget_aliases(connection, account, some)
            streams = [order_stream(account, order_id) for order_id in some]
            messages.forget_errors(connection, streams)
            runs.cancel_about(connection, streams, cell.clock.micros())
            entries = select(events.c.position).where(
                events.c.stream.in_([order_stream(account, order_id) for order_id in some])
            )
            evaluated = tables.filter_stats.update().where(
                tables.filter_stats.c.last_failure_position.in_(entries)
            )
            connection.execute(evaluated.values(last_failure=None))
    if cell.database.sqlite:
        with cell.database.turn(), cell.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
