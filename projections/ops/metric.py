"""A figure as `/metrics` and `oms-ledger status` show it."""

from dataclasses import dataclass, field


@dataclass
class Metric:
    """A figure by its labels; one that only grows is a counter."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    counter: bool = False
    values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def put(self, value: float, *labels: str) -> None:
        """Set the value of one combination of labels, in the order of `labels`."""
        self.values[labels] = value
