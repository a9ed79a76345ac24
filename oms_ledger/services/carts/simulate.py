"""Simulations: a cart priced for a moment, and kept by nobody."""

from oms_ledger.accounts.account import Account
from oms_ledger.carts.cart import CartLine
from oms_ledger.carts.pricing import PricedCart, price_cart
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.simulation import Simulation, read_simulation
from oms_ledger.offers.quote import LineInput, Question
from oms_ledger.services.carts.workspace import Carts, store_of


def simulate(
    carts: Carts,
    account: Account,
    body: object,
    *,
    sales_channel: str,
    as_seller: bool = False,
    waits: bool,
) -> tuple[Simulation, PricedCart, list[str]]:
    """The request, its figures, and the sellers as they were named.

    A marketplace names the account by a name of its own: every line is the account's.
    """
    requested = read_simulation(
        body,
        account=account.name,
        country=account.setting("country"),
        sales_channel=sales_channel,
        lines_of_cart=_lines_of_cart(carts, account, body),
    )
    echoed = [line.seller for line in requested.cart.lines]
    if not as_seller:
        for seller in dict.fromkeys(echoed):
            carts.check_seller(account, seller)
    question = Question(
        lines=tuple(
            LineInput(line.id, "1" if as_seller else line.seller, line.quantity)
            for line in requested.cart.lines
        ),
        now=carts.cell.clock.now(),
        channel=sales_channel,
        place=requested.cart.place,
        marketing=requested.marketing or {},
    )
    quoted = carts.offers.quote(account, question, waits=waits)
    priced = price_cart(
        requested.cart,
        quoted.lines,
        store=store_of(account),
        conditions=quoted.conditions,
        now=question.now,
        chooses=False,
    )
    return requested, priced, echoed


def _lines_of_cart(carts: Carts, account: Account, body: object) -> tuple[CartLine, ...]:
    """The lines of the cart that a request names instead of items."""
    if not isinstance(body, dict) or body.get("items") or not body.get("orderFormId"):
        return ()
    stored = carts.load(account, str(body["orderFormId"]).replace("-", "").lower())
    if stored is None:
        raise CartRefusal("ORD002")
    return stored.cart.lines
