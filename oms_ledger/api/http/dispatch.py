"""Answers a request: its route is looked up, what its endpoint asks for is solved, the rest is its.

FastAPI reads the endpoints and describes them. The way of a request through it (five middlewares,
three exit stacks, every dependency classified anew) cost more than most endpoints do; a request of
an operation goes this way instead, and errors are answered by the application's own handlers.
Paths that are no operations (`/docs`, `/`, what does not exist) go the framework's way.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from oms_ledger.api.http.route_table import RouteTable

_PLACES = ("path_params", "query_params", "header_params", "cookie_params")
_NOT_OFFERED = (
    *("websocket_param_name", "http_connection_param_name", "response_param_name"),
    *("background_tasks_param_name", "security_scopes_param_name"),
)
_ATTRIBUTES = {"header_params": "headers", "cookie_params": "cookies"}


@dataclass(frozen=True, slots=True)
class _Call:
    """A dependency or the endpoint, and where its arguments come from.

    `results` are names and numbers of calls made before; `fields` are attributes of the request
    and the parameters that are read there.
    """

    call: Callable[..., Awaitable[Any]]
    results: tuple[tuple[str, int], ...]
    request: str | None
    fields: tuple[tuple[str, tuple[ModelField, ...]], ...]


class Operation:
    """An endpoint with all that it depends on, in the order in which it is called, each once."""

    def __init__(self, route: APIRoute) -> None:
        self._calls: list[_Call] = []
        self._numbers: dict[Callable[..., Any], int] = {}
        self._add(route.dependant)

    def _add(self, dependant: Dependant) -> int:
        call = dependant.call
        assert call is not None
        if (known := self._numbers.get(call)) is not None:
            return known
        if dependant.body_params or any(getattr(dependant, name) for name in _NOT_OFFERED):
            raise TypeError(f"{call!r}: expected parameters of path, query or headers, the request")
        if not (
            inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
        ):
            raise TypeError(f"{call!r}: expected a coroutine function")
        results = [(one.name, self._add(one)) for one in dependant.dependencies]
        self._calls.append(
            _Call(
                call,
                tuple((name, number) for name, number in results if name is not None),
                dependant.request_param_name,
                tuple(
                    (_ATTRIBUTES.get(place, place), tuple(fields))
                    for place in _PLACES
                    if (fields := getattr(dependant, place))
                ),
            )
        )
        self._numbers[call] = len(self._calls) - 1
        return self._numbers[call]

    async def answer(self, request: Request) -> Response:
        """What the endpoint answers; RequestValidationError for parameters that are wrong."""
        results: list[Any] = []
        for one in self._calls:
            values = {name: results[number] for name, number in one.results}
            if one.request is not None:
                values[one.request] = request
            problems: list[Any] = []
            for attribute, fields in one.fields:
                found, wrong = request_params_to_args(fields, getattr(request, attribute))
                values.update(found)
                problems += wrong
            if problems:
                raise RequestValidationError(problems)
            results.append(await one.call(**values))
        response: Response = results[-1]
        return response


class Api(FastAPI):
    """The application whose operations are given to `serve`."""

    def serve(self, routes: Iterable[APIRoute]) -> None:
        """Answer the requests of these routes; of two that fit a path, the first."""
        given = list(routes)
        self._table = RouteTable(given)
        self._operations = {id(route): Operation(route) for route in given}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by its endpoint, and whatever that raises by its handler."""
        found = self._table.find(scope) if scope["type"] == "http" else None
        if found is None:
            await super().__call__(scope, receive, send)
            return
        route = found.route
        scope["app"], scope["route"], scope["endpoint"] = self, route, route.endpoint
        scope["path_params"] = found.parameters
        request = Request(scope, receive)
        try:
            if not found.takes_method:
                raise HTTPException(405)
            response = await self._operations[id(route)].answer(request)
        except Exception as error:  # noqa: BLE001 - each is answered and logged by its handler
            response = await self._answer_to(request, error)
        try:
            await response(scope, receive, send)
        except Exception as error:
            await self._answer_to(request, error)  # which logs it; a part of the answer is out
            raise

    async def _answer_to(self, request: Request, error: Exception) -> Response:
        """What the handler of the error's class, or of the nearest above it, answers."""
        handlers: dict[Any, Any] = self.exception_handlers
        handler = next(handlers[one] for one in type(error).__mro__ if one in handlers)
        response: Response = await handler(request, error)
        return response
