"""How a no is said over HTTP: always in the published shape, never in the framework's own."""

from collections.abc import Mapping

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from oms_ledger.ledger.ledger import Contended
from oms_ledger.orders.refusals import OrderNotFound, Refusal

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """An answer that is no order's refusal: bad input, a closed door, an unknown path."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def malformed(message: str) -> ApiError:
    return ApiError(400, "OMS004", message)


def unauthorized(path: str) -> ApiError:
    if path.startswith("/api/checkout"):
        return ApiError(401, "ORD062", "Unauthorized")
    return ApiError(401, "1", "Unauthorized access")


def forbidden(resources: frozenset[str]) -> ApiError:
    names = ", ".join(sorted(resources))
    return ApiError(403, "CHK003", f"Access denied. The key needs one of these resources: {names}")


def body_of(scope: Scope, code: str, message: str) -> bytes:
    """The published error body; Checkout's paths add fields and the operation's id."""
    error = {"code": code, "message": message, "exception": None}
    if str(scope.get("path", "")).startswith("/api/checkout"):
        request_id = scope.get("state", {}).get("request_id")
        return orjson.dumps({"fields": {}, "error": error, "operationId": request_id})
    return orjson.dumps({"error": error})


def answer(
    request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        body_of(request.scope, code, message),
        status,
        {**(headers or {}), "Content-Type": "application/json; charset=utf-8"},
    )


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer(request, error.status, error.code, error.message, error.headers)


async def _refusal(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    code, message = refusal.code, refusal.message
    if isinstance(refusal, OrderNotFound) and not request.scope["path"].startswith("/api/oms"):
        code, message = "CHK0201", "Order not found"
    return answer(request, refusal.status, code, message)


async def _contended(request: Request, _: Exception) -> Response:
    message = "The order is being changed by others: try again"
    return answer(request, 409, "CHK0292", message, {"Retry-After": "1"})


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, what = {404: ("OMS404", "no such path"), 405: ("OMS405", "no such method here")}.get(
        error.status_code, ("OMS004", str(error.detail))
    )
    message = f"{request.method} {request.url.path}: {what}. The API reference is at /docs"
    return answer(request, error.status_code, code, message, error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("state", {}).get("request_id")
    log.error("request failed", path=request.url.path, request_id=request_id, exc_info=error)
    return answer(request, 500, "1", f"Something went wrong. Request id {request_id}")


def install(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(Contended, _contended)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
