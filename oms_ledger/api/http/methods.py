"""The methods of a path: what `OPTIONS` and a 405 say is what the routes answer to."""

from collections.abc import Iterable, Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def allowed(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """Return the methods of every route that the path is one of; empty when there is none."""
    found: set[str] = set()
    for route in routes:
        match, _ = route.matches({**scope, "method": "OPTIONS"})
        if match is not Match.NONE:
            found |= set(_methods(route))
    if not found:
        return []
    return sorted({*found, "OPTIONS", *(["HEAD"] if "GET" in found else [])})


def _methods(route: BaseRoute) -> Iterable[str]:
    methods: Iterable[str] = getattr(route, "methods", None) or ()
    return methods
