"""Parsing an expression, and what is refused when it is configured."""

from collections.abc import Iterator
from typing import Any

from jsonata.jexception import JException  # type: ignore[import-untyped]
from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.parser import Parser  # type: ignore[import-untyped]

from oms_ledger.jsonata import signatures
from oms_ledger.jsonata.bounds import NESTING, PARENTS, PATTERNS, POINTS
from oms_ledger.jsonata.errors import ExpressionError
from oms_ledger.jsonata.patterns import Pattern

REFUSED = {
    "random": "its value could not be reproduced",
    "shuffle": "its value could not be reproduced",
    "eval": "what it would run cannot be checked beforehand",
}


def parse(text: str) -> Any:
    """The syntax tree of an expression that may be used; `ExpressionError` says why not."""
    for sign, most in (("%", PARENTS), (".", POINTS)):
        if text.count(sign) > most:
            raise ExpressionError(f"The expression has more than {most} signs {sign}")
    ast = _parse(text)
    _refuse_irreproducible(ast)
    if len(patterns(ast)) > PATTERNS:
        raise ExpressionError(f"The expression has more than {PATTERNS} regular expressions.")
    for node in nodes(ast):
        if node.type == "lambda" and node.signature is not None:
            signatures.bound(node.signature)
    return ast


def patterns(ast: Any) -> list[Pattern]:
    """The regular expressions that are written in an expression."""
    return [node.value for node in nodes(ast) if node.type == "regex"]


def _parse(text: str) -> Any:
    try:
        ast = Jsonata.get_parser().parse(text, Pattern)
    except ExpressionError:
        raise
    except JException as error:
        raise ExpressionError(str(error), _position(error)) from None
    except RecursionError:
        raise ExpressionError("The expression is nested too deeply.") from None
    except Exception as error:  # noqa: BLE001 - the parser trips over some texts
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


def parts(node: Any) -> Iterator[Any]:
    """The nodes right below this one, in whatever role."""
    waiting = [value for value in vars(node).values() if isinstance(value, Parser.Symbol | list)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Parser.Symbol):
            yield part
        elif isinstance(part, list | tuple):
            waiting.extend(part)


def nodes(ast: Any) -> Iterator[Any]:
    """All nodes of a syntax tree, each once."""
    seen, waiting = {id(ast)}, [ast]
    while waiting:
        node = waiting.pop()
        yield node
        for part in parts(node):
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def _height(ast: Any) -> int:
    seen, level, height = {id(ast)}, [ast], 0
    while level:
        height += 1
        below = [part for node in level for part in parts(node)]
        level = []
        for part in below:
            if id(part) not in seen:
                seen.add(id(part))
                level.append(part)
    return height


def _refuse_irreproducible(ast: Any) -> None:
    for node in nodes(ast):
        if node.type == "variable" and node.value in REFUSED:
            why = REFUSED[node.value]
            raise ExpressionError(f"${node.value} cannot be used in a filter: {why}.", _at(node))


def _at(node: Any) -> int | None:
    return node.position if isinstance(node.position, int) else None
