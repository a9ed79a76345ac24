"""The errors of an operation: one model for each family of paths, and the codes by status."""

from dataclasses import dataclass
from typing import Any

from oms_ledger.api.http.errors import (
    has_checkout_form,
    is_checkout,
    is_master_data,
    is_seller_register,
)

_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string", "description": "Published, or ours: OMS…"},
        "message": {"type": "string"},
        "exception": {"type": "null"},
    },
}

SCHEMAS: dict[str, Any] = {
    "ErrorDetail": _ERROR,
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"$ref": "#/components/schemas/ErrorDetail"}},
    },
    "CheckoutError": {
        "type": "object",
        "required": ["error", "fields", "operationId"],
        "properties": {
            "fields": {"type": "object"},
            "error": {"$ref": "#/components/schemas/ErrorDetail"},
            "operationId": {"type": ["string", "null"], "description": "The request's id"},
        },
    },
    "SellerRegisterError": {
        "type": "object",
        "required": ["error", "data"],
        "properties": {
            "error": {"type": "string"},
            "data": {"type": "object", "properties": {"code": {"type": "string"}}},
        },
    },
    "MasterDataError": {
        "type": "object",
        "required": ["Message"],
        "properties": {"Message": {"type": "string"}},
    },
    "MasterDataProblems": {
        "type": "array",
        "description": "What a schema finds wrong with a document",
        "items": {
            "type": "object",
            "required": ["Message", "Field"],
            "properties": {
                "Message": {"type": "string"},
                "Field": {"type": ["string", "null"]},
            },
        },
    },
    "ProblemDetails": {
        "type": "object",
        "description": "Problem details (RFC 9457)",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "traceId": {"type": ["string", "null"]},
            "error": {"$ref": "#/components/schemas/ErrorDetail"},
        },
    },
}

RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which to try again",
        "schema": {"type": "integer", "minimum": 1},
    }
}


@dataclass(frozen=True, slots=True)
class Sent:
    """An error status: what it says, and codes that it comes with, each with a message."""

    description: str
    codes: dict[str, str]
    again: bool = False


SENT: dict[int, Sent] = {
    400: Sent(
        "What was sent is malformed, or a rule refuses it; the code names the rule",
        {"OMS004": 'value: found "x", expected an integer of cents, or a string of digits'},
    ),
    401: Sent("No credentials, or bad ones", {"1": "Unauthorized access"}),
    403: Sent(
        "The caller may not do this; the message names the resources that would open it",
        {"CHK003": "Access denied. The key needs one of these resources: List Orders"},
    ),
    404: Sent(
        "There is no such thing in the account",
        {"OMS005": "Order not found", "OMS404": "There is no such export; it may have expired"},
    ),
    408: Sent("The body did not come in time", {"OMS004": "The body did not come"}),
    409: Sent(
        "Others change the same thing now, or it is there with another content",
        {
            "CHK0292": "The order is being changed by others: try again",
            "OMS003": "The key is revoked",
        },
        again=True,
    ),
    413: Sent(
        "The body is larger than the operation takes",
        {"OMS004": "The body is larger than 16384 bytes"},
    ),
    415: Sent(
        "The body is compressed",
        {"OMS004": "Content-Encoding: found 'gzip', expected none: bodies are read as they come"},
    ),
    422: Sent(
        "The Idempotency-Key belongs to another request",
        {"OMS004": "The Idempotency-Key k1 belongs to another request"},
    ),
    429: Sent(
        "Too many requests: of the account a minute, or at a time",
        {"OMS429": "Too many requests of this kind at a time", "1": "Too many requests"},
        again=True,
    ),
    500: Sent(
        "The payment was denied, or the gateway failed",
        {"CHK0206": "Payment cannot be authorized"},
    ),
    503: Sent(
        "Too busy, or the database does not answer; a repeated command is applied once",
        {"OMS503": "The database did not answer. Try again: a repeated command is applied once"},
        again=True,
    ),
}

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEYED = frozenset({"POST", "PUT", "PATCH"})
_OF_THE_DEPLOYMENT = frozenset({"/metrics", "/api/ledger/seal"})
"""Paths that are there for who has the deployment's token alone."""
_PAYMENT_DENIED = frozenset({"process_order", "use_cart"})


