"""Evaluating strangers' JSONata expressions within bounds, and alike on every replay.

The reference engine is jsonata-python, metered step by step. jlens, when it is installed, takes
over the plain expressions, which most filters are: comparisons, paths, predicates and calls of
functions that cannot make much out of little. Whatever could blow up inside jlens where none of
its own limits looks (lambdas, ranges, constructors, `$replace`, …) stays with the reference.
"""

import re
import threading
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from inspect import signature
from time import thread_time
from types import FunctionType
from typing import Any, NoReturn

import regex  # type: ignore[import-untyped]
from jsonata.datetimeutils import DateTimeUtils  # type: ignore[import-untyped]
from jsonata.functions import Functions  # type: ignore[import-untyped]
from jsonata.jexception import JException  # type: ignore[import-untyped]
from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.parser import Parser  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

from oms_ledger.integrations.filters import LONGEST_EXPRESSION

try:
    import jlens
except ImportError:
    jlens = None  # type: ignore[assignment]

TIME = 0.1
"""Seconds of the evaluating thread; a machine that is merely busy does not use them up."""
DEPTH = 100
STEPS = 20_000
STRING = 256 * 1024
ARRAY = 10_000
SIZE = 1_000_000
PICTURE = 256
NESTING = 1_000
ATTEMPTS = 5

