"""The cell that a command works on, and as whom it does."""

import asyncio

from oms_ledger import logs
from oms_ledger.cell import Cell, open_cell
from oms_ledger.eventstore.command import CommandContext


def open_migrated() -> Cell:
    """Open this machine's cell; it has to have this release's tables."""
    cell = open_cell()
    cell.require_tables()
    return cell


def open_process() -> Cell:
    """Open it for a process that goes on running, with its logs set up."""
    cell = open_cell()
    logs.configure(cell.settings)
    cell.require_tables()
    cell.require_key()
    return cell


def open_for(account: str) -> Cell:
    """Open the cell for an account that exists."""
    cell = open_migrated()
    asyncio.run(cell.ledger.account(account))
    return cell


def by_operator(account: str) -> CommandContext:
    """Act on an account as whoever may use the machine's command line."""
    return CommandContext(account, "operator")
