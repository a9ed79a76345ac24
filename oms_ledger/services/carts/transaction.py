"""Placing from a cart: the shopper's figures, one group per state of the cart, one purchase of it.

A cart may lead to several groups, because a shopper changes it and tries again. Its filling is a
key of the ledger that only one of them takes, when it is processed.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from oms_ledger.accounts.account import Account
from oms_ledger.carts import placement
from oms_ledger.carts.cart import Json, PlacedGroup, emptied, filling_key
from oms_ledger.carts.context import CartCaller
from oms_ledger.carts.pricing import PricedCart, without_passing
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import TIME_TO_PAY
from oms_ledger.orders.payments.systems import NO_PAYMENT
from oms_ledger.services.carts.workspace import (
    ATTEMPTS,
    Answer,
    Approach,
    Carts,
    edition_of,
    new_filling,
    store_of,
)
from oms_ledger.services.placement.groups import orders_of_group
from oms_ledger.services.placement.purchase import Origin, place_purchase
from oms_ledger.services.placement.sellers import require_seller
from projections.carts.store import StoredCart


@dataclass(frozen=True, slots=True)
class Transaction:
    """The cart as it was placed, and its orders; without orders the cart says what to mend."""

    answer: Answer
    orders: tuple[Order, ...] = ()
    next_cart: Answer | None = None
    """The empty cart to go on with, where the purchase is done already."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    stored: StoredCart
    answer: Answer
    body: Json | None = None
    digest: str = ""


async def place_cart(
    carts: Carts,
    account: Account,
    cart_id: str,
    caller: CartCaller,
    body: object,
    *,
    ctx: CommandContext,
    identify: Callable[[Json], Json],
) -> Transaction:
    """Place what is in the cart, at the prices that the shopper was last shown."""
    async with AsyncExitStack() as stack:
        await carts.turn(cart_id, stack)
        for _ in range(ATTEMPTS):
            prepared = await carts.offers.quoting(_prepare, carts, account, cart_id, caller, body)
            if prepared.body is None:
                if await carts.write(account, prepared.stored, prepared.answer.cart):
                    return Transaction(prepared.answer)
                continue
            await require_cart_sellers(carts, account, prepared.answer.priced)
            before = await _repeated(carts, account, prepared)
            if before:
                return Transaction(prepared.answer, tuple(before))
            orders = await _place(carts, ctx, account, prepared, identify(prepared.body))
            done = await _remember(carts, account, prepared, orders)
            if done is not None:
                return done
    raise CartRefusal("CHK0292")


def _prepare(
    carts: Carts,
    account: Account,
    cart_id: str,
    caller: CartCaller,
    body: object,
    *,
    waits: bool,
) -> _Prepared:
    """The cart as it would be placed; without a body where it says what to mend."""
    stored = carts.load(account, cart_id)
    if stored is None:
        raise CartRefusal("ORD002")
    placement.require_reference(stored.cart, body)
    store = store_of(account)
    cart = carts.after_purchase(without_passing(stored.cart))
    priced, silent = carts.price(
        account, store, edition_of(stored), cart, ask_now=True, waits=waits
    )
    if silent is not None:
        raise CartRefusal("ORD015", silent)
    answer = Answer(priced, store, stored.expires_at)
    if priced.moved:
        return _Prepared(stored, answer)
    placement.require_complete(priced, store, caller)
    if not placement.is_whole(priced):
        return _Prepared(stored, answer)
    placement.require_payable(priced, body)
    whole = placement.placement_body(priced, store, carts.cell.clock.now())
    return _Prepared(stored, answer, whole, placement.digest_of(priced, store))


async def require_cart_sellers(carts: Carts, account: Account, priced: PricedCart) -> None:
    """Refuse a seller who can be sent no order: prices alone make nobody one."""
    sellers = {one.line.seller for one in priced.lines} - {"1", account.name}
    for seller in sorted(sellers):
        await require_seller(carts.cell, account.name, seller)


async def _repeated(carts: Carts, account: Account, prepared: _Prepared) -> Sequence[Order]:
    """The orders that this very state of the cart led to, while they can still be processed."""
    placed = prepared.answer.cart.placed
    if placed is None or placed.digest != prepared.digest:
        return ()
    orders = await orders_of_group(carts.cell, account.name, placed.group)
    now = carts.cell.clock.now()
    return orders if all(_waits(order, now) for order in orders) else ()


def _waits(order: Order, now: datetime) -> bool:
    incomplete = order.status is None and not order.expired
    return incomplete and not order.money.denied_attempts and now - order.created_at < TIME_TO_PAY


async def _place(
    carts: Carts,
    ctx: CommandContext,
    account: Account,
    prepared: _Prepared,
    body: Json,
) -> Sequence[Order]:
    priced = prepared.answer.priced
    cart = priced.cart

    def keys(group: str, placed: OrderPlaced) -> Sequence[Key]:
        """A purchase that costs nothing is done at once, and takes the filling with it."""
        if placed.transaction_id != NO_PAYMENT:
            return ()
        return [Key(account.name, filling_key(cart.filling), group.encode())]

    origin = Origin(
        sales_channel=cart.sales_channel,
        offered=True,
        line_ids=[one.line.unique_id for one in priced.lines],
    )
    try:
        return await place_purchase(
            carts.cell,
            ctx,
            account,
            body,
            origin,
            finish=lambda placed: placement.finished(placed, priced),
            more_keys=keys,
        )
    except KeyTaken:
        raise CartRefusal("CHK0085") from None


async def _remember(
    carts: Carts, account: Account, prepared: _Prepared, orders: Sequence[Order]
) -> Transaction | None:
    """Keep which group the cart led to; None when somebody changed the cart meanwhile."""
    answer, group = prepared.answer, orders[0].placed.order_group
    if orders[0].placed.transaction_id == NO_PAYMENT:
        await carts.write(account, prepared.stored, emptied(answer.cart, new_filling()))
        fresh = await carts.store_new(account, carts.new_cart(account, answer.cart.sales_channel))
        return Transaction(answer, tuple(orders), fresh)
    placed = PlacedGroup(group=group, digest=prepared.digest, at=carts.cell.clock.now())
    if not await carts.write(account, prepared.stored, replace(answer.cart, placed=placed)):
        return None
    return Transaction(answer, tuple(orders))


async def empty_after_purchase(
    carts: Carts, account: Account, orders: Sequence[Order]
) -> Answer | None:
    """Empty the cart of a processed purchase, and store a new one to go on with.

    None for a purchase that came from no cart. Done again it changes nothing.
    """
    placed = orders[0].placed
    if placed.filling is None or placed.order_form_id is None:
        return None
    stored = await asyncio.to_thread(carts.load, account, placed.order_form_id)
    channel = placed.sales_channel
    if stored is not None and stored.cart.filling == placed.filling:
        caller = CartCaller(actor="purchase")
        await carts.run_in_turn(account, stored.cart.id, caller, Approach(), None)
    return await carts.store_new(account, carts.new_cart(account, channel))
