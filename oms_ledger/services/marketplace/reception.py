"""Orders that a marketplace places at an account: all of a request, or none of them.

The same for a request over HTTP and for an operation of a connector's queue.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.affiliates import AffiliateInput, require_affiliate_id
from oms_ledger.accounts.refusals import AccountNotFound, InvalidAffiliate
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import ATTEMPTS, ConcurrencyError, KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.http_client.addresses import wrong_url
from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.marketplace.as_seller import accept_order, move_marketplace
from oms_ledger.orders.marketplace.placement_form import published_code, read_form
from oms_ledger.orders.marketplace.received import (
    Marketplace,
    Received,
    account_named,
    receive,
    same_order,
)
from oms_ledger.orders.order import Order
from oms_ledger.orders.placement.numbers import order_group as new_group
from oms_ledger.orders.refusals import (
    InvalidMarketplaceOrder,
    InvalidPlacement,
    OrderIdTaken,
    OrderNotFound,
    OrderNotRecreated,
    SellerInactive,
    UnknownAffiliate,
)
from oms_ledger.orders.status import Status
from oms_ledger.services.marketplace import registers
from oms_ledger.services.marketplace.franchises import with_deliverer
from oms_ledger.services.marketplace.offered import with_offers
from oms_ledger.services.marketplace.partnership import is_outside, partner, with_affiliate
from oms_ledger.services.offers.sources import OfferSources
from oms_ledger.services.placement.sellers import require_seller
from projections.accounts import affiliates
from projections.accounts.affiliates import Affiliate


@dataclass(frozen=True, slots=True)
class Reception:
    """What a marketplace's request for orders led to: the orders, and which of them are new."""

    orders: tuple[Order, ...]
    new: frozenset[str]
    unreachable: bool = False
    """Whether an order names no address at which its marketplace can be notified."""


async def receive_orders(
    cell: Cell,
    ctx: CommandContext,
    affiliate_id: str,
    bodies: Sequence[dict[str, Any]],
    offers: OfferSources,
    *,
    sales_channel: str = "1",
    chain: bool = False,
) -> Reception:
    """Place orders, those that are there already aside: all of them, or none.

    Bodies of a `chain` are of the published protocol between levels; others are checked field by
    field, and refused with the codes of fulfillment.
    """
    require_affiliate_id(affiliate_id)
    account = await cell.ledger.account(ctx.account)
    affiliate = await _affiliate(cell, account, affiliate_id)
    received: list[Received] = []
    unreachable = False
    for body in bodies:
        marketplace = await _marketplace(cell, account, affiliate_id, affiliate, body)
        unreachable |= not marketplace.sold_by and not marketplace.outside
        one = await _received(cell, offers, account, marketplace, body, sales_channel, chain=chain)
        if one.placed.flow == "chain":
            await require_seller(cell, account.name, one.placed.seller)
            outside = await is_outside(cell, account.name, one.placed.seller)
            placed = replace(one.placed, seller_outside=outside)
            one = replace(one, placed=await with_affiliate(cell, account.name, placed))
        _require_minimum(affiliate, one.placed)
        received.append(one)
    orders, new = await _recorded(cell, ctx, received)
    if affiliate is None and new:
        await _register(cell, ctx, affiliate_id)
    return Reception(tuple(orders), new, unreachable)


async def _affiliate(cell: Cell, account: Account, affiliate_id: str) -> Affiliate | None:
    known = await cell.read(affiliates.affiliate, account.name, affiliate_id, cell.encryption)
    if known is None and account.setting("strict_affiliates"):
        raise UnknownAffiliate(affiliate_id)
    return known


async def _register(cell: Cell, ctx: CommandContext, affiliate_id: str) -> None:
    """An unknown affiliate is registered by its first order, named as its id."""
    sent = AffiliateInput(affiliate_id, {"id": affiliate_id, "name": affiliate_id}, {})
    try:
        await registers.save_affiliate(cell, ctx, sent)
    except InvalidAffiliate:  # another one has that name
        named = {**sent.fields, "name": f"Affiliate {affiliate_id}"}
        await registers.save_affiliate(cell, ctx, replace(sent, fields=named))


async def _marketplace(
    cell: Cell,
    account: Account,
    affiliate_id: str,
    affiliate: Affiliate | None,
    body: Mapping[str, Any],
) -> Marketplace:
    """Who sold the order: by its endpoint a partner here, else an outsider."""
    name = affiliate.name if affiliate else None
    given = next((v for k, v in body.items() if k.lower() == "marketplaceservicesendpoint"), None)
    endpoint = given.strip() if isinstance(given, str) else ""
    named = account_named(endpoint) or _of_public_url(cell.settings.public_url, endpoint)
    if named == account.name:
        return Marketplace(affiliate_id, None, name=name)
    if named is not None:
        try:
            await partner(cell, account.name, named)
            return Marketplace(affiliate_id, named, name=name)
        except AccountNotFound:
            pass
    outside = wrong_url(endpoint, cell.settings.networks_of(account.name)) is None
    return Marketplace(affiliate_id, None, outside, name)


