"""Reading a placement: values of the right kind, or a refusal with the published code."""

from collections.abc import Callable
from decimal import Decimal

from oms_ledger.decimal_numbers import decimal_number
from oms_ledger.orders.amounts import LARGEST, cents, count
from oms_ledger.orders.events import Item, Json, PriceTag
from oms_ledger.orders.pricing import Tag, line_total, percentage, tag_value
from oms_ledger.orders.refusals import InvalidPlacement
from oms_ledger.orders.totals import ARITHMETIC, figures

_ITEM = {"id", "quantity", "seller", "price", "unitMultiplier", "priceTags", "tax", "uniqueId"} | {
    "priceDefinition",
    "sellingPrice",
}
_TAG = {"name", "value", "rawValue", "identifier", "isPercentual"}
_LONGEST_MULTIPLIER = 12  # digits: what leaves every product exact


def refuse(code: str, message: str) -> InvalidPlacement:
    """Make a refusal that names a published code."""
    return InvalidPlacement(code, message)


def required_object(body: Json, name: str, code: str) -> Json:
    """Read a part that has to be there."""
    part = body.get(name)
    if not isinstance(part, dict):
        raise refuse(code, f"{name} is required and must be an object")
    return part


def optional_object(body: Json, name: str) -> Json | None:
    """Read a part that may be null or missing."""
    part = body.get(name)
    if part is not None and not isinstance(part, dict):
        raise refuse("OMS004", f"{name}: expected an object or null")
    return part


def objects(part: Json, name: str, place: str, code: str) -> list[Json]:
    """A list of objects; empty when there is none."""
    given = part.get(name)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise refuse(code, f"{place}{name}: expected a list of objects")
    return given


def raw_items(body: Json) -> list[Json]:
    """Read the lines of a body, each with a seller as text."""
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise refuse("ORD005", "items is required: an order needs at least one item")
    for index, raw in enumerate(items):
        if not isinstance(raw, dict):
            raise refuse("CHK0022", f"Invalid id for item: items[{index}] must be an object")
        _seller(raw, index)
    return [{**raw, "seller": _seller(raw, index)} for index, raw in enumerate(items)]


def _seller(raw: Json, index: int) -> str:
    """The seller as text; some clients send it as a number."""
    seller = raw.get("seller")
    if isinstance(seller, int) and not isinstance(seller, bool):
        seller = str(seller)
    if not isinstance(seller, str) or not seller:
        raise refuse("CHK0024", f"Invalid seller for item: items[{index}].seller")
    return seller


def integer(value: object, code: str, place: str, lowest: int, *, text: bool = False) -> int:
    """Read a quantity, an index or another count; as digits too where clients send them so."""
    return _at_least(count(value, text=text), value, code, place, lowest)


def money(value: object, code: str, place: str, lowest: int = 0, *, text: bool = False) -> int:
    """Read an amount in cents; as digits too where clients send them so."""
    return _at_least(cents(value, text=text), value, code, place, lowest)


def _at_least(number: int | None, found: object, code: str, place: str, lowest: int) -> int:
    if number is None or number < lowest:
        raise refuse(code, f"{place}: found {found!r}, expected an integer of at least {lowest}")
    return number


def read_item(raw: Json, index: int, new_id: Callable[[], str], freight: int = 0) -> Item:
    """Read a line; `freight` is what its delivery costs before freight tags, in cents."""
    place = f"items[{index}]"
    sku = raw.get("id")
    if isinstance(sku, bool) or not isinstance(sku, str | int) or sku == "":
        raise refuse("CHK0022", f"Invalid id for item: {place}.id")
    quantity = integer(raw.get("quantity"), "CHK0023", f"{place}.quantity", 1, text=True)
    price = money(raw.get("price"), "CHK0025", f"{place}.price", text=True)
    multiplier = _multiplier(raw.get("unitMultiplier"), f"{place}.unitMultiplier")
    if price * quantity > LARGEST or price * quantity * multiplier > LARGEST:
        raise refuse("CHK0025", f"{place}: price times quantity is too large")
    base = line_total(price, quantity, multiplier)
    details = {key: fields for key, fields in raw.items() if key not in _ITEM}
    if raw.get("bundleItems") is not None:
        details["bundleItems"] = _services(raw, place)
    item = Item(
        unique_id=new_id(),
        id=str(sku),
        seller=raw["seller"],
        quantity=quantity,
        price=price,
        unit_multiplier=multiplier,
        price_tags=tuple(
            _price_tag(tag, f"{place}.priceTags[{number}]", base, freight)
            for number, tag in enumerate(objects(raw, "priceTags", f"{place}.", "CHK0025"))
        ),
        tax=money(raw.get("tax") or 0, "CHK0025", f"{place}.tax", text=True),
        details=details,
        arithmetic=ARITHMETIC,
    )
    if figures(item).total < 0:
        raise refuse("CHK0053", f"Invalid price tag: {place}.priceTags exceed what the line costs")
    return item


def _services(raw: Json, place: str) -> list[Json]:
    """The services of one unit, which are paid with the line."""
    return [
        {
            **service,
            "price": money(
                service.get("price") or 0, "CHK0025", f"{place}.bundleItems[{number}].price"
            ),
        }
        for number, service in enumerate(objects(raw, "bundleItems", f"{place}.", "CHK0025"))
    ]


def _price_tag(tag: Json, place: str, base: int, freight: int) -> PriceTag:
    """A tag with what it comes to; `base` and `freight` are what a percentage is of."""
    name, identifier = str(tag.get("name") or ""), tag.get("identifier")
    rate = _rate(tag, place) if tag.get("isPercentual") is True else None
    amount = _amount(tag, place) if rate is None else 0
    value = tag_value(Tag(name, amount, rate), base, freight)
    if abs(value) > LARGEST:
        raise refuse("CHK0025", f"{place}.value: what it comes to is too large")
    return PriceTag(
        name=name,
        value=value,
        identifier=None if identifier is None else str(identifier),
        is_percentual=rate is not None,
        rate=rate,
        details={key: fields for key, fields in tag.items() if key not in _TAG},
    )


def _amount(tag: Json, place: str) -> int:
    """Cents of the whole line; `rawValue` has them in currency units."""
    raw = tag.get("rawValue")
    if tag.get("value") is None and (exact := _decimal(raw)) is not None:
        return money(float(exact * 100), "CHK0025", f"{place}.rawValue", -LARGEST)
    return money(tag.get("value"), "CHK0025", f"{place}.value", -LARGEST)


def _rate(tag: Json, place: str) -> Decimal:
    """The rate of a percentage: `value` is per cent, `rawValue` the fraction."""
    value, raw = _decimal(tag.get("value")), _decimal(tag.get("rawValue"))
    if value is None and raw is None:
        raise refuse("CHK0025", f"{place}.value: found {tag.get('value')!r}, expected a percentage")
    return percentage(value, raw)


def _decimal(given: object) -> Decimal | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return Decimal(str(given))


def _multiplier(given: object, place: str) -> Decimal:
    """Exact; missing or 0, as some clients send what they do not set, is 1."""
    multiplier = decimal_number(given or 1)
    if (
        multiplier is None
        or multiplier < Decimal("1e-9")
        or len(multiplier.normalize().as_tuple().digits) > _LONGEST_MULTIPLIER
    ):
        raise refuse(
            "CHK0023",
            f"{place}: found {given!r}, expected a number above 0"
            f" of no more than {_LONGEST_MULTIPLIER} digits",
        )
    return multiplier
