"""The body of a v2 modification, as it is published and as it is sent."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from oms_ledger.api.http.bodies import Body, Cents, Count
from oms_ledger.api.http.errors import bad_request
from oms_ledger.orders.changes.request import ChangeInput, LineInput, Side
from oms_ledger.orders.changes.settings import SECTIONS
from oms_ledger.orders.events import Json

Price = Annotated[Cents, Field(ge=0)]
Multiplier = Annotated[Decimal, Field(gt=0, max_digits=12)]


class Line(Body):
    """`price` of one unit in cents; manual values are of the whole order."""

    id: Annotated[str, Field(coerce_numbers_to_str=True)] = ""
    unique_id: str | None = None
    quantity: Count
    price: Price | None = None
    measurement_unit: str | None = None
    unit_multiplier: Multiplier | None = None
    manual_discount_value: Cents | None = None
    manual_increment_value: Cents | None = None
    client_profile_data: list[dict[str, Any]] | dict[str, Any] | None = None

    def to_domain(self) -> LineInput:
        """The line as the decision takes it."""
        return LineInput(
            self.id,
            self.quantity,
            self.unique_id,
            self.price,
            self.measurement_unit,
            self.unit_multiplier,
        )


class Delivery(Body):
    """How a line is to be delivered, by its index; `price` in cents."""

    item_index: Count | None = None
    selected_sla: str | None = None
    selected_delivery_channel: str | None = None
    address_id: str | None = None
    pickup_point_id: str | None = None
    price: Price | None = None


class Shipping(Body):
    """How the lines are to be delivered."""

    logistics_info: list[Delivery] | None = None


class CustomData(Body):
    """Fields of the store's own."""

    custom_fields: list[dict[str, Any]] | None = None


class OneSide(Body):
    """What is taken away, or what comes instead: lines, deliveries, profile and custom fields."""

    items: list[Line] | None = None
    shipping_data: Shipping | None = None
    custom_data: CustomData | None = None
    client_profile_data: list[dict[str, Any]] | dict[str, Any] | None = None

    def to_domain(self) -> Side:
        """The side as the decision takes it."""
        deliveries = (self.shipping_data and self.shipping_data.logistics_info) or ()
        profiles = [self.client_profile_data, *(i.client_profile_data for i in self.items or ())]
        return Side(
            lines=tuple(line.to_domain() for line in self.items or ()),
            deliveries=tuple(one.model_dump(by_alias=True) for one in deliveries),
            client_profile=_profile(profiles),
            custom_fields=tuple((self.custom_data and self.custom_data.custom_fields) or ()),
        )


def _profile(fields: Iterable[Any]) -> Json:
    """What gets of the client; a null says nothing."""
    given: Json = {}
    for one in fields:
        for profile in one if isinstance(one, list) else [one or {}]:
            given |= {name: value for name, value in profile.items() if value is not None}
    return given


def _sides(value: Any) -> Any:
    """An object, a list of objects, or a bare list of items: clients send all of them."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return value if any("items" in one for one in value) else [{"items": value}]
    return value


Sides = Annotated[list[OneSide], BeforeValidator(_sides)]


class Pair(Body):
    """What is replaced, and by what."""

    from_: OneSide = Field(alias="from")
    to: OneSide


class ChangeBody(Body):
    """`reason` is required; values in cents."""

    reason: Annotated[str, Field(min_length=1, max_length=10_000)]
    manual_discount_value: Cents | None = None
    manual_increment_value: Cents | None = None
    add: Sides | None = None
    remove: Sides | None = None
    replace: list[Pair] | None = None
    settings: dict[str, Any] | None = None

    def to_domain(self) -> ChangeInput:
        """The change as the decision takes it; discounts and increments summed, in cents."""
        after = [*(self.add or ()), *(pair.to for pair in self.replace or ())]
        lines = [line for side in after for line in side.items or ()]
        discounts = [self.manual_discount_value, *(line.manual_discount_value for line in lines)]
        increments = [self.manual_increment_value, *(line.manual_increment_value for line in lines)]
        return ChangeInput(
            reason=self.reason,
            manual_discount=_sum(discounts),
            manual_increment=_sum(increments),
            add=tuple(side.to_domain() for side in self.add or ()),
            remove=tuple(side.to_domain() for side in self.remove or ()),
            replace=tuple(
                (one.from_.to_domain(), one.to.to_domain()) for one in self.replace or ()
            ),
            settings=settings_of(self.settings or {}),
        )


def _sum(values: Iterable[int | None]) -> int:
    """A negative one is not made up for by others, so that it is refused."""
    given = [value for value in values if value is not None]
    return min(given) if any(value < 0 for value in given) else sum(given)


def settings_of(fields: Json) -> Json:
    """The known settings of a body; 400 that names the first one of another type."""
    found: Json = {}
    for section, known in SECTIONS.items():
        part = fields.get(section)
        if part is None:
            continue
        if not isinstance(part, dict):
            raise bad_request(f"settings.{section}: expected an object")
        found[section] = {
            name: _of_kind(part[name], default, f"settings.{section}.{name}")
            for name, default in known.items()
            if part.get(name) is not None
        }
    return found


def _of_kind(value: Any, default: Any, place: str) -> Any:
    if isinstance(default, list):
        if not isinstance(value, list) or not all(isinstance(v, str | int) for v in value):
            raise bad_request(f"{place}: expected a list of texts")
        return [str(one) for one in value]
    if type(value) is not type(default):
        kind = "an object" if isinstance(default, dict) else "true or false"
        raise bad_request(f"{place}: expected {kind}")
    return value
