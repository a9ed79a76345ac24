"""How a no is said over HTTP: always in the published shape, never in the framework's own."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from oms_ledger.api.http.methods import allowed
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.eventstore.group_commit import NotRecorded
from oms_ledger.eventstore.ledger import AccountMoved, ConcurrencyError
from oms_ledger.masterdata.refusals import InvalidDocument
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.refusal import Refusal

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """An answer that is no order's refusal: bad input, a missing permission, an unknown path."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def bad_request(message: str) -> ApiError:
    """400 with the code of what a client sent wrong, `OMS004`."""
    return ApiError(400, "OMS004", message)


def shown(value: Any) -> str:
    """A value as an error may repeat it: short, however large what was sent."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    text = json.dumps(value[:60] if isinstance(value, str) else value, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


EXPECTED = {
    "bool": "true or false",
    "date": "a date",
    "datetime": "an instant",
    "dict": "an object",
    "float": "a number",
    "int": "an integer",
    "list": "a list",
    "model": "an object",
    "string": "a string",
}


_LEAD = re.compile(r"Value error, |\w+ should (be|have) |\w+ should (?=match )")
"""How pydantic begins what it expected: "String should have at least 1 character"."""


def problems(found: Sequence[Mapping[str, Any]], skip: int = 0) -> str:
    """The first three of pydantic's problems, each as its place, what was found and expected."""
    return "; ".join(_problem(one, one["loc"][skip:]) for one in found[:3])


def _problem(problem: Mapping[str, Any], loc: tuple[str | int, ...]) -> str:
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc).lstrip(".")
    kind, message = problem["type"], problem["msg"]
    if kind == "missing":
        return f"{place or 'The body'}: found nothing, expected a value"
    message = _LEAD.sub("", message, count=1).replace("match pattern", "a text of the pattern", 1)
    limits = ("_type", "_parsing", "_parsing_size", "_from_float")
    known = EXPECTED.get(kind.split("_")[0]) if kind.endswith(limits) else None
    return f"{place or 'The body'}: found {shown(problem['input'])}, expected {known or message}"


def is_checkout(path: str) -> bool:
    """Whether a path is of the checkout, whose errors have codes of their own."""
    return path.startswith("/api/checkout/")


_POLICIES = ("/api/authorization-dimensions", "/api/commercial-authorizations")


def is_policies(path: str) -> bool:
    """Whether a path is of the buying policies."""
    return path.startswith(_POLICIES)


def is_master_data(path: str) -> bool:
    """Whether a path is of Master Data, whose errors have another shape."""
    return path.startswith("/api/dataentities")


def has_checkout_form(path: str) -> bool:
    """Whether errors of a path have `fields` and the operation's id, as published of Checkout."""
    return is_checkout(path) or path.startswith(("/api/fulfillment/", "/pvt/", "/pub/"))


def is_seller_register(path: str) -> bool:
    """Whether a path is of the register of sellers."""
    return path.startswith("/api/seller-register")


def unauthorized(path: str) -> ApiError:
    """401 as it is published for the path."""
    if is_master_data(path):
        return ApiError(401, "1", "Unauthorized")
    if is_checkout(path):
        return ApiError(401, "ORD062", "Unauthorized")
    return ApiError(401, "1", "Unauthorized access")


def forbidden(resources: frozenset[str]) -> ApiError:
    """403, which names the resources of which the key needs one."""
    names = ", ".join(sorted(resources))
    return ApiError(403, "CHK003", f"Access denied. The key needs one of these resources: {names}")


def is_summary(scope: Scope) -> bool:
    """The one path whose 401 is published as problem details (RFC 9457)."""
    return str(scope.get("path", "")).endswith("/change-summary")


def _problem_details(scope: Scope) -> dict[str, Any]:
    return {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.2",
        "title": "Unauthorized",
        "status": 401,
        "traceId": scope.get("state", {}).get("request_id"),
    }


def _policies_message(code: str, message: str) -> str:
    """The published texts of buying policies: what is wrong with a body comes after them."""
    match code:
        case "CHK003":
            return "Access denied. Missing required permissions."
        case "OMS004":
            return f"Invalid request body. {message}"
        case _:
            return message


def body_of(
    scope: Scope, code: str, message: str, fields: Mapping[str, str] | None = None
) -> bytes:
    """The published error body; Checkout's paths add fields and the operation's id."""
    error = {"code": code, "message": message, "exception": None}
    if is_master_data(scope.get("path", "")):
        return orjson.dumps({"Message": message.replace("Access denied.", "Unauthorized.", 1)})
    if is_seller_register(scope.get("path", "")):
        return orjson.dumps({"error": message, "data": {"code": code}})
    if is_policies(scope.get("path", "")):
        return orjson.dumps({"message": _policies_message(code, message)})
    if has_checkout_form(scope.get("path", "")):
        request_id = scope.get("state", {}).get("request_id")
        return orjson.dumps({"fields": fields or {}, "error": error, "operationId": request_id})
    if code == "1" and is_summary(scope):  # 1 is the code of every 401 there
        return orjson.dumps({**_problem_details(scope), "error": error})
    return orjson.dumps({"error": error})


def answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Response:
    """An error in the shape that is published for the path."""
    kind = "problem+json" if status == 401 and is_summary(request.scope) else "json"
    return Response(
        body_of(request.scope, code, message, fields),
        status,
        {**(headers or {}), "Content-Type": f"application/{kind}; charset=utf-8"},
    )


KEY_FORM = re.compile(r"vtexappkey-[a-z0-9]{1,40}-[0-9A-F]{6}")


def _log_refused(request: Request, status: int) -> None:
    """Log who was refused, where and from where; a key by its id, if it is one."""
    key = request.headers.get("x-vtex-api-appkey", "")
    log.warning(
        "access_refused",
        status=status,
        route=getattr(request.scope.get("route"), "path", "unknown"),
        app_key=key if KEY_FORM.fullmatch(key) else None,
        address=request.client.host if request.client else None,
        request_id=request.scope.get("state", {}).get("request_id"),
    )


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    if error.status in (401, 403):
        _log_refused(request, error.status)
    return answer(request, error.status, error.code, error.message, error.headers)


async def _refusal(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    code, message = refusal.code, refusal.message
    if isinstance(refusal, OrderNotFound) and not request.scope["path"].startswith("/api/oms"):
        code, message = "CHK0201", "Order not found"
    wait = refusal.retry_after
    headers = {} if wait is None else {"Retry-After": str(wait)}
    fields = getattr(refusal, "fields", None)
    return answer(request, refusal.status, code, message, headers, fields)


async def _invalid_document(request: Request, refusal: Exception) -> Response:
    """One message for each thing that a schema finds wrong, as Master Data publishes it."""
    assert isinstance(refusal, InvalidDocument)
    fields = [{"Message": one.message, "Field": one.field} for one in refusal.problems]
    return Response(orjson.dumps(fields), 400, media_type="application/json; charset=utf-8")


async def _contended(request: Request, _: Exception) -> Response:
    message = "The order is being changed by others: try again"
    return answer(request, 409, "CHK0292", message, {"Retry-After": "1"})


async def _invalid(request: Request, error: Exception) -> Response:
    """A parameter that an endpoint declares and the request got wrong; FastAPI's 422."""
    assert isinstance(error, RequestValidationError)
    return answer(request, 400, "OMS004", problems(error.errors(), skip=1))


async def _database(request: Request, error: Exception) -> Response:
    """The database is away or restarting; whether this command was recorded is not known."""
    request_id = request.scope.get("state", {}).get("request_id")
    log.error("database_unavailable", request_id=request_id, exc_info=error)
    message = "The database did not answer. Try again: a repeated command is applied once"
    return answer(request, 503, "OMS503", message, {"Retry-After": "1"})


async def _not_recorded(request: Request, _: Exception) -> Response:
    message = "Too many requests at the moment: this one changed nothing. Try again"
    return answer(request, 503, "OMS503", message, {"Retry-After": "1"})


async def _moved(request: Request, _: Exception) -> Response:
    message = "The account is moving to another cell: this request changed nothing. Try again"
    return answer(request, 503, "OMS503", message, {"Retry-After": "1"})


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, what = {404: ("OMS404", "no such path"), 405: ("OMS405", "no such method here")}.get(
        error.status_code, ("OMS004", str(error.detail))
    )
    headers = error.headers
    if error.status_code == 405:
        methods = {"Allow": ", ".join(allowed(request.app.state.routes, request.scope))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=methods)
        headers = methods
    message = f"{request.method} {request.url.path}: {what}. The API reference is at /docs"
    return answer(request, error.status_code, code, message, headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("state", {}).get("request_id")
    route = getattr(request.scope.get("route"), "path", "unknown")
    log.error("request_failed", route=route, request_id=request_id, exc_info=error)
    return answer(request, 500, "1", f"Something went wrong. Request id {request_id}")


def install(app: FastAPI) -> None:
    """Add the handlers of refusals, of errors of the framework, and of what nobody expected."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(InvalidDocument, _invalid_document)
    app.add_exception_handler(ConcurrencyError, _contended)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(NotRecorded, _not_recorded)
    app.add_exception_handler(AccountMoved, _moved)
    for away in UNAVAILABLE:
        app.add_exception_handler(away, _database)
    app.add_exception_handler(Exception, _unexpected)
