"""Leaving a cart's person behind: a new cart with the same items for whoever comes next."""

import asyncio
from dataclasses import replace

from oms_ledger.accounts.account import Account
from oms_ledger.carts.cart import Cart
from oms_ledger.carts.context import CartCaller, CartContext
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.services.carts.workspace import Answer, Approach, Carts, new_line_id


async def copy_without_person(
    carts: Carts, account: Account, cart_id: str, caller: CartCaller
) -> Answer:
    """Store a new cart with items, channel and marketing alone; empty the old one of the person."""
    stored = await asyncio.to_thread(carts.load, account, cart_id)
    if stored is None:
        raise CartRefusal("ORD002")
    old = await asyncio.to_thread(carts.after_purchase, stored.cart)
    new = carts.new_cart(account, old.sales_channel)
    lines = tuple(
        replace(line, unique_id=new_line_id(), choice=replace(line.choice, address_id=None))
        for line in old.lines
    )
    new = replace(
        new,
        lines=lines,
        was_used=old.was_used,
        marketing=old.marketing,
        preferences=old.preferences,
    )
    answer = await carts.store_new(account, new)
    await carts.run_in_turn(account, cart_id, caller, Approach(), forget_person)
    return answer


def forget_person(cart: Cart, context: CartContext) -> Cart:
    """The cart without anything that says of a person."""
    return replace(
        cart,
        profile=None,
        written_by=None,
        owner=None,
        addresses=(),
        known_addresses=(),
        payments=(),
        gift_cards=(),
        invoice_data=None,
        open_text=None,
        apps=(),
        custom_fields=(),
        merchant_context=None,
    )
