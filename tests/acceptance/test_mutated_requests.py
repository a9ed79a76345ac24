"""Real requests with something wrong in them: never a 5xx, and a 4xx keeps nothing."""

import json
import os
import re
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.tables import metadata
from tests.acceptance.test_published_requests import (
    a_transaction,
    bought,
    example,
    handled,
    invoiced,
    nothing,
    order,
    to_deny,
)
from tests.support.client import Client
from tests.support.mutations import RAW, WRONG, mutated
from tests.support.purchases import purchase

EACH = int(os.environ.get("OMS_TEST_MUTATIONS", "1"))
"""Wrong values in each place of a body; more of them find more."""

FILTER = {"type": "FromOrders", "expression": "value > 1", "disableSingleFire": True}
QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
AttemptRecord = Callable[[Client], dict[str, str]]

REQUESTS: dict[str, tuple[AttemptRecord, Any]] = {
    "PUT /api/checkout/pub/orders": (nothing, purchase()),
    "POST /api/fulfillment/pvt/orders": (
        nothing,
        [
            {
                "marketplaceOrderId": "M1",
                "marketplaceServicesEndpoint": "https://m.example.com",
                "marketplacePaymentValue": 1000,
                **purchase(),
            }
        ],
    ),
    "POST /api/oms/pvt/orders/{orderId}/invoice": (
        order(handled),
        {
            "type": "Output",
            "invoiceNumber": "NF 1/2",
            "invoiceValue": "2499",
            "issuanceDate": "2026-01-15",
            "courier": "C",
            "trackingNumber": "T",
            "trackingUrl": "https://example.com/T",
            "items": [{"id": "123", "price": 2499, "quantity": 1}],
        },
    ),
    "POST /api/orders/pvt/document/{orderId}/invoices": (
        order(handled),
        {"type": "Output", "number": "1", "value": 2499, "issuanceDate": "2026-01-15", "items": []},
    ),
    "POST /api/orders/feed/config": (nothing, {"filter": FILTER, "queue": QUEUE}),
    "POST /api/orders/hook/config": (
        nothing,
        {"filter": FILTER, "hook": {"url": "https://127.0.0.1:1/", "headers": {"key": "v"}}},
    ),
    "POST /api/orders/expressions/jsonata": (
        nothing,
        {"Expression": "value > 1", "Document": {"value": 2}},
    ),
    "POST /api/ledger/feed/dry-run": (nothing, {"filter": FILTER, "since": 0, "samples": 1}),
    "POST /api/ledger/feed/explain": (order(bought), {"filter": FILTER, "orderId": "{orderId}"}),
    "POST /api/ledger/feed/replay": (nothing, {"since": 0, "orderId": "v1-01"}),
    "POST /api/ledger/feed/dead-letters/requeue": (nothing, {"positions": [1]}),
    "POST /api/orders/extendsearch/orders": (
        nothing,
        {
            "f_status": ["handling"],
            "page": 1,
            "per_page": 5,
            "orderBy": "creationDate,desc",
            "f_creationDate": "creationDate:[2026-01-01T00:00:00Z TO 2026-12-31T00:00:00Z]",
            "f_sellerNames": "a,b",
            "q": "x",
            "utc": "-0300",
            "f_shippingEstimate": "next7days",
        },
    ),
    "POST /api/ledger/exports": (nothing, {"format": "csv", "f_status": "handling"}),
    "POST /api/ledger/erasures": (nothing, {"email": "a@example.com", "dryRun": True}),
    "POST /api/vtexid/apptoken/login": (nothing, {"appkey": "k", "apptoken": "t"}),
    "POST /api/ledger/shopper-tokens": (nothing, {"email": "a@example.com"}),
    "POST /do/tasks": (
        nothing,
        {
            "orderId": "v1-01",
            "name": "call",
            "type": "phone",
            "priority": 1,
            "domain": "oms",
            "target": [{"type": "order", "id": "v1-01"}],
            "dueDate": "2026-12-01T00:00:00Z",
            "assignee": {"email": "a@b.co"},
        },
    ),
    "POST /do/notes": (nothing, {"description": "n", "target": {"type": "order", "id": "v1-01"}}),
    "POST /api/pvt/transactions": (nothing, {"referenceId": "v1acme", "channel": "c"}),
    "POST /api/payments/transactions/{transactionId}/payments": (
        a_transaction,
        [{"paymentSystem": 2, "value": 2000, "referenceValue": 2000, "installments": 1}],
    ),
    "POST /api/checkout/pvt/configuration/window-to-change-seller": (nothing, {"waitingTime": 3}),
    **{
        operation: (made, None)
        for operation, made in {
            "POST /api/oms/pvt/orders/{orderId}/cancel": order(bought),
            "POST /api/oms/pvt/orders/{orderId}/interactions": order(bought),
            "PATCH /api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}": order(invoiced),
            "PUT /api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}/tracking": order(invoiced),
            "POST /api/orders/feed": nothing,
            "POST /api/orders/pvt/document/{orderId}/deny-cancellation-request": order(to_deny),
            "POST /api/oms/pvt/orders/{orderId}/changes": order(handled),
            "PATCH /api/order-system/orders/{changeOrderId}/changes": order(handled),
            "POST /api/order-system/orders/{changeOrderId}/changes/preview": order(handled),
            "PUT /api/order-system/orders/changes/settings": nothing,
            "PUT /api/checkout/pvt/orders/{marketplaceOrderId}/sellers": order(bought),
            "POST /api/pvt/transactions/{transactionId}/settlement-request": a_transaction,
            "POST /api/pvt/transactions/{transactionId}/refunding-request": a_transaction,
            "POST /api/pvt/transactions/{transactionId}/cancellation-request": a_transaction,
            "POST /api/pvt/transactions/{transactionId}/additional-data": a_transaction,
        }.items()
    },
}


