"""Reads and changes carts: one write after the other on each, each priced by the offers of now.

Writes of one process queue on a lock per cart; between processes the version decides, and the
slower one begins again on the newer cart. So every operation takes effect, in some order.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from oms_ledger.accounts.account import Account
from oms_ledger.carts.cart import MAX_BYTES, Cart, emptied, filling_key
from oms_ledger.carts.configuration import configuration_of
from oms_ledger.carts.context import CartCaller, CartContext
from oms_ledger.carts.pricing import PricedCart, Store, price_cart, without_passing
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import micros
from oms_ledger.offers.quote import LineInput, Question
from oms_ledger.services.offers.sources import OfferSources
from projections.carts import store
from projections.carts.store import StoredCart

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
        return self.priced.cart


class _NoSuchCart(Exception):
    """The id names no cart of the account."""


class Carts:
    """The carts of a cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.offers = OfferSources(cell)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        self.offers.close()

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
        return await asyncio.to_thread(self._create, account, caller, approach)

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
            return await asyncio.to_thread(
                self.run_now, account, cart_id, caller, approach, operation, check
            )

    def run_now(
        self,
        account: Account,
        cart_id: str,
        caller: CartCaller,
        approach: Approach,
        operation: Operation | None,
        check: Check | None = None,
    ) -> Answer:
        """As `change`, in this thread and without waiting for a turn."""
        for _ in range(ATTEMPTS):
            answer = self._attempt(account, cart_id, caller, approach, operation, check)
            if answer is not None:
                return answer
        raise CartRefusal("CHK0292")

    def _attempt(
        self,
        account: Account,
        cart_id: str,
        caller: CartCaller,
        approach: Approach,
        operation: Operation | None,
        check: Check | None,
    ) -> Answer | None:
        """The answer; None when another process wrote the cart meanwhile."""
        stored = self.load(account, cart_id)
        if stored is None:
            raise _NoSuchCart
        cart = self.after_purchase(without_passing(stored.cart))
        its_store = store_of(account)
        if approach.sales_channel is not None:
            cart = replace(cart, sales_channel=approach.sales_channel)
        if operation is not None:
            cart = operation(cart, self._context(account, its_store, caller, cart))
        priced, silent = self.price(account, its_store, cart, ask_now=approach.ask_offers_now)
        if check is not None:
            check(priced)
        expires_at = stored.expires_at
        if priced.cart != stored.cart:
            now = self.now_micros()
            expires_at = now + micros_of(account)
            if not self.write(stored, priced.cart, now, expires_at):
                return None
        return Answer(priced, its_store, expires_at, silent)

    def load(self, account: Account, cart_id: str) -> StoredCart | None:
        cell = self.cell
        with cell.database.reading() as connection:
            return store.get(connection, cell.encryption, account.name, cart_id, self.now_micros())

    def after_purchase(self, cart: Cart) -> Cart:
        """The cart, emptied when its filling was bought, whoever died before saying so."""
        if cart.placed is None:
            return cart
        bought = self.cell.store.key(cart.account, filling_key(cart.filling))
        return cart if bought is None else emptied(cart, new_filling())

    def price(
        self, account: Account, its_store: Store, cart: Cart, *, ask_now: bool = False
    ) -> tuple[PricedCart, str | None]:
        """The cart with its figures, and a seller that did not answer."""
        now = self.cell.ledger.now()
        question = Question(
            lines=tuple(LineInput(line.id, line.seller, line.quantity) for line in cart.lines),
            now=now,
            channel=cart.sales_channel,
            place=cart.place,
            marketing=cart.marketing or {},
        )
        with self.cell.database.snapshot() as connection:
            quoted = self.offers.quote(
                connection, account, question, kept=cart.kept_quote, ask_now=ask_now
            )
            conditions = self.offers.conditions(connection, account.name)
        cart = replace(cart, kept_quote=quoted.kept)
        priced = price_cart(cart, quoted.lines, store=its_store, conditions=conditions, now=now)
        return priced, quoted.silent_seller

    def now_micros(self) -> int:
        return micros(self.cell.ledger.now())

    def new_cart(self, account: Account, sales_channel: str | None = None) -> Cart:
        return Cart(
            id=secrets.token_hex(16),
            account=account.name,
            filling=new_filling(),
            sales_channel=sales_channel or "1",
        )

    def _create(self, account: Account, caller: CartCaller, approach: Approach) -> Answer:
        return self.store_new(account, self.new_cart(account, approach.sales_channel))

    def store_new(self, account: Account, cart: Cart) -> Answer:
        """Store a cart that nobody knows yet, priced."""
        priced, silent = self.price(account, store_of(account), cart)
        now = self.now_micros()
        expires_at = now + micros_of(account)
        with self.cell.database.writing() as connection:
            store.create(
                connection, self.cell.encryption, priced.cart, now=now, expires_at=expires_at
            )
        return Answer(priced, store_of(account), expires_at, silent)

    def write(self, stored: StoredCart, cart: Cart, now: int, expires_at: int) -> bool:
        """Write the cart over the one that was read; False when somebody was faster."""
        database, encryption = self.cell.database, self.cell.encryption
        kept = replace(cart, kept_quote=None) if cart.kept_quote else cart
        if len(store.encoded(kept)) > MAX_BYTES:
            raise CartRefusal("CHK0099", "orderForm")
        several = store.persons_change(encryption, stored, cart)
        with database.writing() if several else database.writing_once() as connection:
            return store.replace(
                connection, encryption, stored, cart, now=now, expires_at=expires_at
            )

    def _context(
        self, account: Account, its_store: Store, caller: CartCaller, cart: Cart
    ) -> CartContext:
        known: list[PricedCart] = []

        def priced() -> PricedCart:
            if not known:
                known.append(self.price(account, its_store, cart)[0])
            return known[0]

        def check_seller(seller: str) -> None:
            self.check_seller(account, seller)

        return CartContext(
            its_store, caller, self.cell.ledger.now(), new_line_id, priced, check_seller
        )

    def check_seller(self, account: Account, seller: str) -> None:
        """Refuse a seller that nobody knows, or an account that takes no orders of others."""
        if seller in ("1", account.name):
            return
        with self.cell.database.snapshot() as connection:
            if self.offers.is_known_seller(connection, account.name, seller):
                return
        other = self.offers.partner(account, seller)
        if other is None:
            raise CartRefusal("CHK0024", place=f"there is no seller {seller[:60]}")
        if not other.setting("accepts_orders"):
            raise CartRefusal("CHK0045", seller)


def new_line_id() -> str:
    return secrets.token_hex(16).upper()


def new_filling() -> str:
    return secrets.token_hex(16)


def micros_of(account: Account) -> int:
    """How long a cart of the account is kept, in microseconds."""
    return int(timedelta(days=account.setting("cart_days")) / timedelta(microseconds=1))


def store_of(account: Account) -> Store:
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
    """An operation out of a command and what it gets."""
    return lambda cart, context: function(cart, context, **fields)
