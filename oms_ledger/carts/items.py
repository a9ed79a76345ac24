"""Operations on the lines of a cart. Indexes are those before the request."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oms_ledger.carts.cart import (
    MAX_ENTRIES,
    MAX_QUANTITY,
    Cart,
    CartLine,
    LineAttachment,
    Ordination,
)
from oms_ledger.carts.context import CartContext, line_at
from oms_ledger.carts.line_attachments import read_attachments
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import LARGEST, cents, require_object, text_of, whole

_CRITERIA = ("NAME", "ADD_TIME", "GIFT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event of `orderItems`, as far as it says something."""

    place: str
    sku: str | None = None
    seller: str | None = None
    quantity: int | None = None
    index: int | None = None
    price: int | None = None
    attachments: tuple[LineAttachment, ...] | None = None
    no_split: bool = False


def add_items(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """`POST items`: a line that is there gets the quantity, others are appended."""
    entries = [replace(one, index=None) for one in _entries(cart, context, body)]
    return _appended(cart, context, entries)


def patch_items(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """`PATCH items`: events with an index change that line, others are added."""
    entries = _entries(cart, context, body)
    _require_distinct(entries)
    changed = _updated(cart, context, [one for one in entries if one.index is not None])
    return _appended(changed, context, [one for one in entries if one.index is None])


def update_items(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """`POST items/update`: quantities by index; 0 removes the line."""
    entries = _entries(cart, context, body)
    for one in entries:
        if one.index is None:
            raise CartRefusal("ORD058", place=one.place)
    _require_distinct(entries)
    return _updated(cart, context, entries)


def remove_all(cart: Cart, context: CartContext) -> Cart:
    """The lines go with their services and deliveries; the person and marketing stay."""
    payments = replace(cart, lines=(), payments=(), gift_cards=())
    return replace(payments, custom_fields=tuple(f for f in cart.custom_fields if f.type != "item"))


def split_line(cart: Cart, context: CartContext, *, unique_id: str, body: object) -> Cart:
    """A line becomes several in its place, each with an id of its own."""
    index = next((i for i, line in enumerate(cart.lines) if line.unique_id == unique_id), None)
    if index is None:
        raise CartRefusal("CHK0022", place=f"no line has the uniqueId {unique_id}")
    line = cart.lines[index]
    if not isinstance(body, list) or not body or len(body) > MAX_ENTRIES:
        raise CartRefusal("CHK0023", place="expected a list of quantities")
    quantities = [_quantity(one, f"[{i}]", lowest=1) for i, one in enumerate(body)]
    if line.no_split or sum(quantities) != line.quantity:
        content = "it is not to be split" if line.no_split else f"they add up to {line.quantity}"
        raise CartRefusal("CHK0023", place=f"the quantities of the line: {content}")
    parts = [
        replace(line, unique_id=context.new_id(), quantity=quantity, separate=True)
        for quantity in quantities
    ]
    return _with_lines(cart, [*cart.lines[:index], *parts, *cart.lines[index + 1 :]])


def set_manual_price(cart: Cart, context: CartContext, *, index: int, body: object) -> Cart:
    """The price of one unit of every line of that SKU and seller, whatever is offered."""
    line = line_at(cart, index)
    _require_right(context)
    price = cents(require_object(body, "CHK0025", "the body").get("price"))
    if price is None or not 0 <= price <= LARGEST:
        raise CartRefusal("CHK0025", place="price")
    return _priced_manually(cart, context, line, price)


def drop_manual_price(cart: Cart, context: CartContext, *, index: int) -> Cart:
    """Let the line cost what it costs on offer."""
    line = line_at(cart, index)
    _require_right(context)
    return _priced_manually(cart, context, line, None)


def order_lines(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Have the lines sorted, now and later."""
    content = require_object(body, "CHK00318", "the body")
    criteria, ascending = content.get("criteria"), content.get("ascending", True)
    if criteria not in _CRITERIA or not isinstance(ascending, bool):
        raise CartRefusal("CHK00318", place=f"criteria is one of {', '.join(_CRITERIA)}")
    return replace(cart, ordination=Ordination(criteria=criteria, ascending=ascending))


def _entries(cart: Cart, context: CartContext, body: object) -> list[Entry]:
    if isinstance(body, list):
        raise CartRefusal("OMS004", "the body must be an object with orderItems")
    content = require_object(body, "CHK0022", "the body")
    given = content.get("orderItems")
    if not isinstance(given, list):
        raise CartRefusal("CHK0022", place="orderItems must be a list")
    if len(given) > MAX_ENTRIES:
        raise CartRefusal("CHK0062", MAX_ENTRIES)
    no_split = content.get("noSplitItem") is True
    return [_entry(cart, raw, f"orderItems[{i}]", no_split) for i, raw in enumerate(given)]


def _entry(cart: Cart, raw: object, place: str, no_split: bool) -> Entry:
    content = require_object(raw, "CHK0022", place)
    index = content.get("index")
    number = None if index is None else whole(index)
    unique_id = content.get("uniqueId")
    if index is None and isinstance(unique_id, str) and unique_id:
        number = next((i for i, one in enumerate(cart.lines) if one.unique_id == unique_id), None)
    if index is not None and (number is None or number < 0):
        raise CartRefusal("CHK0041", place=f"{place}.index")
    price = None
    if content.get("price") is not None:
        price = cents(content["price"])
        if price is None or not 0 <= price <= LARGEST:
            raise CartRefusal("CHK0025", place=f"{place}.price")
    attachments = content.get("attachments")
    return Entry(
        place=place,
        sku=text_of(content.get("id")) or None,
        seller=text_of(content.get("seller")) or None,
        quantity=None if content.get("quantity") is None else _quantity(content, place),
        index=number,
        price=price,
        attachments=read_attachments(attachments, place) if attachments else None,
        no_split=no_split or content.get("noSplitItem") is True,
    )


def _quantity(content: object, place: str, lowest: int = 0) -> int:
    given = content.get("quantity") if isinstance(content, dict) else None
    quantity = whole(given)
    if quantity is None or not lowest <= quantity <= MAX_QUANTITY:
        raise CartRefusal("CHK0023", place=f"{place}.quantity")
    return quantity


def _require_distinct(entries: Sequence[Entry]) -> None:
    seen: set[int] = set()
    for one in entries:
        if one.index is None:
            continue
        if one.index in seen:
            raise CartRefusal("CHK0108", place=f"{one.place}.index {one.index}")
        seen.add(one.index)


def _require_right(context: CartContext) -> None:
    if not context.may_set_prices:
        raise CartRefusal("CHK003", place="manual prices need Shopping Cart Full Access")


def _updated(cart: Cart, context: CartContext, entries: Sequence[Entry]) -> Cart:
    lines: list[CartLine | None] = list(cart.lines)
    added: list[CartLine] = []
    for one in entries:
        assert one.index is not None
        line = line_at(cart, one.index)
        if one.sku not in (None, line.id) or one.seller not in (None, line.seller):
            content = f"{one.place}: line {one.index} is {line.id} of seller {line.seller}"
            raise CartRefusal("CHK0041", place=content)
        if one.quantity is None:
            raise CartRefusal("CHK0023", place=f"{one.place}.quantity")
        if not one.quantity:
            lines[one.index] = None
            continue
        changed, more = _with_quantity(line, one, context)
        if one.attachments is not None:
            changed = replace(changed, attachments=_offered(context, one))
        lines[one.index] = changed
        added += more
    cart = _with_lines(cart, [line for line in lines if line is not None] + added)
    for one in entries:
        if one.price is not None and one.index is not None:
            _require_right(context)
            cart = _priced_manually(cart, context, line_at(cart, one.index), one.price)
    return cart


def _with_quantity(
    line: CartLine, entry: Entry, context: CartContext
) -> tuple[CartLine, list[CartLine]]:
    """New units of a line with a service are a line without it, unless it is not to be split."""
    assert entry.quantity is not None
    no_split = entry.no_split or line.no_split
    if line.services and entry.quantity > line.quantity and not no_split:
        more = CartLine(
            unique_id=context.new_id(),
            id=line.id,
            seller=line.seller,
            quantity=entry.quantity - line.quantity,
            attachments=line.attachments,
            manual_price=line.manual_price,
            manual_price_by=line.manual_price_by,
            choice=line.choice,
        )
        return line, [more]
    return replace(line, quantity=entry.quantity, no_split=no_split), []


def _appended(cart: Cart, context: CartContext, entries: Sequence[Entry]) -> Cart:
    new: list[CartLine] = []
    for one in entries:
        if one.sku is None:
            raise CartRefusal("CHK0022", place=f"{one.place}.id")
        if not one.quantity:
            raise CartRefusal("CHK0023", place=f"{one.place}.quantity")
        if one.seller is None:
            raise CartRefusal("CHK0024", place=f"{one.place}.seller")
        if one.price is not None:
            _require_right(context)
        context.check_seller(one.seller)
        line = CartLine(
            unique_id=context.new_id(),
            id=one.sku,
            seller=one.seller,
            quantity=one.quantity,
            attachments=one.attachments or (),
            no_split=one.no_split,
            manual_price=one.price,
            manual_price_by=None if one.price is None else context.caller.actor,
        )
        alike = next((i for i, other in enumerate(new) if other.is_like(line)), None)
        if alike is None:
            new.append(line)
        else:
            total = new[alike].quantity + line.quantity
            if total > MAX_QUANTITY:
                raise CartRefusal("CHK0023", place=f"{one.place}.quantity")
            new[alike] = replace(new[alike], quantity=total)
    return _merged(cart, new)


def _merged(cart: Cart, new: Sequence[CartLine]) -> Cart:
    """The cart with new lines: one that is there already gets the quantity, others come last."""
    lines = list(cart.lines)
    number = max((one.added for one in lines), default=0)
    for line in new:
        at = next((i for i, other in enumerate(lines) if other.is_like(line)), None)
        if at is None:
            number += 1
            lines.append(replace(line, added=number))
            continue
        found = replace(lines[at], quantity=line.quantity)
        if line.manual_price is not None:
            found = replace(
                found, manual_price=line.manual_price, manual_price_by=line.manual_price_by
            )
        lines[at] = found
    return _with_lines(cart, lines)


def _offered(context: CartContext, entry: Entry) -> tuple[LineAttachment, ...]:
    """The attachments of an event that its line's offer has; others are left out."""
    if entry.index is None or entry.attachments is None:
        return ()
    names = {one.name for one in context.offered_line(entry.index).offer.attachments}
    return tuple(one for one in entry.attachments if one.name in names)


def _priced_manually(cart: Cart, context: CartContext, line: CartLine, price: int | None) -> Cart:
    actor = None if price is None else context.caller.actor
    lines = [
        replace(one, manual_price=price, manual_price_by=actor)
        if (one.id, one.seller) == (line.id, line.seller)
        else one
        for one in cart.lines
    ]
    return _with_lines(cart, lines)


def _with_lines(cart: Cart, lines: Sequence[CartLine]) -> Cart:
    ids = {line.unique_id for line in lines}
    fields = tuple(f for f in cart.custom_fields if f.type != "item" or f.id in ids)
    return replace(cart, lines=tuple(lines), custom_fields=fields)
