"""Requests made from the description: each is answered by a status that the description has."""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from oms_ledger.api.description.__main__ import text
from oms_ledger.api.description.operations import tags
from tests.acceptance.test_order_life import paid, place
from tests.support.client import Client

schemathesis.serializer.alias("application/x-ndjson", "text/plain")

GENERATED = 2  # requests of each operation besides the one of its example
OWN = re.compile(r"/api/ledger/keys/\{app_key\}/(feed|hook)")  # as those of the calling key

# What would end the test itself, or asks for more than a test may take.
LEFT_OUT = {("POST", "/api/ledger/verify"), ("GET", "/metrics")}


@cache
def description() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(text())
    return found


@cache
def cases(tag: str) -> list[tuple[str, str, dict[str, Any], Any, set[str], bool]]:
    """Method, path, parameters, body, described statuses, and whether known ids are put in."""
    found: list[tuple[str, str, dict[str, Any], Any, set[str], bool]] = []
    schema = schemathesis.openapi.from_dict(description())
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        method, path = operation.method.upper(), operation.path
        raw = description()["paths"][path][operation.method.lower()]
        if raw["tags"] != [tag] or OWN.match(path) or (method, path) in LEFT_OUT:
            continue
        body = raw.get("requestBody", {}).get("content", {}).get("application/json", {})
        statuses = set(raw["responses"])
        found.append((method, path, {}, body.get("example"), statuses, True))
        for number, case in enumerate(generated(operation)):
            parameters = {"path": case.path_parameters or {}, "query": case.query or {}}
            sent = None if type(case.body).__name__ == "NotSet" else case.body
            found.append((method, path, parameters, sent, statuses, number == 0))
    return found


def generated(operation: Any) -> list[Any]:
    """The same few requests at every run."""
    made: list[Any] = []

    @settings(
        derandomize=True,
        max_examples=GENERATED,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        made.append(case)

    collect()
    return made


def known(client: Client) -> dict[str, str]:
    """What the parameters of paths may name in the account of the test."""
    order_id = paid(client)
    placed = place(client).json()
    (transaction,) = placed["transactionData"]["merchantTransactions"]
    return {
        "order_id": order_id,
        "order_group": placed["orders"][0]["orderGroup"],
        "transaction_id": transaction["transactionId"],
        "order_form_id": client.call("GET", "/api/checkout/pub/orderForm").json()["orderFormId"],
        "entity": "clients",
        "kind": "feed",
        "index": "0",
        "position": "1",
        "version": "1",
    }


def url_of(path: str, parameters: dict[str, Any], names: dict[str, str]) -> str:
    """The URL of a request: what is known by name, else what was made, else anything."""
    made = parameters.get("path", {})

    def value(found: re.Match[str]) -> str:
        name = found[1]
        chosen = names.get(name) or str(made.get(name, "none"))
        return quote(chosen, safe="%") if name in names else quote(chosen, safe="")

    query = {k: v for k, v in parameters.get("query", {}).items() if v is not None}
    lead = re.sub(r"\{(\w+)\}", value, path)
    return f"{lead}?{urlencode(query, doseq=True)}" if query else lead


@pytest.mark.parametrize("tag", tags())
def test_every_answer_has_a_described_status(client, tag):
    client.conforming = False
    names = known(client)
    undescribed = []
    for method, path, parameters, body, statuses, with_known in cases(tag):
        url = url_of(path, parameters, names if with_known else {})
        sent = (
            body
            if body is None or isinstance(body, bytes)
            else json.dumps(body, default=str).encode()
        )
        answer = client.call(method, url, sent)
        if answer.status >= 500 or str(answer.status) not in statuses:
            undescribed.append((method, url, body, answer.status, answer.body[:300]))
    assert undescribed == []
