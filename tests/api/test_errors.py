import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from oms_ledger.api.http import errors
from oms_ledger.api.http.addressing import AccountResolver
from oms_ledger.api.http.errors import ApiError
from oms_ledger.orders.refusals import NotReadyForHandling, OrderGroupNotFound, OrderNotFound
from tests.support.asgi import ask

RAISED: dict[str, Exception] = {
    "order": OrderNotFound(),
    "group": OrderGroupNotFound("v1"),
    "handling": NotReadyForHandling(),
    "closed": errors.forbidden(frozenset({"View order", "Orders Full Access"})),
    "busy": ApiError(429, "OMS429", "Too many requests", {"Retry-After": "7"}),
    "broken": ZeroDivisionError("a secret"),
}
inner = FastAPI(redirect_slashes=False)
errors.install(inner)


@inner.get("/api/oms/{what}")
@inner.get("/api/orders/{what}")
@inner.get("/api/checkout/{what}")
async def failing(what: str, page: int = 1) -> Any:
    raise RAISED[what]


inner.state.routes = [route for route in inner.routes if isinstance(route, APIRoute)]
app = AccountResolver(inner, [])


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("/api/oms/order", 404, "OMS007", "Order Not Found"),
        ("/api/orders/order", 404, "CHK0201", "Order not found"),
        ("/api/checkout/order", 404, "CHK0201", "Order not found"),
        ("/api/oms/group", 404, "CHK0199", "Order Group v1 not found"),
        (
            "/api/oms/handling", 409, "OMS003",
            "Order status should be ready-for-handling to perform this action",
        ),
        (
            "/api/oms/closed", 403, "CHK003",
            "Access denied. The key needs one of these resources: Orders Full Access, View order",
        ),
        ("/api/oms/x?page=abc", 400, "OMS004", 'page: found "abc", expected an integer'),
    ],
)  # fmt: skip
def test_a_no_is_said_in_the_published_shape(path, status, code, message):
    answer = ask(app, path)
    assert answer.status == status
    assert answer.error == {"code": code, "message": message, "exception": None}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nope", 404), ("POST", "/api/oms/order", 405), ("GET", "/api/oms/x?page=", 400)],
)
def test_the_framework_never_speaks_for_itself(method, path, status):
    answer = ask(app, path, method=method)
    assert answer.status == status
    assert set(json.loads(answer.body)) == {"error"}
    assert set(answer.error) == {"code", "message", "exception"}


def test_checkout_adds_fields_and_the_request_id():
    answer = ask(app, "/api/checkout/order", headers=[("X-Request-Id", "mine")])
    fields = json.loads(answer.body)
    assert (fields["fields"], fields["operationId"]) == ({}, "mine")
    assert set(fields) == {"fields", "operationId", "error"}


def test_headers_of_a_no_are_sent():
    assert ask(app, "/api/oms/busy").headers["retry-after"] == "7"
    assert ask(app, "/api/oms/order", method="POST").headers["allow"] == "GET, HEAD, OPTIONS"


def test_what_was_not_expected_tells_only_the_request_id():
    answer = ask(app, "/api/oms/broken", headers=[("X-Request-Id", "mine")])
    assert answer.status == 500
    assert "mine" in answer.error["message"]
    assert b"secret" not in answer.body
    assert b"ZeroDivision" not in answer.body


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [("/api/oms/x", "1", "Unauthorized access"), ("/api/checkout/x", "ORD062", "Unauthorized")],
)
def test_a_denied_permission_answers_as_its_path_does(path, code, message):
    refused = errors.unauthorized(path)
    assert (refused.status, refused.code, refused.message) == (401, code, message)
