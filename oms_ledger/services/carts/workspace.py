"""Reads and changes carts: one write after the other on each, each priced by the offers of now.

Operations of one process queue on a lock per cart; between processes the version decides, and the
slower one begins again on the newer cart. So every operation takes effect, in some order.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from oms_ledger.accounts.account import Account
from oms_ledger.carts.cart import MAX_BYTES, Cart, emptied, filling_key
from oms_ledger.carts.configuration import configuration_of
from oms_ledger.carts.context import CartCaller, CartContext
from oms_ledger.carts.pricing import PricedCart, Store, price_cart, without_passing
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.cell import Cell
from oms_ledger.offers.quote import LineInput, Question
from oms_ledger.services.carts.visits import CartVisits
from oms_ledger.services.offers.sources import AsksOutside, OfferSources
from projections.carts import store
from projections.carts.store import CartWrite, StoredCart

PATIENCE = 5.0  # seconds that an operation waits for those before it
ATTEMPTS = 200
Operation = Callable[[Cart, CartContext], Cart]
Check = Callable[[PricedCart], None]


@dataclass(frozen=True, slots=True)
class Approach:
    """How a request came to a cart: what its query asks for besides the operation."""

    sales_channel: str | None = None
    ask_offers_now: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A cart as it is to be shown; `expires_at` in microseconds."""

    priced: PricedCart
    store: Store
    expires_at: int
    silent_seller: str | None = None

    @property
    def cart(self) -> Cart:
        """The cart as it was priced for the answer."""
        return self.priced.cart


class _NoSuchCart(Exception):
    """The id names no cart of the account."""


