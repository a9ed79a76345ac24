"""What an expression reads of its document: given from its syntax, before any document is there.

Each part of the expression is followed with the places of the document that its value may come
from. A name leads one place down; whatever looks at a value itself, rather than stepping on,
reads all of its place. A document cut to the places that are read gives the same result as the
whole one. Where that cannot be given, all of the document is read.

The places are given as a tree: names of an object with what is read below each, None for all of
it. Lists are passed through. Of a place with nothing read below it only matters whether it is
there, or how often.
"""

from collections.abc import Callable
from typing import Any

from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.parser import Parser  # type: ignore[import-untyped]

Reads = tuple[tuple[str, "Reads"], ...] | None

# Functions that take the context when they are given fewer arguments than this.
OF_THE_CONTEXT = {
    "boolean": 1, "clone": 1, "each": 2, "keys": 1, "lookup": 2, "not": 1, "sift": 2,
    "spread": 1, "string": 1,
}  # fmt: skip
ONLY_WHETHER = {"count", "exists"}
OF_MEMBERS = {"filter", "map", "single", "sort"}
OF_FUNCTIONS = OF_MEMBERS | {"each", "reduce", "sift"}
BUILT_IN = frozenset(Jsonata.static_frame.bindings)


def reads(ast: Any) -> Reads:
    """The tree of what is read; None for the whole document."""
    root = Place()
    try:
        _Reader(root).use(ast, (root,), Scope())
    except (Unread, RecursionError):
        return None
    return root.reads()


def cut_to(value: Any, reads: Reads) -> Any:
    """The value with what is read of it, and no more."""
    if reads is None:
        return value
    if isinstance(value, dict):
        return {name: cut_to(value[name], below) for name, below in reads if name in value}
    if isinstance(value, list):
        return [cut_to(member, reads) for member in value]
    return value


def paths(reads: Reads) -> list[str] | None:
    """The tree as dotted paths; None for the whole document."""
    if reads is None:
        return None
    found = []
    for name, below in reads:
        under = paths(below)
        found += [f"{name}.{path}" for path in under] if under else [name]
    return found


class Unread(Exception):
    """The expression may read the whole document."""


class Place:
    """A place in the document, and what is known to be read below it."""

    def __init__(self) -> None:
        self.all = False
        self.below: dict[str, Place] = {}

    def step(self, name: str) -> "Place":
        """The place below this one by a name."""
        return self.below.setdefault(name, Place())

    def reads(self) -> Reads:
        """What is read below it, by name; None where it is read whole."""
        if self.all:
            return None
        return tuple((name, place.reads()) for name, place in sorted(self.below.items()))


Places = tuple[Place, ...]


class Scope:
    """The variables that an expression has named, each with where its value comes from."""

    def __init__(self, outer: "Scope | None" = None) -> None:
        self.outer = outer
        self.named: dict[str, Places] = {}
        self.functions: set[str] = set()

    def find(self, name: str) -> "Scope | None":
        """The scope in which a name is bound; None where it is free."""
        scope: Scope | None = self
        while scope is not None and name not in scope.named:
            scope = scope.outer
        return scope


