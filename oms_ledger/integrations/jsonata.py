"""Strangers' JSONata expressions, compiled once and evaluated within bounds (contract 04 §5).

`jsonata-python` is the reference; `jlens` is a faster engine behind the same interface, taken
where it is installed. Every evaluation is bounded in time, depth and size, and sees the instant
of the event as `$now()`, so an item can be reproduced by a replay.
"""

import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import jsonata as reference  # type: ignore[import-untyped]
import regex  # type: ignore[import-untyped]
from jsonata.jexception import JException  # type: ignore[import-untyped]

try:
    import jlens
except ImportError:  # the accelerator is optional
    jlens = None  # type: ignore[assignment]

TIME = 0.1  # seconds
DEPTH = 100
STEPS = 100_000
TEXT, ITEMS = 1 << 16, 10_000
NOT_REPRODUCIBLE = ("random", "shuffle", "eval")

_FORBIDDEN = re.compile(r"\$(" + "|".join(NOT_REPRODUCIBLE) + r")\b")
_TEXTS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|/\*.*?\*/", re.DOTALL)


class ExpressionError(ValueError):
    """The expression does not compile, or uses what would make an item irreproducible."""


class EvaluationError(ValueError):
    """The expression failed on this document."""


class BoundExceeded(EvaluationError):
    """The evaluation took too long, went too deep, or grew too large."""


class Expression(Protocol):
    def value(self, document: Mapping[str, Any], at: datetime) -> Any: ...

    def truthy(self, document: Mapping[str, Any], at: datetime) -> bool:
        """The value cast as JSONata's `$boolean` casts it."""


@lru_cache(1024)
def compile(expression: str, engine: str = "auto") -> Expression:
    """The expression, ready to evaluate; `ExpressionError` says what is wrong and where."""
    if found := _FORBIDDEN.search(_TEXTS.sub('""', expression)):
        raise ExpressionError(f"{found[0]}() cannot be replayed, so a filter cannot use it")
    if engine == "jlens" or (engine == "auto" and jlens is not None):
        return _Accelerated(expression)
    return _Reference(expression)


class _Accelerated:
    def __init__(self, expression: str) -> None:
        try:
            self._expression = jlens.Expression(expression)
            self._boolean = jlens.Expression(f"$boolean(({expression}\n))")
        except jlens.JlensError as error:
            raise ExpressionError(str(error)) from None

    def value(self, document: Mapping[str, Any], at: datetime) -> Any:
        return self._evaluate(self._expression, document, at)

    def truthy(self, document: Mapping[str, Any], at: datetime) -> bool:
        return bool(self._evaluate(self._boolean, document, at))

    def _evaluate(self, expression: Any, document: Mapping[str, Any], at: datetime) -> Any:
        try:
            return expression.evaluate(
                document,
                timeout=TIME,
                max_depth=DEPTH,
                max_steps=STEPS,
                max_string_length=TEXT,
                max_array_length=ITEMS,
                max_result_size=TEXT,
                now=at,
            )
        except jlens.JlensError as error:
            if str(error.code) in _BOUNDS or "limit" in str(error).lower():
                raise BoundExceeded(str(error)) from None
            raise EvaluationError(str(error)) from None


_BOUNDS = {"U1001", "D1011", "D1012", "D2014", "D3121"}


class _Reference:
    """One evaluation at a time: the engine keeps state on itself."""

    def __init__(self, expression: str) -> None:
        self._lock = threading.Lock()
        self._engine = _compiled(expression)
        self._boolean = _compiled(f"$boolean(({expression}\n))")

    def value(self, document: Mapping[str, Any], at: datetime) -> Any:
        return self._evaluate(self._engine, document, at)

    def truthy(self, document: Mapping[str, Any], at: datetime) -> bool:
        return bool(self._evaluate(self._boolean, document, at))

    def _evaluate(self, engine: "_Bounded", document: Mapping[str, Any], at: datetime) -> Any:
        with self._lock:
            try:
                return engine.bounded(document, at)
            except (
                JException,
                RecursionError,
                MemoryError,
                ValueError,
                TypeError,
                KeyError,
            ) as error:
                if isinstance(error, BoundExceeded):
                    raise
                code = getattr(error, "error", "")
                if code in ("D1011", "D1012") or isinstance(error, RecursionError | MemoryError):
                    raise BoundExceeded(str(error)) from None
                raise EvaluationError(str(error)) from None


def _compiled(expression: str) -> "_Bounded":
    try:
        engine = _Bounded(expression, regex_engine=_Patient)
    except (JException, RecursionError) as error:
        raise ExpressionError(str(error)) from None
    return engine


class _Bounded(reference.Jsonata):  # type: ignore[misc]
    """The reference engine with bounds that its own time box does not have."""

    def bounded(self, document: Mapping[str, Any], at: datetime) -> Any:
        until, depth, steps = time.monotonic() + TIME, 0, 0

        def entered(*_: Any) -> None:
            nonlocal depth, steps
            depth, steps = depth + 1, steps + 1
            if depth > DEPTH * 3 or steps > STEPS or time.monotonic() > until:
                raise BoundExceeded("the evaluation took too long or went too deep")

        def left(_: Any, __: Any, ___: Any, result: Any) -> None:
            nonlocal depth
            depth -= 1
            size = len(result) if isinstance(result, str | list) else 0
            if size > (TEXT if isinstance(result, str) else ITEMS):
                raise BoundExceeded("a value grew too large")

        self.environment.set_evaluate_entry_callback(entered)
        self.environment.set_evaluate_exit_callback(left)
        utc = at.astimezone(UTC)
        self.register_lambda(
            "now", lambda: f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
        )
        self.register_lambda("millis", lambda: int(utc.timestamp() * 1000))
        self.register_lambda("pad", _pad)
        return self.evaluate(document)

    def evaluate_range_expression(self, lhs: Any, rhs: Any) -> Any:
        if isinstance(lhs, int | float) and isinstance(rhs, int | float) and rhs - lhs >= ITEMS:
            raise BoundExceeded(f"a range of more than {ITEMS} numbers")
        return super().evaluate_range_expression(lhs, rhs)


def _pad(text: str, width: int, char: str = " ") -> str:
    if abs(width) > TEXT:
        raise BoundExceeded("a text padded too wide")
    missing = abs(int(width)) - len(text)
    padding = ((char or " ") * max(0, missing))[: max(0, missing)]
    return text + padding if width > 0 else padding + text


class _Patient:
    """A compiled pattern that gives up after the time of an evaluation."""

    def __init__(self, pattern: str, flags: Any) -> None:
        chosen = regex.IGNORECASE if flags.case_insensitive else 0
        chosen |= regex.MULTILINE if flags.multiline else 0
        self._pattern = regex.compile(pattern, chosen)

    def search(self, string: str) -> Any:
        return self._timed(self._pattern.search, string)

    def finditer(self, string: str) -> Any:
        return iter(self._timed(lambda s, timeout: list(self._found(s, timeout)), string))

    def sub(self, repl: Any, string: str, count: int = 0) -> Any:
        return self._timed(
            lambda s, timeout: self._pattern.sub(repl, s, count, timeout=timeout), string
        )

    def split(self, string: str, maxsplit: int = 0) -> Any:
        return self._timed(
            lambda s, timeout: self._pattern.split(s, maxsplit, timeout=timeout), string
        )

    def _found(self, string: str, timeout: float) -> Any:
        return self._pattern.finditer(string, timeout=timeout)

    def _timed(self, work: Any, string: str) -> Any:
        try:
            return work(string, timeout=TIME)
        except TimeoutError:
            raise BoundExceeded("a regular expression took too long") from None
