"""A cart with the figures that offers give it: lines, choices of delivery, totals, messages.

The same offers give the same figures. What differs from what the shopper was last shown becomes
a message, and what is gone from the offers leaves the cart.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from oms_ledger.carts.cart import (
    MAX_LINES,
    Cart,
    CartLine,
    Choice,
    Json,
    Message,
    Ordination,
    Seen,
    with_messages,
)
from oms_ledger.carts.configuration import Configuration
from oms_ledger.carts.delivery import ChosenDelivery, choose_delivery
from oms_ledger.carts.payments import PricedPayment, payments_of
from oms_ledger.carts.texts import message
from oms_ledger.offers.catalog import Offer, PaymentCondition, Service
from oms_ledger.offers.quote import Availability, LineQuote
from oms_ledger.orders.pricing import (
    Line,
    LineFigures,
    PurchaseTotals,
    Tag,
    manual_price_tag,
    percentage,
    price_line,
    sum_totals,
)

GOOD_ENOUGH = {Availability.AVAILABLE, Availability.CANNOT_BE_DELIVERED}


@dataclass(frozen=True, slots=True)
class Store:
    """What a cart knows of its account."""

    account: str
    country: str
    currency: str
    language: str
    time_zone: str
    seller_name: str
    configuration: Configuration
    pii: bool = False

    def locale(self, cart: Cart) -> str:
        """The language in which the cart is shown."""
        return cart.locale or self.language


@dataclass(frozen=True, slots=True)
class PricedTag:
    """A price tag of a line with its amount for the whole line."""

    name: str
    value: int
    raw_value: float
    is_percentual: bool
    identifier: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its quote and its figures."""

    line: CartLine
    quote: LineQuote
    offer: Offer
    services: tuple[Service, ...]
    figures: LineFigures
    tags: tuple[PricedTag, ...]
    delivery: ChosenDelivery

    @property
    def is_available(self) -> bool:
        """Whether the line can be placed."""
        return self.quote.availability is Availability.AVAILABLE


@dataclass(frozen=True, slots=True)
class PricedCart:
    """The cart as it is shown. `moved` are the codes of what differs from what was shown."""

    cart: Cart
    lines: tuple[PricedLine, ...]
    totals: PurchaseTotals
    payments: tuple[PricedPayment, ...]
    gift_cards: tuple[Json, ...]
    conditions: tuple[PaymentCondition, ...]
    moved: tuple[str, ...]

    @property
    def available(self) -> list[PricedLine]:
        """The lines that can be placed: they alone count."""
        return [line for line in self.lines if line.is_available]

    @property
    def value(self) -> int:
        """What the cart costs, in cents."""
        return self.totals.value


def price_cart(
    cart: Cart,
    quotes: Sequence[LineQuote],
    *,
    store: Store,
    conditions: Sequence[PaymentCondition],
    now: datetime,
    chooses: bool = True,
) -> PricedCart:
    """Work out the cart from one quote per line, in the order of its lines.

    Unless it `chooses`, a line for which no delivery was named has none.
    """
    locale = store.locale(cart)
    answer: list[Message] = []
    passing: list[Message] = []  # about items that never were in the cart
    kept: list[tuple[CartLine, LineQuote, Offer]] = []
    for line, quote in zip(cart.lines, quotes, strict=True):
        if (refusal := _refused(line, quote, locale)) is not None:
            (passing if line.seen is None else answer).append(refusal)
            continue
        offer = quote.offer
        if offer is None:  # its seller did not answer: what is known of it is its SKU
            offer = Offer(sku=line.id, seller=line.seller, price=_last_price(line))
        if len(kept) == MAX_LINES and line.seen is None:
            full = message("cartMaxProductCountReached", locale, str(MAX_LINES), {"id": line.id})
            passing.append(full)
            continue
        kept.append((line, quote, offer))
    _sort(kept, cart.ordination)
    seen_for = _seen_for(cart, [line for line, _, _ in kept])
    same_as_seen = cart.seen_for == seen_for
    lines = []
    for index, (line, quote, offer) in enumerate(kept):
        priced, news = _priced_line(
            line,
            quote,
            offer,
            cart=cart,
            index=index,
            same_as_seen=same_as_seen,
            locale=locale,
            chooses=chooses or line.choice.sla is not None,
        )
        lines.append(priced)
        answer += news
    totals = sum_totals(one.figures for one in lines if one.is_available)
    gift_cards, payments, gone = payments_of(cart, totals.value, conditions)
    if gone:
        answer.append(message("unavailableSelectedPayment", locale, "", {}))
        cart = replace(cart, payments=())
    errors = [one for one in answer if one.status == "error" and "itemIndex" in one.fields]
    standing = [
        one for one in cart.messages if not (one.status == "error" and "itemIndex" in one.fields)
    ]
    moved = tuple(one.code for one in answer if one not in errors)
    after = replace(
        cart,
        lines=tuple(one.line for one in lines),
        was_used=cart.was_used or bool(lines),
        messages=tuple(standing),
        seen_for=seen_for
        if _same_quantities(kept, lines)
        else _seen_for(cart, [o.line for o in lines]),
    )
    after = with_messages(after, answer)
    shown = with_messages(after, passing)
    return PricedCart(
        replace(after, messages=shown.messages) if passing else after,
        tuple(lines),
        totals,
        payments,
        gift_cards,
        tuple(conditions),
        moved,
    )


