"""What a v2 request asks for, as it was sent. Values in cents."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from oms_ledger.orders.events import Json


@dataclass(frozen=True, slots=True)
class LineInput:
    """Units of a line, by `unique_id` or by SKU; `price` of one, None when it was not given."""

    id: str
    quantity: int
    unique_id: str | None = None
    price: int | None = None
    measurement_unit: str | None = None
    unit_multiplier: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One `add`, `remove`, `from` or `to`."""

    lines: tuple[LineInput, ...] = ()
    deliveries: tuple[Json, ...] = ()
    client_profile: Json = field(default_factory=dict)
    custom_fields: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeInput:
    """A request as it was read; manual discount and increment are cents, none below 0."""

    reason: str
    manual_discount: int = 0
    manual_increment: int = 0
    add: tuple[Side, ...] = ()
    remove: tuple[Side, ...] = ()
    replace: tuple[tuple[Side, Side], ...] = ()
    settings: Json = field(default_factory=dict)
    """Sections of the settings that override the account's for this request."""

    def with_profiles(self, identify: Callable[[Json], Json]) -> "ChangeInput":
        """Return the same request, with `identify` of what each side says of the client."""

        def with_profile(side: Side) -> Side:
            return replace(side, client_profile=identify(side.client_profile))

        return replace(
            self,
            add=tuple(map(with_profile, self.add)),
            remove=tuple(map(with_profile, self.remove)),
            replace=tuple(
                (with_profile(before), with_profile(after)) for before, after in self.replace
            ),
        )

    def sides(self) -> tuple[Side, ...]:
        """Every `add` and `remove`, then `from` and `to` of each replacement."""
        pairs = tuple(side for pair in self.replace for side in pair)
        return (*self.add, *self.remove, *pairs)
