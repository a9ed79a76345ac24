"""What an operation on a cart gets besides the cart: who asks, what is on offer, the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from oms_ledger.carts.cart import Cart, CartLine
from oms_ledger.carts.pricing import PricedCart, PricedLine, Store
from oms_ledger.carts.refusals import CartRefusal


@dataclass(frozen=True, slots=True)
class CartCaller:
    """Who asks: `actor` as events name it; `full` has `Shopping Cart Full Access`."""

    actor: str
    anonymous: bool = False
    full: bool = False
    shopper: str | None = None
    ownership: str | None = None
    """The value of the cookie by which a cart's owner is known."""


@dataclass(frozen=True, slots=True)
class CartContext:
    """What a change of a cart may look at: account, caller, instant, new ids, prices."""

    store: Store
    caller: CartCaller
    now: datetime
    new_id: Callable[[], str]
    priced: Callable[[], PricedCart]
    """The cart before the operation, as offers price it; computed only where it is needed."""
    check_seller: Callable[[str], None]
    """Refuses a seller that is unknown or inactive."""

    @property
    def may_set_prices(self) -> bool:
        """Whether the caller may set prices, and the account allows it."""
        return self.caller.full and self.store.configuration.allow_manual_price

    def offered_line(self, index: int) -> PricedLine:
        """A line of the cart with its offer."""
        lines = self.priced().lines
        if not 0 <= index < len(lines):
            raise CartRefusal("CHK0041", place=f"the cart has no line {index}")
        return lines[index]


def line_at(cart: Cart, index: int) -> CartLine:
    """The line of an index; `CHK0041` where there is none."""
    if not 0 <= index < len(cart.lines):
        raise CartRefusal("CHK0041", place=f"the cart has no line {index}")
    return cart.lines[index]


def is_owner(cart: Cart, context: CartContext) -> bool:
    """Whether the caller may change the person of the cart."""
    return is_shown(cart, context.store, context.caller)


def is_shown(cart: Cart, store: Store, caller: CartCaller) -> bool:
    """Whether the caller sees the person of the cart as it is (setting `pii`)."""
    if not store.pii or not cart.has_person or caller.full:
        return True
    if caller.shopper is not None and caller.shopper == cart.written_by:
        return True
    return cart.owner is not None and caller.ownership == cart.owner
