"""What a store says it has on offer: the rows of a table of offers. Money is integer cents."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
OWN_SELLER = "1"
EVERY_SELLER = "*"
DELIVERY, PICKUP = "delivery", "pickup-in-point"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that may be bought with a line; `price` is of one unit."""

    id: str
    price: int
    name: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentField:
    """A field of an attachment's schema: how long it may be, and the values it may have."""

    maximum_number_of_characters: int = 2000
    domain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What a shopper may write on a line, by the names of its fields."""

    name: str
    required: bool = False
    schema: dict[str, AttachmentField] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A change of the line's price that the source of the offer decided on."""

    name: str
    value: int
    raw_value: float | None = None
    is_percentual: bool = False
    identifier: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A SKU of a seller; `price` is of one unit of measure. `stock` None: any quantity.

    `max_quantity` is the most of it that one order may have.
    """

    sku: str
    price: int | None
    seller: str = OWN_SELLER
    list_price: int | None = None
    stock: int | None = None
    max_quantity: int | None = None
    name: str = ""
    sku_name: str = ""
    product_id: str = ""
    product_ref: str | None = None
    ref_id: str | None = None
    ean: str | None = None
    brand: str | None = None
    brand_id: str | None = None
    categories: dict[str, str] = field(default_factory=dict)
    image_url: str | None = None
    detail_url: str | None = None
    measurement_unit: str = "un"
    unit_multiplier: Decimal = Decimal(1)
    tax: int = 0
    sales_channels: tuple[str, ...] = ()
    valid_until: datetime | None = None
    active: bool = True
    services: tuple[Service, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    price_tags: tuple[Tag, ...] = ()

    @property
    def label(self) -> str:
        """What a person calls it: its name, else the SKU's, else its id."""
        return self.name or self.sku_name or self.sku


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a scheduled delivery may come; instants as the store writes them."""

    start: datetime
    end: datetime
    price: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A way of delivery to a range of postal codes; `price` is of a line, whatever its quantity."""

    id: str
    estimate: str
    price: int = 0
    price_per_unit: int = 0
    list_price: int | None = None
    name: str = ""
    seller: str = EVERY_SELLER
    channel: str = DELIVERY
    country: str = ""
    postal_from: str | None = None
    postal_to: str | None = None
    pickup_point: str | None = None
    windows: tuple[Window, ...] = ()
    sales_channels: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    courier_id: str = ""
    courier_name: str = ""
    warehouse_id: str = "1_1"
    dock_id: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """When a pickup point is open on a day of the week, counted as `DayOfWeek` is."""

    day: int
    open: str
    close: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupPoint:
    """A store where orders are collected; `address` in the published form."""

    id: str
    address: Json
    seller: str = EVERY_SELLER
    name: str = ""
    info: str = ""
    hours: tuple[OpeningHours, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallmentCondition:
    """`interest_rate` in hundredths of a per cent a month."""

    count: int
    interest_rate: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCondition:
    """A payment system that is offered, and in how many installments."""

    system: str
    name: str = ""
    group: str = ""
    installments: tuple[InstallmentCondition, ...] = (InstallmentCondition(count=1),)
    minimum_installment: int = 0
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAddress:
    """What is known of a postal code."""

    country: str
    postal_code: str
    city: str = ""
    state: str = ""
    street: str = ""
    neighborhood: str = ""
    geo_coordinates: tuple[float, ...] = ()


Row = Offer | Delivery | PickupPoint | PaymentCondition | KnownAddress
