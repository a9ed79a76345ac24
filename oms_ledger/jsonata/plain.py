"""Which expressions an accelerator may evaluate: those it answers like the reference.

Nothing that names a value again, builds one or repeats itself, so that work and memory stay in
proportion to the text and the document; and only such regular expressions as cannot backtrack
for long, for time runs out on other texts there than here. Most filters are plain.
"""

import re
from typing import Any

from oms_ledger.jsonata.syntax import nodes

PLAIN_TYPES = {
    "path", "name", "string", "number", "value", "binary", "unary", "condition", "block",
    "filter", "function", "variable", "apply",
}  # fmt: skip
PLAIN_FUNCTIONS = {
    "abs", "average", "boolean", "ceil", "contains", "count", "exists", "floor", "length",
    "lowercase", "max", "millis", "min", "not", "now", "number", "round", "string", "substring",
    "substringAfter", "substringBefore", "sum", "trim", "uppercase",
}  # fmt: skip
LITERALS = {"string", "number", "value"}

# Plain characters and `.`, of which any number may be asked for three times.
PLAIN_PATTERN = re.compile(r"\^?(?:[A-Za-z0-9 _,;:@#%&=<>~!'-]|\\[./-]|\.[*+]?)*\$?")
MOST_REPEATED = 3


def is_plain(ast: Any) -> bool:
    """Whether an expression means the same to both engines, whatever the document."""
    searched = {id(pattern) for node in nodes(ast) for pattern in _searched_for(node)}
    return all(
        _is_plain_node(node) if node.type != "regex" else id(node) in searched
        for node in nodes(ast)
    )


def _searched_for(node: Any) -> list[Any]:
    """The plain patterns of which only matters whether they are found: `x ~> /p/`, `$contains`."""
    if node.type == "apply":
        requested = [node.rhs]
    elif node.type == "function" and node.procedure.value == "contains":
        requested = list(node.arguments or ())[1:]
    else:
        return []
    return [part for part in requested if part.type == "regex" and _is_plain_pattern(part.value)]


def _is_plain_pattern(pattern: Any) -> bool:
    repeated = sum(pattern.text.count(sign) for sign in (".*", ".+"))
    plain = PLAIN_PATTERN.fullmatch(pattern.text) is not None and pattern.text.strip("^.*+$")
    return bool(plain) and not pattern.multiline and repeated <= MOST_REPEATED


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
        case "apply":
            return bool(node.rhs.type == "regex")
        case "string":
            return not any("\ud800" <= char <= "\udfff" for char in node.value)
        case "condition":
            return not _takes_what_it_asks(node)
        case "unary":
            literal = all(item.type in LITERALS for item in node.expressions or ())
            return node.value == "-" or (node.value == "[" and literal)
    return True


def _takes_what_it_asks(node: Any) -> bool:
    """`?:` and `??`, whose left side the reference prepares twice: it negates `-5` back to 5."""
    requested = {id(part) for part in nodes(node.condition)}
    return any(id(part) in requested for part in nodes(node.then))
