"""The reference engine, jsonata-python, with every step counted and every value weighed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]

from oms_ledger.jsonata.bounds import ARRAY
from oms_ledger.jsonata.errors import BoundExceeded, EvaluationError
from oms_ledger.jsonata.functions import FUNCTIONS, text_of
from oms_ledger.jsonata.metering import Meter, run
from oms_ledger.jsonata.patterns import Pattern

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Values of these nodes are part of what was weighed before, or too small to weigh.
WEIGHED_BEFORE = {"name", "variable", "string", "number", "value", "regex"}


@dataclass(frozen=True)
class Reference:
    """An expression as jsonata-python evaluates it."""

    ast: Any

    def __call__(self, document: dict[str, Any], at: datetime, time: float) -> Any:
        """What it gives for a document, at an instant, within `time` seconds of CPU."""
        return _Run(self.ast, time).result(document, at)


class _Run:
    """One evaluation: an evaluator of its own whose every step is counted and weighed."""

    def __init__(self, ast: Any, time: float) -> None:
        self.ast = ast
        self.meter = Meter(time)
        engine = self.engine = Jsonata.__new__(Jsonata)
        engine.parser = Jsonata.get_parser()
        engine.input = engine.environment = None
        engine.eval = self.eval
        engine.apply_procedure = self.apply_procedure
        engine.apply_inner = self.apply_inner
        engine.evaluate_range_expression = self.range
        engine.evaluate_includes_expression = _includes
        engine.evaluate_string_concat = _concatenation

    def result(self, document: dict[str, Any], at: datetime) -> Any:
        self.engine.timestamp = (at - EPOCH) // timedelta(milliseconds=1)
        frame = Jsonata.Frame(FUNCTIONS)
        frame.bind("$", document)
        before = getattr(Jsonata.CURRENT, "jsonata", None)
        Jsonata.CURRENT.jsonata = self.engine
        meter_before = run(self.meter)
        try:
            return self.eval(self.ast, document, frame)
        except Exception as error:  # noqa: BLE001 - whatever the engine raises is an evaluation's failure
            raise self._failure(error) from None
        finally:
            Jsonata.CURRENT.jsonata = before
            run(meter_before)

    def _failure(self, error: Exception) -> EvaluationError:
        """What to say; the engine may have wrapped what struck in an error of its own."""
        if self.meter.timed_out is not None:
            return self.meter.timed_out
        if isinstance(error, RecursionError):
            return BoundExceeded("depth")
        if isinstance(error, MemoryError):
            return BoundExceeded("size")
        return EvaluationError(str(error) or type(error).__name__)

    def eval(self, node: Any, input: Any, environment: Any) -> Any:
        meter = self.meter
        meter.spend(1)
        if not meter.steps & 15:
            meter.time_left()
        engine = self.engine
        before = engine.input, engine.environment
        try:
            value = Jsonata._eval(engine, node, input, environment)
        finally:
            engine.input, engine.environment = before
        if isinstance(value, str | list | dict):
            meter.check(value, weigh=node.type not in WEIGHED_BEFORE and not _is_names(node))
        return value

    def apply_procedure(self, procedure: Any, arguments: Any) -> Any:
        self.meter.enter()
        value = Jsonata.apply_procedure(self.engine, procedure, arguments)
        self.meter.leave()
        return value

    def apply_inner(self, procedure: Any, arguments: Any, input: Any, environment: Any) -> Any:
        if _is_copying(procedure) and arguments and isinstance(arguments[0], list | dict):
            self.meter.spend(self.meter.weigh(arguments[0])[0] >> 3)
        value = Jsonata.apply_inner(self.engine, procedure, arguments, input, environment)
        # What is no text has no match; the engine answers an empty list, which is something.
        return None if value == [] and isinstance(procedure, Pattern) else value

    def range(self, first: Any, last: Any) -> Any:
        if isinstance(first, int) and isinstance(last, int) and last - first >= ARRAY:
            self.meter.strike("size")
        return Jsonata.evaluate_range_expression(self.engine, first, last)


def _is_copying(procedure: Any) -> bool:
    """Whether it begins by copying all that it is given: a transform, or `$clone`."""
    if getattr(procedure, "function_name", None) == "clone":
        return True
    return isinstance(getattr(procedure, "function", None), Jsonata.Transformer)


def _is_names(node: Any) -> bool:
    """Whether the node is a path of mere names, whose value is part of what it was read from."""
    if node.type != "path" or node.group is not None:
        return False
    return all(step.type == "name" and step.stages is None for step in node.steps)


def _concatenation(left: Any, right: Any) -> str:
    return (text_of(left) or "") + (text_of(right) or "")


def _includes(value: Any, among: Any) -> bool:
    """`in`, which the engine takes with Python's equality: for that, true is 1."""
    if value is None or among is None or isinstance(value, list | dict):
        return False
    members = among if isinstance(among, list) else [among]
    truth = isinstance(value, bool)
    return any(member == value and isinstance(member, bool) == truth for member in members)
