"""Records what was configured before configuration was recorded as events, once an account."""

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, delete, select

from oms_ledger.accounts.configuration import ConfigurationImported
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.operators import (
    DEPLOYMENT,
    OperatorEvent,
    OperatorImported,
    OperatorState,
    stream_of,
)
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from projections.accounts.configuration import TABLES, configuration_of
from projections.accounts.tables import configuration_imports
from projections.operators.tables import operators

MIGRATION = "migration"
"""The actor of what is recorded afterwards: nobody knows any more who configured it."""

log = structlog.get_logger(__name__)


async def import_configuration(cell: Cell) -> None:
    """For each account that the migration named: cut short, the rest follows at the next try."""
    query = select(configuration_imports.c.account).order_by(configuration_imports.c.account)
    accounts = await cell.read(lambda connection: list(connection.execute(query).scalars()))
    if accounts:
        await asyncio.to_thread(cell.require_key)
    for account in accounts:
        if account == DEPLOYMENT:
            await _import_operators(cell)
        else:
            await _import(cell, account)


async def _import_operators(cell: Cell) -> None:
    """Each in its own stream, unless that was begun already."""

    def imported(row: Mapping[str, Any], known: OperatorState | None) -> list[OperatorEvent]:
        if known is not None:
            return []
        names = {field.name for field in fields(OperatorImported)}
        return [OperatorImported(**{name: row[name] for name in names})]

    rows = await cell.read(lambda c: [dict(row) for row in c.execute(select(operators)).mappings()])
    for row in rows:
        stream = stream_of(row["id"])
        await cell.ledger.record(
            CommandContext(DEPLOYMENT, MIGRATION), {stream: partial(imported, row)}
        )
    await cell.write(_done, DEPLOYMENT)
    log.info("operators_imported", rows=len(rows))


def _done(connection: Connection, account: str) -> None:
    t = configuration_imports
    connection.execute(delete(t).where(t.c.account == account))


async def _import(cell: Cell, account: str) -> None:
    def done(connection: Connection) -> None:
        _done(connection, account)

    state = (await asyncio.to_thread(cell.ledger.loader.load, f"{account}/")).state
    found = await cell.read(_events, cell, account, state)
    if not found:
        await cell.write(done)
        return
    ctx = CommandContext(account, MIGRATION)
    await cell.ledger.configure(ctx, lambda _: found, fills=[done])
    log.info("configuration_imported", account=account, rows=len(found))


def _events(connection: Connection, cell: Cell, account: str, state: object) -> list[AccountEvent]:
    """One for each row that the account's events do not say already."""
    events: list[AccountEvent] = []
    for table in TABLES:
        known = table.rows(account, configuration_of(state))
        for key, row in table.read(connection, cell.encryption, account).items():
            if key not in known or table.wrong(known[key], row):
                fields = table.fields(row)
                secrets = {name: fields.pop(name) for name in table.secret & fields.keys()}
                events.append(ConfigurationImported(str(table.table.name), fields, secrets))
    return events
