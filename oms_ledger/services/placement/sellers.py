"""Who may be named as a seller: accounts of this deployment that take orders of others."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.refusals import AccountNotFound, AccountNotReached
from oms_ledger.cell import Cell
from oms_ledger.orders.placement.decide import sellers_named
from oms_ledger.orders.placement.reading import refuse
from oms_ledger.orders.refusals import SellerInactive
from oms_ledger.refusal import Refusal
from oms_ledger.services.marketplace.account_calls import (
    AccountCall,
    Answer,
    Outcome,
    cell_elsewhere,
    over_http,
)
from oms_ledger.services.marketplace.counterpart import Declined, Done, Unknown
from oms_ledger.services.marketplace.partnership import PATIENCE, is_outside, partner
from projections.accounts import sellers

REQUIRE_SELLER = "require-seller"


async def require_sellers(cell: Cell, account: Account, body: dict[str, Any]) -> None:
    """Refuse a purchase that names a seller which is unknown, no partner, or takes no orders."""
    for levels in sellers_named(body):
        if levels in (["1"], [account.name]):
            continue
        for marketplace, seller in pairwise([account.name, *levels]):
            if seller in ("1", account.name):
                raise refuse("CHK0024", f"Invalid seller for item: {seller} sells to itself")
            url = await cell_elsewhere(cell, marketplace)
            if url is None:
                await require_seller(cell, marketplace, seller)
            else:
                await _require_elsewhere(cell, url, account.name, marketplace, seller)


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
    if not terms.accepts_orders:
        raise SellerInactive(seller)


async def _require_elsewhere(cell: Cell, url: str, sender: str, account: str, seller: str) -> None:
    call = AccountCall(sender, account, None, REQUIRE_SELLER, values={"seller": seller})
    try:
        outcome = await asyncio.wait_for(over_http(cell, url, call), PATIENCE)
    except TimeoutError:
        raise AccountNotReached(account) from None
    match outcome:
        case Done():
            return
        case Declined(code, message):
            raise refuse(code, message)
    raise AccountNotReached(account)


async def answer_required(cell: Cell, call: AccountCall) -> Outcome:
    """Whether orders of the called account can be placed at a seller."""
    try:
        await require_seller(cell, call.recipient, str(call.values["seller"]))
    except AccountNotReached as away:
        return Unknown(away.message)
    except Refusal as refusal:
        return Declined(refusal.code, refusal.message)
    return Done()


ANSWERS: Mapping[str, Answer] = {REQUIRE_SELLER: answer_required}