def _same_quantities(
    before: Sequence[tuple[CartLine, LineQuote, Offer]], after: Sequence[PricedLine]
) -> bool:
    return all(
        line.quantity == one.line.quantity for (line, _, _), one in zip(before, after, strict=True)
    )


def _sort(lines: list[tuple[CartLine, LineQuote, Offer]], ordination: Ordination | None) -> None:
    """Put the lines in the order that was asked for; as they were added without one."""
    match ordination:
        case Ordination(criteria="NAME", ascending=ascending):
            lines.sort(key=lambda one: one[2].label.casefold(), reverse=not ascending)
        case Ordination(criteria="ADD_TIME", ascending=ascending):
            lines.sort(key=lambda one: one[0].added, reverse=not ascending)


def without_passing(cart: Cart) -> Cart:
    """The cart without what is said in one answer only: of items that were never added."""
    gone = {"withoutStock", "withoutPrice", "cartMaxProductCountReached", "ORD027"}
    kept = tuple(
        one for one in cart.messages if not (one.code in gone and one.fields.keys() == {"id"})
    )
    return cart if len(kept) == len(cart.messages) else replace(cart, messages=kept)


def _refused(line: CartLine, quote: LineQuote, locale: str) -> Message | None:
    """Why the line cannot be in the cart; a line that was there stays without stock or price."""
    if quote.availability is Availability.NOT_OFFERED:
        fields = {"id": line.id} if line.seen is None else {"id": line.id, "seller": line.seller}
        return message("ORD027", locale, line.id, fields)
    refuses_new = (Availability.WITHOUT_STOCK, Availability.WITHOUT_PRICE)
    if line.seen is None and quote.availability in refuses_new:
        name = quote.offer.label if quote.offer else line.id
        return message(str(quote.availability), locale, name, {"id": line.id})
    return None


def _last_price(line: CartLine) -> int | None:
    return line.seen.price if line.seen else None


def _seen_for(cart: Cart, lines: Sequence[CartLine]) -> str:
    """A digest of what freight depends on, so that a change of it gets from its own change."""
    place = cart.place
    values = [
        cart.sales_channel,
        *((place.country, place.postal_code, place.coordinates) if place else ()),
        *((line.id, line.seller, line.quantity) for line in lines),
    ]
    return hashlib.blake2b(repr(values).encode(), digest_size=8).hexdigest()


