"""The description of the API: complete for every operation, and the one that is committed."""

from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from oms_ledger.api.app import ROUTERS, application
from oms_ledger.api.description import errors, operations, requests
from oms_ledger.api.description.__main__ import text
from oms_ledger.api.description.shapes import DOCUMENTS

COMMITTED = Path(__file__).parents[2] / "docs/reference/openapi.json"
DESCRIPTION = orjson.loads(text())
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
]


def every(check):
    """Method and path of the operations that fail the check."""
    return [f"{method} {path}" for method, path, operation in OPERATIONS if not check(operation)]


def test_the_committed_description_is_current():
    assert text() == COMMITTED.read_bytes(), "run `make openapi`"


def test_the_application_serves_the_description(cell):
    assert application(cell).openapi() == DESCRIPTION


def test_every_operation_has_summary_and_one_tag():
    tags = {tag["name"] for tag in DESCRIPTION["tags"]}
    assert every(lambda one: one["summary"] and len(one["summary"]) <= 60) == []
    assert every(lambda one: len(one["tags"]) == 1 and one["tags"][0] in tags) == []
    missing = [f"{m} {p}" for m, p, _ in OPERATIONS if operations.name_of(m, p) is None]
    assert missing == [], "name them in operations.txt"


def test_every_named_operation_exists():
    assert set(operations.named()) <= {(method, path) for method, path, _ in OPERATIONS}


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids)) > 280


def test_aliases_are_served_and_not_described():
    served = {route.path_format for module in ROUTERS for route in module.router.routes}
    assert served >= operations.ALIASES
    assert not operations.ALIASES & set(DESCRIPTION["paths"])


def test_every_operation_says_which_credentials_it_takes():
    schemes = set(DESCRIPTION["components"]["securitySchemes"])
    assert every(lambda one: {n for way in one["security"] for n in way} <= schemes) == []
    public = {path for _, path, operation in OPERATIONS if operation["security"] == []}
    assert public == {
        *("/healthz", "/readyz", "/metrics", "/api/vtexid/apptoken/login"),
        "/api/ledger/seal",
        "/api/dataentities/{entity}/schemas/{schema}/public",
    }
    closed = [one for _, _, one in OPERATIONS if one["security"] and {} not in one["security"]]
    assert len(closed) > 200


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (401, "GET", "/api/oms/pvt/orders/{order_id}"),
        (403, "GET", "/api/oms/pvt/orders/{order_id}"),
        (404, "GET", "/api/oms/pvt/orders/{order_id}"),
        (409, "POST", "/api/oms/pvt/orders/{order_id}/cancel"),
        (413, "POST", "/api/oms/pvt/orders/{order_id}/invoice"),
        (422, "PUT", "/api/checkout/pub/orders"),
        (429, "POST", "/api/orders/feed"),
        (503, "GET", "/api/dataentities/{entity}/search"),
    ],
)
def test_errors_are_described_where_they_happen(status, method, path):
    [found] = [one for m, p, one in OPERATIONS if (m, p) == (method, path)]
    name = found["responses"][str(status)]["$ref"].rsplit("/", 1)[-1]
    answer = DESCRIPTION["components"]["responses"][name]
    [content] = answer["content"].values()
    assert content["examples"]
    assert all(
        code in str(one["value"]) or "Message" in one["value"]
        for code, one in content["examples"].items()
    )


def test_no_error_of_the_framework_is_described():
    assert "HTTPValidationError" not in orjson.dumps(DESCRIPTION).decode()
    assert every(lambda one: {"400", *one["responses"]} == set(one["responses"])) == []
    assert set(errors.SCHEMAS) <= set(DESCRIPTION["components"]["schemas"])


def test_every_reference_leads_somewhere():
    def references(part):
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    for reference in references(DESCRIPTION):
        found = DESCRIPTION
        for word in reference.removeprefix("#/").split("/"):
            assert word in found, reference
            found = found[word]


