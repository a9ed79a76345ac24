"""Erasing a person from the orders of an account, at once and everywhere (contract G56).

Each order's data key is deleted in the transaction that records the erasure; from then on no
process opens what the key kept, because a key is used only while the database has it. The views
are brought up before the answer, so that no answer of any process shows the person afterwards.
"""

import asyncio
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.privacy.erase import erase_person, is_open
from oms_ledger.services.accounts.token_end import end_tokens
from oms_ledger.services.masterdata.profiles import delete_profiles
from projections import tables
from projections.carts import store as carts
from projections.conversation import messages as conversation
from projections.customers import index
from projections.desk import notes, tasks
from projections.exports import jobs
from projections.masterdata import runs
from projections.outbox import messages
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS

AT_ONCE = 50  # orders under way at the same time


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to erase: `kind` is `email` or `document`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was found and done; `outcome` is `erased`, `would be erased`, or `open`.

    An open order is skipped unless it is asked for: its goods could not be delivered any more.
    """

    id: str | None
    outcomes: tuple[tuple[Order, str], ...]
    carts: int = 0
    """Carts of the person, which are deleted with their keys."""

    @property
    def erased(self) -> int:
        return sum(outcome == "erased" for _, outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "dryRun": self.id is None,
            "found": len(self.outcomes),
            "erased": self.erased,
            "carts": self.carts,
            "open": sum(outcome == "open" for _, outcome in self.outcomes),
            "orders": [
                {
                    "orderId": order.order_id,
                    "status": None if order.status is None else str(order.status),
                    "outcome": outcome,
                }
                for order, outcome in self.outcomes
            ],
        }


async def erase(
    cell: Cell,
    ctx: CommandContext,
    person: Person,
    *,
    dry_run: bool,
    include_open: bool,
) -> Erasure:
    """Find the person's orders and, unless it is a dry run, erase the person from them.

    The person's user tokens end with it. Done again it finds nothing more to erase. Cut short,
    it is done again to go on.
    """
    account = ctx.account
    await cell.ledger.account(account)  # refuses one that does not exist
    await asyncio.to_thread(catch_up, cell, index.SUBSCRIPTION)
    found = await asyncio.to_thread(_orders_of, cell, account, person)
    orders = [await cell.ledger.order(account, order_id) for order_id in found]
    left = [order for order in orders if is_open(order) and not include_open]
    chosen = [order for order in orders if order not in left]
    emails = _emails(person, orders)
    names = {(person.kind, person.value), *(("email", email) for email in emails)}
    if dry_run:
        outcomes = [(order, "would be erased") for order in chosen]
        count = await asyncio.to_thread(_carts_of, cell, account, names)
        return Erasure(None, (*outcomes, *((order, "open") for order in left)), count)
    erasure_id = secrets.token_hex(16)
    decision = partial(erase_person, erasure_id=erasure_id)
    await end_tokens(cell, ctx, emails)
    deleted = await asyncio.to_thread(_delete_carts, cell, account, names)
    done: list[Order] = []
    for at in range(0, len(chosen), AT_ONCE):
        page = chosen[at : at + AT_ONCE]
        done += await asyncio.gather(
            *(cell.ledger.change(ctx, order.order_id, decision) for order in page)
        )
    for subscription in VIEWS:
        await asyncio.to_thread(catch_up, cell, subscription)
    await delete_profiles(cell, ctx, names)
    await asyncio.to_thread(_sweep, cell, account, [order.order_id for order in done])
    outcomes = [(order, "erased") for order in done]
    return Erasure(erasure_id, (*outcomes, *((order, "open") for order in left)), deleted)


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


def _sweep(cell: Cell, account: str, order_ids: list[str]) -> None:
    """Take out what errors may have repeated of the person, and what SQLite overwrote.

    PostgreSQL takes what was overwritten out by itself, when it vacuums.
    """
    with cell.database.writing() as connection:
        if order_ids:  # an export that was made before may show the person: it is made again
            for export in jobs.of_account(connection, account):
                jobs.drop(connection, export.id)
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
