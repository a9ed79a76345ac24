"""Places a purchase that adds up: numbers, ids and keys, all orders in one transaction."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from oms_ledger.accounts.account import Account
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import Key
from oms_ledger.http_client.masking import masked
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.orders.order import Order
from oms_ledger.orders.parts import Json
from oms_ledger.orders.payments.decide import begin_without_payment
from oms_ledger.orders.payments.systems import NO_PAYMENT
from oms_ledger.orders.placement.decide import number_of_orders, place
from oms_ledger.orders.placement.numbers import order_group as new_group
from oms_ledger.services.marketplace.partnership import is_outside, with_affiliate
from projections.accounts import sellers


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Through which channel a purchase comes, and where its figures come from.

    `trusted` may name prices, as far as the account's setting lets it. `offered` figures are those
    of the account's offers. `line_ids` are the ids that the lines have already.
    """

    sales_channel: str = "1"
    trusted: bool = False
    offered: bool = False
    line_ids: Sequence[str] = field(default=())


def as_it_is(placed: OrderPlaced) -> OrderPlaced:
    """Change nothing of an order that is about to be placed."""
    return placed


def no_keys(group: str, placed: OrderPlaced) -> Sequence[Key]:
    """Claim no key besides those that every order claims."""
    return ()


async def place_purchase(
    cell: Cell,
    ctx: CommandContext,
    account: Account,
    body: Json,
    origin: Origin,
    *,
    finish: Callable[[OrderPlaced], OrderPlaced] = as_it_is,
    more_keys: Callable[[str, OrderPlaced], Sequence[Key]] = no_keys,
) -> list[Order]:
    """Record the orders of a body. `finish` may add to each of them, `more_keys` to their keys."""
    count = number_of_orders(body)
    numbers = await asyncio.to_thread(cell.sequences.allot, account.name, count)
    form, noise = account.setting("order_id_form"), secrets.randbelow(10**6)
    group, transaction = new_group(numbers[0], account.suffix, form, noise), new_id()
    ids = _ids(origin.line_ids)
    decided = place(
        body,
        order_group=group,
        sequences=numbers,
        transaction_id=transaction,
        new_id=lambda: next(ids),
        account=account,
        sales_channel=origin.sales_channel,
        trusted=origin.trusted,
        offered=origin.offered,
    )
    placed = {
        order_id: finish(await _with_its_seller(cell, account, event))
        for order_id, event in decided
    }
    first = next(iter(placed.values()))
    keys = [Key(account.name, f"group:{group}", json.dumps(list(placed)).encode())]
    if first.transaction_id != NO_PAYMENT:
        keys.append(Key(account.name, f"transaction:{transaction}", group.encode()))
    keys += [Key(account.name, f"payment:{one.id}", group.encode()) for one in first.payments]
    orders = await cell.ledger.place(
        ctx,
        placed,
        keys=[*keys, *more_keys(group, first)],
        then=begin_without_payment,
    )
    return list(orders.values())


async def _with_its_seller(cell: Cell, account: Account, placed: OrderPlaced) -> OrderPlaced:
    """The order, on which stands who its seller is: outside and where, or as whom it knows us."""
    if placed.flow != "marketplace":
        return placed
    if not await is_outside(cell, account.name, placed.seller):
        return await with_affiliate(cell, account.name, placed)
    entry = await cell.read(sellers.seller, account.name, placed.seller, cell.encryption)
    if entry is None:  # taken out of the register meanwhile
        return replace(placed, seller_outside=True)
    shown = {"id": entry.id, "name": entry.name, "fulfillmentEndpoint": masked(entry.endpoint)}
    return replace(
        placed,
        seller_outside=True,
        seller_name=entry.name,
        details={**placed.details, "sellers": [shown]},
    )


def new_id() -> str:
    """The id of a transaction: 32 digits of a hexadecimal number."""
    return secrets.token_hex(16).upper()


def _ids(line_ids: Sequence[str]) -> Iterator[str]:
    """The ids of the lines first, which are read before any payment; then new ones."""
    yield from line_ids
    while True:
        yield new_id()
