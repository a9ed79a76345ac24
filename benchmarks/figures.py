"""What was measured, and how it is shown: a table for people, JSON for the next run."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

LATEST = Path(__file__).parent / "out" / "latest.json"


@dataclass(frozen=True)
class Metric:
    """A measured value; `ratio` is above 1 where more than the baseline was measured."""

    name: str
    database: str
    value: float | None
    unit: str
    baseline: float | None = None
    baseline_name: str | None = None
    error: str | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.value and self.baseline else None

    def as_json(self) -> dict[str, object]:
        fields = asdict(self) | {"ratio": self.ratio}
        if self.error is None:
            del fields["error"]
        return fields


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Report:
    """Collects figures; a measurement that breaks off leaves a row that says so."""

    def __init__(self, console: Console) -> None:
        self.figures: list[Metric] = []
        self._console = console

    def measure(self, name: str, database: str, work: Callable[[], Iterable[Metric]]) -> None:
        with self._console.status(f"{database}: {name}"):
            try:
                for figure in work():  # what was measured before a failure is kept
                    self.figures.append(figure)
            except Exception as error:
                notes = " ".join(getattr(error, "__notes__", []))
                fields = f"{type(error).__name__}: {error} {notes}".strip()
                self.figures.append(Metric(name, database, None, "", error=fields))

    @property
    def failed(self) -> bool:
        return any(figure.error for figure in self.figures)

    def show(self) -> None:
        table = Table("measured", "database", title="oms-ledger benchmarks")
        for column in ("value", "baseline", "ratio"):
            table.add_column(column, justify="right")
        table.add_column("unit")
        table.add_column("baseline is")
        for f in self.figures:
            last = f"[red]{escape(f.error[:300])}[/red]" if f.error else f.baseline_name or ""
            cells = (_text(f.value), _text(f.baseline), _text(f.ratio, "×"), f.unit, last)
            table.add_row(f.name, f.database, *cells)
        self._console.print(table)

    def write(self) -> None:
        LATEST.parent.mkdir(parents=True, exist_ok=True)
        LATEST.write_text(json.dumps([f.as_json() for f in self.figures], indent=1) + "\n")


def _text(value: float | None, suffix: str = "") -> str:
    if value is None:
        return ""
    return f"{value:,.0f}{suffix}" if abs(value) >= 100 else f"{value:,.2f}{suffix}"
