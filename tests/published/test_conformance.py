"""The check that all answers pass through finds what is not as published."""

import json

import pytest

from tests.published.conformance import operation_of, operations, problems
from tests.published.operations import FOLDER, note, table

RECEIPT = {"date": "2026-01-01T00:00:00.0000000+00:00", "orderId": "v1-01", "receipt": "38e0"}
CANCEL = "/api/oms/pvt/orders/v1-01/cancel"


def found(method, path, status, body):
    return problems(method, path, status, json.dumps(body).encode())


def test_a_published_answer_has_no_problems():
    assert found("POST", CANCEL, 200, RECEIPT) == []


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (200, {**RECEIPT, "receipt": 7}, "receipt"),
        (202, RECEIPT, "202 was not published"),
        (400, {"detail": "no"}, "another shape"),
        (400, {"error": {"code": 1, "message": "no", "exception": None}}, "texts"),
    ],
)
def test_what_is_not_as_published_is_reported(status, body, problem):
    assert problem in "; ".join(found("POST", CANCEL, status, body))


def test_a_literal_path_is_not_taken_for_a_parameter():
    settings = operation_of("GET", "/api/order-system/orders/changes/settings")
    assert settings is operations()["GET /api/order-system/orders/changes/settings"]
    group = operation_of("GET", "/api/oms/pvt/orders/order-group/v1")
    assert group is not None
    assert group.path.endswith("{orderGroup}")


def test_what_nobody_published_is_not_looked_at():
    assert found("GET", "/api/ledger/anything", 200, {}) == []


def test_calls_are_noted_by_operation_and_test_only_where_that_is_requested(tmp_path, monkeypatch):
    note("POST", CANCEL, 200)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    for status in (404, 200):
        note("POST", CANCEL, status)
    note("GET", "/api/orders/feed", 400)
    note("GET", "/api/ledger/anything", 200)
    rows, missing = table(tmp_path)
    here = "tests/published/test_conformance.py::test_calls_are_noted_by_operation_and_test_only"
    (cancel,) = [row for row in rows if "/api/oms/pvt/orders/{orderId}/cancel" in row]
    assert cancel.startswith("| `POST /api/oms/pvt/orders/{orderId}/cancel` | 1 | 1 | " + here)
    assert "GET /api/orders/feed" in missing
    assert "POST /api/oms/pvt/orders/{orderId}/cancel" not in missing
