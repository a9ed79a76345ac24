"""Other accounts of the deployment, as far as an account may know of them."""

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.partners import are_partners
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell


async def partner(cell: Cell, account: str, name: str) -> Account:
    """Return an account that is a partner of this one.

    Raises AccountNotFound for any other, so that an account that refuses is answered word for
    word as one that is not there.
    """
    own, other = await cell.ledger.account(account), await cell.ledger.account(name)
    if not are_partners(own, other, cell.settings.partners):
        raise AccountNotFound(name)
    return other
