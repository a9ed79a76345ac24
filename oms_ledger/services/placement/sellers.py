"""Who may be named as a seller: accounts of this deployment that take orders of others."""

from itertools import pairwise
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.orders.placement.decide import sellers_named
from oms_ledger.orders.placement.reading import refuse
from oms_ledger.orders.refusals import SellerInactive
from oms_ledger.services.marketplace.partnership import is_outside, partner
from projections.accounts import sellers


async def require_sellers(cell: Cell, account: Account, body: dict[str, Any]) -> None:
    """Refuse a purchase that names a seller which is unknown, no partner, or takes no orders."""
    for levels in sellers_named(body):
        if levels in (["1"], [account.name]):
            continue
        for marketplace_order, seller in pairwise([account.name, *levels]):
            if seller in ("1", account.name):
                raise refuse("CHK0024", f"Invalid seller for item: {seller} sells to itself")
            await require_seller(cell, marketplace_order, seller)


async def require_seller(cell: Cell, account: str, seller: str) -> None:
    """Refuse a seller that no order of this account can be placed at."""
    entry = await cell.read(sellers.seller, account, seller, cell.encryption)
    if entry is not None and not entry.is_active:
        raise SellerInactive(seller)
    try:
        terms = await partner(cell, account, seller)
    except AccountNotFound:
        if await is_outside(cell, account, seller):
            return
        raise refuse("CHK0024", f"Invalid seller for item: there is no seller {seller}") from None
    if not terms.setting("accepts_orders"):
        raise SellerInactive(seller)