class _Reader:
    def __init__(self, root: Place) -> None:
        self.root = root

    def use(self, node: Any, context: Places, scope: Scope) -> None:
        """The value itself is looked at: all of where it comes from is read."""
        self._read_all(self.follow(node, context, scope))

    def _read_all(self, places: Places) -> None:
        for place in places:
            if place is self.root:
                raise Unread
            place.all = True

    def follow(self, node: Any, context: Places, scope: Scope) -> Places:
        """Where the value of the node may come from; nowhere, when the expression makes it."""
        read = READERS.get(node.type)
        if read is None or node.focus or node.ancestor or node.tuple:
            raise Unread
        places: Places = read(self, node, context, scope)
        for stage in [*(node.predicate or ()), *(node.stages or ())]:
            if not isinstance(stage.expr, Parser.Symbol):
                raise Unread  # it names the index
            self.use(stage.expr, places, scope)
        if node.group is not None:
            self._pairs(node.group, places, scope)
            return ()
        return places

    def _pairs(self, node: Any, context: Places, scope: Scope) -> None:
        for pair in getattr(node, "lhs_object", None) or ():
            for part in pair:
                self.use(part, context, scope)

    def path(self, node: Any, context: Places, scope: Scope) -> Places:
        for step in node.steps:
            if step.index is not None:
                raise Unread
            context = self.follow(step, context, scope)
        return context

    def name(self, node: Any, context: Places, _scope: Scope) -> Places:
        return tuple(dict.fromkeys(place.step(node.value) for place in context))

    def everything(self, _node: Any, context: Places, _scope: Scope) -> Places:
        self._read_all(context)
        return ()

    def variable(self, node: Any, context: Places, scope: Scope) -> Places:
        if node.value == "":
            return context
        if node.value == "$":
            return (self.root,)
        found = scope.find(node.value)
        if found is None:
            if node.value in OF_THE_CONTEXT or node.value not in BUILT_IN:
                raise Unread  # called without an argument, or named later on
            return ()
        return found.named[node.value]

    def nothing(self, _node: Any, _context: Places, _scope: Scope) -> Places:
        return ()

    def binary(self, node: Any, context: Places, scope: Scope) -> Places:
        self.use(node.lhs, context, scope)
        self.use(node.rhs, context, scope)
        return ()

    def unary(self, node: Any, context: Places, scope: Scope) -> Places:
        if node.value == "[":
            members = [self.follow(part, context, scope) for part in node.expressions or ()]
            return tuple(dict.fromkeys(place for places in members for place in places))
        if node.value == "{":
            self._pairs(node, context, scope)
            return ()
        self.use(node.expression, context, scope)
        return ()

    def condition(self, node: Any, context: Places, scope: Scope) -> Places:
        self.use(node.condition, context, scope)
        places = self.follow(node.then, context, scope)
        if isinstance(node._else, Parser.Symbol):
            places += self.follow(node._else, context, scope)
        return tuple(dict.fromkeys(places))

    def block(self, node: Any, context: Places, scope: Scope) -> Places:
        inner, places = Scope(scope), Places()
        for part in node.expressions or ():
            places = self.follow(part, context, inner)
        return places

    def bind(self, node: Any, context: Places, scope: Scope) -> Places:
        name = node.lhs.value
        if scope.find(name) is not None or name in BUILT_IN:
            raise Unread  # a function may have seen the value that was there before
        if node.rhs.type == "lambda":
            scope.named[name] = ()  # it may call itself
            scope.functions.add(name)
        scope.named[name] = self.follow(node.rhs, context, scope)
        return scope.named[name]

    def function(self, node: Any, context: Places, scope: Scope) -> Places:
        return self._call(node, context, scope, None)

    def _call(self, node: Any, context: Places, scope: Scope, first: Places | None) -> Places:
        """A call; `first` is where its first argument comes from when `~>` hands it over."""
        name = node.procedure.value if node.procedure.type == "variable" else None
        own = name if isinstance(name, str) and scope.find(name) is None else None
        arguments = list(node.arguments or ())
        if own in OF_MEMBERS and node.type == "function":
            places = self._of_members(own, arguments, context, scope, first)
            if places is not None:
                return places
        if own in ONLY_WHETHER and len(arguments) + (first is not None) == 1:
            for argument in arguments:
                self.follow(argument, context, scope)
            return ()
        if first is not None:
            self._read_all(first)
        self._use_arguments(own, arguments, context, scope)
        given = len(arguments) + (first is not None)
        if own in OF_THE_CONTEXT and (given < OF_THE_CONTEXT[own] or node.type == "partial"):
            self._read_all(context)
        elif own is not None:
            self._read_all(tuple(place for place in context if place is not self.root))
        else:
            self._procedure(node.procedure, context, scope)
        return ()

    def _use_arguments(
        self, name: str | None, arguments: list[Any], context: Places, scope: Scope
    ) -> None:
        for argument in arguments:
            if argument.type == "operator":
                continue  # the `?` of a partial application
            if name in OF_FUNCTIONS and argument.type == "variable" and argument.value in BUILT_IN:
                continue  # it is called with an argument each time
            self.use(argument, context, scope)

    def _of_members(
        self,
        name: str,
        arguments: list[Any],
        context: Places,
        scope: Scope,
        first: Places | None,
    ) -> Places | None:
        """`$filter`, `$map` and the like with a function written in place; None for others."""
        function = arguments[-1] if arguments else None
        if function is None or function.type != "lambda" or function.signature is not None:
            return None
        if len(arguments) + (first is not None) != 2:
            return None
        members = self.follow(arguments[0], context, scope) if first is None else first
        inner = Scope(scope)
        for place, argument in enumerate(function.arguments or ()):
            found = members if name == "sort" or place in (0, 2) else ()
            inner.named[argument.value] = found
        result = self.follow(function.body, context, inner)
        if name == "map":
            return result
        self._read_all(result)
        return members

    def _procedure(self, procedure: Any, context: Places, scope: Scope) -> None:
        """A function that is no built-in one, called by name or in place."""
        if procedure.type == "variable":
            found = scope.find(procedure.value)
            if found is None or procedure.value not in found.functions:
                raise Unread  # it may take the context as an argument
        elif procedure.type == "lambda":
            self.use(procedure, context, scope)
        else:
            raise Unread

    def lambda_(self, node: Any, context: Places, scope: Scope) -> Places:
        """A function whose arguments are read by whoever calls it."""
        if node.signature is not None:
            raise Unread  # it may take the context as an argument
        inner = Scope(scope)
        for argument in node.arguments or ():
            inner.named[argument.value] = ()
        self.use(node.body, context, inner)
        return ()

    def apply(self, node: Any, context: Places, scope: Scope) -> Places:
        places = self.follow(node.lhs, context, scope)
        if node.rhs.type == "function":
            result = self._call(node.rhs, context, scope, places)
            for stage in node.rhs.predicate or ():
                self.use(stage.expr, result, scope)
            return result
        if node.rhs.type == "variable" and node.rhs.value in ONLY_WHETHER:
            return ()
        self._read_all(places)
        if node.rhs.type != "variable" or scope.find(node.rhs.value) is not None:
            self.use(node.rhs, context, scope)
        elif node.rhs.value in ("", "$"):
            raise Unread
        return ()

    def transform(self, node: Any, _context: Places, scope: Scope) -> Places:
        for part in (node.pattern, node.update, node.delete):
            if isinstance(part, Parser.Symbol):
                self.use(part, (), scope)
        return ()

    def sort(self, node: Any, context: Places, scope: Scope) -> Places:
        if self.root in context:
            raise Unread
        for term in node.terms:
            self.use(term.expression, context, scope)
        return context


READERS: dict[str, Callable[..., Places]] = {
    "path": _Reader.path,
    "name": _Reader.name,
    "variable": _Reader.variable,
    "function": _Reader.function,
    "partial": _Reader.function,
    "apply": _Reader.apply,
    "transform": _Reader.transform,
    "sort": _Reader.sort,
    "lambda": _Reader.lambda_,
    "wildcard": _Reader.everything,
    "descendant": _Reader.everything,
    "condition": _Reader.condition,
    "block": _Reader.block,
    "binary": _Reader.binary,
    "unary": _Reader.unary,
    "bind": _Reader.bind,
    **dict.fromkeys(("string", "number", "value", "regex"), _Reader.nothing),
}
