"""Sums over orders: count, least, greatest, sum and sum of squares, exact; how they add up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SHIFT = 32


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one quantity over some orders; `least` and `greatest` are 0 when there are none."""

    count: int = 0
    least: int = 0
    greatest: int = 0
    sum: int = 0
    squares: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        if not self.count or not other.count:
            return self if self.count else other
        return Sums(
            self.count + other.count,
            min(self.least, other.least),
            max(self.greatest, other.greatest),
            self.sum + other.sum,
            self.squares + other.squares,
        )

    def fields(self) -> dict[str, float]:
        """The published figures; the standard deviation is the sample's, 0 below two orders."""
        n, total = self.count, self.sum
        variance = (n * self.squares - total * total) / (n * (n - 1)) if n > 1 else 0.0
        return {
            "Count": n,
            "Max": self.greatest,
            "Mean": total / n if n else 0,
            "Min": self.least,
            "Missing": 0,
            "StdDev": variance**0.5,
            "Sum": _shown(total),
            "SumOfSquares": _shown(self.squares),
        }


def _shown(number: int) -> float:
    """JSON of 64 bits holds no larger integer."""
    return number if abs(number) < 1 << 63 else float(number)


@dataclass(frozen=True, slots=True)
class Totals:
    """Value and units of some orders, apart by origin and currency."""

    value: Mapping[tuple[str, str], Sums]
    items: Mapping[tuple[str, str], Sums]

    @property
    def count(self) -> int:
        """How many orders there are, whatever they are of."""
        return sum(sums.count for sums in self.value.values())

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(_merged(self.value, other.value), _merged(self.items, other.items))


NOTHING = Totals({}, {})


def _merged(
    one: Mapping[tuple[str, str], Sums], other: Mapping[tuple[str, str], Sums]
) -> dict[tuple[str, str], Sums]:
    return {group: one.get(group, Sums()) + other.get(group, Sums()) for group in {*one, *other}}


def together(groups: Mapping[tuple[str, str], Sums]) -> Sums:
    """The sums over all origins and currencies: cents of several are added up as they are."""
    return _sum(groups.values())


def apart(groups: Mapping[tuple[str, str], Sums], at: int) -> dict[str, Sums]:
    """By origin (0) or by currency (1), in the order of their names."""
    names = sorted({group[at] for group in groups})
    return {
        name: _sum(sums for group, sums in groups.items() if group[at] == name) for name in names
    }


def _sum(many: Iterable[Sums]) -> Sums:
    total = Sums()
    for sums in many:
        total = total + sums
    return total
