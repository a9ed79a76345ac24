"""Asks offers for the figures of a placement in one body."""

import secrets
from dataclasses import replace

from oms_ledger.accounts.account import Account
from oms_ledger.carts.offered_body import Offered, cart_of, lacks_figures, with_offers
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.orders.parts import Json
from oms_ledger.orders.placement.reading import raw_items
from oms_ledger.services.carts.workspace import Carts, store_of


def body_with_offers(
    carts: Carts, account: Account, body: Json, *, trusted: bool, sales_channel: str, waits: bool
) -> Offered:
    """The body with the figures of the account's offers, as far as its client does not set them.

    An account without offers has nothing to fill in: whether that refuses the purchase is the
    placement's to say.
    """
    if trusted and not lacks_figures(body):
        return Offered(body)
    if not carts.offers.has_offers(account):
        return Offered(body)
    body = {**body, "items": raw_items(body)}
    requested = cart_of(body, account.name, sales_channel, account.setting("country"))
    requested = replace(requested, id=requested.id or secrets.token_hex(16))
    store = store_of(account)
    priced, silent = carts.price(account, store, None, requested, ask_now=True, waits=waits)
    if silent is not None:
        raise CartRefusal("ORD015", silent)
    now = carts.cell.clock.now()
    return with_offers(body, requested, priced, store, now, trusted=trusted)


def with_price_sources(placed: OrderPlaced, from_offers: set[str]) -> OrderPlaced:
    """An order that says of each price where it came from; ids of lines name those of offers."""
    items = tuple(
        replace(item, price_source="offer") if item.unique_id in from_offers else item
        for item in placed.items
    )
    return replace(placed, items=items)