def _of_public_url(public_url: str | None, endpoint: str) -> str | None:
    """The account that an address below our own public one names."""
    if public_url is None or not endpoint.startswith(f"{public_url}/"):
        return None
    return urlsplit(endpoint[len(public_url) :]).path.split("/")[1].lower() or None


async def _received(
    cell: Cell,
    offers: OfferSources,
    account: Account,
    marketplace: Marketplace,
    body: dict[str, Any],
    sales_channel: str,
    *,
    chain: bool,
) -> Received:
    if not chain:
        if not account.setting("accepts_orders"):
            raise SellerInactive(account.name)
        body = read_form(body, account.name)
        body = await with_deliverer(
            cell, offers, account, marketplace.affiliate, body, sales_channel
        )
        order = await _there(cell, account, marketplace, body)
        if order is None:
            body = await with_offers(offers, account, body, sales_channel)
        elif not account.setting("trust_request_prices"):
            body = _priced_as(order, body)
    (number,) = await asyncio.to_thread(cell.sequences.allot, account.name, 1)
    form, noise = account.setting("order_id_form"), secrets.randbelow(10**6)
    try:
        return receive(
            body,
            account=account,
            marketplace=marketplace,
            order_group=new_group(number, account.suffix, form, noise),
            sequence=number,
            new_id=lambda: secrets.token_hex(16).upper(),
            sales_channel=sales_channel,
        )
    except InvalidPlacement as refusal:
        if chain:
            raise
        raise InvalidMarketplaceOrder(published_code(refusal.code), refusal.message) from refusal


async def _there(
    cell: Cell, account: Account, marketplace: Marketplace, body: dict[str, Any]
) -> Order | None:
    """The order that was placed before: what is on offer now says nothing about it."""
    try:
        order_id = f"{marketplace.affiliate}-{body['marketplaceOrderId'].strip()}"
        return await cell.ledger.order(account.name, order_id)
    except OrderNotFound:
        return None


def _priced_as(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    """The lines at the prices that the account gave them when the order was placed."""
    placed = order.placed.items
    if [str(raw["id"]) for raw in body["items"]] != [item.id for item in placed]:
        return body
    priced = [{**raw, "price": item.price} for raw, item in zip(body["items"], placed, strict=True)]
    return {**body, "items": priced}


def _require_minimum(affiliate: Affiliate | None, placed: events.OrderPlaced) -> None:
    minimum = affiliate.minimum_value if affiliate else 0
    worth = sum(total.value for total in placed.totals)
    if worth < minimum:
        message = f"the order is worth {worth}, the affiliate's minimum value is {minimum}"
        raise InvalidMarketplaceOrder(
            "FMT0042", f"Invalid marketplace payment value or payment data: {message}"
        )


async def _recorded(
    cell: Cell, ctx: CommandContext, received: Sequence[Received]
) -> tuple[list[Order], frozenset[str]]:
    """The orders, and the ids of those that were placed now."""
    for _ in range(ATTEMPTS):
        known = await _known(cell, ctx, received)
        missing = {one.order_id: one for one in received if one.order_id not in known}
        try:
            if missing:
                known |= await _placed(cell, ctx, missing)
        except KeyTaken:  # some of them, sent twice at once
            continue
        return [known[one.order_id] for one in received], frozenset(missing)
    raise ConcurrencyError(received[0].order_id)


async def _known(cell: Cell, ctx: CommandContext, received: Sequence[Received]) -> dict[str, Order]:
    """The orders that are there; refuses another one in the place of one that was sent."""
    known: dict[str, Order] = {}
    first: dict[str, Received] = {}
    for one in received:
        ids = one.placed.marketplace_order_id, one.placed.affiliate_id
        before = first.setdefault(one.order_id, one)
        if not same_order(before.placed, one.placed):
            raise OrderIdTaken(*ids)
        try:
            order = await cell.ledger.order(ctx.account, one.order_id)
        except OrderNotFound:
            continue
        if order.order_id != one.order_id:
            continue  # an own order, which its seller would name so
        if order.status is Status.CANCELED:
            raise OrderNotRecreated(*ids)
        if not same_order(order.placed, one.placed):
            raise OrderIdTaken(*ids)
        known[one.order_id] = await _moved(cell, ctx, order, one.placed)
    return known


async def _moved(cell: Cell, ctx: CommandContext, order: Order, again: events.OrderPlaced) -> Order:
    """The order, notified at the address that came now: connectors move."""
    endpoint = again.details.get("marketplaceServicesEndpoint")
    if endpoint == order.placed.details.get("marketplaceServicesEndpoint"):
        return order
    decision = partial(move_marketplace, endpoint=str(endpoint), sold_outside=again.sold_outside)
    return await cell.ledger.change(ctx, order.order_id, decision)


async def _placed(cell: Cell, ctx: CommandContext, new: Mapping[str, Received]) -> dict[str, Order]:
    """Place those that are not known, in one transaction."""
    keys = [
        Key(ctx.account, f"group:{one.placed.order_group}", json.dumps([order_id]).encode())
        for order_id, one in new.items()
    ]

    def accept(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
        return accept_order(order, context, difference=new[order.order_id].difference)

    return await cell.ledger.place(
        ctx,
        {order_id: one.placed for order_id, one in new.items()},
        keys=keys,
        then=accept,
    )
