"""Whole numbers in bodies, field by spelling: evaluated by the digits that were sent."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.requests import Request

from oms_ledger.api.changes.bodies import ChangeBody
from oms_ledger.api.changes.v1 import RegisteredModification
from oms_ledger.api.http.bodies import json_body, parse
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.marketplace.change_seller import NewSeller
from oms_ledger.api.orders.invoices import Invoice
from oms_ledger.api.payments.transactions import ParsedRequest

UNITS = '{"id":"1","quantity":%s,"price":%s}'
FIELDS: dict[str, tuple[type[BaseModel], str]] = {
    "invoiceValue": (Invoice, '{"type":"Output","invoiceNumber":"1","invoiceValue":%s}'),
    "invoice price": (
        Invoice,
        '{"type":"Output","invoiceNumber":"1","invoiceValue":1,"items":[{"quantity":1,"price":%s}]}',
    ),
    "refund": (
        Invoice,
        '{"type":"Input","invoiceNumber":"1","invoiceValue":1,"restitutions":{"Refund":{"value":%s}}}',
    ),
    "v1 discountValue": (RegisteredModification, '{"requestId":"1","discountValue":%s}'),
    "v1 price": (
        RegisteredModification,
        '{"requestId":"1","itemsAdded":[{"id":"1","quantity":1,"price":%s}]}',
    ),
    "v2 manualDiscountValue": (ChangeBody, '{"reason":"r","manualDiscountValue":%s}'),
    "v2 price": (
        ChangeBody,
        '{"reason":"r","add":[{"items":[{"id":"1","quantity":1,"price":%s}]}]}',
    ),
    "marketplacePaymentValue": (
        NewSeller,
        '{"newSellerId":"s","shippingData":{"logisticsInfo":[]},"marketplacePaymentValue":%s}',
    ),
    "transaction value": (ParsedRequest, '{"value":%s}'),
}
COUNTS: dict[str, tuple[type[BaseModel], str]] = {
    "invoice quantity": (
        Invoice,
        '{"type":"Output","invoiceNumber":"1","invoiceValue":1,"items":[{"id":"1","quantity":%s}]}',
    ),
    "invoice itemIndex": (
        Invoice,
        '{"type":"Output","invoiceNumber":"1","invoiceValue":1,'
        '"items":[{"quantity":1,"itemIndex":%s}]}',
    ),
    "v1 quantity": (
        RegisteredModification,
        '{"requestId":"1","itemsAdded":[{"id":"1","quantity":%s,"price":1}]}',
    ),
    "v2 quantity": (ChangeBody, '{"reason":"r","add":[{"items":[{"id":"1","quantity":%s}]}]}'),
    "seller itemIndex": (
        NewSeller,
        '{"newSellerId":"s","shippingData":{"logisticsInfo":[{"itemIndex":%s,'
        '"selectedSla":"N","selectedDeliveryChannel":"delivery"}]}}',
    ),
}
WHOLE = ["2000", "2000.0", "2000.000000000000000", "2e3", "2.0E+3", '"2000"', '" 2000 "']
NEARLY = ["1999.9999999999998", "2000.0000000000002", "1999.99999900000001"]
NEITHER = [
    *("2000.5", "1999.999", "2000.000001", "1999.99899999999999999", "1e-3", "true", '"2000.0"'),
    *('"2000,0"', '"2e3"', '""', "[2000]", "9007199254740990.3", "NaN"),
]


def _read(text: str) -> Any:
    """The body as the application reads it."""
    sent = [{"type": "http.request", "body": text.encode(), "more_body": False}]

    async def receive() -> Any:
        return sent.pop()

    return asyncio.run(json_body(Request({"type": "http", "headers": []}, receive)))


def _numbers(part: Any) -> list[Any]:
    if isinstance(part, dict):
        return [x for value in part.values() for x in _numbers(value)]
    if isinstance(part, list):
        return [x for value in part for x in _numbers(value)]
    return [part]


@pytest.mark.parametrize("spelling", [*WHOLE, *NEARLY])
@pytest.mark.parametrize("field", FIELDS)
def test_money_may_have_a_point_when_it_is_whole(field: str, spelling: str) -> None:
    model, body = FIELDS[field]
    assert 2000 in _numbers(parse(model, _read(body % spelling)).model_dump())


@pytest.mark.parametrize("spelling", NEITHER)
@pytest.mark.parametrize("field", FIELDS)
def test_other_money_is_refused(field: str, spelling: str) -> None:
    model, body = FIELDS[field]
    with pytest.raises(ApiError) as refused:
        parse(model, _read(body % spelling))
    assert refused.value.status == 400


@pytest.mark.parametrize("spelling", WHOLE)
@pytest.mark.parametrize("field", COUNTS)
def test_a_count_may_have_a_fraction_of_zeros(field: str, spelling: str) -> None:
    model, body = COUNTS[field]
    assert 2000 in _numbers(parse(model, _read(body % spelling)).model_dump())


@pytest.mark.parametrize("spelling", [*NEITHER, *NEARLY, "2000.00000000000000001"])
@pytest.mark.parametrize("field", COUNTS)
def test_another_count_is_refused(field: str, spelling: str) -> None:
    model, body = COUNTS[field]
    with pytest.raises(ApiError) as refused:
        parse(model, _read(body % spelling))
    assert refused.value.status == 400


@given(st.integers(-(2**53) + 2, 2**53 - 2), st.integers(0, 10**20 - 1))
def test_money_is_evaluated_by_its_digits(whole: int, fraction: int) -> None:
    """Whatever the digits: within a millionth of an integer, or refused."""
    text = f"{whole}.{fraction:020d}"
    rest = fraction / 10**20
    try:
        found = parse(ParsedRequest, _read(f'{{"value":{text}}}')).value
    except ApiError:
        assert 10**14 <= fraction <= 10**20 - 10**14
        return
    away = 1 if whole >= 0 and text[0] != "-" else -1
    assert found == whole + (away if rest > 0.5 else 0)
    assert not 10**14 <= fraction <= 10**20 - 10**14


def test_a_fraction_that_is_no_money_stays_as_it_is() -> None:
    assert json.loads("[0.15]") == _read("[0.15]")
    assert _read("[-46.63330840000001]") == [-46.63330840000001]