def _priced_line(
    line: CartLine,
    quote: LineQuote,
    offer: Offer,
    *,
    cart: Cart,
    index: int,
    same_as_seen: bool,
    locale: str,
    chooses: bool,
) -> tuple[PricedLine, list[Message]]:
    fields = {"itemIndex": str(index), "skuName": offer.sku_name or offer.label, "ean": offer.ean}
    answer = []

    def say(code: str) -> None:
        coordinates = bool(cart.place and not cart.place.postal_code)
        answer.append(message(code, locale, offer.label, fields, coordinates=coordinates))

    before = line.seen
    if quote.availability is not Availability.AVAILABLE:
        say(str(quote.availability))
    if quote.availability in GOOD_ENOUGH and quote.quantity < line.quantity:
        say("itemQuantityNotAvailable")
        line = replace(line, quantity=quote.quantity)
    line, removed = _still_offered(line, quote, offer)
    for name in removed:
        say(name)
    if before and offer.price is not None and before.price not in (None, offer.price):
        say("changedPriceValue")
    delivery = choose_delivery(line, quote.slas, cart.place is not None and chooses)
    if code := _freight_moved(line.choice, before, delivery, same_as_seen):
        say(code)
    if line.choice.sla is not None and delivery.sla is not None:
        choice = delivery.as_choice(line.choice)
        if choice != line.choice:
            line = replace(line, choice=choice)
    services = tuple(
        service for one in line.services for service in offer.services if service.id == one.id
    )
    figures, tags = price_figures(line, offer, services, delivery)
    seen = Seen(
        price=offer.price,
        quantity=line.quantity,
        sla=delivery.sla.id if delivery.sla else None,
        freight=figures.freight if delivery.sla else None,
    )
    if seen != before:
        line = replace(line, seen=seen)
    return PricedLine(line, quote, offer, services, figures, tags, delivery), answer


def _still_offered(line: CartLine, quote: LineQuote, offer: Offer) -> tuple[CartLine, list[str]]:
    """The line without services and attachments that are offered no more, and what to say."""
    if quote.offer is None:  # nobody said that they are gone
        return line, []
    services = {service.id for service in offer.services}
    names = {one.name for one in offer.attachments}
    removed = []
    if any(one.id not in services for one in line.services):
        kept = tuple(one for one in line.services if one.id in services)
        line = replace(line, services=kept)
        removed.append("bundleItemsRemoved")
    if any(one.name not in names for one in line.attachments):
        line = replace(line, attachments=tuple(a for a in line.attachments if a.name in names))
        removed.append("itemAttachmentsRemoved")
    return line, removed


def _freight_moved(
    choice: Choice, before: Seen | None, delivery: ChosenDelivery, same_as_seen: bool
) -> str | None:
    chosen = delivery.sla
    if chosen is None or before is None:
        return None
    if choice.sla is not None and choice.sla != chosen.id:
        return "changedFreight"
    if not same_as_seen or before.sla is None:
        return None
    if choice.sla is None and choice.channel is None and before.sla != chosen.id:
        return "changedFreight"
    moved = before.sla == chosen.id and before.freight not in (None, delivery.price)
    return "changedFreightPrice" if moved and not delivery.window_changed else None


def price_figures(
    line: CartLine, offer: Offer, services: Sequence[Service], delivery: ChosenDelivery
) -> tuple[LineFigures, tuple[PricedTag, ...]]:
    """The figures of a line by the arithmetic of orders, and its tags with their amounts."""
    price = offer.price or 0
    tags = [
        Tag(tag.name, tag.value, percentage(tag.value, None) if tag.is_percentual else None)
        for tag in offer.price_tags
    ]
    if line.manual_price is not None:
        tags.append(
            manual_price_tag(price, line.manual_price, line.quantity, offer.unit_multiplier)
        )
    figures = price_line(
        Line(
            price=price,
            quantity=line.quantity,
            unit_multiplier=offer.unit_multiplier,
            tags=tags,
            services=[service.price for service in services],
            tax=offer.tax,
            freight=delivery.price,
            list_freight=delivery.list_price,
            freight_tax=delivery.tax,
        )
    )
    shown = [
        PricedTag(
            tag.name,
            tag.value if tag.is_percentual else value,
            tag.raw_value if tag.raw_value is not None else value / 100,
            tag.is_percentual,
            tag.identifier,
            tag.owner,
        )
        for tag, value in zip(offer.price_tags, figures.tag_values, strict=False)
    ]
    if line.manual_price is not None:
        value = figures.tag_values[-1]
        shown.append(PricedTag(tags[-1].name, value, value / 100, False, None, None))
    return figures, tuple(shown)