class Carts:
    """The carts of a cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.offers = OfferSources(cell)
        self._visits = CartVisits(cell)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        """Let go of the sources of offers, and write the visits that wait."""
        self.offers.close()
        self._visits.close()

    async def open(
        self,
        account: Account,
        cart_id: str | None,
        caller: CartCaller,
        approach: Approach,
        *,
        create_missing: bool = True,
    ) -> Answer:
        """The cart of that id, priced again; a new one where there is none."""
        if cart_id is not None:
            try:
                return await self._run(account, cart_id, caller, approach, None, None)
            except _NoSuchCart:
                if not create_missing:
                    raise CartRefusal("ORD002") from None
        return await self.store_new(account, self.new_cart(account, approach.sales_channel))

    async def change(
        self,
        account: Account,
        cart_id: str,
        caller: CartCaller,
        approach: Approach,
        operation: Operation,
        *,
        check: Check | None = None,
    ) -> Answer:
        """The cart after an operation; a refusal leaves it as it was."""
        try:
            return await self._run(account, cart_id, caller, approach, operation, check)
        except _NoSuchCart:
            raise CartRefusal("ORD002") from None

    async def turn(self, cart_id: str, stack: AsyncExitStack) -> None:
        """Wait until it is this request's turn at the cart; until the stack is left."""
        lock = self._turns.setdefault(cart_id, asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE):
                await lock.acquire()
        except TimeoutError:
            raise CartRefusal("CHK0292") from None
        stack.callback(lock.release)

    async def _run(
        self,
        account: Account,
        cart_id: str,
        caller: CartCaller,
        approach: Approach,
        operation: Operation | None,
        check: Check | None,
    ) -> Answer:
        async with AsyncExitStack() as stack:
            if operation is not None:
                await self.turn(cart_id, stack)
            return await self.run_in_turn(account, cart_id, caller, approach, operation, check)

    async def run_in_turn(
        self,
        account: Account,
        cart_id: str,
        caller: CartCaller,
        approach: Approach,
        operation: Operation | None,
        check: Check | None = None,
    ) -> Answer:
        """As `change`, without waiting for a turn."""
        fields = (account, caller, approach, operation, check)
        for _ in range(ATTEMPTS):
            try:
                work = partial(self._attempt, *fields, waits=False)
                answer, holds = await self._visits.visit(account.name, cart_id, work)
            except AsksOutside:
                answer, holds = await self._visit_outside(account, cart_id, fields)
            if holds:
                return answer
        raise CartRefusal("CHK0292")

    async def _visit_outside(
        self, account: Account, cart_id: str, fields: tuple[Any, ...]
    ) -> tuple[Answer, bool]:
        """As a visit, waiting for sources that are called over HTTP where nobody else waits."""
        stored = await asyncio.to_thread(self.load, account, cart_id)
        answer, write = await self.offers.outside(self._attempt, *fields, stored)
        return answer, write is None or await self._visits.write(write)

    def _attempt(
        self,
        account: Account,
        caller: CartCaller,
        approach: Approach,
        operation: Operation | None,
        check: Check | None,
        stored: StoredCart | None,
        *,
        waits: bool,
    ) -> tuple[Answer, CartWrite | None]:
        """The answer, and what is to be written before it is given."""
        if stored is None:
            raise _NoSuchCart
        cart = self.after_purchase(without_passing(stored.cart))
        its_store = store_of(account)
        if approach.sales_channel is not None and approach.sales_channel != cart.sales_channel:
            cart = replace(cart, sales_channel=approach.sales_channel)
        figures = partial(self.price, account, its_store, edition_of(stored), waits=waits)
        if operation is not None:
            cart = operation(cart, self._context(account, its_store, caller, cart, figures))
        priced, silent = figures(cart, ask_now=approach.ask_offers_now)
        if check is not None:
            check(priced)
        if priced.cart == stored.cart:
            return Answer(priced, its_store, stored.expires_at, silent), None
        write = self.write_of(account, stored, priced.cart)
        return Answer(priced, its_store, write.expires_at, silent), write

    def load(self, account: Account, cart_id: str) -> StoredCart | None:
        """The cart as it is stored now; None when there is none of the account."""
        return self._visits.read(account.name, cart_id)

    def after_purchase(self, cart: Cart) -> Cart:
        """The cart, emptied when its filling was bought, whoever died before saying so."""
        if cart.placed is None:
            return cart
        bought = self.cell.store.key(cart.account, filling_key(cart.filling))
        return cart if bought is None else emptied(cart, new_filling())

    def price(
        self,
        account: Account,
        its_store: Store,
        editions: Mapping[str, bytes | None] | None,
        cart: Cart,
        *,
        ask_now: bool = False,
        waits: bool,
    ) -> tuple[PricedCart, str | None]:
        """The cart with its figures, and a seller that did not answer."""
        now = self.cell.clock.now()
        question = Question(
            lines=tuple(LineInput(line.id, line.seller, line.quantity) for line in cart.lines),
            now=now,
            channel=cart.sales_channel,
            place=cart.place,
            marketing=cart.marketing or {},
        )
        quoted = self.offers.quote(
            account,
            question,
            editions=editions,
            kept=cart.kept_quote,
            ask_now=ask_now,
            waits=waits,
        )
        if quoted.kept is not cart.kept_quote:
            cart = replace(cart, kept_quote=quoted.kept)
        conditions = quoted.conditions
        priced = price_cart(cart, quoted.lines, store=its_store, conditions=conditions, now=now)
        return priced, quoted.silent_seller

    def new_cart(self, account: Account, sales_channel: str | None = None) -> Cart:
        """An empty cart of the account; nothing of it is stored yet."""
        return Cart(
            id=secrets.token_hex(16),
            account=account.name,
            filling=new_filling(),
            sales_channel=sales_channel or "1",
        )

    async def store_new(self, account: Account, cart: Cart) -> Answer:
        """Store a cart that nobody knows yet, priced."""
        answer, write = await self.offers.quoting(self._new, account, cart)
        await self._visits.write(write)
        return answer

    def _new(self, account: Account, cart: Cart, *, waits: bool) -> tuple[Answer, CartWrite]:
        its_store = store_of(account)
        priced, silent = self.price(account, its_store, None, cart, waits=waits)
        now = self.cell.clock.micros()
        expires_at = now + micros_of(account)
        write = store.new(self.cell.encryption, priced.cart, now=now, expires_at=expires_at)
        return Answer(priced, its_store, expires_at, silent), write

    async def write(self, account: Account, stored: StoredCart, cart: Cart) -> bool:
        """Write the cart over the one that was read; False when somebody was faster."""
        return await self._visits.write(self.write_of(account, stored, cart))

    def write_of(self, account: Account, stored: StoredCart, cart: Cart) -> CartWrite:
        """What a write of the cart replaces and with what; `CHK0099` where it is too large."""
        plain = store.encoded(cart)
        if len(plain) > MAX_BYTES and len(_without_quote(cart)) > MAX_BYTES:
            raise CartRefusal("CHK0099", "orderForm")
        now = self.cell.clock.micros()
        expires_at = now + micros_of(account)
        return store.over(self.cell.encryption, stored, cart, plain, now=now, expires_at=expires_at)

    def _context(
        self,
        account: Account,
        its_store: Store,
        caller: CartCaller,
        cart: Cart,
        figures: Callable[[Cart], tuple[PricedCart, str | None]],
    ) -> CartContext:
        known: list[PricedCart] = []

        def priced() -> PricedCart:
            if not known:
                known.append(figures(cart)[0])
            return known[0]

        def check_seller(seller: str) -> None:
            self.check_seller(account, seller)

        return CartContext(
            its_store, caller, self.cell.clock.now(), new_line_id, priced, check_seller
        )

    def check_seller(self, account: Account, seller: str) -> None:
        """Refuse a seller that nobody knows, or an account that takes no orders of others."""
        if seller in ("1", account.name):
            return
        if self.offers.is_known_seller(account.name, seller):
            return
        if self.offers.elsewhere(account, seller) is not None:
            return  # whether it takes orders is asked when the order is placed
        other = self.offers.partner(account, seller)
        if other is None:
            raise CartRefusal("CHK0024", place=f"there is no seller {seller[:60]}")
        if not other.setting("accepts_orders"):
            raise CartRefusal("CHK0045", seller)


def _without_quote(cart: Cart) -> bytes:
    """What counts of a cart as its own: not what a source said, which is called again anyway."""
    return store.encoded(replace(cart, kept_quote=None))


def edition_of(stored: StoredCart) -> dict[str, bytes | None]:
    """The edition of its account's offers that the cart was read with."""
    return {stored.cart.account: stored.edition}


def new_line_id() -> str:
    """The `uniqueId` of a line: 32 digits of a hexadecimal number."""
    return secrets.token_hex(16).upper()


def new_filling() -> str:
    """The id of a filling: what is in a cart until it is placed."""
    return secrets.token_hex(16)


def micros_of(account: Account) -> int:
    """How long a cart of the account is kept, in microseconds."""
    return int(timedelta(days=account.setting("cart_days")) / timedelta(microseconds=1))


def store_of(account: Account) -> Store:
    """What a cart has to know of its account: country, currency, time zone."""
    return Store(
        account=account.name,
        country=account.setting("country"),
        currency=account.setting("currency"),
        language=account.setting("language"),
        time_zone=account.setting("time_zone"),
        seller_name=account.setting("seller_name") or account.name,
        configuration=configuration_of(account),
        pii=account.setting("pii"),
    )


def as_operation(function: Callable[..., Cart], **fields: Any) -> Operation:
    """An operation out of a command and its arguments."""
    return lambda cart, context: function(cart, context, **fields)
