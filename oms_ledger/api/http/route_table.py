"""Finds the route of a request by walking its path, whatever the number of operations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from starlette.routing import Match, Route
from starlette.types import Scope

RouteT = TypeVar("RouteT", bound=Route)
Segments = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found(Generic[RouteT]):
    """A route, its path parameters, and whether it takes the request's method too."""

    route: RouteT
    parameters: dict[str, Any]
    takes_method: bool


@dataclass(slots=True)
class _Node:
    """A place in a path: what may follow it, and the routes that end or go on freely here."""

    words: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    ends: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)


class RouteTable(Generic[RouteT]):
    """Many routes: only those whose template fits the path are tried, in their order."""

    def __init__(self, routes: Sequence[RouteT]) -> None:
        self._routes = list(routes)
        self._root = _Node()
        self._names = [tuple(route.param_convertors) for route in self._routes]
        for number, route in enumerate(self._routes):
            self._add(number, route.path)

    def _add(self, number: int, template: str) -> None:
        node = self._root
        for word in template.split("/"):
            if "{" in word and (":" in word or not word.startswith("{") or not word.endswith("}")):
                node.free.append(number)  # of several segments, or a mixture: its pattern decides
                return
            if word.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.words.setdefault(word, _Node())
        node.ends.append(number)

    def find(self, scope: Scope) -> Found[RouteT] | None:
        """The first route of path and method; else the first of the path alone; else None."""
        method, other = scope["method"], None
        candidates = list(self._walk(self._root, scope["path"].split("/"), 0, ()))
        if len(candidates) > 1:
            candidates.sort()
        for number, segments in candidates:
            route = self._routes[number]
            if segments is None:
                match, child = route.matches(scope)
                if match is Match.NONE:
                    continue
                parameters = child["path_params"]
            else:
                parameters = dict(zip(self._names[number], segments, strict=True))
            if not route.methods or method in route.methods:
                return Found(route, parameters, takes_method=True)
            other = other or Found(route, parameters, takes_method=False)
        return other

    def _walk(
        self, node: _Node, words: list[str], at: int, segments: Segments
    ) -> Iterator[tuple[int, Segments | None]]:
        """Numbers of routes, with the values of their parameters where the walk has shown them."""
        for number in node.free:
            yield number, None
        if at == len(words):
            for number in node.ends:
                yield number, segments
            return
        word = words[at]
        if (child := node.words.get(word)) is not None:
            yield from self._walk(child, words, at + 1, segments)
        if node.parameter is not None and word:
            yield from self._walk(node.parameter, words, at + 1, (*segments, word))
