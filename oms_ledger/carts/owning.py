"""Whose the personal data of a cart are: the bearer of a value that its answers set as a cookie."""

from dataclasses import replace

from oms_ledger.carts.cart import Cart
from oms_ledger.carts.context import CartContext, is_owner
from oms_ledger.carts.refusals import CartRefusal


def require_owner(cart: Cart, context: CartContext) -> None:
    """Refuse somebody who is shown the person masked: they cannot replace what they do not see."""
    if not is_owner(cart, context):
        raise CartRefusal("CHK003", place="the cart's personal data belong to somebody else")


def owned(cart: Cart, context: CartContext) -> Cart:
    """The cart with a new owner's value; all of them have one length."""
    return replace(cart, owner=context.new_id())
