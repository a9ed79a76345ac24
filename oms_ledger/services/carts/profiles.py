"""What is known of a shopper by e-mail, for who may see carts in full: their latest order."""

import asyncio

from oms_ledger.carts.cart import Json
from oms_ledger.carts.sections import PROFILE
from oms_ledger.carts.shipping import FIELDS
from oms_ledger.cell import Cell
from oms_ledger.services.customers.identity import profile_id
from oms_ledger.services.privacy.steps import catch_up
from projections.customers import index

MOST = 50  # orders of a person that are looked at


async def known_profile(cell: Cell, account: str, email: str) -> Json:
    """The published profile; empty for an e-mail that nobody ordered with."""
    nobody: Json = {
        "userProfileId": None,
        "profileProvider": None,
        "availableAccounts": [],
        "availableAddresses": [],
        "userProfile": None,
        "isComplete": False,
    }
    if not email:
        return nobody
    await asyncio.to_thread(catch_up, cell, index.SUBSCRIPTION)
    ids = await asyncio.to_thread(_orders_of, cell, account, email)
    orders = [await cell.ledger.order(account, order_id) for order_id in ids[-MOST:]]
    latest = max(orders, key=lambda order: order.created_at, default=None)
    if latest is None or not latest.placed.client_profile:
        return nobody
    profile, address = latest.placed.client_profile, latest.placed.address
    return {
        "userProfileId": profile.get("userProfileId")
        or profile_id(cell.encryption, account, email),
        "profileProvider": account,
        "availableAccounts": [],
        "availableAddresses": [{name: address.get(name) for name in FIELDS}] if address else [],
        "userProfile": {
            **{name: profile.get(name) for name in PROFILE},
            "isCorporate": profile.get("isCorporate") is True,
        },
        "isComplete": bool(profile.get("firstName") and profile.get("document") and address),
    }


def _orders_of(cell: Cell, account: str, email: str) -> list[str]:
    with cell.database.reading() as connection:
        return index.orders_of(connection, cell.encryption, account, "email", email)