# Operations that write and take no body.
WITHOUT_BODY = {
    "POST /api/checkout/pub/gatewayCallback/{order_group}",
    "POST /api/checkout/pub/gatewayCallback/{order_group}/{message_code}",
    "POST /api/checkout/pub/orderForm/{order_form_id}/checkIn",
    "POST /api/checkout/pub/orderForm/{order_form_id}/giftRegistry/{registry_id}/remove",
    "POST /api/checkout/pub/orderForm/{order_form_id}/items/{index}/assemblyOptions/{option}",
    "POST /api/checkout/pub/orderForm/{order_form_id}/items/{index}/clone",
    "POST /api/checkout/pub/orderForm/{order_form_id}/paymentAccount/{account_id}/remove",
    "POST /api/checkout/pub/orderForm/{order_form_id}/selectable-gifts/{list_id}",
    "POST /api/ledger/feed/filter/resume",
    "POST /api/ledger/hook/filter/resume",
    "POST /api/ledger/hook/pause",
    "POST /api/ledger/hook/resume",
    "POST /api/ledger/jobs/{job_id}/cancel",
    "POST /api/ledger/keys/{key}/revoke",
    "POST /api/ledger/masterdata/trigger-secret",
    "POST /api/ledger/masterdata/{entity}/triggers/{schema}/{trigger}/runs/{run}/requeue",
    "POST /api/ledger/operators/{operator_id}/second-factor/reset",
    "POST /api/ledger/operators/{operator_id}/sessions/end",
    "POST /api/ledger/orders/{order_id}/authorize-fulfillment",
    "POST /api/ledger/orders/{order_id}/ready-for-invoicing",
    "POST /api/ledger/orders/{order_id}/waiting-for-fulfillment",
    "POST /api/ledger/outbox/{message_id}/resume",
    "POST /api/ledger/runs/{run_id}/stop",
    "POST /api/ledger/verify",
    "POST /api/oms/pvt/orders/{order_id}/payments/{payment_id}/payment-notification",
    "POST /api/oms/pvt/orders/{order_id}/start-handling",
    "POST /api/order-system/orders/{order_id}/changes/{change_request_id}/retry",
    "POST /api/orders/pvt/document/{order_id}/actions/start-handling",
    "POST /api/orders/pvt/document/{order_id}/payment/{payment_id}/notify-payment",
    "PUT /api/dataentities/{entity}/documents/{document_id}/versions/{version}",
}


def test_every_write_describes_its_body_or_has_none():
    without = {
        f"{method} {operations.own_path(path)}"
        for method, path, operation in OPERATIONS
        if method in ("POST", "PUT", "PATCH") and "requestBody" not in operation
    }
    assert without == WITHOUT_BODY
    assert len(requests.entries()) > 100


def test_every_example_of_a_body_fulfills_its_schema():
    for method, path, operation in OPERATIONS:
        if body := operation.get("requestBody"):
            (content,) = body["content"].values()
            schema = {**content["schema"], "components": DESCRIPTION["components"]}
            problems = [
                e.message for e in Draft202012Validator(schema).iter_errors(content["example"])
            ]
            assert problems == [], (method, path)


@pytest.mark.parametrize("operation", [k for k, e in requests.entries().items() if "model" in e])
def test_examples_are_taken_by_the_models_of_endpoints(operation):
    entry = requests.entries()[operation]
    requests.model_of(entry).model_validate(entry["example"])


def test_every_operation_describes_its_answer():
    def is_described(operation):
        answers = {s: a for s, a in operation["responses"].items() if s < "400"}
        contents = [c for a in answers.values() for c in a.get("content", {}).values()]
        return bool(answers) and all(content.get("schema") for content in contents)

    assert every(is_described) == [], "say it in responses.json, or by a response model"


@pytest.mark.parametrize("name", ["Order", "OrderDocument", "PlacedOrder"])
def test_published_shapes_are_the_models(name):
    model = DESCRIPTION["components"]["schemas"][name]
    assert list(model["properties"]) == list(DOCUMENTS[name])


def test_no_schema_is_left_over():
    text_of_all = orjson.dumps(DESCRIPTION).decode()
    names = DESCRIPTION["components"]["schemas"]
    assert [n for n in names if f'"#/components/schemas/{n}"' not in text_of_all] == []
