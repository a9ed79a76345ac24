"""Ends user tokens before their time, of persons or of a whole account (G65)."""

import asyncio
from collections.abc import Iterable

from oms_ledger.accounts.tokens import TokensEnded
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.customers.identity import mailbox_hash
from projections.accounts import token_bounds
from projections.customers import shoppers


async def end_tokens(cell: Cell, ctx: CommandContext, emails: Iterable[str] | None) -> None:
    """End the tokens that were issued until now: of these persons, or of everybody for None.

    A person's tokens end for every e-mail that orders know the person by.
    """
    subjects = {token_bounds.EVERYBODY}
    if emails is not None:
        subjects = await asyncio.to_thread(_hashes, cell, ctx.account, emails)
    if not subjects:
        return
    ended = TokensEnded(tuple(sorted(subjects)))
    await cell.ledger.configure(ctx, lambda _: [ended])


def _hashes(cell: Cell, account: str, emails: Iterable[str]) -> set[str]:
    return {
        mailbox_hash(cell.encryption, account, known)
        for email in emails
        for known in (email, *_known(cell, account, email))
    }


def _known(cell: Cell, account: str, email: str) -> frozenset[str]:
    with cell.database.snapshot() as connection:
        return shoppers.known_as(connection, account, email).emails