SIGN_IN = "POST /api/vtexid/apptoken/login"

# What readers bring up to date by themselves, and what counts or hands out numbers.
PASSING = re.compile(r"order_|people|shoppers|due_times|cursors|sequences|process_|calls")


def stored(cell: Cell) -> dict[str, int]:
    """How many rows the tables have that only a command writes."""
    tables = [table for table in metadata.sorted_tables if not PASSING.match(table.name)]
    with cell.database.snapshot() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("operation", REQUESTS)
def test_a_wrong_part_of_a_body_is_no_5xx_and_a_4xx_keeps_nothing(cell, client, operation):
    made, body = REQUESTS[operation]
    body = example(operation) if body is None else body
    method, template = operation.split(" ")
    named = made(client)
    url = re.sub(r"\{(\w+)\}", lambda found: named.get(found[1], "24382"), template)
    filled = json.loads(json.dumps(body).replace("{orderId}", named.get("orderId", "")))
    sent = [*mutated(filled, Random(operation), EACH), *((repr(raw[:30]), raw) for raw in RAW)]
    before = stored(cell)
    client.conforming = False
    for name, one in sent:
        answer = client.call(method, url, one)
        assert answer.status < 500, (name, answer.status, answer.body[:300])
        after = stored(cell)
        recorded = operation == SIGN_IN and answer.status == 401  # a refused credential is an event
        if answer.status >= 400 and not recorded:
            assert after == before, name
        before = after


GETS = (
    *("/api/oms/pvt/orders", "/api/oms/pvt/orders/{}", "/api/oms/pvt/orders/order-group/{}"),
    *("/api/orders/pvt/document/{}", "/api/oms/user/orders", "/api/pvt/transactions/{}"),
    *("/api/oms/pvt/orders/{}/conversation-message", "/do/tasks", "/do/tasks/{}", "/do/notes"),
    *("/api/orders/feed", "/api/ledger/feed/dead-letters", "/api/ledger/feed/dead-letters/{}"),
    *("/api/ledger/orders/{}/history", "/api/ledger/orders/{}/as-of", "/api/ledger/events"),
    *("/api/ledger/outbox", "/api/ledger/outbox/{}", "/api/ledger/exports/{}"),
)
PARAMETERS = (
    *("after", "limit", "page", "per_page", "perPage", "maxlot", "since", "version", "at", "wait"),
    *("f_creationDate", "f_invoicedDate", "orderBy", "utc", "q", "f_status", "f_shippingEstimate"),
    *("from", "to", "an", "f_hasInputInvoice", "filterError", "target.id", "position"),
)
BEYOND = (
    *("99999999999999999999", "-99999999999999999999", "9223372036854775808", "9" * 5000),
    "creationDate:[0001-01-01T00:00:00Z TO 9999-12-31T23:59:59.999Z]",
    "creationDate:[9999-12-31T23:59:59Z TO 0001-01-01T00:00:00Z]",
    *("0001-01-01", "9999-12-31", "+1400", "-9999", "%FF", "%0d%0aSet-Cookie:a", "%E2%80%A8"),
    *("1_000", "٣", "²", "1e9", "NaN"),
)


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("template", GETS)
def test_a_wrong_path_or_query_is_no_5xx(client, template):
    url = template.replace("{}", "v1-01")
    texts = [*BEYOND, *(str(one) for one in WRONG if not isinstance(one, list | dict))]
    if "{}" in template:
        targets = [template.replace("{}", _encoded(text)) for text in texts if text.strip(" ./")]
    else:
        targets = []
    random = Random(template)
    client.conforming = False
    for parameter in PARAMETERS:
        chosen = [*BEYOND, *random.sample(texts, 3)]
        targets += [f"{url}?{parameter}={_encoded(text)}" for text in chosen]
    for target in targets:
        answer = client.call("GET", target)
        assert answer.status < 500, (target, answer.status, answer.body[:300])


def _encoded(text: str) -> str:
    return quote(text[:6000], safe="%:[]+")
