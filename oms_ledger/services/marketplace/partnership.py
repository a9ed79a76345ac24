"""Whom an account sells with: other accounts, as far as it may know of them, and outsiders."""

from dataclasses import replace

from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.affiliates import is_affiliate_id
from oms_ledger.accounts.partners import are_partners
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.accounts.sellers import affiliate_of
from oms_ledger.cell import Cell
from oms_ledger.orders.events import OrderPlaced
from projections.accounts import sellers


async def partner(cell: Cell, account: str, name: str) -> Account:
    """Return an account that is a partner of this one.

    Raises AccountNotFound for any other, so that an account that refuses is answered word for
    word as one that is not there.
    """
    own, other = await cell.ledger.account(account), await cell.ledger.account(name)
    if not are_partners(own, other, cell.settings.partners):
        raise AccountNotFound(name)
    return other


async def is_outside(cell: Cell, account: str, seller: str) -> bool:
    """Whether a seller of the account is one outside the deployment, and no partner here."""

    def registered(connection: Connection) -> bool:
        return seller in sellers.outside(connection, account)

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