def statuses(method: str, path: str, operation: str, *, public: bool) -> list[int]:
    """The error statuses that an operation answers with."""
    found = {400, 503}
    if not public:
        found |= {401, 403, 404, 429}
    elif "{" in path or operation == "sign_in":
        found |= {401, 404}
    elif path in _OF_THE_DEPLOYMENT:
        found.add(404)
    if method in WRITES:
        found |= {408, 409, 413, 415}
    if method in _KEYED:
        found.add(422)
    if operation in _PAYMENT_DENIED:
        found.add(500)
    if path.endswith("readyz"):
        found.discard(503)
    return sorted(found)


def _body(path: str, code: str, message: str) -> Any:
    detail = {"code": code, "message": message, "exception": None}
    if is_master_data(path):
        return {"Message": message}
    if is_seller_register(path):
        return {"error": message, "data": {"code": code}}
    if has_checkout_form(path):
        request_id = "8f14e45fea0d4c1b9c523b1d2a7c6e10"
        return {"fields": {}, "error": detail, "operationId": request_id}
    return {"error": detail}


def _schema(path: str, status: int) -> Any:
    if is_master_data(path) and status == 400:
        names = ["MasterDataError", "MasterDataProblems"]
        return {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    if is_seller_register(path):
        return {"$ref": "#/components/schemas/SellerRegisterError"}
    name = "MasterDataError" if is_master_data(path) else "Error"
    return {"$ref": f"#/components/schemas/{'CheckoutError' if has_checkout_form(path) else name}"}


def reference(path: str, status: int) -> dict[str, str]:
    """Where the error answer of a path is described: once for each family of paths."""
    return {"$ref": f"#/components/responses/{_family(path, status)}{status}"}


def _family(path: str, status: int) -> str:
    if status == 401 and path.endswith("/change-summary"):
        return "ProblemDetails"
    if is_master_data(path):
        return "MasterDataError"
    if is_checkout(path):
        return "CheckoutError"
    if has_checkout_form(path):
        return "FulfillmentError"
    if is_seller_register(path):
        return "SellerRegisterError"
    return "OmsError" if path.startswith("/api/oms") else "Error"


_PATHS = {
    "Error": "/",
    "OmsError": "/api/oms/",
    "CheckoutError": "/api/checkout/",
    "FulfillmentError": "/api/fulfillment/",
    "MasterDataError": "/api/dataentities",
    "SellerRegisterError": "/api/seller-register",
}


def responses() -> dict[str, Any]:
    """Every error answer, by the name that `reference` gives it."""
    found = {
        f"{family}{status}": _response(path, status)
        for family, path in _PATHS.items()
        for status in SENT
    }
    details = _response("/", 401)
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    details["content"] = {"application/problem+json": {"schema": schema}}
    return {**found, "ProblemDetails401": details}


def _response(path: str, status: int) -> dict[str, Any]:
    sent = SENT[status]
    codes = dict(sent.codes)
    if status == 401 and is_checkout(path):
        codes = {"ORD062": "Unauthorized"}
    if status == 404 and not path.startswith("/api/oms"):
        codes = {"CHK0201": "Order not found", "OMS404": codes["OMS404"]}
    examples = {
        code: {"summary": code, "value": _body(path, code, message)}
        for code, message in codes.items()
    }
    content = {"application/json": {"schema": _schema(path, status), "examples": examples}}
    found: dict[str, Any] = {"description": sent.description, "content": content}
    if sent.again:
        found["headers"] = RETRY_AFTER
    return found
