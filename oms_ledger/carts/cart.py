"""What is remembered of a cart. Prices are not: they are looked up again, from offers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from oms_ledger.offers.quote import LineQuote, Place

Json = dict[str, Any]
MAX_LINES, MAX_ENTRIES, MAX_QUANTITY, MAX_BYTES = 250, 300, 999_999, 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something the shopper reads; `status` is `error`, `warning` or `info`."""

    code: str
    text: str
    status: str
    fields: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a line shall travel, as the shopper said; None where they left it open."""

    sla: str | None = None
    channel: str | None = None
    address_id: str | None = None
    window: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The figures of a line that the shopper was last shown."""

    price: int | None
    quantity: int
    sla: str | None = None
    freight: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAttachment:
    """What a client wrote into an attachment of a line, by its name."""

    name: str
    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenService:
    """A service of a line, with what was written into its attachments."""

    id: str
    attachments: tuple[LineAttachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """A SKU of a seller; a line without `seen` was never shown, and is new."""

    unique_id: str
    id: str
    seller: str
    quantity: int
    attachments: tuple[LineAttachment, ...] = ()
    services: tuple[ChosenService, ...] = ()
    manual_price: int | None = None
    manual_price_by: str | None = None
    added: int = 0
    separate: bool = False
    no_split: bool = False
    choice: Choice = Choice()
    seen: Seen | None = None

    def is_like(self, other: "CartLine") -> bool:
        """Whether both are one line of the cart: the same SKU, seller, attachments, services."""
        return self._identity == other._identity and not self.separate and not other.separate

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.id, self.seller, self.attachments, self.services


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment as it was chosen; what it comes to is worked out with the cart."""

    payment_system: str
    installments: int
    reference_value: int
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomApp:
    """An app's fields in the cart: texts by name."""

    id: str
    major: int
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFields:
    """Fields of the order, or of a line or address by its id."""

    type: str
    id: str | None
    fields: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordination:
    """The order in which lines are shown."""

    criteria: str
    ascending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedGroup:
    """The order group that this filling last led to, and a digest of what was placed."""

    group: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptQuote:
    """What a source that is called over HTTP said, until it is called again."""

    key: str
    at: datetime
    lines: tuple[LineQuote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """`filling` names what is in the cart now, and changes when it was bought."""

    id: str
    account: str
    filling: str
    sales_channel: str = "1"
    lines: tuple[CartLine, ...] = ()
    was_used: bool = False
    addresses: tuple[Json, ...] = ()
    known_addresses: tuple[Json, ...] = ()
    profile: Json | None = None
    written_by: str | None = None
    ignore_profile: bool = False
    owner: str | None = None
    payments: tuple[Payment, ...] = ()
    gift_cards: tuple[Json, ...] = ()
    marketing: Json | None = None
    coupon: str | None = None
    preferences: Json | None = None
    open_text: str | None = None
    merchant_context: Json | None = None
    invoice_data: Json | None = None
    apps: tuple[CustomApp, ...] = ()
    custom_fields: tuple[CustomFields, ...] = ()
    ordination: Ordination | None = None
    messages: tuple[Message, ...] = ()
    seen_for: str = ""
    placed: PlacedGroup | None = None
    kept_quote: KeptQuote | None = None

    @property
    def locale(self) -> str | None:
        """The client's language, as the preferences say it."""
        return (self.preferences or {}).get("locale")

    @property
    def delivery_address(self) -> Json | None:
        """Where goods are sent: the selected address that is no store's."""
        return next((a for a in self.addresses if a.get("addressType") != "pickup"), None)

    @property
    def place(self) -> Place | None:
        """The place that deliveries are asked for; None while the cart has no address."""
        address = self.delivery_address or next(iter(self.addresses), None)
        return None if address is None else place_of(address)

    @property
    def has_person(self) -> bool:
        """Whether the cart says anything of a person."""
        return self.profile is not None or bool(self.addresses or self.known_addresses)


def place_of(address: Json) -> Place:
    """The place that an address of the published form names."""
    coordinates = address.get("geoCoordinates") or ()
    return Place(address["country"], address.get("postalCode") or None, tuple(coordinates))


def with_messages(cart: Cart, new: Sequence[Message]) -> Cart:
    """The cart with further messages; one that says the same is there once."""
    if not new:
        return cart
    kept = list(cart.messages)
    known = {(one.code, *sorted(one.fields.items())) for one in kept}
    for one in new:
        if (key := (one.code, *sorted(one.fields.items()))) not in known:
            known.add(key)
            kept.append(one)
    return replace(cart, messages=tuple(kept))


def emptied(cart: Cart, filling: str) -> Cart:
    """The cart after its purchase: channel and language stay, all else is gone."""
    return Cart(
        id=cart.id,
        account=cart.account,
        filling=filling,
        sales_channel=cart.sales_channel,
        preferences=cart.preferences,
        was_used=True,
    )


def filling_key(filling: str) -> str:
    """The ledger's key that the one purchase takes which a filling of a cart may lead to."""
    return f"filling:{filling}"
