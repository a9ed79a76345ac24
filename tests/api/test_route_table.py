"""The route of a request is the one that a search through all routes finds."""

import inspect
import re
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Match, Route

from oms_ledger.api.app import ROUTERS
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.route_table import RouteTable

ROUTES = [r for module in ROUTERS for r in module.router.routes if isinstance(r, Route)]
TABLE = RouteTable(ROUTES)
WORDS = sorted({word for r in ROUTES for word in r.path.split("/") if word and "{" not in word})
PATH_PARAMETERS = [
    pytest.param(r.endpoint, name, id=f"{r.endpoint.__module__}.{r.endpoint.__name__}-{name}")
    for r in ROUTES
    for name in re.findall(r"{(\w+)(?::\w+)?}", r.path)
    if name in inspect.signature(r.endpoint).parameters
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]


def searched(scope):
    """The route that the framework's own loop would take, and how well it matches."""
    partial: tuple[Any, Match] = (None, Match.NONE)
    for route in ROUTES:
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return route, match
        if match is Match.PARTIAL and partial[0] is None:
            partial = (route, match)
    return partial


def looked_up(scope):
    found = TABLE.find(scope)
    if found is None:
        return None, Match.NONE
    _, child = found.route.matches(scope)
    assert found.parameters == child["path_params"]
    return found.route, Match.FULL if found.takes_method else Match.PARTIAL


def scope_of(method, path):
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}


@pytest.mark.parametrize("method", METHODS)
def test_every_template_is_found_by_its_path(method):
    for route in ROUTES:
        for value in ("v1acme-01", "a/b", ""):
            path = re.sub(r"\{[^}]*\}", value, route.path)
            scope = scope_of(method, path)
            assert looked_up(scope) == searched(scope), (method, path)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(METHODS),
    st.lists(st.sampled_from(WORDS) | st.sampled_from(["", "x", "v1acme-01", "{id}"]), max_size=9),
)
def test_any_path_is_routed_as_by_a_search_through_all(method, words):
    scope = scope_of(method, "/" + "/".join(words))
    assert looked_up(scope) == searched(scope)


@pytest.mark.parametrize(("endpoint", "name"), PATH_PARAMETERS)
def test_text_of_a_path_is_decoded_once(endpoint, name):
    """A parameter is a `PathId`, or of a type that percent signs are no part of."""
    annotation = inspect.signature(endpoint).parameters[name].annotation
    assert annotation == PathId or (get_args(annotation) or (annotation,))[0] is int


def test_nothing_of_a_request_is_handed_to_a_thread_by_the_framework():
    """A dependency or an endpoint that is no coroutine costs a thread for each request."""

    def calls(dependant):
        yield dependant.call
        for one in dependant.dependencies:
            yield from calls(one)

    found = {
        call
        for module in ROUTERS
        for route in module.router.routes
        for call in calls(route.dependant)
        if not inspect.iscoroutinefunction(call)
        and not inspect.iscoroutinefunction(type(call).__call__)
        and not inspect.isasyncgenfunction(call)
    }
    assert found == set()
