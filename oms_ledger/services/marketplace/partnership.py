"""Whom an account sells with: other accounts, as far as it may know of them, and outsiders."""

from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.partners import are_partners
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
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
