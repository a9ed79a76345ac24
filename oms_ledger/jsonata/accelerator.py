"""jlens, an engine in Rust, where it is installed; for plain expressions only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms_ledger.jsonata import bounds
from oms_ledger.jsonata.errors import BoundExceeded, EvaluationError

try:
    import jlens
except ImportError:
    jlens = None  # type: ignore[assignment]


def installed() -> bool:
    """Whether the extra `fast` is here."""
    return jlens is not None


def compiled(expression: str) -> "Accelerated | None":
    """The expression for jlens; None where it does not understand what the reference does."""
    try:
        return Accelerated(jlens.Expression(expression))
    except jlens.JlensError:
        return None


@dataclass(frozen=True)
class Accelerated:
    """An expression as jlens evaluates it."""

    expression: Any

    def __call__(self, document: dict[str, Any], at: datetime, time: float) -> Any:
        """What it gives for a document, at an instant, within `time` seconds of CPU."""
        try:
            return self.expression.evaluate(
                document,
                timeout=time,
                # Nothing it is given can recurse: this only leaves room for long chains.
                max_depth=2 * bounds.NESTING,
                max_steps=bounds.STEPS,
                max_string_length=bounds.STRING,
                max_array_length=bounds.ARRAY,
                max_result_size=bounds.SIZE,
                now=at,
            )
        except jlens.JlensError as error:
            raise _from_jlens(error) from None


def _from_jlens(error: Any) -> EvaluationError:
    bound = {"D1012": "time", "D1011": "depth", "U1006": "steps", "U1001": "size"}.get(error.code)
    return BoundExceeded(bound) if bound else EvaluationError(str(error))
