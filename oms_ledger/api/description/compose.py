"""Composes the description: what the routes say, and the data of this folder around it."""

from collections.abc import Iterable
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from oms_ledger.api.auth.dependencies import operation_of
from oms_ledger.api.description import errors, operations, requests, responses, security
from oms_ledger.api.http import idempotency

Schema = dict[str, Any]

VERSION = "0.1.0"
_FRAMEWORK = ("HTTPValidationError", "ValidationError")


def describe(title: str, about: str, routes: Iterable[BaseRoute]) -> Schema:
    """The whole OpenAPI description of these routes."""
    shown = [
        route
        for route in routes
        if isinstance(route, APIRoute) and route.include_in_schema and not _is_alias(route)
    ]
    schema = get_openapi(
        title=title,
        version=VERSION,
        description=about,
        routes=shown,
        tags=[{"name": tag} for tag in operations.tags()],
    )
    components = schema.setdefault("components", {})
    components["responses"] = errors.responses()
    components["securitySchemes"] = security.SCHEMES
    schemas = components.setdefault("schemas", {})
    for route in shown:
        for method in route.methods or ():
            operation = schema["paths"][route.path_format][method.lower()]
            _complete(operation, method, route)
            if body := requests.request_of(method, route.path_format, schemas):
                operation["requestBody"] = body
    for name in _FRAMEWORK:
        schemas.pop(name, None)
    schemas |= errors.SCHEMAS | responses.schemas()
    used = _references(schema["paths"])
    components["responses"] = {k: v for k, v in components["responses"].items() if k in used}
    return idempotency.describe(schema)


def _references(part: Any) -> set[str]:
    """The last words of all references in a part."""
    if isinstance(part, dict):
        own = {str(part["$ref"]).rsplit("/", 1)[-1]} if "$ref" in part else set()
        return own.union(*map(_references, part.values()))
    return set().union(*map(_references, part)) if isinstance(part, list) else set()


def _is_alias(route: APIRoute) -> bool:
    return route.path_format in operations.ALIASES


def _complete(operation: Schema, method: str, route: APIRoute) -> None:
    """Give an operation its name, its tag, its credentials and its errors."""
    path = route.path_format
    operation["operationId"] = _id_of(method, path)
    if name := operations.name_of(method, path):
        operation["summary"], operation["tags"] = name.summary, [name.tag]
    operation["security"] = security.security_of(route.dependant)
    public = security.is_public(route.dependant)
    answers = operation["responses"]
    answers.pop("422", None)
    if found := responses.answers_of(method, path):
        answers.clear()
        answers |= found
    for status in errors.statuses(method, path, operation_of(route.dependant), public=public):
        answers.setdefault(str(status), errors.reference(path, status))
    operation["responses"] = dict(sorted(answers.items()))


def _id_of(method: str, path: str) -> str:
    """A name for generated clients that stays when a function is renamed."""
    words = [word.strip("{}").replace("-", "_").replace(".", "_") for word in path.split("/")]
    return "_".join([method.lower(), *(word for word in words if word)])
