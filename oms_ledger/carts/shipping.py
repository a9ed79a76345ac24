"""The section `shippingData` of a cart: where to, and by which delivery each line goes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from oms_ledger.carts.cart import Cart, Choice, Json, place_of
from oms_ledger.carts.context import CartContext
from oms_ledger.carts.masking import is_masked, unmasked
from oms_ledger.carts.owning import owned, require_owner
from oms_ledger.carts.pricing import PricedCart
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import objects, require_object, require_short, text_of, whole
from oms_ledger.offers.catalog import DELIVERY, PICKUP
from oms_ledger.offers.postal import FORBIDDEN, is_cep, is_country
from oms_ledger.offers.quote import Place

FIELDS = (
    "addressType",
    "receiverName",
    "addressId",
    "isDisposable",
    "postalCode",
    "city",
    "state",
    "country",
    "street",
    "number",
    "neighborhood",
    "complement",
    "reference",
    "geoCoordinates",
)
MOST_KNOWN = 50
AddressBook = Callable[[Place], Mapping[str, str] | None]


def set_shipping(
    cart: Cart, context: CartContext, *, body: object, address_book: AddressBook
) -> Cart:
    """Replace the addresses that were sent, and choose deliveries for the lines that are named."""
    fields = require_object(body, "ORD006", "the body")
    after = cart
    sent = _sent_addresses(fields)
    if sent is not None:
        require_owner(cart, context)
        fill_in = fields.get("clearAddressIfPostalCodeNotFound") is not False
        addresses = tuple(
            read_address(one, cart, context, address_book if fill_in else None, f"address {i}")
            for i, one in enumerate(sent)
        )
        _require_one_delivery(addresses)
        after = replace(cart, addresses=addresses, known_addresses=_known(cart, addresses))
        after = owned(after, context)
    return _with_choices(after, fields)


def _sent_addresses(fields: Json) -> list[Json] | None:
    """The selected addresses that a section names; None when it names none."""
    if fields.get("selectedAddresses") is not None:
        return objects(fields["selectedAddresses"], "ORD006", "selectedAddresses")
    if "address" in fields:
        address = fields["address"]
        return [] if address is None else [require_object(address, "ORD006", "address")]
    return None


def read_address(
    raw: Json,
    cart: Cart,
    context: CartContext,
    address_book: AddressBook | None,
    place: str,
) -> Json:
    """An address with all its published fields, as it may be kept."""
    address: Json = {name: raw.get(name) for name in FIELDS}
    for name in FIELDS:
        if name not in ("isDisposable", "geoCoordinates") and address[name] is not None:
            address[name] = text_of(address[name])
            if address[name] is None:
                raise CartRefusal("ORD006", name, place=place)
            require_short(address[name], name)
    before = next(
        (
            one
            for one in (*cart.addresses, *cart.known_addresses)
            if one["addressId"] == address["addressId"]
        ),
        {},
    )
    for name in FIELDS:
        if isinstance(address[name], str) and is_masked(name, address[name]):
            address[name] = unmasked(name, address[name], before.get(name))
            if address[name] is None:
                raise CartRefusal("ORD006", name, place=place)
    address["country"] = address["country"] or context.store.country
    if not is_country(address["country"]):
        raise CartRefusal("ORD026", address["country"], place=place)
    address["geoCoordinates"] = _coordinates(address["geoCoordinates"], place)
    _require_postal_code(address, place)
    address["addressType"] = address["addressType"] or "residential"
    address["addressId"] = address["addressId"] or context.new_id().lower()
    disposable = address["isDisposable"]
    address["isDisposable"] = disposable if isinstance(disposable, bool) else True
    if address_book is not None and address["postalCode"]:
        for name, value in (address_book(place_of(address)) or {}).items():
            address[name] = address[name] or value
    return address


def _coordinates(given: object, place: str) -> list[float]:
    if given is None or given == []:
        return []
    numbers = isinstance(given, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in given
    )
    if not numbers or not isinstance(given, list) or len(given) != 2:
        raise CartRefusal("ORD006", "geoCoordinates", place=place)
    if not (-180 <= given[0] <= 180 and -90 <= given[1] <= 90):
        raise CartRefusal("ORD006", "geoCoordinates", place=place)
    return [float(one) for one in given]


def _require_postal_code(address: Json, place: str) -> None:
    code = address["postalCode"] = address["postalCode"] or None
    if code is None:
        if not address["geoCoordinates"]:
            raise CartRefusal("CHK0119", place=place)
        return
    require_postal_code(code, address["country"])


def require_postal_code(code: str, country: str) -> None:
    """Refuse a postal code that its country cannot have."""
    if any(sign in FORBIDDEN for sign in code):
        raise CartRefusal("CHK0040")
    if country.upper() == "BRA" and not is_cep(code):
        raise CartRefusal("ORD001", code)
    if len(code) > 20:
        raise CartRefusal("ORD006", "postalCode")


def _require_one_delivery(addresses: Sequence[Json]) -> None:
    if sum(one["addressType"] != "pickup" for one in addresses) > 1:
        raise CartRefusal("ORD031")
    if len({one["country"].upper() for one in addresses}) > 1:
        raise CartRefusal("ORD030")


def _known(cart: Cart, addresses: Sequence[Json]) -> tuple[Json, ...]:
    known = {one["addressId"]: one for one in cart.known_addresses}
    known.update((one["addressId"], one) for one in addresses if one["addressType"] != "pickup")
    return tuple(known.values())[-MOST_KNOWN:]


def _with_choices(cart: Cart, fields: Json) -> Cart:
    named: dict[int, Json] = {}
    for number, info in enumerate(objects(fields.get("logisticsInfo"), "ORD006", "logisticsInfo")):
        index = whole(info.get("itemIndex"))
        if index is None or not 0 <= index < len(cart.lines):
            raise CartRefusal("CHK0041", place=f"logisticsInfo[{number}].itemIndex")
        if index in named:
            raise CartRefusal("CHK0108", place=f"logisticsInfo[{number}].itemIndex")
        named[index] = info
    lines = tuple(
        replace(line, choice=_choice(named[index], f"logisticsInfo of line {index}"))
        if index in named
        else line
        for index, line in enumerate(cart.lines)
    )
    return replace(cart, lines=lines)


def _choice(info: Json, place: str) -> Choice:
    channel = text_of(info.get("selectedDeliveryChannel"))
    if channel not in (None, "", DELIVERY, PICKUP):
        raise CartRefusal("ORD006", "selectedDeliveryChannel", place=place)
    return Choice(
        sla=text_of(info.get("selectedSla")) or None,
        channel=channel or None,
        address_id=text_of(info.get("addressId")),
        window=_window(info.get("deliveryWindow")),
    )


def _window(given: object) -> tuple[str, str] | None:
    """The instants of a window; None for `{}` and nulls, which name none."""
    if not isinstance(given, dict):
        return None
    start, end = given.get("startDateUtc"), given.get("endDateUtc")
    if not start and not end:
        return None
    if not isinstance(start, str) or not isinstance(end, str):
        raise CartRefusal("ORD047")
    return start, end


def require_windows(priced: PricedCart) -> None:
    """Refuse a window that the delivery named with it does not have."""
    if any(one.delivery.window_changed for one in priced.lines):
        raise CartRefusal("ORD047")
