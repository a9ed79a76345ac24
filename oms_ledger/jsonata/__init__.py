"""Evaluating anonymous callers' JSONata expressions within bounds, and alike on every replay.

The reference engine is jsonata-python, metered step by step. jlens, when it is installed, takes
over the plain expressions, which most filters are: comparisons, paths, predicates and calls of
functions that cannot make much out of little. Whatever could blow up inside jlens where none of
its own limits looks (lambdas, ranges, constructors, `$replace`, …) stays with the reference.
"""

import atexit
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from oms_ledger.jsonata import accelerator
from oms_ledger.jsonata.bounds import ATTEMPTS, CACHE, TIME, TREE
from oms_ledger.jsonata.cache import BytesCache
from oms_ledger.jsonata.child import as_json
from oms_ledger.jsonata.errors import (
    BoundExceeded,
    ChildKilled,
    EvaluationError,
    ExpressionError,
)
from oms_ledger.jsonata.isolation import Children, Isolated
from oms_ledger.jsonata.patterns import Pattern
from oms_ledger.jsonata.plain import is_plain
from oms_ledger.jsonata.reads import Reads, cut_to, paths
from oms_ledger.jsonata.reads import reads as reads_of
from oms_ledger.jsonata.reference import EPOCH, Reference
from oms_ledger.jsonata.syntax import parse, patterns
from oms_ledger.notifications.filters import LONGEST_EXPRESSION

__all__ = [
    "ENGINES",
    "BoundExceeded",
    "ChildKilled",
    "EngineMissing",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Reads",
    "choose",
    "compile",
    "cut_to",
    "isolate",
    "paths",
    "reads",
    "require_hope",
]

ENGINES = ("auto", "jlens", "jsonata-python")

_chosen = ["auto"]
_children: list[Children | None] = [None]


class EngineMissing(RuntimeError):
    """The engine that was asked for is not installed."""


def choose(engine: str) -> None:
    """The engine of this process (OMS_JSONATA_ENGINE) where none is named."""
    _require(engine)
    _chosen[0] = engine


def isolate(children: Children | None = None) -> Children:
    """From now on children evaluate, for this process, whatever is not plain."""
    chosen = children or _children[0]
    if chosen is None:
        chosen = Children()
        atexit.register(chosen.close)
    if chosen is not _children[0]:
        _children[0] = chosen
        _cache.clear()
    return chosen


@dataclass(frozen=True, eq=False)
class Expression:
    """A compiled expression. It may be shared between threads."""

    text: str
    reads: Reads
    """What it reads of the document, as a tree (see `reads`); None: all of it."""
    engine: str
    patterns: tuple[Pattern, ...]
    """The regular expressions in it, none of them compiled yet."""
    _evaluate: Callable[[dict[str, Any], datetime, float], Any] = field(repr=False)

    @property
    def isolated(self) -> bool:
        """Whether a child evaluates it, which it may end."""
        return isinstance(self._evaluate, Isolated)

    def value(self, document: dict[str, Any], at: datetime, patience: float = 1) -> Any:
        """The value at that instant, as JSON has it: undefined, null and functions are None.

        `patience` multiplies the bound of time alone.
        """
        return as_json(self._evaluated(document, at, TIME * patience))

    def truthy(self, document: dict[str, Any], at: datetime, patience: float = 1) -> bool:
        """The value as `$boolean` casts it; undefined is false."""
        return _truth(self._evaluated(document, at, TIME * patience))

    def _evaluated(self, document: dict[str, Any], at: datetime, time: float) -> Any:
        """The clock of a thread that was kept waiting may run out: then it is tried again."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._evaluate(document, at, time)
            except BoundExceeded as exceeded:
                if exceeded.bound != "time":
                    raise
        return self._evaluate(document, at, time)


def compile(expression: str, engine: str | None = None) -> Expression:
    """Parse, check and keep an expression. "auto" takes jlens where it is there and fit."""
    engine = _chosen[0] if engine is None else engine
    size = len(expression.encode("utf-8", "surrogatepass"))
    if size > LONGEST_EXPRESSION:
        raise ExpressionError(f"The expression is longer than {LONGEST_EXPRESSION} bytes.")
    return _cache.get((expression, engine), lambda: _compiled(expression, engine), size * TREE)


_cache = BytesCache[Expression](CACHE)


def _compiled(expression: str, engine: str) -> Expression:
    _require(engine)
    ast = parse(expression)
    read, inside = reads_of(ast), tuple(patterns(ast))
    plain, children = is_plain(ast), _children[0]
    if engine != "jsonata-python" and accelerator.installed() and plain:
        accelerated = accelerator.compiled(expression)
        if accelerated is not None:
            return Expression(expression, read, "jlens", inside, accelerated)
    evaluate: Callable[[dict[str, Any], datetime, float], Any] = Reference(ast)
    if children is not None and not plain:
        evaluate = Isolated(expression, children)
    return Expression(expression, read, "jsonata-python", inside, evaluate)


def _require(engine: str) -> None:
    if engine not in ENGINES:
        raise ValueError(f"{engine!r} is none of the engines {', '.join(ENGINES)}.")
    if engine == "jlens" and not accelerator.installed():
        raise EngineMissing("OMS_JSONATA_ENGINE is jlens, which is not installed: try auto.")


def require_hope(expression: str) -> Expression:
    """The compiled expression, unless it could not be evaluated whatever the document.

    Its bounds would stop it, or a regular expression in it cannot be compiled.
    """
    compiled = compile(expression)
    for pattern in compiled.patterns:
        pattern.compiled()
    if compiled.reads == ():
        try:
            compiled.value({}, EPOCH)
        except BoundExceeded as exceeded:
            raise ExpressionError(f"{exceeded} It would, whatever the order.") from None
        except EvaluationError:
            pass  # it may fail: that gets of each order
    return compiled


def reads(expression: str) -> Reads:
    """What the expression reads of a document: `reads.reads` says in which form."""
    return compile(expression).reads


def _truth(value: Any) -> bool:
    match value:
        case bool() | str() | int() | float() | dict():
            return bool(value)
        case list():
            return any(_truth(member) for member in value)
    return False
