"""Whom an account sells with: other accounts, as far as it may know of them, and outsiders."""

import asyncio
from dataclasses import replace

from sqlalchemy import Connection

from oms_ledger.accounts.affiliates import is_affiliate_id
from oms_ledger.accounts.partners import are_partners, names
from oms_ledger.accounts.refusals import AccountNotFound, AccountNotReached
from oms_ledger.accounts.sellers import affiliate_of
from oms_ledger.cell import Cell
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.services.marketplace.account_calls import AccountCall, cell_elsewhere, over_http
from oms_ledger.services.marketplace.counterpart import Declined, Terms
from projections.accounts import sellers

PATIENCE = 5.0
"""Seconds that a caller waits for the cell of a partner."""


async def partner(cell: Cell, account: str, name: str) -> Terms:
    """Return the terms of an account that is a partner of this one, in whichever cell it is.

    Raises AccountNotFound for any other, so that an account that refuses is answered word for
    word as one that is not there; AccountNotReached while its cell does not answer.
    """
    own, url = await cell.ledger.account(account), await cell_elsewhere(cell, name)
    if url is None:
        other = await cell.ledger.account(name)
        if not are_partners(own, other, cell.settings.partners):
            raise AccountNotFound(name)
        return Terms(bool(other.setting("accepts_orders")), other.setting("seller_name") or name)
    if not names(own, name, cell.settings.partners):
        raise AccountNotFound(name)
    return await _terms_elsewhere(cell, url, account, name)


async def _terms_elsewhere(cell: Cell, url: str, account: str, name: str) -> Terms:
    call = AccountCall(account, name, None, "terms")
    try:
        outcome = await asyncio.wait_for(over_http(cell, url, call), PATIENCE)
    except TimeoutError:
        raise AccountNotReached(name) from None
    match outcome:
        case Terms():
            return outcome
        case Declined():
            raise AccountNotFound(name)
    raise AccountNotReached(name)


async def is_outside(cell: Cell, account: str, seller: str) -> bool:
    """Whether a seller of the account is one outside the deployment, and no partner here."""

    def registered(connection: Connection) -> bool:
        return seller in sellers.outside(connection, account)

    if await cell_elsewhere(cell, seller) is not None and not await cell.read(registered):
        return False  # whether it is a partner changes nothing
    try:
        await partner(cell, account, seller)
    except AccountNotFound:
        return await cell.read(registered)
    return False


async def with_affiliate(cell: Cell, account: str, placed: OrderPlaced) -> OrderPlaced:
    """The order with the affiliate as which its seller knows the account.

    That of the register entry's endpoint, else of its mapping of the sales channel. `00` stays
    where neither names one, or names what can be no affiliate's id.
    """
    if placed.flow not in ("marketplace", "chain") or placed.seller_outside:
        return placed
    entry = await cell.read(sellers.seller, account, placed.seller, cell.encryption)
    named = entry and affiliate_of(entry.endpoint, entry.channels, placed.sales_channel)
    return replace(placed, seller_affiliate=named) if named and is_affiliate_id(named) else placed
