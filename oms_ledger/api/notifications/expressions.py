"""Test a JSONata expression against a document (contract 04 §5)."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger import jsonata
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import json_body, read_json
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.orders.documents import in_object_form

router = APIRouter(tags=["Expressions"])

MayTest = Annotated[Caller, Depends(requires("test_expression"))]


@router.post("/api/orders/expressions/jsonata")
async def post_expression(request: Request, cell: TheCell, caller: MayTest) -> Response:
    """Evaluate an expression on a document that is sent, and answer whether it matches."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body: expected an object with Expression and Document")
    sinks = {name.lower(): value for name, value in body.items()}
    expression, document = sinks.get("expression"), sinks.get("document")
    if not isinstance(expression, str):
        raise bad_request("Expression: expected a string")
    if isinstance(document, str):
        read = await asyncio.to_thread(_read, expression, document)
        expression, document = read
    if not isinstance(document, dict):
        raise bad_request("Document: expected a JSON object, or a string that holds one")
    try:
        result = await asyncio.to_thread(_truth, expression, document, cell.clock.now())
    except (jsonata.ExpressionError, jsonata.EvaluationError, jsonata.BoundExceeded) as error:
        raise bad_request(f"Expression: {error}") from None
    return json_response(result)


def _truth(expression: str, document: dict[str, Any], now: datetime) -> bool:
    compiled = jsonata.compile(expression)
    return compiled.truthy(in_object_form(document, compiled.reads), now)


def _read(expression: str, document: str) -> tuple[str, Any]:
    """The document of a text; where both were escaped once too often, as in the published
    example, so is the expression."""
    try:
        return expression, _json(document)
    except ApiError:
        if '\\"' not in document:
            raise
    return expression.replace('\\"', '"'), _json(document.replace('\\"', '"'))


def _json(document: str) -> Any:
    return read_json(document.encode("utf-8", "surrogatepass"), "Document")