ENGINES = ("auto", "jlens", "jsonata-python")
REFUSED = {
    "random": "its value could not be reproduced",
    "shuffle": "its value could not be reproduced",
    "eval": "what it would run cannot be checked beforehand",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ExpressionError(ValueError):
    """The expression cannot be used; `position` is where in its text, when that is known."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class EvaluationError(ValueError):
    """The expression fails on this document."""


class BoundExceeded(EvaluationError):
    """The evaluation was stopped; `bound` is time, depth, steps or size."""

    def __init__(self, bound: str) -> None:
        super().__init__(f"The evaluation exceeded its bound of {bound}.")
        self.bound = bound


@dataclass(frozen=True, eq=False)
class Expression:
    """A compiled expression. It may be shared between threads."""

    text: str
    reads: frozenset[str] | None
    """The fields of the document that it reads, or None when that cannot be told."""
    engine: str
    _evaluate: Callable[[dict[str, Any], datetime], Any] = field(repr=False)

    def value(self, document: dict[str, Any], at: datetime) -> Any:
        """The value at that instant, as JSON has it: undefined, null and functions are None."""
        return _as_json(self._evaluate(document, at))

    def truthy(self, document: dict[str, Any], at: datetime) -> bool:
        """The value as `$boolean` casts it; undefined is false."""
        return _truth(self._evaluate(document, at))


@lru_cache(maxsize=1024)
def compile(expression: str, engine: str = "auto") -> Expression:
    """Parse, check and keep an expression. "auto" takes jlens where it is there and fit."""
    if engine not in ENGINES:
        raise ValueError(f"{engine!r} is none of the engines {', '.join(ENGINES)}.")
    if engine == "jlens" and jlens is None:
        raise RuntimeError("The engine jlens is asked for but not installed.")
    if len(expression.encode("utf-8", "surrogatepass")) > LONGEST_EXPRESSION:
        raise ExpressionError(f"The expression is longer than {LONGEST_EXPRESSION} bytes.")
    ast = _parse(expression)
    _refuse_irreproducible(ast)
    fields = _fields_read(ast)
    if engine != "jsonata-python" and jlens is not None and _is_plain(ast):
        try:
            compiled = jlens.Expression(expression)
        except jlens.JlensError:
            pass  # What only the reference understands, it evaluates.
        else:
            return Expression(expression, fields, "jlens", _Jlens(compiled))
    return Expression(expression, fields, "jsonata-python", _Reference(ast, fields))


def reads(expression: str) -> frozenset[str] | None:
    """The fields of the document that the expression reads, or None when that cannot be told."""
    return compile(expression).reads


def _truth(value: Any) -> bool:
    match value:
        case bool() | str() | int() | float() | dict():
            return bool(value)
        case list():
            return any(_truth(member) for member in value)
    return False


def _as_json(value: Any) -> Any:
    match value:
        case bool() | str() | int() | float():
            return value
        case list():
            return [_as_json(member) for member in value]
        case dict():
            return {key: _as_json(member) for key, member in value.items()}
    return None


# Reading the syntax tree


def _parse(text: str) -> Any:
    try:
        ast = Jsonata.get_parser().parse(text, _Pattern)
    except JException as error:
        raise ExpressionError(str(error), _position(error)) from None
    except RecursionError:
        raise ExpressionError("The expression is nested too deeply.") from None
    except Exception as error:
        # The parser trips over some broken texts instead of refusing them.
        raise ExpressionError(f"The expression cannot be parsed: {error}.") from None
    if ast is None or ast.errors:
        raise ExpressionError("The expression cannot be parsed.")
    if _height(ast) > NESTING:
        raise ExpressionError("The expression is nested too deeply.")
    return ast


def _position(error: Any) -> int | None:
    location = error.location
    return location if isinstance(location, int) and location >= 0 else None


def _parts(node: Any) -> Iterator[Any]:
    """The nodes right below this one, in whatever role."""
    waiting = [value for value in vars(node).values() if isinstance(value, Parser.Symbol | list)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Parser.Symbol):
            yield part
        elif isinstance(part, list | tuple):
            waiting.extend(part)


def _nodes(ast: Any) -> Iterator[Any]:
    seen, waiting = {id(ast)}, [ast]
    while waiting:
        node = waiting.pop()
        yield node
        for part in _parts(node):
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def _height(ast: Any) -> int:
    seen, level, height = {id(ast)}, [ast], 0
    while level:
        height += 1
        below = [part for node in level for part in _parts(node)]
        level = []
        for part in below:
            if id(part) not in seen:
                seen.add(id(part))
                level.append(part)
    return height


def _refuse_irreproducible(ast: Any) -> None:
    for node in _nodes(ast):
        if node.type == "variable" and node.value in REFUSED:
            why = REFUSED[node.value]
            raise ExpressionError(f"${node.value} cannot be used in a filter: {why}.", _at(node))


def _at(node: Any) -> int | None:
    return node.position if isinstance(node.position, int) else None


# What jlens may evaluate: nothing that names a value again, builds one or repeats itself, so
# that work and memory stay in proportion to the text and the document; and no regular
# expressions, whose time runs out on other texts here than there.
PLAIN_TYPES = {
    "path", "name", "string", "number", "value", "binary", "unary", "condition", "block",
    "filter", "function", "variable",
}  # fmt: skip
PLAIN_FUNCTIONS = {
    "abs", "average", "boolean", "ceil", "contains", "count", "exists", "floor", "length",
    "lowercase", "max", "millis", "min", "not", "now", "number", "round", "string", "substring",
    "substringAfter", "substringBefore", "sum", "trim", "uppercase",
}  # fmt: skip
LITERALS = {"string", "number", "value"}


def _is_plain(ast: Any) -> bool:
    return all(_is_plain_node(node) for node in _nodes(ast))


def _is_plain_node(node: Any) -> bool:
    if node.type not in PLAIN_TYPES:
        return False
    if node.focus or node.index is not None or node.group or node.ancestor or node.tuple:
        return False
    match node.type:
        case "variable":
            return node.value in PLAIN_FUNCTIONS or node.value in ("", "$")
        case "function":
            return bool(node.procedure.type == "variable")
        case "binary":
            return bool(node.value != "..")
        case "unary":
            literal = all(item.type in LITERALS for item in node.expressions or ())
            return node.value == "-" or (node.value == "[" and literal)
    return True


class _Untold(Exception):
    """The expression may read the whole document."""


# Functions that take the context when they are given fewer arguments than this.
OF_THE_CONTEXT = {
    "boolean": 1, "clone": 1, "each": 2, "keys": 1, "lookup": 2, "not": 1, "sift": 2,
    "spread": 1, "string": 1,
}  # fmt: skip
OF_FUNCTIONS = {"each", "filter", "map", "reduce", "sift", "single", "sort"}
SAME_CONTEXT = ("condition", "then", "_else", "lhs", "rhs", "expression", "expressions")


def _fields_read(ast: Any) -> frozenset[str] | None:
    fields: set[str] = set()
    try:
        _read(ast, True, fields)
    except (_Untold, RecursionError):
        return None
    return frozenset(fields)


def _read(node: Any, root: bool, fields: set[str]) -> None:
    """Collect what the node reads; `root` says whether its context is the document itself."""
    read = READERS.get(node.type)
    if read is None:
        raise _Untold
    read(node, root, fields)
    _read_filters(node, fields)


def _read_each(nodes: Any, root: bool, fields: set[str]) -> None:
    for node in nodes if isinstance(nodes, list | tuple) else (nodes,):
        if isinstance(node, Parser.Symbol):
            _read(node, root, fields)


def _read_pairs(node: Any, root: bool, fields: set[str]) -> None:
    for pair in getattr(node, "lhs_object", None) or ():
        _read_each(pair, root, fields)


def _read_filters(node: Any, fields: set[str]) -> None:
    for stage in [*(node.predicate or ()), *(node.stages or ())]:
        _read_each(stage.expr, False, fields)
    if node.group is not None:
        _read_pairs(node.group, False, fields)


def _read_path(node: Any, root: bool, fields: set[str]) -> None:
    for step in node.steps:
        if step.type == "variable" and (step.value == "$" or (root and not step.value)):
            if step.focus or step.predicate or step.stages or step.group:
                raise _Untold
            root = True
            continue
        if root and step.focus:
            raise _Untold
        if root and step.type == "sort":
            raise _Untold
        _read(step, root, fields)
        root = False
    if root:
        raise _Untold


def _read_call(node: Any, root: bool, fields: set[str], applied: int = 0) -> None:
    name = node.procedure.value if node.procedure.type == "variable" else None
    given = applied + len(node.arguments or ())
    if name in OF_THE_CONTEXT:
        if root and (given < OF_THE_CONTEXT[name] or node.type == "partial"):
            raise _Untold
    else:
        _read(node.procedure, root, fields)
    for argument in node.arguments or ():
        if not (name in OF_FUNCTIONS and argument.type == "variable" and argument.value):
            _read(argument, root, fields)
        elif argument.value == "$":
            raise _Untold


def _read_name(node: Any, root: bool, fields: set[str]) -> None:
    if root:
        fields.add(node.value)


def _read_variable(node: Any, root: bool, fields: set[str]) -> None:
    if node.value == "$" or node.value in OF_THE_CONTEXT or (root and not node.value):
        raise _Untold


def _read_wildcard(node: Any, root: bool, fields: set[str]) -> None:
    if root:
        raise _Untold


def _read_apply(node: Any, root: bool, fields: set[str]) -> None:
    _read(node.lhs, root, fields)
    if node.rhs.type == "function":
        _read_call(node.rhs, root, fields, applied=1)
        _read_filters(node.rhs, fields)
    elif node.rhs.type != "variable" or node.rhs.value in ("", "$"):
        _read(node.rhs, root, fields)


def _read_transform(node: Any, root: bool, fields: set[str]) -> None:
    _read_each((node.pattern, node.update, node.delete), False, fields)


def _read_sort(node: Any, root: bool, fields: set[str]) -> None:
    _read_each([term.expression for term in node.terms], False, fields)


def _read_lambda(node: Any, root: bool, fields: set[str]) -> None:
    if node.signature is not None:
        raise _Untold  # It may take the context as an argument.
    _read(node.body, root, fields)


def _read_parts(node: Any, root: bool, fields: set[str]) -> None:
    for role in SAME_CONTEXT:
        _read_each(getattr(node, role, None), root, fields)
    _read_pairs(node, root, fields)


def _read_nothing(node: Any, root: bool, fields: set[str]) -> None:
    pass


READERS: dict[str, Callable[[Any, bool, set[str]], None]] = {
    "path": _read_path,
    "name": _read_name,
    "variable": _read_variable,
    "function": _read_call,
    "partial": _read_call,
    "apply": _read_apply,
    "transform": _read_transform,
    "sort": _read_sort,
    "lambda": _read_lambda,
    **dict.fromkeys(("wildcard", "descendant"), _read_wildcard),
    **dict.fromkeys(("condition", "block", "binary", "unary", "bind"), _read_parts),
    **dict.fromkeys(("string", "number", "value", "regex", "operator"), _read_nothing),
}


# jlens


@dataclass(frozen=True)
class _Jlens:
    expression: Any

    def __call__(self, document: dict[str, Any], at: datetime) -> Any:
        for _ in range(ATTEMPTS):
            started = thread_time()
            try:
                return self.expression.evaluate(
                    document,
                    timeout=TIME,
                    # Nothing it is given can recurse: this only leaves room for long chains.
                    max_depth=2 * NESTING,
                    max_steps=STEPS,
                    max_string_length=STRING,
                    max_array_length=ARRAY,
                    max_result_size=SIZE,
                    now=at,
                )
            except jlens.JlensError as error:
                if error.code != "D1012":
                    raise _from_jlens(error) from None
                if thread_time() - started > TIME / 2:
                    break
                # The clock on the wall ran out while the thread was kept waiting: again.
        raise BoundExceeded("time")


def _from_jlens(error: Any) -> EvaluationError:
    bound = {"D1011": "depth", "U1006": "steps", "U1001": "size"}.get(error.code)
    return BoundExceeded(bound) if bound else EvaluationError(str(error))


# The reference engine


@dataclass(frozen=True)
class _Reference:
    ast: Any
    fields: frozenset[str] | None

    def __call__(self, document: dict[str, Any], at: datetime) -> Any:
        if self.fields is not None:
            document = {name: document[name] for name in self.fields if name in document}
        return _Run(self.ast).result(document, at)


# Values of these nodes are part of what was weighed before, or too small to weigh.
WEIGHED_BEFORE = {"name", "variable", "string", "number", "value", "regex"}

_current = threading.local()


def _running() -> "_Run":
    run: _Run = _current.run
    return run


class _Run:
    """One evaluation: an evaluator of its own whose every step is counted and weighed."""

    def __init__(self, ast: Any) -> None:
        self.ast = ast
        self.steps = 0
        self.depth = 0
        self.struck: BoundExceeded | None = None
        self.deadline = thread_time() + TIME
        # Values are kept with their weights, for an identity means nothing without its owner.
        self.weights: dict[int, tuple[Any, int, int]] = {}
        engine = self.engine = Jsonata.__new__(Jsonata)
        engine.parser = Jsonata.get_parser()
        engine.input = engine.environment = None
        engine.eval = self.eval
        engine.apply_procedure = self.apply_procedure
        engine.evaluate_range_expression = self.range
        engine.evaluate_includes_expression = _includes

    def result(self, document: dict[str, Any], at: datetime) -> Any:
        self.engine.timestamp = (at - EPOCH) // timedelta(milliseconds=1)
        frame = Jsonata.Frame(FUNCTIONS)
        frame.bind("$", document)
        before = getattr(Jsonata.CURRENT, "jsonata", None)
        Jsonata.CURRENT.jsonata, _current.run = self.engine, self
        try:
            return self.eval(self.ast, document, frame)
        except Exception as error:
            raise self._failure(error) from None
        finally:
            Jsonata.CURRENT.jsonata = before
            _current.run = None

    def _failure(self, error: Exception) -> EvaluationError:
        """What to tell; the engine may have wrapped what struck in an error of its own."""
        if self.struck is not None:
            return self.struck
        if isinstance(error, RecursionError):
            return BoundExceeded("depth")
        if isinstance(error, MemoryError):
            return BoundExceeded("size")
        return EvaluationError(str(error) or type(error).__name__)

    def strike(self, bound: str) -> NoReturn:
        self.struck = BoundExceeded(bound)
        raise self.struck

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > STEPS:
            self.strike("steps")

    def time_left(self) -> float:
        left = self.deadline - thread_time()
        if left <= 0:
            self.strike("time")
        return left

    def eval(self, node: Any, input: Any, environment: Any) -> Any:
        self.spend(1)
        if not self.steps & 15:
            self.time_left()
        engine = self.engine
        before = engine.input, engine.environment
        try:
            value = Jsonata._eval(engine, node, input, environment)
        finally:
            engine.input, engine.environment = before
        if isinstance(value, str | list | dict):
            self.check(value, weigh=node.type not in WEIGHED_BEFORE and not _is_names(node))
        return value

    def check(self, value: Any, *, weigh: bool = True) -> None:
        if isinstance(value, str):
            if len(value) > STRING:
                self.strike("size")
            self.spend(len(value) >> 10)
            return
        if len(value) > ARRAY:
            self.strike("size")
        self.spend(len(value) >> 2)
        if weigh:
            self.weigh(value)

    def weigh(self, value: Any, level: int = 1) -> tuple[int, int]:
        """Size and height as if written out: sharing makes much of little, writing it does not."""
        known = self.weights.get(id(value))
        if known is not None:
            return known[1:]
        if level > DEPTH:
            self.strike("depth")
        size = height = 1
        for member in value.values() if isinstance(value, dict) else value:
            if isinstance(member, list | dict):
                of_member, below = self.weigh(member, level + 1)
                size += of_member
                height = max(height, below + 1)
            else:
                size += 1 + len(member) if isinstance(member, str) else 1
        if size > SIZE:
            self.strike("size")
        if height > DEPTH:
            self.strike("depth")
        self.weights[id(value)] = value, size, height
        return size, height

    def apply_procedure(self, procedure: Any, arguments: Any) -> Any:
        self.depth += 1
        if self.depth > DEPTH:
            self.strike("depth")
        value = Jsonata.apply_procedure(self.engine, procedure, arguments)
        self.depth -= 1
        return value

    def range(self, first: Any, last: Any) -> Any:
        if isinstance(first, int) and isinstance(last, int) and last - first >= ARRAY:
            self.strike("size")
        return Jsonata.evaluate_range_expression(self.engine, first, last)


def _is_names(node: Any) -> bool:
    """Whether the node is a path of mere names, whose value is part of what it was read from."""
    if node.type != "path" or node.group is not None:
        return False
    return all(step.type == "name" and step.stages is None for step in node.steps)


def _includes(value: Any, among: Any) -> bool:
    """`in`, which the engine takes with Python's equality: for that, true is 1."""
    if value is None or among is None or isinstance(value, list | dict):
        return False
    members = among if isinstance(among, list) else [among]
    truth = isinstance(value, bool)
    return any(member == value and isinstance(member, bool) == truth for member in members)


class _Pattern:
    """A regular expression that stops searching when the time of the evaluation is up."""

    def __init__(self, pattern: str, flags: Any) -> None:
        case = regex.IGNORECASE if flags.case_insensitive else 0
        self.pattern = regex.compile(pattern, case | (regex.MULTILINE if flags.multiline else 0))

    def search(self, text: str) -> Any:
        try:
            return self.pattern.search(text, timeout=_running().time_left())
        except TimeoutError:
            _running().strike("time")

    def finditer(self, text: str) -> Iterator[Any]:
        try:
            for found in self.pattern.finditer(text, timeout=_running().time_left()):
                _running().spend(1 + (sum(map(len, found.groups(""))) >> 10))
                yield found
        except TimeoutError:
            _running().strike("time")

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        parts, position = [], 0
        for found in self.finditer(text):
            parts.append(text[position : found.start()])
            position = found.end()
            if len(parts) == maxsplit:
                break
        return [*parts, text[position:]]

    def sub(self, replacement: Any, text: str, count: int = 0) -> str:
        raise NotImplementedError("$replace is ours.")


class _TimedRe:
    """Stands in for the module `re` where the engine builds a pattern out of a picture."""

    IGNORECASE = re.IGNORECASE

    @staticmethod
    def compile(pattern: str, flags: int) -> Any:
        return _Pattern(pattern, _CaseInsensitive)


class _CaseInsensitive:
    case_insensitive = True
    multiline = False


_parse_datetime = FunctionType(
    DateTimeUtils.parse_datetime.__code__,
    {**DateTimeUtils.parse_datetime.__globals__, "re": _TimedRe},
)


class _Guards:
    """The functions that could make much out of little, or search for ever, in one step."""

    @staticmethod
    def pad(text: Any, width: Any, char: Any) -> Any:
        if isinstance(width, int | float) and abs(width) > STRING:
            _running().strike("size")
        return Functions.pad(text, width, char)

    @staticmethod
    def join(texts: Any, separator: Any) -> Any:
        if texts is not None:
            between = len(separator or "") * len(texts)
            if between + sum(len(text) for text in texts) > STRING:
                _running().strike("size")
        return Functions.join(texts, separator)

    @staticmethod
    def distinct(values: Any) -> Any:
        if not isinstance(values, list) or len(values) <= 1:
            return values
        scalars: set[Any] = set()
        different: list[Any] = Utils.create_sequence() if Utils.is_sequence(values) else []
        containers: list[Any] = []
        for value in values:
            if isinstance(value, list | dict):
                _running().spend(len(containers) >> 2)
                if any(Utils.is_deep_equal(value, other) for other in containers):
                    continue
                containers.append(value)
            elif (key := (isinstance(value, bool), value)) in scalars:
                continue
            else:
                scalars.add(key)
            different.append(value)
        return different

    @staticmethod
    def replace(text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
        if text is None:
            return None
        if pattern == "":
            raise JException("D3010", -1)
        if limit is not None and limit < 0:
            raise JException("D3011", -1)
        found = _places(text, pattern) if isinstance(pattern, str) else _matches(text, pattern)
        pieces: list[str] = []
        position = length = 0
        for count, (start, end, groups) in enumerate(found):
            if limit is not None and count >= limit:
                break
            piece = _replaced(text[start:end], start, groups, replacement)
            pieces += [text[position:start], piece]
            length += start - position + len(piece)
            if length > STRING:
                _running().strike("size")
            position = end
        return "".join(pieces) + text[position:]

    @staticmethod
    def format_number(value: Any, picture: Any, options: Any) -> Any:
        return Functions.format_number(value, _picture(picture), options)

    @staticmethod
    def format_integer(value: Any, picture: Any) -> Any:
        if isinstance(value, int | float) and abs(value) >= 10**21:
            raise JException("The number is too large to be formatted as an integer", -1)
        return Functions.format_integer(value, _picture(picture))

    @staticmethod
    def parse_integer(text: Any, picture: Any) -> Any:
        return Functions.parse_integer(_short(text), _picture(picture))

    @staticmethod
    def from_millis(millis: Any, picture: Any, timezone: Any) -> Any:
        return Functions.datetime_from_millis(millis, _picture(picture), _short(timezone))

    @staticmethod
    def to_millis(text: Any, picture: Any) -> Any:
        if text is None or picture is None:
            return Functions.datetime_to_millis(_short(text), None)
        return _parse_datetime(_short(text), _picture(picture))

    @staticmethod
    def now(picture: Any, timezone: Any) -> Any:
        return Functions.now(_picture(picture), _short(timezone))


def _short(text: Any) -> Any:
    if isinstance(text, str) and len(text) > PICTURE:
        raise JException(f"A date or a number of more than {PICTURE} characters", -1)
    return text


def _picture(text: Any) -> Any:
    if isinstance(text, str) and (len(text) > PICTURE or re.search(r"[,-]\s*\d{4,}", text)):
        raise JException("The picture is too long, or asks for too wide a number", -1)
    return text


Place = tuple[int, int, tuple[str | None, ...] | None]


def _places(text: str, part: str) -> Iterator[Place]:
    start = text.find(part)
    while start >= 0:
        yield start, start + len(part), None
        start = text.find(part, start + len(part))


def _matches(text: str, pattern: Any) -> Iterator[Place]:
    for found in pattern.finditer(text):
        if not found.group():
            raise JException("D1004", -1)
        yield found.start(), found.end(), found.groups()


def _replaced(
    part: str, start: int, groups: tuple[str | None, ...] | None, replacement: Any
) -> str:
    if isinstance(replacement, str):
        return replacement if groups is None else _filled_in(replacement, part, groups)
    match = {
        "match": part,
        "start": start,
        "end": start + len(part),
        "groups": list(groups or ()),
    }
    piece = Functions.func_apply(replacement, [match])
    if not isinstance(piece, str):
        raise JException("D3012", -1)
    return piece


def _filled_in(template: str, part: str, groups: tuple[str | None, ...]) -> str:
    """The replacement with `$0`, `$1`, … filled in; `$$` is a dollar."""

    def reference(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("$", "0"):
            return "$" if name == "$" else part
        for length in range(min(len(str(len(groups))), len(name)), 0, -1):
            if int(name[:length]) <= len(groups) or length == 1:
                break
        number = int(name[:length])
        filling = groups[number - 1] if 0 < number <= len(groups) else ""
        return (filling or "") + name[length:]

    return re.sub(r"\$(\$|0|[0-9]+)", reference, template)


GUARDS = {
    "distinct": "distinct",
    "formatInteger": "format_integer",
    "formatNumber": "format_number",
    "fromMillis": "from_millis",
    "join": "join",
    "now": "now",
    "pad": "pad",
    "parseInteger": "parse_integer",
    "replace": "replace",
    "toMillis": "to_millis",
}


def _functions() -> Any:
    """The engine's functions, the dangerous ones guarded, none of them taking null for nothing."""
    frame = Jsonata.Frame(Jsonata.static_frame)
    for name, function in Jsonata.static_frame.bindings.items():
        ours = copy(function)
        if name in GUARDS:
            ours.method = getattr(_Guards, GUARDS[name])
            ours.nargs = len(signature(ours.method).parameters)
        ours.signature = copy(function.signature)
        ours.signature.get_symbol = partial(_symbol, function.signature)
        frame.bind(name, ours)
    return frame


def _symbol(of: Any, value: Any) -> str:
    """The type of an argument, as signatures abbreviate it."""
    symbol: str = "l" if value is Utils.NULL_VALUE else of.get_symbol(value)
    return symbol


FUNCTIONS = _functions()
