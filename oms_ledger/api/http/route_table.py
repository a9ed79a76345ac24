"""Finds the route of a request by walking its path, whatever the number of operations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


@dataclass(slots=True)
class _Node:
    """A place in a path: what may follow it, and the routes that end or go on freely here."""

    words: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    ends: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)


class RouteTable(BaseRoute):
    """Many routes as one: only those whose template fits the path are asked, in their order."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = list(routes)
        self._root = _Node()
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

    def candidates(self, path: str) -> list[Route]:
        """List the routes whose template may fit a path, in the order they were given."""
        found = list(self._walk(self._root, path.split("/"), 0))
        return [self._routes[number] for number in sorted(found)]

    def _walk(self, node: _Node, words: list[str], at: int) -> Iterator[int]:
        yield from node.free
        if at == len(words):
            yield from node.ends
            return
        if (child := node.words.get(words[at])) is not None:
            yield from self._walk(child, words, at + 1)
        if node.parameter is not None:
            yield from self._walk(node.parameter, words, at + 1)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        partial: tuple[Route, Scope] | None = None
        for route in self.candidates(scope["path"]):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, "matched_route": route}
            if match is Match.PARTIAL and partial is None:
                partial = (route, child)
        if partial is None:
            return Match.NONE, {}
        return Match.PARTIAL, {**partial[1], "matched_route": partial[0]}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: Any = scope["matched_route"]
        await route.handle(scope, receive, send)
